//! What the port guarantees apart from the actions.

use std::time::Duration;

use base::duration::Size;
use engine::sandbox::{ProvisionError, Ready, isolation};
use estate::Selector;
use estate::file::FaultKind;
use estate::scope::Scope;
use port::{
    BucketRef, CopyObjects, Create, ErrorKind, Kind, Leak, LiveKind, LiveQuery, Operation, ResourceRef, Sent,
    State, Whose,
};
use serde_json::json;

use super::peer::{Peer, Setup};
use super::production::{
    BOOKS, EAST, MIRROR, ORDERS_WEST, PRODUCTION, RECEIPTS, SANDBOX, VAULT, WEST, account, place,
    sandbox_place,
};
use super::stage::{Stage, With};

pub async fn accounts_and_zones(peer: &Peer) {
    for id in [PRODUCTION, VAULT, SANDBOX] {
        assert_eq!(peer.cloud.identity(&account(id)).await.unwrap().account, account(id));
    }
    let zones = peer.cloud.zones(&sandbox_place()).await.unwrap();
    for id in ["usw2-az1", "usw2-az2", "usw2-az3"] {
        let zone = zones.iter().find(|z| z.id.as_str() == id).unwrap_or_else(|| panic!("{zones:?}"));
        assert!(zone.name.starts_with("us-west-2"), "{zone:?}");
    }
    assert!(peer.cloud.api_calls()["ec2:DescribeAvailabilityZones"].count > 0);
}

/// What workloads can list is found where it is, by id and by tag, and nothing else is.
pub async fn what_stands_in_production_is_seen(peer: &Peer) {
    let volume = format!("ec2:volume/{}", peer.ids.volume_live);
    let (books, mirror) = (format!("rds:db/{BOOKS}"), format!("rds:db/{MIRROR}"));
    let receipts = format!("s3:bucket/{RECEIPTS}");
    let (here, there) = (format!("{books}[region={WEST}]"), format!("{books}[region={EAST}]"));
    let all = [
        (
            LiveKind::Volume,
            vec![volume.as_str(), "ec2:volume/vol-00000000000000000"],
            SANDBOX,
            WEST,
            volume.as_str(),
        ),
        (LiveKind::Volume, vec!["ec2:volume[tag:app=live]"], SANDBOX, WEST, &volume),
        (LiveKind::Volume, vec!["ec2:volume[tag:app=li*e]", "ec2:volume[tag:none=live]"], SANDBOX, WEST, ""),
        (LiveKind::Volume, vec![&volume], SANDBOX, EAST, ""),
        (LiveKind::Volume, vec![&volume], VAULT, WEST, ""),
        (LiveKind::Database, vec![&books, &mirror], SANDBOX, WEST, &books),
        (LiveKind::Database, vec![&books, &mirror], SANDBOX, EAST, &mirror),
        (LiveKind::Database, vec![&here], SANDBOX, WEST, &books),
        (LiveKind::Database, vec![&there], SANDBOX, WEST, ""),
        (LiveKind::Cluster, vec!["rds:cluster/ledger"], VAULT, WEST, "rds:cluster/ledger"),
        (LiveKind::Cluster, vec!["rds:cluster/ledger"], SANDBOX, WEST, ""),
        (LiveKind::Bucket, vec![&receipts], SANDBOX, WEST, &receipts),
        (LiveKind::Bucket, vec!["s3:bucket[tag:app=receipts]"], SANDBOX, WEST, &receipts),
        (LiveKind::Bucket, vec![&receipts], SANDBOX, EAST, ""),
        (LiveKind::Instance, vec!["ec2:instance/i-00000000000000000"], SANDBOX, WEST, ""),
    ];
    let zones = peer.cloud.zones(&sandbox_place()).await.unwrap();
    for (kind, selectors, account, region, expected) in all {
        let selectors: Vec<Selector> = selectors.iter().map(|selector| selector.parse().unwrap()).collect();
        let query = LiveQuery { kind, selectors };
        let at = place(account, region);
        let found = peer.cloud.resources(&at, &query).await.unwrap();
        let ids: Vec<String> = found.iter().map(|resource| resource.id.to_string()).collect();
        let expected: Vec<&str> = [expected].into_iter().filter(|id| !id.is_empty()).collect();
        assert_eq!(ids, expected, "{query:?} in {at}");
        for resource in found {
            let locus = &resource.locus;
            assert_eq!(
                (&locus.account, &locus.region),
                (&Some(at.account.clone()), &Some(at.region.clone()))
            );
            if kind == LiveKind::Volume {
                assert_eq!(resource.scope, Scope::Zonal);
                let az = locus.az.as_ref();
                assert!(zones.iter().any(|zone| Some(&zone.id) == az), "{locus:?}: {zones:?}");
            }
        }
    }

    // What a run has made is not production's.
    let stage = Stage::open(peer, With::default()).await;
    let args = json!({ "from": { "volume": peer.ids.volume } });
    let ours = stage.does("volume", "ec2.restore_volume", args).await.outputs["volume_id"].clone();
    let selectors = vec![format!("ec2:volume/{}", ours.as_str().unwrap()).parse().unwrap()];
    let query = LiveQuery { kind: LiveKind::Volume, selectors };
    assert_eq!(peer.cloud.resources(&sandbox_place(), &query).await.unwrap(), []);
    stage.close().await;
}

pub async fn a_sandbox_is_closed_until_somebody_opens_it(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let closed = isolation::scan(&stage.provisioner, &stage.ready, true).await.unwrap();
    assert_eq!(closed, []);
    // A network that cannot be inspected is not proved closed.
    let elsewhere = Ready { vpc: "vpc-00000000000000000".into(), ..stage.ready.clone() };
    let unseen = isolation::scan(&stage.provisioner, &elsewhere, true).await.unwrap();
    assert!(unseen.iter().any(|e| e.leak == Leak::Unknown), "{unseen:?}");
    stage.close().await;

    let peer = &peer.another(&Setup::fault(None, FaultKind::SandboxOpen));
    let stage = Stage::open(peer, With::default()).await;
    peer.open(&stage.ready.vpc).await;
    let open = isolation::scan(&stage.provisioner, &stage.ready, true).await.unwrap();
    assert!(open.iter().any(|e| e.what.contains("internet gateway")), "{open:?}");
    peer.shut(&stage.ready.vpc).await;
    stage.close().await;
}

pub async fn what_was_never_there_is_gone(peer: &Peer) {
    let at = sandbox_place();
    for &kind in Kind::ALL {
        let id = match kind {
            Kind::Vpc => "vpc-00000000000000000",
            Kind::Subnet => "subnet-00000000000000000",
            Kind::SecurityGroup => "sg-00000000000000000",
            Kind::Snapshot => "snap-00000000000000000",
            Kind::Image => "ami-00000000000000000",
            Kind::Volume => "vol-00000000000000000",
            Kind::Instance => "i-00000000000000000",
            Kind::Address => "eipalloc-00000000000000000",
            Kind::Stack => "arn:aws:cloudformation:us-west-2:999988887777:stack/none/1",
            Kind::Bucket => "conformance-no-such-bucket",
            Kind::FileSystem => "fs-00000000000000000",
            Kind::MountTarget => "fsmt-00000000000000000",
            Kind::DbSubnetGroup
            | Kind::KeyPair
            | Kind::Table
            | Kind::DbInstance
            | Kind::DbCluster
            | Kind::DbSnapshot
            | Kind::DbClusterSnapshot
            | Kind::Vault
            | Kind::CopyJob
            | Kind::RestoreJob
            | Kind::DomainList
            | Kind::RuleGroup
            | Kind::QueryLog
            | Kind::Zone
            | Kind::Function => "no-such-thing",
        };
        let ids = [id.to_owned(), format!("{id}1")];
        let seen = peer.cloud.observe(&at, kind, &ids).await.unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        assert_eq!(seen.iter().map(|s| s.id.clone()).collect::<Vec<_>>(), ids, "in the order asked");
        assert!(seen.iter().all(|s| s.state == State::Gone), "{seen:?}");
        // A job whose id is known was started. AWS waits for it to be seen.
        if matches!(kind, Kind::CopyJob | Kind::RestoreJob) {
            continue;
        }
        // Deleting what does not exist succeeds.
        let resource =
            ResourceRef { kind, id: id.into(), account: account(SANDBOX), region: at.region.clone() };
        let origin = port::Origin::new("teardown", 1, "delete");
        let permit = peer.permit(&peer.run_tags, &at, Operation::Delete).await.unwrap();
        let deleted = peer.cloud.delete(&permit, &origin, &resource, &|_| {}).await;
        deleted.unwrap_or_else(|e| panic!("{resource}: {e}"));
    }
    assert_eq!(peer.cloud.tagged(&at, &Whose::Run(peer.run_tags.run.clone())).await.unwrap().things, []);
}

/// A resource that keeps another one in use is deleted first. Teardown knows the order.
pub async fn what_others_use_is_not_deleted(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let args = json!({ "from": { "volume": peer.ids.volume } });
    let volume = stage.does("volume", "ec2.restore_volume", args).await.outputs["volume_id"].clone();
    let args = json!({ "image": peer.ids.image, "type": "t3.small", "volumes": [volume] });
    let web = stage.does("web", "ec2.launch", args).await;
    let subnet = &stage.ready.subnets[0];
    assert_eq!(web.outputs["instances"][0]["az"], json!(subnet.az));
    for resource in [
        stage.resource(Kind::Vpc, &stage.ready.vpc),
        stage.resource(Kind::Subnet, &subnet.id),
        stage.resource(Kind::SecurityGroup, &stage.ready.security_group),
        stage.resource(Kind::Volume, volume.as_str().unwrap()),
    ] {
        match stage.delete(&resource).await {
            Err(ProvisionError::Cloud(error)) => {
                assert_eq!(error.kind, ErrorKind::InUse, "{resource}: {error}");
            }
            other => panic!("{resource}: {other:?}"),
        }
        assert_eq!(stage.state(&resource).await, State::Ready);
    }
    assert_eq!(stage.tear_down(Duration::from_mins(10)).await, Vec::<String>::new());
    let order: Vec<Kind> = stage.deleted().iter().map(|r| r.kind).collect();
    let position = |kind: Kind| order.iter().position(|k| *k == kind).unwrap();
    assert!(position(Kind::Instance) < position(Kind::Volume), "{order:?}");
    assert!(position(Kind::Volume) < position(Kind::SecurityGroup), "{order:?}");
    assert_eq!(order.last(), Some(&Kind::Vpc), "{order:?}");
    stage.close().await;
}

pub async fn what_another_run_made_is_not_deleted(peer: &Peer) {
    let stage = Stage::open(peer, With { buckets: vec!["theirs"], ..With::default() }).await;
    let other = peer.another(&Setup::default());
    stage.does("address", "ec2.allocate_address", json!({})).await;
    let args = json!({ "from": { "volume": peer.ids.volume } });
    stage.does("volume", "ec2.restore_volume", args).await;
    let origin = stage.provisioner.origin("teardown", 1, "");
    for resource in stage.provisioner.created() {
        // Another run makes the request to the same cloud.
        let permit = peer.permit(&other.run_tags, &resource.place(), Operation::Delete).await.unwrap();
        let error = peer.cloud.delete(&permit, &origin, &resource, &|_| {}).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Guarded, "{resource}: {error}");
        assert_eq!(stage.state(&resource).await, State::Ready, "{resource}");
    }
    // What no run has made belongs to production.
    for (kind, id) in [(Kind::DbInstance, BOOKS), (Kind::DbSnapshot, ORDERS_WEST), (Kind::Bucket, RECEIPTS)] {
        let resource = stage.resource(kind, id);
        match stage.delete(&resource).await {
            Err(ProvisionError::Cloud(error)) => {
                assert_eq!(error.kind, ErrorKind::Guarded, "{resource}: {error}");
            }
            other => panic!("{resource}: {other:?}"),
        }
    }
    let theirs = Whose::Run(other.run_tags.run.clone());
    assert_eq!(peer.cloud.tagged(&sandbox_place(), &theirs).await.unwrap().things, []);
    stage.close().await;
}

pub async fn what_resists_is_left_behind_and_told(peer: &Peer) {
    let peer = &peer.another(&Setup::fault(Some("address"), FaultKind::WillNotDelete));
    let stage = Stage::open(peer, With::default()).await;
    let made = stage.does("address", "ec2.allocate_address", json!({})).await;
    let id = made.outputs["allocation_id"].as_str().unwrap();
    peer.hold(Some(id));
    let address = stage.resource(Kind::Address, id);
    assert_eq!(stage.tear_down(Duration::from_secs(80)).await, [address.to_string()]);
    peer.hold(None);
    assert_eq!(stage.tagged().await, [address.clone()].into());
    assert!(!stage.deleted().contains(&address));
    if peer.is_twin() {
        // The fault in the estate holds the resource for ever.
        return;
    }
    stage.close().await;
}

/// Tries every way in which a change could reach what stands beside the sandbox in its own account.
pub async fn what_is_productions_is_not_changed(peer: &Peer) {
    let stage = Stage::open(peer, With { buckets: vec!["ours"], ..With::default() }).await;
    let args = json!({ "from": { "volume": peer.ids.volume } });
    let ours = stage.does("volume", "ec2.restore_volume", args).await.outputs["volume_id"].clone();
    let args = json!({ "image": peer.ids.image, "type": "t3.small" });
    let web = stage.does("web", "ec2.launch", args).await.outputs["instances"][0]["instance_id"].clone();
    let [ours, web] = [ours, web].map(|id| id.as_str().unwrap().to_owned());
    let theirs = peer.ids.volume_live.clone();
    let origin = stage.provisioner.origin("hostile", 1, "");
    let device = "/dev/sdf".to_owned();
    for what in [
        Create::AttachVolume { volume: theirs.clone(), instance: web, device: device.clone() },
        Create::PromoteReplica { db: BOOKS.into(), size: Size(0) },
    ] {
        let permit = peer.permit(&peer.run_tags, &stage.ready.place, Operation::Create).await.unwrap();
        let error = peer.cloud.create(&permit, &origin, &what).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (ErrorKind::Guarded, Sent::No), "{what:?}: {error}");
        assert!(error.message.contains("this run's"), "{error}");
    }
    // The step that would make the change is refused before it has created any machine.
    let before = stage.tagged().await;
    let args = json!({ "image": peer.ids.image, "type": "t3.small", "volumes": [theirs] });
    let error = stage.attempt("hostile", 1, "ec2.launch", &args).await.unwrap_err();
    assert!(error.to_string().contains("was not made by this run"), "{error}");
    assert_eq!(stage.tagged().await, before);
    // The target of a copy is one of production's buckets.
    let (account, region) = (account(SANDBOX), sandbox_place().region);
    let from = BucketRef { name: RECEIPTS.into(), account, region, owner: None };
    let copy = CopyObjects {
        to: from.clone(),
        from,
        prefix: String::new(),
        as_of: None,
        not_after: None,
        size: Size(0),
        objects: 0,
    };
    let permit = peer.permit(&peer.run_tags, &stage.ready.place, Operation::Write).await.unwrap();
    let error = peer.cloud.copy_objects(&permit, &origin, &copy, &|_| {}).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (ErrorKind::Guarded, Sent::No), "{error}");
    // A permit is valid for one kind of operation at one place.
    let permit = peer.permit(&peer.run_tags, &stage.ready.place, Operation::Write).await.unwrap();
    let volume = stage.resource(Kind::Volume, &ours);
    let error = peer.cloud.delete(&permit, &origin, &volume, &|_| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Guarded, "{error}");
    let permit = peer.permit(&peer.run_tags, &place(SANDBOX, EAST), Operation::Delete).await.unwrap();
    let error = peer.cloud.delete(&permit, &origin, &volume, &|_| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Guarded, "{error}");
    assert_eq!(stage.state(&volume).await, State::Ready);
    stage.close().await;
}
