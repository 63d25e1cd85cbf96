use engine::actions::context::StepError;
use estate::file::FaultKind;
use port::wait::Until;
use port::{Create, ErrorKind, Kind, Operation, State};
use serde_json::{Value, json};

use super::peer::{Peer, Setup};
use super::production::{EAST, PRODUCTION, SANDBOX, WEST, account};
use super::stage::{Stage, With, is};

pub async fn snapshots_are_copied_and_become_volumes(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let from = json!({ "volume": peer.ids.volume_east });
    let source = stage.source_of("ec2.copy_snapshot", &json!({ "from": from })).await;
    assert_eq!(source.point.region.as_str(), EAST);
    let copied = stage.does("copy", "ec2.copy_snapshot", json!({ "from": from })).await;
    let copy = &copied.made[0];
    assert_eq!((copy.id.as_str(), copied.made.len()), (copied.outputs["snapshot_id"].as_str().unwrap(), 1));
    assert_eq!(
        copy.of.to_string(),
        format!("ec2:volume/{}", peer.ids.volume_east),
        "it is still of the same"
    );
    assert_eq!((copy.account.as_str(), copy.region.as_str()), (SANDBOX, WEST));
    // The copy has the age of its source.
    assert!(copy.taken.is_some() && copy.taken == source.point.taken);
    assert!(copy.usable >= copy.taken);

    let args = json!({ "from": { "snapshot": copied.outputs["snapshot_id"] } });
    let volume = stage.does("volume", "ec2.restore_volume", args.clone()).await;
    assert_eq!(volume.outputs["az"], json!(stage.ready.subnets[0].az));
    let other = &stage.ready.subnets[1].az;
    let args = json!({ "from": args["from"], "az": other, "iops": 3000, "throughput": 125 });
    assert_eq!(stage.does("other", "ec2.restore_volume", args).await.outputs["az"], json!(other));
    let id = volume.outputs["volume_id"].as_str().unwrap().to_owned();
    let seen = stage.waiter.wait(&stage.ready.place, Kind::Volume, &id, Until::Ready).await.unwrap();
    assert_eq!(seen.attributes["size"], json!(5_u64 << 30));
    stage.close().await;
}

pub async fn images_are_copied_and_launched(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let args = json!({ "image": { "of": "i-0e1" } });
    let copied = stage.does("copy", "ec2.copy_image", args).await;
    assert_eq!(copied.made[0].of.to_string(), "ec2:instance/i-0e1");
    assert!(copied.made[0].taken.is_some());
    assert_eq!(copied.made[0].region.as_str(), WEST);
    let args = json!({ "image": copied.outputs["image_id"], "type": "t3.small", "count": 3,
        "user_data": "#!/bin/sh\necho restored" });
    let launched = stage.does("web", "ec2.launch", args).await;
    let instances = launched.outputs["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 3);
    let ids: Vec<&Value> = instances.iter().map(|i| &i["instance_id"]).collect();
    assert_eq!(launched.outputs["instance_ids"].as_array().unwrap().iter().collect::<Vec<_>>(), ids);
    // The instances are spread over the sandbox's zones, with private addresses from its range.
    for subnet in &stage.ready.subnets {
        assert!(instances.iter().any(|i| i["az"] == json!(subnet.az)), "{instances:?}");
    }
    for instance in instances {
        assert!(instance["private_ip"].as_str().unwrap().starts_with("10.66."), "{instance}");
    }
    stage.close().await;
}

pub async fn volumes_are_attached_where_they_lie(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let az = stage.ready.subnets[1].az.clone();
    let args = json!({ "from": { "volume": peer.ids.volume, "point": "latest" }, "az": az });
    let volume = stage.does("volume", "ec2.restore_volume", args).await.outputs["volume_id"].clone();
    let args = json!({ "image": { "of": "i-0a1" }, "type": "t3.small", "volumes": [volume] });
    let launched = stage.does("web", "ec2.launch", args).await;
    let instance = &launched.outputs["instances"][0];
    assert_eq!(instance["az"], json!(az), "an instance goes where its volume is");
    let id = volume.as_str().unwrap();
    let seen = stage.waiter.wait(&stage.ready.place, Kind::Volume, id, Until::Ready).await.unwrap();
    assert_eq!(seen.attributes["attached_to"], instance["instance_id"]);
    stage.close().await;
}

pub async fn keys_and_addresses(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHl0d2VsdmVieXRlc2tleW1hdGVyaWFsMDEyMzQ1Njc4 drill";
    let key = stage.does("key", "ec2.import_key_pair", json!({ "public_key": public_key })).await;
    let address = stage.does("address", "ec2.allocate_address", json!({})).await;
    assert!(address.outputs["public_ip"].as_str().unwrap().parse::<std::net::Ipv4Addr>().is_ok());
    let args = json!({ "image": peer.ids.image, "type": "t3.small", "key_name": key.outputs["key_name"] });
    stage.does("web", "ec2.launch", args).await;
    stage.close().await;
}

pub async fn what_is_not_there_is_not_found(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let (snapshot, image) = ("snap-00000000000000000", "ami-00000000000000000");
    for (uses, args) in [
        ("ec2.copy_snapshot", json!({ "from": { "snapshot": snapshot } })),
        ("ec2.copy_image", json!({ "image": image })),
        ("ec2.restore_volume", json!({ "from": { "snapshot": snapshot } })),
        ("ec2.launch", json!({ "image": image, "type": "t3.small" })),
    ] {
        is(&stage.refuses("nothing", uses, args).await, ErrorKind::NotFound);
    }
    let attach = Create::AttachVolume {
        volume: "vol-00000000000000000".into(),
        instance: "i-00000000000000000".into(),
        device: "/dev/sdf".into(),
    };
    let origin = stage.provisioner.origin("attach", 1, "");
    let permit = peer.permit(&peer.run_tags, &stage.ready.place, Operation::Create).await.unwrap();
    let error = peer.cloud.create(&permit, &origin, &attach).await.unwrap_err();
    is(&error, ErrorKind::NotFound);
    stage.close().await;
}

pub async fn what_is_not_shared_is_refused_and_what_is_shared_works(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let (snapshot, image) = (&peer.ids.snapshot_secret, &peer.ids.image_secret);
    for (uses, args) in [
        ("ec2.copy_snapshot", json!({ "from": { "snapshot": snapshot } })),
        ("ec2.copy_image", json!({ "image": image })),
        ("ec2.restore_volume", json!({ "from": { "snapshot": snapshot } })),
        ("ec2.launch", json!({ "image": image, "type": "t3.small" })),
    ] {
        is(&stage.refuses("secret", uses, args).await, ErrorKind::NotFound);
    }
    // The recovery point appears as the other account's, shared with this one.
    let args = json!({ "from": { "volume": peer.ids.volume } });
    let point = stage.source_of("ec2.restore_volume", &args).await.point;
    assert_eq!((&point.account, point.shared_with), (&account(PRODUCTION), vec![account(SANDBOX)]));
    let from = json!({ "snapshot": peer.ids.snapshot });
    let copied = stage.does("copy", "ec2.copy_snapshot", json!({ "from": from })).await;
    assert_eq!(copied.made[0].account, account(SANDBOX), "the copy is the sandbox's");
    assert!(copied.made[0].shared_with.is_empty());
    stage.does("volume", "ec2.restore_volume", json!({ "from": from })).await;
    let args = json!({ "image": peer.ids.image, "type": "t3.small" });
    stage.does("web", "ec2.launch", args).await;
    stage.close().await;
}

/// The engine stops waiting for an instance that stops by itself. The next attempt creates another
/// one.
pub async fn what_comes_up_bad_ends_the_waiting(peer: &Peer) {
    let peer = &peer.another(&Setup::fault(Some("web"), FaultKind::ComesUpUnhealthy));
    let stage = Stage::open(peer, With::default()).await;
    let args = json!({ "image": peer.ids.image, "type": "t3.small" });
    let before = stage.provisioner.name("web", "");
    let known = stage.provisioner.created().len();
    // The instance must still be starting when it is stopped.
    peer.pause();
    let launch = stage.attempt("web", 1, "ec2.launch", &args);
    let stop = async {
        while stage.provisioner.created().len() == known {
            peer.clock.sleep(std::time::Duration::from_millis(100)).await;
        }
        let made = stage.provisioner.created();
        peer.stop_instance(&made[known].id).await;
        peer.go_on();
        made[known].clone()
    };
    let (launched, instance) = futures_util::future::join(launch, stop).await;
    match launched {
        Err(error @ StepError::GivenUp { .. }) => {
            assert!(error.to_string().contains(&instance.id) && error.may_pass(), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(stage.state(&instance).await, State::Failed(why) if !why.is_empty()));
    assert_ne!(stage.provisioner.name("web", ""), before, "the next attempt is another request");
    stage.close().await;
}
