//! Backups at another provider: whole drills that restore from real S3-compatible servers.

use std::time::Duration;

use aws::sdk::{aws_config, aws_credential_types, aws_sdk_s3, aws_smithy_http_client};
use aws_sdk_s3::primitives::ByteStream;
use serde_json::json;
use support::peers::Store;

use super::closet::{Closet, creations};
use super::drill::Drill;

const OTHER: &str = "999999999999";
const KEYS: [&str; 3] = ["2026/1", "a b+c", "ü/ß/日本"];

async fn client(store: &Store) -> aws_sdk_s3::Client {
    let keys = aws_credential_types::Credentials::new(store.key, store.secret, None, None, "t");
    let base = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(store.endpoint())
        .region(aws_config::Region::new("us-east-1"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(keys)
        .load()
        .await;
    let s3 = aws_sdk_s3::config::Builder::from(&base).force_path_style(true);
    let needed = aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired;
    aws_sdk_s3::Client::from_conf(s3.request_checksum_calculation(needed).build())
}

async fn put(s3: &aws_sdk_s3::Client, key: &str) {
    let body = ByteStream::from(key.as_bytes().to_vec());
    s3.put_object().bucket("offsite").key(key).body(body).send().await.unwrap();
}

async fn filled(store: &Store) -> aws_sdk_s3::Client {
    let s3 = client(store).await;
    s3.create_bucket().bucket("offsite").send().await.unwrap();
    for key in KEYS {
        put(&s3, key).await;
    }
    s3
}

/// A drill that restores and compares a bucket of the account `other`, after a volume that takes
/// some time.
fn drill(closet: &Closet, store: &Store, more: &str) -> Drill {
    let other = format!(
        "accounts: {{ other: {{ id: \"{OTHER}\", endpoint: \"{}\", access_key_env: OTHER_KEY, secret_key_env: OTHER_SECRET }}, ",
        store.endpoint()
    );
    let playbook = format!(
        "{}steps:
  - {{ id: volume, uses: ec2.restore_volume, workload: orders, with: {{ from: {{ snapshot: {} }} }} }}
  - {{ id: restored, uses: s3.restore, workload: orders, needs: [volume], with: {{ from: {{ bucket: offsite, account: other{more} }}, to: papers }} }}
  - {{ id: verified, uses: s3.verify, workload: orders, needs: [restored], with: {{ bucket: \"{{{{ steps.restored.bucket }}}}\", source: {{ bucket: offsite, account: other{more} }} }} }}
checks:
  - {{ id: there, workload: orders, needs: [verified], s3: {{ bucket: \"{{{{ steps.restored.bucket }}}}\", count: 3 }}, within: 10s, every: 1s }}
",
        Closet::head("elsewhere").replace("accounts: { ", &other),
        closet.snapshot,
    );
    let drill = Drill::new(&playbook, closet.moto.endpoint());
    drill.env("OTHER_KEY", store.key).env("OTHER_SECRET", store.secret)
}

async fn is_restored_as_of_t0(store: &Store, drill: impl Fn(&Closet) -> Drill) {
    let closet = Closet::open(3.0).await;
    let s3 = filled(store).await;
    let running = drill(&closet).start();
    let journal = running.file("out/journal.ndjson");
    let began = std::time::Instant::now();
    while !std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("disaster_declared")) {
        assert!(began.elapsed() < Duration::from_mins(3), "no T0");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Objects have times in whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    put(&s3, "late").await;
    let done = running.end();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &closet.before);
    assert!(done.stderr.contains("healthy at T+") && done.stderr.contains("3 objects, "), "{}", done.told());
    for step in ["restored", "verified"] {
        assert_eq!(done.node(step)["status"], "succeeded", "{}", done.told());
    }
    let left_out = done.report["findings"].as_array().unwrap().iter();
    let left_out: Vec<_> = left_out.filter(|finding| finding["rule"] == "objects-after-t0").collect();
    assert_eq!(left_out.len(), 1, "{}", done.told());
    let asked = |call: &serde_json::Value| call.to_string().contains("offsite");
    assert!(!closet.moto.log().iter().any(asked), "AWS was asked for the provider's bucket");
}

#[tokio::test]
async fn objects_of_a_minio_server_are_restored_and_verified() {
    let store = Store::minio();
    is_restored_as_of_t0(&store, |closet| drill(closet, &store, "")).await;
}

#[tokio::test]
async fn objects_of_an_s3rver_are_restored_and_verified() {
    let store = Store::s3rver();
    is_restored_as_of_t0(&store, |closet| drill(closet, &store, "")).await;
}

/// The variable names AWS's endpoint, so it must not affect the provider. The lost region is AWS's,
/// and the provider's region only has the same name.
#[tokio::test]
async fn neither_a_variable_of_aws_nor_the_name_of_a_region_concerns_another_provider() {
    let store = Store::minio();
    is_restored_as_of_t0(&store, |closet| {
        let drill = drill(closet, &store, ", region: us-east-1");
        drill.env("AWS_ENDPOINT_URL_S3", closet.moto.endpoint()).env("AWS_USE_FIPS_ENDPOINT", "false")
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_another_provider_is_known_before_t0() {
    let closet = Closet::open(0.0).await;
    let mut store = Store::minio();
    filled(&store).await;
    let cases = [
        ("OTHER_SECRET", "not the secret key", "SignatureDoesNotMatch", "OTHER_KEY and OTHER_SECRET"),
        ("OTHER_KEY", "not-the-key", "InvalidAccessKeyId", "OTHER_KEY and OTHER_SECRET"),
        ("OTHER_KEY", "", "OTHER_KEY", "OTHER_KEY"),
    ];
    for (variable, value, said, help) in cases {
        let done = drill(&closet, &store, "").env(variable, value).run();
        done.ends(3, "error");
        let told = done.told();
        assert!(told.contains(said) && told.contains(help), "{told}");
    }
    // `as_of` needs versions, which this provider does not have.
    let done = drill(&closet, &store, ", as_of: -1h").run();
    done.ends(1, "failed");
    assert!(done.told().contains(&format!("account `other` at {}", store.endpoint())), "{}", done.told());
    store.stop();
    let done = drill(&closet, &store, "").run();
    done.ends(3, "error");
    let told = done.told();
    assert!(told.contains(&format!("the provider at {}", store.endpoint())), "{told}");
    assert!(told.contains("whether its server is up"), "{told}");
    assert_eq!(
        json!(creations(&closet.moto).iter().filter(|c| c["action"] == "CreateBucket").count()),
        json!(1)
    );
}
