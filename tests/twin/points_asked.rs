//! `point: random`, `latest-clean` and `{ before: TIME }` on the twin: which point they take, and that RPO
//! is told twice.

use std::collections::BTreeSet;

use serde_json::json;
use support::drill::{Drill, Run, START, told};

const SCANS: [(&str, &str, &str); 4] =
    [("a", "-8d", "clean"), ("b", "-2d", "clean"), ("c", "-6h", "unknown"), ("d", "-1h", "infected")];

/// Restores the file system. Its points are four copies by AWS Backup with their scans.
fn drill(point: &str) -> Drill {
    let playbook = format!(
        "name: points
estate: estate.yaml
lose: {{ region: us-east-1 }}
objectives: {{ rto: 6h, rpo: 1d }}
accounts: {{ sandbox: {{ id: \"999988887777\" }} }}
sandbox: {{ account: sandbox, region: us-west-2, network: {{ cidr: 10.70.0.0/16, azs: 2 }}, ttl: 8h }}
workloads: {{ files: {{ resources: [\"efs:file-system/fs-1\"] }} }}
steps:
  - id: files
    uses: backup.restore
    workload: files
    with:
      from: {{ resource: \"efs:file-system/fs-1\", point: {point} }}
      role: \"arn:aws:iam::999988887777:role/restore\"
checks:
  - {{ id: up, workload: files, needs: [files], command: {{ run: [\"true\", \"{{{{ steps.files.file_system_id }}}}\"] }} }}
"
    );
    let points = SCANS.map(|(id, taken, scan)| {
        format!(
            "  - {{ of: \"efs:file-system/fs-1\", kind: backup, id: \"arn:aws:backup:us-west-2:999988887777:recovery-point:{id}\", account: \"999988887777\", region: us-west-2, taken: {taken}, size: 10GiB, scan: {scan} }}\n"
        )
    });
    let points = points.concat();
    let estate = format!(
        "accounts: {{ \"111122223333\": {{ name: production }}, \"999988887777\": {{ name: sandbox }} }}
regions:
  us-east-1: {{ azs: [use1-az1, use1-az2] }}
  us-west-2: {{ azs: [usw2-az1, usw2-az2] }}
resources:
  - {{ id: \"efs:file-system/fs-1\", account: \"111122223333\", region: us-east-1, size: 10GiB }}
recovery_points:
{points}probes:
  up: {{ healthy_after: 1s, exit_code: 0 }}
"
    );
    Drill::new(&playbook, &estate)
}

fn used(run: &Run) -> String {
    let point = run.at("/workloads/0/rpo/sources/0/recovery_point").as_str().unwrap();
    point.rsplit(':').next().unwrap().to_owned()
}

#[test]
fn rpo_is_told_with_the_point_that_was_used_and_with_the_newest() {
    const HOUR: f64 = 3600.0;
    for (asked, point, measured, told, status) in [
        ("latest-clean", "b", 48.0 * HOUR, "latest-clean", "missed"),
        ("{ before: -3d }", "a", 8.0 * 24.0 * HOUR, "before -3d", "missed"),
        ("{ before: -2h }", "c", 6.0 * HOUR, "before -2h", "met"),
        // Not older than the instant itself.
        ("{ before: -6h }", "b", 48.0 * HOUR, "before -6h", "missed"),
    ] {
        let run = drill(asked).run();
        assert_eq!(used(&run), point, "{asked}");
        let rpo = run.at("/workloads/0/rpo");
        let source = &rpo["sources"][0];
        assert_eq!(rpo["measured_s"], json!(measured), "{asked}");
        // The newest that `latest` takes is not infected.
        assert_eq!(
            (&rpo["newest_s"], &source["newest_age_s"]),
            (&json!(21600.0), &json!(21600.0)),
            "{asked}"
        );
        assert!(source["newest"].as_str().unwrap().ends_with(":c"), "{source}");
        assert_eq!((&source["asked"], &rpo["status"]), (&json!(told), &json!(status)), "{asked}");
        assert_eq!(rpo["judged_by_newest"], json!(null), "{asked}");
    }
    let latest = drill("latest").run();
    assert_eq!((used(&latest).as_str(), &latest.at("/workloads/0/rpo")["newest_s"]), ("c", &json!(null)));
}

#[test]
fn a_point_is_drawn_by_the_seed_and_the_objective_is_judged_by_the_newest() {
    let draw = |seed: &str| {
        let run = drill("random").run_with(&["--start", START, "--seed", seed]);
        let rpo = run.at("/workloads/0/rpo");
        assert_eq!((&rpo["newest_s"], &rpo["judged_by_newest"]), (&json!(21600.0), &json!(true)));
        assert_eq!(rpo["status"], "met", "{rpo}");
        assert_eq!(rpo["sources"][0]["asked"], "random");
        used(&run)
    };
    let drawn: Vec<String> = (0..12).map(|seed| draw(&seed.to_string())).collect();
    let again: Vec<String> = (0..12).map(|seed| draw(&seed.to_string())).collect();
    assert_eq!(drawn, again);
    let all: BTreeSet<&str> = drawn.iter().map(String::as_str).collect();
    assert_eq!(all, BTreeSet::from(["a", "b", "c"]), "every usable point, and no infected one");
    // Without a seed the twin draws the same each time.
    assert_eq!(used(&drill("random").run()), used(&drill("random").run()));
    let why = drill("random").run();
    let rows = why.at("/recovery_points").as_array().unwrap().clone();
    let told = rows.iter().filter(|row| row["why_not"] == "another one was drawn at random").count();
    assert_eq!(told, 2, "{rows:?}");
}

#[test]
fn without_a_clean_point_nothing_is_restored() {
    let none = drill("latest-clean");
    let estate = none.estate.replace("scan: clean", "scan: unknown");
    let run = Drill::new(&none.playbook, &estate).run();
    assert_eq!(run.at("/steps/0/status"), "failed");
    assert!(run.at("/recovery_points").to_string().contains("no malware scan has called it clean"));
}

#[test]
fn a_point_that_is_none_is_refused_with_its_place() {
    for (point, part) in [("{ before: soon }", "before"), ("{ after: -2h }", "after")] {
        let drill = drill(point);
        let file = drill.write();
        let (code, out, err) = told(&["validate", file.to_str().unwrap()]);
        assert!(code == 2 && format!("{out}{err}").contains(part), "{point}: {out}{err}");
    }
}
