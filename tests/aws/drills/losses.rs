//! The three samples through the SDKs: restored, checked, measured, judged and torn down.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::closet::Closet;
use super::drill::{Done, Drill};
use super::shop::{BACKUP, EAST, PRODUCTION, RECEIPTS, Shop};
use support::peers::{Answer, HttpTarget, Postgres};

const WEST_DATABASES: &str = "*.us-west-2.rds.amazonaws.com:5432";

/// One real server stands for the restored databases. Its newest order is 2 h 3 min old.
fn orders() -> Postgres {
    let server = Postgres::start();
    server.exec("create database orders");
    server.exec_in(
        "orders",
        "create table orders (id int primary key, updated_at timestamptz not null);
         insert into orders select n, now() - interval '2 hours 3 minutes' - n * interval '1 minute'
         from generate_series(0, 1199) as n",
    );
    server
}

/// Makes the checks use TLS. They verify the server's name and its authority, wherever the tunnel
/// leads.
fn verified(server: &Postgres) -> String {
    let trusted = format!("expect: \">= 1000\", tls: {{ ca_file: \"{}\" }} }}", server.ca().display());
    trusted.replace('\\', "/")
}

/// Asserts that the RTO is the time that was measured. It is the sum of the links of the critical
/// path, and no longer than the phase took.
#[track_caller]
fn adds_up(done: &Done, path: &[&str]) {
    let links = done.report["workloads"][0]["critical_path"].as_array().unwrap();
    let ids: Vec<&str> = links.iter().map(|link| link["id"].as_str().unwrap()).collect();
    assert_eq!(ids, path, "{}", done.told());
    let measured = done.seconds("/workloads/0/rto/measured_s");
    let sum: f64 = links.iter().map(|link| link["seconds"].as_f64().unwrap()).sum();
    let shares: f64 = links.iter().map(|link| link["share"].as_f64().unwrap()).sum();
    assert!((sum - measured).abs() < 0.05, "{sum} is not {measured}");
    assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    // The phase begins when T0 is on the disk, and a busy disk takes a moment for that.
    assert!(measured <= done.seconds("/phases/recover_s") + 10.0 && measured < done.took.as_secs_f64());
}

/// Allows two and a half minutes more. Seeding and preparing take time on a busy machine, and ages
/// grow meanwhile.
#[track_caller]
fn about(found: f64, wanted: f64) {
    assert!((wanted - 1.0..wanted + 150.0).contains(&found), "{found} is not about {wanted}");
}

/// The source of the data store that `step` restored.
#[track_caller]
fn source<'a>(done: &'a Done, step: &str) -> &'a Value {
    let sources = done.report["workloads"][0]["rpo"]["sources"].as_array().unwrap();
    sources.iter().find(|s| s["step"] == step).unwrap_or_else(|| panic!("{}", done.told()))
}

#[track_caller]
fn why_not<'a>(done: &'a Done, point: &str) -> &'a str {
    let points = done.report["recovery_points"].as_array().unwrap();
    let found = points.iter().find(|p| p["id"] == point);
    found.unwrap_or_else(|| panic!("{point} was not considered: {}", done.told()))["why_not"]
        .as_str()
        .unwrap_or_default()
}

fn set(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_lost_region_is_rebuilt_in_the_other() {
    let shop = Shop::open(2.0).await;
    let (server, web) = (orders(), HttpTarget::start(Answer::status(503)));
    web.then(2, Answer::status(200).body("ok"));
    let before = shop.moto.state();
    let tls = format!("tls: {{ ca_file: \"{}\" }} }}", server.ca().display());
    let changes: [(&str, &str); 6] = [
        ("postgres://{{", "postgres://postgres@{{"),
        ("expect: \">= 1000\" }", &verified(&server)),
        ("max(updated_at) from orders\" }", &format!("max(updated_at) from orders\", {tls}")),
        ("stable_for: 30s", "stable_for: 2s\n    every: 1s"),
        ("type: t4g.small", "type: t3.small"),
        ("db.t4g.medium", "db.t3.medium"),
    ];
    let drill = Drill::sample("region-loss.yaml", &shop, &changes);
    let done = drill.connect(WEST_DATABASES, &server.address()).connect("*:80", &web.address()).run();
    done.ends(1, "failed");
    done.nothing_is_left(&shop.moto, &before);

    let orders = &done.report["workloads"][0];
    assert_eq!(orders["recovered"], true, "{}", done.told());
    adds_up(&done, &["db", "web", "web-up"]);
    let (db, launched) = (done.seconds("/steps/0/seconds"), done.seconds("/steps/1/seconds"));
    assert!(db >= 2.0 && launched >= 2.0, "the peer takes 2 s for each: {db}, {launched}");
    let rto = done.seconds("/workloads/0/rto/measured_s");
    about(done.seconds("/workloads/0/rto/with_assumptions_s"), rto + 900.0);
    assert_eq!(orders["rto"]["status"], "met", "{}", done.told());

    assert_eq!(orders["rpo"]["status"], "missed", "{}", done.told());
    about(done.seconds("/workloads/0/rpo/measured_s"), 7380.0);
    let db = source(&done, "db");
    assert_eq!((&db["of"], &db["recovery_point"]), (&json!("rds:db/orders"), &json!("orders-west-2h")));
    assert_eq!(db["from"], format!("{PRODUCTION} us-west-2"));
    about(db["age_s"].as_f64().unwrap(), 7200.0);
    about(db["data_age_s"].as_f64().unwrap(), 7380.0);
    // RDS tells when a copy was begun, but not when it became usable. The gap lasts from 14 h to 2
    // h ago, or longer.
    assert_eq!(db["worst_case_s"], Value::Null);
    about(db["worst_case_at_least_s"].as_f64().unwrap(), 43_200.0);
    let receipts = source(&done, "receipts");
    assert_eq!(receipts["of"], "s3:bucket/orders-receipts");
    assert_eq!(receipts["recovery_point"], "orders-receipts-replica");
    // S3 does not tell how far a replica lagged behind.
    assert_eq!(receipts["age_s"], Value::Null);
    let told = done.report["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "lag-unknown");
    assert_eq!(told.unwrap()["resource"], "s3:bucket/orders-receipts");
    assert!(why_not(&done, "orders-west-late").contains("not usable at T0"));
    assert!(why_not(&done, "orders-west-14h").contains("a newer one was used"));
    assert_eq!(done.node("web")["recovery_points"], json!([shop.ami_west]));
    assert!(why_not(&done, &shop.ami_vault).contains("a newer one was used"));

    let coverage = &done.report["coverage"];
    let covered = ["rds:db/orders", &format!("ec2:instance/{}", shop.instance), "s3:bucket/orders-receipts"];
    assert_eq!(set(&coverage["covered"]), covered.into());
    let loose = [format!("ec2:instance/{}", shop.other_instance), format!("ec2:volume/{}", shop.volume)];
    assert_eq!(set(&coverage["uncovered"]), loose.iter().map(String::as_str).collect());
    assert_eq!(done.node("rows")["observed"], "1200");
    assert!(done.node("web-up")["tries"].as_u64().unwrap() >= 3);
    assert!(
        web.requests()
            .iter()
            .all(|r| r.path == "/healthz" && r.header("host").unwrap().starts_with("10.66."))
    );
    assert_eq!(done.report["denied_calls"], json!([]));
    assert!(done.calls("rds:RestoreDBInstanceFromDBSnapshot") == 1 && done.calls("ec2:RunInstances") >= 1);
    assert_eq!(done.calls("s3:CopyObject"), RECEIPTS as u64, "{}", done.report["api_calls"]);
    let log = shop.moto.log();
    let east: Vec<&Value> = log.iter().filter(|call| call["region"] == EAST).collect();
    assert!(east.is_empty(), "calls reached the lost region: {east:?}");
}

#[tokio::test]
async fn a_lost_zone_is_rebuilt_in_the_others() {
    let shop = Shop::open(2.0).await;
    let app = HttpTarget::start(Answer::status(200));
    let before = shop.moto.state();
    let changes = [("within: 5m", "within: 5m\n    every: 1s"), ("type: t4g.small", "type: t3.small")];
    let done = Drill::sample("az-loss.yaml", &shop, &changes).connect("*:8080", &app.address()).run();
    done.ends(0, "passed");
    done.nothing_is_left(&shop.moto, &before);

    let orders = &done.report["workloads"][0];
    assert_eq!((&orders["rto"]["status"], &orders["rpo"]["status"]), (&json!("met"), &json!("met")));
    assert_eq!(orders["rto"]["with_assumptions_s"], Value::Null);
    let links = orders["critical_path"].as_array().unwrap();
    let path: Vec<&str> = links.iter().map(|l| l["id"].as_str().unwrap()).collect();
    // In this sample, the volume and the machine may take longer than the database.
    assert!(path == ["db", "app-up"] || path == ["volume", "app", "app-up"], "{path:?}");
    adds_up(&done, &path);

    about(done.seconds("/workloads/0/rpo/measured_s"), 21_000.0);
    let volume = source(&done, "volume");
    assert_eq!(volume["recovery_point"], shop.snapshot);
    about(volume["age_s"].as_f64().unwrap(), 21_000.0);
    let db = source(&done, "db");
    assert_eq!(db["of"], "rds:db/orders");
    about(db["age_s"].as_f64().unwrap(), 300.0);
    assert_eq!(done.node("app")["recovery_points"], json!([shop.ami_east]));

    // Nothing is created in the lost zone, which production's account calls us-east-1b.
    assert!(!set(&done.report["sandbox"]["azs"]).contains("use1-az1"), "{}", done.report["sandbox"]);
    for call in shop.moto.log() {
        let creates = ["CreateVolume", "CreateSubnet", "RunInstances", "RestoreDBInstanceToPointInTime"]
            .contains(&call["action"].as_str().unwrap());
        let params = call["params"].to_string();
        assert!(!creates || !(params.contains("us-east-1b") || params.contains("use1-az1")), "{call}");
    }
    let findings = done.report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["rule"] == "sandbox-shares-account"), "{findings:?}");
}

#[tokio::test]
async fn a_lost_account_is_rebuilt_from_the_vault() {
    let shop = Shop::open(2.0).await;
    let (server, web) = (orders(), HttpTarget::start(Answer::status(200)));
    let before = shop.moto.state();
    let changes: [(&str, &str); 3] = [
        ("postgres://{{", "postgres://postgres@{{"),
        ("expect: \">= 1000\" }", &verified(&server)),
        ("type: t4g.small", "type: t3.small"),
    ];
    let drill = Drill::sample("account-loss.yaml", &shop, &changes);
    let done = drill.connect(WEST_DATABASES, &server.address()).connect("*:80", &web.address()).run();
    done.ends(1, "failed");
    done.nothing_is_left(&shop.moto, &before);

    let orders = &done.report["workloads"][0];
    adds_up(&done, &["copy", "db", "web", "web-up"]);
    assert_eq!((&orders["rto"]["status"], &orders["rpo"]["status"]), (&json!("unknown"), &json!("missed")));
    assert_eq!(orders["missing_resources"], json!(["s3:bucket/orders-receipts"]));
    about(done.seconds("/workloads/0/rpo/measured_s"), 90_000.0);
    assert_eq!(done.report["workloads"][0]["rpo"]["worst_case_s"], Value::Null);
    about(done.seconds("/workloads/0/rpo/worst_case_at_least_s"), 90_000.0);
    let db = source(&done, "db");
    assert_eq!((&db["of"], &db["recovery_point"]), (&json!("rds:db/orders"), &json!("orders-vault-25h")));
    assert_eq!(db["from"], format!("{BACKUP} us-west-2"));
    assert_eq!(done.node("web")["recovery_points"], json!([shop.ami_vault]));
    let uncovered = [
        "s3:bucket/orders-receipts",
        &format!("ec2:instance/{}", shop.other_instance),
        &format!("ec2:volume/{}", shop.volume),
    ];
    assert_eq!(set(&done.report["coverage"]["uncovered"]), uncovered.into());
    assert_eq!(done.calls("cloudformation:CreateStack"), 1);

    let copied = shop.moto.calls("CopyDBSnapshot");
    assert_eq!(copied.len(), 1);
    let from = copied[0]["params"]["SourceDBSnapshotIdentifier"].as_str().unwrap();
    assert_eq!(from, format!("arn:aws:rds:us-west-2:{BACKUP}:snapshot:orders-vault-25h"));
    // This is stricter than the rule from T0 on: production's credentials are never used.
    for call in shop.moto.log() {
        assert_ne!(call["account"], PRODUCTION, "{call}");
        assert!(!call["params"]["RoleArn"].as_str().unwrap_or_default().contains(PRODUCTION), "{call}");
    }
}

/// The lag of a copy is unknown if `of` names the original, if the estate names it, or if the
/// versions of an instant are restored.
#[tokio::test]
async fn a_bucket_that_stands_for_another_is_of_unknown_age() {
    let closet = Closet::open(0.2).await;
    closet.papers().await;
    let before = closet.moto.state();
    let drill = |from: &str| {
        let playbook = format!(
            "{}steps:\n  - {{ id: papers, uses: s3.restore, workload: orders, with: {{ from: {{ bucket: papers{from} }}, to: papers }} }}\n\
             checks:\n  - {{ id: there, workload: orders, s3: {{ bucket: \"{{{{ steps.papers.bucket }}}}\" }} }}\n",
            Closet::head("papers")
        );
        Drill::new(&playbook, closet.moto.endpoint()).run()
    };
    let done = drill("");
    done.ends(0, "passed");
    assert_eq!(done.report["workloads"][0]["rpo"]["status"], "met");
    let done = drill(", of: original");
    done.ends(1, "failed");
    let rpo = &done.report["workloads"][0]["rpo"];
    assert_eq!((&rpo["status"], &rpo["sources"][0]["age_s"]), (&json!("unknown"), &Value::Null), "{rpo}");
    let told = done.report["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "lag-unknown");
    assert!(told.unwrap()["message"].as_str().unwrap().contains("papers lagged behind original"));
    done.nothing_is_left(&closet.moto, &before);
}
