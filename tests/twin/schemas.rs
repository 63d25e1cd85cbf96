//! The published schemas of report.json and of events describe what the program writes.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use support::drill::Drill;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn published(name: &str) -> Validator {
    let path = Path::new(ROOT).join(format!("reports/schema/{name}.json"));
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn golden_runs() -> Vec<PathBuf> {
    let folder = Path::new(ROOT).join("tests/golden/journals");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let runs: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    assert!(runs.len() > 20, "{runs:?}");
    runs
}

#[track_caller]
fn fits(schema: &Validator, value: &Value, place: &str) {
    let wrong: Vec<String> =
        schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{place}: {wrong:#?}");
}

#[test]
fn every_golden_report_fits_its_schema() {
    let schema = published("report");
    for run in golden_runs() {
        let path = run.join("report.json");
        let report: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        fits(&schema, &report, &path.display().to_string());
        let mut other = report;
        other["verdict"] = "splendid".into();
        assert!(!schema.is_valid(&other), "a verdict that does not exist fits the schema");
    }
}

#[test]
fn every_golden_event_fits_its_schema() {
    let schema = published("events");
    for run in golden_runs() {
        let journal = fs::read_to_string(run.join("journal.ndjson")).unwrap();
        // A torn last line is not a record.
        for (number, line) in journal.split_inclusive('\n').filter(|line| line.ends_with('\n')).enumerate() {
            let event: Value = serde_json::from_str(line).unwrap();
            fits(&schema, &event, &format!("{}:{}", run.display(), number + 1));
            let mut other = event;
            other["event"] = "miracle".into();
            assert!(!schema.is_valid(&other), "an event that does not exist fits the schema");
        }
    }
}

#[test]
fn what_commands_print_fits_its_schema() {
    let at = |name: &str| support::places::at(name).display().to_string();
    let (estate, playbook) = (at("drills/estate.yaml"), at("drills/region-loss.yaml"));
    let quarterly = Drill::good().playbook("\nworkloads:", "\nschedule: quarterly\n\nworkloads:");
    let scheduled = quarterly.write().display().to_string();
    for (schema, args) in [
        ("plan", &["plan", &playbook][..]),
        ("plan", &["plan", "--estate", &estate, "--lose", "region=us-east-1"]),
        ("matrix", &["plan", "--estate", &estate, "--lose-each", "region"]),
        ("matrix", &["plan", &playbook, "--lose-each", "az"]),
        ("forecast", &["forecast", &playbook, "--runs", "20"]),
        ("schedule", &["schedule", "next", &scheduled, "--from", "2026-01-31T08:00:00Z"]),
    ] {
        let (_, out, err) = support::drill::told(&[args, &["--output", "json"]].concat());
        let printed: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {err}"));
        assert_eq!(printed["schema"], format!("drillmaster/{schema}/v1"));
        let schema = published(schema);
        fits(&schema, &printed, &format!("{args:?}"));
        for key in printed.as_object().unwrap().keys() {
            let mut other = printed.clone();
            other[key] = serde_json::json!({ "no": ["such", "thing"] });
            // The keys of `lose` are free.
            assert!(key == "lose" || !schema.is_valid(&other), "{args:?}: anything fits as {key}");
        }
    }
}
