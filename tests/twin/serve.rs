//! `drillmaster serve`: drills that are due are held by processes of its own. What happens when clocks
//! jump and instances die is in `history::keeper`; here real processes die.

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::drill::{self, Drill, told};
use support::serving::{SLOW, Serving, long, minutely, recorded, run_of, yearly};

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

/// The folders of runs.
fn runs(drill: &Drill) -> Vec<PathBuf> {
    names(&drill.folder().join("runs"))
        .into_iter()
        .filter(|path| path.join("journal.ndjson").exists())
        .collect()
}

fn claims(drill: &Drill) -> Vec<Value> {
    let of_playbooks = names(&drill.folder().join("runs/due"));
    let claims = of_playbooks.iter().flat_map(|folder| names(folder));
    claims.map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()).collect()
}

#[test]
fn a_drill_of_each_minute_is_held_and_put_into_the_store() {
    let drill = minutely(Drill::good());
    let mut serving = Serving::start(&drill, &["--", "--seed", "3"]);
    let first = run_of(&serving.until("starts"));
    serving.until(&format!("{first} ended with exit code 0"));
    let second = run_of(&serving.until("starts"));
    serving.until(&format!("{second} ended with exit code 0"));
    serving.signal("TERM");
    serving.until("nothing runs any more");
    let (code, seen) = serving.end();
    assert_eq!(code, Some(0), "{seen}");
    let claims = claims(&drill);
    assert!(claims.len() >= 2, "{claims:?}");
    let due: Vec<&str> = claims.iter().map(|claim| claim["due"].as_str().unwrap()).collect();
    assert!(due[0] < due[1] && due.iter().all(|due| due.ends_with(":00Z")), "{due:?}");
    let held: Vec<&str> = claims.iter().map(|claim| claim["run"].as_str().unwrap()).collect();
    let runs = runs(&drill);
    let mut folders: Vec<&str> = runs.iter().map(|run| run.file_name().unwrap().to_str().unwrap()).collect();
    folders.sort_unstable();
    let mut sorted = held.clone();
    sorted.sort_unstable();
    assert_eq!(folders, sorted, "each claim has one run");
    for run in &runs {
        let started = &drill::journal(run)[0];
        assert_eq!(started["run_id"], run.file_name().unwrap().to_str().unwrap());
        assert_eq!(started["seed"], 3, "the options after `--` are those of the run");
    }
    let place = drill.folder().join("runs");
    let (code, out, err) = told(&["history", "--store", place.to_str().unwrap(), "--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let history: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(history["runs"].as_array().unwrap().len(), runs.len(), "leases and claims are no runs");
}

#[test]
fn an_interruption_tears_the_drill_down_and_waits() {
    let drill = long();
    let mut serving = Serving::start(&drill, &SLOW);
    let run = run_of(&serving.until("starts"));
    recorded(&drill, &run, "step_started");
    serving.signal("TERM");
    serving.until(&format!("{run} ended with exit code 130"));
    let (code, seen) = serving.end();
    assert_eq!(code, Some(0), "{seen}");
    let journal = drill::journal(&drill.folder().join("runs").join(&run));
    let events: Vec<&str> = journal.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert!(events.contains(&"interrupted") && events.last() == Some(&"run_finished"), "{events:?}");
    let leases = names(&drill.folder().join("runs/leases/orders-region-loss"));
    let released = |path: &PathBuf| std::fs::read_to_string(path).unwrap().contains("released");
    assert_eq!(leases.iter().filter(|path| released(path)).count(), 1, "the lease was given back");
    // It was held: it does not begin a second time.
    let mut again = Serving::start(&drill, &SLOW);
    again.until("due next at");
    again.signal("TERM");
    let (_, seen) = again.end();
    assert!(!seen.contains("starts"), "{seen}");
    assert_eq!(claims(&drill).len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn the_run_of_a_killed_server_dies_with_it_and_is_resumed_once() {
    let drill = long();
    let mut first = Serving::start(&drill, &SLOW);
    let run = run_of(&first.until("starts"));
    recorded(&drill, &run, "step_started");
    first.signal("KILL");
    // Its stderr ends once the drill has let go of it too.
    let (_, seen) = first.end();
    assert!(!seen.contains("ended"), "{seen}");
    // Two others: one resumes it once the lease has run out.
    let mut second = Serving::start(&drill, &SLOW);
    let third = Serving::start(&drill, &SLOW);
    let journal = drill.folder().join("runs").join(&run);
    recorded(&drill, &run, "resumed");
    let count =
        |event: &str| drill::journal(&journal).iter().filter(|record| record["event"] == event).count();
    assert_eq!((count("run_started"), count("resumed")), (1, 1));
    assert_eq!(claims(&drill).len(), 1);
    second.signal("TERM");
    third.signal("TERM");
    second.until("nothing runs any more");
    let seen = [second.end().1, third.end().1].concat();
    assert_eq!(seen.matches("is resumed").count(), 1, "{seen}");
    assert_eq!(count("run_finished"), 1);
    assert_eq!(runs(&drill).len(), 1);
}

#[test]
fn what_cannot_be_served_is_said_at_the_start() {
    let drill = Drill::good();
    let path = drill.write();
    let path = path.to_str().unwrap();
    let (code, _, err) = told(&["serve", path]);
    assert!(code == 2 && err.contains("does not say when it is due: write `schedule: quarterly`"), "{err}");
    let drill = yearly(Drill::good());
    let path = drill.write();
    let path = path.to_str().unwrap();
    for (args, why) in [
        (&[path, "--", "--out", "x"][..], "the options after `--`"),
        (&[path, "--", "--sed", "1"], "the options after `--`"),
        (&[path, "--lease", "1s"], "a lease lasts at least 10s"),
        (&[path, path], "two playbooks have the name `orders-region-loss`"),
        (&[path, "--catch-up", "some"], "possible values: last, all, none"),
    ] {
        let (code, out, err) = told(&[&["serve"], args].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(why), "{args:?}: {err}");
    }
}
