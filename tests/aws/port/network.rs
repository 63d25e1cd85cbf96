use aws::sdk::{aws_sdk_ec2, aws_sdk_rds};
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use port::{Cloud as _, Create, ErrorKind, IsolationScan, Kind, Leak, ResourceRef, State};
use serde_json::json;

use super::world::{EAST, PRODUCTION, SANDBOX, WEST, World, account, place};

#[tokio::test]
async fn identities_and_zones() {
    let world = World::losing_east();
    for id in [PRODUCTION, SANDBOX] {
        assert_eq!(world.aws.identity(&account(id)).await.unwrap().account, account(id));
    }
    let zones = world.aws.zones(&place(SANDBOX, WEST)).await.unwrap();
    assert!(zones.iter().any(|z| z.id.as_str() == "usw2-az2" && z.name == "us-west-2a"), "{zones:?}");
    let calls = world.aws.api_calls();
    // The call was made for each account and for the credentials that assume its role. It was made
    // once more for the first credentials that sign any other request.
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

/// Tests one opening beside the network after the other.
#[tokio::test]
async fn what_the_run_has_made_is_looked_at_wherever_it_stands() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let sandbox = world.sandbox(&at).await;
    world.moto.delays(&json!({ "default": 0 }));
    let (ec2, s3) = (world.ec2(SANDBOX, WEST).await, world.s3(SANDBOX, WEST).await);
    let run = Tag::builder().key("drillmaster:run").value(world.run_tags.run.to_string()).build();
    let tagged = |kind| TagSpecification::builder().resource_type(kind).tags(run.clone()).build();
    let finds = async |leak: Leak, resource: &str, words: &str| {
        let found = world.exposures(&at, &sandbox.vpc).await;
        let found = found.iter().any(|e| e.leak == leak && e.resource == resource && e.what.contains(words));
        assert!(found, "{leak:?} {resource} {words}: {:#?}", world.exposures(&at, &sandbox.vpc).await);
    };

    // A machine of the run in another network, with a public address that leads to it.
    let image = ec2.register_image().name("web").root_device_name("/dev/sda1").send().await.unwrap();
    let launch = ec2.run_instances().image_id(image.image_id().unwrap()).min_count(1).max_count(1);
    let launched = launch.tag_specifications(tagged(ResourceType::Instance)).send().await.unwrap();
    let instance = launched.instances()[0].instance_id().unwrap().to_owned();
    finds(Leak::Way, &instance, "which is not the run's").await;
    let address =
        ec2.allocate_address().tag_specifications(tagged(ResourceType::ElasticIp)).send().await.unwrap();
    let address = address.allocation_id().unwrap().to_owned();
    assert!(!world.exposures(&at, &sandbox.vpc).await.iter().any(|e| e.resource == address));
    ec2.associate_address().allocation_id(&address).instance_id(&instance).send().await.unwrap();
    finds(Leak::PublicAddress, &address, &instance).await;
    let association = ec2.describe_addresses().allocation_ids(&address).send().await.unwrap();
    let association = association.addresses()[0].association_id().unwrap().to_owned();
    ec2.disassociate_address().association_id(association).send().await.unwrap();
    ec2.terminate_instances().instance_ids(&instance).send().await.unwrap();

    // The sandbox's own subnet assigns public addresses. A network ACL replaces the default one.
    let subnet = &sandbox.subnets[0].id;
    let public = |yes| aws_sdk_ec2::types::AttributeBooleanValue::builder().value(yes).build();
    ec2.modify_subnet_attribute()
        .subnet_id(subnet)
        .map_public_ip_on_launch(public(true))
        .send()
        .await
        .unwrap();
    finds(Leak::PublicAddress, subnet, "gives instances public addresses").await;
    ec2.modify_subnet_attribute()
        .subnet_id(subnet)
        .map_public_ip_on_launch(public(false))
        .send()
        .await
        .unwrap();
    let acl = ec2.create_network_acl().vpc_id(&sandbox.vpc).send().await.unwrap();
    let acl = acl.network_acl().unwrap().network_acl_id().unwrap().to_owned();
    assert_eq!(world.exposures(&at, &sandbox.vpc).await, [], "it stands before nothing");
    let acls = ec2.describe_network_acls().send().await.unwrap();
    let associations = acls.network_acls().iter().flat_map(aws_sdk_ec2::types::NetworkAcl::associations);
    let of =
        associations.filter(|a| a.subnet_id() == Some(subnet)).find_map(|a| a.network_acl_association_id());
    ec2.replace_network_acl_association()
        .association_id(of.unwrap())
        .network_acl_id(&acl)
        .send()
        .await
        .unwrap();
    finds(Leak::NetworkAcl, &acl, subnet).await;

    // Somebody adds a peering and an endpoint.
    let other = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let peering =
        ec2.create_vpc_peering_connection().vpc_id(&other).peer_vpc_id(&sandbox.vpc).send().await.unwrap();
    let peering = peering.vpc_peering_connection().unwrap().vpc_peering_connection_id().unwrap().to_owned();
    finds(Leak::Way, &peering, "peering connection").await;
    let endpoint = ec2.create_vpc_endpoint().vpc_id(&sandbox.vpc).service_name("com.amazonaws.us-west-2.s3");
    let endpoint = endpoint.send().await.unwrap().vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    finds(Leak::Way, &endpoint, "com.amazonaws.us-west-2.s3").await;

    // Another network of the run beside the sandbox (a stack's) is inspected in the same way.
    let vpc = ec2.create_vpc().cidr_block("10.8.0.0/16").tag_specifications(tagged(ResourceType::Vpc));
    let vpc = vpc.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let gateway = ec2.create_internet_gateway().send().await.unwrap().internet_gateway.unwrap();
    let gateway = gateway.internet_gateway_id.unwrap();
    ec2.attach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc).send().await.unwrap();
    finds(Leak::Way, &gateway, "an internet gateway").await;

    // The run's records name its buckets.
    let (bucket, _) =
        world.ready(&at, &Create::Bucket { name: "papers-of-a-run".into(), versioned: false }).await;
    let made = vec![ResourceRef {
        kind: Kind::Bucket,
        id: bucket.clone(),
        account: account(SANDBOX),
        region: WEST.parse().unwrap(),
    }];
    let look = IsolationScan {
        place: at.clone(),
        vpc: sandbox.vpc.clone(),
        run: world.run_tags.run.clone(),
        made,
        empty: false,
        whole: true,
    };
    let of_bucket = async || {
        let found = world.aws.exposures(&look).await.unwrap().into_iter();
        found.filter(|e| e.resource == bucket).map(|e| e.what).collect::<Vec<_>>()
    };
    assert_eq!(of_bucket().await, Vec::<String>::new());
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:GetObject",
        "Principal": { "AWS": format!("arn:aws:iam::{PRODUCTION}:root") }, "Resource": format!("arn:aws:s3:::{bucket}/*") }] });
    s3.put_bucket_policy().bucket(&bucket).policy(policy.to_string()).send().await.unwrap();
    assert_eq!(of_bucket().await, [format!("the bucket's policy lets arn:aws:iam::{PRODUCTION}:root in")]);
    s3.delete_bucket_policy().bucket(&bucket).send().await.unwrap();
    s3.delete_public_access_block().bucket(&bucket).send().await.unwrap();
    assert_eq!(of_bucket().await, ["public access to the bucket is not blocked"]);
}

#[tokio::test]
async fn databases_of_the_run_are_looked_at() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let sandbox = world.sandbox(&at).await;
    let rds = world.rds(SANDBOX, WEST).await;
    // A database that is still being created accepts no role.
    world.moto.delays(&serde_json::json!({ "default": 0 }));
    let run = aws_sdk_rds::types::Tag::builder()
        .key("drillmaster:run")
        .value(world.run_tags.run.to_string())
        .build();
    let db =
        rds.create_db_instance().db_instance_identifier("open").engine("postgres").engine_version("16.3");
    let db = db.db_instance_class("db.t3.medium").allocated_storage(20).master_username("postgres");
    let db = db.master_user_password("secretsecret").publicly_accessible(true).tags(run);
    db.send().await.unwrap();
    let found = world.exposures(&at, &sandbox.vpc).await;
    assert!(found.iter().any(|e| e.leak == Leak::PublicAddress && e.resource == "open"), "{found:?}");
    let role = rds.add_role_to_db_instance().db_instance_identifier("open").feature_name("s3Import");
    role.role_arn(format!("arn:aws:iam::{SANDBOX}:role/reader")).send().await.unwrap();
    let found = world.exposures(&at, &sandbox.vpc).await;
    assert!(found.iter().any(|e| e.leak == Leak::Role && e.what.contains("role/reader")), "{found:?}");
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
            assert!(params.contains(world.run_tags.run.0.as_str()), "{action}: {params}");
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
    // A resource that does not exist counts as deleted.
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

#[tokio::test]
async fn what_hangs_on_a_network_that_resists_is_named() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let sandbox = world.sandbox(&at).await;
    let subnet = sandbox.subnets[0].id.clone();
    let ec2 = world.ec2(SANDBOX, WEST).await;
    let made = ec2.create_network_interface().subnet_id(&subnet).description("somebody's endpoint");
    let interface = made.send().await.unwrap().network_interface.unwrap().network_interface_id.unwrap();
    world.moto.faults(&json!([{ "action": "DeleteSubnet", "kind": "error", "code": "DependencyViolation",
        "status": 400, "message": "The subnet has dependencies and cannot be deleted.", "times": 1 }]));
    let resource = ResourceRef {
        kind: Kind::Subnet,
        id: subnet,
        account: at.account.clone(),
        region: at.region.clone(),
    };
    let error = world.try_delete(&resource).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InUse);
    assert!(
        error.message.ends_with(&format!("on it still hangs {interface} (somebody's endpoint)")),
        "{error}"
    );
    ec2.delete_network_interface().network_interface_id(interface).send().await.unwrap();
    world.tear_down(&at).await;
}
