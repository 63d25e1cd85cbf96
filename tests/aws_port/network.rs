use drillmaster::cloud::{Cloud as _, Create, ErrorKind, Kind, ResourceRef, State};

use crate::world::{EAST, PRODUCTION, SANDBOX, WEST, World, account, place};

#[tokio::test]
async fn identities_and_zones() {
    let world = World::losing_east();
    for id in [PRODUCTION, SANDBOX] {
        assert_eq!(world.aws.identity(&account(id)).await.unwrap(), account(id));
    }
    let zones = world.aws.zones(&place(SANDBOX, WEST)).await.unwrap();
    assert!(zones.iter().any(|z| z.id.as_str() == "usw2-az2" && z.name == "us-west-2a"), "{zones:?}");
    let calls = world.aws.api_calls();
    // Asked here of each account and of the credentials that its role is assumed with, and once by the first credentials
    // that sign anything else.
    assert_eq!(calls["sts:GetCallerIdentity"].count, 5);
    assert_eq!(calls["ec2:DescribeAvailabilityZones"].count, 1);
}

#[tokio::test]
async fn a_sandbox_has_no_way_out_until_somebody_makes_one() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let sandbox = world.sandbox(&at).await;
    assert_eq!(world.exposures(&at, &sandbox.vpc).await, []);

    let ec2 = world.ec2(SANDBOX, WEST).await;
    let gateway = ec2.create_internet_gateway().send().await.unwrap();
    let gateway = gateway.internet_gateway().unwrap().internet_gateway_id().unwrap().to_owned();
    ec2.attach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&sandbox.vpc).send().await.unwrap();
    let found = world.exposures(&at, &sandbox.vpc).await;
    assert_eq!(found.iter().map(|e| e.resource.as_str()).collect::<Vec<_>>(), [&gateway]);

    let tables = ec2.describe_route_tables().send().await.unwrap();
    let table = tables.route_tables().iter().find(|t| t.vpc_id() == Some(&sandbox.vpc)).unwrap();
    let route = ec2.create_route().route_table_id(table.route_table_id().unwrap());
    route.destination_cidr_block("0.0.0.0/0").gateway_id(&gateway).send().await.unwrap();
    let found = world.exposures(&at, &sandbox.vpc).await;
    assert!(found.iter().any(|e| e.what.contains("0.0.0.0/0") && e.what.contains(&gateway)), "{found:?}");

    ec2.delete_route()
        .route_table_id(table.route_table_id().unwrap())
        .destination_cidr_block("0.0.0.0/0")
        .send()
        .await
        .unwrap();
    ec2.detach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&sandbox.vpc).send().await.unwrap();
    ec2.delete_internet_gateway().internet_gateway_id(&gateway).send().await.unwrap();
    assert_eq!(world.tagged(&at).await.len(), 5);
    world.tear_down(&at).await;
    let seen = world.aws.observe(&at, Kind::Vpc, &[sandbox.vpc]).await.unwrap();
    assert_eq!(seen[0].state, State::Gone);
}

#[tokio::test]
async fn everything_is_tagged_in_the_call_that_creates_it() {
    let world = World::losing_east();
    let before = world.moto.state();
    let at = place(SANDBOX, WEST);
    world.sandbox(&at).await;
    for action in ["CreateVpc", "CreateSubnet", "CreateSecurityGroup", "CreateDBSubnetGroup"] {
        for call in world.moto.calls(action) {
            let params = call["params"].to_string();
            assert!(
                params.contains("drillmaster:run") && params.contains("drillmaster:expires"),
                "{action}: {params}"
            );
            assert!(params.contains(world.marks.run.0.as_str()), "{action}: {params}");
        }
    }
    world.tear_down(&at).await;
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn what_does_not_carry_the_tag_is_never_deleted() {
    let world = World::losing_east();
    let ec2 = world.ec2(SANDBOX, WEST).await;
    let vpc = ec2.create_vpc().cidr_block("10.1.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let volume = ec2.create_volume().availability_zone("us-west-2a").size(1).send().await.unwrap();
    let bucket = "somebody-elses";
    let s3 = world.s3(SANDBOX, EAST).await;
    s3.create_bucket().bucket(bucket).send().await.unwrap();
    let of = |kind, id: &str| ResourceRef {
        kind,
        id: id.into(),
        account: account(SANDBOX),
        region: WEST.parse().unwrap(),
    };
    for resource in [
        of(Kind::Vpc, &vpc),
        of(Kind::Volume, volume.volume_id().unwrap()),
        ResourceRef { region: EAST.parse().unwrap(), ..of(Kind::Bucket, bucket) },
    ] {
        let error = world.try_delete(&resource).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Guarded, "{resource}: {error}");
    }
    assert!(world.moto.calls("DeleteVpc").is_empty() && world.moto.calls("DeleteBucket").is_empty());
    // What is not there is deleted already.
    world.try_delete(&of(Kind::Vpc, "vpc-00000000000000000")).await.unwrap();
    world.try_delete(&of(Kind::DbInstance, "nothing")).await.unwrap();
}

#[tokio::test]
async fn a_zone_of_another_region_is_refused() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let (vpc, _) = world.ready(&at, &Create::Vpc { cidr: "10.66.0.0/16".into(), name: "drill".into() }).await;
    let what = Create::Subnet {
        vpc,
        cidr: "10.66.0.0/24".into(),
        az: "use1-az1".parse().unwrap(),
        name: "x".into(),
    };
    let error = world.try_create(&place(SANDBOX, WEST), &what).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.help.unwrap().contains("usw2-az"));
}
