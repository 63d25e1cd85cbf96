//! Secrets of AWS Secrets Manager, read through the SDK. They are used, and written nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::Digest as _;

use super::account::Account;
use super::closet::Closet;
use super::drill::{Drill, role};
use super::shop::{BACKUP, SANDBOX, WEST};
use support::canary::{CANARY, found, hex, is_nowhere};

/// A command that passes if it is given the canary. The command itself contains only the canary's
/// digest.
fn knows_it(reference: &str) -> String {
    let digest = hex(sha2::Sha256::digest(CANARY));
    let script = r#"printf %s "$SECRET" | sha256sum | grep -q "^$DIGEST""#;
    format!(
        "{{ run: [sh, -c, {}], env: {{ DIGEST: \"{digest}\", SECRET: '{{{{ secret \"{reference}\" }}}}' }} }}",
        json!(script)
    )
}

#[tokio::test]
async fn a_secret_is_used_and_written_nowhere() {
    let closet = Closet::open(0.3).await;
    let secrets = &closet.raw.secrets;
    secrets.create_secret().name("drill/plain").secret_string(CANARY).send().await.unwrap();
    let fields = json!({ "user": "drill", "password": CANARY }).to_string();
    secrets.create_secret().name("drill/db").secret_string(fields).send().await.unwrap();
    let before = closet.moto.state();
    let volume = "  - { id: volume, uses: ec2.restore_volume, workload: orders, with: { from: { snapshot: SNAPSHOT } } }\n";
    let playbook = format!(
        "{}steps:\n{}  - {{ id: greet, uses: command.run, workload: orders, with: {} }}\n\
         checks:\n  - {{ id: plain, workload: orders, needs: [volume], command: {} }}\n\
         \x20 - {{ id: field, workload: orders, needs: [volume], command: {} }}\n",
        Closet::head("secrets"),
        volume.replace("SNAPSHOT", &closet.snapshot),
        knows_it("aws:drill/plain"),
        knows_it("aws:drill/plain"),
        knows_it("aws:drill/db#password"),
    );
    let done = Drill::new(&playbook, closet.moto.endpoint()).run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &before);
    assert_eq!(
        (&done.node("plain")["status"], &done.node("field")["status"]),
        (&json!("healthy"), &json!("healthy"))
    );
    is_nowhere(&done.written());
    // Each secret was read once, in the sandbox's account, before T0.
    let asked = closet.moto.calls("GetSecretValue");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|call| call["account"] == SANDBOX), "{asked:?}");

    // This shows that the search would have found the canary.
    let plain = playbook.replace("{{ secret \"aws:drill/plain\" }}", &CANARY.replace('\'', "''"));
    let told = Drill::new(&plain, closet.moto.endpoint()).run();
    assert!(told.written().iter().any(|(_, text)| !found(text).is_empty()), "{}", told.told());
}

const STACK: &str = "\
Parameters:
  VpcId: { Type: String }
  VpcCidr: { Type: String }
  Word: { Type: String }
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web
      VpcId: { Ref: VpcId }
      SecurityGroupEgress: [{ IpProtocol: '-1', CidrIp: { Ref: VpcCidr } }]
Outputs:
  Plain: { Value: { Ref: Word } }
  Within: { Value: { 'Fn::Sub': 'jdbc:x?password=${Word}' } }
  Coded: { Value: { 'Fn::Base64': { Ref: Word } } }
";

/// Every request to AWS that carries free text, with the secret in it: a stack's parameters and the
/// user data of machines. AWS's errors quote it, the stack's outputs return it, and a later step
/// gets it from there.
#[tokio::test]
async fn a_secret_in_a_request_is_sent_and_written_nowhere() {
    let closet = Closet::open(0.3).await;
    let secrets = &closet.raw.secrets;
    secrets.create_secret().name("drill/plain").secret_string(CANARY).send().await.unwrap();
    let before = closet.moto.state();
    let word = "{{ secret \"aws:drill/plain\" }}";
    let playbook = format!(
        "{}steps:
  - {{ id: stack, uses: cloudformation.deploy, workload: orders, retry: {{ attempts: 2, backoff: 1s }}, with: {{ name: orders, template: stack.yaml, parameters: {{ Word: '{word}' }} }} }}
  - {{ id: machine, uses: ec2.launch, workload: orders, retry: {{ attempts: 2, backoff: 1s }}, with: {{ image: {}, type: t3.small, user_data: '#!/bin/sh {word}' }} }}
  - {{ id: told, uses: command.run, workload: orders, with: {{ run: [echo, '{{{{ steps.stack.outputs.Plain }}}} {{{{ steps.stack.outputs.Coded }}}}'] }} }}
checks:
  - {{ id: fine, workload: orders, needs: [stack, machine, told], command: {{ run: [\"true\"] }} }}
",
        // No step restores data whose age could be told.
        Closet::head_losing("requests", "region: eu-west-1", &role(SANDBOX)).replace(", rpo: 1d", ""),
        closet.image,
    );
    let quoted = format!("Parameter Word ({CANARY}) is refused by a test");
    let fails = |action: &str| json!({ "action": action, "kind": "error", "code": "ValidationError", "status": 400, "message": quoted, "times": 1 });
    let run = |playbook: &str, output: &str| {
        closet.moto.clear_log();
        closet.moto.faults(&json!([fails("CreateStack"), fails("RunInstances")]));
        let drill = Drill::new(playbook, closet.moto.endpoint()).arg("--output").arg(output);
        drill.file("stack.yaml", STACK);
        drill.run()
    };
    for output in ["text", "json"] {
        let done = run(&playbook, output);
        done.ends(0, "passed");
        done.nothing_is_left(&closet.moto, &before);
        for id in ["stack", "machine"] {
            assert_eq!(done.node(id)["attempts"], 2, "{}", done.node(id));
        }
        let stacks = closet.moto.calls("CreateStack");
        assert!(stacks.iter().all(|call| call.to_string().contains("Zq7CanaryKx9")), "{stacks:?}");
        let machines = closet.moto.calls("RunInstances");
        let sent = STANDARD.encode(format!("#!/bin/sh {CANARY}"));
        assert!(machines.iter().any(|call| call["params"]["UserData"] == sent), "{machines:?}");
        let journal = std::fs::read_to_string(done.file("out/journal.ndjson")).unwrap();
        assert!(journal.contains("\"parameters\":{") && journal.contains("\"Word\":\"***\""), "{journal}");
        is_nowhere(&done.written());
    }
    // The control: the same drill with the value written in the playbook.
    let plain = playbook.replace(word, &CANARY.replace('\'', "''"));
    let told = run(&plain, "text");
    assert!(told.written().iter().any(|(_, text)| !found(text).is_empty()), "{}", told.told());
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_ends_the_drill_before_anything_is_made() {
    let closet = Closet::open(0.0).await;
    let elsewhere = Account::of(&closet.moto, BACKUP, WEST).await;
    elsewhere.secrets.create_secret().name("drill/plain").secret_string(CANARY).send().await.unwrap();
    for (reference, why) in [("aws:drill/plain", "drill/plain"), ("aws:nowhere", "nowhere")] {
        closet.moto.clear_log();
        let steps = format!(
            "{}steps:\n  - {{ id: disk, uses: ec2.restore_volume, workload: orders, with: {{ from: {{ snapshot: {} }} }} }}\n  \
             - {{ id: greet, uses: command.run, workload: orders, with: {} }}\n\
             checks:\n  - {{ id: up, workload: orders, needs: [greet], command: {{ run: [\"true\"] }} }}\n",
            Closet::head("secrets"),
            closet.snapshot,
            knows_it(reference),
        );
        let done = Drill::new(&steps, closet.moto.endpoint()).run();
        done.ends(3, "error");
        assert!(done.stderr.contains(why) && done.stderr.contains("GetSecretValue"), "{}", done.told());
        assert_eq!(super::closet::creations(&closet.moto), Vec::<serde_json::Value>::new());
        is_nowhere(&done.written());
    }
}
