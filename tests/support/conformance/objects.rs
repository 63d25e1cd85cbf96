use base::duration::Size;
use engine::actions::context::StepError;
use engine::sandbox::ProvisionError;
use estate::PointKind;
use port::{Against, BucketRef, ErrorKind, VerifyObjects};
use serde_json::json;

use super::peer::Peer;
use super::production::{
    RECEIPTS, RECEIPTS_BYTES, RECEIPTS_OBJECTS, SANDBOX, VERSIONED, VERSIONED_OBJECTS, WEST, account,
};
use super::stage::{Stage, With, is, unknown};

fn bucket(name: &str) -> BucketRef {
    BucketRef { name: name.to_owned(), account: account(SANDBOX), region: WEST.parse().unwrap(), owner: None }
}

fn with_bucket() -> With {
    With { buckets: vec!["receipts"], ..With::default() }
}

pub async fn a_bucket_is_restored_and_verified(peer: &Peer) {
    let stage = Stage::open(peer, with_bucket()).await;
    let args = json!({ "from": { "bucket": RECEIPTS }, "to": "receipts" });
    let restored = stage.does("receipts", "s3.restore", args).await;
    let real = stage.ready.buckets["receipts"].clone();
    assert_eq!(restored.outputs["bucket"], json!(real), "the bucket that was made before T0");
    assert_eq!(restored.outputs["objects"], json!(RECEIPTS_OBJECTS));
    assert_eq!(restored.outputs["bytes"], json!(RECEIPTS_BYTES));
    let measured = peer.cloud.measure_objects(&bucket(&real), "").await.unwrap();
    assert_eq!((measured.count, measured.bytes), (Some(RECEIPTS_OBJECTS), Some(RECEIPTS_BYTES)));

    let with_source = json!({ "bucket": real, "source": { "bucket": RECEIPTS } });
    let verified = stage.does("same", "s3.verify", with_source.clone()).await;
    assert_eq!(verified.outputs["matched"], json!(RECEIPTS_OBJECTS));
    // The first line holds the SHA-256 of "first". The other lines have no checksum.
    peer.write(
        "manifest.csv",
        "a,5,a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e\n\"b/c\",5,\nü d,5,\n",
    );
    let with_manifest = json!({ "bucket": real, "manifest": "manifest.csv" });
    let verified = stage.does("listed", "s3.verify", with_manifest.clone()).await;
    assert_eq!(verified.outputs["matched"], json!(RECEIPTS_OBJECTS));

    // The content changes, and the size does not. The twin knows no contents, so it is not tested.
    if peer.corrupt(&real).await {
        for args in [with_source, with_manifest] {
            let error = stage.attempt("same", 1, "s3.verify", &args).await.unwrap_err();
            assert!(error.to_string().contains("1 differ"), "{error}");
        }
    }
    stage.close().await;
}

pub async fn a_difference_fails_the_comparison(peer: &Peer) {
    let stage = Stage::open(peer, with_bucket()).await;
    let args = json!({ "from": { "bucket": RECEIPTS }, "to": "receipts" });
    let restored = stage.does("receipts", "s3.restore", args).await;
    peer.write("four.csv", "a,5,\nb/c,5,\nü d,5,\nz,1,\n");
    let args = json!({ "bucket": restored.outputs["bucket"], "manifest": "four.csv" });
    let error = stage.attempt("verify", 1, "s3.verify", &args).await.unwrap_err();
    assert!(matches!(error, StepError::Failed { again: true, .. }), "{error:?}");
    assert!(error.to_string().contains("1 are missing"), "{error}");
    peer.write("two.csv", "a,5,\nb/c,5,\n");
    let args = json!({ "bucket": restored.outputs["bucket"], "manifest": "two.csv" });
    let error = stage.attempt("verify", 2, "s3.verify", &args).await.unwrap_err();
    assert!(error.to_string().contains("1 are too many"), "{error}");
    // The port reports the same.
    let against = Against::Bucket { bucket: bucket(RECEIPTS), as_of: None };
    let verify = VerifyObjects {
        bucket: bucket(restored.outputs["bucket"].as_str().unwrap()),
        prefix: String::new(),
        against,
        not_after: None,
        checksums: true,
        size: Size(0),
        objects: 0,
    };
    let origin = stage.provisioner.origin("port", 1, "");
    let seen = peer.cloud.verify_objects(&origin, &verify, &|_| {}).await.unwrap();
    assert_eq!((seen.matched, seen.missing, seen.extra, seen.different), (RECEIPTS_OBJECTS, 0, 0, 0));
    stage.close().await;
}

/// On moto the bucket holds four objects now and held three others then, one of them behind a
/// delete marker. The restore yields these three only if it honours versions and markers. The
/// twin's model has one count of objects for all times, so only the instant can be asserted there.
pub async fn a_bucket_is_restored_as_of_an_instant(peer: &Peer) {
    let stage = Stage::open(peer, with_bucket()).await;
    let instant = peer.ids.instant;
    let from = json!({ "bucket": VERSIONED, "as_of": instant.to_rfc3339() });
    let restored = stage.does("ledger", "s3.restore", json!({ "from": from, "to": "receipts" })).await;
    assert_eq!(restored.outputs["objects"], json!(VERSIONED_OBJECTS));
    assert_eq!(restored.consistent_at, Some(instant), "the data are as they were then");
    let real = restored.outputs["bucket"].as_str().unwrap();
    if let Some(keys) = peer.keys(real).await {
        assert_eq!(keys, ["changed", "deleted", "kept"]);
    }
    let args = json!({ "bucket": real, "source": from });
    assert_eq!(stage.does("verify", "s3.verify", args).await.outputs["matched"], json!(VERSIONED_OBJECTS));
    // A bucket without versions cannot be read as of an earlier instant.
    let args = json!({ "from": { "bucket": RECEIPTS, "as_of": instant.to_rfc3339() }, "to": "receipts" });
    let mut source = unknown(RECEIPTS, PointKind::S3Versions);
    source.at = Some(instant);
    let error = stage.attempt_from("never", 1, "s3.restore", &args, Some(source)).await.unwrap_err();
    match error {
        StepError::Provision(ProvisionError::Cloud(error)) => is(&error, ErrorKind::Invalid),
        other => panic!("{other:?}"),
    }
    stage.close().await;
}

pub async fn what_is_not_there_is_not_found(peer: &Peer) {
    let stage = Stage::open(peer, with_bucket()).await;
    let none = "conformance-no-such-bucket";
    let args = json!({ "from": { "bucket": none }, "to": "receipts" });
    let source = || Some(unknown(none, PointKind::S3Replica));
    let restored = stage.attempt_from("none", 1, "s3.restore", &args, source()).await;
    let args = json!({ "bucket": stage.ready.buckets["receipts"], "source": { "bucket": none } });
    let verified = stage.attempt_from("none", 1, "s3.verify", &args, None).await;
    for error in [restored.unwrap_err(), verified.unwrap_err()] {
        match error {
            StepError::Provision(ProvisionError::Cloud(error)) => is(&error, ErrorKind::NotFound),
            other => panic!("{other:?}"),
        }
    }
    is(&peer.cloud.measure_objects(&bucket(none), "").await.unwrap_err(), ErrorKind::NotFound);
    stage.close().await;
}
