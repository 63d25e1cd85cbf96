use aws::sdk::{aws_sdk_ec2, aws_sdk_s3};
use estate::{PointKind, RecoveryPoint, Selector};
use port::{Cloud as _, PointQuery};
use serde_json::json;

use super::databases::orders;
use super::world::{PRODUCTION, SANDBOX, WEST, World, account, place};

async fn find(world: &World, of: &str, selector: &str, kind: PointKind) -> Vec<RecoveryPoint> {
    let selector: Selector = selector.parse().unwrap();
    let query = PointQuery::Of { selector, kinds: vec![kind], reader: None };
    world.aws.recovery_points(&place(of, WEST), &query).await.unwrap().points
}

#[tokio::test]
async fn database_snapshots_are_seen_by_owner_and_by_whom_they_are_shared_with() {
    let world = World::losing_east();
    let arn = orders(&world, PRODUCTION, WEST).await;
    world.moto.age(&json!({ "kind": "db_snapshot", "id": "orders-1", "account": PRODUCTION, "region": WEST,
        "taken": "2026-01-02T03:04:05Z" }));
    let rds = world.rds(PRODUCTION, WEST).await;
    let share =
        rds.modify_db_snapshot_attribute().db_snapshot_identifier("orders-1").attribute_name("restore");
    share.values_to_add(SANDBOX).send().await.unwrap();

    let own = find(&world, PRODUCTION, "rds:db/orders", PointKind::RdsSnapshot).await;
    let own = own.iter().find(|p| p.id == "orders-1").unwrap();
    assert_eq!(own.of.to_string(), "rds:db/orders");
    assert_eq!(own.taken.unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
    // RDS does not tell when the snapshot became available.
    assert_eq!((own.usable, own.seen_usable.is_some()), (None, true));
    assert_eq!(own.shared_with, [account(SANDBOX)]);
    assert_eq!(own.size, base::duration::Size::gib(20));

    let shared = find(&world, SANDBOX, "rds:db/orders", PointKind::RdsSnapshot).await;
    assert_eq!(shared.len(), 1, "{shared:?}");
    assert_eq!((shared[0].id.as_str(), &shared[0].account), (arn.as_str(), &account(PRODUCTION)));
    assert_eq!(shared[0].shared_with, [account(SANDBOX)]);
    let query = PointQuery::Id { id: arn.clone(), kind: PointKind::RdsSnapshot, reader: None };
    let again = world.aws.recovery_points(&place(SANDBOX, WEST), &query).await.unwrap().points;
    // The instant at which a point was seen may differ.
    let seen = |points: &[RecoveryPoint]| {
        points.iter().map(|p| RecoveryPoint { seen_usable: None, ..p.clone() }).collect::<Vec<_>>()
    };
    assert_eq!(seen(&again), seen(&shared));

    let pitr = find(&world, PRODUCTION, "rds:db/orders", PointKind::RdsPitr).await;
    assert_eq!(pitr.len(), 1);
    assert!(pitr[0].taken.is_some());
    assert!(
        find(&world, SANDBOX, "rds:db/orders", PointKind::RdsPitr).await.is_empty(),
        "PITR never crosses accounts"
    );
    assert!(find(&world, PRODUCTION, "rds:db/other", PointKind::RdsSnapshot).await.is_empty());
}

#[tokio::test]
async fn volumes_and_instances_have_points() {
    let world = World::losing_east();
    world.moto.delays(&json!({ "default": 0 }));
    let ec2 = world.ec2(PRODUCTION, WEST).await;
    let volume = ec2.create_volume().availability_zone("us-west-2a").size(5).send().await.unwrap();
    let volume = volume.volume_id().unwrap().to_owned();
    let tag = |key: &str, value: &str| aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
    let made = ec2.create_snapshot().volume_id(&volume).send().await.unwrap();
    let snapshot = made.snapshot_id().unwrap().to_owned();
    ec2.create_tags().resources(&snapshot).tags(tag("app", "orders")).send().await.unwrap();
    let share = ec2.modify_snapshot_attribute().snapshot_id(&snapshot);
    let share = share.attribute(aws_sdk_ec2::types::SnapshotAttributeName::CreateVolumePermission);
    share.operation_type(aws_sdk_ec2::types::OperationType::Add).user_ids(SANDBOX).send().await.unwrap();
    world.moto.age(&json!({ "kind": "ebs_snapshot", "id": snapshot, "account": PRODUCTION, "region": WEST,
        "taken": "2026-01-02T03:04:05Z" }));
    for selector in [format!("ec2:volume/{volume}"), "ec2:volume[tag:app=orders]".to_owned()] {
        let own = find(&world, PRODUCTION, &selector, PointKind::EbsSnapshot).await;
        assert_eq!(own.len(), 1, "{selector}: {own:?}");
        assert_eq!(own[0].of.to_string(), format!("ec2:volume/{volume}"));
        assert_eq!(own[0].taken.unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
        assert!(own[0].usable.or(own[0].seen_usable) >= own[0].taken);
        assert_eq!(own[0].shared_with, [account(SANDBOX)]);
    }
    let shared = find(&world, SANDBOX, &format!("ec2:volume/{volume}"), PointKind::EbsSnapshot).await;
    assert_eq!(shared.len(), 1, "{shared:?}");
    assert_eq!((&shared[0].account, shared[0].id.as_str()), (&account(PRODUCTION), snapshot.as_str()));

    let image = ec2.register_image().name("web").root_device_name("/dev/sda1").send().await.unwrap();
    let image = image.image_id().unwrap().to_owned();
    ec2.create_tags()
        .resources(&image)
        .tags(tag("app", "orders"))
        .tags(tag("drillmaster:of", "ec2:instance/i-0a1"))
        .send()
        .await
        .unwrap();
    for selector in ["ec2:instance/i-0a1", "ec2:instance[tag:app=orders]"] {
        let points = find(&world, PRODUCTION, selector, PointKind::Ami).await;
        assert_eq!(points.len(), 1, "{selector}: {points:?}");
        assert_eq!(
            (points[0].id.as_str(), points[0].of.to_string().as_str()),
            (image.as_str(), "ec2:instance/i-0a1")
        );
        assert_eq!((points[0].usable, points[0].seen_usable.is_some()), (None, true));
    }
    assert!(find(&world, PRODUCTION, "ec2:instance/i-other", PointKind::Ami).await.is_empty());
}

#[tokio::test]
async fn buckets_are_points_where_they_are_versioned() {
    let world = World::losing_east();
    let s3 = world.s3(PRODUCTION, WEST).await;
    let config = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::UsWest2)
        .build();
    s3.create_bucket().bucket("receipts").create_bucket_configuration(config).send().await.unwrap();
    assert!(find(&world, PRODUCTION, "s3:bucket/receipts", PointKind::S3Versions).await.is_empty());
    let enabled = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    s3.put_bucket_versioning().bucket("receipts").versioning_configuration(enabled).send().await.unwrap();
    let points = find(&world, PRODUCTION, "s3:bucket/receipts", PointKind::S3Versions).await;
    assert_eq!(points.len(), 1);
    let query = PointQuery::Id { id: "receipts".into(), kind: PointKind::S3Replica, reader: None };
    let points = world.aws.recovery_points(&place(PRODUCTION, WEST), &query).await.unwrap().points;
    assert_eq!((points.len(), points[0].taken), (1, None), "a replica's lag is not known");
    assert!(
        world.aws.recovery_points(&place(PRODUCTION, "us-east-1"), &query).await.unwrap().points.is_empty()
    );
    assert!(world.aws.recovery_points(&place(SANDBOX, WEST), &query).await.unwrap().points.is_empty());
}

/// AWS Backup names the source vault of some copies only. Its creation date is the time of copying,
/// and a drill that took it for the age of the data would report a better RPO than there is.
#[tokio::test]
async fn a_copy_of_aws_backup_without_source_vault_and_copy_job_has_an_unknown_age() {
    let world = World::losing_east();
    let arn = |name: &str| format!("arn:aws:backup:{WEST}:{SANDBOX}:recovery-point:{name}");
    let of = |region: &str, account: &str| format!("arn:aws:rds:{region}:{account}:db:orders");
    let point = |name: &str, of: String| json!({ "arn": arn(name), "of": of, "type": "RDS", "source": "orders-1", "taken": "2026-01-02T03:04:05Z" });
    world.moto.vaults(&json!([{ "account": SANDBOX, "region": WEST, "vault": "kept", "points": [
        point("original", of(WEST, SANDBOX)),
        point("from-region", of("us-east-1", SANDBOX)),
        point("from-account", of(WEST, PRODUCTION)),
    ] }]));
    let points = find(&world, SANDBOX, "rds:db/orders", PointKind::Backup).await;
    let ages = |name: &str| {
        let point = points.iter().find(|point| point.id == arn(name)).unwrap();
        (point.taken.is_some(), point.made.is_some())
    };
    assert_eq!(ages("original"), (true, false));
    assert_eq!(ages("from-region"), (false, true));
    assert_eq!(ages("from-account"), (false, true));
}
