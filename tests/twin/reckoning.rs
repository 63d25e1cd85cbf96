//! Random drills of the twin, compared with an independent reckoning. The report must say what the
//! documents say.
//!
//! `RECKONING_SEEDS=2000` judges more drills, `RECKONING_SEED=17` only this one. Both together
//! judge that many from this one on. A drill that disagrees is kept in a folder, with its seed.

mod compare;
mod drill;
mod generate;
mod reckon;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use support::drill::{START, drillmaster};
use support::rehearsal::{Given, loaded, read_back, rehearse, report_of};
use tally::Tally;
use twin::Unanswered;

/// The number of seeds that a usual test run judges.
const SEEDS: u64 = 300;

fn written(folder: &Path, drill: &drill::Drill) -> PathBuf {
    let playbook = folder.join("playbook.yaml");
    std::fs::write(&playbook, drill.playbook()).unwrap();
    std::fs::write(folder.join("estate.yaml"), drill.estate()).unwrap();
    std::fs::write(folder.join("stack.yaml"), drill::STACK).unwrap();
    playbook
}

/// The report that the program writes. It must hold the program's exit code.
fn of_the_program(playbook: &Path) -> Value {
    let out = playbook.with_file_name("run");
    let mut command = drillmaster();
    command.arg("run").arg(playbook).arg("--out").arg(&out).args(["--start", START]);
    let ended = command.output().unwrap();
    let report = std::fs::read(out.join("report.json"));
    let report = report.unwrap_or_else(|_| panic!("no report:\n{}", String::from_utf8_lossy(&ended.stderr)));
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["exit_code"].as_i64(), ended.status.code().map(i64::from));
    report
}

/// The report of a run whose runner died after some record, and that another one went on with.
fn of_two_runners(playbook: &Path, seed: u64) -> Value {
    let (playbook, given) = (loaded(playbook), Given::default());
    let whole = rehearse(&playbook, &given, &[], Unanswered::Done).events;
    let died = usize::try_from(seed / 3).unwrap() % (whole.len() - 1);
    let left = rehearse(&playbook, &given, &read_back(&whole[..=died]), Unanswered::Done);
    serde_json::to_value(&left.report).unwrap()
}

/// Counts what the drill contains. Returns the disagreements, with a folder in which the drill can
/// be run again.
fn judge(seed: u64, tally: &mut Tally) -> Option<String> {
    let drill = generate::drill(seed);
    let folder = tempfile::tempdir().unwrap();
    let playbook = written(folder.path(), &drill);
    // The report is much faster within this process. The program does the same and is run now and
    // then.
    let report = || match seed % 25 {
        0 => of_the_program(&playbook),
        n if n % 5 == 1 => of_two_runners(&playbook, seed),
        _ => report_of(&playbook),
    };
    let found = match catch_unwind(AssertUnwindSafe(report)) {
        Ok(report) if report["t0"].is_null() => {
            tally.add_error();
            not_ready(&drill, &report)
        }
        Ok(report) => {
            let reckoned = drill.reckon(deadline(&drill, &report));
            tally.add(&drill, &reckoned);
            compare::compare(&drill, &reckoned, &report)
        }
        Err(_) => vec!["it came to no report: see the panic".to_owned()],
    };
    if found.is_empty() {
        return None;
    }
    let kept: PathBuf = folder.keep();
    Some(format!("seed {seed}, kept in {}:\n  {}", kept.display(), found.join("\n  ")))
}

/// A drill whose ttl ends while the harness still makes its replicas declares no disaster.
fn not_ready(drill: &drill::Drill, report: &Value) -> Vec<String> {
    let replicas = drill
        .nodes
        .iter()
        .any(|node| matches!(&node.what, drill::What::Step(step) if step.uses == "rds.promote_replica"));
    let told = (report["verdict"].as_str(), report["exit_code"].as_i64());
    if drill.ttl < drill::DAY && replicas && told == (Some("error"), Some(3)) {
        return Vec::new();
    }
    vec![format!("no disaster was declared: {told:?}, {}", report["reasons"])]
}

/// When the sandbox's ttl ends, counted from T0. It begins with the run. How long the harness takes
/// before T0 is no part of the reckoning.
fn deadline(drill: &drill::Drill, report: &Value) -> i64 {
    let at = |key: &str| chrono::DateTime::parse_from_rfc3339(report[key].as_str().unwrap()).unwrap();
    drill.ttl - (at("t0") - at("started_at")).num_milliseconds()
}

#[test]
fn an_independent_reckoning_agrees_with_the_report() {
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = asked("RECKONING_SEED");
    let seeds = asked("RECKONING_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let first = first.unwrap_or(0);
    let (next, found, tally) = (AtomicU64::new(first), Mutex::new(Vec::new()), Mutex::new(Tally::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Tally::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    let disagrees = judge(seed, &mut own);
                    found.lock().unwrap().extend(disagrees);
                }
                tally.lock().unwrap().merge(own);
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{} of {seeds} drills disagree:\n{}", found.len(), found.join("\n"));
    // A drill that occurs in no seed is judged by nobody.
    if seeds >= SEEDS {
        let missing = tally.into_inner().unwrap().missing(seeds);
        assert!(missing.is_empty(), "{seeds} seeds hold too few of these:\n{}", missing.join("\n"));
    }
}
