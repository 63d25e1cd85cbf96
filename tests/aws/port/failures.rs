use aws::sdk::aws_sdk_ec2;
use base::duration::Size;
use base::severity::Severity;
use estate::Loss;
use port::{Cloud as _, Create, ErrorKind, Kind, Needs, Sent};
use serde_json::json;

use super::world::{EAST, SANDBOX, WEST, World, connect, place};
use support::ports::Reserved;
use support::requests::volume;

#[tokio::test]
async fn an_endpoint_that_is_not_there_was_sent_nothing() {
    let nobody = Reserved::new();
    let endpoint = format!("http://{}", nobody.address());
    let (aws, _) = connect(&endpoint, Loss::Region(EAST.parse().unwrap()));
    let error = aws.zones(&place(SANDBOX, WEST)).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Network, Sent::No), "{error}");
    assert!(error.help.unwrap().contains("AWS_ENDPOINT_URL"));
}

#[tokio::test]
async fn keys_that_are_not_set_are_named() {
    let access =
        aws::Access { access_key_env: Some("DRILLMASTER_NO_SUCH_VARIABLE".into()), ..super::world::keys() };
    let config = aws::AwsConfig {
        accounts: [(super::world::account(SANDBOX), access)].into(),
        endpoint_url: Some("http://127.0.0.1:1".into()),
        region: None,
        clock: base::clock::Clock::real(),
        probe: None,
    };
    let gate = port::LossGate::new(Loss::Region(EAST.parse().unwrap()));
    let aws = aws::Aws::connect(config, gate.into()).unwrap();
    let error = aws.identity(&super::world::account(SANDBOX)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Credentials);
    assert!(error.message.contains("DRILLMASTER_NO_SUCH_VARIABLE"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let error = world.try_create(&at, &volume("snap-00000000000000000", "usw2-az1")).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::NotFound, Sent::No), "{error}");
    assert!(error.call == "ec2:CreateVolume" && error.help.is_some());
    let promote = Create::PromoteReplica { db: "none".into(), size: Size(0) };
    assert_eq!(world.try_create(&at, &promote).await.unwrap_err().kind, ErrorKind::NotFound);
}

/// A list that was cut in half is not an answer, but the SDK's readers would accept it.
#[tokio::test]
async fn answers_that_are_cut_short_have_not_come() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let vpc = |name: &str| Create::Vpc { cidr: "10.66.0.0/16".into(), name: name.into() };
    let first = world.create(&at, &vpc("first")).await;
    for kind in ["cut", "truncated"] {
        world.moto.faults(&json!([
            { "action": "DescribeVpcs", "kind": kind, "times": 2 },
            { "action": "DescribeTags", "kind": kind, "times": 1 },
        ]));
        assert!(world.tagged(&at).await.contains(&first.resources[0]), "{kind}");
        assert_eq!(world.moto.faults_hit()[0]["hits"], 2, "{kind}");
    }
    // The VPC was created, but the half answer does not say so. The port looks for it, and does not
    // create it again.
    world.moto.faults(&json!([{ "action": "CreateVpc", "kind": "cut" }]));
    world.create(&at, &vpc("second")).await;
    let vpcs = world.tagged(&at).await.into_iter().filter(|r| r.kind == Kind::Vpc);
    assert_eq!(vpcs.count(), 2);
    world.moto.faults(&json!([]));
    world.tear_down(&at).await;
}

/// The second answer says that the resource exists already. It is ours.
#[tokio::test]
async fn what_a_doubled_request_has_made_is_taken_over() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let vpc = Create::Vpc { cidr: "10.66.0.0/16".into(), name: "drill".into() };
    let vpc = world.create(&at, &vpc).await.resources[0].id.clone();
    world.moto.faults(&json!([
        { "action": "CreateSubnet", "kind": "twice" },
        { "action": "CreateSecurityGroup", "kind": "twice" },
    ]));
    let subnet = Create::Subnet {
        vpc: vpc.clone(),
        cidr: "10.66.0.0/20".into(),
        az: "usw2-az1".parse().unwrap(),
        name: "one".into(),
    };
    world.create(&at, &subnet).await;
    let (vpc_cidr, name) = ("10.66.0.0/16".into(), "group".into());
    let group = Create::SecurityGroup { vpc, vpc_cidr, name, only_out: false };
    world.create(&at, &group).await;
    assert!(world.moto.faults_hit().iter().all(|rule| rule["hits"] == 1));
    world.tear_down(&at).await;
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
        instance_types: [("t3.small".to_owned(), 2), ("m5.large".to_owned(), 1)].into(),
        cidr: "10.66.0.0/16".into(),
        run_tags: Some(world.run_tags.clone()),
        ..Needs::default()
    };
    let findings = world.aws.preflight(&at, &needs).await.unwrap().findings;
    assert!(findings.iter().all(|f| f.severity != Severity::High), "{findings:?}");
    assert_eq!(world.moto.state(), before);
    // Preflight asks for what the drill will really ask for: its range, its types, its tags.
    let asked = |action: &str| {
        let calls = world.moto.calls(action);
        calls.into_iter().map(|c| c["params"].clone()).collect::<Vec<_>>()
    };
    let run = world.run_tags.run.to_string();
    assert_eq!(asked("CreateVpc")[0]["CidrBlock"], "10.66.0.0/16");
    let types: Vec<_> = asked("RunInstances").iter().map(|p| p["InstanceType"].clone()).collect();
    assert_eq!(types, ["m5.large", "t3.small"]);
    for action in [
        "CreateVpc",
        "CreateSubnet",
        "CreateSecurityGroup",
        "CopySnapshot",
        "CopyImage",
        "CreateVolume",
        "RunInstances",
        "AllocateAddress",
    ] {
        for params in asked(action) {
            assert!(params.to_string().contains(&run), "{action} without its tags: {params}");
        }
    }
    // If the refused request is the real one, the refusal is fatal. If its ids are made up, a
    // policy that names resources may be the reason.
    let refused = |action: &str| {
        json!({ "action": action, "kind": "error", "code": "UnauthorizedOperation",
        "status": 403, "message": "You are not authorized to perform this operation." })
    };
    world.moto.faults(&json!([refused("RunInstances"), refused("CreateVpc")]));
    let findings = world.aws.preflight(&at, &needs).await.unwrap().findings;
    let fatal: Vec<_> = findings.iter().filter(|f| f.severity == Severity::High).collect();
    assert!(matches!(fatal.as_slice(), [f] if f.what.contains("may not call ec2:CreateVpc")), "{findings:?}");
    let medium = |said: &str| {
        let found = findings.iter().find(|f| f.severity == Severity::Medium && f.what.contains(said));
        found.unwrap_or_else(|| panic!("{said}: {findings:?}")).what.clone()
    };
    assert!(medium("may not call ec2:RunInstances").contains("m5.large"));
    // Some services have no dry run. Preflight makes another call there, and the finding names it.
    let unproved = medium("was not proved");
    for named in ["rds:RestoreDBInstanceFromDBSnapshot", "s3:CreateBucket", "cloudformation:CreateStack"] {
        assert!(unproved.contains(named), "{unproved}");
    }
    assert!(unproved.contains("cloudformation:DescribeStacks is allowed"), "{unproved}");
    assert_eq!(findings.iter().filter(|f| f.what.contains("may not call")).count(), 2, "{findings:?}");
}

/// A failure that says nothing about a permission does not prove it.
#[tokio::test]
async fn a_dry_run_that_fails_otherwise_proves_no_permission() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let calls = ["ec2:CreateVpc", "ec2:AllocateAddress", "ec2:AttachVolume", "ec2:ImportKeyPair"];
    let needs = Needs { calls: calls.map(str::to_owned).to_vec(), ..Needs::default() };
    let proved = world.aws.preflight(&at, &needs).await.unwrap().findings;
    assert!(proved.is_empty(), "{proved:?}");
    let fails = |action: &str, code: &str| json!({ "action": action, "kind": "error", "code": code, "status": 400, "message": "not now", "times": 99 });
    world.moto.faults(&json!([
        fails("CreateVpc", "VpcLimitExceeded"),
        fails("AllocateAddress", "UnsupportedOperation"),
        fails("AttachVolume", "InvalidParameterCombination"),
        fails("ImportKeyPair", "InternalError"),
    ]));
    let findings = world.aws.preflight(&at, &needs).await.unwrap().findings;
    let [found] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(found.severity, Severity::Medium);
    assert!(calls.iter().all(|call| found.what.contains(call)), "{found:?}");
    assert!(found.what.contains("was not proved"), "{found:?}");
}

/// A creation may take several calls. If a call after the first one fails, the error says that
/// something may exist, and the search by tag finds it.
#[tokio::test]
async fn a_creation_that_fails_half_way_says_that_something_may_be_there() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let refused = |action: &str| {
        world.moto.faults(&json!([{ "action": action, "kind": "error", "code": "UnauthorizedOperation",
            "status": 403, "message": "You are not authorized to perform this operation." }]));
    };
    refused("ModifyVpcAttribute");
    let vpc = Create::Vpc { cidr: "10.66.0.0/16".into(), name: "drill".into() };
    let error = world.try_create(&at, &vpc).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Forbidden, Sent::Maybe), "{error}");
    assert!(matches!(world.tagged(&at).await.as_slice(), [one] if one.kind == Kind::Vpc));
    refused("CreateVpc");
    let error =
        world.try_create(&at, &Create::Vpc { cidr: "10.67.0.0/16".into(), name: "other".into() }).await;
    assert_eq!(error.unwrap_err().sent, Sent::No);
    refused("PutPublicAccessBlock");
    let error = world
        .try_create(&at, &Create::Bucket { name: "half-made".into(), versioned: false })
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Forbidden, Sent::Maybe), "{error}");
    // An answer is lost, and the search for what it may have left fails. So nobody knows whether
    // something exists.
    world.moto.faults(&json!([
        { "action": "AllocateAddress", "kind": "drop_after", "times": 1 },
        { "action": "DescribeAddresses", "kind": "error", "code": "UnauthorizedOperation", "status": 403 },
    ]));
    let error = world.try_create(&at, &Create::Address { name: "front".into() }).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Forbidden, Sent::Maybe), "{error}");
    // An answer is lost inside the SDK, which tries again and is refused. The refusal does not show
    // that nothing was created.
    world.moto.faults(&json!([
        { "action": "CreateDBSubnetGroup", "kind": "drop_after", "times": 1 },
        { "action": "CreateDBSubnetGroup", "kind": "error", "code": "AccessDenied", "status": 403 },
    ]));
    let subnets = world.ec2(SANDBOX, WEST).await.describe_subnets().send().await.unwrap();
    let subnets = subnets.subnets().iter().take(2).map(|s| s.subnet_id().unwrap().to_owned()).collect();
    let group = Create::DbSubnetGroup { name: "drill".into(), subnets };
    let error = world.try_create(&at, &group).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Forbidden, Sent::Maybe), "{error}");
    world.moto.faults(&json!([]));
    world.tear_down(&at).await;
}

#[tokio::test]
async fn a_second_subnet_that_refuses_does_not_hide_the_first_ones_instances() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let sandbox = world.sandbox(&at).await;
    let what = super::compute::instances(&world, &at, &sandbox, 2).await;
    world.moto.faults(&json!([{ "action": "RunInstances", "kind": "error", "id": sandbox.subnets[1].id,
        "code": "InsufficientInstanceCapacity", "status": 500, "times": 20 }]));
    let error = world.try_create(&at, &what).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Quota, Sent::Maybe), "{error}");
    assert!(world.tagged(&at).await.iter().any(|r| r.kind == Kind::Instance));
    world.moto.faults(&json!([]));
    world.tear_down(&at).await;
}

/// EC2 is eventually consistent. Calls right after a creation may not find the new resource.
#[tokio::test]
async fn what_was_just_created_may_not_be_found_at_once() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let not_yet = |action: &str, code: &str| json!({ "action": action, "kind": "error", "code": code, "status": 400, "times": 2 });
    world.moto.faults(&json!([
        not_yet("ModifyVpcAttribute", "InvalidVpcID.NotFound"),
        not_yet("ModifySubnetAttribute", "InvalidSubnetID.NotFound"),
        not_yet("RevokeSecurityGroupEgress", "InvalidGroup.NotFound"),
        not_yet("AuthorizeSecurityGroupIngress", "InvalidGroup.NotFound"),
        not_yet("AuthorizeSecurityGroupEgress", "InvalidGroup.NotFound"),
        { "action": "DescribeSecurityGroups", "kind": "unseen", "times": 3 },
    ]));
    let sandbox = world.sandbox(&at).await;
    assert!(world.moto.faults_hit().iter().all(|f| f["hits"] == f["times"]), "{:?}", world.moto.faults_hit());
    let exposures = world.exposures(&at, &sandbox.vpc).await;
    assert_eq!(exposures, [], "an unseen group was taken for one without rules");
    let ec2 = world.ec2(SANDBOX, WEST).await;
    let groups = ec2.describe_security_groups().send().await.unwrap();
    let groups = groups.security_groups().iter().filter(|g| g.vpc_id() == Some(&sandbox.vpc));
    for group in groups {
        let open = group.ip_permissions_egress().iter().flat_map(aws_sdk_ec2::types::IpPermission::ip_ranges);
        assert!(open.clone().all(|r| r.cidr_ip() == Some("10.66.0.0/16")), "{group:?}");
    }
    world.tear_down(&at).await;
}
