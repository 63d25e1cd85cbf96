//! Buckets at the end of a drill. Nothing of production's data stays in them.

use aws::sdk::aws_sdk_s3::primitives::ByteStream;
use aws::sdk::aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use serde_json::{Value, json};

use super::closet::Closet;
use super::drill::{Done, Drill, role};
use super::shop::{BACKUP, SANDBOX};

/// A server that answers `MalformedXML` for a key that this program takes for an ordinary one. No
/// object of that request is deleted, so each needs a request of its own.
#[tokio::test]
async fn a_bucket_is_emptied_although_the_server_refuses_its_keys_in_bulk() {
    let closet = Closet::open(0.3).await;
    closet.papers().await;
    for key in ["refused \u{fdd0} in XML", "tab\tkey"] {
        let put = closet.raw.s3.put_object().bucket("papers").key(key).body(ByteStream::from_static(b"x"));
        put.send().await.unwrap();
    }
    let before = closet.moto.state();
    let done = restored(&closet, "odd-keys", "region: eu-west-1", 5);
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &before);
    let statuses = |action: &str| {
        let calls = closet.moto.calls(action);
        calls.iter().map(|call| call["status"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(statuses("DeleteObjects"), [json!(400)], "{}", done.told());
    // Four keys of the refused request, and one that was never sent in bulk.
    assert_eq!(statuses("DeleteObject").len(), 5, "{}", done.told());
    assert!(done.stderr.contains("5 objects deleted"), "{}", done.told());
}

fn restored(closet: &Closet, name: &str, lost: &str, count: u32) -> Done {
    let playbook = format!(
        "{}steps:
  - {{ id: papers, uses: s3.restore, workload: orders, with: {{ from: {{ bucket: papers }}, to: papers }} }}
checks:
  - {{ id: copied, workload: orders, s3: {{ bucket: \"{{{{ steps.papers.bucket }}}}\", count: {count} }} }}
",
        Closet::head_losing(name, lost, &role(SANDBOX))
    );
    Drill::new(&playbook, closet.moto.endpoint()).run()
}

/// What was looked at before T0, by the finding of the report.
fn sampled(done: &Done) -> (String, String) {
    let findings = done.report["findings"].as_array().unwrap();
    let found = findings.iter().find(|f| f["rule"] == "objects-sampled");
    let found = found.unwrap_or_else(|| panic!("nothing was looked at: {}", done.told()));
    (found["severity"].as_str().unwrap().to_owned(), found["message"].as_str().unwrap().to_owned())
}

/// A listing tells the storage class of an object, and the object itself its key. A bucket with an
/// object that is lost is not restored from.
#[tokio::test]
async fn objects_in_a_lost_zone_or_under_a_lost_key_are_seen_before_t0() {
    let closet = Closet::open(0.3).await;
    closet.papers().await;
    let put =
        |key: &str| closet.raw.s3.put_object().bucket("papers").key(key).body(ByteStream::from_static(b"x"));
    let key = format!("arn:aws:kms:us-west-2:{BACKUP}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    put("one-zone").storage_class(StorageClass::OnezoneIa).send().await.unwrap();
    let encrypted = put("other key").server_side_encryption(ServerSideEncryption::AwsKms);
    encrypted.ssekms_key_id(&key).send().await.unwrap();
    let before = closet.moto.state();

    let done = restored(&closet, "nothing-lost-here", "region: eu-west-1", 5);
    done.ends(0, "passed");
    let (severity, message) = sampled(&done);
    assert_eq!(severity, "low");
    assert!(message.contains("the keys of 5 of 5 objects of papers were read"), "{message}");
    assert_eq!(closet.count("HeadObject"), 5);

    for (name, lost, why) in [
        (
            "zone",
            "az: usw2-az1".to_owned(),
            "1 of the 5 objects that were listed are of a storage class in one zone".to_owned(),
        ),
        (
            "key",
            format!("account: \"{BACKUP}\""),
            format!("1 of the 5 objects that were asked are encrypted with the key {key}"),
        ),
    ] {
        closet.moto.clear_log();
        let done = restored(&closet, name, &lost, 5);
        done.ends(1, "failed");
        let because = done.node("papers")["because"].as_str().unwrap();
        assert!(because.contains(&why), "{because}");
        assert_eq!(closet.count("CopyObject"), 0);
        done.nothing_is_left(&closet.moto, &before);
    }
}

/// S3 copies no archived object.
#[tokio::test]
async fn archived_objects_are_named_before_t0() {
    let closet = Closet::open(0.3).await;
    closet.papers().await;
    let put = closet.raw.s3.put_object().bucket("papers").key("old").storage_class(StorageClass::DeepArchive);
    put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    let done = restored(&closet, "archive", "region: eu-west-1", 4);
    let (severity, message) = sampled(&done);
    assert_eq!(severity, "medium");
    assert!(message.contains("1 of the 4 objects of papers that were listed are archived"), "{message}");
}
