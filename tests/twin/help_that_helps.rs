//! Errors say what helps, and a failure is reported once.

use support::drill::Drill;

/// A database whose log survives and whose snapshots do not.
fn zone_drill(points: &str, uses: &str) -> Drill {
    let estate = format!(
        "accounts: {{ \"111122223333\": {{ name: production }} }}\n\
         regions:\n  us-east-1: {{ azs: [use1-az1, use1-az2, use1-az3] }}\n  us-west-2: {{ azs: [usw2-az1, usw2-az2] }}\n\
         resources:\n  - {{ id: \"rds:db/carts\", account: \"111122223333\", region: us-east-1, az: use1-az1, size: 10GiB }}\n\
         recovery_points:\n{points}\n\
         probes:\n  up: {{ healthy_after: 5s }}\n"
    );
    let playbook = format!(
        "name: carts-az-loss\nestate: estate.yaml\nlose: {{ az: use1-az1 }}\n\
         accounts: {{ main: {{ id: \"111122223333\" }} }}\n\
         sandbox: {{ account: main, region: us-east-1, network: {{ cidr: 10.66.0.0/16, azs: 2 }}, ttl: 4h }}\n\
         workloads:\n  carts: {{ objectives: {{ rto: 2h }}, resources: [\"rds:db/carts\"] }}\n\
         steps:\n  - {{ id: db, uses: {uses}, workload: carts, with: {{ from: {{ db: carts }} }} }}\n\
         checks:\n  - {{ id: up, workload: carts, needs: [db], tcp: {{ address: \"{{{{ steps.db.endpoint }}}}\" }} }}\n"
    );
    Drill::new(&playbook, &estate)
}

const LOG: &str = "  - { of: \"rds:db/carts\", kind: rds_pitr, id: carts-log, account: \"111122223333\", region: us-east-1, taken: -5m, usable: -5m, retention: 7d, size: 10GiB }";
const SNAPSHOT: &str = "  - { of: \"rds:db/carts\", kind: rds_snapshot, id: carts-1, account: \"111122223333\", region: us-east-1, taken: -2h, usable: -1h, size: 10GiB";

#[test]
fn where_only_the_log_survives_the_action_that_reads_it_is_named() {
    let elsewhere = format!("{} }}", SNAPSHOT.replace("us-east-1, taken", "us-west-2, taken"));
    for points in [LOG.to_owned(), format!("{LOG}\n{elsewhere}")] {
        let run = zone_drill(&points, "rds.restore").run();
        assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
        let because = run.step("db")["because"].as_str().unwrap();
        assert!(because.contains("`rds.restore_to_time`"), "{because}");
        // A drill that follows the advice passes.
        zone_drill(&points, "rds.restore_to_time").run().exits(0);
    }
    // Without a log, the advice would be wrong.
    let run = zone_drill(&elsewhere, "rds.restore").run();
    assert!(!run.step("db")["because"].as_str().unwrap().contains("restore_to_time"));
}

#[test]
fn where_the_key_is_lost_another_key_helps_and_no_copy() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/1";
    let point =
        format!("{} , kms_key: \"{key}\" }}", SNAPSHOT.replace("us-east-1, taken", "us-west-2, taken"));
    let drill = |from: &str| {
        let drill = zone_drill(&point, "rds.restore");
        let playbook = drill
            .playbook
            .replace("lose: { az: use1-az1 }", "lose: { region: us-east-1 }")
            .replace("region: us-east-1, network", "region: us-west-2, network")
            .replace("from: { db: carts }", from);
        Drill::new(&playbook, &drill.estate)
    };
    let run = drill("from: { db: carts }").run();
    let because = run.step("db")["because"].as_str().unwrap();
    assert!(because.contains(key) && because.contains("re-encrypt"), "{because}");
    assert!(because.contains("`rds.copy_snapshot` with a `kms_key`"), "{because}");
    // The recovery point that a playbook names is judged before anything is touched.
    let run = drill("from: { db: carts, point: carts-1 }").run();
    assert!(run.code == 2 && run.stderr.contains("re-encrypt") && run.stderr.contains(key), "{}", run.stderr);
}

#[test]
fn one_failure_is_told_once() {
    let run = zone_drill(&format!("{SNAPSHOT} }}"), "rds.restore")
        .playbook("workload: carts, with:", "workload: carts, timeout: 1m, with:")
        .run();
    run.exits(1);
    let because = run.step("db")["because"].as_str().unwrap().to_owned();
    let plain: String = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(plain.matches(&because).count(), 1, "{because}\n{}", run.stdout);
    assert_eq!(plain.matches("rds:db/carts is lost").count(), 1, "{}", run.stdout);
    assert!(!plain.contains("no step restored rds:db/carts"), "{}", run.stdout);
}
