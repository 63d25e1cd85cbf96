//! Which recovery points of AWS Backup a drill takes, and what it tells of them: namesakes, infected and
//! cold points, vaults that cannot be read or deny restores, copies from what is lost. What it does
//! about restore jobs whose start got no answer, and about half-made resources.

use serde_json::{Value, json};

use super::account::Account;
use super::closet::Closet;
use super::drill::{Done, Drill};
use super::shop::{SANDBOX, WEST};

const ROLE: &str = "arn:aws:iam::999988887777:role/restore";
const EAST: &str = "us-east-1";
const PRODUCTION: &str = "111122223333";
const OTHER: &str = "444455556666";

fn ago(hours: i64) -> String {
    (chrono::Utc::now() - chrono::TimeDelta::hours(hours)).to_rfc3339()
}

fn arn(region: &str, name: &str) -> String {
    format!("arn:aws:backup:{region}:{SANDBOX}:recovery-point:{name}")
}

/// A recovery point of the database `orders` at a place.
fn point(region: &str, name: &str, account: &str, of_region: &str, hours: i64) -> Value {
    json!({ "arn": arn(region, name), "of": format!("arn:aws:rds:{of_region}:{account}:db:orders"),
        "type": "RDS", "source": "orders-1", "taken": ago(hours) })
}

fn with(mut point: Value, key: &str, value: Value) -> Value {
    point[key] = value;
    point
}

/// A closet with one vault in the sandbox.
async fn closet(points: &[Value]) -> (Closet, Value) {
    vaults(&json!([{ "account": SANDBOX, "region": WEST, "vault": "kept", "points": points }])).await
}

async fn vaults(vaults: &Value) -> (Closet, Value) {
    let closet = Closet::open(0.0).await;
    closet.moto.vaults(vaults);
    closet.moto.delays(&json!({ "default": 0.2 }));
    closet.moto.clear_log();
    let before = closet.moto.state();
    (closet, before)
}

fn playbook(from: &str) -> String {
    format!(
        "{}steps:\n  - {{ id: db, uses: backup.restore, workload: orders, with: {{ from: {{ {from} }}, role: \"{ROLE}\" }} }}\nchecks:\n  - {{ id: up, workload: orders, needs: [db], command: {{ run: [\"true\"] }} }}\n",
        Closet::head("vaults")
    )
}

fn run(closet: &Closet, from: &str) -> Done {
    Drill::new(&playbook(from), closet.moto.endpoint()).run()
}

fn findings<'a>(done: &'a Done, rule: &str) -> Vec<&'a Value> {
    done.report["findings"].as_array().unwrap().iter().filter(|found| found["rule"] == rule).collect()
}

fn restored(closet: &Closet) -> Vec<String> {
    let calls = closet.moto.calls("StartRestoreJob");
    calls.iter().map(|call| call["params"]["RecoveryPointArn"].as_str().unwrap().to_owned()).collect()
}

/// Two accounts have a database `orders`. Nothing says which one is meant.
#[tokio::test]
async fn points_of_a_namesake_are_not_taken() {
    let points = [point(WEST, "ours", PRODUCTION, WEST, 5), point(WEST, "theirs", OTHER, WEST, 1)];
    let (closet, before) = closet(&points).await;
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(1, "failed");
    assert_eq!(restored(&closet), Vec::<String>::new());
    let because = done.node("db")["because"].as_str().unwrap().to_owned();
    assert!(because.contains(PRODUCTION) && because.contains(OTHER), "{because}");
    assert_eq!(findings(&done, "namesake").len(), 1);
    done.nothing_is_left(&closet.moto, &before);

    let done = run(&closet, &format!("resource: \"rds:db/orders[account={PRODUCTION}]\""));
    assert_eq!(restored(&closet), [arn(WEST, "ours")], "{}", done.told());
    assert_eq!(findings(&done, "namesake").len(), 0);
}

/// `latest` leaves an infected point out. A step that names it is told so.
#[tokio::test]
async fn an_infected_point_that_is_named_is_a_high_finding() {
    let clean = point(WEST, "clean", SANDBOX, WEST, 5);
    let infected = with(point(WEST, "infected", SANDBOX, WEST, 1), "infected", json!(true));
    let (closet, _) = closet(&[clean, infected]).await;
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(0, "passed");
    assert_eq!(restored(&closet), [arn(WEST, "clean")]);
    assert_eq!(findings(&done, "point-infected").len(), 0);
    for from in [
        format!("recovery_point: \"{}\"", arn(WEST, "infected")),
        format!("resource: \"rds:db/orders\", point: \"{}\"", arn(WEST, "infected")),
    ] {
        let done = run(&closet, &from);
        let found = findings(&done, "point-infected");
        assert_eq!((found.len(), &found[0]["severity"]), (1, &json!("high")), "{}", done.told());
    }
}

#[tokio::test]
async fn a_point_of_another_state_is_refused_with_its_state() {
    for state in ["EXPIRED", "PARTIAL", "STOPPED"] {
        let (closet, _) = closet(&[with(point(WEST, "p", SANDBOX, WEST, 5), "status", json!(state))]).await;
        let done = run(&closet, &format!("recovery_point: \"{}\"", arn(WEST, "p")));
        done.ends(1, "failed");
        assert_eq!(restored(&closet), Vec::<String>::new());
        let because = done.node("db")["because"].as_str().unwrap_or_default().to_owned();
        assert!(because.contains(state), "{because}");
    }
}

/// The file system's only point has gone to cold storage.
#[tokio::test]
async fn a_point_in_cold_storage_is_told() {
    let closet = Closet::open(0.0).await;
    let system = closet.raw.efs.create_file_system().creation_token("home").send().await.unwrap();
    let point = json!({ "arn": arn(WEST, "cold"), "type": "EFS", "source": system.file_system_id,
        "of": format!("arn:aws:elasticfilesystem:{WEST}:{SANDBOX}:file-system/fs-1"),
        "taken": ago(48), "cold_at": ago(1) });
    closet.moto.vaults(&json!([{ "account": SANDBOX, "region": WEST, "vault": "kept", "points": [point] }]));
    let done = run(&closet, "resource: \"efs:file-system/fs-1\"");
    let found = findings(&done, "point-in-cold-storage");
    assert_eq!(found.len(), 1, "{}", done.told());
    assert!(found[0]["message"].as_str().unwrap().contains("4h"), "{}", found[0]);
}

/// One vault of two cannot be read. The other one's points are used, and the report says that newer ones
/// may lie in the first.
#[tokio::test]
async fn a_vault_that_cannot_be_read_hides_no_other() {
    let vault = |name: &str, points: &[Value]| json!({ "account": SANDBOX, "region": WEST, "vault": name, "points": points });
    let (closet, before) = vaults(&json!([
        vault("broken", &[point(WEST, "newer", SANDBOX, WEST, 1)]),
        vault("kept", &[point(WEST, "older", SANDBOX, WEST, 5)]),
    ]))
    .await;
    closet
        .moto
        .faults(&json!([{ "action": "ListRecoveryPointsByBackupVault", "match": "broken", "kind": "error",
        "code": "AccessDeniedException", "status": 403, "message": "no", "times": null }]));
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(0, "passed");
    assert_eq!(restored(&closet), [arn(WEST, "older")]);
    let found = findings(&done, "recovery-points-unseen");
    assert_eq!(found.len(), 1, "{}", done.told());
    let said = found[0]["message"].as_str().unwrap();
    assert!(said.contains("backup-vault:broken") && said.contains("newer"), "{said}");
    done.nothing_is_left(&closet.moto, &before);
}

/// AWS Backup gives a copy the time of copying. The job that made it is listed in the lost region, which
/// is asked before T0.
#[tokio::test]
async fn a_copy_from_the_lost_region_has_the_age_of_its_original() {
    let (closet, _) = vaults(&json!([
        { "account": SANDBOX, "region": EAST, "vault": "home", "points": [point(EAST, "home", SANDBOX, EAST, 5)] },
        { "account": SANDBOX, "region": WEST, "vault": "kept", "points": [] },
    ]))
    .await;
    closet.moto.delays(&json!({ "copy_job": 0 }));
    let east = Account::of(&closet.moto, SANDBOX, EAST).await;
    let copy =
        east.backup.start_copy_job().recovery_point_arn(arn(EAST, "home")).source_backup_vault_name("home");
    let copy =
        copy.destination_backup_vault_arn(format!("arn:aws:backup:{WEST}:{SANDBOX}:backup-vault:kept"));
    copy.iam_role_arn(ROLE).send().await.unwrap();
    // The copy is there once its job is listed as complete.
    east.backup.list_copy_jobs().send().await.unwrap();
    let before = closet.moto.state();
    closet.moto.clear_log();
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(0, "passed");
    let age = done.report["workloads"][0]["rpo"]["measured_s"].as_f64().unwrap_or_default();
    assert!((18_000.0..18_200.0).contains(&age), "{:#}", done.report["workloads"][0]["rpo"]);
    done.nothing_is_left(&closet.moto, &before);
}

/// As the vault of EFS's automatic backups does.
#[tokio::test]
async fn a_vault_whose_policy_denies_restores_is_not_restored_from() {
    let deny = |principal: Value, condition: Option<Value>| {
        let mut statement = json!({ "Effect": "Deny", "Principal": principal, "Action": ["backup:StartRestoreJob"], "Resource": "*" });
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let vault = |policy: Value| {
        json!([{ "account": SANDBOX, "region": WEST, "vault": "kept", "policy": policy,
            "points": [point(WEST, "p", SANDBOX, WEST, 5)] }])
    };
    let (closet, _) = vaults(&vault(deny(json!({ "AWS": "*" }), None))).await;
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(1, "failed");
    assert_eq!(restored(&closet), Vec::<String>::new());
    assert!(
        done.node("db")["because"].to_string().contains("denies backup:StartRestoreJob"),
        "{}",
        done.told()
    );

    let condition = json!({ "StringNotEquals": { "aws:PrincipalAccount": SANDBOX } });
    let (closet, _) = vaults(&vault(deny(json!("*"), Some(condition)))).await;
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(0, "passed");
    assert_eq!(findings(&done, "vault-policy-unclear").len(), 1, "{}", done.told());
}

/// Nothing is restored with a role that does not exist, or that AWS Backup may not assume.
#[tokio::test]
async fn the_restore_role_is_looked_at_before_t0() {
    for (role, says) in [(Value::Null, "does not exist"), (json!("ec2.amazonaws.com"), "does not trust")] {
        let (closet, before) =
            vaults(&json!([{ "account": SANDBOX, "region": WEST, "vault": "kept", "role": role,
            "points": [point(WEST, "p", SANDBOX, WEST, 5)] }]))
            .await;
        let done = run(&closet, "resource: \"rds:db/orders\"");
        done.ends(3, "error");
        assert!(done.told().contains(says), "{}", done.told());
        assert_eq!(closet.moto.state().to_string(), before.to_string());
    }
}

/// Every answer to the start is lost, and no attempt follows. The job is found by its metadata.
#[tokio::test]
async fn a_job_whose_start_got_no_answer_is_found_and_what_it_made_is_deleted() {
    let (closet, before) = closet(&[point(WEST, "p", SANDBOX, WEST, 5)]).await;
    closet.moto.faults(&json!([{ "action": "StartRestoreJob", "kind": "drop_after", "times": null }]));
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(1, "failed");
    assert!(closet.count("ListRestoreJobs") > 0 && closet.count("DeleteDBInstance") > 0, "{}", done.told());
    done.nothing_is_left(&closet.moto, &before);
}

/// No request arrives. That no job is listed says so.
#[tokio::test]
async fn a_start_that_never_arrived_leaves_nothing_behind() {
    let (closet, before) = closet(&[point(WEST, "p", SANDBOX, WEST, 5)]).await;
    closet.moto.faults(&json!([{ "action": "StartRestoreJob", "kind": "drop_before", "times": null }]));
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(1, "failed");
    done.nothing_is_left(&closet.moto, &before);
}

/// A failed job names nothing. What it made under the run's name is found all the same.
#[tokio::test]
async fn what_a_failed_job_left_half_made_is_deleted() {
    let (closet, before) = closet(&[point(WEST, "p", SANDBOX, WEST, 5)]).await;
    closet.moto.faults(&json!([{ "action": "StartRestoreJob", "kind": "half" }]));
    let done = run(&closet, "resource: \"rds:db/orders\"");
    done.ends(1, "failed");
    assert!(closet.count("DeleteDBInstance") > 0, "{}", done.told());
    done.nothing_is_left(&closet.moto, &before);
}
