//! A probe that gives no answer, or cannot be made. Nothing is called unhealthy that was not asked, and
//! nothing passes by it.
//!
//! The long test is `SEEDS=20 cargo test --test aws unanswered -- --nocapture`. `SEED=17` runs one seed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::small::Small;
use super::{drill, seed};
use crate::drills::killed::number;
use crate::drills::shop::{SANDBOX, Shop};

/// How many seeds an ordinary test run tries with each fault.
const SEEDS: u64 = 1;

/// What can happen to an invocation, and to the function.
fn faults() -> Vec<Value> {
    vec![
        json!({ "action": "Invoke", "kind": "killed" }),
        json!({ "action": "Invoke", "kind": "throttle" }),
        json!({ "action": "Invoke", "kind": "garbage" }),
        json!({ "action": "Invoke", "kind": "too_large" }),
        json!({ "action": "Invoke", "kind": "slow", "seconds": 1 }),
        // Lambda has reclaimed its interface.
        json!({ "action": "Invoke", "kind": "inactive" }),
        // Its role lost a permission.
        json!({ "action": "Invoke", "kind": "error", "code": "EC2AccessDeniedException" }),
    ]
}

#[tokio::test]
async fn a_probe_that_gives_no_answer_leaves_checks_unknown() {
    let small = Small::open(0.2, 0.5).await;
    let moto = &small.closet.moto;
    let seeds = match number("SEED") {
        Some(one) => one..one + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    let mut ended = BTreeMap::<String, u32>::new();
    for (seed, fault) in seeds.flat_map(|seed| faults().into_iter().map(move |fault| (seed, fault))) {
        // The greeting before T0 is answered. Some faults pass, and others stay.
        let stays = seed % 2 == 0;
        let mut late = fault.clone();
        late["skip"] = json!(1 + seed % 3);
        late["times"] = if stays { Value::Null } else { json!(1 + seed % 4) };
        moto.faults(&json!([late]));
        let done = small.drill(if stays { "4s" } else { "1m" }).run();
        let hit = moto.faults_hit()[0]["hits"].as_u64().unwrap();
        moto.faults(&json!([]));
        let said = format!("seed {seed}, {late}, hit {hit} times: {}", done.told());
        let (up, orders) = (done.node("up"), &done.report["workloads"][0]);
        assert!(hit > 0, "{said}");
        assert!(done.report["probe"]["unanswered"].as_u64().unwrap() > 0, "{said}");
        if stays {
            done.ends(1, "failed");
            assert_eq!(up["status"], "unknown", "{said}");
            assert_eq!(orders["rto"]["status"], "unknown", "{said}");
            // Nobody waits for a log whose end nobody can mark.
            let unknown = done.report["lookups_unknown"].as_str();
            assert!(unknown.is_some_and(|why| why.contains("could not be marked")), "{said}");
        } else {
            done.ends(0, "passed");
            assert_eq!(up["status"], "healthy", "{said}");
        }
        done.nothing_is_left(moto, &small.before);
        eprintln!("seed {seed}, {late}: {}", up["status"]);
        *ended.entry(format!("{} {} {}", fault["kind"], fault["code"], up["status"])).or_default() += 1;
    }
    eprintln!("{ended:#?}");
}

/// Lambda would keep a log of the probe, and nobody would remove it.
#[tokio::test]
async fn a_role_that_may_log_stops_the_drill_before_t0() {
    let shop = Shop::open(0.0).await;
    seed(&shop);
    let actions: Vec<&str> =
        port::PROBE_ROLE.into_iter().chain(["logs:CreateLogGroup", "logs:PutLogEvents"]).collect();
    let wish = json!({ "account": SANDBOX, "name": "chatty", "actions": actions });
    let role = shop.moto.call("POST", "/peer/roles", Some(&wish))["arn"].as_str().unwrap().to_owned();
    let before = shop.moto.state();
    let done = drill(&shop, &role).run();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    let said = "may log (logs:CreateLogGroup, logs:PutLogEvents)";
    assert!(done.told().contains(said), "{}", done.told());
    assert_eq!(done.report["t0"], Value::Null, "{}", done.told());
    done.nothing_is_left(&shop.moto, &before);
}

#[tokio::test]
async fn a_probe_that_cannot_be_made_stops_the_drill_before_t0() {
    let shop = Shop::open(0.0).await;
    let role = seed(&shop);
    shop.moto.delays(&json!({ "function_interface": 1.0 }));
    let before = shop.moto.state();
    for (fault, said) in [
        (json!({ "action": "CreateFunction", "kind": "role_refused" }), "iam-policy --for probe"),
        (
            json!({ "action": "CreateFunction", "kind": "fails", "code": "EniLimitExceeded" }),
            "ask for more network interfaces",
        ),
    ] {
        shop.moto.faults(&json!([fault]));
        let done = drill(&shop, &role).run();
        assert_eq!(done.exit, Some(3), "{fault}: {}", done.told());
        assert!(done.stderr.contains(said), "{said}: {}", done.told());
        assert_eq!(done.report["t0"], Value::Null, "{fault}: {}", done.told());
        done.nothing_is_left(&shop.moto, &before);
    }
}
