//! Copies by AWS Backup: from another account and region into a vault of the run, restored, measured and
//! torn down. Nothing changes where the original lies.

use std::time::Duration;

use serde_json::{Value, json};

use super::closet::Closet;
use super::drill::{Done, Drill, role};
use super::shop::{PRODUCTION, SANDBOX, WEST};

const FAR: &str = "eu-west-1";
const POINT: &str = "arn:aws:backup:eu-west-1:111122223333:recovery-point:files";
const DATABASE: &str = "arn:aws:backup:eu-west-1:111122223333:recovery-point:db";
const COPIER: &str = "arn:aws:iam::111122223333:role/copy";
const RESTORER: &str = "arn:aws:iam::999988887777:role/restore";
const KEY: &str = "arn:aws:kms:us-west-2:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A vault of production's in a region that survives. Its points are two hours old.
async fn vault(seconds: f64) -> (Closet, Value) {
    let closet = Closet::open(0.0).await;
    let taken = (chrono::Utc::now() - chrono::TimeDelta::hours(2)).to_rfc3339();
    let point = |arn: &str, kind: &str, of: &str, source: &str| json!({ "arn": arn, "type": kind, "source": source, "of": of, "taken": taken });
    closet.moto.vaults(&json!([
        { "account": PRODUCTION, "region": FAR, "vault": "far", "points": [
            point(POINT, "EFS", "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-1", "fs-1"),
            point(DATABASE, "RDS", "arn:aws:rds:eu-west-1:111122223333:db:orders", "orders-1"),
        ] },
        // With a vault the account has the role that AWS Backup restores with.
        { "account": SANDBOX, "region": WEST, "vault": "own", "points": [] },
    ]));
    closet.moto.delays(&json!({ "default": seconds }));
    closet.moto.clear_log();
    let before = closet.moto.state();
    (closet, before)
}

/// A playbook that copies a file system's point, named by its resource, and restores it.
fn playbook(name: &str, lost: &str, more: &str) -> String {
    let (production, sandbox) = (role(PRODUCTION), role(SANDBOX));
    format!(
        "name: {name}\nlose: {{ {lost} }}\nobjectives: {{ rto: 30m, rpo: 1d }}\n\
         accounts:\n  production: {{ id: \"{PRODUCTION}\", role: \"{production}\" }}\n  sandbox: {{ id: \"{SANDBOX}\", role: \"{sandbox}\" }}\n\
         sandbox: {{ account: sandbox, region: {WEST}, network: {{ cidr: 10.70.0.0/16, azs: 2 }}, ttl: 1h }}\n\
         workloads: {{ files: {{}} }}\nsteps:\n\
         \x20 - {{ id: fetch, uses: backup.copy, workload: files, with: {{ from: {{ resource: \"efs:file-system/fs-1\" }}, region: {FAR}, role: \"{COPIER}\" }} }}\n\
         \x20 - {{ id: files, uses: backup.restore, workload: files, with: {{ from: {{ recovery_point: \"{{{{ steps.fetch.recovery_point }}}}\" }}, role: \"{RESTORER}\" }} }}\n{more}\
         checks:\n  - {{ id: up, workload: files, needs: [files], command: {{ run: [test, -n, \"{{{{ steps.files.file_system_id }}}}\"] }} }}\n"
    )
}

/// Starts a drill, and waits until it has asked for the copy.
async fn under_way(closet: &Closet, text: &str) -> super::drill::Running {
    let running = Drill::new(text, closet.moto.endpoint()).start();
    for _ in 0..1200 {
        if closet.count("DescribeCopyJob") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running
}

/// Only the copy job was asked for where the original lies, and nothing there has changed.
fn production_is_untouched(closet: &Closet) {
    let reads = ["Describe", "List", "Get", "Simulate"];
    for call in closet.moto.log().iter().filter(|call| call["account"] == PRODUCTION) {
        let action = call["action"].as_str().unwrap();
        let is_read = reads.iter().any(|verb| action.starts_with(verb)) || action == "AssumeRole";
        assert!(is_read || action == "StartCopyJob", "{call}");
    }
}

#[tokio::test]
async fn a_point_of_another_account_and_region_is_copied_restored_measured_and_torn_down() {
    let (closet, before) = vault(1.0).await;
    let more = format!(
        "  - {{ id: fetch-db, uses: backup.copy, workload: files, with: {{ from: {{ recovery_point: \"{DATABASE}\" }}, role: \"{COPIER}\", kms_key: \"{KEY}\" }} }}\n  \
         - {{ id: db, uses: backup.restore, workload: files, with: {{ from: {{ recovery_point: \"{{{{ steps.fetch-db.recovery_point }}}}\" }}, role: \"{RESTORER}\" }} }}\n"
    );
    let done = Drill::new(&playbook("copies", "region: us-east-1", &more), closet.moto.endpoint()).run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &before);
    production_is_untouched(&closet);
    assert_eq!(closet.count("StartCopyJob"), 2);
    // The copies are minutes old. Their data are as old as the originals.
    let sources = done.report["workloads"][0]["rpo"]["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2, "{sources:#?}");
    for source in sources {
        let age = source["age_s"].as_f64().unwrap();
        assert!((7200.0..7400.0).contains(&age), "{source:#}");
        assert!([POINT, DATABASE].contains(&source["recovery_point"].as_str().unwrap()), "{source:#}");
    }
    // Each vault admits copies of production's, and nothing else.
    let policies = closet.moto.calls("PutBackupVaultAccessPolicy");
    assert_eq!(policies.len(), 2, "{policies:#?}");
    for call in policies {
        let policy: Value = serde_json::from_str(call["params"]["Policy"].as_str().unwrap()).unwrap();
        assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
        assert_eq!(policy["Statement"][0]["Action"], "backup:CopyIntoBackupVault");
        assert_eq!(policy["Statement"][0]["Principal"]["AWS"], json!(["arn:aws:iam::111122223333:root"]));
    }
}

#[tokio::test]
async fn nothing_is_copied_from_what_is_lost() {
    for lost in [format!("region: {FAR}"), format!("account: \"{PRODUCTION}\"")] {
        let (closet, before) = vault(0.2).await;
        // Validation refuses a playbook that says it. A parameter may still do so.
        let text = playbook("lost", &lost, "")
            .replace(
                &format!("resource: \"efs:file-system/fs-1\" }}, region: {FAR}"),
                "recovery_point: \"{{ params.point }}\" }",
            )
            .replace(&format!("role: \"{COPIER}\""), "role: \"{{ params.role }}\"")
            .replace("steps:\n", "params: { point: x, role: y }\nsteps:\n");
        let drill = Drill::new(&text, closet.moto.endpoint());
        let drill = drill.arg("--param").arg(format!("point={POINT}"));
        let done = drill.arg("--param").arg(format!("role={COPIER}")).run();
        done.ends(1, "failed");
        assert_eq!(closet.count("StartCopyJob"), 0);
        let denied = done.report["denied_calls"].to_string();
        assert!(denied.contains("backup:StartCopyJob"), "{lost}: {}", done.told());
        done.nothing_is_left(&closet.moto, &before);
        production_is_untouched(&closet);
    }
}

#[tokio::test]
async fn a_lost_answer_starts_no_second_copy() {
    for kind in ["drop_after", "500_after"] {
        let (closet, before) = vault(0.2).await;
        closet.moto.faults(&json!([{ "action": "StartCopyJob", "kind": kind }]));
        let text = playbook("answer", "region: us-east-1", "");
        let done = Drill::new(&text, closet.moto.endpoint()).run();
        done.ends(0, "passed");
        done.nothing_is_left(&closet.moto, &before);
        assert!(closet.count("StartCopyJob") > 1, "{kind}");
        assert_eq!(copies(&done), 1, "{kind}");
    }
}

/// How many copy jobs the report tells of.
fn copies(done: &Done) -> usize {
    let journal = std::fs::read_to_string(done.file("out/journal.ndjson")).unwrap();
    journal.lines().filter(|line| line.contains("\"created\"") && line.contains("\"copy_job\"")).count()
}

/// A copy job cannot be stopped. Teardown waits for it, and the copy goes with its vault.
#[tokio::test]
async fn an_interrupted_copy_is_waited_for_and_deleted() {
    let (closet, before) = vault(0.2).await;
    closet.moto.delays(&json!({ "copy_job": 8, "point_deletion": 2 }));
    let running = under_way(&closet, &playbook("interrupted", "region: us-east-1", "")).await;
    running.signal("INT");
    let done = running.end();
    done.ends(130, "interrupted");
    done.nothing_is_left(&closet.moto, &before);
    assert_eq!((closet.count("StartCopyJob"), closet.count("DeleteRecoveryPoint")), (1, 1));
    production_is_untouched(&closet);
}

/// The runner is killed while the copy is under way, or before it has written that it is. Another one goes
/// on with the same job, or undoes it.
#[tokio::test]
async fn a_killed_runner_leaves_one_copy_that_is_adopted_or_undone() {
    for (forget, command) in [(false, "resume"), (true, "resume"), (false, "abort"), (true, "abort")] {
        let (closet, before) = vault(0.2).await;
        closet.moto.delays(&json!({ "copy_job": 8 }));
        let text = playbook("killed", "region: us-east-1", "");
        let running = under_way(&closet, &text).await;
        running.signal("KILL");
        let killed = running.end_refused();
        let journal = killed.file("out/journal.ndjson");
        if forget {
            // As if it had died between the request and its answer: the intent is all there is.
            let kept = std::fs::read_to_string(&journal).unwrap();
            let lines: Vec<&str> = kept.lines().collect();
            let intent = lines.iter().position(|line| line.contains("backup:StartCopyJob")).unwrap();
            std::fs::write(&journal, lines[..=intent].join("\n") + "\n").unwrap();
        }
        let path = journal.parent().unwrap().display().to_string();
        let drill = Drill::command(&text, closet.moto.endpoint(), &[command, &path]);
        let done = drill.start().end();
        assert_eq!(
            done.exit,
            Some(if command == "resume" { 0 } else { 130 }),
            "{command} {forget}: {}",
            done.told()
        );
        assert_eq!(closet.count("StartCopyJob"), 1, "{command} {forget}: the job is adopted");
        assert_eq!(
            closet.moto.state().to_string(),
            before.to_string(),
            "{command} {forget}: {}",
            done.told()
        );
        production_is_untouched(&closet);
    }
}

/// What AWS Backup refuses fails the step with its words, and the vault goes.
#[tokio::test]
async fn a_copy_that_fails_is_told_and_its_vault_goes() {
    let (closet, before) = vault(0.2).await;
    closet.moto.faults(&json!([{ "action": "StartCopyJob", "kind": "job_fails" }]));
    let text = playbook("fails", "region: us-east-1", "");
    let done = Drill::new(&text, closet.moto.endpoint()).run();
    done.ends(1, "failed");
    let because = done.node("fetch")["because"].as_str().unwrap_or_default().to_owned();
    assert!(because.contains("The role lacks a permission"), "{because}");
    done.nothing_is_left(&closet.moto, &before);
    assert_eq!(closet.count("DeleteBackupVault"), 1);
}

/// A vault of a dead run is found by its tag.
#[tokio::test]
async fn sweep_finds_the_vault_of_a_dead_run() {
    let (closet, before) = vault(0.2).await;
    let text = playbook("dead", "region: us-east-1", "");
    let running = under_way(&closet, &text).await;
    running.signal("KILL");
    let killed = running.end_refused();
    let looked =
        Drill::command(&text, closet.moto.endpoint(), &["sweep", "playbook.yaml", "--output", "json"]);
    let looked = looked.start().end();
    let found: Value = serde_json::from_str(&looked.stdout).unwrap();
    let things = found["runs"][0]["things"].as_array().unwrap();
    let vaults = things.iter().filter(|thing| thing["resource"]["kind"] == "vault");
    assert_eq!(vaults.count(), 1, "{}", looked.told());
    let folder = killed.file("out").display().to_string();
    let done = Drill::command(&text, closet.moto.endpoint(), &["abort", &folder]).start().end();
    assert_eq!(closet.moto.state().to_string(), before.to_string(), "{}", done.told());
}
