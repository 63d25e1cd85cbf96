use base::duration::Size;
use port::{Cloud as _, Create, ErrorKind, Kind, RestoreCluster, RestoreDb, RestoreDbToTime, State};
use serde_json::json;

use super::world::{EAST, PRODUCTION, SANDBOX, Sandbox, WEST, World, account, place};

/// Creates a database `orders` in production, with a manual snapshot `orders-1`.
pub async fn orders(world: &World, account: &str, region: &str) -> String {
    world.moto.delays(&json!({ "default": 0 }));
    let rds = world.rds(account, region).await;
    rds.create_db_instance()
        .db_instance_identifier("orders")
        .db_instance_class("db.t4g.medium")
        .engine("postgres")
        .engine_version("16.3")
        .allocated_storage(20)
        .master_username("admin1")
        .master_user_password("secretsecret")
        .backup_retention_period(7)
        .multi_az(true)
        .deletion_protection(true)
        .send()
        .await
        .unwrap();
    let made =
        rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("orders-1").send();
    let arn = made.await.unwrap().db_snapshot.unwrap().db_snapshot_arn.unwrap();
    world.moto.delays(&json!({ "default": 0.3 }));
    arn
}

fn restored(source: &str, name: &str, sandbox: &Sandbox) -> RestoreDb {
    RestoreDb {
        source: source.into(),
        name: name.into(),
        class: Some("db.t4g.medium".into()),
        subnet_group: sandbox.subnet_group.clone(),
        security_groups: vec![sandbox.group.clone()],
        parameter_group: None,
        option_group: None,
        multi_az: false,
        az: None,
        port: None,
        size: Size::gib(20),
        engine: None,
    }
}

#[tokio::test]
async fn a_snapshot_is_copied_across_regions_and_restored() {
    let world = World::losing_east();
    let arn = orders(&world, SANDBOX, EAST).await;
    let at = place(SANDBOX, WEST);
    let before = world.moto.state();
    let sandbox = world.sandbox(&at).await;
    let copy = Create::CopyDbSnapshot {
        source: arn,
        source_region: EAST.parse().unwrap(),
        kms_key: None,
        option_group: None,
        name: "orders-copy".into(),
        size: Size::gib(20),
    };
    let (id, _) = world.ready(&at, &copy).await;
    let params = world.moto.calls("CopyDBSnapshot")[0]["params"].clone();
    let url = params["PreSignedUrl"].as_str().unwrap();
    assert!(
        url.starts_with("https://rds.us-east-1.amazonaws.com/?") && url.contains("Action=CopyDBSnapshot"),
        "{url}"
    );

    let restore = Create::Db(restored(&id, "orders-drill", &sandbox));
    let (id, seen) = world.ready(&at, &restore).await;
    assert_eq!(id, "orders-drill");
    let endpoint = seen.attributes["endpoint"].as_str().unwrap();
    assert!(endpoint.starts_with("orders-drill.") && endpoint.ends_with(":5432"), "{endpoint}");
    assert_eq!(seen.attributes["port"], json!(5432));
    assert_eq!(seen.healthy, Some(true));
    let params = &world.moto.calls("RestoreDBInstanceFromDBSnapshot")[0]["params"];
    for (key, value) in [
        ("MultiAZ", "false"),
        ("DeletionProtection", "false"),
        ("PubliclyAccessible", "false"),
        ("DBSubnetGroupName", "drill-databases"),
    ] {
        assert_eq!(params[key], json!(value), "{key}");
    }
    // A repeated request finds what the first one made.
    let again = world.create(&at, &restore).await;
    assert_eq!(again.resources[0].id, "orders-drill");
    world.tear_down(&at).await;
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn a_name_that_somebody_else_uses_is_not_taken_over() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    orders(&world, SANDBOX, WEST).await;
    let sandbox = world.sandbox(&at).await;
    let error =
        world.try_create(&at, &Create::Db(restored("orders-1", "orders", &sandbox))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
    assert!(error.message.contains("did not create it"), "{error}");
}

#[tokio::test]
async fn a_database_is_restored_to_its_latest_instant() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    orders(&world, SANDBOX, WEST).await;
    let before = world.moto.state();
    let sandbox = world.sandbox(&at).await;
    let to = Create::DbToTime(RestoreDbToTime { db: restored("orders", "orders-pitr", &sandbox), to: None });
    let created = world.create(&at, &to).await;
    let instant = created.restored_to.unwrap();
    let asked = world.moto.calls("RestoreDBInstanceToPointInTime")[0]["params"]["RestoreTime"].clone();
    let asked = chrono::DateTime::parse_from_rfc3339(asked.as_str().unwrap()).unwrap();
    assert_eq!(asked, instant);
    world.wait(&at, Kind::DbInstance, "orders-pitr", |s| *s == State::Ready).await;
    world.tear_down(&at).await;
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn a_replica_is_promoted_only_if_it_is_ours() {
    let world = World::losing_east();
    orders(&world, SANDBOX, EAST).await;
    let at = place(SANDBOX, WEST);
    let rds = world.rds(SANDBOX, WEST).await;
    let source = format!("arn:aws:rds:us-east-1:{SANDBOX}:db:orders");
    let sandbox = world.sandbox(&at).await;
    rds.create_db_instance_read_replica()
        .db_instance_identifier("production-replica")
        .source_db_instance_identifier(&source)
        .db_subnet_group_name(&sandbox.subnet_group)
        .send()
        .await
        .unwrap();
    let promote = |db: &str| Create::PromoteReplica { db: db.into(), size: Size::gib(20) };
    let error = world.try_create(&at, &promote("production-replica")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Guarded, "{error}");
    assert!(world.moto.calls("PromoteReadReplica").is_empty());

    let replica = Create::DbReplica {
        source: source.clone(),
        source_region: EAST.parse().unwrap(),
        kms_key: Some("alias/drill".into()),
        db: restored(&source, "orders-replica", &sandbox),
    };
    world.ready(&at, &replica).await;
    let asked = &world.moto.calls("CreateDBInstanceReadReplica")[1]["params"];
    assert_eq!(asked["KmsKeyId"], "alias/drill");
    assert!(asked["PreSignedUrl"].as_str().unwrap().contains("KmsKeyId=alias"), "{asked}");
    world.moto.stop_clock();
    world.create(&at, &promote("orders-replica")).await;
    assert_eq!(world.moto.calls("PromoteReadReplica").len(), 1);
    // The database is available all the time, and it is still a replica.
    let seen = world.aws.observe(&at, Kind::DbInstance, &["orders-replica".into()]).await.unwrap().remove(0);
    assert_eq!((&seen.state, &seen.attributes["replica_of"]), (&State::Ready, &json!(source)));
    world.moto.start_clock();
    let waiter = port::wait::Waiter::new(std::rc::Rc::new(world.another()), base::clock::Clock::real());
    let promoted = waiter.wait(&at, Kind::DbInstance, "orders-replica", port::wait::Until::Promoted);
    let promoted = tokio::task::LocalSet::new().run_until(promoted).await.unwrap();
    assert!(
        promoted.state == State::Ready && !promoted.attributes.contains_key("replica_of"),
        "{promoted:?}"
    );
    let rds = world.rds(SANDBOX, WEST).await;
    let now = rds.describe_db_instances().db_instance_identifier("orders-replica").send().await.unwrap();
    assert_eq!(now.db_instances()[0].db_instance_status(), Some("available"));

    // A replica in its source's region cannot change its subnet group, so it would stand in
    // production's VPC.
    let here = Create::DbReplica {
        source: "production-replica".into(),
        source_region: WEST.parse().unwrap(),
        kms_key: None,
        db: restored("production-replica", "beside-production", &sandbox),
    };
    let error = world.try_create(&at, &here).await.unwrap_err();
    assert!(error.kind == ErrorKind::Invalid && error.message.contains("production's VPC"), "{error}");
    assert_eq!(world.moto.calls("CreateDBInstanceReadReplica").len(), 2);
}

#[tokio::test]
async fn a_cluster_gets_its_instances() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    world.moto.delays(&json!({ "default": 0 }));
    let rds = world.rds(SANDBOX, WEST).await;
    rds.create_db_cluster()
        .db_cluster_identifier("ledger")
        .engine("aurora-postgresql")
        .master_username("admin1")
        .master_user_password("secretsecret")
        .send()
        .await
        .unwrap();
    rds.create_db_cluster_snapshot()
        .db_cluster_identifier("ledger")
        .db_cluster_snapshot_identifier("ledger-1")
        .send()
        .await
        .unwrap();
    world.moto.delays(&json!({ "default": 0.3 }));
    let before = world.moto.state();
    let sandbox = world.sandbox(&at).await;
    let copy = Create::CopyDbClusterSnapshot {
        source: format!("arn:aws:rds:us-west-2:{SANDBOX}:cluster-snapshot:ledger-1"),
        source_region: WEST.parse().unwrap(),
        kms_key: None,
        name: "ledger-copy".into(),
        size: Size(0),
    };
    let (snapshot, _) = world.ready(&at, &copy).await;
    let restore = Create::DbCluster(RestoreCluster {
        snapshot,
        name: "ledger-drill".into(),
        engine: "aurora-postgresql".into(),
        engine_version: None,
        subnet_group: sandbox.subnet_group.clone(),
        security_groups: vec![sandbox.group.clone()],
        parameter_group: None,
        port: None,
        serverless: Some(port::Serverless { min: 0.5, max: 4.0 }),
        size: Size(0),
    });
    let (_, seen) = world.ready(&at, &restore).await;
    let asked = &world.moto.calls("RestoreDBClusterFromSnapshot")[0]["params"];
    assert_eq!(asked["ServerlessV2ScalingConfiguration.MinCapacity"], "0.5", "{asked}");
    assert_eq!(asked["ServerlessV2ScalingConfiguration.MaxCapacity"], "4.0", "{asked}");
    assert_eq!(seen.attributes["members"], json!(0), "Aurora's restore creates no instances");
    for index in 0..2 {
        let instance = Create::DbClusterInstance {
            cluster: "ledger-drill".into(),
            name: format!("ledger-drill-{index}"),
            class: "db.r6g.large".into(),
            engine: "aurora-postgresql".into(),
            index,
        };
        world.ready(&at, &instance).await;
    }
    let seen = world.wait(&at, Kind::DbCluster, "ledger-drill", |s| *s == State::Ready).await;
    assert_eq!(seen.attributes["members"], json!(2));
    for key in ["endpoint", "reader_endpoint"] {
        assert!(seen.attributes[key].as_str().unwrap().contains(':'), "{key}");
    }
    world.tear_down(&at).await;
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn a_snapshot_shared_by_another_account_is_used_by_its_arn() {
    let world = World::losing_east();
    let arn = orders(&world, PRODUCTION, WEST).await;
    let rds = world.rds(PRODUCTION, WEST).await;
    rds.modify_db_snapshot_attribute()
        .db_snapshot_identifier("orders-1")
        .attribute_name("restore")
        .values_to_add(SANDBOX)
        .send()
        .await
        .unwrap();
    let at = place(SANDBOX, WEST);
    let sandbox = world.sandbox(&at).await;
    world.ready(&at, &Create::Db(restored(&arn, "orders-shared", &sandbox))).await;
    world.tear_down(&at).await;
    assert!(world.tagged(&at).await.is_empty());
    assert_eq!(account(SANDBOX), at.account);
    let _ = world.aws.api_calls();
}

#[tokio::test]
async fn backups_that_were_replicated_are_named_by_their_own_arn() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let sandbox = world.sandbox(&at).await;
    let arn = format!("arn:aws:rds:us-west-2:{SANDBOX}:auto-backup:ab-1");
    let to = Some("2026-01-02T03:04:05Z".parse().unwrap());
    let restore = Create::DbToTime(RestoreDbToTime { db: restored(&arn, "orders-pitr", &sandbox), to });
    // The peer does not support replicated backups. Only the request matters here.
    let _answer = world.try_create(&at, &restore).await;
    let asked = &world.moto.calls("RestoreDBInstanceToPointInTime")[0]["params"];
    assert_eq!(asked["SourceDBInstanceAutomatedBackupsArn"], arn.as_str(), "{asked}");
    assert_eq!(asked["SourceDBInstanceIdentifier"], json!(null));
    assert_eq!(asked["RestoreTime"], "2026-01-02T03:04:05Z");
}
