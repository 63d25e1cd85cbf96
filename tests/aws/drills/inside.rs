//! Checks from inside the sandbox: a function that the peer's Lambda really runs, in a network
//! namespace that holds the restored servers and nothing else.

use serde_json::{Value, json};

use super::drill::{Done, Drill};
use super::shop::{SANDBOX, Shop, WEST};

/// How long the peer's Lambda keeps the interface of a function that is gone.
const LINGERS: f64 = 20.0;

/// The restored servers, which answer inside the sandbox once they are restored.
fn seed(shop: &Shop) -> String {
    let role = shop.moto.call("POST", "/peer/roles", Some(&json!({ "account": SANDBOX, "name": "probe" })));
    let sql = "create database orders; \\c orders
        create table orders (id int primary key, updated_at timestamptz not null);
        insert into orders select n, now() - interval '2 hours 3 minutes' - n * interval '1 minute'
        from generate_series(0, 1199) as n";
    let machines = json!([
        { "kind": "postgres", "account": SANDBOX, "region": WEST, "serves": { "db": "-db" }, "tls": true, "sql": sql },
        { "kind": "http", "account": SANDBOX, "region": WEST, "serves": { "instance": "*" }, "port": 80,
          "routes": { "GET /healthz": { "status": 200, "body": "ok" } } },
    ]);
    shop.moto.call("POST", "/peer/machines", Some(&machines));
    shop.moto.delays(&json!({ "function_interface": LINGERS }));
    role["arn"].as_str().unwrap().to_owned()
}

/// The sample of the lost region, with a probe.
fn drill(shop: &Shop, role: &str) -> Drill {
    drill_within(shop, role, "10m")
}

/// The same. Its checks have so much time.
fn drill_within(shop: &Shop, role: &str, within: &str) -> Drill {
    let ca = shop.moto.call("GET", "/peer/network", None)["ca"].as_str().unwrap().to_owned();
    let tls = format!("tls: {{ ca_file: \"{ca}\" }} }}");
    let probe = format!("ttl: 4h\n  probe: {{ role: \"{role}\" }}");
    let (timed, measured) = (format!("within: {within}"), format!("measures: rpo\n    within: {within}"));
    let changes: [(&str, &str); 9] = [
        ("ttl: 4h", &probe),
        ("within: 10m", &timed),
        ("measures: rpo", &measured),
        ("postgres://{{", "postgres://postgres@{{"),
        ("expect: \">= 1000\" }", &format!("expect: \">= 1000\", {tls}")),
        ("max(updated_at) from orders\" }", &format!("max(updated_at) from orders\", {tls}")),
        ("stable_for: 30s", "stable_for: 2s\n    every: 1s"),
        ("type: t4g.small", "type: t3.small"),
        ("db.t4g.medium", "db.t3.medium"),
    ];
    Drill::sample("region-loss.yaml", shop, &changes)
}

#[track_caller]
fn healthy(done: &Done, checks: &[&str]) {
    for check in checks {
        assert_eq!(done.node(check)["status"], "healthy", "{check}: {}", done.told());
    }
}

fn instant(value: &Value) -> chrono::DateTime<chrono::Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn checks_are_asked_where_nobody_else_can_ask() {
    let shop = Shop::open(2.0).await;
    let role = seed(&shop);
    let before = shop.moto.state();
    let done = drill(&shop, &role).run();
    // The snapshot is two hours old, as in the sample without a probe.
    done.ends(1, "failed");
    healthy(&done, &["rows", "freshness", "web-up"]);
    assert_eq!(done.report["workloads"][0]["recovered"], true, "{}", done.told());
    assert_eq!(done.report["workloads"][0]["rto"]["status"], "met", "{}", done.told());
    assert_eq!(done.report["sandbox"]["isolation_verified"], true, "{}", done.told());
    let probe = &done.report["probe"];
    assert_eq!((&probe["kind"], &probe["unanswered"]), (&json!("lambda"), &json!(0)), "{}", done.told());
    assert!(probe["invocations"].as_u64().unwrap() >= 3, "{probe}");
    assert!(probe["cold_ms"].as_f64().unwrap() > 0.0 && probe["p50_ms"].as_f64().unwrap() > 0.0, "{probe}");
    // What holds data is gone while Lambda still keeps its interface.
    let teardown = &done.report["teardown"];
    let (data, network) = (instant(&teardown["data_gone_at"]), instant(&teardown["network_gone_at"]));
    assert!((network - data).num_seconds() >= 10, "{teardown}");
    done.nothing_is_left(&shop.moto, &before);
}

#[tokio::test]
async fn an_empty_network_is_left_to_abort() {
    let shop = Shop::open(0.0).await;
    let role = seed(&shop);
    let before = shop.moto.state();
    let done = drill(&shop, &role).arg("--wait-network=false").run();
    done.ends(1, "failed");
    let teardown = &done.report["teardown"];
    assert_eq!(teardown["left_behind"], json!([]), "{}", done.told());
    assert!(teardown["data_gone_at"].is_string() && teardown["network_gone_at"].is_null(), "{teardown}");
    assert!(!teardown["network_left"].as_array().unwrap().is_empty(), "{teardown}");
    assert_ne!(shop.moto.state(), before, "the network stands");
    let endpoint = shop.moto.endpoint().to_owned();
    let done = done.then(&endpoint, &["abort", "out"]).start().end();
    assert_eq!(done.report["teardown"]["network_left"], Value::Null, "{}", done.told());
    done.nothing_is_left(&shop.moto, &before);
}

/// Whatever becomes of the probe, nothing is called unhealthy that was not asked, and nothing passes.
#[tokio::test]
async fn a_probe_that_gives_no_answer_leaves_checks_unknown() {
    let shop = Shop::open(0.0).await;
    let role = seed(&shop);
    shop.moto.delays(&json!({ "function_interface": 1.0 }));
    let before = shop.moto.state();
    for fault in [
        json!({ "action": "Invoke", "kind": "killed" }),
        json!({ "action": "Invoke", "kind": "garbage" }),
        json!({ "action": "Invoke", "kind": "throttle" }),
        json!({ "action": "Invoke", "kind": "error", "code": "ENINotReadyException" }),
    ] {
        // The first invocation is the greeting before T0.
        let mut late = fault.clone();
        (late["skip"], late["times"]) = (json!(1), Value::Null);
        shop.moto.faults(&json!([late]));
        let done = drill_within(&shop, &role, "5s").run();
        done.ends(1, "failed");
        for check in ["rows", "freshness", "web-up"] {
            assert_eq!(done.node(check)["status"], "unknown", "{fault}: {}", done.told());
        }
        assert_eq!(done.report["workloads"][0]["rto"]["status"], "unknown", "{}", done.told());
        done.nothing_is_left(&shop.moto, &before);
    }
}

#[tokio::test]
async fn a_probe_that_cannot_be_made_stops_the_drill_before_t0() {
    let shop = Shop::open(0.0).await;
    let role = seed(&shop);
    shop.moto.delays(&json!({ "function_interface": 1.0 }));
    let before = shop.moto.state();
    for fault in [
        json!({ "action": "CreateFunction", "kind": "role_refused" }),
        json!({ "action": "CreateFunction", "kind": "fails", "code": "EniLimitExceeded" }),
    ] {
        shop.moto.faults(&json!([fault]));
        let done = drill(&shop, &role).run();
        assert_eq!(done.exit, Some(3), "{fault}: {}", done.told());
        assert_eq!(done.report["t0"], Value::Null, "{fault}: {}", done.told());
        done.nothing_is_left(&shop.moto, &before);
    }
}
