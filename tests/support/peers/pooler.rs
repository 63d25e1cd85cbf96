//! `PgBouncer` in front of a PostgreSQL.

use std::process::Command;

use super::databases::Postgres;
use super::process::{Account, Server, folder, output, program};
use crate::ports::Reserved;

/// Has one connection to the database `postgres`, as the user `postgres`. It gives the connection to
/// one client after the other, for a transaction each.
pub struct Pooler {
    _server: Server, // before `_folder`: fields drop in this order
    _folder: tempfile::TempDir,
    port: Reserved,
}

impl Pooler {
    pub fn start(behind: &Postgres) -> Self {
        let account = Account::unprivileged(&["postgres", "nobody"]);
        let folder = folder("drillmaster-pool-");
        let port = Reserved::new();
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 1\n",
            behind.port(),
            port.port()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        account.own(folder.path());
        account.own(&file);
        let mut command = account.command("pgbouncer");
        command.arg(&file).current_dir(folder.path());
        let mut server = Server::start(&command, "QUIT", &folder.path().join("log"));
        let mut ready = psql(port.port(), "select 1");
        server.wait_until(|| {
            let done = ready.output().map_err(|error| error.to_string())?;
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            if done.status.success() { Ok(()) } else { Err(told) }
        });
        Self { _server: server, _folder: folder, port }
    }

    /// Runs SQL as the application would.
    pub fn exec(&self, sql: &str) -> String {
        output(&mut psql(self.port.port(), sql))
    }

    /// The error of SQL that fails.
    pub fn refuses(&self, sql: &str) -> String {
        let done = psql(self.port.port(), sql).output().unwrap();
        assert!(!done.status.success(), "{sql} was done");
        String::from_utf8_lossy(&done.stderr).into_owned()
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port.port())
    }
}

fn psql(port: u16, sql: &str) -> Command {
    let mut command = Command::new(program("psql"));
    command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", "127.0.0.1", "-p"]);
    command.arg(port.to_string()).args(["-d", "postgres", "-c", sql]);
    command
}
