//! Journals with a whole chain that say what no program of this version has written. `report`,
//! `gate` and `resume` all refuse them, name the line, and do not guess at what they do not know.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sha2::Digest as _;

/// One change to one record.
struct Change {
    /// The golden run to change.
    golden: &'static str,
    /// The kind of event. The change is made in the first such event that has a value at `at`.
    event: &'static str,
    /// The place in the record.
    at: &'static str,
    to: Value,
}

fn change(golden: &'static str, event: &'static str, at: &'static str, to: impl Into<Value>) -> Change {
    Change { golden, event, at, to: to.into() }
}

/// A golden run with one changed record. All hashes are correct, also the report's, so only the
/// change itself can be refused. Returns the folder and the number of the changed line.
fn changed(change: &Change, finished: bool) -> (tempfile::TempDir, usize) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journals").join(change.golden);
    let text = std::fs::read_to_string(golden.join("journal.ndjson")).unwrap();
    let mut records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fits = |record: &Value| record["event"] == change.event && record.pointer(change.at).is_some();
    let found = records.iter().position(fits);
    let index =
        found.unwrap_or_else(|| panic!("no {} with {} in {}", change.event, change.at, change.golden));
    *records[index].pointer_mut(change.at).unwrap() = change.to.clone();
    if !finished {
        // The journal as a dead runner may have left it: it ends with the changed record.
        records.truncate(index + 1);
    }
    let run = tempfile::tempdir().unwrap();
    let mut prev = hash(b"");
    let mut journal = String::new();
    for record in &mut records {
        record["prev"] = json!(prev);
        let line = format!("{record}\n");
        prev = hash(line.as_bytes());
        journal += &line;
    }
    std::fs::write(run.path().join("journal.ndjson"), journal).unwrap();
    if finished {
        let report = std::fs::read(golden.join("report.json")).unwrap();
        let mut report: Value = serde_json::from_slice(&report).unwrap();
        report["journal"] = json!({ "records": records.len(), "head": prev });
        std::fs::write(run.path().join("report.json"), report.to_string()).unwrap();
    }
    (run, index + 1)
}

fn hash(bytes: &[u8]) -> String {
    let nibbles = sha2::Sha256::digest(bytes).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from_digit(nibble.into(), 16).unwrap()).collect()
}

/// Expects exit code 2, the line of the journal, and an unchanged journal. `Err` holds what was
/// said instead.
fn refused(command: &[&str], run: &Path, line: usize) -> Result<(), String> {
    let before = std::fs::read(run.join("journal.ndjson")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    let told = program.env_clear().args(command).arg(run).output().unwrap();
    let said = String::from_utf8_lossy(&[told.stderr, told.stdout].concat()).into_owned();
    let place = format!("journal.ndjson:{line}:");
    let same = std::fs::read(run.join("journal.ndjson")).unwrap() == before;
    if told.status.code() == Some(2) && said.contains(&place) && same {
        return Ok(());
    }
    let first: String = said.lines().next().unwrap_or_default().chars().take(200).collect();
    let written = if same { "" } else { ", and it wrote to the journal" };
    Err(format!("{}{written}, it said: {first}", told.status))
}

#[track_caller]
fn all_refuse(changes: &[Change]) {
    let mut passed = String::new();
    for change in changes {
        for (finished, commands) in [
            (true, &[&["report", "--format", "json"][..], &["gate"], &["resume"]][..]),
            (false, &[&["report", "--format", "json"], &["resume"], &["abort"]]),
        ] {
            for command in commands {
                // `resume` may write.
                let (run, line) = changed(change, finished);
                if let Err(instead) = refused(command, run.path(), line) {
                    let _infallible = writeln!(
                        passed,
                        "{} of {} in line {line} of {}, {}: {} did not refuse it: {instead}",
                        change.at,
                        change.event,
                        change.golden,
                        if finished { "finished" } else { "cut short" },
                        command[0],
                    );
                }
            }
        }
    }
    assert!(passed.is_empty(), "{passed}");
}

/// A harmless change is not refused. So the refusals below are due to their changes.
#[test]
fn a_change_that_is_known_passes() {
    let known = change("findings", "finding", "/severity", "high");
    let (run, line) = changed(&known, true);
    // The report is compared with the journal, and this report has another severity.
    let said = refused(&["gate"], run.path(), line).unwrap_err();
    assert!(said.starts_with("exit status: 2") && said.contains("report.json"), "{said}");
    std::fs::remove_file(run.path().join("report.json")).unwrap();
    for command in [&["report", "--format", "json"][..], &["gate"]] {
        let said = refused(command, run.path(), line).unwrap_err();
        assert!(said.starts_with("exit status: 0") || said.starts_with("exit status: 1"), "{said}");
    }
}

#[test]
fn an_unknown_event() {
    all_refuse(&[
        change("failed-step", "step_retry", "/event", "step_paused"),
        change("passed", "isolation", "/event", "sandbox_seen"),
    ]);
}

#[test]
fn an_unknown_severity() {
    all_refuse(&[
        change("findings", "finding", "/severity", "critical"),
        change("findings", "finding", "/severity", "High"),
        change("opened-after-t0", "isolation", "/exposures/0/severity", "critical"),
        change("not-isolated", "isolation", "/exposures/0/severity", ""),
    ]);
}

#[test]
fn an_unknown_rule() {
    all_refuse(&[
        change("findings", "finding", "/rule", "data-stale"),
        change("findings", "finding", "/rule", "Preflight"),
        change("opened-after-t0", "isolation", "/exposures/0/rule", "sandbox-ajar"),
        change("not-isolated", "isolation", "/exposures/0/rule", ""),
    ]);
}

#[test]
fn an_unknown_cloud() {
    all_refuse(&[
        change("passed", "run_started", "/on", "gcp"),
        change("az-loss", "run_started", "/on", "AWS"),
    ]);
}

#[test]
fn an_unknown_kind_of_resource() {
    all_refuse(&[
        change("passed", "created", "/resources/0/kind", "lambda_function"),
        change("kept", "kept", "/resources/0/kind", "lambda_function"),
    ]);
}

/// The resource was made under a known kind. The deletion names another kind.
#[test]
fn an_unknown_kind_of_what_is_deleted() {
    all_refuse(&[
        change("passed", "delete_intent", "/resource/kind", "lambda_function"),
        change("passed", "deleted", "/resource/kind", "lambda_function"),
        change("left-behind", "delete_failed", "/resource/kind", "lambda_function"),
    ]);
}

#[test]
fn an_unknown_kind_of_recovery_point() {
    all_refuse(&[
        change("passed", "point_seen", "/point/kind", "tape"),
        change("passed", "step_source", "/point/kind", "tape"),
    ]);
}

#[test]
fn an_unknown_phase_or_stage() {
    all_refuse(&[
        change("passed", "phase_started", "/phase", "rehearse"),
        change("passed", "isolation", "/stage", "meanwhile"),
    ]);
}

#[test]
fn an_unknown_kind_of_request() {
    let unknown = json!({ "lambda_function": { "name": "probe" } });
    all_refuse(&[change("passed", "intent", "/what", unknown)]);
}

/// The answer says whether a call may have taken effect.
#[test]
fn an_unknown_answer() {
    all_refuse(&[change("throttled", "not_created", "/sent", "perhaps")]);
}
