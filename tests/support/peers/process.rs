//! Child processes that cannot outlive the test; programs and certificates.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::places::at;

pub const START_LIMIT: Duration = Duration::from_mins(5);
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// The path of a program. Also searches where Debian keeps servers. Panics if it is missing.
pub fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| panic!("{name} was not found: run tests/peers/setup"))
}

/// Chromium, or Chrome where the distribution has no Chromium, as Ubuntu. Panics if both are missing.
pub fn browser() -> PathBuf {
    let found = ["chromium", "google-chrome"].into_iter().find_map(find);
    found.unwrap_or_else(|| panic!("Chromium was not found: run tests/peers/setup, which installs it"))
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders.into_iter().map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// The python that has the peers' packages.
pub fn python() -> PathBuf {
    output(Command::new(at("tests/peers/setup")).arg("--find")).into()
}

/// The folder of other providers' stores, and of what npm installed.
pub fn stores() -> PathBuf {
    output(Command::new(at("tests/peers/setup")).arg("--find-stores")).into()
}

/// The folder of the checkers' programs, with their own python.
pub fn checkers() -> PathBuf {
    output(Command::new(at("tests/peers/setup")).arg("--find-checkers")).into()
}

/// Runs a command to its end. Returns its stdout, or panics with its stderr.
pub fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {}\n{stderr}", done.status);
    String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
}

/// A server process. `signal` ends it when this value or the whole test process is gone.
pub struct Server {
    shell: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
}

impl Server {
    /// Starts the server under a shell. The shell waits for it, and kills it when the shell's own
    /// stdin closes.
    pub fn start(command: &Command, signal: &str, log: &Path) -> Self {
        let script = format!(
            "exec 3<&0; \"$@\" </dev/null 3<&- & pid=$!; (cat <&3 >/dev/null; kill -{signal} $pid 2>/dev/null) & exec 3<&-; wait $pid"
        );
        let file = std::fs::File::create(log).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        let mut shell =
            shell.stdin(Stdio::piped()).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let stdin = shell.stdin.take();
        Self { shell, stdin, log: log.to_owned() }
    }

    /// Returns when `ready` succeeds. Panics with the server's log if the server ends first or
    /// takes too long.
    pub fn wait_until<T, E: std::fmt::Display>(&mut self, mut ready: impl FnMut() -> Result<T, E>) -> T {
        let began = Instant::now();
        loop {
            match ready() {
                Ok(value) => return value,
                Err(error) => {
                    let ended = self.shell.try_wait().unwrap();
                    let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                    assert!(ended.is_none(), "the server ended ({}):\n{log}", ended.unwrap());
                    assert!(began.elapsed() < START_LIMIT, "the server is not ready: {error}\n{log}");
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        end(&mut self.shell);
    }
}

/// Waits for a child that has been told to end, and kills it if it does not.
pub fn end(child: &mut Child) {
    let began = Instant::now();
    while began.elapsed() < STOP_LIMIT {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
}

pub fn connects(port: u16) -> Result<TcpStream, std::io::Error> {
    TcpStream::connect(("127.0.0.1", port))
}

/// Database servers refuse to run as root. In that case they run as the first of these users that
/// exists.
pub struct Account(Option<(u32, u32)>);

impl Account {
    pub fn unprivileged(names: &[&str]) -> Self {
        if output(Command::new("id").arg("-u")) != "0" {
            return Self(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let find = |name: &&str| {
            let fields: Vec<&str> =
                passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|it| it[0] == *name)?;
            Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
        };
        Self(Some(
            names
                .iter()
                .find_map(find)
                .unwrap_or_else(|| panic!("no user of {names:?}: run tests/peers/setup")),
        ))
    }

    pub fn command(&self, name: &str) -> Command {
        let path = program(name);
        let Some((user, group)) = self.0 else { return Command::new(path) };
        let mut command = Command::new(program("setpriv"));
        command
            .arg(format!("--reuid={user}"))
            .arg(format!("--regid={group}"))
            .arg("--clear-groups")
            .arg(path);
        command
    }

    pub fn own(&self, path: &Path) {
        if let Some((user, group)) = self.0 {
            std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
        }
    }
}

/// A folder in /tmp, whatever TMPDIR says: socket paths are limited to 107 bytes, and another user
/// must be able to reach it.
pub fn folder(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(name).tempdir_in("/tmp").unwrap()
}

/// A certificate authority and a server certificate signed by it, valid for two days.
pub struct Certificates {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    /// The certificate is for localhost, 127.0.0.1, and the names that moto gives to DB instances
    /// in the usual test regions.
    pub fn make(folder: &Path) -> Self {
        let at = |name: &str| folder.join(name);
        let (ca, ca_key, key, request, certificate) =
            (at("ca.pem"), at("ca.key"), at("server.key"), at("server.csr"), at("server.pem"));
        let openssl = program("openssl");
        let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let mut command = Command::new(&openssl);
        command.args(["req", "-x509", "-days", "2", "-subj", "/CN=drillmaster test CA"]).args(new_key);
        output(command.arg("-keyout").arg(&ca_key).arg("-out").arg(&ca));
        let mut command = Command::new(&openssl);
        command.args(["req", "-new", "-subj", "/CN=localhost"]).args(new_key);
        output(command.arg("-keyout").arg(&key).arg("-out").arg(&request));
        let names: String = ["us-east-1", "us-west-2", "eu-west-1"]
            .map(|region| format!(",DNS:*.aaaaaaaaaa.{region}.rds.amazonaws.com"))
            .concat();
        let extensions = at("server.ext");
        let mut file = std::fs::File::create(&extensions).unwrap();
        writeln!(file, "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth").unwrap();
        writeln!(file, "subjectAltName=DNS:localhost,IP:127.0.0.1{names}").unwrap();
        let mut command = Command::new(&openssl);
        command.args(["x509", "-req", "-days", "2", "-CAcreateserial", "-in"]).arg(&request);
        command.arg("-CA").arg(&ca).arg("-CAkey").arg(&ca_key).arg("-extfile").arg(&extensions);
        output(command.arg("-out").arg(&certificate));
        Self { ca, certificate, key }
    }
}
