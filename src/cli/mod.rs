//! The command line: a file per command.
#![allow(clippy::disallowed_methods, reason = "writes results, and names a run before its clock exists")]

mod configuration;
pub mod gate;
mod iam_policy;
mod panics;
mod person;
mod plan;
mod report;
mod resume;
mod run;
mod run_folder;
mod schema;
mod sweep;
mod validate;
mod wire;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::UserConfig;
use crate::ui::Surroundings;
use base::redact;
use playbook::Loaded;
use record::report::ReportError;

/// Disaster-recovery fire drills for AWS: lose an AZ, a region or an account, restore into a sandbox, check,
/// measure RTO and RPO, and judge them by the exit code.
///
/// Exit codes: 0 recovered, every objective met; 1 recovery failed, an objective was missed or is unknown, or the
/// sandbox did not stay closed; 2 the playbook or the command line is wrong, nothing was touched; 3 the drill could not
/// be carried out; 4 teardown left something behind; 130 interrupted, after teardown. `sweep` has codes of its own: see
/// its help.
#[derive(Parser)]
#[command(name = "drillmaster", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Resume(Box<resume::Args>),
    Abort(Box<resume::AbortArgs>),
    Validate(validate::Args),
    Plan(plan::Args),
    IamPolicy(iam_policy::Args),
    Report(report::Args),
    Gate(gate::Args),
    Sweep(sweep::Args),
    Schema(schema::Args),
}

/// The playbook or the command line is wrong; nothing was touched.
pub const WRONG: u8 = 2;
/// The drill could not be carried out.
pub const ERROR: u8 = 3;

pub use panics::tell_without_secrets;

pub fn main() -> ExitCode {
    tell_without_secrets();
    let cli = Cli::parse();
    let code = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Resume(args) => resume::resume(&args),
        Command::Abort(args) => resume::abort(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::IamPolicy(args) => iam_policy::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Schema(args) => schema::run(&args),
    };
    ExitCode::from(code)
}

/// Writes to stderr. Where nobody listens there, there is nobody to tell.
fn complain(message: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "error: {}", redact::text(message));
}

/// What is wrong with a report or its templates, and what to do.
fn with_help(error: &ReportError) -> String {
    format!("{error}; {}", error.help())
}

/// Writes the result to stdout; `Err` holds the exit code of a result that could not be delivered.
fn print(text: &str) -> Result<(), u8> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) => {
            complain(&format!("the result cannot be written to stdout: {error}"));
            Err(ERROR)
        }
    }
}

/// Loads a playbook for a command that is going to use it; mistakes go to stderr.
fn load_or_complain(path: &Path, params: &[(String, String)], config: &UserConfig) -> Result<Loaded, u8> {
    let colour = Surroundings::detect().stderr_look().color;
    match configuration::load_playbook(path, params, config) {
        Ok(loaded) => {
            if !loaded.diagnostics.is_empty() {
                let _nobody_listens = write!(std::io::stderr(), "{}", loaded.diagnostics.render(colour));
            }
            Ok(loaded)
        }
        Err(found) => {
            let _nobody_listens = write!(std::io::stderr(), "{}", found.render(colour));
            Err(WRONG)
        }
    }
}

/// `NAME=VALUE`
fn name_and_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write it as NAME=VALUE".to_owned())
}

/// Where a run's files lie: its folder, or the folder of the file that was named.
fn folder_of(run: &Path) -> PathBuf {
    if run.is_dir() { run.to_owned() } else { run.parent().map(Path::to_owned).unwrap_or_default() }
}
