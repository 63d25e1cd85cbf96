//! What was restored is shown to work, from inside: the data by their rungs, a cache, and a session of
//! the application in which an order is placed.

use serde_json::{Value, json};

use super::super::drill::Done;
use super::super::shop::{SANDBOX, Shop, WEST};
use super::{drill_with, role};
use support::peers::Postgres;

/// The orders as they were kept two hours ago.
const SQL: &str = "create table customers (id bigserial primary key, name text not null);
    create table orders (id bigserial primary key, customer_id bigint not null references customers,
      updated_at timestamptz not null default now());
    create table canary (word text);
    insert into customers (name) select 'c' || n from generate_series(1, 50) n;
    insert into orders (customer_id, updated_at) select 1 + n % 50, now() - interval '2 hours 3 minutes'
      from generate_series(0, 1199) n;
    insert into canary values ('kept as it was');";

/// An application that takes an order from whom it has let in, beside a cache with one session.
const APPLICATION: &str = r#"
import http.server, json, subprocess, time
subprocess.run(["redis-server", "--port", "6379", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--daemonize", "yes"], check=True)
while subprocess.run(["redis-cli", "set", "session:7", "open"]).returncode:
    time.sleep(0.05)
class App(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_in = "sid=s3cr3t-of-the-shop" in (self.headers.get("Cookie") or "")
        may = self.headers.get("Authorization") == "Bearer t0ken-of-the-shop"
        if self.path == "/login":
            return self.say(200, {"token": "t0ken-of-the-shop"}, {"Set-Cookie": "sid=s3cr3t-of-the-shop; Path=/"})
        self.say(201, {"id": 7}) if is_in and may else self.say(403, {})
    def do_GET(self):
        self.say(200, {"item": "drill"})
    def say(self, status, body, headers={}):
        body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("0.0.0.0", 80), App).serve_forever()
"#;

const RUNGS: [&str; 9] = [
    "structure",
    "volume",
    "sequences",
    "collations",
    "indexes",
    "foreign_keys",
    "canary",
    "outward",
    "write",
];

fn machines(shop: &Shop, sql: &str) {
    let sql = format!("create database orders; \\c orders\n{sql}");
    let machines = json!([
        { "kind": "postgres", "account": SANDBOX, "region": WEST, "serves": { "db": "-db" }, "tls": true, "sql": sql },
        { "kind": "process", "account": SANDBOX, "region": WEST, "serves": { "instance": "*" }, "port": 80,
          "command": ["python3", "-c", APPLICATION] },
    ]);
    shop.moto.call("POST", "/peer/machines", Some(&machines));
    shop.moto.delays(&json!({ "function_interface": 1.0 }));
}

/// Runs the sample of the lost region, with its data as `sql` leaves them.
async fn run(sql: &str) -> Done {
    let shop = Shop::open(0.5).await;
    machines(&shop, sql);
    let role = role(&shop.moto, SANDBOX);
    let before = shop.moto.state();
    let ca = shop.moto.call("GET", "/peer/network", None)["ca"].as_str().unwrap().to_owned();
    let sum = base::digest::sha256("kept as it was");
    let rungs = RUNGS.join(", ");
    let checks = format!(
        "checks:
  - id: data
    workload: orders
    needs: [db]
    within: 20s
    data:
      url: \"postgres://postgres@{{{{ steps.db.endpoint }}}}/orders\"
      tls: {{ ca_file: \"{ca}\" }}
      against: reference.json
      rungs: [{rungs}]
      canary: {{ query: select word from canary, sha256: {sum} }}
  - {{ id: cache, workload: orders, needs: [web], within: 2m, redis: {{ address: \"{{{{ steps.web.instances.0.private_ip }}}}:6379\", key: \"session:7\", expect: open, min_keys: 1 }} }}
  - id: takes-orders
    workload: orders
    needs: [web]
    within: 2m
    http:
      url: \"http://{{{{ steps.web.instances.0.private_ip }}}}\"
      steps:
        - {{ path: /login, body: '{{ \"user\": \"drill\" }}', take: {{ token: /token }} }}
        - {{ path: /orders, body: '{{ \"item\": \"drill\" }}', headers: {{ authorization: \"Bearer ${{token}}\" }}, status: 201, take: {{ id: /id }} }}
        - {{ path: \"/orders/${{id}}\", expect_body: contains drill }}
"
    );
    let changes = [("count: 2", "count: 1"), ("checks:\n", &*checks), ("/healthz", "/anything")];
    let drill = drill_with(&shop, &role, &changes);
    let kept = Postgres::start();
    kept.exec("create database orders");
    kept.exec_in("orders", SQL);
    let url = kept.url("orders");
    crate::checks_data::snapshot(&url, &drill.path("."));
    let done = drill.run();
    done.nothing_is_left(&shop.moto, &before);
    done
}

fn rung<'a>(check: &'a Value, name: &str) -> &'a Value {
    let rungs = check["rungs"].as_array().unwrap_or_else(|| panic!("{check:#}"));
    rungs.iter().find(|rung| rung["name"] == name).unwrap_or_else(|| panic!("no {name}: {check:#}"))
}

#[tokio::test]
async fn data_a_cache_and_an_order_are_shown_from_inside() {
    let done = run(SQL).await;
    super::healthy(&done, &["data", "cache", "takes-orders", "rows", "web-up"]);
    let check = done.node("data");
    for name in RUNGS {
        assert_eq!(rung(check, name)["health"], "healthy", "{name}: {check:#}");
    }
    let told = format!("{}{}", done.told(), done.report);
    for secret in ["s3cr3t-of-the-shop", "t0ken-of-the-shop", "kept as it was"] {
        assert!(!told.contains(secret), "{secret} is told: {told}");
    }
}

/// Rows were lost, the counter is behind, and the canary is another one. The rest is fine.
#[tokio::test]
async fn what_is_wrong_with_the_data_is_told_rung_by_rung() {
    let broken = "delete from orders where id > 1000; select setval('orders_id_seq', 5); update canary set word = 'another';";
    let done = run(&format!("{SQL}\n{broken}")).await;
    let check = done.node("data");
    assert_eq!(check["status"], "unhealthy", "{}", done.told());
    assert_eq!(done.report["workloads"][0]["recovered"], false, "{}", done.told());
    for name in RUNGS {
        let health = if ["volume", "sequences", "canary"].contains(&name) { "unhealthy" } else { "healthy" };
        assert_eq!(rung(check, name)["health"], health, "{name}: {check:#}");
    }
}
