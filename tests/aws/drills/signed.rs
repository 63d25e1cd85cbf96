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
        said.contains("a drill with --on aws") && said.ends_with("GOOD: nothing was changed\n"),
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
    let result = statement("test-result.sigstore.json");
    assert_eq!(result["predicate"]["result"], "PASSED");
    assert_eq!(result["predicate"]["failedTests"], Value::Null);
}
