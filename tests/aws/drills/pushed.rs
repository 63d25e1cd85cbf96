//! `evidence push`: evidence that is handed over to a bucket, or to a portal that a listener plays.

use std::sync::{Arc, Mutex};

use aws::sdk::aws_sdk_s3;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use serde_json::{Value, json};

use super::account::Account;
use super::closet::Closet;
use super::drill::{Done, Drill};
use super::shop::WEST;
use super::signed_by_kms::{RUNNER, playbook};
use support::drill::told;
use support::peers::{Answer, HttpTarget, Request};

const KEYS: [&str; 2] = ["--key", "drill.key.pub"];
const TO_S3: [&str; 2] = ["--to", "s3://audit/drills"];

/// A drill that was held, or rehearsed, and signed with `drill.key`.
fn held(closet: &Closet, args: &[&str]) -> Done {
    let drill = Drill::new(&playbook(closet), closet.moto.endpoint()).instead(&["keygen", "drill.key"]).run();
    let args = [&["run", "playbook.yaml", "--out", "out", "--sign-with", "drill.key"], args].concat();
    let playbook = playbook(closet);
    let drill = drill.then(closet.moto.endpoint(), &args);
    drill.file("playbook.yaml", &playbook);
    drill.run()
}

fn push(done: Done, closet: &Closet, args: &[&str]) -> Done {
    done.then(closet.moto.endpoint(), &[&["evidence", "push", "out"], &KEYS[..], args].concat()).run()
}

async fn bucket(closet: &Closet) -> Account {
    let account = Account::of(&closet.moto, RUNNER, WEST).await;
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
    let create = account.s3.create_bucket().bucket("audit").create_bucket_configuration(place.build());
    create.send().await.unwrap();
    account
}

async fn objects(account: &Account) -> Vec<String> {
    let listed = account.s3.list_objects_v2().bucket("audit").send().await.unwrap();
    listed.contents.unwrap_or_default().into_iter().map(|object| object.key.unwrap()).collect()
}

#[tokio::test]
async fn a_bucket_takes_in_every_file_and_overwrites_none() {
    let closet = Closet::open(0.5).await;
    let account = bucket(&closet).await;
    let done = held(&closet, &["--on", "aws", "--yes"]);
    done.ends(0, "passed");
    let run = done.report["run_id"].as_str().unwrap().to_owned();
    std::fs::write(done.file("out/notes.txt"), "nobody signed this").unwrap();
    // Somebody who trusts no key hands nothing over.
    let done = done.then(closet.moto.endpoint(), &[&["evidence", "push", "out"], &TO_S3[..]].concat()).run();
    assert_eq!(done.exit, Some(1), "{}", done.told());
    assert!(done.stderr.contains("nothing was pushed"), "{}", done.told());
    let done = push(done, &closet, &[&TO_S3[..], &["--rehearsal"]].concat());
    assert_eq!(done.exit, Some(2), "{}", done.told());
    assert_eq!(objects(&account).await, Vec::<String>::new());
    let done = push(done, &closet, &TO_S3);
    assert_eq!(done.exit, Some(0), "{}", done.told());
    let said = format!("Pushed: 7 files to s3://audit/drills/{run}/, each read back and compared.");
    assert!(done.stdout.contains(&said), "{}", done.told());
    let all = [
        "evidence.sigstore.json",
        "journal.ndjson",
        "junit.xml",
        "report.html",
        "report.json",
        "report.md",
        "test-result.sigstore.json",
    ];
    let mut put = all.map(|name| format!("drills/{run}/{name}")).to_vec();
    // It shows that nothing here is replaced.
    put.push("drills/probe.txt".to_owned());
    assert_eq!(objects(&account).await, put);
    // What lies in the bucket is verified as it came from there.
    let fetched = tempfile::tempdir().unwrap();
    for name in all {
        let object = account.s3.get_object().bucket("audit").key(format!("drills/{run}/{name}")).send();
        let bytes = object.await.unwrap().body.collect().await.unwrap().to_vec();
        std::fs::write(fetched.path().join(name), bytes).unwrap();
    }
    let key = done.file("drill.key.pub");
    let args = ["verify", fetched.path().to_str().unwrap(), "--key", key.to_str().unwrap()];
    let (code, said, err) = told(&args);
    assert_eq!(code, 0, "{said}{err}");
    // Once more, with a review: only the new file is put.
    let review = ["review", "out", "--by", "Ada", "--note", "seen", "--sign-with", "ada.key"];
    let done = done.then(closet.moto.endpoint(), &["keygen", "ada.key"]).run();
    let done = done.then(closet.moto.endpoint(), &review).run();
    assert_eq!(done.exit, Some(0), "{}", done.told());
    let done = push(done, &closet, &TO_S3);
    assert_eq!(done.exit, Some(0), "{}", done.told());
    assert!(done.stdout.contains("Pushed: 8 files (7 lay there already)"), "{}", done.told());
    // Another object under a name of the run is told, and stays.
    let place = format!("drills/{run}/report.html");
    let body = ByteStream::from_static(b"another");
    account.s3.put_object().bucket("audit").key(&place).body(body).send().await.unwrap();
    let done = push(done, &closet, &TO_S3);
    assert_eq!(done.exit, Some(3), "{}", done.told());
    let words = format!("s3://audit/drills: {run}/report.html lies there with other contents");
    assert!(done.stderr.contains(&words), "{}", done.told());
    let object = account.s3.get_object().bucket("audit").key(&place).send().await.unwrap();
    assert_eq!(object.body.collect().await.unwrap().to_vec(), b"another");
    // What was changed here goes nowhere.
    std::fs::write(done.file("out/report.md"), "changed").unwrap();
    let done = push(done, &closet, &["--to", "s3://audit/elsewhere"]);
    assert_eq!(done.exit, Some(1), "{}", done.told());
    assert!(
        done.stderr.contains("report.md") && done.stderr.contains("nothing was pushed"),
        "{}",
        done.told()
    );
    assert!(objects(&account).await.iter().all(|key| key.starts_with("drills/")));
}

/// A listener that answers as Vanta does, and keeps what it was asked.
fn portal(uploads: u16) -> (HttpTarget, Arc<Mutex<Vec<Request>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    let target = HttpTarget::answering(move |request| {
        kept.lock().unwrap().push(request.clone());
        let token = request.header("authorization") == Some("Bearer token-of-vanta");
        match request.path.as_str() {
            "/oauth/token" => {
                let given: Value = serde_json::from_slice(&request.body).unwrap();
                let right =
                    given["client_secret"] == "the-secret" && given["grant_type"] == "client_credentials";
                let answer = json!({ "access_token": "token-of-vanta", "expires_in": 3600 }).to_string();
                if right { Answer::status(200).body(answer) } else { Answer::status(401).body("the-secret?") }
            }
            "/v1/documents/dr-test/uploads" if token => Answer::status(uploads).body(r#"{"id":"upload-1"}"#),
            "/v1/documents/dr-test/submit" if token => Answer::status(200),
            _ => Answer::status(403),
        }
    });
    (target, asked)
}

#[tokio::test]
async fn vanta_gets_the_report_as_a_pdf() {
    let closet = Closet::open(0.5).await;
    let (portal, asked) = portal(201);
    let done = held(&closet, &["--on", "aws", "--yes"]);
    done.ends(0, "passed");
    let run = done.report["run_id"].as_str().unwrap().to_owned();
    let config = |url: &str| {
        format!(
            "evidence:\n  trusted_keys: [drill.key.pub]\n  vanta: {{ document: dr-test, client_id: env:VANTA_ID, client_secret: \
             env:VANTA_SECRET, url: \"{url}\" }}\n"
        )
    };
    let vanta = ["--to", "vanta", "--config", "config.yaml"];
    std::fs::write(done.file("config.yaml"), config(&portal.url("/"))).unwrap();
    let push = |done: Done, secret: &str| {
        let args = [&["evidence", "push", "out"], &vanta[..]].concat();
        let drill = done.then(closet.moto.endpoint(), &args);
        drill.env("VANTA_ID", "the-id").env("VANTA_SECRET", secret).run()
    };
    let done = push(done, "the-secret");
    assert_eq!(done.exit, Some(0), "{}", done.told());
    assert!(done.stdout.contains(&format!("Pushed: {run}.pdf as upload upload-1")), "{}", done.told());
    let requests = asked.lock().unwrap().clone();
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/oauth/token", "/v1/documents/dr-test/uploads", "/v1/documents/dr-test/submit"]);
    let upload = &requests[1];
    let kind = upload.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8_lossy(&upload.body);
    let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    assert_eq!((parts.len(), parts[0], parts[4]), (5, "", "--\r\n"));
    assert!(parts[1].contains("name=\"effectiveAtDate\""), "{}", parts[1]);
    assert!(parts[2].contains("Disaster-recovery drill on AWS") && parts[2].contains(&run), "{}", parts[2]);
    assert!(parts[3].contains(&format!("filename=\"{run}.pdf\"")) && parts[3].contains("\r\n\r\n%PDF-"));
    // A wrong secret, a refusal, a document that nobody named, a secret in the file.
    let done = push(done, "another-secret");
    assert_eq!(done.exit, Some(3), "{}", done.told());
    assert!(done.stderr.contains("/oauth/token: HTTP 401"), "{}", done.told());
    assert!(!done.stderr.contains("another-secret"), "{}", done.told());
    let (refusing, _) = self::portal(422);
    std::fs::write(done.file("config.yaml"), config(&refusing.url(""))).unwrap();
    let done = push(done, "the-secret");
    assert_eq!(done.exit, Some(3), "{}", done.told());
    assert!(done.stderr.contains("/v1/documents/dr-test/uploads: HTTP 422"), "{}", done.told());
    let in_file = config("https://api.vanta.com").replace("env:VANTA_SECRET", "the-secret");
    std::fs::write(done.file("config.yaml"), in_file).unwrap();
    let done = push(done, "the-secret");
    assert_eq!(done.exit, Some(2), "{}", done.told());
    assert!(done.stderr.contains("`client_secret`: a secret stands in no file"), "{}", done.told());
    std::fs::write(done.file("config.yaml"), "evidence: { trusted_keys: [drill.key.pub] }\n").unwrap();
    let done = push(done, "the-secret");
    assert_eq!(done.exit, Some(2), "{}", done.told());
    assert!(done.stderr.contains("`evidence.vanta` of the configuration is missing"), "{}", done.told());
}

/// A rehearsal is handed over only on demand, and under a name that says what it is.
#[test]
fn a_rehearsal_is_named_so() {
    let drill = support::drill::Drill::of("az-loss");
    let key = drill.folder().join("drill.key");
    let file = |name: &str| drill.folder().join(name).display().to_string();
    assert_eq!(told(&["keygen", key.to_str().unwrap()]).0, 0);
    let (playbook, run) = (drill.write().display().to_string(), file("run"));
    let (code, _, err) = told(&["run", &playbook, "--out", &run, "--sign-with", key.to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    let (portal, asked) = portal(201);
    let config = file("config.yaml");
    std::fs::write(
        &config,
        format!(
            "evidence:\n  trusted_keys: [drill.key.pub]\n  vanta: {{ document: dr-test, client_id: env:VANTA, client_secret: \
             env:VANTA, url: \"{}\" }}\n",
            portal.url("")
        ),
    )
    .unwrap();
    let push = |args: &[&str]| {
        let mut command = support::drill::drillmaster();
        command.args(["evidence", "push", &run, "--to", "vanta", "--config", &config]).args(args);
        let done = command.env("VANTA", "the-secret").env("PATH", "/usr/bin:/bin").output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    let (code, said) = push(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("proves no recovery to an auditor"), "{said}");
    assert_eq!(asked.lock().unwrap().len(), 0);
    let (code, said) = push(&["--rehearsal"]);
    assert_eq!(code, Some(0), "{said}");
    let upload = asked.lock().unwrap()[1].clone();
    let body = String::from_utf8_lossy(&upload.body);
    assert!(body.contains("filename=\"REHEARSAL-"), "{said}");
    assert!(body.contains("REHEARSAL on a model, nothing was really restored"), "{said}");
}
