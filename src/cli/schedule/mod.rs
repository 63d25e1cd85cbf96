//! `drillmaster schedule`: when drills are due, and programs that start them.

mod export;
mod next;
mod overdue;

use base::exit::Exit;

pub use next::Schedules;
pub use overdue::{Asked, Overdue, due, overdue_sheet};

/// Show when drills are due, and write what starts them
///
/// The key `schedule` of a playbook says it.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Next(next::Args),
    Overdue(overdue::Args),
    Export(export::Args),
}

pub fn run(args: &Args) -> Exit {
    match &args.command {
        Command::Next(args) => next::run(args),
        Command::Overdue(args) => overdue::run(args),
        Command::Export(args) => export::run(args),
    }
}
