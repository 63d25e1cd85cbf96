//! The user's configuration, for every command that reads a playbook: what it protects is no sandbox.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::config::{self, UserConfig};
use crate::ui::Surroundings;
use base::exit::Exit;
use engine::actions::CATALOGUE;
use playbook::{Loaded, load};
use yaml::{Diagnostic, Diagnostics, Source};

#[derive(clap::Args)]
pub struct ConfigArg {
    /// The user's configuration: protected accounts, and where `sweep` looks; default: the file that
    /// `DRILLMASTER_CONFIG` names, else drillmaster/config.yaml in `XDG_CONFIG_HOME` or ~/.config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArg {
    pub fn load(&self) -> Result<UserConfig, Diagnostics> {
        config::load(config::locate(self.config.as_deref(), |name| std::env::var_os(name)))
    }

    /// The same for a command that cannot go on without; mistakes go to stderr.
    pub fn load_or_complain(&self) -> Result<UserConfig, Exit> {
        let colour = Surroundings::detect().stderr_look().color;
        self.load().map_err(|found| {
            let _nobody_listens = write!(std::io::stderr(), "{}", found.render(colour));
            Exit::Wrong
        })
    }
}

/// A playbook with all its mistakes, a sandbox in a protected account among them.
pub fn load_playbook(
    path: &Path,
    params: &[(String, String)],
    config: &UserConfig,
) -> Result<Loaded, Diagnostics> {
    let mut loaded = load(path, CATALOGUE, params)?;
    match protected_sandbox(&loaded, config) {
        None => Ok(loaded),
        Some(diagnostic) => {
            loaded.diagnostics.push(diagnostic);
            loaded.diagnostics.sort();
            Err(loaded.diagnostics)
        }
    }
}

/// Loads a playbook for a command that is going to use it; mistakes go to stderr.
pub fn load_or_complain(
    path: &Path,
    params: &[(String, String)],
    config: &UserConfig,
) -> Result<Loaded, Exit> {
    let colour = Surroundings::detect().stderr_look().color;
    match load_playbook(path, params, config) {
        Ok(loaded) => {
            if !loaded.diagnostics.is_empty() {
                let _nobody_listens = write!(std::io::stderr(), "{}", loaded.diagnostics.render(colour));
            }
            Ok(loaded)
        }
        Err(found) => {
            let _nobody_listens = write!(std::io::stderr(), "{}", found.render(colour));
            Err(Exit::Wrong)
        }
    }
}

fn protected_sandbox(loaded: &Loaded, config: &UserConfig) -> Option<Diagnostic> {
    let name = &loaded.playbook.sandbox.account;
    let why = config.protected().why(&loaded.playbook.accounts.get(name)?.id)?;
    let source = Source::new(&loaded.path.display().to_string(), &loaded.source, 0);
    // It was read without mistakes before, so the place is there; a diagnostic without one is better than none.
    let span = yaml::parse(&source).0.map(|root| root.at_pointer("/sandbox/account").span);
    let message = format!("the sandbox lies in a protected account: {why}");
    Some(
        source
            .error(span.unwrap_or_default(), message)
            .help("restore into an account that no one protects; the list wins over every playbook"),
    )
}
