//! Checks of Redis against a real one on 127.0.0.1, plain, with a password and with TLS.

use checks::{Health, Net, Observation, redis};
use support::peers::Redis;

async fn ask(net: &Net, yaml: &str) -> Observation {
    let spec = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    let seen = redis(&spec, net).await;
    assert!(!format!("{seen:?}").contains("hunter-of-redis"), "{seen:?}");
    seen
}

#[track_caller]
fn unhealthy(seen: &Observation, why: &str) {
    let text = format!("{} {}", seen.observed, seen.why.as_deref().unwrap_or_default());
    assert!(seen.health == Health::Unhealthy && text.contains(why), "{seen:?} lacks `{why}`");
}

#[tokio::test]
async fn keys_are_counted_and_one_is_looked_at() {
    let server = Redis::start();
    let net = Net::new(Vec::new(), ".").with_env([]);
    let at = format!("address: '{}'", server.address());
    let asked = async |more: &str| ask(&net, &format!("{{ {at}{more} }}")).await;
    assert_eq!(asked("").await.observed, "0 keys");
    unhealthy(&asked(", min_keys: 1").await, "expected at least 1");
    unhealthy(&asked(", key: cart").await, "no key `cart`");
    server.exec(&["SET", "cart", "line\r\nof 7"]);
    server.exec(&["HSET", "session", "user", "joe"]);
    server.exec(&["-n", "3", "SET", "newest", "2026-01-02T03:04:05Z"]);
    assert!(asked(", min_keys: 2").await.is_healthy());
    let cart = asked(", key: cart, expect: contains 7").await;
    assert_eq!((cart.is_healthy(), cart.value.as_deref()), (true, Some("line\r\nof 7")));
    unhealthy(&asked(", key: cart, expect: == paid").await, "expected `== paid`");
    assert!(asked(", key: session").await.is_healthy());
    unhealthy(&asked(", key: session, expect: == joe").await, "is a hash");
    let newest = asked(", database: 3, key: newest, min_keys: 1").await;
    assert_eq!(newest.value.as_deref(), Some("2026-01-02T03:04:05Z"));
    unhealthy(&asked(", database: 99").await, "out of range");
    unhealthy(&asked(", tls: true").await, "TLS");
    unhealthy(&ask(&net, "{ address: '127.0.0.1:1' }").await, "nothing listens there");
}

#[tokio::test]
async fn a_password_and_tls_are_asked_for() {
    let server = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(server.ca(), folder.path().join("ca.pem")).unwrap();
    let env = |name: &str| {
        Net::new(Vec::new(), folder.path()).with_env([(name.to_owned(), "hunter-of-redis".to_owned())])
    };
    server.exec(&["SET", "cart", "7"]);
    // TLS, whose certificate is verified.
    let tls = format!("address: 'localhost:{}', tls: true", server.tls_port());
    assert!(ask(&env("X"), &format!("{{ {tls}, ca_file: ca.pem, key: cart }}")).await.is_healthy());
    unhealthy(&ask(&env("X"), &format!("{{ {tls} }}")).await, "does not trust");
    unhealthy(
        &ask(&env("X"), &format!("{{ {tls}, ca_file: ca.pem, server_name: other.test }}")).await,
        "not valid for",
    );
    server.exec(&["ACL", "SETUSER", "drill", "on", ">hunter-of-redis", "~*", "+ping", "+dbsize", "+type"]);
    server.exec(&["CONFIG", "SET", "requirepass", "hunter-of-redis"]);
    let at = format!("address: '{}'", server.address());
    unhealthy(&ask(&env("X"), &format!("{{ {at} }}")).await, "asks for a password");
    assert!(ask(&env("REDISCLI_AUTH"), &format!("{{ {at}, key: cart }}")).await.is_healthy());
    assert!(ask(&env("OF_APP"), &format!("{{ {at}, password_env: OF_APP }}")).await.is_healthy());
    let given = format!("{{ {at}, password: hunter-of-redis }}");
    assert!(ask(&env("X"), &given).await.is_healthy());
    unhealthy(&ask(&env("X"), &format!("{{ {at}, password: wrong-one }}")).await, "refused");
    // A user who may not read keys.
    let limited = format!("{{ {at}, user: drill, password: hunter-of-redis, key: cart }}");
    let seen = ask(&env("X"), &limited).await;
    assert!(seen.health == Health::Unknown && seen.why.as_deref().unwrap().contains("NOPERM"), "{seen:?}");
}
