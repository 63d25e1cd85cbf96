use engine::actions::context::{Outcome, StepError};
use engine::sandbox::ProvisionError;
use estate::PointKind;
use port::{ErrorKind, Kind, PointQuery, State};
use serde_json::{Value, json};

use super::peer::{ClusterFacts, DatabaseFacts, Peer};
use super::production::{
    ACCOUNTS, BOOKS, EAST, LEDGER_SECRET, LEDGER_VAULT, MIRROR, ORDERS_EAST, ORDERS_SECRET, ORDERS_VAULT,
    ORDERS_WEST, SANDBOX, VAULT, WEST, account,
};
use super::stage::{Stage, With, is};

fn arn(account: &str, region: &str, word: &str, id: &str) -> String {
    format!("arn:aws:rds:{region}:{account}:{word}:{id}")
}

fn endpoint(outcome: &Outcome) {
    let outputs = &outcome.outputs;
    let expected = format!("{}:{}", outputs["address"].as_str().unwrap(), outputs["port"]);
    assert_eq!(outputs["endpoint"], json!(expected));
}

/// The database uses the sandbox's subnet group and security group. Both clouds refuse to delete
/// these while it exists.
pub async fn lives_in_the_sandbox(stage: &Stage<'_>, db: &Value, multi_az: bool) {
    let (group, security) =
        (stage.ready.db_subnet_group.clone().unwrap(), stage.ready.security_group.clone());
    for resource in
        [stage.resource(Kind::DbSubnetGroup, &group), stage.resource(Kind::SecurityGroup, &security)]
    {
        let error = match stage.delete(&resource).await {
            Err(ProvisionError::Cloud(error)) => error,
            other => panic!("{resource}: {other:?}"),
        };
        assert_eq!(error.kind, ErrorKind::InUse, "{error}");
    }
    // The twin models no standby and no public addresses.
    if let Some(facts) = stage.peer.database(db.as_str().unwrap()).await {
        let expected = DatabaseFacts {
            subnet_group: group,
            security_groups: vec![security],
            multi_az,
            public: false,
            deletion_protection: false,
        };
        assert_eq!(facts, expected);
    }
}

pub async fn snapshots_are_copied_and_restored(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let from = json!({ "db": "orders", "point": ORDERS_EAST });
    let source = stage.source_of("rds.copy_snapshot", &json!({ "from": from })).await;
    let copied = stage.does("copy", "rds.copy_snapshot", json!({ "from": from })).await;
    let copy = &copied.made[0];
    assert_eq!((source.point.region.as_str(), copy.region.as_str()), (EAST, WEST));
    assert_eq!(copy.of.to_string(), "rds:db/orders");
    assert_eq!((&copy.account, copy.kind), (&account(SANDBOX), PointKind::RdsSnapshot));
    assert!(copy.taken.is_some() && copy.taken == source.point.taken, "as old as what it was copied from");
    let args = json!({ "from": { "snapshot": copied.outputs["snapshot_id"] }, "class": "db.t4g.medium" });
    let db = stage.does("db", "rds.restore", args).await;
    endpoint(&db);
    lives_in_the_sandbox(&stage, &db.outputs["db_id"], false).await;
    // A second step restores a second database.
    let args = json!({ "from": { "db": "orders", "point": ORDERS_WEST }, "port": 5433 });
    let second = stage.does("second", "rds.restore", args).await;
    assert_ne!(second.outputs["db_id"], db.outputs["db_id"]);
    assert_eq!(second.outputs["port"], json!(5433));
    stage.close().await;
}

pub async fn a_shared_snapshot_is_restored_in_place(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let query = PointQuery::Of {
        selector: "rds:db/orders".parse().unwrap(),
        kinds: vec![PointKind::RdsSnapshot],
        reader: None,
    };
    let seen = peer.cloud.recovery_points(&stage.ready.place, &query).await.unwrap().points;
    let shared: Vec<_> = seen.iter().filter(|p| p.account.as_str() == VAULT).collect();
    assert_eq!(shared.len(), 1, "the vault shares one of its two: {seen:?}");
    assert!(shared[0].id.ends_with(ORDERS_VAULT) && shared[0].shared_with == [account(SANDBOX)]);
    let args = json!({ "from": { "snapshot": arn(VAULT, WEST, "snapshot", ORDERS_VAULT) } });
    let db = stage.does("db", "rds.restore", args).await;
    endpoint(&db);
    lives_in_the_sandbox(&stage, &db.outputs["db_id"], false).await;
    stage.close().await;
}

pub async fn multi_az_is_only_as_asked(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let args = json!({ "from": { "snapshot": ORDERS_WEST }, "multi_az": true });
    let db = stage.does("db", "rds.restore", args).await;
    lives_in_the_sandbox(&stage, &db.outputs["db_id"], true).await;
    stage.close().await;
}

pub async fn a_restore_to_time_reports_its_instant(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let latest = peer.ids.latest;
    let args = json!({ "from": { "db": BOOKS, "point": "latest" } });
    let db = stage.attempt("latest", 1, "rds.restore_to_time", &args).await.unwrap();
    assert_eq!(db.consistent_at, Some(latest), "the latest is asked for by name, so that its age is known");
    lives_in_the_sandbox(&stage, &db.outputs["db_id"], false).await;
    let earlier = latest - chrono::TimeDelta::minutes(1);
    let args = json!({ "from": { "db": BOOKS, "point": earlier.to_rfc3339() } });
    let db = stage.does("earlier", "rds.restore_to_time", args).await;
    endpoint(&db);
    assert_eq!(db.consistent_at, Some(earlier));
    // An instant in the future cannot be restored.
    let later = latest + chrono::TimeDelta::hours(1);
    let args = json!({ "from": { "db": BOOKS, "point": later.to_rfc3339() } });
    let error = stage.refuses("later", "rds.restore_to_time", args).await;
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    stage.close().await;
}

pub async fn a_cluster_is_restored_with_its_instances(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let shared = arn(VAULT, WEST, "cluster-snapshot", LEDGER_VAULT);
    let copied = stage.does("copy", "rds.copy_snapshot", json!({ "from": { "snapshot": shared } })).await;
    assert_eq!(copied.made[0].kind, PointKind::RdsClusterSnapshot);
    assert_eq!(copied.made[0].of.to_string(), "rds:cluster/ledger");
    for (step, snapshot, count) in
        [("copied", &copied.outputs["snapshot_id"], 2), ("shared", &json!(shared), 1)]
    {
        let args = json!({ "from": { "snapshot": snapshot }, "engine": "aurora-postgresql",
            "class": "db.r6g.large", "instances": count });
        let cluster = stage.does(step, "rds.restore_cluster", args).await;
        endpoint(&cluster);
        assert!(cluster.outputs["reader_endpoint"].as_str().unwrap().contains(':'));
        let instances = cluster.outputs["instance_ids"].as_array().unwrap();
        assert_eq!(instances.len(), count);
        let id = cluster.outputs["cluster_id"].as_str().unwrap();
        let known = stage.provisioner.created();
        assert!(known.contains(&stage.resource(Kind::DbCluster, id)));
        for instance in instances {
            assert!(known.contains(&stage.resource(Kind::DbInstance, instance.as_str().unwrap())));
        }
        let seen = peer.cloud.observe(&stage.ready.place, Kind::DbCluster, &[id.to_owned()]).await.unwrap();
        assert_eq!(seen[0].attributes["members"], json!(count), "a cluster without instances answers nobody");
        // The cluster keeps its place in the sandbox in use, and its instances keep the cluster in
        // use.
        let error = match stage.delete(&stage.resource(Kind::DbCluster, id)).await {
            Err(ProvisionError::Cloud(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(error.kind, ErrorKind::InUse, "{error}");
    }
    stage.close().await;
}

/// A sandbox has two clusters of one name in two accounts to mistake for each other: the vault's and
/// its own.
pub async fn a_cluster_is_restored_to_an_instant(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let latest = peer.ids.latest;
    let args = |point: String| json!({ "from": { "cluster": ACCOUNTS, "point": point }, "class": "db.r6g.large", "instances": 2 });
    let cluster = stage.does("latest", "rds.restore_cluster_to_time", args("latest".into())).await;
    assert_eq!(
        cluster.consistent_at,
        Some(latest),
        "the latest is asked for by name, so that its age is known"
    );
    endpoint(&cluster);
    assert_eq!(cluster.outputs["instance_ids"].as_array().unwrap().len(), 2);
    let id = cluster.outputs["cluster_id"].as_str().unwrap();
    if let Some(facts) = peer.cluster(id).await {
        let (group, security) = (stage.ready.db_subnet_group.clone(), stage.ready.security_group.clone());
        let expected = ClusterFacts {
            subnet_group: group.unwrap(),
            security_groups: vec![security],
            deletion_protection: false,
        };
        assert_eq!(facts, expected);
    }
    let earlier = latest - chrono::TimeDelta::minutes(1);
    let cluster = stage.does("earlier", "rds.restore_cluster_to_time", args(earlier.to_rfc3339())).await;
    assert_eq!(cluster.consistent_at, Some(earlier));
    let later = latest + chrono::TimeDelta::hours(1);
    let error = stage.refuses("later", "rds.restore_cluster_to_time", args(later.to_rfc3339())).await;
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    // The vault's cluster stands in another account, and PITR does not cross accounts.
    let source = super::stage::unknown("ledger", PointKind::RdsPitr);
    let source = event::RestoreSource { at: Some(earlier), ..source };
    let args =
        json!({ "from": { "cluster": "ledger" }, "engine": "aurora-postgresql", "class": "db.r6g.large" });
    match stage.attempt_from("vault", 1, "rds.restore_cluster_to_time", &args, Some(source)).await {
        Err(StepError::Provision(ProvisionError::Cloud(error))) => is(&error, ErrorKind::NotFound),
        other => panic!("{other:?}"),
    }
    stage.close().await;
}

pub async fn a_replica_made_before_is_promoted(peer: &Peer) {
    let stage = Stage::open(peer, With { replica: Some("promote"), ..With::default() }).await;
    let replica = stage.ready.replicas["promote"].clone();
    let resource = stage.resource(Kind::DbInstance, &replica);
    assert!(stage.provisioner.created().contains(&resource) && stage.tagged().await.contains(&resource));
    let args = json!({ "from": { "db": MIRROR } });
    // The recovery point is the replica itself. Only the estate or the lag that the cloud reports
    // can date it.
    let promoted = stage.attempt_from("promote", 1, "rds.promote_replica", &args, None).await.unwrap();
    assert_eq!(promoted.outputs["db_id"], json!(replica));
    endpoint(&promoted);
    assert_eq!(stage.state(&resource).await, State::Ready);
    let again = stage.attempt_from("promote", 2, "rds.promote_replica", &args, None).await.unwrap();
    assert_eq!(again.outputs, promoted.outputs);
    // Only a replica that was made before T0 is promoted, and never another run's.
    let error = stage.attempt_from("other", 1, "rds.promote_replica", &args, None).await.unwrap_err();
    assert!(matches!(error, StepError::Failed { again: false, .. }), "{error:?}");
    let other = peer.another(&super::peer::Setup::default());
    let promote = port::Create::PromoteReplica { db: replica, size: base::duration::Size(0) };
    let origin = stage.provisioner.origin("theirs", 1, "");
    let error = other_run(peer, &other, &stage, &origin, &promote).await;
    assert_eq!(error.kind, ErrorKind::Guarded, "{error}");
    stage.close().await;
}

/// The same cloud, called on behalf of another run.
async fn other_run(
    peer: &Peer,
    other: &Peer,
    stage: &Stage<'_>,
    origin: &port::Origin,
    what: &port::Create,
) -> port::CloudError {
    let permit = peer.permit(&other.run_tags, &stage.ready.place, port::Operation::Create).await.unwrap();
    peer.cloud.create(&permit, origin, what).await.unwrap_err()
}

pub async fn what_is_not_there_or_not_shared_is_not_found(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let cluster = |snapshot: String| json!({ "from": { "snapshot": snapshot }, "engine": "aurora-postgresql", "class": "db.r6g.large" });
    let from = |snapshot: String| json!({ "from": { "snapshot": snapshot } });
    for (uses, args) in [
        ("rds.copy_snapshot", from("none".into())),
        ("rds.restore", from("none".into())),
        ("rds.restore_cluster", cluster("none".into())),
        ("rds.copy_snapshot", from(arn(VAULT, WEST, "snapshot", "none"))),
        ("rds.copy_snapshot", from(arn(VAULT, WEST, "snapshot", ORDERS_SECRET))),
        ("rds.restore", from(arn(VAULT, WEST, "snapshot", ORDERS_SECRET))),
        ("rds.restore_cluster", cluster(arn(VAULT, WEST, "cluster-snapshot", LEDGER_SECRET))),
        // Another region's snapshot must be copied first.
        ("rds.restore", from(ORDERS_EAST.into())),
    ] {
        is(&stage.refuses("nothing", uses, args).await, ErrorKind::NotFound);
    }
    let args = json!({ "from": { "db": "none" } });
    let source = super::stage::unknown("none", PointKind::RdsPitr);
    let error = stage.attempt_from("pitr", 1, "rds.restore_to_time", &args, Some(source)).await.unwrap_err();
    match error {
        StepError::Provision(ProvisionError::Cloud(error)) => is(&error, ErrorKind::NotFound),
        other => panic!("{other:?}"),
    }
    stage.close().await;
}
