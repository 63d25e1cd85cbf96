//! A journal and the report that was made from it: who changes or cuts one of them is found out. And who writes it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use record::journal::{self, Durability, FILE_NAME, Journal, JournalError};
use serde_json::{Value, json};
use support::drill::{Drill, Run, told};

fn passed() -> Run {
    let run = Drill::of("az-loss").run();
    run.exits(0);
    run
}

fn lines(run: &Run) -> Vec<String> {
    let text = std::fs::read_to_string(run.folder.join(FILE_NAME)).unwrap();
    text.split_inclusive('\n').map(str::to_owned).collect()
}

fn write(run: &Run, lines: &[String]) {
    std::fs::write(run.folder.join(FILE_NAME), lines.concat()).unwrap();
}

/// Neither is the run judged, as itself or as a baseline, nor is a report rendered.
#[track_caller]
fn refused(run: &Run, words: &[&str]) {
    let folder = run.folder.to_str().unwrap();
    let file = run.folder.join("report.json");
    let sound = passed();
    for args in [
        &["gate", folder][..],
        &["gate", file.to_str().unwrap()],
        &["gate", sound.folder.to_str().unwrap(), "--baseline", folder],
        &["report", folder],
    ] {
        let (code, stdout, stderr) = told(args);
        assert_eq!(code, 2, "{args:?}: {stdout}{stderr}");
        for word in words {
            assert!(stdout.contains(word) || stderr.contains(word), "{args:?}: {word}\n{stdout}{stderr}");
        }
    }
}

#[test]
fn a_run_that_nobody_touched_is_judged_and_rendered() {
    let run = passed();
    let end = journal::read(&run.folder).unwrap().end();
    run.is("/journal/records", end.records).is("/journal/head", end.head.to_string());
    let folder = run.folder.to_str().unwrap();
    assert_eq!(told(&["gate", folder]).0, 0);
    let (code, again, _) = told(&["report", folder, "--format", "json"]);
    assert_eq!(code, 0);
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), run.report);
    assert!(lines(&run)[0].starts_with("{\"prev\":\"e3b0c44298fc1c14"), "the hash of nothing");
}

#[test]
fn a_tail_that_was_cut_off_is_found() {
    let run = passed();
    let all = lines(&run);
    for left in [all.len() - 1, all.len() / 2] {
        write(&run, &all[..left]);
        let after =
            format!("the journal ends after {left} records, and report.json was made from {}", all.len());
        refused(&run, &[&after, "its end was cut off"]);
    }
}

#[test]
fn a_record_that_was_changed_is_found() {
    let run = passed();
    let all = lines(&run);
    let mut last = all.clone();
    let end = last.last_mut().unwrap();
    *end = end.replacen("\"at\":\"2026", "\"at\":\"2027", 1);
    write(&run, &last);
    refused(&run, &[&format!("journal.ndjson:{}: this record is not the one", all.len())]);
    let mut middle = all.clone();
    middle[20] = middle[20].replacen("\"at\":\"2026", "\"at\":\"2025", 1);
    write(&run, &middle);
    refused(&run, &["journal.ndjson:21: the record was changed: line 22 holds the hash"]);
}

fn write_report(run: &Run, report: &Value) {
    std::fs::write(run.folder.join("report.json"), report.to_string()).unwrap();
}

#[test]
fn a_report_of_another_time_is_not_judged() {
    let run = passed();
    let folder = run.folder.to_str().unwrap();
    let contents = journal::read(&run.folder).unwrap();
    let mut report = run.report.clone();
    // As it would be after a resume that was killed: the report is of the first part.
    report["journal"] = json!({ "records": 30, "head": contents.end_at(30).unwrap().head.to_string() });
    write_report(&run, &report);
    let (code, stdout, _) = told(&["gate", folder]);
    assert_eq!(code, 2, "{stdout}");
    assert!(stdout.contains("the journal goes on after this report was made (record 30 of"), "{stdout}");
    assert_eq!(told(&["report", folder]).0, 0, "the journal itself is whole");
    // Of another run.
    write_report(&run, &passed().report);
    refused(&run, &["this record is not the one that report.json was made from"]);
}

/// What cannot be compared is taken for itself, as it always was.
#[test]
fn one_file_alone_will_do() {
    let run = passed();
    let folder = run.folder.to_str().unwrap();
    let copy = run.folder.join("last-week.json");
    std::fs::copy(run.folder.join("report.json"), &copy).unwrap();
    let mut older = run.report.clone();
    older.as_object_mut().unwrap().remove("journal");
    write_report(&run, &older);
    assert_eq!(told(&["gate", folder]).0, 0, "of an older version");
    assert_eq!(told(&["report", folder]).0, 0);
    std::fs::write(run.folder.join("report.json"), "{\"schema\":").unwrap();
    let (code, stdout, stderr) = told(&["report", folder]);
    assert_eq!(code, 0);
    assert!(!stdout.is_empty() && stderr.contains("could not be seen"), "{stderr}");
    assert_eq!(told(&["gate", folder]).0, 2);
    std::fs::write(run.folder.join(FILE_NAME), "").unwrap();
    assert_eq!(told(&["gate", copy.to_str().unwrap()]).0, 0, "a copy stands for itself");
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Until `kill -9`, and no longer: nothing has to be removed by hand.
#[test]
fn the_journal_is_its_runs_own() {
    let drill = Drill::of("region-loss");
    let out = drill.next_out();
    let mut command = drill.command(&out, &["--output", "json", "--pace", "1"]);
    let mut run = Killed(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut events = BufReader::new(run.0.stdout.take().unwrap()).lines();
    events.by_ref().find(|line| line.as_ref().unwrap().contains("\"disaster_declared\"")).unwrap().unwrap();
    let reopen = |dir: &Path| Journal::reopen(dir, Durability::Buffered);
    let busy = reopen(&out).unwrap_err();
    assert!(matches!(busy, JournalError::Busy { .. }), "{busy}");
    #[cfg(target_os = "linux")]
    assert!(busy.to_string().contains(&format!("process {} is writing", run.0.id())), "{busy}");
    // Readers need no lock.
    let (code, json, stderr) = told(&["report", out.to_str().unwrap(), "--format", "json"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["verdict"], "error", "it has not ended");
    run.0.kill().unwrap();
    run.0.wait().unwrap();
    let (_, contents) = reopen(&out).unwrap();
    assert!(!contents.finished() && contents.end().records > 20);
}
