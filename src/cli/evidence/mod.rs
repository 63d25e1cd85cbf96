//! Signed evidence: `keygen`, `verify`, `review`, `evidence push`, and the signing at the end of a run.

mod facts;
pub mod keygen;
mod kms;
mod page;
mod push;
pub mod review;
pub mod signing;
mod timestamp;
pub mod verify;

use base::exit::Exit;

/// Hand evidence over to others
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Push(push::Args),
}

pub fn run(args: &Args) -> Exit {
    match &args.command {
        Command::Push(args) => push::run(args),
    }
}

/// An error of AWS, and what to do.
#[cfg(feature = "aws")]
fn told(error: &port::CloudError) -> String {
    super::joined(&error.to_string(), error.help.as_deref())
}
