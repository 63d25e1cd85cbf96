//! State that all checks over the network share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ConnectTo;
use super::tls::Trust;

/// State that all checks over the network share. Built once per run.
pub struct Net {
    pub connect_to: Vec<ConnectTo>,
    /// The playbook's directory. `ca_file` and `cwd` are relative to it.
    pub base_dir: PathBuf,
    env: BTreeMap<String, String>,
    /// The texts of files that do not lie on this machine, by the names in the check.
    files: BTreeMap<String, String>,
    pub(crate) trust: Trust,
    refuses: Option<Refuses>,
    made: Option<Made>,
}

/// Whether a host is one of what the run made. Only there may a check write.
pub type Made = Box<dyn Fn(&str) -> bool>;

/// Says why a URL may not be asked. `None` if it may.
pub type Refuses = Box<dyn Fn(&str) -> Option<String>>;

impl Net {
    /// Copies the current environment. Reads no file and connects nowhere yet.
    pub fn new(connect_to: Vec<ConnectTo>, base_dir: impl Into<PathBuf>) -> Self {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let (base_dir, files) = (base_dir.into(), BTreeMap::new());
        Self { connect_to, base_dir, env, files, trust: Trust::new(), refuses: None, made: None }
    }

    /// Follows no redirect to a URL that `refuses` gives a reason for.
    #[must_use]
    pub fn refusing(mut self, refuses: Refuses) -> Self {
        self.refuses = Some(refuses);
        self
    }

    /// Checks may write into what the run made, as `made` tells by the host. Without it, nowhere.
    #[must_use]
    pub fn writing_to(mut self, made: Made) -> Self {
        self.made = Some(made);
        self
    }

    pub(crate) fn may_write_to(&self, host: &str) -> bool {
        self.made.as_ref().is_some_and(|made| made(host))
    }

    pub(crate) fn refusal(&self, url: &str) -> Option<String> {
        self.refuses.as_ref()?(url)
    }

    /// Uses these environment variables instead of the process's own.
    #[must_use]
    pub fn with_env(mut self, env: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env = env.into_iter().collect();
        self
    }

    pub(crate) fn env(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Uses these texts instead of the files of their names.
    #[must_use]
    pub fn with_files(mut self, files: BTreeMap<String, String>) -> Self {
        self.files = files;
        self
    }

    /// A text that the run keeps, and no file.
    pub(crate) fn kept(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }

    /// The text of a file that a check names.
    pub(crate) fn read(&self, name: &str) -> std::io::Result<String> {
        match self.files.get(name) {
            Some(text) => Ok(text.clone()),
            None => std::fs::read_to_string(self.path(name)),
        }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.base_dir.join(Path::new(relative))
    }

    /// Returns the address to dial for `host:port`.
    pub(crate) fn target<'a>(&'a self, host: &'a str, port: u16) -> (&'a str, u16) {
        match self.connect_to.iter().find(|rule| rule.applies(host, port)) {
            Some(rule) => (&rule.to.0, rule.to.1),
            None => (host, port),
        }
    }
}
