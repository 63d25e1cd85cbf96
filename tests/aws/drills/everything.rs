//! One drill that runs every action of the catalogue once.

use std::collections::BTreeSet;

use super::closet::Closet;
use super::drill::Drill;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl drill";

#[tokio::test]
async fn every_action_once() {
    let closet = Closet::open(1.0).await;
    closet.moto.delays(&serde_json::json!({ "default": 0 }));
    let rds = &closet.raw.rds;
    let cluster = rds.create_db_cluster().db_cluster_identifier("ledger").engine("aurora-postgresql");
    let cluster = cluster.engine_version("15.4").master_username("postgres");
    cluster.master_user_password("secretsecret").send().await.unwrap();
    let kept = rds.create_db_cluster_snapshot().db_cluster_identifier("ledger");
    kept.db_cluster_snapshot_identifier("ledger-1").send().await.unwrap();
    closet.papers().await;
    let backup = closet.carts().await;
    let east = super::account::Account::of(&closet.moto, super::shop::SANDBOX, super::shop::EAST).await;
    let db = east.rds.create_db_instance().db_instance_identifier("orders-east").engine("postgres");
    let db = db.db_instance_class("db.t3.medium").engine_version("16.3").allocated_storage(20);
    let db = db.master_username("postgres").master_user_password("secretsecret");
    db.backup_retention_period(1).send().await.unwrap();
    closet.moto.vaults(&serde_json::json!([{ "account": super::shop::SANDBOX, "region": super::shop::WEST, "vault": "kept", "points": [{
        "arn": "arn:aws:backup:us-west-2:999988887777:recovery-point:shares-1", "type": "EFS", "source": "fs-1",
        "of": "arn:aws:elasticfilesystem:us-west-2:999988887777:file-system/fs-1", "taken": "2026-01-01T00:00:00Z",
    }] }]));
    closet.moto.vaults(&serde_json::json!([{ "account": super::shop::SANDBOX, "region": "eu-west-1", "vault": "far", "points": [{
        "arn": "arn:aws:backup:eu-west-1:999988887777:recovery-point:far-1", "type": "EFS", "source": "fs-1",
        "of": "arn:aws:elasticfilesystem:eu-west-1:999988887777:file-system/fs-2", "taken": "2026-01-01T00:00:00Z",
    }] }]));
    closet.moto.delays(&serde_json::json!({ "default": 1 }));
    let before = closet.moto.state();

    let steps = include_str!("everything.yaml");
    let steps = steps
        .replace("<SNAPSHOT>", &closet.snapshot)
        .replace("<IMAGE>", &closet.image)
        .replace("<KEY>", KEY)
        .replace("BACKUP", &backup);
    let drill = Drill::new(&(Closet::head("everything") + &steps), closet.moto.endpoint());
    let stack = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("drills/orders.stack.yaml");
    drill.file("orders.stack.yaml", &std::fs::read_to_string(stack).unwrap());
    let done = drill.run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &before);

    let used: BTreeSet<&str> =
        done.report["steps"].as_array().unwrap().iter().map(|s| s["uses"].as_str().unwrap()).collect();
    // The action that a person confirms is left out, because it needs a terminal.
    let all: BTreeSet<&str> =
        engine::actions::CATALOGUE.0.iter().map(|a| a.name).filter(|n| *n != "manual.task").collect();
    assert_eq!(used, all);
    let attached = closet.moto.calls("AttachVolume");
    assert_eq!(attached.len(), 1, "{attached:?}");
    assert_eq!(done.node("papers")["status"], "succeeded");
    assert_eq!(
        done.node("copied")["observed"].as_str().unwrap().split(' ').next(),
        Some("3"),
        "{}",
        done.node("copied")
    );
    // Production keeps running during the drill. Nothing that it wrote after T0 counts as
    // recovered. The latest restorable time was read just before T0, so it lies at T0 or a little
    // before.
    let asked = closet.moto.calls("RestoreDBInstanceToPointInTime");
    let time = |value: &serde_json::Value| {
        let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    };
    let before_t0_s = time(&done.report["t0"]) - time(&asked[0]["params"]["RestoreTime"]);
    assert!((0..=60).contains(&before_t0_s), "{before_t0_s} s before T0: {}", asked[0]);
}
