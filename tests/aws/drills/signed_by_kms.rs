//! Evidence that a key of AWS KMS signs.

use std::path::PathBuf;

use aws::sdk::aws_sdk_kms::types::{KeySpec, KeyUsageType};

use super::account::Account;
use super::closet::{Closet, creations};
use super::drill::Drill;
use super::isolation::until;
use super::shop::WEST;
use crate::evidence::{by_securesystemslib, by_sigstore, sha256_of};
use evidence::PublicKey;
use support::drill::told;

/// The account of the credentials in the environment of a drill.
pub const RUNNER: &str = "123456789012";

struct Keys {
    account: Account,
}

impl Keys {
    async fn of(closet: &Closet, region: &str) -> Self {
        Self { account: Account::of(&closet.moto, RUNNER, region).await }
    }

    /// Makes a key, and returns its id.
    async fn make(&self, spec: KeySpec, alias: &str) -> String {
        let kms = &self.account.kms;
        let create = kms.create_key().key_spec(spec).key_usage(KeyUsageType::SignVerify);
        let key = create.send().await.unwrap().key_metadata.unwrap().key_id;
        kms.create_alias().alias_name(alias).target_key_id(&key).send().await.unwrap();
        key
    }

    async fn public(&self, key: &str) -> PublicKey {
        let answer = self.account.kms.get_public_key().key_id(key).send().await.unwrap();
        PublicKey::from_der(answer.public_key.unwrap().as_ref()).unwrap()
    }
}

pub fn playbook(closet: &Closet) -> String {
    format!(
        "{}steps:\n  - {{ id: volume, uses: ec2.restore_volume, workload: orders, with: {{ from: {{ snapshot: {} }} }} }}\n\
         checks:\n  - {{ id: state, workload: orders, state: {{ of: \"{{{{ steps.volume.volume_id }}}}\" }} }}\n",
        Closet::head("by-kms"),
        closet.snapshot
    )
}

fn drill(closet: &Closet, key: &str) -> Drill {
    Drill::new(&playbook(closet), closet.moto.endpoint()).arg("--yes").arg("--sign-with").arg(key)
}

#[tokio::test]
async fn a_drill_is_signed_by_kms_and_everybody_verifies_it() {
    let closet = Closet::open(0.5).await;
    let keys = Keys::of(&closet, WEST).await;
    let id = keys.make(KeySpec::EccNistP256, "alias/drills").await;
    let done = drill(&closet, "awskms:///alias/drills").run();
    done.ends(0, "passed");
    let public = keys.public(&id).await;
    assert!(done.stdout.contains(&format!("Signed: {}\n", public.fingerprint())), "{}", done.stdout);
    let file = done.file("kms.pub");
    std::fs::write(&file, public.to_pem()).unwrap();
    let run = done.file("out");
    let args = ["verify", run.to_str().unwrap(), "--key", file.to_str().unwrap()];
    let (code, said, err) = told(&args);
    assert_eq!(code, 0, "{said}{err}");
    let other = done.file("other.pub");
    let another = keys.make(KeySpec::EccNistP256, "alias/other").await;
    std::fs::write(&other, keys.public(&another).await.to_pem()).unwrap();
    for name in ["evidence.sigstore.json", "test-result.sigstore.json"] {
        let bundle = run.join(name);
        for verify in [by_sigstore, by_securesystemslib] {
            let statement = verify(&bundle, &file).unwrap();
            for subject in statement["subject"].as_array().unwrap() {
                let name = subject["name"].as_str().unwrap();
                assert_eq!(subject["digest"]["sha256"], sha256_of(&run.join(name)), "{name}");
            }
            verify(&bundle, &other).unwrap_err();
        }
    }
    // A second person signs with a key of KMS as well, and not with the runner's.
    let endpoint = closet.moto.endpoint();
    let review = |key: &str| -> Vec<String> {
        let args = ["review", "out", "--by", "Ada", "--note", "seen", "--sign-with", key];
        args.map(str::to_owned).to_vec()
    };
    let same = review(&format!("awskms:///{id}"));
    let done = done.then(endpoint, &same.iter().map(String::as_str).collect::<Vec<_>>()).run();
    assert_eq!(done.exit, Some(2), "{}", done.told());
    assert!(done.stderr.contains("a review is by a second person"), "{}", done.told());
    let ada = review("awskms:///alias/other");
    let done = done.then(endpoint, &ada.iter().map(String::as_str).collect::<Vec<_>>()).run();
    assert_eq!(done.exit, Some(0), "{}", done.told());
    let keys = ["--key", "kms.pub", "--key", "other.pub", "--require-review"];
    let verify: Vec<&str> = ["verify", "out"].into_iter().chain(keys).collect();
    let done = done.then(endpoint, &verify).run();
    assert_eq!(done.exit, Some(0), "{}", done.told());
}

#[tokio::test]
async fn a_key_that_cannot_sign_stops_the_drill_before_anything() {
    let closet = Closet::open(0.5).await;
    let (west, east) = (Keys::of(&closet, WEST).await, Keys::of(&closet, "us-east-1").await);
    let lost = east.make(KeySpec::EccNistP256, "alias/lost").await;
    west.make(KeySpec::EccNistP384, "alias/p384").await;
    west.make(KeySpec::EccNistP256, "alias/forbidden").await;
    closet.moto.clear_log();
    let lost = format!("awskms:///arn:aws:kms:us-east-1:{RUNNER}:key/{lost}");
    for (key, code, words) in [
        (
            lost.as_str(),
            2,
            "the key lies in account 123456789012, us-east-1, and the playbook loses region us-east-1",
        ),
        ("awskms://localhost/alias/drills", 2, "names no key"),
        ("awskms:///", 2, "names no key"),
        ("awskms:///alias/p384", 3, "ECC_NIST_P384"),
        ("awskms:///alias/nowhere", 3, "kms:GetPublicKey"),
    ] {
        refused(&closet, key, code, words);
    }
    closet
        .moto
        .faults(&serde_json::json!([{ "action": "Sign", "kind": "error", "code": "AccessDeniedException",
        "status": 400, "message": "not authorized to perform kms:Sign", "times": 99 }]));
    refused(&closet, "awskms:///alias/forbidden", 3, "kms:Sign");
    assert_eq!(creations(&closet.moto), Vec::<serde_json::Value>::new());
}

#[track_caller]
fn refused(closet: &Closet, key: &str, code: i32, words: &str) {
    let done = drill(closet, key).run();
    assert_eq!(done.exit, Some(code), "{key}: {}", done.told());
    assert!(done.stderr.contains(words) && done.stderr.contains("--sign-with"), "{key}: {}", done.told());
    assert!(!done.file("out").exists(), "{key}");
}

/// The key is gone when the drill ends: the run stays unsigned, and everybody is told.
#[tokio::test]
async fn a_run_that_kms_does_not_sign_at_its_end_is_unsigned() {
    let closet = Closet::open(2.0).await;
    let keys = Keys::of(&closet, WEST).await;
    keys.make(KeySpec::EccNistP256, "alias/drills").await;
    let mut running = drill(&closet, "awskms:///alias/drills").start();
    let out: PathBuf = running.file("out");
    until(&mut running, "T0", |record| record["event"] == "disaster_declared").await;
    closet.moto.faults(&serde_json::json!([{ "action": "Sign", "kind": "error", "code": "DisabledException",
        "status": 400, "message": "the key is disabled", "times": 99 }]));
    let done = running.end();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    assert!(done.stderr.contains("the key is disabled"), "{}", done.told());
    assert!(done.stderr.contains("the run is not signed, and it cannot be signed later"), "{}", done.told());
    assert!(done.stdout.contains("Not signed"), "{}", done.told());
    let (code, said, _) = told(&["verify", out.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("evidence.sigstore.json: is missing: the run is not signed"), "{said}");
}
