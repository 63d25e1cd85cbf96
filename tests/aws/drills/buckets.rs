//! Buckets at the end of a drill. Nothing of production's data stays in them.

use aws::sdk::aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};

use super::closet::Closet;
use super::drill::{Done, Drill, role};
use super::shop::SANDBOX;

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
