use aws::sdk::aws_sdk_dynamodb;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, Tag,
};
use base::duration::Size;
use estate::PointKind;
use port::{
    Cloud as _, CountItems, Create, ErrorKind, KeyPart, Kind, Place, PointQuery, ResourceRef,
    RestoreClusterToTime, RestoreTable, RestoreTableToTime, State, TableLook, TableSettings, Whose,
};
use serde_json::json;

use super::world::{EAST, PRODUCTION, SANDBOX, WEST, World, place};

async fn dynamodb(world: &World, region: &str) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&world.raw(SANDBOX, region).await)
}

async fn create(dynamodb: &aws_sdk_dynamodb::Client, name: &str) {
    let key = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    let schema = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let create = dynamodb.create_table().table_name(name).attribute_definitions(key.build().unwrap());
    create.key_schema(schema).billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
}

/// A table `carts` with three items in the east. Returns the ARN of its backup.
async fn carts(world: &World) -> String {
    let east = dynamodb(world, EAST).await;
    create(&east, "carts").await;
    for id in ["1", "2", "3"] {
        let put = east.put_item().table_name("carts").item("pk", AttributeValue::S(id.into()));
        put.item("total", AttributeValue::N("12".into())).send().await.unwrap();
    }
    let backup = east.create_backup().table_name("carts").backup_name("carts-1").send().await.unwrap();
    backup.backup_details.unwrap().backup_arn
}

/// The name that the run of these tests gives.
fn named(world: &World, what: &str) -> String {
    world.run_tags.run.name_prefix() + what
}

fn restore(source: &str, name: &str) -> RestoreTable {
    RestoreTable {
        source: source.into(),
        source_region: EAST.parse().unwrap(),
        name: name.into(),
        billing: None,
        capacity: None,
        without_indexes: false,
        kms_key: None,
        size: Size(0),
    }
}

fn resource(name: &str) -> ResourceRef {
    let Place { account, region } = place(SANDBOX, WEST);
    ResourceRef { kind: Kind::Table, id: name.into(), account, region }
}

fn settings(table: &str) -> Create {
    let tags = [("app".to_owned(), "carts".to_owned())].into();
    Create::SetTable(TableSettings { table: table.into(), ttl: None, stream: None, pitr: false, tags })
}

#[tokio::test]
async fn a_table_without_a_tag_is_the_runs_only_if_it_restored_it() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let backup = carts(&world).await;
    let (name, west) = (named(&world, "carts"), dynamodb(&world, WEST).await);
    let before = world.moto.state();
    // The runner dies before it tags the table. Until the restore ends, it cannot be deleted.
    world.moto.delays(&json!({ "table": 8 }));
    world.create(&at, &Create::Table(restore(&backup, &name))).await;
    let found = world.aws.tagged(&at, &Whose::Run(world.run_tags.run.clone())).await.unwrap();
    assert!(found.things.is_empty() && found.unread[0].contains(&name), "{found:?}");
    let error = world.try_delete(&resource(&name)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InUse, "{error}");
    world.wait(&at, Kind::Table, &name, |state| *state == State::Ready).await;
    world.try_delete(&resource(&name)).await.unwrap();
    assert_eq!(world.moto.state(), before);

    // A table of the name that nobody restored is not the run's, with or without another run's tag.
    create(&west, &name).await;
    for tag in [None, Some("20261122T074400Z-other-2a2a")] {
        if let Some(run) = tag {
            let arn = west.describe_table().table_name(&name).send().await.unwrap();
            let arn = arn.table.unwrap().table_arn.unwrap();
            let tag = Tag::builder().key("drillmaster:run").value(run).build().unwrap();
            west.tag_resource().resource_arn(arn).tags(tag).send().await.unwrap();
        }
        for error in [
            world.try_delete(&resource(&name)).await.unwrap_err(),
            world.try_create(&at, &settings(&name)).await.unwrap_err(),
            world.try_create(&at, &Create::Table(restore(&backup, &name))).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, ErrorKind::Guarded, "{error}");
        }
    }
    assert_eq!(world.moto.calls("DeleteTable").len(), 2);
}

#[tokio::test]
async fn a_tagged_table_is_found_counted_and_deleted_though_it_is_protected() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    carts(&world).await;
    let taken = chrono::DateTime::from_timestamp(chrono::Utc::now().timestamp() - 300, 0).unwrap();
    world.moto.age(&json!({ "kind": "table", "id": "carts", "account": SANDBOX, "region": EAST,
        "taken": taken.to_rfc3339() }));
    let (name, west) = (named(&world, "carts"), dynamodb(&world, WEST).await);
    let before = world.moto.state();
    let arn = format!("arn:aws:dynamodb:{EAST}:{SANDBOX}:table/carts");
    let what = Create::TableToTime(RestoreTableToTime { table: restore(&arn, &name), to: taken });
    let (id, seen) = world.ready(&at, &what).await;
    assert_eq!(seen.attributes["region"], json!(WEST));
    world.create(&at, &settings(&id)).await;
    // The same request again changes nothing.
    world.create(&at, &what).await;
    world.create(&at, &settings(&id)).await;
    assert_eq!(world.tagged(&at).await.len(), 1);
    let key = [("pk".to_owned(), KeyPart::Text("2".into()))].into();
    let look = |count| TableLook {
        table: id.clone(),
        count: Some(count),
        key: Some(std::collections::BTreeMap::clone(&key)),
        attribute: Some("total".into()),
    };
    let seen = world.aws.look_at_table(&at, &look(CountItems::All)).await.unwrap();
    assert_eq!((seen.items, seen.all, seen.found), (Some(3), true, Some(true)));
    assert_eq!(seen.value.as_deref(), Some("12"));
    west.update_table().table_name(&id).deletion_protection_enabled(true).send().await.unwrap();
    world.try_delete(&resource(&id)).await.unwrap();
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn tables_have_points() {
    let world = World::losing_east();
    let backup = carts(&world).await;
    world.moto.age(&json!({ "kind": "table", "id": "carts", "account": SANDBOX, "region": EAST,
        "taken": "2026-01-02T03:04:05Z", "earliest": "2026-01-01T00:00:00Z" }));
    let query = |kinds: Vec<PointKind>| PointQuery::Of {
        selector: "dynamodb:table/carts".parse().unwrap(),
        kinds,
        reader: None,
    };
    let east = place(SANDBOX, EAST);
    let both = query(vec![PointKind::DynamodbPitr, PointKind::DynamodbBackup]);
    let found = world.aws.recovery_points(&east, &both).await.unwrap().points;
    let ids: Vec<&str> = found.iter().map(|point| point.id.as_str()).collect();
    assert_eq!(ids, ["carts", backup.as_str()]);
    assert_eq!(found[0].taken, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    assert_eq!(found[0].earliest, Some("2026-01-01T00:00:00Z".parse().unwrap()));
    assert!(found.iter().all(|p| p.seen_usable.is_some() && p.kind.is_bound_to_its_account()));
    for elsewhere in [place(SANDBOX, WEST), place(PRODUCTION, EAST)] {
        assert_eq!(world.aws.recovery_points(&elsewhere, &both).await.unwrap().points, []);
    }
    // The backups of a table outlive it.
    let raw = dynamodb(&world, EAST).await;
    raw.delete_table().table_name("carts").send().await.unwrap();
    let found = world.aws.recovery_points(&east, &both).await.unwrap().points;
    assert_eq!(found.iter().map(|point| point.id.as_str()).collect::<Vec<_>>(), [backup.as_str()]);
}

#[tokio::test]
async fn backups_outlive_their_cluster() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    world.moto.delays(&json!({ "default": 0 }));
    let rds = world.rds(SANDBOX, WEST).await;
    let cluster = rds.create_db_cluster().db_cluster_identifier("ledger").engine("aurora-postgresql");
    let cluster = cluster.master_username("admin1").master_user_password("secretsecret");
    let cluster = cluster.send().await.unwrap().db_cluster.unwrap();
    let resource = cluster.db_cluster_resource_id().unwrap().to_owned();
    world.moto.age(&json!({ "kind": "db_cluster", "id": "ledger", "account": SANDBOX, "region": WEST,
        "taken": "2026-01-02T03:04:06Z", "earliest": "2026-01-01T00:00:00Z" }));
    let query = PointQuery::Of {
        selector: "rds:cluster/ledger".parse().unwrap(),
        kinds: vec![PointKind::RdsPitr],
        reader: None,
    };
    let live = world.aws.recovery_points(&at, &query).await.unwrap().points;
    assert_eq!(live.len(), 1, "a cluster is one point with its own backups: {live:?}");
    assert_eq!((live[0].id.as_str(), live[0].engine.as_deref()), ("ledger", Some("aurora-postgresql")));
    let gone = rds.delete_db_cluster().db_cluster_identifier("ledger").skip_final_snapshot(true);
    gone.delete_automated_backups(false).send().await.unwrap();
    let kept = world.aws.recovery_points(&at, &query).await.unwrap().points;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].id.contains(":cluster-auto-backup:"), "{kept:?}");
    assert_eq!(kept[0].taken, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    assert_eq!(kept[0].earliest, Some("2026-01-01T00:00:00Z".parse().unwrap()));
    let sandbox = world.sandbox(&at).await;
    let what = Create::DbClusterToTime(RestoreClusterToTime {
        source: kept[0].id.clone(),
        to: kept[0].taken.unwrap(),
        name: "ledger-drill".into(),
        engine: "aurora-postgresql".into(),
        subnet_group: sandbox.subnet_group.clone(),
        security_groups: vec![sandbox.group.clone()],
        parameter_group: None,
        port: None,
        serverless: None,
        kms_key: None,
        storage_type: None,
        multi_az: None,
        size: Size(0),
    });
    world.ready(&at, &what).await;
    let asked = &world.moto.calls("RestoreDBClusterToPointInTime")[0]["params"];
    assert_eq!(asked["SourceDbClusterResourceId"], resource.as_str(), "{asked}");
    assert_eq!(asked["RestoreToTime"], "2026-01-02T03:04:05Z");
    assert_eq!(asked["UseLatestRestorableTime"], json!(null));
    world.tear_down(&at).await;
}
