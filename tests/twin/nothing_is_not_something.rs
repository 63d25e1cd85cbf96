//! A drill that names nothing, loses nothing or restores only one of two resources is refused
//! before anything is touched.

use support::drill::{Drill, Run, told};

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

/// A replica often has the name of its primary. The lost one is meant.
#[test]
fn one_id_of_two_resources_of_which_one_is_lost() {
    for (place, severity) in [
        ("account: \"444455556666\", region: eu-west-1", "low"),
        ("account: \"111122223333\", region: us-west-2", "medium"),
    ] {
        let other = format!("\nresources:\n  - {{ id: \"rds:db/orders\", {place} }}\n");
        let drill = shop()
            .estate("\nresources:\n", &other)
            .estate("\nregions:\n", "\nregions:\n  eu-west-1: { azs: [euw1-az1] }\n");
        let run = drill.run();
        run.exits(0);
        let found = run.one("/findings", "rule", "namesake");
        assert_eq!(found["severity"], severity, "{found:#}");
        let said = found["message"].as_str().unwrap();
        assert!(said.contains("the lost one, in 111122223333 us-east-1"), "{said}");
        assert_eq!(said.contains("orders-west-2h"), severity == "medium", "{said}");
        let (_, told, _) = told(&["plan", drill.write().to_str().unwrap()]);
        assert!(told.contains("finding (namesake): `rds:db/orders` stands for 2 resources"), "{told}");
    }
}

#[test]
fn one_id_of_two_lost_resources() {
    let second = "id: \"rds:db/orders\", account: \"111122223333\", region: us-west-2, az: usw2-az1";
    let drill = |with: &str| {
        Drill::of("account-loss").estate("\nresources:\n", &format!("\nresources:\n  - {{ {with} }}\n"))
    };
    refused(
        &drill(second),
        &[
            "`rds:db/orders` stands for 2 resources that are lost",
            "111122223333 us-west-2 and 111122223333 us-east-1",
            "the id `rds:db/orders[region=",
        ],
    );
    // With its place in the id, the other one is a resource of its own.
    let other = second.replace("db/orders", "db/orders[region=us-west-2]");
    let run = drill(&other).run();
    let lost = run.at("/blast_radius/lost").as_array().unwrap();
    assert!(lost.contains(&"rds:db/orders[region=us-west-2]".into()), "{lost:?}");
    assert!(!run.stderr.contains("stands for"), "{}", run.stderr);
    let listed = drill(&other)
        .playbook("[\"rds:db/orders\",", "[\"rds:db/orders\", \"rds:db/orders[region=us-west-2]\",");
    listed.run().exits(1).because(&["rds:db/orders[region=us-west-2] is lost, and no step restored it"]);
    let wrong = second.replace("db/orders", "db/orders[region=us-east-1]");
    refused(&drill(&wrong), &["the id says `[region=us-east-1]`, and the resource lies elsewhere"]);
}

#[test]
fn nothing_that_is_listed_is_lost() {
    let replica = listing("[\"s3:bucket/orders-receipts-replica\"]");
    refused(&replica, &["nothing that the workloads list lives in region us-east-1"]);
}

/// A time of zero cannot be intended.
#[test]
fn a_time_in_which_nothing_happens() {
    for (from, to, said) in [
        ("timeout: 40m", "timeout: 0s", "a step cannot succeed within 0s"),
        ("backoff: 10s", "backoff: 0s", "cannot be tried again after 0s"),
        ("status: 200 }", "status: 200, max_latency: 0ms }", "no answer comes within 0s"),
        ("status: 200 }", "status: 200, timeout: 0s }", "nothing answers within 0s"),
    ] {
        refused(&shop().playbook(from, to), &[said, "playbook.yaml:"]);
    }
    let task =
        "- id: call\n  uses: manual.task\n  workload: orders\n  with: { instructions: call, assume: 0m }";
    refused(&shop().step(task), &["a person needs more than 0s"]);
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
