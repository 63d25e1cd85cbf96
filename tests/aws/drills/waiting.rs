//! Two hundred restores wait at once. One *describe* per tick and kind serves all of them.

use serde_json::Value;

use super::closet::Closet;
use super::drill::Drill;

const VOLUMES: usize = 200;
const DATABASES: usize = 20;

/// Counts the calls of `describe` during the waiting: from the first creation until teardown
/// begins. Teardown looks for the sandbox's VPC first.
fn asked(log: &[Value], describe: &str, create: &str) -> usize {
    let real: Vec<&Value> = log.iter().filter(|call| call["params"]["DryRun"].is_null()).collect();
    let recovery = real.iter().skip_while(|call| call["action"] != create);
    let recovery = recovery.take_while(|call| call["action"] != "DescribeVpcs");
    recovery.filter(|call| call["action"] == describe).count()
}

#[tokio::test]
async fn two_hundred_restores_cost_one_describe_a_tick() {
    let closet = Closet::open(6.0).await;
    let mut playbook = Closet::head("many") + "steps:\n";
    for (kind, count, uses, from) in [
        ("volume", VOLUMES, "ec2.restore_volume", closet.snapshot.as_str()),
        ("db", DATABASES, "rds.restore", "orders-1"),
    ] {
        for n in 0..count {
            playbook += &format!(
                "  - {{ id: {kind}-{n}, uses: {uses}, workload: orders, with: {{ from: {{ snapshot: {from} }} }} }}\n"
            );
        }
    }
    playbook += "checks:\n  - { id: done, workload: orders, needs: [volume-199, db-19], command: { run: [\"true\"] } }\n";
    let done = Drill::new(&playbook, closet.moto.endpoint()).arg("--jobs").arg("300").run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &closet.before);
    let steps = done.report["steps"].as_array().unwrap();
    assert_eq!(steps.len(), VOLUMES + DATABASES);
    assert!(steps.iter().all(|s| s["seconds"].as_f64().unwrap() >= 6.0), "nobody waited");

    // A tick is 0.8 s (src/port/wait.rs).
    let ticks = done.seconds("/phases/recover_s") / 0.8;
    let log = closet.moto.log();
    let volumes = asked(&log, "DescribeVolumes", "CreateVolume");
    let databases = asked(&log, "DescribeDBInstances", "RestoreDBInstanceFromDBSnapshot");
    for (found, all) in [(volumes, VOLUMES), (databases, DATABASES)] {
        assert!(found >= 2 && found as f64 <= ticks + 2.0, "{found} for {all} in {ticks} ticks");
    }
    assert!(volumes < VOLUMES / 2, "{volumes}");
    // The report counts the requests that were sent.
    for (call, action) in [
        ("ec2:CreateVolume", "CreateVolume"),
        ("ec2:DescribeVolumes", "DescribeVolumes"),
        ("ec2:DescribeSnapshots", "DescribeSnapshots"),
        ("rds:DescribeDBInstances", "DescribeDBInstances"),
        ("rds:RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceFromDBSnapshot"),
    ] {
        let sent = log.iter().filter(|c| c["action"] == action).count();
        assert_eq!(done.calls(call), sent as u64, "{call}");
    }
    // Two hundred steps ask for the same recovery point, which is looked up once. The other calls
    // are inspections of the sandbox, of which a slow machine has time for more, and teardown's
    // searches by tag.
    let monitor = done.calls("ec2:DescribeInternetGateways");
    assert!(monitor >= 2 && monitor < (VOLUMES as u64) / 4, "{}", done.report["api_calls"]);
    for call in ["ec2:DescribeSnapshots", "rds:DescribeDBSnapshots"] {
        // Teardown lists two types of RDS snapshots.
        assert!(done.calls(call) <= monitor + 8, "{call}: {}", done.report["api_calls"]);
    }
}
