//! Checks from inside the sandbox: a function that the peer's Lambda really runs, in a network
//! namespace that holds the restored servers and nothing else.

mod data;
mod killed;
mod privileges;
pub mod small;
mod swept;
mod unanswered;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use serde_json::{Value, json};

use super::drill::{Done, Drill};
use super::shop::{EAST, PRODUCTION, SANDBOX, Shop, WEST};
use support::peers::Moto;

/// How long the peer's Lambda keeps the interface of a function that is gone.
const LINGERS: f64 = 40.0;

/// A role for the probe with the policy that `iam-policy --for probe` prints, and nothing else.
pub fn role(moto: &Moto, account: &str) -> String {
    let wish = json!({ "account": account, "name": "probe", "actions": port::PROBE_ROLE });
    let role = moto.call("POST", "/peer/roles", Some(&wish));
    role["arn"].as_str().unwrap().to_owned()
}

/// The restored servers, which answer inside the sandbox once they are restored.
pub fn seed(shop: &Shop) -> String {
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
    role(&shop.moto, SANDBOX)
}

/// The sample of the lost region, with a probe.
fn drill(shop: &Shop, role: &str) -> Drill {
    drill_with(shop, role, &[])
}

/// The same, changed more.
pub fn drill_with(shop: &Shop, role: &str, more: &[(&str, &str)]) -> Drill {
    let ca = shop.moto.call("GET", "/peer/network", None)["ca"].as_str().unwrap().to_owned();
    let tls = format!("tls: {{ ca_file: \"{ca}\" }} }}");
    let probe = format!("ttl: 4h\n  probe: {{ role: \"{role}\" }}");
    let changes = [
        ("ttl: 4h", &*probe),
        ("postgres://{{", "postgres://postgres@{{"),
        ("expect: \">= 1000\" }", &format!("expect: \">= 1000\", {tls}")),
        ("max(updated_at) from orders\" }", &format!("max(updated_at) from orders\", {tls}")),
        ("stable_for: 30s", "stable_for: 2s\n    every: 1s"),
        ("type: t4g.small", "type: t3.small"),
        ("db.t4g.medium", "db.t3.medium"),
    ];
    Drill::sample("region-loss.yaml", shop, &[&changes, more].concat())
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

/// The servers in the sandbox, with what they were asked.
fn machines(shop: &Shop) -> Vec<Value> {
    let all = shop.moto.call("GET", "/peer/machines", None);
    all.as_array().unwrap().clone()
}

/// Tries both ways while the drill runs: from this machine to a restored server, and back.
fn nobody_comes_in_or_out(shop: &Shop, running: &mut super::drill::Running) {
    // Asked by the probe, the server is where its clients are.
    let web = loop {
        assert!(!running.is_over(), "the web server was never asked");
        let asked =
            |one: &Value| one["kind"] == "http" && one["requests"].as_array().is_some_and(|r| !r.is_empty());
        if let Some(web) = machines(shop).into_iter().find(asked) {
            break web;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let (address, id) = (web["address"].as_str().unwrap(), web["id"].as_str().unwrap());
    // A gateway on the way may accept any connection, and even answer. The server knows who asked it.
    let asked = TcpStream::connect_timeout(&format!("{address}:80").parse().unwrap(), Duration::from_secs(2))
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(b"GET /from-outside HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        });
    eprintln!("from the runner to {address}:80: {asked:?}");
    let web = machines(shop).into_iter().find(|one| one["id"] == id).unwrap();
    assert!(!web["requests"].to_string().contains("from-outside"), "{web}");
    // This machine by all addresses that it has: no packet comes out.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let route = UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = route.connect("192.0.2.1:9").and_then(|()| route.local_addr()).map(|own| own.ip().to_string());
    for to in [Some("127.0.0.1".to_owned()), own.ok()].into_iter().flatten() {
        let dial = format!("exec 3<>/dev/tcp/{to}/{port}");
        let command = json!({ "command": ["timeout", "2", "bash", "-c", dial] });
        let done = shop.moto.call("POST", &format!("/peer/machines/{id}/run"), Some(&command));
        eprintln!("from inside to {to}:{port}: {done}");
        assert_ne!(done["status"], 0, "{done}");
    }
    assert!(listener.accept().is_err(), "somebody came out");
}

#[tokio::test]
async fn checks_are_asked_where_nobody_else_can_ask() {
    let shop = Shop::open(2.0).await;
    let role = seed(&shop);
    let before = shop.moto.state();
    let more = "checks:
  - { id: db-name, workload: orders, dns: { name: \"{{ steps.db.address }}\" }, within: 10m }
  - { id: db-port, workload: orders, tcp: { address: \"{{ steps.db.endpoint }}\" }, within: 10m }\n";
    let changes = [("checks:\n", more), ("stable_for: 2s", "stable_for: 10s")];
    let mut running = drill_with(&shop, &role, &changes).start();
    nobody_comes_in_or_out(&shop, &mut running);
    let done = running.end();
    // The snapshot is two hours old, as in the sample without a probe.
    done.ends(1, "failed");
    healthy(&done, &["rows", "freshness", "web-up", "db-name", "db-port"]);
    assert_eq!(done.report["workloads"][0]["recovered"], true, "{}", done.told());
    assert_eq!(done.report["workloads"][0]["rto"]["status"], "met", "{}", done.told());
    assert_eq!(done.report["sandbox"]["isolation_verified"], true, "{}", done.told());
    let probe = &done.report["probe"];
    assert_eq!((&probe["kind"], &probe["unanswered"]), (&json!("lambda"), &json!(0)), "{}", done.told());
    assert!(probe["invocations"].as_u64().unwrap() >= 5, "{probe}");
    assert!(probe["cold_ms"].as_f64().unwrap() > 0.0 && probe["p50_ms"].as_f64().unwrap() > 0.0, "{probe}");
    // What holds data is gone while Lambda still keeps its interface.
    let teardown = &done.report["teardown"];
    let (data, network) = (instant(&teardown["data_gone_at"]), instant(&teardown["network_gone_at"]));
    assert!((network - data).num_seconds() >= 10, "{teardown}");
    eprintln!("probe {probe}; teardown's two instants {data} and {network}");
    done.nothing_is_left(&shop.moto, &before);
}

/// The sample of the lost zone: the sandbox is in production's own account and region.
#[tokio::test]
async fn a_lost_zone_is_shown_from_inside() {
    let shop = Shop::open(2.0).await;
    let role = role(&shop.moto, PRODUCTION);
    let machines = json!([
        { "kind": "http", "account": PRODUCTION, "region": EAST, "serves": { "instance": "drillmaster:run" }, "port": 8080,
          "routes": { "GET /healthz": { "status": 200, "body": "ok" } } },
    ]);
    shop.moto.call("POST", "/peer/machines", Some(&machines));
    shop.moto.delays(&json!({ "function_interface": 2.0 }));
    let before = shop.moto.state();
    let probe = format!("ttl: 2h\n  probe: {{ role: \"{role}\" }}");
    let changes = [
        ("ttl: 2h", &*probe),
        ("within: 5m", "within: 5m\n    every: 1s"),
        ("type: t4g.small", "type: t3.small"),
    ];
    let done = Drill::sample("az-loss.yaml", &shop, &changes).run();
    done.ends(0, "passed");
    healthy(&done, &["app-up"]);
    assert_eq!(done.report["sandbox"]["isolation_verified"], true, "{}", done.told());
    done.nothing_is_left(&shop.moto, &before);
}

/// The sample of the lost account.
#[tokio::test]
async fn a_lost_account_is_shown_from_inside() {
    let shop = Shop::open(2.0).await;
    let role = seed(&shop);
    shop.moto.delays(&json!({ "function_interface": 2.0 }));
    let before = shop.moto.state();
    let ca = shop.moto.call("GET", "/peer/network", None)["ca"].as_str().unwrap().to_owned();
    let probe = format!("ttl: 8h\n  probe: {{ role: \"{role}\" }}");
    let rows = format!("expect: \">= 1000\", tls: {{ ca_file: \"{ca}\" }} }}");
    let changes = [
        ("ttl: 8h", &*probe),
        ("postgres://{{", "postgres://postgres@{{"),
        ("expect: \">= 1000\" }", &rows),
        ("type: t4g.small", "type: t3.small"),
    ];
    let done = Drill::sample("account-loss.yaml", &shop, &changes).run();
    // The copy in the vault is too old, and nothing brings the receipts back.
    done.ends(1, "failed");
    healthy(&done, &["rows", "web-up"]);
    assert_eq!(done.report["sandbox"]["isolation_verified"], true, "{}", done.told());
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
    // Who removes a probe needs no program for one.
    let done = done.then(&endpoint, &["abort", "out"]).without_probe().start().end();
    assert_eq!(done.report["teardown"]["network_left"], Value::Null, "{}", done.told());
    done.nothing_is_left(&shop.moto, &before);
}
