use drillmaster::cloud::{Cloud as _, Create, CreateVolume, ErrorKind, Kind, Needs, Sent};
use drillmaster::duration::Size;
use drillmaster::estate::Loss;
use serde_json::json;

use crate::world::{EAST, SANDBOX, WEST, World, connect, place};

fn volume(snapshot: &str) -> Create {
    Create::Volume(CreateVolume {
        snapshot: snapshot.into(),
        az: "usw2-az1".parse().unwrap(),
        volume_type: "gp3".into(),
        iops: None,
        throughput: None,
        initialization_rate: None,
        name: "data".into(),
        size: Size::gib(1),
    })
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_was_sent_nothing() {
    let endpoint = format!("http://127.0.0.1:{}", crate::peers::free_port());
    let (aws, _) = connect(&endpoint, Loss::Region(EAST.parse().unwrap()));
    let error = aws.zones(&place(SANDBOX, WEST)).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Network, Sent::No), "{error}");
    assert!(error.help.unwrap().contains("AWS_ENDPOINT_URL"));
}

#[tokio::test]
async fn keys_that_are_not_set_are_named() {
    let access = drillmaster::cloud::aws::Access {
        access_key_env: Some("DRILLMASTER_NO_SUCH_VARIABLE".into()),
        ..crate::world::keys()
    };
    let config = drillmaster::cloud::aws::AwsConfig {
        accounts: [(crate::world::account(SANDBOX), access)].into(),
        endpoint_url: Some("http://127.0.0.1:1".into()),
        clock: drillmaster::clock::Clock::real(),
    };
    let gate = drillmaster::cloud::LossGate::new(Loss::Region(EAST.parse().unwrap()));
    let aws = drillmaster::cloud::aws::Aws::connect(config, gate.into()).unwrap();
    let error = aws.identity(&crate::world::account(SANDBOX)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Credentials);
    assert!(error.message.contains("DRILLMASTER_NO_SUCH_VARIABLE"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let error = world.try_create(&at, &volume("snap-00000000000000000")).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::NotFound, Sent::No), "{error}");
    assert!(error.call == "ec2:CreateVolume" && error.help.is_some());
    let promote = Create::PromoteReplica { db: "none".into(), size: Size(0) };
    assert_eq!(world.try_create(&at, &promote).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn throttling_is_waited_out_and_counted() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    world.moto.faults(&json!([
        { "action": "DescribeVpcs", "kind": "throttle", "times": 2 },
        { "action": "CreateVpc", "kind": "throttle", "times": 1 },
    ]));
    world.ready(&at, &Create::Vpc { cidr: "10.66.0.0/16".into(), name: "drill".into() }).await;
    let calls = world.aws.api_calls();
    assert_eq!((calls["ec2:CreateVpc"].count, calls["ec2:CreateVpc"].throttled), (2, 1));
    assert_eq!(calls["ec2:DescribeVpcs"].throttled, 2);
    assert!(world.moto.faults_hit().iter().all(|f| f["hits"] == f["times"]));
    world.tear_down(&at).await;
}

#[tokio::test]
async fn a_lost_answer_creates_nothing_twice() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    world.moto.faults(&json!([
        { "action": "CreateVpc", "kind": "drop_after", "times": 1 },
        { "action": "AllocateAddress", "kind": "drop_after", "times": 1 },
    ]));
    let (vpc, _) = world.ready(&at, &Create::Vpc { cidr: "10.66.0.0/16".into(), name: "drill".into() }).await;
    world.ready(&at, &Create::Address { name: "front".into() }).await;
    assert!(world.moto.faults_hit().iter().all(|f| f["hits"] == f["times"]));
    let mut kinds: Vec<Kind> = world.tagged(&at).await.iter().map(|r| r.kind).collect();
    kinds.sort();
    assert_eq!(kinds, [Kind::Vpc, Kind::Address]);
    let ids: Vec<_> = world.tagged(&at).await.into_iter().map(|r| r.id).collect();
    assert!(ids.contains(&vpc));
    assert_eq!(world.moto.calls("CreateVpc").len(), 1);
    world.tear_down(&at).await;
}

#[tokio::test]
async fn an_error_on_the_clouds_side_may_have_taken_effect() {
    let world = World::losing_east();
    world.moto.faults(&json!([{ "action": "DescribeDBInstances", "kind": "500", "times": 50 }]));
    let error = world.aws.observe(&place(SANDBOX, WEST), Kind::DbInstance, &["x".into()]).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Server, Sent::Maybe), "{error}");
    assert!(error.may_pass());
}

#[tokio::test]
async fn preflight_changes_nothing_and_tells_what_it_could_not_check() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    world.aws.zones(&at).await.unwrap();
    let before = world.moto.state();
    let needs = Needs {
        calls: [
            "ec2:CreateVpc",
            "ec2:CreateSubnet",
            "ec2:CreateSecurityGroup",
            "ec2:CopySnapshot",
            "ec2:CopyImage",
            "ec2:CreateVolume",
            "ec2:RunInstances",
            "ec2:AllocateAddress",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "s3:CreateBucket",
            "cloudformation:CreateStack",
        ]
        .map(str::to_owned)
        .to_vec(),
        db_instances: 1,
        instances: 2,
        instance_types: [("t3.small".to_owned(), 2)].into(),
    };
    let findings = world.aws.preflight(&at, &needs).await.unwrap();
    assert!(findings.iter().all(|f| !f.fatal), "{findings:?}");
    assert_eq!(world.moto.state(), before);
    world.moto.faults(&json!([{ "action": "RunInstances", "kind": "error", "code": "UnauthorizedOperation",
        "status": 403, "message": "You are not authorized to perform this operation." }]));
    let findings = world.aws.preflight(&at, &needs).await.unwrap();
    let fatal: Vec<_> = findings.iter().filter(|f| f.fatal).collect();
    assert!(
        matches!(fatal.as_slice(), [f] if f.what.contains("may not call ec2:RunInstances")),
        "{findings:?}"
    );
}
