//! Copies that S3 does in one long call, objects that change meanwhile, and buckets with many
//! objects.

use std::time::Duration;

use aws::sdk::aws_sdk_s3;
use aws_sdk_s3::primitives::ByteStream;
use port::{Cloud as _, CopyObjects, Create, Progress};
use serde_json::json;

use super::objects::{bucket, copy, make, origin, put, second_provider};
use super::world::{SANDBOX, WEST, World, place};

const MIB: usize = 1 << 20;

async fn restored(world: &World, from: &str, to: &str) -> port::CopiedObjects {
    let job = copy(bucket(from, SANDBOX, WEST), bucket(to, SANDBOX, WEST), None);
    world.copy_objects(&origin(), &job, &|_| {}).await.unwrap()
}

/// Longer than any limit in the SDK's usual configuration.
const LONG: u64 = 64;

#[tokio::test]
async fn what_the_server_does_as_one_long_call_has_no_limit_in_time() {
    let world = World::losing_east();
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, "receipts", WEST).await;
    let sizes = [("small", 1), ("medium", 200 * MIB), ("large", 300 * MIB)];
    for (key, size) in sizes {
        put(&s3, "receipts", key, vec![7; size]).await;
    }
    world.ready(&place(SANDBOX, WEST), &Create::Bucket { name: "drill".into(), versioned: false }).await;
    world.moto.faults(&json!([
        { "action": "CopyObject", "kind": "delay", "seconds": LONG, "match": "small" },
        { "action": "UploadPartCopy", "kind": "delay", "seconds": LONG },
        { "action": "CompleteMultipartUpload", "kind": "delay", "seconds": LONG },
    ]));
    let copied = restored(&world, "receipts", "drill").await;
    assert_eq!((copied.objects, copied.left_out), (3, 0));
    let calls = ["CopyObject", "CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"];
    assert_eq!(calls.map(|call| world.moto.calls(call).len()), [2, 1, 2, 1], "each of them once");
    for (key, size) in sizes {
        let head = s3.head_object().bucket("drill").key(key).send().await.unwrap();
        assert_eq!(head.content_length(), i64::try_from(size).ok(), "{key}");
        assert_eq!(head.content_type(), Some("text/x-receipt"), "{key}");
    }
}

/// What the kernel waits for on each open connection to `port`, from /proc/net/tcp: its timer (2:
/// keepalive), and when that goes off, in hundredths of a second.
fn timers(port: u16) -> Vec<(u8, u64)> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let connections = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    // Columns 2, 3 and 5: the other end, the state (01: established) and the timer.
    let ours = connections.filter(|row| row[2].ends_with(&format!(":{port:04X}")) && row[3] == "01");
    ours.map(|row| {
        let (timer, when) = row[5].split_once(':').unwrap();
        (timer.parse().unwrap(), u64::from_str_radix(when, 16).unwrap())
    })
    .collect()
}

/// A call without a limit in time would never end if the other end were gone without a word.
#[tokio::test]
async fn a_connection_without_a_limit_in_time_is_asked_for_a_sign_of_life() {
    let world = World::losing_east();
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, "receipts", WEST).await;
    put(&s3, "receipts", "slow", b"x".to_vec()).await;
    world.ready(&place(SANDBOX, WEST), &Create::Bucket { name: "drill".into(), versioned: false }).await;
    world.moto.faults(&json!([{ "action": "CopyObject", "kind": "delay", "seconds": 5 }]));
    let is_watched = |(timer, when): &(u8, u64)| *timer == 2 && *when <= 6000;
    assert!(!timers(world.moto.port()).iter().any(is_watched), "the usual connections have limits in time");
    let look = async {
        loop {
            let seen = timers(world.moto.port());
            if seen.iter().any(is_watched) {
                return seen.len();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let looked = async { tokio::time::timeout(Duration::from_secs(60), look).await };
    let (copied, seen) = tokio::join!(restored(&world, "receipts", "drill"), looked);
    assert_eq!(copied.objects, 1);
    assert!(seen.expect("no connection has TCP keepalive") >= 1);
}

#[tokio::test]
async fn an_upload_that_an_unanswered_attempt_completed_is_not_made_again() {
    let world = World::losing_east();
    let (provider, aws, there) = second_provider(&world).await;
    make(&there, "offsite", WEST).await;
    put(&there, "offsite", "big", vec![7; 17 * MIB]).await;
    let at = place(SANDBOX, WEST);
    world.ready(&at, &Create::Bucket { name: "drill".into(), versioned: false }).await;
    world.moto.faults(&json!([{ "action": "CompleteMultipartUpload", "kind": "drop_after" }]));
    let job = copy(bucket("offsite", super::objects::ELSEWHERE, WEST), bucket("drill", SANDBOX, WEST), None);
    let permit = world.permit(&at, port::Operation::Write).await.unwrap();
    let copied = aws.copy_objects(&permit, &origin(), &job, &|_| {}).await.unwrap();
    assert_eq!((copied.objects, copied.bytes), (1, 17 * MIB as u64));
    let calls = ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"];
    assert_eq!(calls.map(|call| world.moto.calls(call).len()), [1, 2, 2, 0]);
    drop(provider);
}

#[tokio::test]
async fn an_object_that_is_overwritten_while_others_are_copied_is_left_out() {
    let world = World::losing_east();
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, "receipts", WEST).await;
    for key in ["changed", "kept"] {
        put(&s3, "receipts", key, b"old".to_vec()).await;
    }
    let at = place(SANDBOX, WEST);
    world.ready(&at, &Create::Bucket { name: "drill".into(), versioned: false }).await;
    world.moto.faults(&json!([
        { "action": "CopyObject", "kind": "delay", "seconds": 2, "match": "changed" }
    ]));
    let overwrite = async {
        while world.moto.calls("CopyObject").len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        put(&s3, "receipts", "changed", b"new".to_vec()).await;
    };
    let (copied, ()) = tokio::join!(restored(&world, "receipts", "drill"), overwrite);
    assert_eq!((copied.objects, copied.bytes, copied.left_out), (1, 3, 1));
    let list = s3.list_objects_v2().bucket("drill").send().await.unwrap();
    assert_eq!(list.contents().iter().map(|o| o.key().unwrap()).collect::<Vec<_>>(), ["kept"]);
}

/// The same for objects that pass through this process.
#[tokio::test]
async fn an_object_that_another_provider_overwrites_meanwhile_is_left_out() {
    let world = World::losing_east();
    let (provider, aws, there) = second_provider(&world).await;
    make(&there, "offsite", WEST).await;
    for key in ["changed", "kept"] {
        put(&there, "offsite", key, b"old".to_vec()).await;
    }
    let at = place(SANDBOX, WEST);
    world.ready(&at, &Create::Bucket { name: "drill".into(), versioned: false }).await;
    provider.faults(&json!([{ "action": "GetObject", "kind": "delay", "seconds": 2, "match": "changed" }]));
    let job = copy(bucket("offsite", super::objects::ELSEWHERE, WEST), bucket("drill", SANDBOX, WEST), None);
    let permit = world.permit(&at, port::Operation::Write).await.unwrap();
    let overwrite = async {
        while provider.calls("GetObject").len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        put(&there, "offsite", "changed", b"new".to_vec()).await;
    };
    let origin = origin();
    let (copied, ()) = tokio::join!(aws.copy_objects(&permit, &origin, &job, &|_| {}), overwrite);
    let copied = copied.unwrap();
    assert_eq!((copied.objects, copied.left_out), (1, 1));
}

#[tokio::test]
async fn a_bucket_is_emptied_of_keys_that_xml_cannot_carry_and_of_many_pages() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let before = world.moto.state();
    world.ready(&at, &Create::Bucket { name: "drill".into(), versioned: false }).await;
    let s3 = world.s3(SANDBOX, WEST).await;
    // moto cannot list other keys that XML cannot carry.
    put(&s3, "drill", "tab\tkey", b"x".to_vec()).await;
    let many =
        (0..1200).map(|n| s3.put_object().bucket("drill").key(format!("k{n}")).body(ByteStream::default()));
    futures_util::future::join_all(
        many.map(aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder::send),
    )
    .await
    .into_iter()
    .for_each(|put| drop(put.unwrap()));
    let told = std::cell::RefCell::new(Vec::new());
    let bucket = port::ResourceRef {
        kind: port::Kind::Bucket,
        id: "drill".into(),
        account: at.account.clone(),
        region: at.region.clone(),
    };
    let permit = world.permit(&at, port::Operation::Delete).await.unwrap();
    let progress = |deleted: Progress| told.borrow_mut().push(deleted.objects);
    world.aws.delete(&permit, &origin(), &bucket, &progress).await.unwrap();
    let told = told.into_inner();
    assert_eq!((told.len(), told.last()), (2, Some(&1201)), "{told:?}");
    assert!(told.is_sorted());
    world.tear_down(&at).await;
    assert_eq!(world.moto.calls("DeleteObject").len(), 1);
    let bulk = world.moto.calls("DeleteObjects");
    assert_eq!(bulk.len(), 2);
    assert_eq!(world.moto.state(), before);
}

#[tokio::test]
async fn a_provider_without_versions_keeps_none() {
    let world = World::losing_east();
    let (provider, aws, there) = second_provider(&world).await;
    make(&there, "offsite", WEST).await;
    put(&there, "offsite", "a", b"x".to_vec()).await;
    provider.faults(&json!([
        { "action": "GetBucketVersioning", "kind": "error", "code": "NotImplemented", "status": 501, "times": 99 }
    ]));
    let at = place(SANDBOX, WEST);
    world.ready(&at, &Create::Bucket { name: "drill".into(), versioned: false }).await;
    let now = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
    let (from, to) = (bucket("offsite", super::objects::ELSEWHERE, WEST), bucket("drill", SANDBOX, WEST));
    let permit = world.permit(&at, port::Operation::Write).await.unwrap();
    let job = CopyObjects { not_after: Some(now), ..copy(from.clone(), to.clone(), None) };
    let silent: &dyn Fn(Progress) = &|_| {};
    assert_eq!(aws.copy_objects(&permit, &origin(), &job, silent).await.unwrap().objects, 1);
    let error = aws.copy_objects(&permit, &origin(), &copy(from, to, Some(now)), silent).await.unwrap_err();
    assert!(error.message.contains("is not versioned"), "{error}");
    assert!(error.message.contains(provider.endpoint()), "{error}");
}
