//! Redis for one test, with plain connections and TLS on 127.0.0.1.

use std::path::Path;
use std::process::Command;

use super::process::{Account, Certificates, Server, folder, output, program};
use crate::ports::Reserved;

/// A server without a password. The test may order it to ask for one.
pub struct Redis {
    server: Server, // before `folder`: fields drop in this order
    folder: tempfile::TempDir,
    tls: Certificates,
    plain: Reserved,
    secure: Reserved,
}

impl Redis {
    pub fn start() -> Self {
        let account = Account::unprivileged(&["redis", "nobody"]);
        let folder = folder("drillmaster-redis-");
        let tls = Certificates::make(folder.path());
        for path in [folder.path(), &tls.ca, &tls.certificate, &tls.key] {
            account.own(path);
        }
        let (plain, secure) = (Reserved::new(), Reserved::new());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut command = account.command("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "."]);
        command.args(["--port", &plain.port().to_string(), "--tls-port", &secure.port().to_string()]);
        command.args(["--unixsocket", &at("socket"), "--tls-auth-clients", "no"]);
        command.arg("--tls-cert-file").arg(&tls.certificate).arg("--tls-key-file").arg(&tls.key);
        command.arg("--tls-ca-cert-file").arg(&tls.ca).current_dir(folder.path());
        let server = Server::start(&command, "KILL", &folder.path().join("log"));
        let mut this = Self { server, folder, tls, plain, secure };
        let mut ping = this.client(&["PING"]);
        this.server.wait_until(|| {
            let done = ping.output().map_err(|error| error.to_string())?;
            if done.stdout == b"PONG\n" {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&done.stderr).into_owned())
            }
        });
        this
    }

    fn client(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("redis-cli"));
        command.arg("-s").arg(self.folder.path().join("socket")).args(words);
        command
    }

    /// Runs a command of `redis-cli`. Panics if the server refuses it.
    pub fn exec(&self, words: &[&str]) -> String {
        let said = output(&mut self.client(words));
        assert!(!said.starts_with("ERR") && !said.starts_with("WRONG"), "{words:?}: {said}");
        said
    }

    /// `127.0.0.1:PORT`, without TLS.
    pub fn address(&self) -> String {
        self.plain.address().to_string()
    }

    pub fn tls_port(&self) -> u16 {
        self.secure.port()
    }

    /// The authority that signed the server's certificate (PEM).
    pub fn ca(&self) -> &Path {
        &self.tls.ca
    }
}
