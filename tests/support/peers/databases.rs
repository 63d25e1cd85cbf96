//! PostgreSQL and MariaDB for one test, in their own directory, with TLS and plain connections on
//! 127.0.0.1.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Account, Certificates, Server, connects, folder, output, program};
use crate::ports::Reserved;

/// The password of the user `guarded`, the only one that needs a password over TCP.
pub const PASSWORD: &str = "drill-secret";

fn owned(path: &Path, account: &Account) -> PathBuf {
    std::fs::create_dir(path).unwrap();
    account.own(path);
    path.to_owned()
}

fn certificates(folder: &Path, account: &Account) -> Certificates {
    let made = Certificates::make(folder);
    for path in [folder, &made.ca, &made.certificate, &made.key] {
        account.own(path);
    }
    made
}

/// Users: `postgres` (superuser, no password) and `guarded` (superuser, [`PASSWORD`]).
pub struct Postgres {
    server: Server, // before `folder`: fields drop in this order
    folder: tempfile::TempDir,
    tls: Certificates,
    port: Reserved,
}

impl Postgres {
    pub fn start() -> Self {
        let account = Account::unprivileged(&["postgres", "nobody"]);
        let folder = folder("drillmaster-pg-");
        let tls = certificates(folder.path(), &account);
        let data = owned(&folder.path().join("data"), &account);
        let mut initdb = account.command("initdb");
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        output(initdb.arg(&data).current_dir(folder.path()));
        let access = "local all all trust\nhost all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";
        std::fs::write(data.join("pg_hba.conf"), access).unwrap();
        let port = Reserved::new();
        let mut command = account.command("postgres");
        command.arg("-D").arg(&data).current_dir(folder.path());
        let sockets = folder.path().display();
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", port.port()),
            format!("unix_socket_directories={sockets}"),
            "fsync=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", tls.certificate.display()),
            format!("ssl_key_file={}", tls.key.display()),
        ] {
            command.arg("-c").arg(setting);
        }
        let server = Server::start(&command, "QUIT", &folder.path().join("log"));
        let mut this = Self { server, folder, tls, port };
        let create = format!("create role guarded superuser login password '{PASSWORD}'");
        let mut psql = this.psql("postgres", "select 1");
        this.server.wait_until(|| {
            let done = psql.output().map_err(|error| error.to_string())?;
            if done.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&done.stderr).into_owned())
            }
        });
        this.exec(&create);
        this
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new(program("psql"));
        command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-p"]).arg(self.port().to_string());
        command.arg("-h").arg(self.folder.path()).args(["-d", database, "-c", sql]);
        command
    }

    /// Runs SQL in the database `postgres`. Returns one line per row, with columns joined by `|`.
    pub fn exec(&self, sql: &str) -> String {
        self.exec_in("postgres", sql)
    }

    pub fn exec_in(&self, database: &str, sql: &str) -> String {
        output(&mut self.psql(database, sql))
    }

    pub fn port(&self) -> u16 {
        self.port.port()
    }

    /// `127.0.0.1:PORT`, for `--connect-to`.
    pub fn address(&self) -> String {
        self.port.address().to_string()
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// The authority that signed the server's certificate (PEM).
    pub fn ca(&self) -> &Path {
        &self.tls.ca
    }
}

/// Users: `drill` (all rights, no password) and `guarded` (all rights, [`PASSWORD`]).
pub struct MariaDb {
    server: Server,
    folder: tempfile::TempDir,
    tls: Certificates,
    port: Reserved,
}

impl MariaDb {
    pub fn start() -> Self {
        let account = Account::unprivileged(&["mysql", "nobody"]);
        let folder = folder("drillmaster-my-");
        let tls = certificates(folder.path(), &account);
        let data = owned(&folder.path().join("data"), &account);
        let mut install = account.command("mariadb-install-db");
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        output(install.arg(format!("--datadir={}", data.display())).current_dir(folder.path()));
        let port = Reserved::new();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut command = account.command("mariadbd");
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0"]);
        command.args(["--innodb-buffer-pool-size=16M", "--skip-log-bin", "--skip-name-resolve"]);
        command.arg(format!("--port={}", port.port())).arg(format!("--datadir={}", data.display()));
        command.arg(format!("--socket={}", at("socket"))).arg(format!("--pid-file={}", at("pid")));
        command.arg(format!("--ssl-ca={}", tls.ca.display()));
        command.arg(format!("--ssl-cert={}", tls.certificate.display()));
        command.arg(format!("--ssl-key={}", tls.key.display())).current_dir(folder.path());
        let server = Server::start(&command, "KILL", &folder.path().join("log"));
        let mut this = Self { server, folder, tls, port };
        let mut ready = this.client("mysql", "select 1");
        this.server.wait_until(|| {
            let done = ready.output().map_err(|error| error.to_string())?;
            if done.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&done.stderr).into_owned())
            }
        });
        connects(this.port()).expect("MariaDB answers on its socket and does not listen on its port");
        this.exec(&format!(
            "create user drill@'%'; grant all on *.* to drill@'%';
             create user guarded@'%' identified by '{PASSWORD}'; grant all on *.* to guarded@'%'"
        ));
        this
    }

    fn client(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new(program("mariadb"));
        command.args(["--no-defaults", "--batch", "--skip-column-names", "--user=root"]);
        command.arg(format!("--socket={}", self.folder.path().join("socket").display()));
        command.args([database, "-e", sql]);
        command
    }

    /// Runs SQL. Returns one line per row, with columns joined by tabs.
    pub fn exec(&self, sql: &str) -> String {
        self.exec_in("mysql", sql)
    }

    pub fn exec_in(&self, database: &str, sql: &str) -> String {
        output(&mut self.client(database, sql))
    }

    pub fn port(&self) -> u16 {
        self.port.port()
    }

    /// `127.0.0.1:PORT`, for `--connect-to`.
    pub fn address(&self) -> String {
        self.port.address().to_string()
    }

    pub fn url(&self, database: &str) -> String {
        format!("mysql://drill@127.0.0.1:{}/{database}", self.port())
    }

    /// The authority that signed the server's certificate (PEM).
    pub fn ca(&self) -> &Path {
        &self.tls.ca
    }
}
