//! From T0 on, a request that would touch what is lost is refused before it is sent, in the same
//! way on both clouds.

use base::duration::Size;
use estate::Loss;
use port::gate::Enforcement;
use port::{
    BucketRef, CloudError, CopyObjects, Create, ErrorKind, Kind, Operation, Place, RestoreDb, RunInstances,
    RunTags, Sent, SubnetRef, Whose,
};

use super::peer::{Peer, Setup};
use super::production::{EAST, PRODUCTION, RECEIPTS, SANDBOX, VAULT, WEST, account, place, sandbox_place};
use crate::requests::volume;

async fn create(peer: &Peer, place: &Place, step: &str, what: &Create) -> Result<(), CloudError> {
    let token = format!("{}-{step}", peer.run_tags.run);
    let origin = port::Origin::new(step, 1, token);
    let run_tags = RunTags::new(peer.run_tags.run.clone(), peer.run_tags.expires);
    let permit = peer.permit(&run_tags, place, Operation::Create).await?;
    peer.cloud.create(&permit, &origin, what).await.map(drop)
}

fn is_lost(error: &CloudError, why: &str) {
    assert_eq!((error.kind, error.sent), (ErrorKind::Lost, Sent::No), "{error:?}");
    assert!(error.message.contains(why), "{error} does not say: {why}");
    assert!(error.help.is_some() && !error.may_pass());
}

async fn refused(peer: &Peer, place: &Place, step: &str, what: &Create, why: &str) {
    is_lost(&create(peer, place, step, what).await.unwrap_err(), why);
    let denied = peer.gate.denied();
    assert!(denied.iter().any(|d| d.call == what.call() && d.step == step), "{denied:?}");
}

pub async fn the_lost_region(peer: &Peer) {
    let (at, east) = (sandbox_place(), place(SANDBOX, EAST));
    // Before T0 nothing is refused.
    peer.cloud.zones(&east).await.unwrap();
    peer.gate.enforce(Enforcement::Full);
    is_lost(&peer.cloud.zones(&east).await.unwrap_err(), "region us-east-1 is lost");
    let seen = peer.cloud.observe(&east, Kind::Vpc, &["vpc-1".to_owned()]).await;
    is_lost(&seen.unwrap_err(), "region us-east-1 is lost");
    let ours = Whose::Run(peer.run_tags.run.clone());
    is_lost(&peer.cloud.tagged(&east, &ours).await.unwrap_err(), "region us-east-1 is lost");
    let vpc = Create::Vpc { cidr: "10.66.0.0/16".into(), name: "late".into() };
    refused(peer, &east, "there", &vpc, "region us-east-1 is lost").await;
    let (source_region, kms_key, name, size) = (EAST.parse().unwrap(), None, "copy".to_owned(), Size::gib(1));
    let source = format!("arn:aws:rds:us-east-1:{SANDBOX}:snapshot:orders-east");
    let copy = Create::CopyDbSnapshot { source, source_region, kms_key, option_group: None, name, size };
    refused(peer, &at, "copy", &copy, "would read from region us-east-1").await;
    peer.gate.know_lost_point("snap-lost", "us-east-1");
    refused(peer, &at, "volume", &volume("snap-lost", "usw2-az1"), "the recovery point lies in us-east-1")
        .await;
    // A control plane that lives in the lost region is lost with it, for all regions.
    let bucket = Create::Bucket { name: "conformance-late".into(), versioned: false };
    refused(peer, &at, "bucket", &bucket, "control plane lives in us-east-1").await;
    let from = BucketRef {
        name: RECEIPTS.into(),
        account: account(SANDBOX),
        region: EAST.parse().unwrap(),
        owner: None,
    };
    let to = BucketRef { name: "x".into(), region: WEST.parse().unwrap(), ..from.clone() };
    let copy = CopyObjects {
        from: from.clone(),
        to,
        prefix: String::new(),
        as_of: None,
        not_after: None,
        size: Size(0),
        objects: 0,
    };
    let origin = port::Origin::new("receipts", 1, "t");
    let permit = peer.permit(&peer.run_tags, &copy.to.place(), Operation::Write).await.unwrap();
    let copied = peer.cloud.copy_objects(&permit, &origin, &copy, &|_| {}).await;
    is_lost(&copied.unwrap_err(), "region us-east-1 is lost");
    is_lost(&peer.cloud.measure_objects(&from, "").await.unwrap_err(), "region us-east-1 is lost");
    // Teardown may use the control plane to clean up. The lost region itself stays out of reach.
    peer.gate.enforce(Enforcement::Teardown);
    is_lost(&peer.cloud.zones(&east).await.unwrap_err(), "region us-east-1 is lost");
    peer.cloud.zones(&at).await.unwrap();
}

pub async fn the_lost_account(peer: &Peer) {
    let peer = &peer.another(&Setup::losing(Loss::Account(account(PRODUCTION))));
    let production = place(PRODUCTION, WEST);
    peer.cloud.zones(&production).await.unwrap();
    let permit = peer.permit(&peer.run_tags, &production, Operation::Create).await.unwrap();
    peer.gate.enforce(Enforcement::Full);
    let why = "its credentials are not to be used";
    is_lost(&peer.cloud.identity(&account(PRODUCTION)).await.unwrap_err(), why);
    is_lost(&peer.cloud.zones(&production).await.unwrap_err(), why);
    let vpc = Create::Vpc { cidr: "10.66.0.0/16".into(), name: "theirs".into() };
    let origin = port::Origin::new("there", 1, "t");
    is_lost(&peer.cloud.create(&permit, &origin, &vpc).await.unwrap_err(), why);
    assert!(peer.gate.denied().iter().any(|d| d.call == vpc.call() && d.step == "there"));
    // The cloud is not even asked which account the lost account's credentials belong to.
    is_lost(&peer.permit(&peer.run_tags, &production, Operation::Create).await.unwrap_err(), why);
    let db = RestoreDb {
        source: format!("arn:aws:rds:us-west-2:{PRODUCTION}:snapshot:orders-1"),
        name: "orders".into(),
        class: None,
        subnet_group: "none".into(),
        security_groups: Vec::new(),
        parameter_group: None,
        option_group: None,
        multi_az: false,
        engine: None,
        az: None,
        port: None,
        size: Size(0),
    };
    refused(peer, &sandbox_place(), "db", &Create::Db(db), "belongs to account 111122223333").await;
    assert_eq!(
        peer.cloud.identity(&account(VAULT)).await.unwrap().account,
        account(VAULT),
        "the others are there"
    );
}

pub async fn the_lost_zone(peer: &Peer) {
    let peer = &peer.another(&Setup::losing(Loss::Az("usw2-az1".parse().unwrap())));
    let at = sandbox_place();
    peer.cloud.zones(&at).await.unwrap();
    peer.gate.enforce(Enforcement::Full);
    let why = "availability zone usw2-az1 is lost";
    refused(peer, &at, "volume", &volume("snap-1", "usw2-az1"), why).await;
    let (vpc, cidr, az) = ("vpc-1".to_owned(), "10.66.0.0/24".to_owned(), "usw2-az1".parse().unwrap());
    refused(peer, &at, "subnet", &Create::Subnet { vpc, cidr, az, name: "x".into() }, why).await;
    let subnet = |id: &str, az: &str| SubnetRef { id: id.into(), az: az.parse().unwrap() };
    let launch = Create::Instances(RunInstances {
        image: "ami-1".into(),
        instance_type: "t3.small".into(),
        count: 2,
        subnets: vec![subnet("subnet-2", "usw2-az2"), subnet("subnet-1", "usw2-az1")],
        security_groups: Vec::new(),
        key_name: None,
        user_data: None,
        name: "web".into(),
    });
    refused(peer, &at, "web", &launch, why).await;
    let elsewhere = create(peer, &at, "elsewhere", &volume("snap-00000000000000000", "usw2-az2")).await;
    assert_eq!(elsewhere.unwrap_err().kind, ErrorKind::NotFound, "the other zones are there");
}
