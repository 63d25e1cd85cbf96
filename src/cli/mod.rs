//! The command line: a file per command.
#![allow(clippy::disallowed_methods, reason = "writes results, and names a run before its clock exists")]

mod arguments;
mod configuration;
pub mod gate;
mod iam_policy;
mod output;
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

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use arguments::{folder_of, name_and_value};
use configuration::load_or_complain;
use output::{complain, print, with_help};

pub use output::{ERROR, WRONG};
pub use panics::tell_without_secrets;

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
