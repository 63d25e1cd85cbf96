use aws::sdk::{aws_config, aws_credential_types, aws_sdk_s3};
use std::cell::RefCell;
use std::collections::BTreeMap;

use aws::{Access, Aws, AwsConfig};
use aws_sdk_s3::primitives::ByteStream;
use base::duration::{Size, Time};
use port::{
    Against, BucketRef, Cloud as _, CopyObjects, Create, DeployStack, ErrorKind, Kind, ManifestEntry, Origin,
    Progress, State, VerifyObjects,
};
use serde_json::json;

use super::world::{EAST, PRODUCTION, SANDBOX, WEST, World, account, keys, place};
use support::peers::Moto;

/// Keys that listings, headers and URLs often handle badly.
const KEYS: [&str; 8] =
    ["plain", "a b+c", "ü/ß/日本", "per%cent&amp;", "dots/../x", "q?x=1#y", "tab\tkey", "emoji-🦀"];

pub fn bucket(name: &str, of: &str, region: &str) -> BucketRef {
    BucketRef { name: name.into(), account: account(of), region: region.parse().unwrap(), owner: None }
}

pub fn origin() -> Origin {
    Origin::new("receipts", 1, "t")
}

pub fn copy(from: BucketRef, to: BucketRef, as_of: Option<Time>) -> CopyObjects {
    CopyObjects { from, to, prefix: String::new(), as_of, not_after: None, size: Size(0), objects: 8 }
}

fn verify(bucket: BucketRef, against: Against, checksums: bool) -> VerifyObjects {
    VerifyObjects {
        bucket,
        prefix: String::new(),
        against,
        not_after: None,
        checksums,
        size: Size(0),
        objects: 0,
    }
}

pub async fn make(s3: &aws_sdk_s3::Client, name: &str, region: &str) {
    let place = aws_sdk_s3::types::BucketLocationConstraint::from(region);
    let config = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(place).build();
    let config = (region != EAST).then_some(config);
    s3.create_bucket().bucket(name).set_create_bucket_configuration(config).send().await.unwrap();
}

pub async fn put(s3: &aws_sdk_s3::Client, bucket: &str, key: &str, content: Vec<u8>) {
    s3.put_object()
        .bucket(bucket)
        .key(key)
        .content_type("text/x-receipt")
        .metadata("origin", "till 7")
        .tagging("kind=receipt&year=2026")
        .body(ByteStream::from(content))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn objects_are_copied_on_the_servers_side_and_verified() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, "receipts", WEST).await;
    for key in KEYS {
        put(&s3, "receipts", key, key.as_bytes().to_vec()).await;
    }
    let before = world.moto.state();
    let (name, _) =
        world.ready(&at, &Create::Bucket { name: "drill-receipts".into(), versioned: false }).await;
    let (from, to) = (bucket("receipts", SANDBOX, WEST), bucket(&name, SANDBOX, WEST));
    let seen: RefCell<Vec<Progress>> = RefCell::default();
    let progress = |p: Progress| seen.borrow_mut().push(p);
    let copied =
        world.copy_objects(&origin(), &copy(from.clone(), to.clone(), None), &progress).await.unwrap();
    assert_eq!(copied.objects, 8);
    assert_eq!(copied.bytes, KEYS.iter().map(|k| k.len() as u64).sum::<u64>());
    assert!(copied.newest.is_some());
    assert_eq!(seen.borrow().last().unwrap().objects, 8);
    assert_eq!(seen.borrow().last().unwrap().of_objects, Some(8));
    assert!(world.moto.calls("GetObject").is_empty(), "nothing passed through here");
    for key in KEYS {
        let head = s3.head_object().bucket(&name).key(key).send().await.unwrap();
        assert_eq!(head.content_type(), Some("text/x-receipt"), "{key}");
        assert_eq!(head.metadata().unwrap()["origin"], "till 7", "{key}");
    }
    let measured = world.aws.measure_objects(&to, "").await.unwrap();
    assert_eq!((measured.count, measured.bytes), (Some(8), Some(copied.bytes)));

    for checksums in [false, true] {
        let against = Against::Bucket { bucket: from.clone(), as_of: None };
        let ok = world
            .aws
            .verify_objects(&origin(), &verify(to.clone(), against, checksums), &|_| {})
            .await
            .unwrap();
        assert_eq!((ok.matched, ok.missing, ok.extra, ok.different), (8, 0, 0, 0), "{:?}", ok.examples);
    }
    // One object is missing, one is extra, one has another size, and one has the same size but
    // other content.
    s3.delete_object().bucket(&name).key("plain").send().await.unwrap();
    put(&s3, &name, "more", vec![1]).await;
    put(&s3, &name, "a b+c", vec![1]).await;
    put(&s3, &name, "emoji-🦀", vec![b'x'; "emoji-🦀".len()]).await;
    for checksums in [false, true] {
        let against = Against::Bucket { bucket: from.clone(), as_of: None };
        let bad = world
            .aws
            .verify_objects(&origin(), &verify(to.clone(), against, checksums), &|_| {})
            .await
            .unwrap();
        assert_eq!((bad.matched, bad.missing, bad.extra, bad.different), (5, 1, 1, 2), "{:?}", bad.examples);
        assert_eq!(bad.examples.len(), 4);
    }
    world.tear_down(&at).await;
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn a_bucket_is_private_encrypted_and_tagged() {
    let world = World::losing_east();
    for region in [WEST, EAST] {
        let at = place(SANDBOX, region);
        let name = format!("drill-{region}");
        let what = Create::Bucket { name: name.clone(), versioned: false };
        world.ready(&at, &what).await;
        world.create(&at, &what).await;
        let s3 = world.s3(SANDBOX, region).await;
        let block = s3.get_public_access_block().bucket(&name).send().await.unwrap();
        let block = block.public_access_block_configuration().unwrap();
        assert_eq!((block.block_public_acls(), block.restrict_public_buckets()), (Some(true), Some(true)));
        let tagged = world.tagged(&at).await;
        assert_eq!(
            tagged.iter().map(|r| (r.kind, r.id.as_str())).collect::<Vec<_>>(),
            [(Kind::Bucket, name.as_str())]
        );
    }
    world.tear_down(&place(SANDBOX, WEST)).await;
    world.tear_down(&place(SANDBOX, EAST)).await;
}

#[tokio::test]
async fn a_versioned_bucket_is_restored_as_of_an_instant() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, "ledger", WEST).await;
    world.ready(&at, &Create::Bucket { name: "drill-x".into(), versioned: false }).await;
    let unversioned =
        copy(bucket("ledger", SANDBOX, WEST), bucket("drill-x", SANDBOX, WEST), Some(chrono::Utc::now()));
    let error = world.copy_objects(&origin(), &unversioned, &|_| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    let enabled = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    s3.put_bucket_versioning().bucket("ledger").versioning_configuration(enabled).send().await.unwrap();
    for (key, content) in [("kept", "1"), ("changed", "old"), ("deleted", "here"), ("reborn", "first")] {
        put(&s3, "ledger", key, content.into()).await;
    }
    // S3's times are in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    s3.delete_object().bucket("ledger").key("reborn").send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let instant = chrono::Utc::now();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    put(&s3, "ledger", "changed", "newer".into()).await;
    put(&s3, "ledger", "late", "x".into()).await;
    put(&s3, "ledger", "reborn", "again".into()).await;
    s3.delete_object().bucket("ledger").key("deleted").send().await.unwrap();

    world.ready(&at, &Create::Bucket { name: "drill-ledger".into(), versioned: false }).await;
    let (from, to) = (bucket("ledger", SANDBOX, WEST), bucket("drill-ledger", SANDBOX, WEST));
    let job = copy(from.clone(), to.clone(), Some(instant));
    let copied = world.copy_objects(&origin(), &job, &|_| {}).await.unwrap();
    assert_eq!(copied.objects, 3);
    assert!(copied.newest.unwrap() <= instant);
    let list = s3.list_objects_v2().bucket("drill-ledger").send().await.unwrap();
    let keys: Vec<_> = list.contents().iter().map(|o| o.key().unwrap().to_owned()).collect();
    assert_eq!(keys, ["changed", "deleted", "kept"]);
    let body = s3.get_object().bucket("drill-ledger").key("changed").send().await.unwrap();
    assert_eq!(body.body.collect().await.unwrap().to_vec(), b"old");
    let against = Against::Bucket { bucket: from, as_of: Some(instant) };
    let ok = world.aws.verify_objects(&origin(), &verify(to, against, true), &|_| {}).await.unwrap();
    assert_eq!((ok.matched, ok.missing, ok.extra, ok.different), (3, 0, 0, 0), "{:?}", ok.examples);
    // If no instant was asked for, T0 is the latest instant that counts.
    world.ready(&at, &Create::Bucket { name: "drill-t0".into(), versioned: false }).await;
    let job = CopyObjects {
        not_after: Some(instant),
        ..copy(bucket("ledger", SANDBOX, WEST), bucket("drill-t0", SANDBOX, WEST), None)
    };
    let copied = world.copy_objects(&origin(), &job, &|_| {}).await.unwrap();
    assert_eq!((copied.objects, copied.left_out), (3, 0));
    world.tear_down(&at).await;
}

#[tokio::test]
async fn what_was_written_after_t0_is_left_out() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, "plain", WEST).await;
    put(&s3, "plain", "before", "1".into()).await;
    // S3's times are in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let t0 = chrono::Utc::now();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    put(&s3, "plain", "after", "2".into()).await;
    world.ready(&at, &Create::Bucket { name: "drill-plain".into(), versioned: false }).await;
    let (from, to) = (bucket("plain", SANDBOX, WEST), bucket("drill-plain", SANDBOX, WEST));
    let job = CopyObjects { not_after: Some(t0), ..copy(from.clone(), to.clone(), None) };
    let copied = world.copy_objects(&origin(), &job, &|_| {}).await.unwrap();
    assert_eq!((copied.objects, copied.left_out), (1, 1));
    assert!(copied.newest.unwrap() <= t0);
    let against = Against::Bucket { bucket: from, as_of: None };
    let job = VerifyObjects { not_after: Some(t0), ..verify(to, against, true) };
    let ok = world.aws.verify_objects(&origin(), &job, &|_| {}).await.unwrap();
    assert_eq!((ok.matched, ok.missing, ok.extra, ok.different), (1, 0, 0, 0), "{:?}", ok.examples);
    world.tear_down(&at).await;
}

pub const ELSEWHERE: &str = "999999999999";

/// A second provider, the cloud under test that knows it, and a raw client to seed it.
pub async fn second_provider(world: &World) -> (Moto, Aws, aws_sdk_s3::Client) {
    let provider = Moto::start();
    let access = Access { endpoint: Some(provider.endpoint().to_owned()), ..keys() };
    let sandbox = Access { role: Some(format!("arn:aws:iam::{SANDBOX}:role/drill")), ..keys() };
    let config = AwsConfig {
        accounts: [(account(ELSEWHERE), access), (account(SANDBOX), sandbox)].into(),
        endpoint_url: Some(world.moto.endpoint().to_owned()),
        region: None,
        clock: base::clock::Clock::real(),
        probe: None,
    };
    let aws = Aws::connect(config, std::sync::Arc::clone(&world.gate)).unwrap();
    let other = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(provider.endpoint())
        .region(aws_config::Region::new(WEST))
        .http_client(super::world::http())
        .credentials_provider(aws_credential_types::Credentials::new("t", "t", None, None, "t"))
        .load()
        .await;
    let there = aws_sdk_s3::config::Builder::from(&other).force_path_style(true).build();
    (provider, aws, aws_sdk_s3::Client::from_conf(there))
}

#[tokio::test]
async fn objects_come_from_a_second_provider_through_here() {
    let world = World::losing_east();
    let (_provider, aws, there) = second_provider(&world).await;
    let elsewhere = ELSEWHERE;
    let error = aws.zones(&place(elsewhere, WEST)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    make(&there, "offsite", WEST).await;
    let big: Vec<u8> = (0..40_u32 << 20).map(|n| (n % 251) as u8).collect();
    put(&there, "offsite", "big", big.clone()).await;
    put(&there, "offsite", "empty", Vec::new()).await;
    for key in KEYS {
        put(&there, "offsite", key, key.as_bytes().to_vec()).await;
    }
    let at = place(SANDBOX, WEST);
    world.ready(&at, &Create::Bucket { name: "drill-offsite".into(), versioned: false }).await;
    let (from, to) = (bucket("offsite", elsewhere, WEST), bucket("drill-offsite", SANDBOX, WEST));
    let permit = world.permit(&at, port::Operation::Write).await.unwrap();
    let job = copy(from.clone(), to.clone(), None);
    let copied = aws.copy_objects(&permit, &origin(), &job, &|_| {}).await.unwrap();
    assert_eq!(
        (copied.objects, copied.bytes),
        (10, big.len() as u64 + KEYS.iter().map(|k| k.len() as u64).sum::<u64>())
    );
    assert_eq!(world.moto.calls("UploadPart").len(), 3, "40 MiB in parts of 16 MiB");
    let against = Against::Bucket { bucket: from, as_of: None };
    let ok = aws.verify_objects(&origin(), &verify(to.clone(), against, false), &|_| {}).await.unwrap();
    assert_eq!((ok.matched, ok.missing, ok.extra, ok.different), (10, 0, 0, 0), "{:?}", ok.examples);
    let here = world.s3(SANDBOX, WEST).await;
    let head = here.head_object().bucket("drill-offsite").key("big").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/x-receipt"));
    assert_eq!(head.metadata().unwrap(), &[("origin".to_owned(), "till 7".to_owned())].into());
    let tags = here.get_object_tagging().bucket("drill-offsite").key("big").send().await.unwrap();
    let tags: BTreeMap<_, _> = tags.tag_set().iter().map(|t| (t.key(), t.value())).collect();
    assert_eq!(tags, BTreeMap::from([("kind", "receipt"), ("year", "2026")]));
    world.tear_down(&at).await;
}

#[tokio::test]
async fn a_manifest_is_held_against_what_is_there() {
    let world = World::losing_east();
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, "receipts", WEST).await;
    put(&s3, "receipts", "a", b"hello".to_vec()).await;
    put(&s3, "receipts", "b", b"world".to_vec()).await;
    let entry = |key: &str, size, sha256: Option<&str>| ManifestEntry {
        key: key.into(),
        size,
        sha256: sha256.map(str::to_owned),
    };
    let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let manifest = vec![entry("b", 5, Some(hello)), entry("a", 5, Some(hello)), entry("c", 1, None)];
    let job = verify(bucket("receipts", SANDBOX, WEST), Against::Manifest(manifest), true);
    let found = world.aws.verify_objects(&origin(), &job, &|_| {}).await.unwrap();
    assert_eq!(
        (found.matched, found.missing, found.extra, found.different),
        (1, 1, 0, 1),
        "{:?}",
        found.examples
    );
}

#[tokio::test]
async fn a_source_of_another_account_is_read_with_its_own_credentials() {
    let world = World::losing_east();
    let theirs = world.s3(PRODUCTION, WEST).await;
    make(&theirs, "theirs", WEST).await;
    put(&theirs, "theirs", "a", b"hello".to_vec()).await;
    let at = place(SANDBOX, WEST);
    world.ready(&at, &Create::Bucket { name: "ours".into(), versioned: false }).await;
    let job = copy(bucket("theirs", PRODUCTION, WEST), bucket("ours", SANDBOX, WEST), None);
    let copied = world.copy_objects(&origin(), &job, &|_| {}).await.unwrap();
    assert_eq!((copied.objects, copied.bytes), (1, 5));
    world.tear_down(&at).await;
}

#[tokio::test]
async fn what_cannot_be_copied_is_named() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, "receipts", WEST).await;
    for key in ["good", "bad"] {
        put(&s3, "receipts", key, b"x".to_vec()).await;
    }
    world.ready(&at, &Create::Bucket { name: "drill".into(), versioned: false }).await;
    world.moto.faults(
        &json!([{ "action": "CopyObject", "kind": "error", "code": "InvalidObjectState", "status": 403,
        "match": "bad", "times": 50 }]),
    );
    let job = copy(bucket("receipts", SANDBOX, WEST), bucket("drill", SANDBOX, WEST), None);
    let error = world.copy_objects(&origin(), &job, &|_| {}).await.unwrap_err();
    assert!(error.message.contains("1 objects were copied and 1 failed: bad"), "{error}");
}

#[tokio::test]
async fn a_stack_is_deployed_and_deleted() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let before = world.moto.state();
    let template = json!({
        "Parameters": { "Name": { "Type": "String" } },
        "Resources": { "Queue": { "Type": "AWS::EC2::SecurityGroup", "Properties": { "GroupDescription": { "Ref": "Name" } } } },
        "Outputs": { "Group": { "Value": { "Ref": "Queue" } } }
    });
    let stack = Create::Stack(DeployStack {
        name: "orders-drill".into(),
        template: template.to_string(),
        parameters: [("Name".to_owned(), "drill".to_owned())].into(),
        capabilities: vec![],
    });
    let (id, seen) = world.ready(&at, &stack).await;
    assert!(seen.attributes["outputs"]["Group"].as_str().is_some(), "{seen:?}");
    assert_eq!(world.create(&at, &stack).await.resources[0].id, id);
    let both = [id.clone(), "arn:aws:cloudformation:us-west-2:222222222222:stack/none/1".to_owned()];
    let seen = world.aws.observe(&at, Kind::Stack, &both).await.unwrap();
    assert_eq!(seen.iter().map(|s| s.state.clone()).collect::<Vec<_>>(), [State::Ready, State::Gone]);
    world.tear_down(&at).await;
    world.wait(&at, Kind::Stack, &id, |s| *s == State::Gone).await;
    assert_eq!(world.moto.state(), before);
}
