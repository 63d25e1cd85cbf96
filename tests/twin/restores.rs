//! A step's claim to restore something (`restores`) counts only if a check proves it.

use serde_json::{Value, json};
use support::drill::{Drill, texts, told};

const GROUP: &str = "autoscaling:group/front";

/// The sample, with a group of machines that Terraform creates again.
fn terraform(step: &str, check: &str) -> Drill {
    let group =
        format!("\nresources:\n  - {{ id: \"{GROUP}\", account: \"111122223333\", region: us-east-1 }}\n");
    Drill::good()
        .estate("\nresources:\n", &group)
        .playbook("resources: [\"rds:db/orders\"", &format!("resources: [\"{GROUP}\", \"rds:db/orders\""))
        .step(step)
        .check(check)
}

const STEP: &str = "- { id: front, uses: command.run, workload: orders, restores: [\"autoscaling:group/front\"], with: { run: [terraform, apply] } }";
const CHECK: &str =
    "- { id: front-up, workload: orders, needs: [front], tcp: { address: \"10.66.0.9:80\" }, within: 5m }";

fn holds(list: &Value, id: &str) -> bool {
    texts(list).iter().any(|text| **text == *id)
}

#[test]
fn a_claim_counts_if_its_check_is_healthy() {
    let run = terraform(STEP, CHECK).probe("front-up: { healthy_after: 10s }").run();
    run.exits(0);
    assert!(holds(run.at("/coverage/covered"), GROUP), "{:#}", run.at("/coverage"));
    run.is("/workloads/0/incomplete", json!([]));
    // Without the claim, the same steps leave the group lost.
    let run = terraform(&STEP.replace("restores: [\"autoscaling:group/front\"], ", ""), CHECK)
        .probe("front-up: { healthy_after: 10s }")
        .run();
    run.exits(1).because(&[GROUP]);
    assert!(holds(run.at("/coverage/uncovered"), GROUP), "{:#}", run.at("/coverage"));
}

#[test]
fn a_claim_is_void_if_its_step_or_its_check_fails() {
    let sick = terraform(STEP, CHECK).probe("front-up: { healthy_after: 9h }");
    let failed = terraform(STEP, CHECK)
        .probe("front-up: { healthy_after: 10s }")
        .faults(&["{ step: front, attempt: 1, error: server_error }"]);
    for run in [sick.run(), failed.run()] {
        run.exits(1);
        assert!(holds(run.at("/coverage/uncovered"), GROUP), "{:#}", run.at("/coverage"));
        assert!(holds(run.at("/workloads/0/missing_resources"), GROUP), "{:#}", run.at("/workloads"));
    }
}

/// A step that restores data without a recovery point does not tell the age of the data.
#[test]
fn data_that_only_a_claim_restores_are_of_unknown_age() {
    let data = |check: &str| {
        Drill::of("account-loss")
            .estate("\nresources:\n", "\nresources:\n  - { id: \"dynamodb:table/carts\", account: \"111122223333\", region: us-east-1, size: 1GiB }\n")
            .playbook("\nworkloads:\n", "\nworkloads:\n  carts: { objectives: { rpo: 1h }, resources: [\"dynamodb:table/carts\"] }\n")
            .step("- { id: carts, uses: command.run, workload: carts, restores: [\"dynamodb:table/carts\"], with: { run: [terraform, apply] } }")
            .check(check)
            .probe("newest: { value: -30m }")
    };
    let plain = "- { id: newest, workload: carts, needs: [carts], command: { run: [newest] } }";
    let run = data(plain).run();
    let carts = |run: &support::drill::Run| run.one("/workloads", "name", "carts").clone();
    assert_eq!(carts(&run)["rpo"]["status"], "unknown", "{:#}", carts(&run));
    assert_eq!(carts(&run)["rpo"]["measured_s"], Value::Null);
    let run = data(&plain.replace("needs:", "measures: rpo, needs:")).run();
    assert_eq!(carts(&run)["rpo"]["status"], "met", "{:#}", carts(&run));
    assert_eq!(carts(&run)["rpo"]["measured_s"], 1800.0);
}

#[test]
fn a_claim_that_nothing_could_prove_is_a_mistake() {
    for (step, check, words) in [
        (
            STEP,
            "- { id: front-up, workload: orders, needs: [db], tcp: { address: \"10.66.0.9:80\" } }",
            "no check of the workload `orders` depends on the step `front`",
        ),
        (&*STEP.replace("group/front", "group/nowhere"), CHECK, "selects nothing in the estate"),
        (
            &*STEP
                .replace("command.run", "manual.task")
                .replace("run: [terraform, apply]", "instructions: x, assume: 1m"),
            CHECK,
            "does not take `restores`",
        ),
        (
            "- { id: front, uses: ec2.launch, workload: orders, restores: [\"autoscaling:group/front\"], with: { image: { of: \"tag:app=orders\" }, type: t4g.small } }",
            CHECK,
            "as its arguments say",
        ),
        (
            &*STEP.replace("\"autoscaling:group/front\"", "\"rds:db/orders\", \"s3:bucket/orders-receipts\""),
            CHECK,
            "2 stores of data",
        ),
    ] {
        let drill = terraform(step, check);
        let path = drill.write();
        let (code, stdout, stderr) = told(&["validate", path.to_str().unwrap()]);
        assert_eq!(code, 2, "{words}: {stdout}{stderr}");
        assert!(stdout.contains(words) && stdout.contains("playbook.yaml:"), "{words}: {stdout}");
    }
}
