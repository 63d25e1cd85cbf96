//! `kill -9` in the middle of a drill, then `drillmaster resume` or `abort`: nothing is made twice, and nothing stays.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::closet::Closet;
use crate::drill::{Done, Drill};

/// How many runs are killed; `KILLS=200` for the long test.
const KILLS: usize = 6;
const AT_ONCE: usize = 3;
const LONGEST: u64 = 12_000;

pub fn playbook(closet: &Closet) -> String {
    let steps =
        include_str!("killed.yaml").replace("SNAPSHOT", &closet.snapshot).replace("IMAGE", &closet.image);
    Closet::head("killed") + &steps
}

pub fn start(closet: &Closet, playbook: &str) -> Drill {
    start_at(closet.moto.endpoint(), playbook)
}

/// By an endpoint that is not the peer's own.
pub fn start_at(endpoint: &str, playbook: &str) -> Drill {
    let drill = Drill::new(playbook, endpoint);
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills/orders.stack.yaml");
    drill.file("orders.stack.yaml", &std::fs::read_to_string(stack).unwrap());
    drill
}

/// How many of each kind the run has made, by its journal.
pub fn made(done: &Done) -> BTreeMap<String, usize> {
    let journal = std::fs::read_to_string(done.file("out/journal.ndjson")).unwrap();
    let events = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut made = BTreeMap::new();
    for event in events.filter(|event| event["event"] == "created") {
        for resource in event["resources"].as_array().unwrap() {
            *made.entry(resource["kind"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    made
}

#[tokio::test]
async fn killed_runs_are_finished_or_undone() {
    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let closet = Closet::open(0.5).await;
    let before = closet.moto.state();
    let playbook = playbook(&closet);
    let whole = start(&closet, &playbook).run();
    whole.ends(0, "passed");
    whole.nothing_is_left(&closet.moto, &before);
    let expected = made(&whole);

    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut resumed, mut aborted, mut over) = (0, 0, 0);
    while resumed + aborted < kills {
        let running = (0..AT_ONCE).map(|_| {
            let (instant, abort) = (Duration::from_millis(random() % LONGEST), random() % 3 == 0);
            let (closet, playbook, expected) = (&closet, &playbook, &expected);
            async move {
                let run = start(closet, playbook).start();
                tokio::time::sleep(instant).await;
                run.signal("KILL");
                let dead = run.end();
                if dead.exit.is_some() {
                    return None;
                }
                let begun =
                    std::fs::read_to_string(dead.file("out/journal.ndjson")).is_ok_and(|j| j.contains('\n'));
                let command = if abort { "abort" } else { "resume" };
                let again = dead.then(closet.moto.endpoint(), &[command, "out"]);
                // The peer's answers are waited for by blocking: other runs go on beside this one.
                let done = tokio::task::spawn_blocking(move || again.run()).await.unwrap();
                if !begun {
                    assert_eq!(done.exit, Some(2), "{}", done.told());
                    return Some(abort);
                }
                assert_eq!(done.report["teardown"]["left_behind"], json!([]), "{}", done.told());
                assert_eq!(
                    done.report["teardown"]["created"],
                    done.report["teardown"]["deleted"],
                    "{}",
                    done.told()
                );
                if abort {
                    assert!([Some(130), Some(0)].contains(&done.exit), "{}", done.told());
                } else if done.exit != Some(130) {
                    done.ends(0, "passed");
                    assert_eq!(&made(&done), expected, "made twice, or not at all: {}", done.told());
                }
                Some(abort)
            }
        });
        for ended in futures_util::future::join_all(running).await {
            match ended {
                Some(true) => aborted += 1,
                Some(false) => resumed += 1,
                None => over += 1,
            }
        }
        assert!(over <= 2 * kills, "most runs are over before they can be killed");
        assert_eq!(closet.moto.state().to_string(), before.to_string());
    }
    eprintln!("killed: {resumed} resumed, {aborted} aborted; {over} were over before; made {expected:?}");
}
