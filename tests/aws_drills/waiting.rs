//! Two hundred restores wait at once: one *describe* per tick and kind serves all of them.

use serde_json::Value;

use crate::closet::Closet;
use crate::drill::Drill;

const VOLUMES: usize = 200;
const DATABASES: usize = 20;

/// How often something was asked for while it was waited for: not by preflight, and not by teardown, which looks at
/// each thing's tag before it deletes it.
fn asked(log: &[Value], describe: &str, create: &str, delete: &str) -> usize {
    let real = |call: &&Value| call["params"]["DryRun"].is_null();
    let first = log.iter().filter(real).position(|call| call["action"] == create).unwrap();
    let calls: Vec<&Value> = log.iter().filter(real).skip(first).collect();
    let last = calls.iter().position(|call| call["action"] == delete).unwrap();
    calls[..last].iter().filter(|call| call["action"] == describe).count()
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

    // Never more often than once a second, and never before the first second; teardown looks twice for what is left.
    let ticks = done.seconds("/phases/recover_s");
    let log = closet.moto.log();
    let volumes = asked(&log, "DescribeVolumes", "CreateVolume", "DeleteVolume");
    let databases = asked(&log, "DescribeDBInstances", "RestoreDBInstanceFromDBSnapshot", "DeleteDBInstance");
    for (found, all) in [(volumes, VOLUMES), (databases, DATABASES)] {
        assert!(found >= 2 && found as f64 <= ticks + 2.0, "{found} for {all} in {ticks} s");
    }
    assert!(volumes < VOLUMES / 4, "{volumes}");
    // The report counts what was sent.
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
    // Two hundred steps ask for the same recovery point: it is looked up once.
    assert!(done.calls("ec2:DescribeSnapshots") <= 8, "{}", done.report["api_calls"]);
    assert!(done.calls("rds:DescribeDBSnapshots") <= 12, "{}", done.report["api_calls"]);
}
