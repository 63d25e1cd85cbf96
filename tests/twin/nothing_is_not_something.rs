//! A drill that names nothing, loses nothing or restores only one of two resources is refused
//! before anything is touched.

use support::drill::{Drill, Run};

const ACCOUNT: &str = "account: \"111122223333\", region: us-east-1";

fn shop() -> Drill {
    Drill::good()
}

#[track_caller]
fn refused(drill: &Drill, words: &[&str]) {
    let run: Run = drill.run();
    assert_eq!(run.code, 2, "{}\n{}", run.stdout, run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "`{word}` is not in\n{}", run.stderr);
    }
}

fn listing(resources: &str) -> Drill {
    shop().playbook(
        "[\"rds:db/orders\", \"ec2:instance[tag:app=orders]\", \"s3:bucket/orders-receipts\"]",
        resources,
    )
}

#[test]
fn a_selector_that_selects_nothing() {
    refused(
        &listing("[\"rds:db/orders\", \"rds:db[tag:app=nobody]\"]"),
        &["`rds:db[tag:app=nobody]` selects nothing"],
    );
    refused(&listing("[\"rds:db/orders\", \"ec2:volume/vol-9\"]"), &["`ec2:volume/vol-9` selects nothing"]);
}

#[test]
fn a_zonal_resource_of_an_unknown_zone() {
    for (id, multi_az, wrong) in [
        ("ec2:volume/vol-9", "", true),
        ("ec2:instance/i-9", "", true),
        ("rds:db/ledger", "", true),
        ("rds:db/ledger", ", multi_az: true", false),
        ("s3:bucket/ledger", "", false),
    ] {
        let drill = Drill::of("az-loss")
            .estate("\nresources:\n", &format!("\nresources:\n  - {{ id: \"{id}\", {ACCOUNT}{multi_az} }}\n"))
            .playbook("[\"rds:db/orders\",", &format!("[\"{id}\", \"rds:db/orders\","));
        if wrong {
            refused(&drill, &[id, "in which zone", "use1-az1"]);
        } else {
            drill.run().exits(0);
        }
    }
    // In another region, it is certainly not in the lost zone.
    let west = "account: \"111122223333\", region: us-west-2";
    Drill::of("az-loss")
        .estate("\nresources:\n", &format!("\nresources:\n  - {{ id: \"ec2:volume/vol-9\", {west} }}\n"))
        .playbook("[\"rds:db/orders\",", "[\"ec2:volume/vol-9\", \"rds:db/orders\",")
        .run()
        .exits(0);
}

#[test]
fn one_id_of_two_resources() {
    for place in
        ["account: \"444455556666\", region: us-east-1", "account: \"111122223333\", region: us-west-2"]
    {
        let twin = format!("\nresources:\n  - {{ id: \"rds:db/orders\", {place} }}\n");
        refused(
            &shop().estate("\nresources:\n", &twin),
            &["`rds:db/orders` stands for 2 resources", "444455556666"]
                .map(|w| if w == "444455556666" && !place.contains(w) { "us-west-2" } else { w }),
        );
    }
}

#[test]
fn nothing_that_is_listed_is_lost() {
    let replica = listing("[\"s3:bucket/orders-receipts-replica\"]");
    refused(&replica, &["nothing that the workloads list lives in region us-east-1"]);
}

#[test]
fn a_workload_of_commands_alone() {
    let drill = shop()
        .playbook("\nsteps:\n", "\n  runbook:\n    objectives: { rto: 1h }\n\nsteps:\n")
        .step("- id: call\n  uses: command.run\n  workload: runbook\n  with: { run: [\"true\"] }\n")
        .check("- id: called\n  workload: runbook\n  needs: [call]\n  command: { run: [\"true\"] }\n");
    refused(&drill, &["`runbook` lists no resource"]);
}

#[test]
fn a_workload_without_an_objective_passes_and_says_so() {
    let run = shop()
        .playbook("objectives: { rto: 1h, rpo: 15m }\n", "")
        .playbook("    objectives: { rto: 45m, rpo: 3h }\n", "")
        .run();
    run.exits(0).is("/workloads/0/rto/status", "none").is("/workloads/0/rpo/status", "none");
    run.one("/findings", "rule", "no-objective");
    let junit = std::fs::read_to_string(run.folder.join("junit.xml")).unwrap();
    assert!(!junit.contains("<failure") && !junit.contains("<error"), "{junit}");
    assert!(run.report["headline"].as_str().unwrap().contains("no objective"), "{}", run.report["headline"]);
}
