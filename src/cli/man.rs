//! `drillmaster man`

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Cli;
use super::output::{complain, complained, print_as};
use base::exit::Exit;
use base::visible::Form;

/// Print the manual page, or write one for each command
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster man | man -l -
  drillmaster man -o /usr/local/share/man/man1")]
pub struct Args {
    /// Write a page for each command into this folder: drillmaster.1, drillmaster-run.1, …
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> Exit {
    let done = match &args.out {
        Some(folder) => write(folder).map_err(|error| {
            complain(&format!("{}: the pages cannot be written: {error}", folder.display()));
            Exit::Error
        }),
        None => page().map_err(complained(Exit::Error)).and_then(|page| print_as(&page, Form::Json)),
    };
    match done {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}

/// The page of the program itself.
fn page() -> Result<String, String> {
    let mut page = Vec::new();
    Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| format!("the page cannot be made: {error}"))?;
    String::from_utf8(page).map_err(|error| format!("the page is no text: {error}"))
}
