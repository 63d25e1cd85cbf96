//! A journal and the report made from it. A change to either, or a cut, is detected. Also: who
//! writes the journal.

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

/// `gate` does not judge the run, as itself or as a baseline, and `report` renders nothing.
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
    // The state after a resume that was killed: the report covers only the first part.
    let all = lines(&run);
    let begun = run.folder.join("begun");
    std::fs::create_dir(&begun).unwrap();
    std::fs::write(begun.join(FILE_NAME), all[..30].concat()).unwrap();
    let (code, first, _) = told(&["report", begun.to_str().unwrap(), "--format", "json"]);
    assert_eq!(code, 0);
    std::fs::write(run.folder.join("report.json"), &first).unwrap();
    for command in ["gate", "report"] {
        assert_eq!(told(&[command, folder]).0, 0, "the journal is judged, to its end");
    }
    // A report with figures that do not follow from the first part.
    report["journal"] = json!({ "records": 30, "head": contents.end_at(30).unwrap().head.to_string() });
    write_report(&run, &report);
    refused(&run, &["`verdict`: the report says \"passed\", the journal says \"error\""]);
    // The report of another run.
    write_report(&run, &passed().report);
    refused(&run, &["this record is not the one that report.json was made from"]);
}

/// The journal is what is judged. A report without its journal does not count.
#[test]
fn a_report_without_its_journal_is_not_judged() {
    let run = passed();
    let folder = run.folder.to_str().unwrap();
    let copy = run.folder.join("last-week.json");
    std::fs::copy(run.folder.join("report.json"), &copy).unwrap();
    assert_eq!(told(&["gate", copy.to_str().unwrap()]).0, 0, "its journal lies beside it");
    std::fs::write(run.folder.join("report.json"), "{\"schema\":").unwrap();
    let (code, stdout, stderr) = told(&["report", folder]);
    assert_eq!(code, 0);
    assert!(!stdout.is_empty() && stderr.contains("could not be seen"), "{stderr}");
    assert_eq!(told(&["gate", folder]).0, 2);
    std::fs::remove_file(run.folder.join("report.json")).unwrap();
    for command in ["gate", "report"] {
        assert_eq!(told(&[command, folder]).0, 0, "the journal is enough");
    }
    std::fs::copy(&copy, run.folder.join("report.json")).unwrap();
    std::fs::remove_file(run.folder.join(FILE_NAME)).unwrap();
    refused(&run, &["there is no journal", "copy the whole folder"]);
    std::fs::write(run.folder.join(FILE_NAME), "").unwrap();
    refused(&run, &["does not tell of a run"]);
}

/// The places of a JSON value, each kind of place once. A list counts with its first entry.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    if !at.is_empty() {
        found.push(at.to_owned());
    }
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| {
                places(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            });
        }
        Value::Array(list) => list.iter().take(1).for_each(|value| places(value, &format!("{at}/0"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Another value of the same kind, if there is one.
fn another(value: &Value) -> Value {
    match value {
        Value::Null => json!(1),
        Value::Bool(is) => json!(!is),
        Value::Number(number) => {
            number.as_u64().map_or_else(|| json!(number.as_f64().unwrap() + 1.0), |n| json!(n + 1))
        }
        Value::String(text) => json!(format!("{text}x")),
        Value::Array(list) if list.is_empty() => json!(["x"]),
        Value::Array(_) => json!([]),
        Value::Object(map) if map.is_empty() => json!({ "x": "y" }),
        Value::Object(map) => {
            let mut more = map.clone();
            more.insert("unheard-of".to_owned(), json!(1));
            Value::Object(more)
        }
    }
}

/// `gate`, the baseline and `report` refuse every report with a changed, added or removed field.
#[test]
fn each_field_of_a_report_is_held_to_the_journal() {
    // A short run, because it is read again for each change.
    let golden = support::places::at("tests/golden/journals/failed-check");
    let dir = tempfile::tempdir().unwrap();
    for file in [FILE_NAME, "report.json"] {
        std::fs::copy(golden.join(file), dir.path().join(file)).unwrap();
    }
    let folder = dir.path().to_str().unwrap();
    let file = dir.path().join("report.json");
    let sound: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let write = |report: &Value| std::fs::write(&file, report.to_string()).unwrap();
    let mut all = Vec::new();
    places(&sound, "", &mut all);
    assert!(all.len() > 100, "{all:?}");
    for place in &all {
        let mut changed = sound.clone();
        let value = changed.pointer_mut(place).unwrap();
        *value = another(value);
        let mut without = sound.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match without.pointer_mut(parent).unwrap() {
            Value::Object(map) => drop(map.shift_remove(&key.replace("~1", "/").replace("~0", "~"))),
            Value::Array(list) => drop(list.remove(0)),
            _ => unreachable!(),
        }
        for report in [changed, without] {
            write(&report);
            let (code, text) = crate::gate::cli(&[folder]);
            assert_eq!(code, 2, "{place}: {text}");
            assert!(text.contains("report.json"), "{place}: {text}");
        }
    }
    // A report that was formatted as JSON in another way is still the same report.
    write(&sound);
    assert_eq!(crate::gate::cli(&[folder]).0, 1);
}

/// An edit turns a failed run into a passed one. All commands refuse it and name each field.
#[test]
fn a_report_that_flatters_is_refused_by_all_commands() {
    let run = Drill::of("region-loss").run();
    let mut edited = run.report.clone();
    edited["verdict"] = json!("passed");
    edited["workloads"][0]["rpo"]["objective_s"] = json!(86400.0);
    edited["teardown"]["left_behind"] = json!(["ec2:vpc/vpc-1"]);
    write_report(&run, &edited);
    refused(&run, &["`verdict`", "`workloads[orders].rpo.objective_s`", "`teardown.left_behind[0]`"]);
}

/// Something other than a plain file is named in an error, and no command hangs.
#[test]
fn a_journal_or_a_report_that_is_no_file_hangs_nobody() {
    use std::os::unix::fs::symlink;
    type Make = fn(&Path, &Path);

    let run = passed();
    let folder = run.folder.to_str().unwrap();
    let sound = passed();
    let copy = run.folder.join("copy");
    let kinds: [(&str, Make); 5] = [
        ("a pipe", |at, _| assert!(std::process::Command::new("mkfifo").arg(at).status().unwrap().success())),
        ("a link", |at, copy| symlink(copy, at).unwrap()),
        ("a link", |at, _| symlink("/dev/zero", at).unwrap()),
        ("a folder", |at, _| std::fs::create_dir(at).unwrap()),
        ("a socket", |at, _| drop(std::os::unix::net::UnixListener::bind(at).unwrap())),
    ];
    for file in [FILE_NAME, "report.json"] {
        let at = run.folder.join(file);
        std::fs::rename(&at, &copy).unwrap();
        for (kind, make) in kinds {
            make(&at, &copy);
            let is = format!("is {kind}, not a file");
            let mut refusing = vec![
                vec!["gate", folder],
                vec!["gate", sound.folder.to_str().unwrap(), "--baseline", folder],
            ];
            if file == FILE_NAME {
                refusing.extend([vec!["report", folder], vec!["resume", folder], vec!["abort", folder]]);
            } else {
                let (code, _, stderr) = told(&["report", folder]);
                assert!(code == 0 && stderr.contains(&is), "the journal is enough: {stderr}");
            }
            for args in refusing {
                let (code, stdout, stderr) = told(&args);
                let said = stdout + &stderr;
                assert!(code == 2 && said.contains(&is) && said.contains(file), "{args:?}: {said}");
            }
            if kind == "a folder" {
                std::fs::remove_dir(&at).unwrap();
            } else {
                std::fs::remove_file(&at).unwrap();
            }
        }
        std::fs::rename(&copy, &at).unwrap();
    }
    assert_eq!(told(&["gate", folder]).0, 0);
}

/// After `kill -9`, each format says what never ran and what to do.
#[test]
fn a_run_whose_runner_died_is_told_as_one() {
    let golden = support::places::at("tests/golden/journals");
    for (name, teardown) in [("killed", "never ran"), ("resumed-teardown", "did not come to its end")] {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(golden.join(name).join(FILE_NAME)).unwrap();
        let until = text.lines().position(|line| line.contains("\"resumed\"")).unwrap_or(usize::MAX);
        let begun: String = text.split_inclusive('\n').take(until).collect();
        std::fs::write(folder.path().join(FILE_NAME), begun).unwrap();
        let path = folder.path().to_str().unwrap();
        let next = [format!("`drillmaster resume {path}`"), format!("`drillmaster abort {path}`")];
        let (code, text) = crate::gate::cli(&[path]);
        assert_eq!(code, 4, "{text}");
        assert!(next.iter().all(|next| text.contains(next)) && text.contains(teardown), "{text}");
        assert!(!text.contains("teardown left"), "{text}");
        for format in ["text", "markdown", "html", "junit", "json"] {
            let (code, stdout, stderr) = told(&["report", path, "--format", format]);
            assert_eq!(code, 0, "{stderr}");
            assert!(next.iter().all(|next| stderr.contains(next)), "{stderr}");
            let words = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                words.contains("drillmaster resume") && words.contains("drillmaster abort"),
                "{format}: {words}"
            );
            assert!(words.contains(teardown), "{format}: {words}");
            assert!(
                !words.contains("nothing left behind") && !words.contains("teardown left"),
                "{format}: {words}"
            );
        }
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // The run has already ended, unless the test failed.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// The lock ends with `kill -9`. Nothing has to be removed by hand.
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
