use port::{ErrorKind, Kind, Rule, State};
use serde_json::json;

use super::peer::Peer;
use super::production::{CARTS, EAST, SANDBOX};
use super::stage::{Stage, With, unknown};
use engine::actions::context::StepError;
use engine::sandbox::ProvisionError;
use estate::PointKind;

pub async fn a_table_is_restored_from_a_backup(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let backup = peer.ids.backup.clone();
    // It lies in the other region, and is restored without a copy.
    let args =
        json!({ "from": { "table": CARTS, "point": backup }, "indexes": "none", "billing": "on_demand" });
    let table = stage.does("table", "dynamodb.restore", args).await;
    let name = table.outputs["name"].as_str().unwrap();
    assert!(table.outputs["arn"].as_str().unwrap().ends_with(&format!("table/{name}")));
    assert_ne!(name, CARTS);
    // Nobody said what production has besides its data.
    let found = &table.findings[0];
    assert_eq!((found.rule, table.findings.len()), (Rule::RestoredWithout, 1), "{found:?}");
    for what in ["time to live", "stream", "point-in-time recovery", "auto scaling"] {
        assert!(found.message.contains(what), "{found:?}");
    }
    let resource = stage.resource(Kind::Table, name);
    assert!(stage.tagged().await.contains(&resource));
    stage.close().await;
}

pub async fn a_table_is_restored_to_an_instant(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let settings = json!({ "from": { "table": CARTS }, "ttl": "expires_at", "stream": "NEW_AND_OLD_IMAGES", "pitr": true,
        "scaling": "none", "tags": { "app": "carts" } });
    let table = stage.does("latest", "dynamodb.restore", settings.clone()).await;
    assert_eq!(table.consistent_at, Some(peer.ids.latest), "its instant is named, so that its age is known");
    assert_eq!(table.findings.len(), 0, "{:?}", table.findings);
    let name = table.outputs["name"].as_str().unwrap();
    assert_eq!(stage.state(&stage.resource(Kind::Table, name)).await, State::Ready);
    if let Some(facts) = peer.table(name).await {
        assert_eq!(
            facts,
            json!({ "ttl": "expires_at", "stream": "NEW_AND_OLD_IMAGES", "pitr": true, "app": "carts", "items": 3 })
        );
    }
    let mut earlier = settings.clone();
    let at = peer.ids.latest - chrono::TimeDelta::minutes(1);
    earlier["from"]["point"] = json!(at.to_rfc3339());
    let table = stage.does("earlier", "dynamodb.restore", earlier).await;
    assert_eq!(table.consistent_at, Some(at));
    let mut later = settings;
    later["from"]["point"] = json!((peer.ids.latest + chrono::TimeDelta::hours(1)).to_rfc3339());
    let error = stage.refuses("later", "dynamodb.restore", later).await;
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    stage.close().await;
}

pub async fn what_is_not_there_is_not_found(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    for (id, kind) in [
        (format!("arn:aws:dynamodb:{EAST}:{SANDBOX}:table/{CARTS}/backup/none"), PointKind::DynamodbBackup),
        ("none".to_owned(), PointKind::DynamodbPitr),
    ] {
        let source = unknown(&id, kind);
        let source = event::RestoreSource { at: Some(peer.ids.latest), ..source };
        let args = json!({ "from": { "table": "none" } });
        match stage.attempt_from("none", 1, "dynamodb.restore", &args, Some(source)).await {
            Err(StepError::Provision(ProvisionError::Cloud(error))) => {
                assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    stage.close().await;
}
