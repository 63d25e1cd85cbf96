//! Runs that are cut short, from inside and outside: their exit code, and what stays on record.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use support::drill::{self, Drill, Run, drillmaster, told};

/// A run that can be watched and signalled. It is killed when the test is done with it.
pub(crate) struct Watched {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    seen: String,
    pub(crate) out: PathBuf,
}

impl Watched {
    pub(crate) fn start(drill: &Drill, args: &[&str]) -> Self {
        let out = drill.next_out();
        let mut command = hearing_hang_ups(&drill.command(&out, args));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, seen: String::new(), out }
    }

    /// Reads the run's output until a line holds `words`.
    pub(crate) fn until(&mut self, words: &str) {
        loop {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "`{words}` never came:\n{}", self.seen);
            self.seen += &line;
            if line.contains(words) {
                return;
            }
        }
    }

    /// Waits until the journal holds an event of this name. The handler of signals answers first.
    pub(crate) fn until_recorded(&self, event: &str) {
        let journal = self.out.join("journal.ndjson");
        let record = format!("\"event\":\"{event}\"");
        let began = std::time::Instant::now();
        while !std::fs::read_to_string(&journal).unwrap_or_default().contains(&record) {
            assert!(began.elapsed().as_secs() < 120, "{event} was never recorded");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(done.unwrap().success());
    }

    pub(crate) fn end(mut self) -> (Output, PathBuf) {
        self.stderr.read_to_string(&mut self.seen).unwrap();
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        let stderr = std::mem::take(&mut self.seen).into_bytes();
        (Output { status, stdout, stderr }, std::mem::take(&mut self.out))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The run has already ended, unless the test failed.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

pub(crate) fn finish(drill: &Drill, watched: Watched) -> Run {
    let (output, out) = watched.end();
    drill.ended(out, output)
}

/// The sample with a database that takes days. On any machine, the signal comes before its end.
fn endless() -> Drill {
    let timings = ("rds.restore: { base: 9m,", "rds.restore: { base: 900h,");
    Drill::of("region-loss")
        .playbook("ttl: 4h", "ttl: 2000h")
        .playbook("timeout: 40m", "timeout: 1000h")
        .estate(timings.0, timings.1)
}

/// A pace at which the test can wait for the teardown.
const PACE: [&str; 2] = ["--pace", "100"];

#[test]
fn the_first_signal_ends_the_drill_with_teardown_and_report() {
    for signal in ["INT", "TERM"] {
        let drill = endless();
        let mut watched = Watched::start(&drill, &PACE);
        watched.until("step receipts (s3.restore): in 45s");
        watched.signal(signal);
        let run = finish(&drill, watched);
        run.exits(130).is("/verdict", "interrupted").because(&["the drill was interrupted"]).is_clean();
        assert!(run.stderr.contains("interrupted: tearing the sandbox down"), "{}", run.stderr);
        // The report says what ran and what did not. It has no figure for a recovery that did not
        // finish.
        assert_eq!(run.step("receipts")["status"], "succeeded");
        assert_eq!(
            (&run.step("db")["status"], &run.step("db")["because"]),
            (&json!("failed"), &json!("the drill was interrupted"))
        );
        assert_eq!(run.step("web")["status"], "not_run");
        assert_eq!(run.check("rows")["status"], "skipped");
        run.is("/workloads/0/rto/measured_s", json!(null)).is("/workloads/0/rto/status", "unknown");
        // The database was being made. The report names it, and it was deleted.
        assert_eq!(
            run.events("deleted").iter().filter(|e| e["resource"]["kind"] == "db_instance").count(),
            1
        );
        for file in ["report.html", "report.md", "junit.xml"] {
            assert!(run.folder.join(file).exists(), "{file}");
        }
        assert_eq!(told(&["gate", run.folder.to_str().unwrap()]).0, 130);
    }
}

/// A replica that is made with the sandbox, before T0. It takes a quarter of an hour.
const WITH_REPLICA: &str = r#"
name: replica
estate: estate.yaml
lose: { region: us-east-1 }
accounts: { production: { id: "111122223333" } }
sandbox: { account: production, region: us-west-2, network: { cidr: 10.66.0.0/16, azs: 2 }, ttl: 4h }
workloads: { orders: { resources: ["rds:db/orders"] } }
steps:
  - id: db
    uses: rds.promote_replica
    workload: orders
    with: { from: { db: orders, source_region: us-east-1 } }
checks:
  - { id: up, workload: orders, needs: [db], tcp: { address: "{{ steps.db.endpoint }}" } }
"#;
const ITS_ESTATE: &str = r#"
accounts: { "111122223333": { name: production } }
regions: { us-east-1: { azs: [use1-az1, use1-az2] }, us-west-2: { azs: [usw2-az1, usw2-az2] } }
resources:
  - { id: "rds:db/orders", account: "111122223333", region: us-east-1, az: use1-az1, size: 9GiB }
recovery_points:
  - { of: "rds:db/orders", kind: rds_replica, id: orders, account: "111122223333", region: us-west-2, taken: -1m, size: 9GiB }
"#;

#[test]
fn a_signal_while_the_sandbox_is_made() {
    let drill = Drill::new(WITH_REPLICA, ITS_ESTATE);
    let mut watched = Watched::start(&drill, &["--pace", "20"]);
    watched.until("created by sandbox: subnet");
    watched.signal("INT");
    let run = finish(&drill, watched);
    run.exits(130).is("/verdict", "interrupted").is("/t0", json!(null)).is_clean();
    assert!(run.at("/teardown/created").as_u64().unwrap() >= 2);
    assert!(run.events("disaster_declared").is_empty());
}

#[test]
fn an_interruption_that_leaves_something_behind_says_so() {
    let drill = endless().faults(&["{ step: db, error: will_not_delete }"]);
    let mut watched = Watched::start(&drill, &["--pace", "200", "--teardown-timeout", "1m"]);
    watched.until("created by db");
    watched.signal("TERM");
    let run = finish(&drill, watched);
    run.exits(4).is("/verdict", "interrupted").because(&["teardown left"]);
}

/// The same command with HUP as it is for a new process. The tests themselves may run under nohup,
/// and a program that inherits an ignored HUP leaves it ignored.
fn hearing_hang_ups(command: &Command) -> Command {
    let mut wrapped = if cfg!(target_os = "linux") {
        let mut wrapped = Command::new("/usr/bin/env");
        wrapped.arg("--default-signal=HUP").arg(command.get_program());
        wrapped
    } else {
        Command::new(command.get_program())
    };
    wrapped.args(command.get_args()).env_clear();
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

/// When a terminal goes away, the shell, the kernel and the session each send HUP. TERM may follow.
#[test]
fn a_lost_terminal_tears_down_however_often_it_is_told() {
    for signals in [&["HUP"][..], &["HUP", "HUP", "TERM", "HUP"], &["TERM", "HUP"]] {
        let drill = endless();
        let mut watched = Watched::start(&drill, &PACE);
        watched.until("created by db");
        for signal in signals {
            watched.signal(signal);
        }
        let run = finish(&drill, watched);
        run.exits(130).is("/verdict", "interrupted").is_clean();
    }
}

/// Stdout and stderr go away with the terminal. Writes to them fail, and the teardown continues.
#[test]
fn a_terminal_that_is_gone_stops_no_teardown() {
    for output in ["text", "json"] {
        let drill = endless();
        let out = drill.next_out();
        let mut child = hearing_hang_ups(&drill.command(&out, &["--pace", "200", "--output", output]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let journal = out.join("journal.ndjson");
        let is_created =
            || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"step_started\""));
        while !is_created() {
            std::thread::yield_now();
        }
        drop((child.stdout.take(), child.stderr.take()));
        let done = Command::new("sh").args(["-c", &format!("kill -HUP {}", child.id())]).status();
        assert!(done.unwrap().success());
        let code = child.wait().unwrap().code();
        let report = std::fs::read_to_string(out.join("report.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        // The result could not be delivered, and the interruption is worse. A run that first
        // noticed its missing reader was cut short by that.
        let unread = output == "json" && code == Some(3) && report["verdict"] == "error";
        let interrupted = code == Some(130) && report["verdict"] == "interrupted";
        assert!(interrupted || unread, "{output}: {code:?} {}", report["verdict"]);
        assert_eq!(report["teardown"]["left_behind"], json!([]), "{output}");
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    // A teardown that takes days.
    let drill = endless().faults(&["{ step: db, error: will_not_delete }"]);
    let mut watched = Watched::start(&drill, &["--pace", "10", "--teardown-timeout", "900h"]);
    watched.until("created by db");
    watched.signal("INT");
    watched.until("interrupted: tearing the sandbox down");
    watched.until_recorded("interrupted");
    watched.signal("INT");
    let started = std::time::Instant::now();
    let run = finish(&drill, watched);
    assert!(started.elapsed().as_secs() < 600);
    assert_eq!(run.code, 130, "{}", run.stderr);
    assert!(
        run.stderr.contains("stopped at once") && run.stderr.contains("drillmaster:run"),
        "{}",
        run.stderr
    );
    assert_eq!(run.report, Value::Null);
    // Every line is complete, and the lines name everything that was created.
    let created: Vec<Value> = run.events("created");
    assert!(created.iter().any(|e| e["by"] == "db"), "{created:#?}");
    assert!(run.events("run_finished").is_empty());
    unfinished(&run, "interrupted", "the drill was interrupted");
}

/// Checks what `report` and `gate` say about a run that did not come to its end.
fn unfinished(run: &Run, verdict: &str, reason: &str) {
    let folder = run.folder.to_str().unwrap();
    for format in ["html", "markdown", "junit", "text"] {
        let (code, stdout, stderr) = told(&["report", folder, "--format", format]);
        assert_eq!(code, 0, "{format}: {stderr}");
        assert!(stdout.contains(reason), "{format}: {stdout}");
        assert!(!stdout.contains("PASSED") && !stdout.contains("Passed"), "{format}: {stdout}");
    }
    let (code, json, stderr) = told(&["report", folder, "--format", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["verdict"], verdict);
    // The resources that it created may still stand.
    assert_eq!(report["exit_code"], 4);
    assert!(!report["teardown"]["left_behind"].as_array().unwrap().is_empty());
    assert_eq!(report["workloads"][0]["rto"]["status"], "unknown");
    let (code, stdout, _) = told(&["gate", folder]);
    assert_eq!(code, 4);
    assert!(stdout.contains(&format!("`drillmaster abort {folder}`")), "{stdout}");
}

#[test]
fn what_was_killed_can_be_reported_from_its_journal() {
    let drill = endless();
    let mut watched = Watched::start(&drill, &PACE);
    watched.until("created by db");
    watched.signal("KILL");
    let run = finish(&drill, watched);
    assert_eq!((run.code, &run.report), (-1, &Value::Null));
    unfinished(&run, "error", "did not come to its end");
    // A crash leaves a torn last line. Its record does not count.
    let path = run.folder.join("journal.ndjson");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"seq\":99,\"at\":\"2026-03-0");
    std::fs::write(&path, text).unwrap();
    let (code, _, stderr) = told(&["report", run.folder.to_str().unwrap(), "--format", "json"]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_folder_that_cannot_be_written() {
    let drill = Drill::of("az-loss");
    let path = drill.write();
    let playbook = path.to_str().unwrap();
    // A run's folder is never used twice.
    let once = drill.run();
    once.exits(0);
    let used = once.folder.to_str().unwrap();
    let before = std::fs::read(once.folder.join("journal.ndjson")).unwrap();
    for out in [playbook, &format!("{playbook}/below"), "/proc/drills/1", "/dev/null", used] {
        let (code, stdout, stderr) = told(&["run", playbook, "--out", out]);
        // A folder in use is a mistake of the command line. A folder that cannot be written stops
        // the drill.
        assert_eq!(code, if out == used { 2 } else { 3 }, "{out}: {stderr}");
        assert!(stdout.is_empty(), "{out}: {stdout}");
        assert!(stderr.starts_with("error: ") && stderr.contains(out), "{out}: {stderr}");
        assert!(!stderr.contains("phase"), "{out}: something was done: {stderr}");
    }
    assert_eq!(std::fs::read(once.folder.join("journal.ndjson")).unwrap(), before);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), drill.playbook);
}

#[test]
fn a_report_that_cannot_be_written_is_no_pass() {
    let drill = Drill::of("az-loss");
    let out = drill.next_out();
    std::fs::create_dir_all(out.join("report.html/in-the-way")).unwrap();
    let output = drill.command(&out, &[]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("report.html"), "{stderr}");
    let last = drill::journal(&out).pop().unwrap();
    assert_eq!(last["event"], "run_finished");
}

/// `| head -1`: a reader that stops reading does not stop the teardown.
#[test]
fn stdout_closed_early() {
    for args in [&["--output", "json"][..], &[]] {
        let drill = Drill::of("az-loss");
        let out = drill.next_out();
        let mut child =
            drill.command(&out, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        if !args.is_empty() {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["event"], "run_started");
        }
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        let events = drill::journal(&out);
        assert_eq!(events.last().unwrap()["event"], "run_finished");
        assert_eq!(events.iter().find(|e| e["event"] == "left_behind").unwrap()["resources"], json!([]));
        // Either the reader had taken everything before it closed, or the result was not delivered.
        // Then the run does not pass.
        assert!(matches!(output.status.code(), Some(0 | 3)), "{args:?} {:?} {stderr}", output.status);
        if args.is_empty() {
            assert_eq!(output.status.code(), Some(3), "{stderr}");
            assert!(stderr.contains("stdout"), "{stderr}");
        }
        assert!(out.join("report.json").exists());
    }
}

/// The reader goes away during the recovery. The drill stops, and teardown still removes
/// everything.
#[test]
fn a_reader_that_goes_away_leaves_no_sandbox_behind() {
    let drill = endless();
    let out = drill.next_out();
    let mut command = drill.command(&out, &["--output", "json", "--pace", "200"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    loop {
        let mut line = String::new();
        assert!(stdout.read_line(&mut line).unwrap() > 0);
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["event"] == "created" && event["by"] == "db" {
            break;
        }
    }
    drop(stdout);
    let run = drill.ended(out, child.wait_with_output().unwrap());
    run.exits(3).is("/verdict", "error").because(&["cannot be written to stdout", "keep its reader running"]);
    run.is_clean();
    assert!(run.at("/teardown/created").as_u64().unwrap() > 6);
}

#[test]
fn events_as_ndjson() {
    let drill = Drill::of("az-loss");
    let run = drill.run_with(&["--output", "json"]);
    run.exits(0);
    let events: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.first().unwrap()["event"], "run_started");
    let told: Vec<_> = events.iter().filter(|e| e["event"] != "progress").cloned().collect();
    let kept = run.journal();
    assert!(kept.iter().all(|e| told.contains(e)), "what is on record is told");
}

#[test]
fn a_sandbox_that_is_kept() {
    let drill = Drill::of("az-loss");
    let run = drill.run_with(&["--start", drill::START, "--keep-sandbox"]);
    // Nothing is swept up before the ttl of 2 h has passed, plus the time that a teardown may take.
    run.exits(0).is("/sandbox/kept_until", "2026-03-01T14:45:00Z").is("/teardown/deleted", 0);
    assert!(run.at("/teardown/created").as_u64().unwrap() > 0);
    let kept = run.events("kept");
    assert_eq!(
        kept[0]["resources"].as_array().unwrap().len() as u64,
        run.at("/teardown/created").as_u64().unwrap()
    );
    assert!(run.stdout.contains("kept") || run.stdout.contains("stay"), "{}", run.stdout);
    assert!(drillmaster().arg("--version").output().unwrap().status.success());
}
