//! Real servers that act as S3-compatible stores of other providers.

use std::net::TcpStream;
use std::process::Command;

use super::process::{Server, folder, output, program, stores};
use crate::ports::Reserved;

/// A store of another provider, with its keys. Each one lacks some features.
pub struct Store {
    server: Option<Server>, // before `folder`: fields drop in this order
    _folder: tempfile::TempDir,
    port: Reserved,
    pub key: &'static str,
    pub secret: &'static str,
}

impl Store {
    /// `MinIO`, as the gateway of `JuiceFS`. It does not support versions, and answers 501.
    pub fn minio() -> Self {
        let (key, secret) = ("offsite-key", "offsite-secret-of-minio");
        let (folder, port) = (folder("drillmaster-minio-"), Reserved::new());
        let juicefs = stores().join("python/bin/juicefs");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut format = Command::new(&juicefs);
        format.args(["format", "--storage", "file", "--bucket"]).arg(format!("{}/", data.display()));
        output(format.args(["sqlite3://meta.db", "vol"]).current_dir(folder.path()));
        let mut command = Command::new(program("env"));
        command.arg(format!("MINIO_ROOT_USER={key}")).arg(format!("MINIO_ROOT_PASSWORD={secret}"));
        command.arg(juicefs).args(["gateway", "--multi-buckets", "--keep-etag", "--object-tag"]);
        command.args(["--object-meta", "--no-banner", "--backup-meta", "0", "--metrics", "127.0.0.1:0"]);
        command.arg("--cache-dir").arg(folder.path().join("cache"));
        command.args(["sqlite3://meta.db", &port.address().to_string()]).current_dir(folder.path());
        Self::started(&command, folder, port, (key, secret))
    }

    /// s3rver. It supports only the basic calls, and ignores conditions.
    pub fn s3rver() -> Self {
        let (folder, port) = (folder("drillmaster-s3rver-"), Reserved::new());
        let mut command = Command::new(program("node"));
        command.arg(stores().join("node_modules/s3rver/bin/s3rver.js")).arg("-d").arg(folder.path());
        command.args(["-a", "127.0.0.1", "-p", &port.port().to_string()]).current_dir(folder.path());
        Self::started(&command, folder, port, ("S3RVER", "S3RVER"))
    }

    fn started(
        command: &Command,
        folder: tempfile::TempDir,
        port: Reserved,
        (key, secret): (&'static str, &'static str),
    ) -> Self {
        let mut server = Server::start(command, "TERM", &folder.path().join("log"));
        server.wait_until(|| TcpStream::connect(port.address()));
        Self { server: Some(server), _folder: folder, port, key, secret }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Ends the server. From then on its port refuses connections.
    pub fn stop(&mut self) {
        self.server = None;
    }
}
