//! Random drills of the twin, compared with an independent reckoning. The report must say what the
//! documents say.
//!
//! `RECKONING_SEEDS=2000` judges more drills, `RECKONING_SEED=17` only this one. Both together
//! judge that many from this one on. A drill that disagrees is kept in a folder, with its seed.

mod compare;
mod drill;
mod generate;
mod reckon;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use support::drill::{START, drillmaster};
use support::rehearsal::report_of;

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

/// Returns the disagreements, with a folder in which the drill can be run again.
fn judge(seed: u64) -> Option<String> {
    let drill = generate::drill(seed);
    let folder = tempfile::tempdir().unwrap();
    let playbook = written(folder.path(), &drill);
    // The report is much faster within this process. The program does the same and is run now and
    // then.
    let report = || if seed.is_multiple_of(25) { of_the_program(&playbook) } else { report_of(&playbook) };
    let found = match catch_unwind(AssertUnwindSafe(report)) {
        Ok(report) => compare::compare(&drill, &drill.reckon(), &report),
        Err(_) => vec!["it came to no report: see the panic".to_owned()],
    };
    if found.is_empty() {
        return None;
    }
    let kept: PathBuf = folder.keep();
    Some(format!("seed {seed}, kept in {}:\n  {}", kept.display(), found.join("\n  ")))
}

#[test]
fn an_independent_reckoning_agrees_with_the_report() {
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = asked("RECKONING_SEED");
    let seeds = asked("RECKONING_SEEDS").unwrap_or(if first.is_some() { 1 } else { 200 });
    let first = first.unwrap_or(0);
    let (next, found) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    found.lock().unwrap().extend(judge(seed));
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{} of {seeds} drills disagree:\n{}", found.len(), found.join("\n"));
}
