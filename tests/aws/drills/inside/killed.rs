//! `kill -9` in the middle of a drill with a probe, then `resume` or `abort`. Nothing is left, and the
//! network goes when Lambda lets it go.

use std::time::Duration;

use serde_json::{Value, json};

use super::small::Small;
use crate::drills::killed::{Dice, is_of, number};

/// How many runs are killed. `KILLS=200` runs the long test, and `SEED=17` begins with another seed.
const KILLS: u64 = 3;

#[tokio::test]
async fn killed_runs_with_a_probe_are_finished_or_undone() {
    let small = Small::open(0.5, 2.0).await;
    let moto = &small.closet.moto;
    let whole = small.drill("2m").run();
    whole.ends(0, "passed");
    whole.nothing_is_left(moto, &small.before);
    eprintln!("a whole drill takes {:?}", whole.took);
    let longest = u64::try_from(whole.took.as_millis()).unwrap();

    let first = number("SEED").unwrap_or(0);
    let (mut resumed, mut aborted, mut torn_down, mut unbegun, mut over) = (0, 0, 0, 0, 0);
    for seed in first..first + number("KILLS").unwrap_or(KILLS) {
        let mut dice = Dice::of(seed);
        let abort = dice.below(3) == 0;
        let run = small.drill("2m").start();
        tokio::time::sleep(Duration::from_millis(dice.below(longest))).await;
        run.signal("KILL");
        let dead = run.end();
        if dead.exit.is_some() {
            eprintln!("seed {seed}: it was over before");
            over += 1;
            continue;
        }
        let begun = std::fs::read_to_string(dead.file("out/journal.ndjson")).is_ok_and(|j| j.contains('\n'));
        let lived = dead.took;
        let done = dead.then(moto.endpoint(), &[if abort { "abort" } else { "resume" }, "out"]).run();
        let said = format!("seed {seed}: {}", done.told());
        if !begun {
            assert_eq!(done.exit, Some(2), "{said}");
            eprintln!("seed {seed}: killed before it began");
            unbegun += 1;
            continue;
        }
        let run = done.report["run_id"].as_str().unwrap_or_else(|| panic!("no report: {said}"));
        let state = moto.state();
        let left: Vec<&Value> =
            state["resources"].as_array().unwrap().iter().filter(|r| is_of(r, run)).collect();
        assert!(left.is_empty(), "{left:?} is left: {said}");
        assert_eq!(done.report["teardown"]["left_behind"], json!([]), "{said}");
        let then = if abort { "abort" } else { "resume" };
        eprintln!("seed {seed}: killed after {lived:?}, then {then}: exit {:?}", done.exit);
        if abort {
            assert!([Some(130), Some(0)].contains(&done.exit), "{said}");
            aborted += 1;
        } else if done.exit == Some(130) {
            torn_down += 1;
        } else {
            assert_eq!(done.exit, Some(0), "{said}");
            resumed += 1;
        }
    }
    assert_eq!(moto.state().to_string(), small.before.to_string());
    eprintln!(
        "{resumed} resumed and passed, {torn_down} torn down by resume, {aborted} aborted, {unbegun} killed before they began, {over} over before"
    );
}
