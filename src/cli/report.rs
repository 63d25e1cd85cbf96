//! `drillmaster report`

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::run_folder;
use crate::ui;
use base::exit::Exit;
use base::private;
use base::visible::Form;
use record::journal;
use record::report::{self, Format, Report, Templates};

/// Render the report of a finished run again, from its journal
///
/// A report.json that differs from its journal is refused. Exit codes: 0 rendered; 2 the journal,
/// the report, a template or the command line is wrong; 3 the result could not be written, or there is
/// no browser to print it.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster report runs/rehearsal --format html --out report.html
  drillmaster report runs/rehearsal --format junit")]
pub struct Args {
    /// The run's folder, or its report.json with its journal beside it
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: Kind,
    /// Write into this file instead of stdout
    #[arg(short, long, value_name = "FILE", required_if_eq("format", "pdf"))]
    out: Option<PathBuf>,
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
    /// The HTML, printed by a Chromium of this machine
    Pdf,
    /// Like the output of `run`
    Text,
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<(), Exit> {
    let text = render(args).map_err(super::complained(Exit::Wrong))?;
    let Some(file) = &args.out else { return super::print_as(&text, form(args.format)) };
    if is_of_a_run(file) {
        let message = "is a file of a run, which may be signed: write into another one";
        return Err(super::complained(Exit::Wrong)(format!("{}: {message}", file.display())));
    }
    let bytes = match args.format {
        Kind::Pdf => super::pdf::print(&text).map_err(super::complained(Exit::Error))?,
        Kind::Html | Kind::Markdown | Kind::Json | Kind::Junit | Kind::Text => text.into_bytes(),
    };
    private::write_whole(file, &bytes, None)
        .map_err(|error| format!("{}: cannot be written: {error}", file.display()))
        .map_err(super::complained(Exit::Error))
}

/// Whether a file is one of those that `run` writes.
fn is_of_a_run(file: &Path) -> bool {
    let folder = super::history::or_here(file.parent().unwrap_or(Path::new("")));
    folder.join(journal::FILE_NAME).is_file() && file.symlink_metadata().is_ok()
}

fn form(format: Kind) -> Form {
    match format {
        Kind::Html | Kind::Pdf | Kind::Markdown | Kind::Junit => Form::Markup,
        Kind::Json => Form::Json,
        Kind::Text => ui::out::text(),
    }
}

fn render(args: &Args) -> Result<String, String> {
    let templates = Templates::load(args.template.as_deref()).map_err(|e| super::with_help(&e))?;
    let report = from_record(args)?;
    let format = match args.format {
        Kind::Html | Kind::Pdf => Format::Html,
        Kind::Markdown => Format::Markdown,
        Kind::Json => Format::Json,
        Kind::Junit => Format::Junit,
        Kind::Text => {
            let around = ui::Surroundings::detect();
            let columns = around.stdout_columns().unwrap_or(ui::summary::COLUMNS);
            let look = if args.out.is_some() { ui::TextStyle::default() } else { around.stdout_look() };
            return Ok(ui::summary::render(&report, &[], look, columns));
        }
    };
    report::render(&report, format, &templates).map_err(|e| super::with_help(&e))
}

/// Reads the report from the journal.
fn from_record(args: &Args) -> Result<Report, String> {
    let told = run_folder::read(&args.run)?;
    if let Some(error) = &told.unread {
        super::complain(&format!(
            "{error}; so whether the journal is whole at its end could not be seen, and it is rendered as it stands"
        ));
    }
    if let Some(next) = told.next() {
        super::output::write_stderr(&format!("note: {next}\n"));
    }
    Ok(told.fold.report)
}
