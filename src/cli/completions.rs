//! `drillmaster completions`

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::output::{complain, print_as};
use base::exit::Exit;
use base::visible::Form;

/// Print the script with which a shell completes commands and options
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster completions bash > /usr/share/bash-completion/completions/drillmaster
  drillmaster completions fish > ~/.config/fish/completions/drillmaster.fish")]
pub struct Args {
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(args: &Args) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "drillmaster", &mut script);
    let Ok(script) = String::from_utf8(script) else {
        complain("the script is no text: report this as a mistake of Drillmaster");
        return Exit::Error;
    };
    // A mark of what hides would break a script. It consists of our own texts.
    match print_as(&script, Form::Json) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}
