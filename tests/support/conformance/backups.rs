//! Restores by AWS Backup.

use engine::actions::context::StepError;
use port::Kind;
use serde_json::json;

use super::databases::lives_in_the_sandbox;
use super::peer::Peer;
use super::production::{PRODUCTION, RESTORER, SHARES};
use super::stage::{Stage, With};

pub async fn points_of_aws_backup_are_restored_into_the_sandbox(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let args = json!({ "from": { "recovery_point": SHARES }, "role": RESTORER });
    let shares = stage.does("shares", "backup.restore", args).await;
    assert!(shares.outputs["file_system_id"].as_str().unwrap().starts_with("fs-"));
    let args = json!({ "file_system": shares.outputs["file_system_id"] });
    let mounted = stage.does("mounted", "efs.mount", args).await;
    let addresses = mounted.outputs["addresses"].as_array().unwrap();
    assert_eq!((addresses.len(), &addresses[0]), (2, &mounted.outputs["address"]));
    let args = json!({ "from": { "resource": "rds:db/orders" }, "role": RESTORER });
    let db = stage.does("db", "backup.restore", args).await;
    let address = db.outputs["address"].as_str().unwrap();
    assert_eq!(db.outputs["endpoint"], json!(format!("{address}:{}", db.outputs["port"])));
    lives_in_the_sandbox(&stage, &db.outputs["db_id"], false).await;
    let made: Vec<Kind> = stage.provisioner.created().iter().map(|resource| resource.kind).collect();
    assert_eq!(made.iter().filter(|kind| **kind == Kind::RestoreJob).count(), 2);
    stage.close().await;
}

pub async fn a_role_of_another_account_restores_nothing(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let before = stage.provisioner.created();
    let role = format!("arn:aws:iam::{PRODUCTION}:role/restore");
    let args = json!({ "from": { "recovery_point": SHARES }, "role": role });
    let error = stage.attempt("shares", 1, "backup.restore", &args).await.unwrap_err();
    assert!(matches!(&error, StepError::Failed { again: false, .. }), "{error:?}");
    assert!(error.to_string().contains(PRODUCTION), "{error}");
    assert_eq!(stage.provisioner.created(), before);
    stage.close().await;
}
