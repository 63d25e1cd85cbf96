//! The peers behave as the tests that use them expect. (`tests/peers/test_peer.py` tests the inside
//! of the AWS peer.)

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use support::peers::{Answer, HttpTarget, MariaDb, Moto, PASSWORD, Postgres, TcpTarget, TlsTarget};

fn get(target: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(target).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// One EC2 call as an SDK would send it (the peer does not check signatures).
fn ec2(moto: &Moto, action: &str) -> String {
    let body = format!("Action={action}&Version=2016-11-15");
    let scope = "AKIAIOSFODNN7EXAMPLE/20260101/us-west-2/ec2/aws4_request";
    let mut stream = TcpStream::connect(("127.0.0.1", moto.port())).unwrap();
    write!(
        stream,
        "POST / HTTP/1.0\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n\
         x-moto-account-id: 999988887777\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    // A dropped connection may end with a reset.
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn the_aws_peer_answers_logs_and_fails_on_demand() {
    let moto = Moto::start();
    assert!(moto.endpoint().ends_with(&moto.port().to_string()));
    let empty = moto.state();
    assert_eq!(empty["resources"].as_array().unwrap().len(), 0);
    let made = moto.seeding(2.0, |moto| ec2(moto, "CreateVpc&CidrBlock=10.0.0.0/16"));
    assert!(made.contains("<vpcId>vpc-"), "{made}");
    assert_ne!(moto.state(), empty);

    let log = moto.calls("CreateVpc");
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["account"], "999988887777");
    assert_eq!(log[0]["region"], "us-west-2");
    assert_eq!(log[0]["params"]["CidrBlock"], "10.0.0.0/16");

    moto.clear_log();
    moto.faults(&json!([
        { "action": "DescribeVpcs", "kind": "throttle" },
        { "action": "DescribeVpcs", "kind": "drop_before" }
    ]));
    assert!(ec2(&moto, "DescribeVpcs").contains("RequestLimitExceeded"));
    assert_eq!(ec2(&moto, "DescribeVpcs"), "");
    assert!(ec2(&moto, "DescribeVpcs").contains("10.0.0.0/16"));
    assert_eq!(moto.faults_hit().iter().map(|rule| rule["hits"].as_u64().unwrap()).sum::<u64>(), 2);
    assert_eq!(moto.log().len(), 3);

    moto.reset();
    assert_eq!(moto.state(), empty);
}

#[test]
#[should_panic(expected = "unknown kind 'nonsense'")]
fn a_mistake_in_a_setting_fails_the_test() {
    Moto::start().delays(&json!({ "nonsense": 1 }));
}

#[test]
fn postgres_answers_over_tcp_with_and_without_tls() {
    let postgres = Postgres::start();
    postgres.exec("create database orders");
    postgres.exec_in(
        "orders",
        "create table orders (id int); insert into orders select generate_series(1, 1000)",
    );
    assert_eq!(postgres.exec_in("orders", "select count(*) from orders"), "1000");
    let over_tcp = |user: &str, mode: &str, password: &str| {
        let ca = postgres.ca().display().to_string();
        let port = postgres.port();
        let target = format!(
            "host=localhost hostaddr=127.0.0.1 port={port} user={user} dbname=orders sslmode={mode} sslrootcert={ca}"
        );
        let query = "select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false)";
        Command::new("psql")
            .env("PGPASSWORD", password)
            .args(["-XAt", &target, "-c", query])
            .output()
            .unwrap()
    };
    assert_eq!(over_tcp("postgres", "disable", "").stdout, b"f\n");
    assert_eq!(over_tcp("postgres", "verify-full", "").stdout, b"t\n");
    assert_eq!(over_tcp("guarded", "verify-full", PASSWORD).stdout, b"t\n");
    assert!(!over_tcp("guarded", "disable", "wrong").status.success());
    assert!(postgres.url("orders").starts_with("postgres://postgres@127.0.0.1:"));
}

#[test]
fn mariadb_answers_over_tcp_with_and_without_tls() {
    let mariadb = MariaDb::start();
    mariadb.exec("create database orders");
    mariadb.exec_in("orders", "create table orders (id int); insert into orders values (1), (2)");
    assert_eq!(mariadb.exec_in("orders", "select count(*) from orders"), "2");
    let over_tcp = |user: &str, password: &str, more: &[&str]| {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-BN", "-u", user]);
        command.arg(format!("-P{}", mariadb.port())).arg(format!("-p{password}")).args(more);
        command.args(["-e", "show status like 'Ssl_cipher'"]).output().unwrap()
    };
    let plain = over_tcp("drill", "", &["--skip-ssl"]);
    assert_eq!(String::from_utf8_lossy(&plain.stdout).trim(), "Ssl_cipher", "{plain:?}");
    let ca = format!("--ssl-ca={}", mariadb.ca().display());
    let tls = over_tcp("guarded", PASSWORD, &[&ca, "--ssl-verify-server-cert"]);
    assert!(String::from_utf8_lossy(&tls.stdout).contains("TLS_"), "{tls:?}");
    assert!(!over_tcp("guarded", "wrong", &[]).status.success());
    assert!(mariadb.url("orders").starts_with("mysql://drill@127.0.0.1:"));
}

#[test]
fn an_http_target_follows_its_script_and_counts() {
    let target = HttpTarget::start(Answer::status(503).body("starting"));
    target.then(2, Answer::status(200).header("X-Version", "v2").body("ok"));
    target.then(3, Answer::status(500));
    assert!(get(&target.address(), "/healthz").starts_with("HTTP/1.1 503 "));
    assert!(get(&target.address(), "/healthz").ends_with("starting"));
    let third = get(&target.address(), "/healthz?x=1");
    assert!(
        third.starts_with("HTTP/1.1 200 ") && third.contains("X-Version: v2") && third.ends_with("ok"),
        "{third}"
    );
    assert!(get(&target.address(), "/").starts_with("HTTP/1.1 500 "));
    target.set(Answer::status(200).after(Duration::from_millis(200)));
    let began = Instant::now();
    assert!(get(&target.address(), "/").starts_with("HTTP/1.1 200 "));
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(target.count(), 5);
    assert_eq!(target.requests()[2].path, "/healthz?x=1");
    assert_eq!(target.requests()[0].header("host"), Some("test"));
    assert!(target.url("/healthz").ends_with("/healthz"));
    let port = target.end();
    assert!(TcpStream::connect(port.address()).is_err());
}

#[test]
fn a_tcp_target_accepts_until_it_is_dropped() {
    let target = TcpTarget::start();
    let address = target.address();
    let mut stream = TcpStream::connect(&address).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(target.count(), 1);
    let counter = target.counter();
    let _port = target.end();
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(counter.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn a_tls_target_has_a_certificate_that_its_authority_vouches_for() {
    let target = TlsTarget::start();
    let request = format!(
        "printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -ign_eof -verify_return_error -verify_hostname localhost -connect 127.0.0.1:{}",
        target.port()
    );
    let trusting = format!("{request} -CAfile {}", target.certificates.ca.display());
    let trusted = Command::new("sh").args(["-c", &trusting]).output().unwrap();
    assert!(String::from_utf8_lossy(&trusted.stdout).ends_with("ok"), "{trusted:?}");
    let distrusted = Command::new("sh").args(["-c", &request]).output().unwrap();
    assert!(!String::from_utf8_lossy(&distrusted.stdout).contains("200 OK"), "{distrusted:?}");
}
