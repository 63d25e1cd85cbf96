//! Stores of runs in buckets: S3 through the emulated AWS, and stores that must be refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use aws::sdk::{aws_config, aws_credential_types, aws_sdk_s3, aws_smithy_http_client};
use support::drill::{Drill, drillmaster};
use support::peers::{Moto, Store};

const ACCOUNT: &str = "777788889999";
const REGION: &str = "eu-west-1";

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The program with credentials for this endpoint. `account`: moto reads it from the access key.
fn program(endpoint: &str, key: &str, secret: &str) -> Command {
    let mut command = drillmaster();
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", secret);
    command
}

fn with_moto(moto: &Moto) -> Command {
    program(moto.endpoint(), &format!("AKIA{ACCOUNT}"), "secret")
}

async fn s3(endpoint: &str, key: &str, secret: &str) -> aws_sdk_s3::Client {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(REGION)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(aws_credential_types::Credentials::new(key, secret, None, None, "test"))
        .load()
        .await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

async fn bucket(s3: &aws_sdk_s3::Client, name: &str, lock: bool) {
    let place =
        aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(REGION.into()).build();
    let create = s3.create_bucket().bucket(name).create_bucket_configuration(place);
    create.object_lock_enabled_for_bucket(lock).send().await.unwrap();
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn eight_processes_write_to_one_bucket_at_once() {
    let moto = Moto::start();
    bucket(&s3(moto.endpoint(), &format!("AKIA{ACCOUNT}"), "secret").await, "acme-drills", false).await;
    let store = ["--store", "s3://acme-drills/dr"];
    let drill = Drill::of("az-loss");
    let playbook = drill.write();
    let shared = drill.run_with(&[]).folder;
    let start = |_: usize| -> Child {
        let out = drill.next_out();
        let mut command = with_moto(&moto);
        command.args(["run", &text(&playbook), "--out", &text(&out)]).args(store);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let push = |_: usize| -> Child {
        let mut command = with_moto(&moto);
        command.args(["store", "push", &text(&shared)]).args(store);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let writers: Vec<Child> = (0..8).map(start).chain((0..8).map(push)).collect();
    for mut writer in writers {
        assert_eq!(writer.wait().unwrap().code(), Some(0));
    }
    let history = || -> Value {
        let output = with_moto(&moto).args(["history", "--output", "json"]).args(store).output().unwrap();
        let (code, out, err) = said(&output);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let listed = history();
    let runs = listed["runs"].as_array().unwrap();
    let ids: BTreeSet<&str> = runs.iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), listed["unread"].as_array().unwrap().len()), (9, 0), "{listed}");
    let rebuild = || said(&with_moto(&moto).args(["store", "rebuild"]).args(store).output().unwrap());
    let (code, out, err) = rebuild();
    assert_eq!((code, out.as_str()), (0, "9 runs in the index, 0 added, 0 mended\n"), "{err}");
    // Without its index, the history is the same.
    let client = s3(moto.endpoint(), &format!("AKIA{ACCOUNT}"), "secret").await;
    for id in &ids {
        let key = format!("dr/index/{id}.json");
        client.delete_object().bucket("acme-drills").key(key).send().await.unwrap();
    }
    assert_eq!(history(), listed);
    assert_eq!(rebuild().1, "9 runs in the index, 9 added, 0 mended\n");
    // The files there are those of the run.
    for file in ["journal.ndjson", "evidence.sigstore.json"] {
        let id = shared_id(&shared);
        let key = format!("dr/{id}/{file}");
        let object = client.get_object().bucket("acme-drills").key(key).send().await.unwrap();
        let bytes = object.body.collect().await.unwrap().into_bytes();
        assert_eq!(bytes, fs::read(shared.join(file)).unwrap());
    }
}

fn shared_id(run: &Path) -> String {
    let report: Value = serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    report["run_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_store_that_replaces_objects_without_a_word_is_refused_before_the_run() {
    for other in [Store::s3rver(), Store::minio()] {
        let client = s3(&other.endpoint(), other.key, other.secret).await;
        client.create_bucket().bucket("drills").send().await.unwrap();
        let drill = Drill::of("az-loss");
        let out = drill.next_out();
        let mut command = program(&other.endpoint(), other.key, other.secret);
        command.args(["run", &text(&drill.write()), "--out", &text(&out), "--store", "s3://drills"]);
        let (code, _, err) = said(&command.output().unwrap());
        assert!(code == 2 && err.contains("replaces an object although it is asked not to"), "{err}");
        assert!(!out.exists(), "nothing was run");
    }
}

#[tokio::test]
async fn what_cannot_take_a_run_is_told_before_the_run() {
    let moto = Moto::start();
    let client = s3(moto.endpoint(), &format!("AKIA{ACCOUNT}"), "secret").await;
    bucket(&client, "acme-unlocked", false).await;
    bucket(&client, "acme-locked", true).await;
    let lock = json!({ "days": 30 });
    let retention = aws_sdk_s3::types::DefaultRetention::builder()
        .mode(aws_sdk_s3::types::ObjectLockRetentionMode::Compliance)
        .days(i32::try_from(lock["days"].as_i64().unwrap()).unwrap())
        .build();
    let rule = aws_sdk_s3::types::ObjectLockRule::builder().default_retention(retention).build();
    let configuration = aws_sdk_s3::types::ObjectLockConfiguration::builder()
        .object_lock_enabled(aws_sdk_s3::types::ObjectLockEnabled::Enabled)
        .rule(rule)
        .build();
    let put = client.put_object_lock_configuration().bucket("acme-locked");
    put.object_lock_configuration(configuration).send().await.unwrap();

    let drill = Drill::of("az-loss");
    let playbook = text(&drill.write());
    let config = drill.folder().join("config.yaml");
    let run = |store: &str, locked_for: &str| {
        fs::write(&config, format!("store: {store}\nstore_lock: {locked_for}\n")).unwrap();
        let out = drill.next_out();
        let mut command = with_moto(&moto);
        command.args(["run", &playbook, "--out", &text(&out), "--config", &text(&config)]);
        let (code, _, err) = said(&command.output().unwrap());
        (code, err, out.exists())
    };
    let (code, err, ran) = run("s3://acme-unlocked", "30d");
    assert!(code == 2 && err.contains("it has no default retention") && !ran, "{err}");
    let (code, err, ran) = run("s3://acme-locked", "31d");
    assert!(code == 2 && err.contains("its default retention is 30 days") && !ran, "{err}");
    let (code, err, ran) = run("s3://acme-locked/dr", "30d");
    assert!(code == 0 && err.contains("files put into s3://acme-locked/dr") && ran, "{err}");
    let (code, err, ran) = run("s3://acme-missing", "30d");
    assert!(code == 2 && err.contains("acme-missing") && !ran, "{err}");
    fs::write(&config, "store: s3://acme-missing\n").unwrap();
    let out = drill.next_out();
    let mut command = with_moto(&moto);
    command.args(["run", &playbook, "--out", &text(&out), "--config", &text(&config)]);
    let (code, _, err) = said(&command.output().unwrap());
    assert!(code == 2 && err.contains("check the name of the bucket") && !out.exists(), "{err}");
}
