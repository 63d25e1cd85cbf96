//! The user's configuration. Every command that reads a playbook loads it, because it lists
//! protected accounts.

use std::path::{Path, PathBuf};

use crate::config::{self, UserConfig};
use crate::ui::Surroundings;
use base::exit::Exit;
use engine::actions::CATALOGUE;
use playbook::{Loaded, load};
use yaml::{Diagnostic, Diagnostics, Source};

#[derive(clap::Args)]
pub struct ConfigArg {
    /// The configuration file: protected accounts, and places that `sweep` searches
    ///
    /// Default: the file in `DRILLMASTER_CONFIG`, else drillmaster/config.yaml in `XDG_CONFIG_HOME`
    /// or ~/.config.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArg {
    pub fn load(&self) -> Result<UserConfig, Diagnostics> {
        config::load(config::locate(self.config.as_deref(), |name| std::env::var_os(name)))
    }

    /// Like [`load`](Self::load), but writes mistakes to stderr.
    pub fn load_or_complain(&self) -> Result<UserConfig, Exit> {
        let colour = Surroundings::detect().stderr_look().color;
        self.load().map_err(|found| {
            super::output::write_stderr(&found.render(colour));
            Exit::Wrong
        })
    }
}

/// Loads a playbook with all its mistakes. A sandbox in a protected account is one of them.
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

/// Loads a playbook for a command that will use it. Writes mistakes to stderr.
pub fn load_or_complain(
    path: &Path,
    params: &[(String, String)],
    config: &UserConfig,
) -> Result<Loaded, Exit> {
    let colour = Surroundings::detect().stderr_look().color;
    match load_playbook(path, params, config) {
        Ok(loaded) => {
            if !loaded.diagnostics.is_empty() {
                super::output::write_stderr(&loaded.diagnostics.render(colour));
            }
            Ok(loaded)
        }
        Err(found) => {
            super::output::write_stderr(&found.render(colour));
            Err(Exit::Wrong)
        }
    }
}

fn protected_sandbox(loaded: &Loaded, config: &UserConfig) -> Option<Diagnostic> {
    let name = &loaded.playbook.sandbox.account;
    let why = config.protected().why(&loaded.playbook.accounts.get(name)?.id)?;
    let source = Source::new(&loaded.path.display().to_string(), &loaded.source, 0);
    // The playbook was read without mistakes, so the place exists. Without it, the diagnostic would
    // still be useful.
    let span = yaml::parse(&source).0.map(|root| root.at_pointer("/sandbox/account").span);
    let message = format!("the sandbox lies in a protected account: {why}");
    Some(
        source
            .error(span.unwrap_or_default(), message)
            .help("restore into an account that is not protected; the list overrides every playbook"),
    )
}
