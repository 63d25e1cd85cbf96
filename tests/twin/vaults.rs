//! Recovery points of AWS Backup on the twin: infected ones, and those in cold storage.

use serde_json::Value;
use support::drill::{Drill, Run};

/// Restores the file system from a point. It has a clean one, a newer one with `more`, and a volume's.
fn drill(point: &str, more: &str) -> Drill {
    let playbook = format!(
        "name: vaults
estate: estate.yaml
lose: {{ region: us-east-1 }}
objectives: {{ rto: 6h, rpo: 2d }}
accounts: {{ sandbox: {{ id: \"999988887777\" }} }}
sandbox: {{ account: sandbox, region: us-west-2, network: {{ cidr: 10.70.0.0/16, azs: 2 }}, ttl: 8h }}
workloads: {{ files: {{ resources: [\"efs:file-system/fs-1\"] }} }}
steps:
  - {{ id: files, uses: backup.restore, workload: files, with: {{ from: {{ {point} }}, role: \"arn:aws:iam::999988887777:role/restore\" }} }}
checks:
  - {{ id: up, workload: files, needs: [files], command: {{ run: [\"true\", \"{{{{ steps.files.file_system_id }}}}\"] }} }}
"
    );
    let point = |id: &str, taken: &str, more: &str| {
        format!(
            "  - {{ of: \"efs:file-system/fs-1\", kind: backup, id: \"arn:aws:backup:us-west-2:999988887777:recovery-point:{id}\", account: \"999988887777\", region: us-west-2, taken: {taken}, size: 10GiB{more} }}\n"
        )
    };
    let estate = format!(
        "accounts: {{ \"111122223333\": {{ name: production }}, \"999988887777\": {{ name: sandbox }} }}
regions:
  us-east-1: {{ azs: [use1-az1, use1-az2] }}
  us-west-2: {{ azs: [usw2-az1, usw2-az2] }}
resources:
  - {{ id: \"efs:file-system/fs-1\", account: \"111122223333\", region: us-east-1, size: 10GiB }}
recovery_points:
{}{}probes:
  up: {{ healthy_after: 1s, exit_code: 0 }}
",
        point("old", "-1d", ""),
        point("new", "-2h", more),
    );
    Drill::new(&playbook, &estate)
}

fn findings(run: &Run, rule: &str) -> Vec<Value> {
    run.at("/findings").as_array().unwrap().iter().filter(|found| found["rule"] == rule).cloned().collect()
}

const RESOURCE: &str = "resource: \"efs:file-system/fs-1\"";
const NAMED: &str = "recovery_point: \"arn:aws:backup:us-west-2:999988887777:recovery-point:new\"";

fn used(run: &Run) -> String {
    let point = run.at("/workloads/0/rpo/sources/0/recovery_point").as_str().unwrap();
    point.rsplit(':').next().unwrap().to_owned()
}

#[test]
fn an_infected_point_is_used_only_by_its_name_and_that_is_a_high_finding() {
    let run = drill(RESOURCE, ", scan: infected").run();
    assert_eq!((used(&run).as_str(), findings(&run, "point-infected").len()), ("old", 0));
    let named = format!("{RESOURCE}, point: \"arn:aws:backup:us-west-2:999988887777:recovery-point:new\"");
    for from in [NAMED, &named] {
        let run = drill(from, ", scan: infected").run();
        let found = findings(&run, "point-infected");
        assert_eq!((used(&run).as_str(), found.len()), ("new", 1));
        assert_eq!(found[0]["severity"], "high");
    }
}

/// Cold storage takes four hours more, so the RTO shows it.
#[test]
fn a_cold_point_takes_hours_longer_and_is_told() {
    let warm = drill(RESOURCE, "").run();
    let cold = drill(RESOURCE, ", cold: true").run();
    let rto = |run: &Run| run.at("/workloads/0/rto/measured_s").as_f64().unwrap();
    assert_eq!((used(&warm).as_str(), used(&cold).as_str()), ("new", "new"));
    assert!((rto(&cold) - rto(&warm) - 4.0 * 3600.0).abs() < 1.0, "{} {}", rto(&cold), rto(&warm));
    assert_eq!(findings(&warm, "point-in-cold-storage").len(), 0);
    let found = findings(&cold, "point-in-cold-storage");
    assert_eq!(found.len(), 1);
    assert!(found[0]["message"].as_str().unwrap().contains("4h"), "{found:?}");
}
