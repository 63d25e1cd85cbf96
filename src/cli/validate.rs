//! `drillmaster validate`

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::configuration::{self, ConfigArg};
use crate::ui::{OutputMode, Surroundings};
use base::exit::Exit;
use base::redact;

/// Check playbooks and their estates: report every mistake at once, with its place and a correction
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_name = "PLAYBOOK", required = true)]
    playbooks: Vec<PathBuf>,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    #[arg(long, value_enum, default_value_t)]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

/// Returns 0 without mistakes (warnings are allowed), otherwise 2.
pub fn run(args: &Args) -> Exit {
    let colour = Surroundings::detect().stdout_look().color;
    let (mut text, mut listed) = (String::new(), Vec::new());
    let (mut errors, mut warnings) = (0, 0);
    let config = match args.config.load_or_complain() {
        Ok(config) => config,
        Err(code) => return code,
    };
    for path in &args.playbooks {
        let found = match configuration::load_playbook(path, &args.params, &config) {
            Ok(loaded) => loaded.diagnostics,
            Err(found) => found,
        };
        let (e, w) = found.count();
        errors += e;
        warnings += w;
        text += &found.render(colour);
        listed.extend(found.iter().map(|d| json!(d)));
    }
    let page = match args.output {
        OutputMode::Json => {
            let mut all = json!({ "errors": errors, "warnings": warnings, "diagnostics": listed });
            redact::value(&mut all);
            format!("{all:#}\n")
        }
        OutputMode::Text => {
            let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            let playbooks = count(args.playbooks.len(), "playbook");
            let verdict = if errors == 0 { "valid" } else { "not valid" };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{playbooks}: {verdict}: {}, {}",
                count(errors, "error"),
                count(warnings, "warning")
            );
            text
        }
    };
    match super::print_as(&page, args.output.form()) {
        Err(code) => code,
        Ok(()) if errors > 0 => Exit::Wrong,
        Ok(()) => Exit::Passed,
    }
}
