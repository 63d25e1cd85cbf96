//! `drillmaster report`

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::run_folder;
use crate::ui;
use base::exit::Exit;
use record::journal;
use record::objectives::{self, Record};
use record::report::{self, Format, Report, ReportError, Templates};

/// Render the report of a finished run again, from its journal
///
/// Exit codes: 0 rendered; 2 the journal, a template or the command line is wrong; 3 the result
/// could not be written.
#[derive(clap::Args)]
pub struct Args {
    /// The run's folder, or its report.json
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: Kind,
    /// Handlebars templates instead of the built-in ones: a file `*.html.hbs` or `*.md.hbs`, or a
    /// folder of them
    #[arg(long, value_name = "PATH")]
    template: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Kind {
    Html,
    #[default]
    Markdown,
    Json,
    Junit,
    /// Like the output of `run`
    Text,
}

pub fn run(args: &Args) -> Exit {
    match render(args) {
        Ok(text) => match super::print(&text) {
            Ok(()) => Exit::Passed,
            Err(code) => code,
        },
        Err(message) => {
            super::complain(&message);
            Exit::Wrong
        }
    }
}

fn render(args: &Args) -> Result<String, String> {
    let templates = Templates::load(args.template.as_deref()).map_err(|e| super::with_help(&e))?;
    let report = from_record(args)?;
    let format = match args.format {
        Kind::Html => Format::Html,
        Kind::Markdown => Format::Markdown,
        Kind::Json => Format::Json,
        Kind::Junit => Format::Junit,
        Kind::Text => {
            let style = ui::Surroundings::detect().stdout_look();
            return Ok(ui::summary::render(&report, &[], style));
        }
    };
    report::render(&report, format, &templates).map_err(|e| super::with_help(&e))
}

/// Reads the report from the journal. Without a journal, report.json is enough.
fn from_record(args: &Args) -> Result<Report, String> {
    let folder = super::folder_of(&args.run);
    if args.run.is_dir() && folder.join(journal::FILE_NAME).exists() {
        return from_journal(&folder);
    }
    report::read(&args.run).map_err(|e| super::with_help(&e))
}

fn from_journal(folder: &Path) -> Result<Report, String> {
    let contents = journal::read(folder).map_err(|e| e.to_string())?;
    match report::read(folder) {
        Ok(Report { journal: Some(noted), .. }) => {
            // A journal that goes on after the report is intact too, and is rendered as a whole.
            run_folder::compare(folder, &contents, &noted)?;
        }
        // The report is from an older version, or the run was cut short.
        Ok(_) => {}
        Err(ReportError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {}
        Err(error) => super::complain(&format!(
            "{error}; so whether the journal is whole at its end could not be seen, and it is rendered as it stands"
        )),
    }
    let mut report = objectives::report(&Record::from_events(&contents.events))
        .ok_or_else(|| format!("{}: the journal does not tell of a run", folder.display()))?;
    report.journal = Some(run_folder::noted(contents.end()));
    Ok(report)
}
