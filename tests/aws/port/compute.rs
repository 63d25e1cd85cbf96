use base::duration::Size;
use port::{Cloud as _, Create, CreateVolume, Kind, Place, RunInstances, State};
use serde_json::json;

use super::world::{EAST, SANDBOX, Sandbox, WEST, World, place};

async fn snapshot(world: &World, account: &str, region: &str) -> String {
    let ec2 = world.ec2(account, region).await;
    let zone = format!("{region}a");
    let volume = ec2.create_volume().availability_zone(zone).size(3).send().await.unwrap();
    let id = volume.volume_id().unwrap();
    world.moto.delays(&json!({ "default": 0 }));
    let made = ec2.create_snapshot().volume_id(id).send().await.unwrap();
    world.moto.delays(&json!({ "default": 0.3 }));
    made.snapshot_id.unwrap()
}

async fn image(world: &World, account: &str, region: &str) -> String {
    let ec2 = world.ec2(account, region).await;
    // Everything is available at once, so no test depends on the machine's speed.
    world.moto.delays(&json!({ "default": 0 }));
    let image = ec2.register_image().name("web").root_device_name("/dev/sda1").send().await.unwrap();
    world.moto.delays(&json!({ "default": 0.3 }));
    image.image_id.unwrap()
}

/// A request for `count` instances in that sandbox, from an image of its account.
pub async fn instances(world: &World, at: &Place, sandbox: &Sandbox, count: u32) -> Create {
    let image = image(world, at.account.as_str(), at.region.as_str()).await;
    Create::Instances(RunInstances {
        image,
        instance_type: "t3.small".into(),
        count,
        subnets: sandbox.subnets.clone(),
        security_groups: vec![sandbox.group.clone()],
        key_name: None,
        user_data: None,
        name: "web".into(),
    })
}

#[tokio::test]
async fn snapshots_cross_regions_and_become_volumes() {
    let world = World::losing_east();
    let source = snapshot(&world, SANDBOX, EAST).await;
    let before = world.moto.state();
    let at = place(SANDBOX, WEST);
    let copy = Create::CopySnapshot {
        source,
        source_region: EAST.parse().unwrap(),
        kms_key: None,
        name: "copy".into(),
        size: Size::gib(3),
    };
    let (id, seen) = world.ready(&at, &copy).await;
    assert_eq!(seen.attributes["size_gib"], json!(3));
    let call = &world.moto.calls("CopySnapshot")[0]["params"];
    let url = call["PresignedUrl"].as_str().unwrap();
    assert!(
        url.starts_with("https://ec2.us-east-1.amazonaws.com/?") && url.contains("X-Amz-Signature="),
        "{url}"
    );

    let volume = Create::Volume(CreateVolume {
        snapshot: id,
        az: "usw2-az1".parse().unwrap(),
        volume_type: "gp3".into(),
        iops: Some(3000),
        throughput: Some(250),
        initialization_rate: Some(200),
        name: "data".into(),
        size: Size::gib(3),
    });
    let (id, seen) = world.ready(&at, &volume).await;
    assert_eq!(seen.attributes["az"], json!("usw2-az1"));
    assert_eq!(seen.attributes["size"], json!(3_u64 << 30));
    assert_eq!(seen.attributes["volume_id"], json!(id));
    world.tear_down(&at).await;
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn instances_come_up_without_role_or_public_address() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let original = image(&world, SANDBOX, EAST).await;
    let root = snapshot(&world, SANDBOX, WEST).await;
    let before = world.moto.state();
    let sandbox = world.sandbox(&at).await;
    let copy = Create::CopyImage {
        source: original,
        source_region: EAST.parse().unwrap(),
        kms_key: None,
        name: "web-copy".into(),
        size: Size(0),
    };
    let (image, _) = world.ready(&at, &copy).await;
    let launch = Create::Instances(RunInstances {
        image,
        instance_type: "t3.small".into(),
        count: 3,
        subnets: sandbox.subnets.clone(),
        security_groups: vec![sandbox.group.clone()],
        key_name: None,
        user_data: Some("#!/bin/sh\necho restored".into()),
        name: "web".into(),
    });
    let created = world.create(&at, &launch).await;
    assert_eq!(created.resources.len(), 3);
    assert_eq!(created.outputs["instance_ids"].as_array().unwrap().len(), 3);
    for resource in &created.resources {
        let seen = world.wait(&at, Kind::Instance, &resource.id, |s| *s == State::Ready).await;
        assert!(seen.attributes["private_ip"].as_str().unwrap().starts_with("10.66."), "{seen:?}");
        assert!(seen.attributes["az"].as_str().unwrap().starts_with("usw2-az"), "{seen:?}");
    }
    let calls = world.moto.calls("RunInstances");
    assert_eq!(calls.len(), 2, "one for each subnet");
    for call in &calls {
        let params = &call["params"];
        assert_eq!(params["MetadataOptions.HttpTokens"], json!("required"));
        assert_eq!(params["NetworkInterface.1.AssociatePublicIpAddress"], json!("false"));
        assert_eq!(params["InstanceInitiatedShutdownBehavior"], json!("terminate"));
        assert!(!params.to_string().contains("IamInstanceProfile"));
        for index in 1..=3 {
            let tags = (1..=4).map(|n| params[format!("TagSpecification.{index}.Tag.{n}.Key")].clone());
            assert!(tags.into_iter().any(|k| k == json!("drillmaster:run")), "{params}");
        }
    }
    assert_eq!(world.exposures(&at, &sandbox.vpc).await, []);

    // Sending the same request again creates nothing new.
    let again = world.try_create_as(&at, &launch, 2).await.unwrap();
    let mut ids: Vec<_> = [&created, &again].map(|c| c.resources.clone()).to_vec();
    for ids in &mut ids {
        ids.sort();
    }
    assert_eq!(ids[0], ids[1]);

    let volume = Create::Volume(port::CreateVolume {
        snapshot: root,
        az: sandbox.subnets[0].az.clone(),
        volume_type: "gp3".into(),
        iops: None,
        throughput: None,
        initialization_rate: None,
        name: "data".into(),
        size: Size::gib(3),
    });
    let (volume, _) = world.ready(&at, &volume).await;
    let instance = created.resources[0].id.clone();
    let attach = Create::AttachVolume {
        volume: volume.clone(),
        instance: instance.clone(),
        device: "/dev/sdf".into(),
    };
    assert!(world.create(&at, &attach).await.resources.is_empty());
    let seen = world.wait(&at, Kind::Volume, &volume, |s| *s == State::Ready).await;
    assert_eq!(seen.attributes["attached_to"], json!(instance));

    world.tear_down(&at).await;
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn one_describe_serves_all_that_wait() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let source = snapshot(&world, SANDBOX, WEST).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let volume = Create::Volume(CreateVolume {
            snapshot: source.clone(),
            az: "usw2-az1".parse().unwrap(),
            volume_type: "gp3".into(),
            iops: None,
            throughput: None,
            initialization_rate: None,
            name: format!("data-{n}"),
            size: Size::gib(3),
        });
        ids.push(world.create(&at, &volume).await.resources[0].id.clone());
    }
    let before = world.aws.api_calls().get("ec2:DescribeVolumes").map_or(0, |c| c.count);
    ids.push("vol-00000000000000000".into());
    let seen = world.aws.observe(&at, Kind::Volume, &ids).await.unwrap();
    assert_eq!(seen.iter().map(|o| o.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(seen.last().unwrap().state, State::Gone);
    assert_eq!(world.aws.api_calls()["ec2:DescribeVolumes"].count, before + 1);
    world.tear_down(&at).await;
}

#[tokio::test]
async fn keys_and_addresses() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let before = world.moto.state();
    let public_key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHl0d2VsdmVieXRlc2tleW1hdGVyaWFsMDEyMzQ1Njc4 drill".to_owned();
    let (name, _) = world.ready(&at, &Create::KeyPair { name: "drill-key".into(), public_key }).await;
    assert_eq!(name, "drill-key");
    let (_, seen) = world.ready(&at, &Create::Address { name: "front".into() }).await;
    assert!(seen.attributes["public_ip"].as_str().is_some());
    assert_eq!(world.tagged(&at).await.len(), 2);
    world.tear_down(&at).await;
    assert_eq!(world.moto.state(), before);
}
