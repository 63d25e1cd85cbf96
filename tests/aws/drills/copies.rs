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
    vault_with(seconds, 2, &json!({}), &json!({})).await
}

/// The same, with points of another age. `far` and `db` change its vault and the point of its database.
async fn vault_with(seconds: f64, hours: i64, far: &Value, db: &Value) -> (Closet, Value) {
    let closet = Closet::open(0.0).await;
    let taken = (chrono::Utc::now() - chrono::TimeDelta::hours(hours)).to_rfc3339();
    let point = |arn: &str, kind: &str, of: &str, source: &str| json!({ "arn": arn, "type": kind, "source": source, "of": of, "taken": taken });
    let mut vaults = json!([
        { "account": PRODUCTION, "region": FAR, "vault": "far", "points": [
            point(POINT, "EFS", "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-1", "fs-1"),
            point(DATABASE, "RDS", "arn:aws:rds:eu-west-1:111122223333:db:orders", "orders-1"),
        ] },
        // With a vault the account has the role that AWS Backup restores with.
        { "account": SANDBOX, "region": WEST, "vault": "own", "points": [] },
    ]);
    let merge = |into: &mut Value, more: &Value| {
        into.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    };
    merge(&mut vaults[0], far);
    merge(&mut vaults[0]["points"][1], db);
    closet.moto.vaults(&vaults);
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

/// The days of a copy count from the creation of its original. However old that is, the copy outlives the
/// drill.
#[tokio::test]
async fn the_copy_of_an_old_point_does_not_expire_during_the_drill() {
    let (closet, before) = vault_with(1.0, 400 * 24, &json!({}), &json!({})).await;
    let text = playbook("old", "region: us-east-1", "").replace("rpo: 1d", "rpo: 500d");
    let done = Drill::new(&text, closet.moto.endpoint()).run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &before);
    let asked = &closet.moto.calls("StartCopyJob")[0];
    let days: i64 = asked["params"]["Lifecycle.DeleteAfterDays"].as_str().unwrap().parse().unwrap();
    assert!((401..=403).contains(&days), "{days}");
}

/// A step that copies the database's point, which the playbook names.
fn of_the_database() -> String {
    format!(
        "  - {{ id: fetch-db, uses: backup.copy, workload: files, with: {{ from: {{ recovery_point: \"{DATABASE}\" }}, role: \"{COPIER}\", kms_key: \"{KEY}\" }} }}\n  \
         - {{ id: db, uses: backup.restore, workload: files, with: {{ from: {{ recovery_point: \"{{{{ steps.fetch-db.recovery_point }}}}\" }}, role: \"{RESTORER}\" }} }}\n"
    )
}

/// What a copy would meet when it is due is known before the disaster.
#[tokio::test]
async fn what_refuses_a_copy_stops_the_drill_before_the_disaster() {
    let denies = |action: &str| json!({ "policy": { "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*" }] } });
    let key = json!({ "key": format!("arn:aws:kms:{FAR}:{PRODUCTION}:key/aws-managed-rds") });
    let none = json!({});
    for (far, db, words) in [
        (&denies("backup:StartCopyJob"), &none, "the access policy of its vault denies it"),
        (&denies("backup:CopyFromBackupVault"), &none, "the access policy of its vault denies it"),
        (&none, &key, "a key that AWS manages"),
        (&json!({ "role": null }), &none, "does not exist"),
        (&json!({ "role": "ec2.amazonaws.com" }), &none, "does not trust backup.amazonaws.com"),
    ] {
        let (closet, before) = vault_with(0.2, 2, far, db).await;
        let text = playbook("refused", "region: us-east-1", &of_the_database());
        let looked = Drill::command(&text, closet.moto.endpoint(), &["plan", "playbook.yaml", "--on", "aws"]);
        let looked = looked.run();
        assert!(looked.exit == Some(1) && looked.stdout.contains(words), "{words}: {}", looked.told());
        let done = looked
            .then(closet.moto.endpoint(), &["run", "playbook.yaml", "--on", "aws", "--out", "out", "--yes"]);
        let done = done.run();
        assert_eq!(done.exit, Some(3), "{words}: {}", done.told());
        assert!(done.stderr.contains(words), "{words}: {}", done.told());
        assert_eq!(closet.count("StartCopyJob"), 0, "{words}");
        done.nothing_is_left(&closet.moto, &before);
        production_is_untouched(&closet);
    }
}

/// The account of the originals lets nobody in, or IAM would refuse the job or its role.
#[tokio::test]
async fn a_source_out_of_reach_and_what_iam_refuses_stop_the_drill_before_the_disaster() {
    let role_of_production = role(PRODUCTION);
    let fault = |action: &str, matched: &str| json!([{ "action": action, "kind": "error", "match": matched, "code": "AccessDenied", "status": 403, "message": "not you", "times": 999 }]);
    let (closet, before) = vault(0.2).await;
    closet.moto.faults(&fault("AssumeRole", &role_of_production));
    let text = playbook("away", "region: us-east-1", "");
    let done = Drill::new(&text, closet.moto.endpoint()).start_as_it_is().end();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    assert!(done.stderr.contains("is out of reach"), "{}", done.told());
    done.nothing_is_left(&closet.moto, &before);
    for (action, of) in [
        ("backup:StartCopyJob", role_of_production.as_str()),
        ("backup:CopyFromBackupVault", COPIER),
        ("backup:CopyIntoBackupVault", COPIER),
    ] {
        let (closet, before) = vault(0.2).await;
        let allowed: Vec<&str> = match action {
            "backup:StartCopyJob" => vec!["backup:List*", "backup:Describe*", "backup:Get*", "iam:*"],
            "backup:CopyFromBackupVault" => vec!["backup:CopyInto*"],
            _ => vec!["backup:CopyFrom*"],
        };
        let policy = json!([{ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": allowed, "Resource": "*" }] }]);
        closet.moto.call("POST", "/peer/policies", Some(&json!({ of: policy })));
        let done = Drill::new(&text, closet.moto.endpoint()).start_as_it_is().end();
        assert!(done.stderr.contains(action), "{action}: {}", done.told());
        // Without a resource, IAM's simulation proves no refusal. It is unknown.
        if action == "backup:CopyFromBackupVault" {
            let looked =
                Drill::command(&text, closet.moto.endpoint(), &["plan", "playbook.yaml", "--on", "aws"]);
            let looked = looked.start_as_it_is().end();
            assert!(looked.exit == Some(3) && looked.stdout.contains(action), "{}", looked.told());
        } else {
            assert_eq!(done.exit, Some(3), "{action}: {}", done.told());
            assert_eq!(closet.count("StartCopyJob"), 0, "{action}");
        }
        done.nothing_is_left(&closet.moto, &before);
    }
}

/// What could not be looked at is unknown, and so is the verdict.
#[tokio::test]
async fn an_unread_role_leaves_the_look_unknown() {
    let no = |action: &str, more: &Value| {
        let mut rule = json!({ "action": action, "kind": "error", "code": "AccessDeniedException", "status": 403, "message": "no", "times": 999 });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([rule])
    };
    for (fault, words) in [
        (no("GetRole", &json!({ "match": "restore" })), "can restore with the role"),
        (no("GetRole", &json!({ "match": "copy" })), "can copy with the role"),
        (
            no("GetRole", &json!({ "match": "AWSServiceRoleForBackup" })),
            "service-linked role AWSServiceRoleForBackup",
        ),
    ] {
        let key = json!({ "key": format!("arn:aws:kms:{FAR}:{PRODUCTION}:key/own") });
        let (closet, _) = vault_with(0.2, 2, &json!({}), &key).await;
        closet.moto.faults(&fault);
        let text = playbook("blind", "region: us-east-1", &of_the_database());
        let looked = Drill::command(
            &text,
            closet.moto.endpoint(),
            &["plan", "playbook.yaml", "--on", "aws", "--output", "json"],
        );
        let looked = looked.start_as_it_is().end();
        let plan: Value =
            serde_json::from_str(&looked.stdout).unwrap_or_else(|e| panic!("{e}: {}", looked.told()));
        let unknown = plan["live"]["unknown"].to_string();
        assert!(unknown.contains(words), "{words}: {unknown}");
        assert_eq!(plan["live"]["verdict"], "unknown", "{words}: {}", plan["live"]["reasons"]);
    }
}

/// A service would make its role with the caller's permission, and it would outlive the drill.
#[tokio::test]
async fn a_missing_service_linked_role_stops_the_drill_before_the_disaster() {
    let (closet, before) = vault(0.2).await;
    closet.moto.faults(&json!([{ "action": "GetRole", "kind": "error", "match": "AWSServiceRoleForBackup", "code": "NoSuchEntity", "status": 404, "message": "no such role", "times": 99 }]));
    let text = playbook("first", "region: us-east-1", "");
    let done = Drill::new(&text, closet.moto.endpoint()).run();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    assert!(
        done.stderr.contains("create-service-linked-role --aws-service-name backup.amazonaws.com"),
        "{}",
        done.told()
    );
    done.nothing_is_left(&closet.moto, &before);
}

/// Whoever confirms the drill is told of the jobs in other accounts.
#[tokio::test]
async fn the_question_names_the_copy_jobs() {
    let (closet, _) = vault(0.2).await;
    let mut asked = Drill::new(&playbook("asked", "region: us-east-1", ""), closet.moto.endpoint());
    let mut terminal = asked.at_terminal();
    let running = asked.start();
    let shown = terminal.wait_for("Only `yes` runs it: ");
    for said in ["copy job of AWS Backup in account 111122223333 (production)", COPIER, "`fetch`"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    terminal.type_line("no");
    assert_eq!(running.end().exit, Some(2));
    assert_eq!(closet.count("StartCopyJob"), 0);
}
