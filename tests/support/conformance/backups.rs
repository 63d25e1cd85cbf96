//! Restores by AWS Backup.

use engine::actions::context::StepError;
use estate::Loss;
use port::gate::Enforcement;
use port::{ErrorKind, Kind};
use serde_json::json;

use super::databases::lives_in_the_sandbox;
use super::peer::{Peer, Setup};
use super::production::{EAST, PRODUCTION, RESTORER, SANDBOX, SHARES, SHARES_FAR, VAULT, WEST};
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

/// A role of the account that holds [`SHARES_FAR`].
fn copier() -> String {
    format!("arn:aws:iam::{VAULT}:role/copy")
}

pub async fn a_point_of_another_account_is_copied_and_restored(peer: &Peer) {
    let stage = Stage::open(peer, With { copied_from: Some(VAULT), ..With::default() }).await;
    let args = json!({ "from": { "recovery_point": SHARES_FAR }, "role": copier() });
    let original = stage.source_of("backup.copy", &args).await.point;
    let copied = stage.does("copied", "backup.copy", args).await;
    let copy = copied.outputs["recovery_point"].as_str().unwrap();
    assert!(copy != SHARES_FAR && copy.starts_with(&format!("arn:aws:backup:{WEST}:{SANDBOX}:")), "{copy}");
    // The copy is as old as its original.
    assert_eq!((copied.made[0].id.as_str(), copied.made[0].taken), (copy, original.taken));
    assert!(original.taken.is_some() && copied.made[0].vault != original.vault);
    let args = json!({ "from": { "recovery_point": copy }, "role": RESTORER });
    let shares = stage.does("shares", "backup.restore", args).await;
    assert!(shares.outputs["file_system_id"].as_str().unwrap().starts_with("fs-"));
    // The job runs where the original lies. The vault is in the sandbox.
    let made = stage.provisioner.created();
    let place = |kind| made.iter().find(|resource| resource.kind == kind).unwrap().place();
    assert_eq!((place(Kind::CopyJob).account.as_str(), place(Kind::CopyJob).region.as_str()), (VAULT, EAST));
    assert_eq!(place(Kind::Vault), stage.ready.place);
    stage.close().await;
}

pub async fn nothing_is_copied_from_where_no_step_copies(peer: &Peer) {
    let stage = Stage::open(peer, With { copied_from: Some(PRODUCTION), ..With::default() }).await;
    let args = json!({ "from": { "recovery_point": SHARES_FAR }, "role": copier() });
    let error = stage.refuses("copied", "backup.copy", args).await;
    assert_eq!(error.kind, ErrorKind::Guarded, "{error:?}");
    assert!(error.message.contains(VAULT), "{error}");
    stage.close().await;
}

pub async fn nothing_is_copied_from_what_is_lost(peer: &Peer) {
    for loss in [Loss::Region(EAST.parse().unwrap()), Loss::Account(VAULT.parse().unwrap())] {
        let peer = peer.another(&Setup::losing(loss));
        let stage = Stage::open(&peer, With { copied_from: Some(VAULT), ..With::default() }).await;
        let args = json!({ "from": { "recovery_point": SHARES_FAR }, "role": copier() });
        let source = stage.source_of("backup.copy", &args).await;
        peer.gate.enforce(Enforcement::Full);
        let made = stage.attempt_from("copied", 1, "backup.copy", &args, Some(source)).await;
        let error = made.unwrap_err();
        assert!(error.to_string().contains("lost"), "{error}");
        let denied = peer.gate.denied();
        assert!(denied.iter().any(|d| d.call == "backup:StartCopyJob" && d.step == "copied"), "{denied:?}");
        peer.gate.enforce(Enforcement::Teardown);
        stage.close().await;
    }
}
