//! Drills as a user runs them: a playbook of `drills/` with a few changes, the built program in an
//! empty environment, and the report that it writes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::places::at;
pub use crate::places::drillmaster;

/// A fixed start, so that reports of the same drill can be compared.
pub const START: &str = "2026-03-01T12:00:00Z";

/// The check of the sample that measures RPO.
pub const FRESHNESS: &str = r#"  - id: freshness
    workload: orders
    needs: [db]
    measures: rpo
    sql: { url: "postgres://{{ steps.db.endpoint }}/orders", query: "select max(updated_at) from orders" }
"#;

/// A playbook and its estate in their own folder.
pub struct Drill {
    folder: Rc<TempDir>,
    pub playbook: String,
    pub estate: String,
    env: Vec<(String, String)>,
    runs: AtomicU32,
}

impl Drill {
    /// A playbook of `drills/`, by its name without `.yaml`.
    pub fn of(name: &str) -> Self {
        let drills = at("drills");
        // Comments are removed. They may stand anywhere, and tests replace lines.
        let read = |file: &str| {
            let text = std::fs::read_to_string(drills.join(file)).unwrap();
            let kept: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with('#')).collect();
            kept.join("\n") + "\n"
        };
        let drill = Self::new(&read(&format!("{name}.yaml")), &read("estate.yaml"));
        std::fs::copy(drills.join("orders.stack.yaml"), drill.folder().join("orders.stack.yaml")).unwrap();
        drill
    }

    pub fn new(playbook: &str, estate: &str) -> Self {
        Self {
            folder: Rc::new(tempfile::tempdir().unwrap()),
            playbook: playbook.to_owned(),
            estate: estate.to_owned(),
            env: Vec::new(),
            runs: AtomicU32::new(0),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces `from` in the playbook, where it must occur once.
    #[must_use]
    pub fn playbook(mut self, from: &str, to: &str) -> Self {
        self.playbook = replaced(&self.playbook, from, to);
        self
    }

    /// Replaces `from` in the estate, where it must occur once.
    #[must_use]
    pub fn estate(mut self, from: &str, to: &str) -> Self {
        self.estate = replaced(&self.estate, from, to);
        self
    }

    /// Adds a step before the checks.
    #[must_use]
    pub fn step(self, text: &str) -> Self {
        self.playbook("\nchecks:\n", &format!("{}\n\nchecks:\n", indented(text)))
    }

    /// Adds a check at the end.
    #[must_use]
    pub fn check(mut self, text: &str) -> Self {
        let _infallible = writeln!(self.playbook, "{}", indented(text));
        self
    }

    /// Adds a probe at the end of the estate, where the probes are.
    #[must_use]
    pub fn probe(self, text: &str) -> Self {
        self.estate("\nprobes:\n", &format!("\nprobes:\n  {text}\n"))
    }

    /// Adds `faults:` to the estate.
    #[must_use]
    pub fn faults(mut self, list: &[&str]) -> Self {
        self.estate.push_str("\nfaults:\n");
        for fault in list {
            let _infallible = writeln!(self.estate, "  - {fault}");
        }
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The sample of a lost region, with an RPO that its recovery points meet. The RPO is judged by
    /// the newest timestamp in the restored data.
    pub fn measured() -> Self {
        Self::of("region-loss").playbook("rto: 45m, rpo: 5m", "rto: 45m, rpo: 3h")
    }

    /// The same sample, with the RPO judged by the recovery points' own times.
    pub fn good() -> Self {
        Self::measured().playbook(FRESHNESS, "")
    }

    /// Writes the files as they are now. Returns the playbook's path. What is there already stays as it
    /// is: a server may be reading it.
    pub fn write(&self) -> PathBuf {
        let path = self.folder().join("playbook.yaml");
        for (path, text) in [(&path, &self.playbook), (&self.folder().join("estate.yaml"), &self.estate)] {
            if std::fs::read_to_string(path).ok().as_ref() != Some(text) {
                std::fs::write(path, text).unwrap();
            }
        }
        path
    }

    /// A new folder for the files of one more run.
    pub fn next_out(&self) -> PathBuf {
        self.folder().join(format!("run-{}", self.runs.fetch_add(1, Ordering::Relaxed)))
    }

    /// Runs `drillmaster run` with a fixed start.
    pub fn run(&self) -> Run {
        self.run_with(&["--start", START])
    }

    pub fn run_with(&self, args: &[&str]) -> Run {
        let out = self.next_out();
        let output = self.command(&out, args).output().unwrap();
        self.ended(out, output)
    }

    /// The results of a run that was started with [`Self::command`].
    pub fn ended(&self, out: PathBuf, output: Output) -> Run {
        Run::new(Rc::clone(&self.folder), out, output)
    }

    pub fn command(&self, out: &Path, args: &[&str]) -> Command {
        let path = self.write();
        let mut command = drillmaster();
        command.arg("run").arg(path).arg("--out").arg(out).args(args);
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }
}

/// The sample of a lost zone, with only copies of one snapshot as steps. Each copy takes 100 s.
pub fn copies(count: usize, point: &str) -> Drill {
    let sample = Drill::of("az-loss");
    let (head, _) = sample.playbook.split_once("\nsteps:\n").unwrap();
    let step = |n| {
        format!(
            "  - {{ id: c{n}, uses: rds.copy_snapshot, workload: orders, with: {{ from: {{ db: orders, point: {point} }} }} }}\n"
        )
    };
    let steps: String = (0..count).map(step).collect();
    let check = format!(
        "checks:\n  - {{ id: c, workload: orders, needs: [c{}], tcp: {{ address: \"a.example.com:1\" }} }}\n",
        count - 1
    );
    let timing =
        ("rds.copy_snapshot: { base: 1m, per_gib: 3s,", "rds.copy_snapshot: { base: 100s, per_gib: 0s,");
    Drill::new(&format!("{head}\nsteps:\n{steps}{check}"), &sample.estate).estate(timing.0, timing.1)
}

pub fn told(args: &[&str]) -> (i32, String, String) {
    let output = drillmaster().args(args).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` must stand once in\n{text}");
    text.replacen(from, to, 1)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The results of a run.
pub struct Run {
    /// Keeps the folder until the results are dropped.
    _drill: Rc<TempDir>,
    pub folder: PathBuf,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// `Null` if there is no report.
    pub report: Value,
}

impl Run {
    fn new(drill: Rc<TempDir>, folder: PathBuf, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let report = match std::fs::read(folder.join("report.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
            Err(_) => Value::Null,
        };
        let run = Self {
            _drill: drill,
            folder,
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            report,
        };
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run
    }

    /// Asserts the exit code of the process and in the report.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.report["exit_code"], code, "{}", self.stdout);
        self
    }

    /// Asserts that one reason of the verdict contains all of `words`.
    #[track_caller]
    pub fn because(&self, words: &[&str]) -> &Self {
        let found = texts(&self.report["reasons"]).iter().any(|r| words.iter().all(|w| r.contains(w)));
        assert!(found, "no reason with {words:?} in {:#}", self.report["reasons"]);
        self
    }

    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        self.report.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {:#}", self.report))
    }

    #[track_caller]
    pub fn is(&self, pointer: &str, expected: impl Into<Value>) -> &Self {
        assert_eq!(*self.at(pointer), expected.into(), "{pointer}");
        self
    }

    #[track_caller]
    pub fn step(&self, id: &str) -> &Value {
        self.one("/steps", "id", id)
    }

    #[track_caller]
    pub fn check(&self, id: &str) -> &Value {
        self.one("/checks", "id", id)
    }

    /// The one entry of the list at `pointer` whose `key` is `value`.
    #[track_caller]
    pub fn one(&self, pointer: &str, key: &str, value: &str) -> &Value {
        let list = self.at(pointer).as_array().unwrap();
        let mut found = list.iter().filter(|entry| entry[key] == value);
        let one = found.next().unwrap_or_else(|| panic!("no {key} `{value}` in {list:#?}"));
        assert!(found.next().is_none(), "more than one {key} `{value}` in {list:#?}");
        one
    }

    /// Seconds from T0 to an instant in the report.
    #[track_caller]
    pub fn after_t0(&self, instant: &Value) -> f64 {
        seconds(&self.report["t0"], instant)
    }

    /// Asserts that everything created was deleted, and that nothing is left.
    #[track_caller]
    pub fn is_clean(&self) -> &Self {
        assert_eq!(self.report["teardown"]["left_behind"], Value::Array(vec![]));
        assert_eq!(self.report["teardown"]["created"], self.report["teardown"]["deleted"]);
        self
    }

    /// The events of the journal.
    pub fn journal(&self) -> Vec<Value> {
        journal(&self.folder)
    }

    pub fn events(&self, name: &str) -> Vec<Value> {
        self.journal().into_iter().filter(|e| e["event"] == name).collect()
    }

    /// The report's text without the parts that differ between any two runs.
    pub fn comparable(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("report.json")).unwrap();
        let id = self.report["run_id"].as_str().unwrap();
        let random = id.rsplit('-').next().unwrap();
        let head = self.report["journal"]["head"].as_str().unwrap();
        text.replace(id, "RUN").replace(random, "RANDOM").replace(head, "HEAD")
    }
}

/// The events of the journal, without the fields that chain its lines.
pub fn journal(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("journal.ndjson")).unwrap();
    let event = |line| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        assert!(event.as_object_mut().unwrap().shift_remove("prev").is_some_and(|hash| hash.is_string()));
        event
    };
    text.lines().map(event).collect()
}

pub fn seconds(from: &Value, to: &Value) -> f64 {
    let time = |v: &Value| chrono::DateTime::parse_from_rfc3339(v.as_str().unwrap()).unwrap();
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a drill")]
    let millis = (time(to) - time(from)).num_milliseconds() as f64;
    millis / 1000.0
}

/// The texts of a list.
#[track_caller]
pub fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}
