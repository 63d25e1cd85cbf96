//! The estate that `discover` finds at the peer, as a file for tests without the peer: one resource
//! or recovery point a line. `tests/aws/discover.rs` compares it with what was seeded.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::places::at;

pub fn path() -> PathBuf {
    at("tests/insight/discovered.yaml")
}

/// The lines before the resources, the resources, and the recovery points.
fn parts() -> (String, Vec<Value>, Vec<Value>) {
    let text = std::fs::read_to_string(path()).unwrap();
    let (head, rest) = text.split_once("resources:\n").unwrap();
    let (resources, points) = rest.split_once("recovery_points:\n").unwrap();
    // YAML holds JSON.
    let entries = |part: &str| -> Vec<Value> {
        part.lines().map(|line| serde_json::from_str(line.strip_prefix("  - ").unwrap()).unwrap()).collect()
    };
    (head.to_owned(), entries(resources), entries(points))
}

/// The resources and the recovery points.
pub fn entries() -> (Vec<Value>, Vec<Value>) {
    let (_, resources, points) = parts();
    (resources, points)
}

/// Asserts that the file holds the resources and points of a seeded estate. `INSTA_UPDATE=always`
/// writes them.
#[track_caller]
pub fn holds(seeded: &Value) {
    let list = |key: &str| seeded[key].as_array().unwrap().clone();
    let (resources, points) = (list("resources"), list("points"));
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        let (mut text, _, _) = parts();
        for (key, entries) in [("resources", &resources), ("recovery_points", &points)] {
            let _infallible = writeln!(text, "{key}:");
            for entry in entries {
                let _infallible = writeln!(text, "  - {entry}");
            }
        }
        std::fs::write(path(), text).unwrap();
    }
    let (kept_resources, kept_points) = entries();
    for (kept, seeded) in [(kept_resources, resources), (kept_points, points)] {
        let (kept, seeded) = (lines(&kept), lines(&seeded));
        let differ: Vec<&String> = kept.symmetric_difference(&seeded).take(9).collect();
        assert!(differ.is_empty(), "{}: {differ:#?}; INSTA_UPDATE=always writes it", path().display());
    }
}

/// Each entry as a text, whatever the order of its keys.
fn lines(entries: &[Value]) -> BTreeSet<String> {
    entries.iter().map(|entry| sorted(entry).to_string()).collect()
}

fn sorted(value: &Value) -> Value {
    let Value::Object(keys) = value else { return value.clone() };
    let mut keys: Vec<(String, Value)> =
        keys.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(Map::from_iter(keys))
}
