//! Restores by AWS Backup: each of the seven types is restored, checked, measured and torn down. A
//! restore that lands outside the sandbox is caught.

use std::time::Duration;

use aws::sdk::aws_sdk_dynamodb;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use serde_json::{Value, json};

use super::closet::Closet;
use super::drill::{Done, Drill};
use super::shop::{SANDBOX, WEST};

const ROLE: &str = "arn:aws:iam::999988887777:role/restore";

/// The seven types: the id of the step, the resource, and more arguments.
const TYPES: [(&str, &str, &str); 7] = [
    ("db", "rds:db/orders", ""),
    ("ledger", "rds:cluster/ledger", ", class: db.r6g.large, instances: 2"),
    ("web", "ec2:instance/i-1", ", metadata: { instanceType: t3.small }"),
    ("disk", "ec2:volume/vol-1", ", metadata: { volumeType: gp3 }"),
    ("shares", "efs:file-system/fs-1", ""),
    ("carts", "dynamodb:table/carts", ""),
    ("papers", "s3:bucket/papers", ", to: papers"),
];

fn arn(name: &str) -> String {
    format!("arn:aws:backup:{WEST}:{SANDBOX}:recovery-point:{name}")
}

/// A closet with a vault: one recovery point of each type, two hours old. `fs-1` is a file system that
/// stands in the sandbox's account.
async fn vault(seconds: f64) -> (Closet, Value, String) {
    let closet = Closet::open(0.0).await;
    let raw = &closet.raw;
    let cluster = raw.rds.create_db_cluster().db_cluster_identifier("ledger").engine("aurora-postgresql");
    let cluster = cluster.engine_version("15.4").master_username("postgres");
    cluster.master_user_password("secretsecret").send().await.unwrap();
    let kept = raw.rds.create_db_cluster_snapshot().db_cluster_identifier("ledger");
    kept.db_cluster_snapshot_identifier("ledger-1").send().await.unwrap();
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let table = raw.dynamodb.create_table().table_name("carts").billing_mode(BillingMode::PayPerRequest);
    let table = table.attribute_definitions(id.build().unwrap()).key_schema(key.build().unwrap());
    table.send().await.unwrap();
    let item = raw.dynamodb.put_item().table_name("carts");
    item.item("id", AttributeValue::S("a".into())).send().await.unwrap();
    let kept = raw.dynamodb.create_backup().table_name("carts").backup_name("kept").send().await.unwrap();
    let table = kept.backup_details.unwrap().backup_arn;
    let system = raw.efs.create_file_system().creation_token("home").send().await.unwrap().file_system_id;
    closet.papers().await;
    let (snapshot, image) = (closet.snapshot.clone(), closet.image.clone());
    let of = |service: &str, rest: &str| format!("arn:aws:{service}:{WEST}:{SANDBOX}:{rest}");
    let taken = (chrono::Utc::now() - chrono::TimeDelta::hours(2)).to_rfc3339();
    let point = |name: &str, kind: &str, of: String, source: &str| json!({ "arn": arn(name), "of": of, "type": kind, "source": source, "taken": taken });
    closet.moto.vaults(&json!([{ "account": SANDBOX, "region": WEST, "vault": "kept", "points": [
        point("db", "RDS", of("rds", "db:orders"), "orders-1"),
        point("ledger", "Aurora", of("rds", "cluster:ledger"), "ledger-1"),
        point("web", "EC2", of("ec2", "instance/i-1"), &image),
        point("disk", "EBS", of("ec2", "volume/vol-1"), &snapshot),
        point("shares", "EFS", of("elasticfilesystem", "file-system/fs-1"), &system),
        point("carts", "DynamoDB", of("dynamodb", "table/carts"), &table),
        point("papers", "S3", "arn:aws:s3:::papers".into(), "papers"),
    ] }]));
    closet.moto.delays(&json!({ "default": seconds }));
    closet.moto.clear_log();
    let before = closet.moto.state();
    (closet, before, system)
}

fn step(id: &str, resource: &str, more: &str) -> String {
    format!(
        "  - {{ id: {id}, uses: backup.restore, workload: orders, with: {{ from: {{ resource: \"{resource}\" }}, role: \"{ROLE}\"{more} }} }}\n"
    )
}

fn playbook(name: &str, steps: &[(&str, &str, &str)], checks: &str) -> String {
    let steps: String = steps.iter().map(|(id, resource, more)| step(id, resource, more)).collect();
    format!("{}steps:\n{steps}checks:\n{checks}", Closet::head(name))
}

fn up(needs: &str) -> String {
    format!("  - {{ id: up, workload: orders, needs: [{needs}], command: {{ run: [\"true\"] }} }}\n")
}

fn findings<'a>(done: &'a Done, rule: &str) -> Vec<&'a Value> {
    done.report["findings"].as_array().unwrap().iter().filter(|found| found["rule"] == rule).collect()
}

#[tokio::test]
async fn each_of_the_seven_types_is_restored_checked_measured_and_torn_down() {
    let (closet, before, _) = vault(1.0).await;
    let checks = "  - { id: running, workload: orders, within: 1m, every: 1s, state: { of: \"{{ steps.web.instance_id }}\" } }
  - { id: copied, workload: orders, s3: { bucket: \"{{ steps.papers.bucket }}\", count: 3 } }
  - { id: named, workload: orders, command: { run: [test, -n, \"{{ steps.db.endpoint }}{{ steps.ledger.endpoint }}{{ steps.disk.volume_id }}{{ steps.shares.file_system_id }}{{ steps.carts.table }}\"] } }
";
    let done = Drill::new(&playbook("seven", &TYPES, checks), closet.moto.endpoint()).run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &before);
    let started = closet.moto.calls("StartRestoreJob");
    assert_eq!(started.len(), TYPES.len(), "{started:?}");
    for (id, ..) in TYPES {
        assert_eq!(done.node(id)["status"], "succeeded", "{}", done.node(id));
    }
    // The machine's image counts as data only where a playbook says so. Two hours are the age of all
    // others.
    let rpo = &done.report["workloads"][0]["rpo"];
    assert_eq!(rpo["sources"].as_array().unwrap().len(), TYPES.len() - 1, "{rpo:#}");
    let measured = rpo["measured_s"].as_f64().unwrap();
    assert!((7200.0..7320.0).contains(&measured), "{rpo:#}");
    // An S3 job that completes proves little, and the report says so.
    assert_eq!(findings(&done, "restore-unproved").len(), 1);
    assert_eq!(findings(&done, "restored-outside").len(), 0);
    assert_eq!(closet.count("CreateDBInstance"), 2);
}

/// The newest point has malware, and the next one was not scanned. RPO is told by what was used, and by
/// what the newest would have given.
#[tokio::test]
async fn the_newest_point_that_a_scan_called_clean_is_restored() {
    let closet = Closet::open(0.5).await;
    let point = |name: &str, hours: i64, more: Value| {
        let taken = (chrono::Utc::now() - chrono::TimeDelta::hours(hours)).to_rfc3339();
        let of = format!("arn:aws:rds:{WEST}:{SANDBOX}:db:orders");
        let mut point =
            json!({ "arn": arn(name), "of": of, "type": "RDS", "source": "orders-1", "taken": taken });
        point.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        point
    };
    closet.moto.vaults(&json!([{ "account": SANDBOX, "region": WEST, "vault": "kept", "points": [
        point("infected", 1, json!({ "infected": true })),
        point("unscanned", 2, json!({})),
        point("clean", 3, json!({ "infected": false })),
        point("older", 5, json!({ "infected": false })),
    ] }]));
    let before = closet.moto.state();
    let steps = step("db", "rds:db/orders", "").replace("orders\" }", "orders\", point: latest-clean }");
    let playbook = format!("{}steps:\n{steps}checks:\n{}", Closet::head("clean"), up("db"));
    let done = Drill::new(&playbook, closet.moto.endpoint()).run();
    done.ends(0, "passed");
    let started = &closet.moto.calls("StartRestoreJob")[0];
    assert!(started.to_string().contains(&arn("clean")), "{started}");
    let rpo = &done.report["workloads"][0]["rpo"];
    let hours = |key: &str| format!("{:.0}", rpo[key].as_f64().unwrap() / 3600.0);
    assert_eq!((hours("measured_s"), hours("newest_s")), ("3".into(), "2".into()), "{rpo:#}");
    done.nothing_is_left(&closet.moto, &before);
}

/// A fault of AWS or of the account: the job ignores where it should land. Whatever the job made goes,
/// and what was there before stays.
#[tokio::test]
async fn a_restore_that_lands_outside_the_sandbox_fails_the_drill() {
    for (id, resource, more) in TYPES.iter().filter(|(id, ..)| !["shares", "carts", "papers"].contains(id)) {
        let (closet, before, _) = vault(0.2).await;
        closet.moto.faults(&json!([{ "action": "StartRestoreJob", "kind": "outside" }]));
        let text = playbook("outside", &[(id, resource, more)], &up(id));
        let done = Drill::new(&text, closet.moto.endpoint()).run();
        done.ends(1, "failed");
        let found = findings(&done, "restored-outside");
        assert_eq!((found.len(), &found[0]["severity"]), (1, &json!("high")), "{id}: {}", done.told());
        assert_eq!(done.node(id)["status"], "failed", "{id}");
        let said = done.report["reasons"].to_string();
        assert!(said.contains("the sandbox was not closed after T0"), "{id}: {said}");
        done.nothing_is_left(&closet.moto, &before);
    }
}

/// The job wrote into a file system that was there before. It is not the run's, so it is told and left
/// alone.
#[tokio::test]
async fn what_was_there_before_the_job_is_neither_used_nor_deleted() {
    let (closet, before, system) = vault(0.2).await;
    closet.moto.faults(&json!([{ "action": "StartRestoreJob", "kind": "outside" }]));
    let text = playbook("before", &[TYPES[4]], &up("shares"));
    let done = Drill::new(&text, closet.moto.endpoint()).run();
    done.ends(4, "failed");
    let left = done.report["teardown"]["left_behind"].to_string();
    assert!(left.contains("backup:restore-job/"), "{left}");
    assert!(
        done.told().contains(&system) && done.told().contains("existed before the job"),
        "{}",
        done.told()
    );
    assert_eq!(closet.moto.state().to_string(), before.to_string());
    assert_eq!(findings(&done, "restored-outside").len(), 1);
}

/// A table of a name that nobody asked for is not proved to be the run's. The role may not even look at
/// it.
#[tokio::test]
async fn a_table_of_another_name_is_told_and_left_alone() {
    let (closet, _, _) = vault(0.2).await;
    closet.moto.faults(&json!([{ "action": "StartRestoreJob", "kind": "outside" }]));
    let text = playbook("renamed", &[TYPES[5]], &up("carts"));
    let done = Drill::new(&text, closet.moto.endpoint()).run();
    done.ends(4, "failed");
    assert_eq!(findings(&done, "restored-outside").len(), 1);
    let left = done.report["teardown"]["left_behind"].to_string();
    assert!(left.contains("backup:restore-job/"), "{left}");
    assert!(done.told().contains("table/elsewhere-"), "{}", done.told());
    assert_eq!(closet.count("DeleteTable"), 0);
}

#[tokio::test]
async fn a_job_that_fails_or_makes_nothing_is_no_success() {
    for (kind, step, says) in [
        ("job_fails", TYPES[0], "The role lacks a permission"),
        ("nothing", TYPES[0], "names nothing that it made"),
        ("nothing", TYPES[6], "nothing was restored"),
    ] {
        let (closet, before, _) = vault(0.2).await;
        closet.moto.faults(&json!([{ "action": "StartRestoreJob", "kind": kind }]));
        let done = Drill::new(&playbook("none", &[step], &up(step.0)), closet.moto.endpoint()).run();
        done.ends(1, "failed");
        let because = done.node(step.0)["because"].as_str().unwrap_or_default().to_owned();
        assert!(because.contains(says), "{kind} {}: {because}", step.0);
        done.nothing_is_left(&closet.moto, &before);
    }
}

/// A running job cannot be stopped. Teardown waits for it, and deletes what it made.
#[tokio::test]
async fn an_interrupted_job_is_waited_for_and_what_it_made_is_deleted() {
    for (id, resource, more) in [TYPES[0], TYPES[2], TYPES[5]] {
        let (closet, before, _) = vault(0.2).await;
        closet.moto.delays(&json!({ "restore_job": 8 }));
        let text = playbook("interrupted", &[(id, resource, more)], &up(id));
        let running = Drill::new(&text, closet.moto.endpoint()).start();
        for _ in 0..600 {
            if closet.count("DescribeRestoreJob") > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        running.signal("INT");
        let done = running.end();
        done.ends(130, "interrupted");
        done.nothing_is_left(&closet.moto, &before);
        let made = closet.moto.calls("StartRestoreJob");
        assert_eq!(made.len(), 1, "{id}: {made:?}");
        assert!(closet.count("DescribeRestoreJob") > 2, "{id}");
    }
}

/// The answer to the start is lost. The same token gives the same job.
#[tokio::test]
async fn a_lost_answer_starts_no_second_job() {
    let (closet, before, _) = vault(0.2).await;
    closet.moto.faults(&json!([{ "action": "StartRestoreJob", "kind": "drop_after" }]));
    let done = Drill::new(&playbook("lost", &[TYPES[4]], &up("shares")), closet.moto.endpoint()).run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &before);
    assert!(closet.count("StartRestoreJob") > 1);
    let tagged = closet.moto.calls("TagResource");
    let systems: std::collections::BTreeSet<&str> =
        tagged.iter().map(|call| call["params"]["file_system"].as_str().unwrap()).collect();
    assert_eq!(systems.len(), 1, "one file system was made: {tagged:?}");
}
