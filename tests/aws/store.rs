//! Stores of runs in buckets of each provider, and stores that must be refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use aws::sdk::{aws_config, aws_credential_types, aws_sdk_s3, aws_smithy_http_client};
use support::drill::{Drill, drillmaster};
use support::peers::{Answer, Bucket, HttpTarget, Moto, Request, Store};

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

/// The program as it reaches this bucket.
fn reaching(bucket: &Bucket) -> Command {
    let mut command = drillmaster();
    command.envs(bucket.env.iter().map(|(name, value)| (name, value)));
    command
}

fn json_of(output: &Output) -> Value {
    let (code, out, err) = said(output);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn eight_processes_write_to_one_bucket_at_once() {
    for bucket in Bucket::of_each() {
        let url = format!("{}/dr", bucket.url);
        let store = ["--store", url.as_str()];
        let drill = Drill::of("az-loss");
        let playbook = drill.write();
        let shared = drill.run_with(&[]).folder;
        let log = |name: String| fs::File::create(drill.folder().join(name)).unwrap();
        let start = |number: usize| -> Child {
            let out = drill.next_out();
            let mut command = reaching(&bucket);
            command.args(["run", &text(&playbook), "--out", &text(&out)]).args(store);
            command.stdout(Stdio::null()).stderr(log(format!("run-{number}.log"))).spawn().unwrap()
        };
        let push = |number: usize| -> Child {
            let mut command = reaching(&bucket);
            command.args(["store", "push", &text(&shared)]).args(store);
            command.stdout(Stdio::null()).stderr(log(format!("push-{number}.log"))).spawn().unwrap()
        };
        let mut writers: Vec<Child> = (0..8).map(start).chain((0..8).map(push)).collect();
        let codes: Vec<_> = writers.iter_mut().map(|writer| writer.wait().unwrap().code()).collect();
        let logs = || {
            let files = fs::read_dir(drill.folder()).unwrap().map(|entry| entry.unwrap().path());
            let logs = files.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
            logs.map(|path| fs::read_to_string(path).unwrap()).collect::<String>()
        };
        assert!(codes.iter().all(|code| *code == Some(0)), "{url}: {codes:?} {}", logs());
        let history = || {
            json_of(&reaching(&bucket).args(["history", "--output", "json"]).args(store).output().unwrap())
        };
        let listed = history();
        let runs = listed["runs"].as_array().unwrap();
        let ids: BTreeSet<&str> = runs.iter().map(|run| run["run_id"].as_str().unwrap()).collect();
        assert_eq!((ids.len(), listed["unread"].as_array().unwrap().len()), (9, 0), "{url}: {listed}");
        let rebuild = || said(&reaching(&bucket).args(["store", "rebuild"]).args(store).output().unwrap());
        let (code, out, err) = rebuild();
        assert_eq!((code, out.as_str()), (0, "9 runs in the index, 0 added, 0 mended\n"), "{url}: {err}");
        // Without its index, the history is the same.
        for id in &ids {
            bucket.delete(&format!("dr/index/{id}.json"));
        }
        assert_eq!(history(), listed, "{url}");
        assert_eq!(rebuild().1, "9 runs in the index, 9 added, 0 mended\n", "{url}");
        // The files there are those of the run.
        let id = shared_id(&shared);
        for file in ["journal.ndjson", "evidence.sigstore.json"] {
            assert_eq!(bucket.get(&format!("dr/{id}/{file}")), fs::read(shared.join(file)).unwrap(), "{url}");
        }
        // What was put stays: another file of the same name is told, and changes nothing.
        fs::write(shared.join("report.md"), "changed").unwrap();
        let (code, _, err) =
            said(&reaching(&bucket).args(["store", "push", &text(&shared)]).args(store).output().unwrap());
        assert!(code == 3 && err.contains("report.md lies there with other contents"), "{url}: {err}");
        assert_ne!(bucket.get(&format!("dr/{id}/report.md")), b"changed", "{url}");
    }
}

fn shared_id(run: &Path) -> String {
    let report: Value = serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    report["run_id"].as_str().unwrap().to_owned()
}

/// What the program reads from its environment to reach this address as each provider.
fn at_address(address: &str, folder: &Path) -> [(&'static str, Vec<(&'static str, String)>); 3] {
    let account = folder.join("account.json");
    let named = json!({ "private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": true,
        "gcs_base_url": address });
    fs::write(&account, named.to_string()).unwrap();
    let aws = [
        ("AWS_ENDPOINT_URL", address),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    [
        ("s3://drills", aws.map(|(name, value)| (name, value.to_owned())).to_vec()),
        ("gs://drills", vec![("GOOGLE_SERVICE_ACCOUNT", text(&account))]),
        (
            "az://drills",
            vec![
                ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
                ("AZURITE_BLOB_STORAGE_URL", address.to_owned()),
            ],
        ),
    ]
}

/// Listens as a store of each provider that takes whatever comes.
#[test]
fn a_store_of_any_provider_that_replaces_objects_is_refused_before_the_run() {
    let taking = HttpTarget::start(
        Answer::status(201).header("ETag", "\"1\"").header("Last-Modified", "Tue, 01 Dec 2026 03:00:00 GMT"),
    );
    let drill = Drill::of("az-loss");
    let playbook = text(&drill.write());
    for (url, env) in at_address(taking.url("").as_str(), drill.folder()) {
        let out = drill.next_out();
        let mut command = drillmaster();
        command.envs(env).args(["run", &playbook, "--out", &text(&out), "--store", url]);
        let (code, _, err) = said(&command.output().unwrap());
        assert!(code == 2 && err.contains("replaces an object although it is asked not to"), "{url}: {err}");
        assert!(!out.exists(), "nothing was run");
    }
    let conditions = ["if-none-match", "x-goog-if-generation-match", "if-none-match"];
    let puts: Vec<Request> =
        taking.requests().into_iter().filter(|request| request.method == "PUT").collect();
    assert_eq!(puts.len(), 6, "two tries at each");
    for (request, condition) in puts.iter().zip(conditions.iter().flat_map(|condition| [condition; 2])) {
        assert!(request.header(condition).is_some(), "{}: no {condition}", request.path);
    }
}

#[test]
fn a_bucket_that_is_not_there_is_told_before_the_run() {
    let drill = Drill::of("az-loss");
    let playbook = text(&drill.write());
    for bucket in Bucket::of_each() {
        let url = bucket.url.replace("drills", "missing");
        let out = drill.next_out();
        let mut command = reaching(&bucket);
        command.args(["run", &playbook, "--out", &text(&out), "--store", &url]);
        let (code, _, err) = said(&command.output().unwrap());
        let is_told = err.contains(&url) && err.contains("check the name of the bucket");
        assert!(code == 2 && is_told && !out.exists(), "{err}");
    }
}

#[test]
fn keys_that_a_provider_does_not_know_are_told_before_the_run() {
    let (google, azure) = (Bucket::google(), Bucket::azure());
    let drill = Drill::of("az-loss");
    let playbook = text(&drill.write());
    // The key of another account.
    let other = Bucket::google();
    let account =
        |bucket: &Bucket| -> Value { serde_json::from_slice(&fs::read(&bucket.env[0].1).unwrap()).unwrap() };
    let mut wrong = account(&other);
    wrong["gcs_base_url"] = account(&google)["gcs_base_url"].clone();
    let file = drill.folder().join("wrong.json");
    fs::write(&file, wrong.to_string()).unwrap();
    for (bucket, name, value) in [
        (&google, "GOOGLE_SERVICE_ACCOUNT", text(&file)),
        (&azure, "AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmcta2V5LW9mLXRoZS1hY2NvdW50".to_owned()),
    ] {
        let out = drill.next_out();
        let mut command = reaching(bucket);
        command.env(name, value).args(["run", &playbook, "--out", &text(&out), "--store", &bucket.url]);
        let (code, _, err) = said(&command.output().unwrap());
        assert!(code == 2 && err.contains("check the credentials") && !out.exists(), "{err}");
        assert!(!err.contains("PRIVATE KEY") && !err.contains("d3Jvbmcta2V5"), "{err}");
    }
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
