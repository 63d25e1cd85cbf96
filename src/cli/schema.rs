//! `drillmaster schema`

use clap::ValueEnum;

use base::exit::Exit;
use engine::actions::CATALOGUE;
use estate::EstateFormats;

/// Print a JSON Schema: of playbooks, estates or the configuration for editors, of report.json or
/// the events for programs
#[derive(clap::Args)]
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
}

pub fn run(args: &Args) -> Exit {
    let schema = match args.what {
        SchemaKind::Playbook => playbook::schema::playbook_schema(CATALOGUE),
        SchemaKind::Estate => estate::load::editor_schema(),
        SchemaKind::Config => {
            let mut schema = crate::config::config_schema();
            yaml::patterns::add(&mut schema, &EstateFormats, false);
            schema
        }
        SchemaKind::Report => record::report::report_schema(),
        SchemaKind::Events => record::report::outcome::with_outcome(event::event_schema()),
    };
    match super::print_as(&format!("{schema:#}\n"), base::visible::Form::Json) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}
