//! Drills on real sockets whose requests fail as a seed decides. Requests are throttled, answered
//! with 500 or 503 before or after they took effect, reset before or after, delayed, cut short, or
//! sent twice. The tests judge a drill by what the API holds afterwards.
//!
//! The long test is `SEEDS=200 cargo test --test aws drills::faults -- --nocapture`. `SEED=17` runs
//! one seed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::closet::Closet;
use super::drill::Done;
use super::killed::{is_of, made, number, playbook, start, start_at};

/// How many seeds an ordinary test run tries.
const SEEDS: u64 = 6;
const AT_ONCE: usize = 6;

/// The faults of a seed, and how often they happen.
fn weather(seed: u64) -> Value {
    let rate = [0.02, 0.05, 0.1, 0.3][usize::try_from(seed % 4).unwrap()];
    let faults = [3, 10, 60][usize::try_from(seed % 3).unwrap()];
    json!({ "seed": seed, "rate": rate, "faults": faults })
}

/// The kind of a resource in the peer's state, as journals name it.
fn kind(resource: &Value) -> String {
    match resource["type"].as_str().unwrap() {
        "rds:db" => "db_instance".to_owned(),
        "rds:snapshot" => "db_snapshot".to_owned(),
        "rds:subnet-group" => "db_subnet_group".to_owned(),
        other => other.split(':').nth(1).unwrap().replace('-', "_"),
    }
}

/// Lists the expectations that the drill violates.
fn violations(done: &Done, state: &Value, hits: &[Value], expected: &BTreeMap<String, usize>) -> Vec<String> {
    let mut wrong = Vec::new();
    if done.stderr.contains("panicked") {
        wrong.push("it panicked".to_owned());
    }
    let Some(run) = done.report["run_id"].as_str() else {
        return vec!["it made no report".to_owned()];
    };
    let standing: Vec<&Value> =
        state["resources"].as_array().unwrap().iter().filter(|r| is_of(r, run)).collect();
    let told: Vec<&str> = done.report["teardown"]["left_behind"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r.as_str().unwrap())
        .collect();
    for left in &standing {
        let id = left["id"].as_str().unwrap();
        if !told.iter().any(|name| name.contains(id)) {
            wrong.push(format!("{} {id} is left, and not named", left["type"]));
        }
    }
    for name in told.iter().filter(|name| !name.starts_with("unknown (")) {
        if !standing.iter().any(|left| name.contains(left["id"].as_str().unwrap())) {
            wrong.push(format!("{name} is named, and not there"));
        }
    }
    let unknown = told.iter().any(|name| name.starts_with("unknown ("));
    let truth = if unknown || !standing.is_empty() {
        4
    } else if done.report["t0"].is_null() {
        3
    } else {
        // A sandbox that could not be verified as closed is no pass.
        i32::from(!is_recovered(&done.report) || done.report["sandbox"]["isolation_verified"] != true)
    };
    if done.exit != Some(truth) || done.report["exit_code"] != truth {
        wrong.push(format!("exit code {:?}, report {}, truth {truth}", done.exit, done.report["exit_code"]));
    }
    // If AWS knows no token for a request, sending it twice creates two resources. Both belong to
    // the run, and both are deleted or named.
    let twice = hits.iter().filter(|hit| hit["kind"] == "twice").count();
    let given_up = std::fs::read_to_string(done.file("out/journal.ndjson")).unwrap();
    let given_up = given_up.matches("\"event\":\"discarded\"").count();
    for (kind, count) in made(done) {
        let once = expected.get(&kind).copied().unwrap_or(0);
        if count > once * (1 + given_up) + twice {
            wrong.push(format!("{count} of {kind} were made, and {once} were to be"));
        }
    }
    let kinds: BTreeSet<String> = standing.iter().map(|left| kind(left)).collect();
    wrong.extend(kinds.into_iter().filter(|k| !expected.contains_key(k)).map(|k| format!("a {k} was made")));
    wrong
}

fn is_recovered(report: &Value) -> bool {
    let all =
        |list: &str, status: &str| report[list].as_array().unwrap().iter().all(|n| n["status"] == status);
    all("steps", "succeeded")
        && all("checks", "healthy")
        && report["workloads"]
            .as_array()
            .unwrap()
            .iter()
            .all(|w| ["rto", "rpo"].iter().all(|m| w[m]["objective_s"].is_null() || w[m]["status"] == "met"))
}

#[tokio::test]
async fn whatever_the_network_does_nothing_is_lost() {
    let closet = Closet::open(0.2).await;
    let before = closet.moto.state();
    let playbook = playbook(&closet);
    let whole = start(&closet, &playbook).run();
    whole.ends(0, "passed");
    whole.nothing_is_left(&closet.moto, &before);
    let expected = made(&whole);
    // The second of two equal deletions finds no resource, and so no tag that a policy could match.
    // Other tests cover the policies.
    super::privileges::enforce_none(closet.moto.endpoint());

    let seeds: Vec<u64> = match number("SEED") {
        Some(one) => vec![one],
        None => (0..number("SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let (mut codes, mut faults) = (BTreeMap::<i32, usize>::new(), BTreeMap::<String, usize>::new());
    let (mut failed, mut longest) = (Vec::new(), 0.0_f64);
    let running = futures_util::stream::iter(&seeds).map(|seed| {
        let front = closet.moto.front(&weather(*seed));
        let drill = start_at(&format!("http://127.0.0.1:{front}"), &playbook);
        let drill = drill.arg("--teardown-timeout").arg("1m");
        async move {
            let done =
                tokio::task::spawn_blocking(move || drill.start_as_it_is().end_refused()).await.unwrap();
            (*seed, front, done)
        }
    });
    let mut running = running.buffer_unordered(AT_ONCE);
    while let Some((seed, front, done)) = running.next().await {
        let hits = closet.moto.hits(front);
        longest = longest.max(done.took.as_secs_f64());
        *codes.entry(done.exit.unwrap_or(-1)).or_default() += 1;
        for hit in &hits {
            *faults.entry(hit["kind"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let wrong = violations(&done, &closet.moto.state(), &hits, &expected);
        let journal = std::fs::read_to_string(done.file("out/journal.ndjson")).unwrap_or_default();
        if let Some(folder) = std::env::var_os("JOURNALS") {
            std::fs::write(std::path::Path::new(&folder).join(format!("{seed}.ndjson")), journal).unwrap();
        }
        let (reasons, left) = (&done.report["reasons"], &done.report["teardown"]["left_behind"]);
        eprintln!(
            "seed {seed}: {} faults, exit {:?} after {:?} {reasons} {left}",
            hits.len(),
            done.exit,
            done.took
        );
        if !wrong.is_empty() {
            failed.push(format!(
                "SEED={seed} cargo test --test aws drills::faults -- --nocapture: {}\n  {}\n  {}\n{}",
                weather(seed),
                wrong.join("\n  "),
                json!(hits),
                done.told()
            ));
        }
    }
    // What these runs left has been judged. Everything else must be as it was.
    let others = |state: &Value| {
        let all = state["resources"].as_array().unwrap();
        json!(all.iter().filter(|r| r["tags"]["drillmaster:run"].is_null()).collect::<Vec<_>>())
    };
    assert_eq!(others(&closet.moto.state()), others(&before), "something of others was changed");
    let told = format!(
        "{} seeds ended with {codes:?}, the longest after {longest:.0} s\nfaults: {faults:?}",
        seeds.len()
    );
    assert!(failed.is_empty(), "{} do not hold\n{told}\n{}", failed.len(), failed.join("\n"));
    assert!(seeds.len() == 1 || faults.len() >= 4, "{told}");
    eprintln!("{told}");
}
