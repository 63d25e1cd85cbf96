//! `drillmaster serve` on a store in S3: processes that share nothing but the bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chrono::{DateTime, DurationRound as _, TimeDelta, Timelike as _, Utc};
use serde_json::{Value, json};

use support::drill::{self, Drill, drillmaster};
use support::peers::Bucket;
use support::serving::{SLOW, Serving, long, minutely, recorded, run_of};

const PLAYBOOK: &str = "orders-region-loss";

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_mins(5);

fn serve(drill: &Drill, bucket: &Bucket, args: &[&str]) -> Serving {
    let env: Vec<(&str, &str)> = bucket.env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Serving::with(drill, &[&["--store", bucket.url.as_str()], args].concat(), &env)
}

/// What lies in the bucket below a folder, by the rest of the key.
fn below(bucket: &Bucket, folder: &str) -> BTreeMap<String, Value> {
    let prefix = format!("{folder}/{PLAYBOOK}/");
    let keys = bucket.keys(&prefix);
    let read = |key: &String| serde_json::from_slice(&bucket.get(key)).unwrap();
    keys.iter().map(|key| (key.strip_prefix(&prefix).unwrap().to_owned(), read(key))).collect()
}

fn runs_in_store(bucket: &Bucket) -> Vec<String> {
    let mut command = drillmaster();
    command.envs(bucket.env.iter().map(|(name, value)| (name, value)));
    let output = command.args(["history", "--output", "json", "--store", &bucket.url]).output().unwrap();
    let history: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let runs = history["runs"].as_array().unwrap();
    runs.iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
}

fn runs_of(drill: &Drill) -> BTreeSet<String> {
    let folders = std::fs::read_dir(drill.folder().join("runs")).into_iter().flatten();
    let folders =
        folders.map(|entry| entry.unwrap().path()).filter(|path| path.join("journal.ndjson").exists());
    folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn two_machines_hold_each_drill_that_is_due_once() {
    const MISSED: u8 = 3;
    let bucket = Bucket::s3();
    // Somebody held the drill of some minutes ago, and then nobody served.
    let before =
        Utc::now().duration_trunc(TimeDelta::minutes(1)).unwrap() - TimeDelta::minutes(i64::from(MISSED) + 1);
    let gone = json!({ "id": "gone", "host": "another-machine", "pid": 1 });
    let claim = json!({ "due": before, "run": "a-run-before", "place": "/elsewhere", "holder": gone, "epoch": 1, "at": before });
    bucket.put(&format!("due/{PLAYBOOK}/{}.json", before.format("%Y%m%dT%H%M%SZ")), &claim.to_string());
    let machines = [minutely(Drill::good()), minutely(Drill::good())];
    let serving = [0, 1].map(|one| serve(&machines[one], &bucket, &["--catch-up", "all"]));
    let began = Instant::now();
    // None is under way at the end, nor about to begin: one that has just begun may be interrupted before
    // its journal.
    let all_ended = || {
        let now = Utc::now();
        let due = usize::try_from((now - before).num_minutes()).unwrap();
        let (held, claimed) = (runs_in_store(&bucket).len(), below(&bucket, "due").len() - 1);
        (held, claimed) == (due, due) && now.second() < 50
    };
    while !all_ended() {
        assert!(began.elapsed() < LIMIT, "the drills that were missed are not held");
        std::thread::sleep(Duration::from_millis(200));
    }
    for one in &serving {
        one.signal("TERM");
    }
    let seen = serving.map(|one| {
        let (code, seen) = one.end();
        assert_eq!(code, Some(0), "{seen}");
        seen
    });
    let claims = below(&bucket, "due");
    let (old, new): (Vec<_>, Vec<_>) = claims.values().partition(|claim| claim["run"] == "a-run-before");
    assert_eq!(old.len(), 1);
    // Every minute since, in turn, and each by one run.
    let due: Vec<DateTime<Utc>> = new.iter().map(|claim| instant(&claim["due"])).collect();
    let minutes: Vec<DateTime<Utc>> = (1..).map(|n| before + TimeDelta::minutes(n)).take(due.len()).collect();
    assert!(due.len() >= usize::from(MISSED) && due == minutes, "{due:?}\n{}", seen.concat());
    let claimed: BTreeSet<String> =
        new.iter().map(|claim| claim["run"].as_str().unwrap().to_owned()).collect();
    assert_eq!(claimed.len(), due.len());
    let [first, second] = machines.each_ref().map(runs_of);
    assert!(first.is_disjoint(&second), "{first:?} {second:?}");
    assert_eq!(first.union(&second).cloned().collect::<BTreeSet<_>>(), claimed);
    let mut kept = runs_in_store(&bucket);
    kept.sort();
    assert_eq!(kept, claimed.into_iter().collect::<Vec<_>>(), "each run was put into the store once");
    // Of each epoch of the lease there is one holder, and no epoch is missing.
    let mut epochs: Vec<u64> = below(&bucket, "leases")
        .keys()
        .map(|key| key.strip_suffix(".json").unwrap().parse().unwrap())
        .collect();
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=epochs.len() as u64).collect::<Vec<_>>());
}

/// A server whose drill is under way, and the id of the run.
#[cfg(target_os = "linux")]
fn recovering(drill: &Drill, bucket: &Bucket) -> (Serving, String) {
    let mut serving = serve(drill, bucket, &SLOW);
    let run = run_of(&serving.until("starts"));
    recorded(drill, &run, "step_started");
    (serving, run)
}

/// The store takes connections and never answers: nobody can renew a lease.
#[cfg(target_os = "linux")]
#[test]
fn a_store_that_hangs_ends_the_drill_with_its_lease() {
    let bucket = Bucket::s3();
    let drill = long();
    let (serving, _) = recovering(&drill, &bucket);
    bucket.moto().hang();
    let hung = Instant::now();
    // Its stderr ends once the drill has let go of it too.
    let (code, seen) = serving.end();
    bucket.moto().wake();
    assert_eq!(code, Some(3), "{seen}");
    assert!(seen.contains("a lease has run out: `serve` ends, and its drills with it"), "{seen}");
    // The fence falls at 11.25 s at the latest, and a request may hang for minutes.
    assert!(hung.elapsed() < Duration::from_secs(30), "{:?}", hung.elapsed());
}

#[cfg(target_os = "linux")]
#[test]
fn who_is_killed_loses_the_lease_to_another_once_it_has_run_out() {
    let bucket = Bucket::s3();
    let drill = long();
    let (first, run) = recovering(&drill, &bucket);
    // One in the same folder, and one on another machine, which has no folder of this run.
    let mut second = serve(&drill, &bucket, &SLOW);
    let elsewhere = long();
    let mut third = serve(&elsewhere, &bucket, &SLOW);
    third.until("due next at");
    first.signal("KILL");
    let last = below(&bucket, "leases").len();
    let killed = first.end().1;
    second.until("has the lease: waiting");
    second.until(&format!("{run} is resumed"));
    recorded(&drill, &run, "resumed");
    second.signal("TERM");
    second.until(&format!("{run} ended with exit code 130"));
    second.until("nothing runs any more");
    third.signal("TERM");
    let (second, third) = (second.end().1, third.end().1);
    assert!(!third.contains("starts") && !third.contains("is resumed"), "{killed}\n{second}\n{third}");
    assert_eq!(below(&bucket, "due").len(), 1, "the drill was claimed once");
    assert!(runs_of(&elsewhere).is_empty());
    let journal = drill::journal(&drill.folder().join("runs").join(&run));
    let count = |event: &str| journal.iter().filter(|record| record["event"] == event).count();
    let counts = (count("run_started"), count("resumed"), count("run_finished"));
    assert_eq!(counts, (1, 1, 1), "{killed}\n{second}\n{third}\n{:#?}", journal.last());
    // The lease lasts 10 s, and others wait for a quarter more. The clocks show whole seconds.
    let leases = below(&bucket, "leases");
    let lease = |epoch: usize| &leases[&format!("{epoch}.json")];
    let taken = (last..leases.len())
        .find(|epoch| lease(*epoch)["holder"]["id"] != lease(*epoch + 1)["holder"]["id"])
        .unwrap();
    let waited = instant(&lease(taken + 1)["at"]) - instant(&lease(taken)["at"]);
    assert!(waited >= TimeDelta::seconds(12), "{waited}: {leases:#?}");
}
