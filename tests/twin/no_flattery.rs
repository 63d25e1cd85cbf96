//! Ways in which a drill could flatter: figures, coverage and checks that look better than the
//! evidence. Each drill here would pass if it were believed, and must not pass.

use serde_json::json;
use support::drill::{Drill, FRESHNESS, Run, told};

const RPO: &str = "/workloads/0/rpo";

const NEWEST: &str = "id: orders-west-2h, account: \"111122223333\", region: us-west-2, taken: -2h, usable: -1h30m, size: 200GiB";
const REPLICA: &str = "taken: -4m, usable: -4m, size: 10GiB";
const REPLICA_BUCKET: &str = "{ id: \"s3:bucket/orders-receipts-replica\", account: \"444455556666\", region: us-west-2, size: 10GiB, objects: 20000 }";
const RECEIPTS: &str = "with: { from: { bucket: orders-receipts-replica }, to: receipts }";

/// A check that reads what the step `receipts` of the sample restores.
const READS_RECEIPTS: &str = "- id: receipts-there\n  workload: orders\n  s3: { bucket: \"{{ steps.receipts.bucket }}\", min_count: 1 }";

/// An output that the step gave to other steps.
fn output(run: &Run, step: &str, name: &str) -> serde_json::Value {
    let done = run.events("step_succeeded").into_iter().find(|e| e["step"] == step).unwrap();
    done["outputs"][name].clone()
}

/// Checks what validation says about a playbook that it refuses.
#[track_caller]
fn refused(drill: &Drill, words: &[&str]) {
    let run = drill.run();
    assert_eq!(run.code, 2, "{}\n{}", run.stdout, run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "`{word}` is not in\n{}", run.stderr);
    }
}

/// The estate gives the answers that all checks expect.
fn answered(drill: Drill) -> Drill {
    drill.estate("web-up: { healthy_after: 20s }", "web-up: { healthy_after: 20s, status: 200 }")
}

#[test]
fn without_a_defect_it_passes() {
    let run = answered(Drill::good()).check(READS_RECEIPTS).run();
    assert_eq!(run.exits(0).at("/findings").as_array().unwrap().len(), 2, "stores apart, and the worst case");
    Drill::measured().run().exits(0);
}

#[test]
fn data_from_after_t0() {
    let run = Drill::good()
        .estate("kind: s3_replica", "kind: s3_versions")
        .playbook(RECEIPTS, &RECEIPTS.replace("replica }", "replica, as_of: \"2026-03-01T13:00:00Z\" }"))
        .run();
    // Nothing can be restored to that time.
    run.exits(1).because(&["orders", "receipts"]).is_clean();
    let step = run.one("/steps", "id", "receipts");
    assert_eq!(step["status"], "failed");
    assert!(step["because"].as_str().unwrap().contains("after T0"), "{step:#}");
}

#[test]
fn objects_written_after_t0() {
    let late = format!("{REPLICA}, late_objects: 3");
    let run = Drill::good().estate(REPLICA, &late).run();
    // Without versions, nobody knows what is left of an overwritten object. It is left out and
    // reported.
    run.exits(0);
    assert_eq!(output(&run, "receipts", "objects"), 20000);
    let finding = run.one("/findings", "rule", "objects-after-t0");
    assert!(finding["message"].as_str().unwrap().contains("3 objects"), "{finding:#}");
    // A versioned bucket returns each object as it was at T0.
    let versions =
        answered(Drill::good()).estate(REPLICA, &late).estate("kind: s3_replica", "kind: s3_versions").run();
    versions.exits(0);
    assert!(versions.at("/findings").as_array().unwrap().iter().all(|f| f["rule"] != "objects-after-t0"));
    assert_eq!(output(&versions, "receipts", "objects"), 20000);
}

#[test]
fn recovery_points_are_asked_for_before_t0() {
    let run = Drill::of("az-loss")
        .playbook("accounts:\n", "accounts:\n  elsewhere: { id: \"123456789012\" }\n")
        .run();
    run.exits(0);
    let journal = run.journal();
    let at = |wanted: &dyn Fn(&serde_json::Value) -> bool| {
        journal.iter().filter(|e| wanted(e)).map(|e| e["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let t0 = at(&|e| e["event"] == "disaster_declared")[0];
    let unseen = at(&|e| e["rule"] == "recovery-points-unseen");
    assert!(!unseen.is_empty() && unseen.iter().all(|seq| *seq < t0), "T0 is {t0}, asked at {unseen:?}");
}

#[test]
fn pitr_that_reaches_beyond_t0() {
    // The restore asks for an instant, never for the latest state at the time of the call.
    let run = Drill::of("az-loss").run();
    let intents = run.events("intent");
    let to_time = intents.iter().find(|e| e["call"] == "rds:RestoreDBInstanceToPointInTime").unwrap();
    let to = &to_time["what"]["db_to_time"]["to"];
    assert!((run.after_t0(to) + 300.0).abs() < 1e-9, "{to_time:#}");
    let beyond = Drill::of("az-loss").playbook("{ db: orders, point: latest }", "{ db: orders, point: -1m }");
    beyond.run().exits(1).because(&["step `db`", "at T0 it could be restored up to"]).is_clean();
}

const SECOND_DB: &str = "resources:\n  - { id: \"rds:db/orders-archive\", account: \"111122223333\", region: us-east-1, az: use1-az1, size: 1GiB, tags: { app: orders } }\n";

#[test]
fn one_database_of_several_with_a_tag() {
    let drill = Drill::good()
        .estate("\nresources:\n", &format!("\n{SECOND_DB}"))
        .playbook("[\"rds:db/orders\",", "[\"rds:db[tag:app=orders]\",")
        .playbook("{ db: orders, point: latest }", "{ db: \"tag:app=orders\", point: latest }");
    let run = drill.run();
    run.exits(1).because(&["rds:db/orders-archive is lost, and no step restored it"]).is_clean();
    run.is("/workloads/0/missing_resources", json!(["rds:db/orders-archive"]));
    assert!(run.stderr.contains("selects 2"), "{}", run.stderr);
}

const SECOND_MACHINE: &str = "resources:\n  - { id: \"ec2:instance/i-0a2\", account: \"111122223333\", region: us-east-1, az: use1-az1, tags: { app: orders } }\n";

#[test]
fn fewer_machines_than_were_lost() {
    let two = || Drill::good().estate("\nresources:\n", &format!("\n{SECOND_MACHINE}"));
    two().run().exits(0);
    let run = two().playbook("count: 2", "count: 1").run();
    run.exits(1).because(&["ec2:instance/i-0a2 is lost, and no step restored it"]).is_clean();
}

#[test]
fn nothing_in_the_bucket() {
    let empty = || {
        Drill::good()
            .estate(REPLICA_BUCKET, &REPLICA_BUCKET.replace("objects: 20000", "objects: 0"))
            .estate(REPLICA, "taken: -4m, usable: -4m")
    };
    let run = empty().run();
    run.exits(1).because(&["step `receipts`", "0 objects"]).is_clean();
    let allowed =
        || empty().playbook(RECEIPTS, &RECEIPTS.replace("to: receipts", "to: receipts, allow_empty: true"));
    allowed().run().exits(0);
    let verify = "- id: verify\n  workload: orders\n  uses: s3.verify\n  with: { bucket: \"{{ steps.receipts.bucket }}\", source: { bucket: orders-receipts-replica } }";
    let run = allowed().step(verify).run();
    run.exits(1).because(&["step `verify`", "compared nothing"]).is_clean();
    Drill::good().step(verify).run().exits(0);
}

#[test]
fn a_part_of_the_bucket() {
    let run =
        Drill::good().playbook(RECEIPTS, &RECEIPTS.replace("replica }", "replica, prefix: 2026/ }")).run();
    run.exits(1).because(&["s3:bucket/orders-receipts is lost, and no step restored it"]).is_clean();
    let finding = run.one("/findings", "rule", "restored-in-part");
    assert!(finding["message"].as_str().unwrap().contains("2026/"), "{finding:#}");
}

#[test]
fn checks_that_look_at_nothing_restored() {
    let mut drill = Drill::good();
    let from = drill.playbook.find("checks:\n").unwrap();
    drill.playbook.truncate(from);
    drill.playbook +=
        "checks:\n  - id: site\n    workload: orders\n    tcp: { address: \"shop.example.com:443\" }\n";
    refused(&drill, &["no check of the workload `orders` looks at what its steps restore", "needs:"]);
    // One check that does so is enough. The other one gets a finding.
    let run = Drill::good()
        .check("- id: site\n  workload: orders\n  tcp: { address: \"shop.example.com:443\" }")
        .run();
    run.exits(0);
    assert!(run.stderr.contains("the check `site` depends on no step"), "{}", run.stderr);
}

#[test]
fn a_measuring_check_behind_another_step() {
    let behind =
        FRESHNESS.replace("needs: [db]", "needs: [web]").replace("{{ steps.db.endpoint }}", "db.internal");
    let stale = || Drill::measured().estate("freshness: { value: -2h3m }", "freshness: { value: -4h }");
    let run = stale().playbook(FRESHNESS, &behind).run();
    run.exits(1).is(&format!("{RPO}/measured_s"), 14400.0).is(&format!("{RPO}/status"), "missed");
    // One check for two stores speaks for both.
    let both = FRESHNESS.replace("needs: [db]", "needs: [db, receipts]");
    let run = stale().playbook(FRESHNESS, &both).run();
    run.exits(1);
    for step in ["db", "receipts"] {
        assert_eq!(run.one(&format!("{RPO}/sources"), "step", step)["data_age_s"], 14400.0, "{step}");
    }
    // A figure that was to be measured and was not is unknown, whatever the recovery points say.
    let run = Drill::measured().estate("freshness: { value: -2h3m }", "freshness: { never: true }").run();
    run.exits(1).is(&format!("{RPO}/status"), "unknown");
}

#[test]
fn a_shared_and_encrypted_snapshot() {
    let encrypted = || Drill::good().estate(NEWEST, &format!("{NEWEST}, encrypted: true"));
    let run = encrypted().run();
    run.exits(1).because(&["orders", "RPO", "missed"]).is(&format!("{RPO}/measured_s"), 50400.0).is_clean();
    let newest = run.one("/recovery_points", "id", "orders-west-2h");
    assert!(
        newest["why_not"].as_str().unwrap().contains("shared and encrypted: copy it first"),
        "{newest:#}"
    );
    assert_eq!(run.one("/findings", "rule", "newer-point-needs-copy")["resource"], "orders-west-2h");
    // Given the snapshot's id, the cloud itself would refuse.
    let named = "{ snapshot: \"{{ env.SNAPSHOT }}\" }";
    let run =
        encrypted().playbook("{ db: orders, point: latest }", named).env("SNAPSHOT", "orders-west-2h").run();
    run.exits(1).because(&["step `db`", "shared and encrypted"]).is_clean();
    // A copy under a key of the sandbox can be restored.
    let copy = |key: &str| {
        encrypted()
            .step(&format!("- id: copy\n  workload: orders\n  uses: rds.copy_snapshot\n  with: {{ from: {{ db: orders }}{key} }}"))
            .playbook("{ db: orders, point: latest }", "{ snapshot: \"{{ steps.copy.snapshot_id }}\" }")
            .run()
    };
    copy(", kms_key: alias/drill").exits(0).is(&format!("{RPO}/measured_s"), 7200.0);
    copy("").exits(1).because(&["step `copy`", "kms_key"]);
}

#[test]
fn a_key_that_is_lost() {
    let key = "kms_key: \"arn:aws:kms:us-east-1:111122223333:key/1234abcd\"";
    let run = Drill::good().estate(NEWEST, &format!("{NEWEST}, encrypted: true, {key}")).run();
    run.exits(1).is(&format!("{RPO}/measured_s"), 50400.0).is_clean();
    let newest = run.one("/recovery_points", "id", "orders-west-2h");
    let why = newest["why_not"].as_str().unwrap();
    assert!(why.contains("its key") && why.contains("is lost with region us-east-1"), "{why}");
    // The vault's copy lies in an account that survives. Its key belongs to the lost account.
    let vault = "id: orders-vault-25h, account: \"444455556666\", region: us-west-2, taken: -25h, usable: -24h, size: 200GiB";
    let key = "encrypted: true, kms_key: \"arn:aws:kms:us-west-2:111122223333:key/1234abcd\"";
    let run = Drill::of("account-loss").estate(vault, &format!("{vault}, {key}")).run();
    run.exits(1).because(&["step `copy`", "is lost with account 111122223333"]);
    // A key that a step names also passes through the gate.
    let copy = "- id: copy\n  workload: orders\n  uses: rds.copy_snapshot\n  with: { from: { db: orders }, kms_key: \"{{ env.KEY }}\" }";
    let run = Drill::good().step(copy).env("KEY", "arn:aws:kms:us-east-1:111122223333:key/1234abcd").run();
    run.exits(1).because(&["step `copy`", "KMS key", "is lost"]).is_clean();
    assert_eq!(run.at("/denied_calls/0/call"), "rds:CopyDBSnapshot");
}

#[test]
fn a_workload_that_holds_nothing() {
    let empty = Drill::good()
        .playbook("workloads:\n", "workloads:\n  search: {}\n")
        .check("- id: search-up\n  workload: search\n  tcp: { address: \"search.example.com:443\" }");
    refused(&empty, &["the workload `search` has neither resources nor steps", "nothing to recover"]);
}

const SEARCH: &str =
    "- id: search\n  workload: search\n  uses: ec2.launch\n  with: { image: ami-west, type: t4g.small }";
const SEARCH_UP: &str =
    "- id: search-up\n  workload: search\n  needs: [search]\n  tcp: { address: \"search.example.com:443\" }";

#[test]
fn a_default_rpo_that_nothing_answers() {
    let search = |resources: &str| {
        Drill::good()
            .playbook("workloads:\n", &format!("workloads:\n  search: {{{resources}}}\n"))
            .step(SEARCH)
            .check(SEARCH_UP)
            .run()
    };
    let run = search("");
    run.exits(1).because(&["search", "RPO is unknown"]);
    // The listed resource holds no data, so the default says nothing about it.
    let run = search(" resources: [\"ec2:instance/i-0a1\"] ");
    run.exits(0);
    assert_eq!(run.one("/workloads", "name", "search")["rpo"]["objective_s"], json!(null));
}

/// A step of no workload restores the store. The store still belongs to the workload, and its age
/// counts.
#[test]
fn a_store_restored_by_a_step_of_no_workload() {
    let drill = Drill::of("region-loss")
        .playbook("rto: 45m, rpo: 5m", "rto: 45m, rpo: 1h")
        .playbook(FRESHNESS, "")
        .playbook("    uses: rds.restore\n    workload: orders\n", "    uses: rds.restore\n");
    drill.run().exits(1).is("/workloads/0/rpo/status", "missed").is("/workloads/0/rpo/measured_s", 7200.0);
}

/// Without an objective no status says that a figure is only a part. The words must.
#[test]
fn an_incomplete_recovery_without_objectives() {
    let free = |drill: Drill| {
        drill.playbook("objectives: { rto: 1h, rpo: 15m }\n", "").playbook("rto: 45m, rpo: 3h", "")
    };
    let run = free(Drill::good()).faults(&["{ step: web, error: comes_up_unhealthy }"]).run();
    run.exits(1).is("/workloads/0/recovered", false).is("/workloads/0/rto/measured_s", json!(null));
    run.is(&format!("{RPO}/status"), "none").is(&format!("{RPO}/measured_s"), 7200.0);
    run.is(&format!("{RPO}/partial"), true).is("/workloads/0/consistency/partial", true);
    let row = run.stdout.lines().find(|line| line.contains("RPO  none")).unwrap();
    assert!(row.contains("not recovered"), "{row}");
    let row = run.stdout.lines().find(|line| line.contains("RTO  none")).unwrap();
    assert!(row.contains("not recovered"), "{row}");
    let read = |file: &str| std::fs::read_to_string(run.folder.join(file)).unwrap();
    let junit = read("junit.xml");
    assert!(junit.contains("not recovered, no objective"), "{junit}");
    assert!(!junit.contains("2 h, no objective"), "{junit}");
    for file in ["report.md", "report.html"] {
        assert!(read(file).contains("not recovered"), "{file}");
    }
    let (code, out, _) = told(&["gate", run.folder.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(out.contains("RPO not recovered, no objective"), "{out}");
    // A figure that leaves a store out meets no objective that the gate is given, either.
    let lost = free(Drill::good()).faults(&["{ step: receipts, error: throttled }"]).run();
    lost.exits(1).is(&format!("{RPO}/partial"), true);
    let (_, out, _) = told(&["gate", "--rpo", "30d", lost.folder.to_str().unwrap()]);
    assert!(out.contains("RPO is unknown"), "{out}");
}
