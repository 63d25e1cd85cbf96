//! `drillmaster schema`

use clap::ValueEnum;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use base::exit::Exit;
use engine::actions::CATALOGUE;

/// Print a JSON Schema: of playbooks, estates or the configuration for editors, of report.json, the
/// events, plans and whatever else is printed as JSON for programs
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster schema playbook
  drillmaster schema report")]
pub struct Args {
    #[arg(value_enum, default_value_t)]
    what: SchemaKind,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum SchemaKind {
    #[default]
    Playbook,
    Estate,
    Config,
    /// The file report.json
    Report,
    /// A line of `run --output json`, or of a journal
    Events,
    /// What `plan --output json` prints
    Plan,
    /// What `plan --lose-each --output json` prints
    Matrix,
    /// What `forecast --output json` prints
    Forecast,
    /// What `schedule next --output json` prints
    Schedule,
    /// What `schedule overdue --output json` prints
    Overdue,
    /// What `history --output json` prints
    History,
    /// What `trend --output json` prints
    Trend,
    /// What `finding list --output json` prints
    Findings,
    /// What `controls --output json` prints
    Controls,
    /// What a webhook of `notify` receives
    Notice,
}

/// The JSON Schema of what a command prints (draft 2020-12).
fn printed<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), title.into());
    }
    schema
}

pub fn run(args: &Args) -> Exit {
    let schema = match args.what {
        SchemaKind::Playbook => playbook::schema::playbook_schema(CATALOGUE),
        SchemaKind::Estate => estate::load::editor_schema(),
        SchemaKind::Config => {
            let mut schema = crate::config::config_schema();
            yaml::patterns::add(&mut schema, &crate::config::ConfigFormats, false);
            schema
        }
        SchemaKind::Report => record::report::report_schema(),
        SchemaKind::Plan => printed::<super::plan::Plan<'_>>("Drillmaster plan"),
        SchemaKind::Matrix => printed::<super::plan::MatrixWithFindings<'_>>("Drillmaster matrix"),
        SchemaKind::Forecast => printed::<insight::forecast::Forecast>("Drillmaster forecast"),
        SchemaKind::Schedule => printed::<super::schedule::Schedules>("Drillmaster schedule"),
        SchemaKind::Overdue => printed::<super::schedule::Overdue>("Drillmaster overdue drills"),
        SchemaKind::History => printed::<super::history::list::Printed<'_>>("Drillmaster history"),
        SchemaKind::Trend => printed::<super::history::trend::Printed<'_>>("Drillmaster trend"),
        SchemaKind::Findings => printed::<super::history::finding::Printed<'_>>("Drillmaster findings"),
        SchemaKind::Controls => printed::<super::history::controls::Printed<'_>>("Drillmaster controls"),
        SchemaKind::Notice => printed::<notify::Notice<'_>>("Drillmaster notice"),
        SchemaKind::Events => record::report::outcome::with_outcome(event::event_schema()),
    };
    match super::print_as(&format!("{schema:#}\n"), base::visible::Form::Json) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}
