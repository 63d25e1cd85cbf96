//! From T0 on, no request that touches what is lost leaves the machine. The peer's log proves it.

use base::duration::Size;
use estate::Loss;
use port::gate::Enforcement;
use port::{
    BucketRef, Cloud as _, CopyObjects, Create, ErrorKind, Kind, Origin, RunInstances, Sent, SubnetRef,
};

use super::world::{EAST, PRODUCTION, SANDBOX, VAULT, WEST, World, account, place};
use support::requests::volume;

async fn refused(world: &World, place: &port::Place, what: &Create, why: &str) {
    let error = world.try_create(place, what).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Lost, "{what:?}: {error}");
    assert_eq!(error.sent, Sent::No);
    assert!(error.message.contains(why), "{error}");
    let denied = world.gate.denied();
    let denied = denied.iter().find(|d| d.call == what.call());
    assert_eq!(denied.unwrap_or_else(|| panic!("{} is not among the denied", what.call())).step, "step");
}

#[tokio::test]
async fn the_lost_region_is_not_called_nor_read_from() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    world.aws.zones(&at).await.unwrap();
    world.ready(&at, &Create::Bucket { name: "drill".into(), versioned: false }).await;
    world.gate.enforce(Enforcement::Full);
    world.moto.clear_log();
    let east = place(SANDBOX, EAST);
    assert_eq!(world.aws.zones(&east).await.unwrap_err().kind, ErrorKind::Lost);
    assert_eq!(
        world.aws.observe(&east, Kind::Vpc, &["vpc-1".into()]).await.unwrap_err().kind,
        ErrorKind::Lost
    );
    let source_region = EAST.parse::<base::ids::Region>().unwrap();
    let (kms_key, name, size) = (None, "x".to_owned(), Size::gib(1));
    let source = "snap-1".to_owned();
    let snapshot = Create::CopySnapshot {
        source,
        source_region: source_region.clone(),
        kms_key: kms_key.clone(),
        name: name.clone(),
        size,
    };
    refused(&world, &at, &snapshot, "would read from region us-east-1").await;
    let source = format!("arn:aws:rds:us-east-1:{SANDBOX}:snapshot:orders-1");
    let snapshot = Create::CopyDbSnapshot { source, source_region, kms_key, option_group: None, name, size };
    refused(&world, &at, &snapshot, "would read from region us-east-1").await;
    refused(
        &world,
        &at,
        &Create::Bucket { name: "late".into(), versioned: false },
        "control plane lives in us-east-1",
    )
    .await;
    world.gate.know_lost_point("snap-lost", "us-east-1");
    refused(&world, &at, &volume("snap-lost", "usw2-az1"), "the recovery point lies in us-east-1").await;
    let lost = BucketRef {
        name: "receipts".into(),
        account: account(SANDBOX),
        region: EAST.parse().unwrap(),
        owner: None,
    };
    let to = BucketRef { region: WEST.parse().unwrap(), name: "drill".into(), ..lost.clone() };
    let job = CopyObjects {
        from: lost,
        to,
        prefix: String::new(),
        as_of: None,
        not_after: None,
        size: Size(0),
        objects: 0,
    };
    let origin = Origin::new("receipts", 1, "t");
    let error = world.copy_objects(&origin, &job, &|_| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Lost);
    // The target's tag is read before the source is considered.
    let read = |r: &serde_json::Value| r["service"] == "sts" || r["action"] == "GetBucketTagging";
    let left: Vec<_> = world.moto.log().into_iter().filter(|r| !read(r)).collect();
    assert!(left.is_empty(), "these were sent: {left:?}");
    for step in ["step", "receipts"] {
        assert!(world.gate.denied().iter().any(|d| d.step == step), "{step}");
    }
    // Teardown may use the control planes to clean up, but never the lost region itself.
    world.gate.enforce(Enforcement::Teardown);
    world.create(&at, &Create::Bucket { name: "late".into(), versioned: false }).await;
    assert_eq!(world.aws.zones(&east).await.unwrap_err().kind, ErrorKind::Lost);
}

#[tokio::test]
async fn the_lost_accounts_role_is_not_assumed() {
    let world = World::start(Loss::Account(account(PRODUCTION)));
    world.aws.zones(&place(SANDBOX, WEST)).await.unwrap();
    world.permit(&place(SANDBOX, WEST), port::Operation::Create).await.unwrap();
    world.gate.enforce(Enforcement::Full);
    world.moto.clear_log();
    let error = world.aws.identity(&account(PRODUCTION)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Lost);
    assert!(error.message.contains("credentials are not to be used"), "{error}");
    assert_eq!(world.aws.zones(&place(PRODUCTION, WEST)).await.unwrap_err().kind, ErrorKind::Lost);
    let db = port::RestoreDb {
        source: format!("arn:aws:rds:us-west-2:{PRODUCTION}:snapshot:orders-1"),
        name: "orders".into(),
        class: None,
        subnet_group: "g".into(),
        security_groups: vec![],
        parameter_group: None,
        option_group: None,
        multi_az: false,
        engine: None,
        az: None,
        port: None,
        size: Size(0),
    };
    refused(&world, &place(SANDBOX, WEST), &Create::Db(db), "belongs to account 111111111111").await;
    assert!(world.moto.log().is_empty(), "{:?}", world.moto.log());
    // The credentials of another account are still used.
    world.aws.identity(&account(VAULT)).await.unwrap();
    assert_eq!(world.moto.calls("AssumeRole").len(), 1);
}

#[tokio::test]
async fn nothing_is_created_in_the_lost_zone() {
    let world = World::start(Loss::Az("usw2-az1".parse().unwrap()));
    let at = place(SANDBOX, WEST);
    let (vpc, _) = world.ready(&at, &Create::Vpc { cidr: "10.66.0.0/16".into(), name: "drill".into() }).await;
    world.gate.enforce(Enforcement::Full);
    refused(&world, &at, &volume("snap-1", "usw2-az1"), "availability zone usw2-az1 is lost").await;
    let subnet = Create::Subnet {
        vpc,
        cidr: "10.66.0.0/24".into(),
        az: "usw2-az1".parse().unwrap(),
        name: "x".into(),
    };
    refused(&world, &at, &subnet, "nothing can run there").await;
    let launch = Create::Instances(RunInstances {
        image: "ami-1".into(),
        instance_type: "t3.small".into(),
        count: 1,
        subnets: vec![SubnetRef { id: "subnet-1".into(), az: "usw2-az1".parse().unwrap() }],
        security_groups: vec![],
        key_name: None,
        user_data: None,
        name: "web".into(),
    });
    refused(&world, &at, &launch, "nothing can run there").await;
    for action in ["CreateVolume", "CreateSubnet", "RunInstances"] {
        assert!(world.moto.calls(action).is_empty(), "{action} was sent");
    }
    let error = world.try_create(&at, &volume("snap-00000000000000000", "usw2-az2")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "the other zones are there: {error}");
}
