//! The evidence of a drill on AWS: what `verify` and a policy engine read there.

use base64::Engine as _;
use serde_json::Value;

use super::closet::Closet;
use super::drill::Drill;
use support::drill::told;

#[tokio::test]
async fn a_drill_on_aws_is_signed_as_one_and_tells_its_endpoint() {
    let closet = Closet::open(0.5).await;
    let playbook = format!(
        "{}steps:\n  - {{ id: volume, uses: ec2.restore_volume, workload: orders, with: {{ from: {{ snapshot: {} }} }} }}\n\
         checks:\n  - {{ id: state, workload: orders, state: {{ of: \"{{{{ steps.volume.volume_id }}}}\" }} }}\n",
        Closet::head("signed"),
        closet.snapshot
    );
    let done = Drill::new(&playbook, closet.moto.endpoint()).run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &closet.before);
    let run = done.file("out");
    let noted = done.stdout.lines().find_map(|line| line.strip_prefix("Signed: ")).unwrap();
    let (fingerprint, _) = noted.split_once(' ').unwrap();
    let (code, said, err) = told(&["verify", run.to_str().unwrap(), "--fingerprint", fingerprint]);
    assert_eq!(code, 0, "{said}{err}");
    assert!(
        said.contains("a drill with --on aws")
            && said.contains("\nVERIFIED: unchanged, and signed by a key that you trust\n")
            && said.contains("Verdict        PASSED (exit code 0)\n"),
        "{said}"
    );
    // The emulation is no AWS, and the evidence says where the calls went.
    assert!(said.contains(&format!("AWS_ENDPOINT_URL={}", closet.moto.endpoint())), "{said}");
    let statement = |file: &str| -> Value {
        let bundle: Value = serde_json::from_slice(&std::fs::read(run.join(file)).unwrap()).unwrap();
        let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
        serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(payload).unwrap()).unwrap()
    };
    assert_eq!(statement("evidence.sigstore.json")["predicateType"], "urn:drillmaster:drill:v1");
    // Who called is what STS says: the session of a role.
    let evidence = statement("evidence.sigstore.json");
    let identities = &evidence["predicate"]["identities"];
    assert_eq!(*identities, evidence["predicate"]["report"]["identities"]);
    let purposes: Vec<&str> =
        identities.as_array().unwrap().iter().map(|who| who["purpose"].as_str().unwrap()).collect();
    assert_eq!(purposes, ["sandbox"], "{identities}");
    for who in identities.as_array().unwrap() {
        let arn = who["arn"].as_str().unwrap();
        let account = who["account"].as_str().unwrap();
        assert!(arn.starts_with(&format!("arn:aws:sts::{account}:assumed-role/")), "{arn}");
        assert!(said.contains(arn), "{said}");
        for file in ["report.html", "report.md"] {
            let page = std::fs::read_to_string(run.join(file)).unwrap();
            assert!(page.contains(arn), "{file}: {arn}");
        }
    }
    let result = statement("test-result.sigstore.json");
    assert_eq!(result["predicate"]["result"], "PASSED");
    assert_eq!(result["predicate"]["failedTests"], Value::Null);
}
