//! Receivers of messages: mail and HTTPS.

use std::path::PathBuf;
use std::process::Command;

use super::process::{Certificates, Server, checkers, connects, folder};
use crate::places::at;
use crate::ports::Reserved;

/// A mail server with STARTTLS and a login, and an HTTPS server that takes POST. Both have the
/// certificate of [`Certificates`].
pub struct Sinks {
    _server: Server, // before the folder that it writes to
    folder: tempfile::TempDir,
    pub certificates: Certificates,
    smtp: Reserved,
    https: Reserved,
}

impl Sinks {
    /// The only login that the mail server takes.
    pub const USERNAME: &str = "drills";
    pub const PASSWORD: &str = "mail-password-5be1";

    pub fn start() -> Self {
        let folder = folder("drillmaster-sinks-");
        let certificates = Certificates::make(folder.path());
        let (smtp, https) = (Reserved::new(), Reserved::new());
        let mut command = Command::new(checkers().join("python"));
        command.arg(at("tests/peers/sinks.py")).arg(folder.path());
        command.args([smtp.port().to_string(), https.port().to_string()]);
        command.arg(&certificates.certificate).arg(&certificates.key);
        let mut server = Server::start(&command, "KILL", &folder.path().join("log"));
        for port in [&smtp, &https] {
            server.wait_until(|| connects(port.port()).map(drop));
        }
        Self { _server: server, folder, certificates, smtp, https }
    }

    pub fn smtp_port(&self) -> u16 {
        self.smtp.port()
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.https.port())
    }

    /// What has come so far, in order: the texts of mails (`mail`) or the bodies of requests (`post`).
    pub fn received(&self, kind: &str) -> Vec<String> {
        let mut files: Vec<(u32, PathBuf)> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == kind))
            .map(|path| (path.file_stem().unwrap().to_str().unwrap().parse().unwrap(), path))
            .collect();
        files.sort();
        files.into_iter().map(|(_, path)| std::fs::read_to_string(path).unwrap()).collect()
    }
}
