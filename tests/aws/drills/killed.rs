//! `kill -9` in the middle of a drill, then `drillmaster resume` or `abort`. Nothing is created
//! twice, and nothing is left behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::closet::Closet;
use super::drill::{Done, Drill};

/// How many runs are killed. `KILLS=200` runs the long test, and `SEED=17` begins with another
/// seed.
const KILLS: u64 = 6;
const AT_ONCE: usize = 6;
const LONGEST: u64 = 12_000;

/// Reads a number from the environment.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Whether a resource of the peer's state carries this run's tag.
pub fn is_of(resource: &Value, run: &str) -> bool {
    resource["tags"]["drillmaster:run"] == run
}

pub fn playbook(closet: &Closet) -> String {
    let steps =
        include_str!("killed.yaml").replace("SNAPSHOT", &closet.snapshot).replace("IMAGE", &closet.image);
    Closet::head("killed") + &steps
}

pub fn start(closet: &Closet, playbook: &str) -> Drill {
    start_at(closet.moto.endpoint(), playbook)
}

/// A drill that uses an endpoint other than the peer's own.
pub fn start_at(endpoint: &str, playbook: &str) -> Drill {
    let drill = Drill::new(playbook, endpoint);
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills/orders.stack.yaml");
    drill.file("orders.stack.yaml", &std::fs::read_to_string(stack).unwrap());
    drill
}

/// How many resources of each kind the run has created, according to its journal.
pub fn made(done: &Done) -> BTreeMap<String, usize> {
    let mut made = BTreeMap::new();
    for (kind, _) in done.created() {
        *made.entry(kind).or_default() += 1;
    }
    made
}

#[tokio::test]
async fn killed_runs_are_finished_or_undone() {
    let kills = number("KILLS").unwrap_or(KILLS);
    let closet = Closet::open(0.5).await;
    let before = closet.moto.state();
    let playbook = playbook(&closet);
    let whole = start(&closet, &playbook).run();
    whole.ends(0, "passed");
    whole.nothing_is_left(&closet.moto, &before);
    let expected = made(&whole);

    let first = number("SEED").unwrap_or(0);
    let running = futures_util::stream::iter(first..first + kills)
        .map(|seed| killed(&closet, &playbook, &expected, Dice::of(seed)));
    let mut running = running.buffer_unordered(AT_ONCE);
    let mut all = Tally::default();
    while let Some(one) = running.next().await {
        all.add(&one);
        if (all.resumed + all.aborted) % 20 == 0 {
            eprintln!("so far {all:?}");
        }
    }
    assert_eq!(closet.moto.state().to_string(), before.to_string());
    eprintln!("{all:?}; each that was resumed made {expected:?}");
}

#[derive(Debug, Default)]
struct Tally {
    resumed: u64,
    aborted: u64,
    /// Runs that were killed before they had written anything.
    nothing_begun: u64,
    /// Runs that a resume tore down, because their records say so.
    torn_down: u64,
    /// Runs that ended before they could be killed, and were tried again.
    over: u64,
}

impl Tally {
    fn add(&mut self, one: &Self) {
        self.resumed += one.resumed;
        self.aborted += one.aborted;
        self.nothing_begun += one.nothing_begun;
        self.torn_down += one.torn_down;
        self.over += one.over;
    }
}

/// The random generator xorshift64*.
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }
}

/// Kills one run, and then finishes or undoes it.
async fn killed(
    closet: &Closet,
    playbook: &str,
    expected: &BTreeMap<String, usize>,
    mut dice: Dice,
) -> Tally {
    let mut tally = Tally::default();
    let abort = dice.below(3) == 0;
    let dead = loop {
        let run = start(closet, playbook).start();
        tokio::time::sleep(Duration::from_millis(dice.below(LONGEST))).await;
        run.signal("KILL");
        let dead = run.end();
        if dead.exit.is_none() {
            break dead;
        }
        tally.over += 1;
        assert!(tally.over < 10, "it is over before it can be killed: {}", dead.told());
    };
    let begun = std::fs::read_to_string(dead.file("out/journal.ndjson")).is_ok_and(|j| j.contains('\n'));
    let again = dead.then(closet.moto.endpoint(), &[if abort { "abort" } else { "resume" }, "out"]);
    // Waiting for the peer's answers blocks a thread. Other runs go on in parallel.
    let done = tokio::task::spawn_blocking(move || again.run()).await.unwrap();
    tally.aborted += u64::from(abort);
    tally.resumed += u64::from(!abort);
    if !begun {
        assert_eq!(done.exit, Some(2), "{}", done.told());
        tally.nothing_begun += 1;
        return tally;
    }
    let run = done.report["run_id"].as_str().unwrap_or_else(|| panic!("no report: {}", done.told()));
    let state = closet.moto.state();
    let left: Vec<&Value> = state["resources"].as_array().unwrap().iter().filter(|r| is_of(r, run)).collect();
    assert!(left.is_empty(), "{left:?} is left: {}", done.told());
    assert_eq!(done.report["teardown"]["left_behind"], json!([]), "{}", done.told());
    assert_eq!(done.report["teardown"]["created"], done.report["teardown"]["deleted"], "{}", done.told());
    if abort {
        assert!([Some(130), Some(0)].contains(&done.exit), "{}", done.told());
    } else if done.exit == Some(130) {
        tally.torn_down += 1;
    } else {
        done.ends(0, "passed");
        assert_eq!(&made(&done), expected, "made twice, or not at all: {}", done.told());
    }
    tally
}
