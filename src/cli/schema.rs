//! `drillmaster schema`

use clap::ValueEnum;

use base::exit::Exit;
use engine::actions::CATALOGUE;

/// Print the JSON Schema of playbooks, estates or the configuration, for editors
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_enum, default_value_t)]
    what: What,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum What {
    #[default]
    Playbook,
    Estate,
    Config,
}

pub fn run(args: &Args) -> Exit {
    let schema = match args.what {
        What::Playbook => playbook::schema::playbook_schema(CATALOGUE),
        What::Estate => estate::load::estate_schema(),
        What::Config => crate::config::config_schema(),
    };
    match super::print(&format!("{schema:#}\n")) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}
