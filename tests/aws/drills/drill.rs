//! Runs the binary as a user would: with a playbook in its own folder, and with an environment that
//! holds only what AWS needs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::privileges;
use super::shop::{BACKUP, PRODUCTION, SANDBOX, Shop};
use support::peers::Moto;
use support::terminal::Terminal;

/// No drill of these tests takes longer than this, even on a slow machine.
const LIMIT: Duration = Duration::from_mins(10);

/// A folder with a playbook, and the settings with which it will be run.
pub struct Drill {
    folder: tempfile::TempDir,
    command: Command,
    endpoint: String,
}

pub struct Done {
    folder: tempfile::TempDir,
    pub exit: Option<i32>,
    pub report: Value,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Drill {
    /// A drill of this playbook text against the AWS API at `endpoint`.
    pub fn new(playbook: &str, endpoint: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("playbook.yaml"), playbook).unwrap();
        let mut command = Command::new(support::places::program());
        command.env_clear().current_dir(folder.path());
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "us-west-2");
        command.env("AWS_ACCESS_KEY_ID", "drill").env("AWS_SECRET_ACCESS_KEY", "drill");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", folder.path());
        command.env("PATH", "/usr/bin:/bin");
        command.args(["run", "playbook.yaml", "--on", "aws", "--out", "out"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { folder, command, endpoint: endpoint.to_owned() }
    }

    /// Another command than `run`, in the same surroundings. `args` holds all its arguments.
    pub fn command(playbook: &str, endpoint: &str, args: &[&str]) -> Self {
        Self::new(playbook, endpoint).instead(args)
    }

    /// Another command than `run`, in this drill's folder. `args` holds all its arguments.
    pub fn instead(self, args: &[&str]) -> Self {
        let program = self.command.get_program().to_owned();
        self.with(&program, args)
    }

    /// This command, by a copy of the program with no `drillmaster-probe` beside it.
    pub fn without_probe(self) -> Self {
        let program = self.path("alone").join("drillmaster");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        let own = support::places::program();
        std::fs::hard_link(&own, &program).or_else(|_| std::fs::copy(&own, &program).map(drop)).unwrap();
        let args: Vec<_> = self.command.get_args().map(ToOwned::to_owned).collect();
        self.with(program.as_os_str(), &args)
    }

    fn with(mut self, program: &OsStr, args: &[impl AsRef<OsStr>]) -> Self {
        let mut command = Command::new(program);
        command.env_clear().envs(self.command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.current_dir(self.folder.path()).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// One of the playbooks in drills/, with its estate and template, adapted by replacing text. A
    /// text to be replaced must still be there. If it is not, the test must follow the sample.
    pub fn sample(name: &str, shop: &Shop, changes: &[(&str, &str)]) -> Self {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills");
        let read = |name: &str| std::fs::read_to_string(samples.join(name)).unwrap();
        let mut playbook = shop.named(&read(name));
        for id in [PRODUCTION, BACKUP, SANDBOX] {
            let plain = format!("id: \"{id}\"");
            playbook = playbook.replace(&plain, &format!("{plain}, role: \"{}\"", role(id)));
        }
        for (from, to) in changes {
            assert!(playbook.contains(from), "drills/{name} does not say {from:?} any more");
            playbook = playbook.replace(from, to);
        }
        let drill = Self::new(&playbook, shop.moto.endpoint());
        drill.file("estate.yaml", &shop.named(&read("estate.yaml")));
        drill.file("orders.stack.yaml", &read("orders.stack.yaml"));
        drill
    }

    pub fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder_for(&self, name: &str) {
        std::fs::create_dir_all(self.folder.path().join(name)).unwrap();
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Makes checks for this host and port connect to that address.
    pub fn connect(self, from: &str, to: &str) -> Self {
        self.arg("--connect-to").arg(format!("{from}={to}"))
    }

    /// Starts the drill. Its roles have exactly the policies that `iam-policy` prints for its
    /// playbook, so an undeclared call is refused. Other commands than drills are not restricted.
    pub fn start(mut self) -> Running {
        let args: Vec<String> = self.command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        match args.first().map(String::as_str) {
            Some("run" | "plan" | "sandbox") => {
                let policies = self.policies(&args);
                privileges::enforce(&self.endpoint, &policies);
            }
            Some("resume" | "abort") => {}
            _ => privileges::enforce_none(&self.endpoint),
        }
        let child = self.command.spawn().unwrap();
        Running { child, folder: self.folder, began: Instant::now(), endpoint: self.endpoint }
    }

    /// Gives the drill a terminal as its standard input and error.
    pub fn at_terminal(&mut self) -> Terminal {
        Terminal::of(&mut self.command)
    }

    /// Starts the drill with the policies that the peer already has.
    pub fn start_as_it_is(mut self) -> Running {
        let child = self.command.spawn().unwrap();
        Running { child, folder: self.folder, began: Instant::now(), endpoint: self.endpoint }
    }

    /// The policies that `iam-policy` prints for the playbook with the same params. A refused
    /// playbook has none.
    pub fn policies(&self, args: &[String]) -> Value {
        let mut command = Command::new(self.command.get_program());
        command.env_clear().envs(self.command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.current_dir(self.folder.path()).args(["iam-policy", "playbook.yaml", "--output", "json"]);
        for pair in args.windows(2).filter(|pair| pair[0] == "--param") {
            command.args(pair);
        }
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap_or(Value::Null)
    }

    pub fn run(self) -> Done {
        self.start().end()
    }
}

pub struct Running {
    child: Child,
    folder: tempfile::TempDir,
    began: Instant,
    endpoint: String,
}

impl Running {
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end. Kills a drill that does not end, and fails. Asserts that policies refused
    /// none of its calls.
    pub fn end(self) -> Done {
        let endpoint = self.endpoint.clone();
        let done = self.end_refused();
        let denied = privileges::denied(&endpoint);
        assert!(denied.is_empty(), "the printed policy does not allow {denied:#?}: {}", done.told());
        done
    }

    /// Waits in the same way, but allows calls that were refused.
    pub fn end_refused(self) -> Done {
        let id = self.child.id();
        let (sender, over) = std::sync::mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if over.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
            }
        });
        let output = self.child.wait_with_output().unwrap();
        drop(sender);
        watchdog.join().unwrap();
        let report = std::fs::read_to_string(self.folder.path().join("out/report.json")).unwrap_or_default();
        Done {
            exit: output.status.code(),
            report: serde_json::from_str(&report).unwrap_or(Value::Null),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: self.began.elapsed(),
            folder: self.folder,
        }
    }
}

impl Done {
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that the drill wrote, each with the place where it was written.
    pub fn written(&self) -> Vec<(String, String)> {
        support::canary::written(
            &self.folder.path().join("out"),
            self.stdout.as_bytes(),
            self.stderr.as_bytes(),
        )
    }

    /// Prepares another command in the same folder.
    pub fn then(self, endpoint: &str, args: &[&str]) -> Drill {
        let mut drill = Drill::command("", endpoint, args);
        drill.command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        drill.folder = self.folder;
        drill
    }

    /// What the drill wrote, for the message of a failed assertion.
    pub fn told(&self) -> String {
        format!("exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.exit, self.stdout, self.stderr)
    }

    /// Asserts the exit code, that the report states the same one, and that the report exists in
    /// all its formats.
    #[track_caller]
    pub fn ends(&self, code: i32, verdict: &str) {
        assert_eq!(self.exit, Some(code), "{}", self.told());
        assert_eq!(self.report["exit_code"], code, "{}", self.told());
        assert_eq!(self.report["verdict"], verdict, "{}", self.told());
        assert_eq!((&self.report["on"], &self.report["simulated"]), (&json!("aws"), &json!(false)));
        for name in ["journal.ndjson", "report.html", "report.md", "junit.xml"] {
            assert!(self.folder.path().join("out").join(name).is_file(), "{name}: {}", self.told());
        }
    }

    /// Asserts that everything the run created was deleted, and that the peer holds what it held
    /// before.
    #[track_caller]
    pub fn nothing_is_left(&self, moto: &Moto, before: &Value) {
        let teardown = &self.report["teardown"];
        assert_eq!(teardown["left_behind"], json!([]), "{}", self.told());
        assert_eq!(teardown["created"], teardown["deleted"], "{}", self.told());
        let after = moto.state();
        assert_eq!(after.to_string(), before.to_string(), "{}", self.told());
    }

    /// The kind and id of all that the run has created, according to its journal.
    pub fn created(&self) -> Vec<(String, String)> {
        let journal = std::fs::read_to_string(self.file("out/journal.ndjson")).unwrap();
        let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut all = Vec::new();
        for record in records.filter(|record| record["event"] == "created") {
            let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
            let made = record["resources"].as_array().unwrap().iter();
            all.extend(made.map(|one| (text(one, "kind"), text(one, "id"))));
        }
        all
    }

    /// The step or check with this id.
    #[track_caller]
    pub fn node(&self, id: &str) -> &Value {
        let lists = ["steps", "checks"].map(|list| self.report[list].as_array());
        let found = lists.into_iter().flatten().flatten().find(|node| node["id"] == id);
        found.unwrap_or_else(|| panic!("no step or check `{id}`: {}", self.told()))
    }

    #[track_caller]
    pub fn seconds(&self, pointer: &str) -> f64 {
        let found = self.report.pointer(pointer).and_then(Value::as_f64);
        found.unwrap_or_else(|| panic!("{pointer} is no figure: {}", self.told()))
    }

    pub fn calls(&self, name: &str) -> u64 {
        self.report["api_calls"][name]["count"].as_u64().unwrap_or(0)
    }
}

/// The role that the playbooks assume in an account.
pub fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/drillmaster")
}
