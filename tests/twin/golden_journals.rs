//! Journals of format 3 that version 0.1.0 wrote, before the types of events changed. The program
//! still makes the same reports from them, byte for byte, and resumes them. See
//! `tests/golden/journals/README.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use engine::sandbox::calls::survey;
use estate::PointKind;
use event::{Body, Phase, Stage};
use port::{Create, Kind};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn journals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journals")
}

/// The folders of the golden runs.
fn goldens() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(journals()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    all.sort();
    assert!(all.len() > 20, "{all:?}");
    all
}

fn name(golden: &Path) -> &str {
    golden.file_name().unwrap().to_str().unwrap()
}

fn report_of(run: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap()
}

fn drillmaster(args: &[&str], run: &Path) -> Output {
    support::places::drillmaster().args(args).arg(run).output().unwrap()
}

/// All complete records of all golden journals.
fn records() -> Vec<Value> {
    let read = |golden: PathBuf| std::fs::read_to_string(golden.join("journal.ndjson")).unwrap();
    let texts: Vec<String> = goldens().into_iter().map(read).collect();
    let lines = texts.iter().flat_map(|text| text.split_inclusive('\n'));
    lines.filter(|line| line.ends_with('\n')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_reports_are_the_same_bytes() {
    let mut differ = String::new();
    for golden in goldens() {
        let told = drillmaster(&["report", "--format", "json"], &golden);
        let stderr = String::from_utf8_lossy(&told.stderr);
        let expected = std::fs::read_to_string(golden.join("report.json")).unwrap();
        let found = String::from_utf8(told.stdout).unwrap();
        if told.status.code() != Some(0) {
            let _infallible = writeln!(differ, "{}: {}\n{stderr}", name(&golden), told.status);
        } else if found != expected {
            let _infallible = writeln!(differ, "{}:\n{}", name(&golden), difference(&expected, &found));
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

/// The lines that differ. Where lines were added or removed: the range from the first to the last
/// difference.
fn difference(expected: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let mut lines = Vec::new();
    if old.len() == new.len() {
        for (number, (old, new)) in old.iter().zip(&new).enumerate().filter(|(_, (old, new))| old != new) {
            let from = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count().saturating_sub(60);
            lines.push(format!("{:>5} - {}", number + 1, part(old, from)));
            lines.push(format!("{:>5} + {}", number + 1, part(new, from)));
        }
    } else {
        let before = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let ends = old.iter().skip(before).rev().zip(new.iter().skip(before).rev());
        let after = ends.take_while(|(a, b)| a == b).count();
        for (mark, all) in [('-', &old), ('+', &new)] {
            let changed = all.iter().enumerate().take(all.len() - after).skip(before);
            lines.extend(changed.map(|(number, line)| format!("{:>5} {mark} {}", number + 1, part(line, 0))));
        }
    }
    match lines.len() {
        0 => return "the ends of lines differ".to_owned(),
        count @ 51.. => lines.splice(50.., [format!("      … and {} lines more", count - 50)]).for_each(drop),
        _ => {}
    }
    lines.join("\n")
}

/// A playbook stands on one line of the journal.
fn part(line: &str, from: usize) -> String {
    line.chars().skip(from).take(160).collect()
}

#[test]
fn the_verdict_is_the_same() {
    for golden in goldens() {
        let told = drillmaster(&["gate"], &golden);
        let code = told.status.code().map(i64::from);
        let stdout = String::from_utf8_lossy(&told.stdout);
        assert_eq!(code, report_of(&golden)["exit_code"].as_i64(), "{}: {stdout}", name(&golden));
    }
}

/// A copy of the first `keep` records of a golden run, as a dead runner may have left it.
fn begun(golden: &Path, keep: usize) -> tempfile::TempDir {
    let run = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(golden.join("journal.ndjson")).unwrap();
    let kept: String = text.split_inclusive('\n').take(keep).collect();
    std::fs::write(run.path().join("journal.ndjson"), kept).unwrap();
    run
}

/// At whatever record the runner stopped, this program resumes the run and gets the same figures.
#[test]
fn what_was_begun_is_gone_on_with() {
    for wanted in ["everything", "throttled", "discarded", "denied", "az-loss", "account-loss"] {
        let golden = journals().join(wanted);
        let expected = report_of(&golden);
        let all = std::fs::read_to_string(golden.join("journal.ndjson")).unwrap().lines().count();
        for share in [1, 20, 40, 60, 80, 95] {
            let run = begun(&golden, (all * share / 100).max(1));
            let mut command = support::places::drillmaster();
            // The inputs that the golden runs had.
            command.env("TOKEN", "Zq7-not-to-be-seen").env("POINT", "orders-1h");
            let told = command.arg("resume").arg(run.path()).output().unwrap();
            let stderr = String::from_utf8_lossy(&told.stderr);
            let code = told.status.code().map(i64::from);
            assert_eq!(code, expected["exit_code"].as_i64(), "{wanted} after {share} %: {stderr}");
            let found = report_of(run.path());
            for figure in [
                "t0",
                "finished_at",
                "verdict",
                "reasons",
                "workloads",
                "steps",
                "checks",
                "phases",
                "denied_calls",
                "coverage",
                "teardown",
            ] {
                let (found, expected) = (wordless(&found[figure]), wordless(&expected[figure]));
                assert_eq!(found, expected, "{figure} of {wanted} after {share} %");
            }
        }
    }
}

/// A figure without the text that describes what a check saw. This text may change between
/// versions.
fn wordless(figure: &Value) -> Value {
    let mut figure = figure.clone();
    for row in figure.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        row.remove("observed");
        // A try that sees the same in other words is counted again.
        row.remove("tries");
    }
    figure
}

/// Resources that stood when the runner died, were kept, or were left behind are known to belong to
/// the run. The instance of `torn` has only an intent on record. Teardown finds it by its tag.
#[test]
fn what_stands_is_torn_down() {
    for (wanted, code) in [("torn", 130), ("kept", 0), ("left-behind", 4)] {
        let golden = journals().join(wanted);
        let run = begun(&golden, usize::MAX);
        let told = drillmaster(&["abort"], run.path());
        assert_eq!(told.status.code(), Some(code), "{wanted}: {}", String::from_utf8_lossy(&told.stderr));
        let teardown = &report_of(run.path())["teardown"];
        let left = if code == 4 { report_of(&golden)["teardown"]["left_behind"].clone() } else { json!([]) };
        assert_eq!(teardown["left_behind"], left, "{wanted}");
        let left = left.as_array().unwrap().len();
        assert_eq!((&teardown["created"], &teardown["deleted"]), (&json!(7), &json!(7 - left)), "{wanted}");
    }
}

/// The names of an enum's variants. Serde lists them when it is given an unknown one.
fn variants<T: DeserializeOwned>(asked: &Value) -> BTreeSet<String> {
    let Err(error) = T::deserialize(asked) else { panic!("{asked} is a variant") };
    let error = error.to_string();
    let (_, names) = error.split_once("expected one of ").unwrap_or_else(|| panic!("{error}"));
    let names: BTreeSet<String> = names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 1, "{error}");
    names
}

#[track_caller]
fn all_occur(wanted: &BTreeSet<String>, found: &BTreeSet<String>) {
    let missing: Vec<&String> = wanted.difference(found).collect();
    assert!(missing.is_empty(), "no golden journal has {missing:?}: see their README");
}

#[test]
fn every_kind_of_event_occurs() {
    let mut wanted = variants::<Body>(&json!({ "event": "none of them" }));
    assert!(wanted.remove("progress"), "it is told and never recorded");
    let found = records().iter().map(|record| record["event"].as_str().unwrap().to_owned()).collect();
    all_occur(&wanted, &found);
}

#[test]
fn every_kind_of_request_occurs() {
    let mut wanted = variants::<Create>(&json!({ "none of them": {} }));
    // Objects are requested in another way.
    wanted.insert("copy_objects".to_owned());
    let records = records();
    let intents = records.iter().filter(|record| record["event"] == "intent");
    let found = intents.flat_map(|intent| intent["what"].as_object().unwrap().keys().cloned()).collect();
    all_occur(&wanted, &found);
}

/// All texts under `key`, at any depth.
fn under(key: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(key).and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| under(key, value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| under(key, value, found)),
        _ => {}
    }
}

#[test]
fn every_kind_of_resource_point_phase_and_stage_occurs() {
    let none = json!("none of them");
    let records = records();
    let found = |event: &str, key: &str| {
        let mut found = BTreeSet::new();
        records.iter().filter(|record| record["event"] == event).for_each(|r| under(key, r, &mut found));
        found
    };
    for event in ["created", "deleted"] {
        all_occur(&variants::<Kind>(&none), &found(event, "kind"));
    }
    let mut points = variants::<PointKind>(&none);
    // No action restores from these, so no run looks for them.
    for unused in PointKind::ALL.iter().filter(|kind| survey(**kind, None).is_empty()) {
        let name = serde_json::to_value(unused).unwrap();
        assert!(points.remove(name.as_str().unwrap()));
    }
    all_occur(&points, &found("point_seen", "kind"));
    all_occur(&variants::<Phase>(&none), &found("phase_started", "phase"));
    all_occur(&variants::<Stage>(&none), &found("isolation", "stage"));
}

/// Each golden run has a row that explains it, and each row has a golden run.
#[test]
fn the_readme_names_each() {
    let readme = std::fs::read_to_string(journals().join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let rows: BTreeSet<&str> = rows.collect();
    let goldens = goldens();
    assert_eq!(rows, goldens.iter().map(|golden| name(golden)).collect());
    assert!(readme.lines().all(|line| line.chars().count() <= 100));
}
