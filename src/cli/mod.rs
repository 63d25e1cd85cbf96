//! The command line, one file per command.
#![allow(clippy::disallowed_methods, reason = "writes results, and names a run before its clock exists")]

mod approve;
mod arguments;
mod completions;
mod configuration;
mod consent;
mod data;
mod discover;
mod evidence;
mod explain;
mod forecast;
pub mod gate;
mod history;
mod iam_policy;
mod ignores;
mod init;
mod man;
mod notify;
mod output;
mod panics;
mod pdf;
mod person;
mod plan;
#[cfg(feature = "aws")]
mod probe;
mod rehearsal;
mod report;
mod resume;
mod run;
mod sandbox;
mod schedule;
mod schema;
mod serve;
mod sheet;
mod store;
mod sweep;
mod telling;
mod validate;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use arguments::{name_and_value, on};
use base::exit::Exit;
use configuration::load_or_complain;
use output::{complain, complained, print, print_as};
use record::run_folder::{self, folder_of, with_help};

pub use panics::tell_without_secrets;

#[derive(Parser)]
#[command(name = "drillmaster", version, max_term_width = 100, about = ABOUT, long_about = long_about())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Resume(Box<resume::Args>),
    Abort(Box<resume::AbortArgs>),
    Approve(approve::Args),
    Validate(validate::Args),
    Discover(discover::Args),
    Plan(plan::Args),
    Init(init::Args),
    Forecast(forecast::Args),
    IamPolicy(iam_policy::Args),
    Data(data::Args),
    Report(report::Args),
    Gate(gate::Args),
    Keygen(evidence::keygen::Args),
    Verify(evidence::verify::Args),
    Review(evidence::review::Args),
    History(history::list::Args),
    Trend(history::trend::Args),
    Finding(history::finding::Args),
    Controls(history::controls::Args),
    Store(store::Args),
    Notify(notify::Args),
    Schedule(schedule::Args),
    Evidence(evidence::Args),
    Serve(serve::Args),
    Sandbox(sandbox::Args),
    Sweep(sweep::Args),
    Schema(schema::Args),
    Explain(explain::Args),
    Completions(completions::Args),
    Man(man::Args),
}

const ABOUT: &str = "Disaster-recovery fire drills for AWS: lose an AZ, a region or an account, restore into a sandbox, \
     check, measure RTO and RPO, and judge them by the exit code";

fn long_about() -> String {
    let codes: Vec<String> = Exit::ALL.iter().map(|exit| format!("{exit} {}", exit.meaning())).collect();
    let codes = codes.join("; ");
    format!("{ABOUT}.\n\nExit codes: {codes}. `sweep` has its own codes: see its help.")
}

/// Prints the help, the version, or what is wrong with the command line. It quotes arguments, which
/// may hold anything.
fn tell(asked: &clap::Error) -> ExitCode {
    let text = asked.render();
    let coloured = |terminal: bool| terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    if asked.use_stderr() {
        let colour = coloured(crate::ui::out::stderr_is_terminal());
        let text = if colour { text.ansi().to_string() } else { text.to_string() };
        output::write_stderr(&text);
    } else {
        let colour = coloured(crate::ui::out::stdout_is_terminal());
        let text = if colour { text.ansi().to_string() } else { text.to_string() };
        if let Err(code) = print(&text) {
            return code.into();
        }
    }
    ExitCode::from(u8::try_from(asked.exit_code()).unwrap_or(2))
}

pub fn main() -> ExitCode {
    tell_without_secrets();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) => return tell(&asked),
    };
    let code = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Resume(args) => resume::resume(&args),
        Command::Abort(args) => resume::abort(&args),
        Command::Approve(args) => approve::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Discover(args) => discover::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Forecast(args) => forecast::run(&args),
        Command::IamPolicy(args) => iam_policy::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Keygen(args) => evidence::keygen::run(&args),
        Command::Verify(args) => evidence::verify::run(&args),
        Command::Review(args) => evidence::review::run(&args),
        Command::History(args) => history::list::run(&args),
        Command::Trend(args) => history::trend::run(&args),
        Command::Finding(args) => history::finding::run(&args),
        Command::Controls(args) => history::controls::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Notify(args) => notify::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Schedule(args) => schedule::run(&args),
        Command::Evidence(args) => evidence::run(&args),
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    code.into()
}

/// An error, and what to do.
fn joined(error: &str, help: Option<&str>) -> String {
    match help {
        Some(help) => format!("{error}; {help}"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    /// The examples in the help of a command.
    fn examples(command: &clap::Command) -> Vec<String> {
        let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        text.lines()
            .filter(|line| line.starts_with("  drillmaster "))
            .map(|line| line.trim().to_owned())
            .collect()
    }

    fn leaves(command: &clap::Command, all: &mut Vec<clap::Command>) {
        match command.get_subcommands().count() {
            0 => all.push(command.clone()),
            _ => command.get_subcommands().for_each(|below| leaves(below, all)),
        }
    }

    #[test]
    fn each_command_has_examples_and_each_example_is_one_of_it() {
        let mut all = Vec::new();
        leaves(&Cli::command(), &mut all);
        assert!(all.len() >= 20, "{}", all.len());
        for command in all {
            let (name, examples) = (command.get_name(), examples(&command));
            assert!(
                !examples.is_empty(),
                "`{name} --help` has no examples: see `after_long_help` of the others"
            );
            for example in examples {
                // A shell's own signs are none of the program.
                let own = example.split(" > ").next().and_then(|first| first.split(" | ").next()).unwrap();
                let words = shlex::split(own).unwrap();
                assert!(words.iter().any(|word| word == name), "{name}: {example}");
                if let Err(error) = Cli::try_parse_from(words) {
                    panic!("{example}: {error}");
                }
            }
        }
    }
}
