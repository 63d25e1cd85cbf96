//! The user's configuration. Every command that reads a playbook loads it, because it lists
//! protected accounts.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::ignores::Ignores;
use crate::config::{self, SweptAccount, UserConfig};
use crate::ui::Surroundings;
use base::duration::Time;
use base::exit::Exit;
use engine::actions::CATALOGUE;
use playbook::load::load_read;
use playbook::model::Account;
use playbook::{Loaded, load};
use yaml::file::Read;
use yaml::{Diagnostic, Diagnostics};

#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigArg {
    /// The configuration file: protected accounts, places that `sweep` and `discover` read, and keys of
    /// evidence
    ///
    /// Default: the file in `DRILLMASTER_CONFIG`, else drillmaster/config.yaml in `XDG_CONFIG_HOME`
    /// or ~/.config.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArg {
    /// The file that was named.
    pub fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

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

/// The way into an account of the configuration.
pub fn account_of(swept: &SweptAccount) -> Account {
    Account {
        id: swept.id.clone(),
        profile: swept.profile.clone(),
        role: swept.role.clone(),
        session_name: None,
        external_id: swept.external_id.clone(),
        endpoint: None,
        access_key_env: None,
        secret_key_env: None,
    }
}

/// Loads a playbook with all its mistakes. A sandbox in a protected account is one of them.
pub fn load_playbook(
    path: &Path,
    params: &[(String, String)],
    config: &UserConfig,
) -> Result<Loaded, Diagnostics> {
    permitted(load(path, CATALOGUE, params)?, config)
}

/// The same as [`load_playbook`], for a file that was read already.
pub fn load_playbook_read(
    path: &Path,
    read: Read,
    params: &[(String, String)],
    config: &UserConfig,
) -> Result<Loaded, Diagnostics> {
    permitted(load_read(path, read, CATALOGUE, params)?, config)
}

fn permitted(mut loaded: Loaded, config: &UserConfig) -> Result<Loaded, Diagnostics> {
    let mut wrong: Vec<Diagnostic> = protected_sandbox(&loaded, config).into_iter().collect();
    wrong.extend(in_the_future(&loaded, Utc::now()));
    wrong.extend(Ignores::of_playbook(&loaded).wrong);
    if wrong.is_empty() {
        return Ok(loaded);
    }
    for diagnostic in wrong {
        loaded.diagnostics.push(diagnostic);
    }
    loaded.diagnostics.sort();
    Err(loaded.diagnostics)
}

/// Finds steps that restore to an instant that is still to come.
fn in_the_future(loaded: &Loaded, now: Time) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, step) in loaded.playbook.steps.iter().enumerate() {
        for (from, key) in [("from", "as_of"), ("from", "point"), ("image", "point"), ("source", "as_of")] {
            let text = step.with.get(from).and_then(|from| from.get(key)).and_then(|text| text.as_str());
            let at = text.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
            if at.is_none_or(|at| at <= now) {
                continue;
            }
            let pointer = format!("/steps/{index}/with/{from}/{key}");
            found.push(
                loaded
                    .error_at(&pointer, format!("`{}` lies in the future", text.unwrap_or_default()))
                    .help("nothing can be restored as of then: ask for an earlier instant, or for one relative to T0 (`-2h`)"),
            );
        }
    }
    found
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
    let message = format!("the sandbox lies in a protected account: {why}");
    Some(
        loaded
            .error_at("/sandbox/account", message)
            .help("restore into an account that is not protected; the list overrides every playbook"),
    )
}
