//! Copies by AWS Backup into the sandbox (`backup.copy`), and restores from them.

use serde_json::{Value, json};
use support::drill::{Drill, Run, told};

const PRODUCTION: &str = "111122223333";
const BACKUP: &str = "444455556666";
const SANDBOX: &str = "999988887777";
const KEY: &str = "arn:aws:kms:us-west-2:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Production in us-east-1. Its points lie in another region of its own account, and in the backup
/// account. None lies where the sandbox is.
const ESTATE: &str = r#"
accounts: { "111122223333": { name: production }, "444455556666": { name: backup }, "999988887777": { name: sandbox } }
regions:
  us-east-1: { azs: [use1-az1, use1-az2] }
  us-west-2: { azs: [usw2-az1, usw2-az2] }
  eu-west-1: { azs: [euw1-az1, euw1-az2] }
resources:
  - { id: "efs:file-system/fs-1", account: "111122223333", region: us-east-1, size: 10GiB }
  - { id: "rds:db/orders", account: "111122223333", region: us-east-1, az: use1-az1, size: 20GiB, engine: postgres }
recovery_points:
  - { of: "efs:file-system/fs-1", kind: backup, id: "arn:aws:backup:us-east-1:111122223333:recovery-point:home", vault: daily, account: "111122223333", region: us-east-1, taken: -1h, size: 10GiB }
  - { of: "efs:file-system/fs-1", kind: backup, id: "arn:aws:backup:eu-west-1:111122223333:recovery-point:far", vault: far, account: "111122223333", region: eu-west-1, taken: -2h, usable: -1h30m, size: 10GiB }
  - { of: "efs:file-system/fs-1", kind: backup, id: "arn:aws:backup:us-west-2:444455556666:recovery-point:other", vault: kept, account: "444455556666", region: us-west-2, taken: -5h, size: 10GiB }
  - { of: "rds:db/orders", kind: backup, id: "arn:aws:backup:us-west-2:444455556666:recovery-point:db", vault: kept, account: "444455556666", region: us-west-2, taken: -6h, size: 20GiB }
  - { of: "rds:db/orders", kind: backup, id: "arn:aws:backup:us-west-2:444455556666:recovery-point:continuous:db", vault: kept, account: "444455556666", region: us-west-2, taken: -1h, size: 20GiB }
timings:
  backup.copy: { base: 5m, per_gib: 1s }
  backup.restore: { base: 10m, per_gib: 2s }
probes:
  up: { healthy_after: 1s }
"#;

fn role(account: &str, name: &str) -> String {
    format!("\"arn:aws:iam::{account}:role/{name}\"")
}

fn playbook(lost: &str, steps: &str) -> String {
    format!(
        "name: copies\nestate: estate.yaml\nlose: {{ {lost} }}\nobjectives: {{ rto: 4h, rpo: 1d }}\n\
         accounts:\n  production: {{ id: \"{PRODUCTION}\" }}\n  backup: {{ id: \"{BACKUP}\" }}\n  sandbox: {{ id: \"{SANDBOX}\" }}\n\
         sandbox: {{ account: sandbox, region: us-west-2, network: {{ cidr: 10.70.0.0/16, azs: 2 }}, ttl: 4h }}\n\
         workloads: {{ files: {{ resources: [\"efs:file-system/fs-1\"] }} }}\nsteps:\n{steps}\
         checks:\n  - {{ id: up, workload: files, needs: [files], command: {{ run: [\"test\", \"-n\", \"{{{{ steps.files.file_system_id }}}}\"] }} }}\n"
    )
}

fn copy(id: &str, resource: &str, account: &str, more: &str) -> String {
    format!(
        "  - {{ id: {id}, uses: backup.copy, workload: files, with: {{ from: {{ resource: \"{resource}\" }}, role: {}{more} }} }}\n",
        role(account, "copy")
    )
}

fn restore(id: &str, of: &str) -> String {
    format!(
        "  - {{ id: {id}, uses: backup.restore, workload: files, with: {{ from: {{ recovery_point: \"{{{{ steps.{of}.recovery_point }}}}\" }}, role: {} }} }}\n",
        role(SANDBOX, "restore")
    )
}

/// Copies the file system from an account, and restores it.
fn files(account: &str) -> String {
    copy("fetch", "efs:file-system/fs-1", account, "") + &restore("files", "fetch")
}

fn requests(run: &Run, call: &str) -> Vec<Value> {
    let intents = run.events("intent");
    intents.into_iter().filter(|event| event["call"] == call).collect()
}

#[test]
fn with_a_region_lost_a_point_of_another_region_is_copied_and_restored() {
    let run = Drill::new(&playbook("region: us-east-1", &files(PRODUCTION)), ESTATE).run();
    run.exits(0).is_clean();
    // The copy and the restore are exactly as slow as the estate says.
    assert_eq!(run.step("fetch")["seconds"], 310.0);
    assert_eq!(run.step("files")["seconds"], 620.0);
    // The age is the original's: the time of copying makes no data newer.
    let source = &run.at("/workloads/0/rpo/sources")[0];
    assert_eq!(
        (&source["of"], &source["age_s"]),
        (&json!("efs:file-system/fs-1"), &json!(7200.0)),
        "{source:#}"
    );
    assert_eq!(source["recovery_point"], "arn:aws:backup:eu-west-1:111122223333:recovery-point:far");
    assert!(run.at("/coverage/covered").to_string().contains("efs:file-system/fs-1"));
    // The job is asked for where the point lies. Everything else goes into the sandbox.
    let asked = requests(&run, "backup:StartCopyJob");
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert_eq!((&asked[0]["account"], &asked[0]["region"]), (&json!(PRODUCTION), &json!("eu-west-1")));
    for event in run.events("intent").iter().filter(|event| event["call"] != "backup:StartCopyJob") {
        assert_eq!(event["account"], SANDBOX, "{event:#}");
    }
    // The vault admits no account but the source's.
    let vault = &requests(&run, "backup:CreateBackupVault")[0]["what"]["vault"];
    assert_eq!(vault["admits"], json!([PRODUCTION]), "{vault:#}");
}

#[test]
fn with_an_account_lost_a_point_of_another_account_is_copied_under_a_key() {
    let key = format!(", kms_key: \"{KEY}\"");
    let steps = files(BACKUP) + &copy("fetch-db", "rds:db/orders", BACKUP, &key) + &restore("db", "fetch-db");
    let run = Drill::new(&playbook(&format!("account: \"{PRODUCTION}\""), &steps), ESTATE).run();
    run.exits(0).is_clean();
    let of = |id: &str| run.one("/workloads/0/rpo/sources", "of", id)["age_s"].clone();
    // A continuous point is newer, and cannot be copied.
    assert_eq!((of("efs:file-system/fs-1"), of("rds:db/orders")), (json!(18000.0), json!(21600.0)));
    // One vault for each key.
    let vaults = requests(&run, "backup:CreateBackupVault");
    let keys: Vec<&Value> = vaults.iter().map(|vault| &vault["what"]["vault"]["kms_key"]).collect();
    assert!(keys.contains(&&Value::Null) && keys.contains(&&json!(KEY)) && keys.len() == 2, "{keys:?}");
}

#[test]
fn nothing_is_copied_from_what_is_lost() {
    // Everything of production is lost, and so is the point in its other region.
    let named = "  - { id: fetch, uses: backup.copy, workload: files, with: { from: { recovery_point: \"{{ params.point }}\" }, role: \"{{ params.role }}\" } }\n";
    let steps = named.to_owned() + &restore("files", "fetch");
    let text = playbook(&format!("account: \"{PRODUCTION}\""), &steps)
        .replace("steps:\n", "params: { point: x, role: y }\nsteps:\n");
    let drill = Drill::new(&text, ESTATE);
    let point = "point=arn:aws:backup:eu-west-1:111122223333:recovery-point:far";
    let role = "role=arn:aws:iam::111122223333:role/copy";
    let run = drill.run_with(&["--param", point, "--param", role]);
    run.exits(1).is_clean();
    assert_eq!(run.step("fetch")["status"], "failed");
    let denied = run.at("/denied_calls");
    assert!(denied.to_string().contains("backup:StartCopyJob"), "{denied:#}");
    assert_eq!(requests(&run, "backup:StartCopyJob"), Vec::<Value>::new());
}

#[test]
fn what_cannot_begin_is_told_before_the_disaster() {
    for (steps, config, words) in [
        (
            copy("fetch", "efs:file-system/fs-1", "{{ params.account }}", "") + &restore("files", "fetch"),
            "",
            "none of the playbook's",
        ),
        (files(PRODUCTION), "protected_accounts: [\"111122223333\"]", "is protected"),
    ] {
        let text = playbook("region: us-east-1", &steps)
            .replace("steps:\n", "params: { account: \"121212121212\" }\nsteps:\n");
        let drill = Drill::new(&text, ESTATE);
        let config_file = drill.folder().join("config.yaml");
        std::fs::write(&config_file, if config.is_empty() { "copy_from: []" } else { config }).unwrap();
        let run = drill.run_with(&["--config", config_file.to_str().unwrap()]);
        run.exits(3);
        assert!(run.at("/reasons").to_string().contains(words), "{words}: {:#}", run.at("/reasons"));
        assert_eq!(run.at("/t0"), &Value::Null);
    }
    // The user may allow it.
    let drill = Drill::new(&playbook("region: us-east-1", &files(PRODUCTION)), ESTATE);
    let config = drill.folder().join("config.yaml");
    std::fs::write(&config, "protected_accounts: [\"111122223333\"]\ncopy_from: [\"111122223333\"]").unwrap();
    drill.run_with(&["--config", config.to_str().unwrap()]).exits(0);
}

/// A job that fails makes another one, and the vault goes whatever happened.
#[test]
fn faults_of_a_copy_leave_nothing_behind() {
    for (fault, code) in [
        ("{ step: fetch, attempt: 1, error: comes_up_unhealthy }", 0),
        ("{ step: fetch, attempt: 1, error: lost_answer }", 0),
        ("{ step: fetch, attempt: 1, error: throttled }", 0),
        ("{ step: fetch, error: comes_up_unhealthy }", 1),
    ] {
        let text = playbook("region: us-east-1", &files(PRODUCTION))
            .replace("uses: backup.copy,", "uses: backup.copy, retry: { attempts: 3, backoff: 5s },");
        let run = Drill::new(&text, ESTATE).faults(&[fault]).run();
        run.exits(code).is_clean();
    }
}

#[test]
fn a_step_without_a_copy_says_that_one_is_needed() {
    let steps = format!(
        "  - {{ id: files, uses: backup.restore, workload: files, with: {{ from: {{ resource: \"efs:file-system/fs-1\" }}, role: {} }} }}\n",
        role(SANDBOX, "restore")
    );
    let run = Drill::new(&playbook("region: us-east-1", &steps), ESTATE).run();
    run.exits(1);
    assert!(run.step("files")["because"].to_string().contains("backup.copy"), "{:#}", run.step("files"));
    let found = run.at("/findings").as_array().unwrap();
    let newer: Vec<&Value> = found.iter().filter(|f| f["rule"] == "newer-point-needs-copy").collect();
    assert!(
        !newer.is_empty() && newer.iter().all(|f| f["fix"].to_string().contains("backup.copy")),
        "{newer:#?}"
    );
}

/// Each account gets what it needs, and the sandbox's neighbours nothing but the copy.
#[test]
fn the_policies_name_the_copy_where_it_begins() {
    let drill = Drill::new(&playbook("region: us-east-1", &files(PRODUCTION)), ESTATE);
    let path = drill.write();
    let (code, out, err) = told(&["iam-policy", path.to_str().unwrap(), "--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let all: Value = serde_json::from_str(&out).unwrap();
    let of = |account: &str| {
        let policies = all["accounts"].as_array().unwrap().iter().find(|a| a["account"] == account).unwrap();
        policies["policies"].to_string()
    };
    let (there, here, other) = (of(PRODUCTION), of(SANDBOX), of(BACKUP));
    for action in ["backup:StartCopyJob", "backup:DescribeCopyJob", "iam:PassRole"] {
        assert!(there.contains(action), "{action}: {there}");
    }
    assert!(there.contains("role/copy") && !there.contains("Delete") && !there.contains("CreateBackupVault"));
    for action in ["backup:CreateBackupVault", "backup:DeleteRecoveryPoint", "backup:DeleteBackupVault"] {
        assert!(here.contains(action), "{action}: {here}");
    }
    assert!(!here.contains("backup:StartCopyJob") && !other.contains("StartCopyJob"), "{other}");
    // What is restored is what was copied: a file system, and no database.
    assert!(
        here.contains("elasticfilesystem:DeleteFileSystem") && !here.contains("rds:DeleteDBInstance"),
        "{here}"
    );
}

/// The request says when the original was created: its copy is deleted by itself some days later.
#[test]
fn the_request_tells_how_old_the_original_is() {
    let run = Drill::new(&playbook("region: us-east-1", &files(PRODUCTION)), ESTATE).run();
    let asked = &requests(&run, "backup:StartCopyJob")[0];
    let created: chrono::DateTime<chrono::Utc> = asked["what"]["copy_point"]["created"]
        .as_str()
        .unwrap_or_else(|| panic!("{asked:#}"))
        .parse()
        .unwrap();
    let t0: chrono::DateTime<chrono::Utc> = run.at("/t0").as_str().unwrap().parse().unwrap();
    assert_eq!(t0 - created, chrono::TimeDelta::hours(2));
}

/// AWS Backup takes no such point. That is known before the disaster, also of one that the step names.
#[test]
fn a_point_that_aws_backup_does_not_copy_is_told_before_the_disaster() {
    let key = format!(", kms_key: \"{KEY}\"");
    let by_resource = copy("fetch-db", "rds:db/orders", BACKUP, &key);
    let arn = "arn:aws:backup:us-west-2:444455556666:recovery-point:db";
    let by_id = by_resource.replace("resource: \"rds:db/orders\"", &format!("recovery_point: \"{arn}\""));
    let point = "id: \"arn:aws:backup:us-west-2:444455556666:recovery-point:db\", vault: kept,";
    for (steps, is, words) in [
        (&by_resource, "managed_key: true,", "a key that AWS manages"),
        (&by_id, "managed_key: true,", "a key that AWS manages"),
        (&by_resource, "cold: true,", "cold storage"),
        (&by_id, "cold: true,", "cold storage"),
    ] {
        let estate = ESTATE.replace(point, &format!("{point} {is}"));
        assert_ne!(estate, ESTATE);
        let steps = files(PRODUCTION) + steps + &restore("db", "fetch-db");
        let run = Drill::new(&playbook("region: us-east-1", &steps), &estate).run();
        run.exits(3).is_clean();
        let reasons = run.at("/reasons").to_string();
        assert!(reasons.contains("fetch-db") && reasons.contains(words), "{is}: {reasons}");
        assert_eq!(run.at("/t0"), &Value::Null);
        assert_eq!(requests(&run, "backup:StartCopyJob"), Vec::<Value>::new());
        // A step that the drill can do without stops nothing.
        let may_fail = steps.replace("id: fetch-db, ", "id: fetch-db, continue_on_error: true, ");
        let run = Drill::new(&playbook("region: us-east-1", &may_fail), &estate).run();
        assert_ne!(run.at("/t0"), &Value::Null);
        assert!(run.at("/findings").to_string().contains(words), "{is}");
    }
    // An older one that can be copied is used, and the report says why not the newer.
    let newer = "  - { of: \"rds:db/orders\", kind: backup, id: \"arn:aws:backup:us-west-2:444455556666:recovery-point:new\", vault: kept, account: \"444455556666\", region: us-west-2, taken: -3h, size: 20GiB, managed_key: true }\ntimings:";
    let estate = ESTATE.replace("timings:", newer);
    let steps = files(PRODUCTION) + &by_resource + &restore("db", "fetch-db");
    let run = Drill::new(&playbook("region: us-east-1", &steps), &estate).run();
    run.exits(0);
    assert_eq!(requests(&run, "backup:StartCopyJob")[1]["what"]["copy_point"]["recovery_point"], arn);
    let seen = run.events("point_seen");
    let told = seen.iter().find(|seen| seen["point"]["id"].to_string().contains(":new")).unwrap();
    assert!(told["why_not"].to_string().contains("a key that AWS manages"), "{told:#}");
}

/// Without a `timeout` the time is the sandbox's.
#[test]
fn a_copy_that_never_ends_ends_with_the_sandboxs_time() {
    for (timeout, most) in [("", 4.1 * 3600.0), ("timeout: 10m, ", 601.0)] {
        let text = playbook("region: us-east-1", &files(PRODUCTION))
            .replace("uses: backup.copy,", &format!("uses: backup.copy, {timeout}"));
        let run = Drill::new(&text, ESTATE).faults(&["{ step: fetch, error: never_completes }"]).run();
        assert_ne!(run.step("fetch")["status"], "succeeded", "{:#}", run.step("fetch"));
        let seconds = run.step("fetch")["seconds"].as_f64().unwrap_or_default();
        assert!(seconds > 0.0 && seconds < most, "{timeout}: {:#}", run.step("fetch"));
    }
}

/// The permission is for the point that the step names, or for those of its type.
#[test]
fn the_policy_allows_to_copy_no_other_point() {
    let of = |steps: &str| {
        let drill = Drill::new(&playbook("region: us-east-1", &(files(PRODUCTION) + steps)), ESTATE);
        let path = drill.write();
        let (code, out, err) = told(&["iam-policy", path.to_str().unwrap(), "--output", "json"]);
        assert_eq!(code, 0, "{err}");
        let all: Value = serde_json::from_str(&out).unwrap();
        let account =
            all["accounts"].as_array().unwrap().iter().find(|one| one["account"] == BACKUP).unwrap();
        let documents = account["policies"].as_array().unwrap().clone();
        let statements = documents.iter().flat_map(|one| one["Statement"].as_array().unwrap().clone());
        let copies = statements.filter(|one| one["Action"].to_string().contains("backup:StartCopyJob"));
        let on: Vec<String> = copies.map(|one| one["Resource"].to_string()).collect();
        (on.join(" "), account["policies"].to_string())
    };
    let key = format!(", kms_key: \"{KEY}\"");
    let database = copy("fetch-db", "rds:db/orders", BACKUP, &key);
    let (on, all) = of(&database);
    assert!(on.contains("arn:aws:rds:*:444455556666:snapshot:awsbackup:*"), "{on}");
    assert!(on.contains("arn:aws:backup:*:444455556666:recovery-point:*"), "{on}");
    assert!(!on.contains("ec2") && !on.contains("dynamodb") && !on.contains("cluster"), "{on}");
    // Whether AWS manages its key is looked at, and so is the role that AWS Backup copies with.
    for action in ["kms:ListAliases", "cloudformation:ListResources", "iam:GetRole"] {
        assert!(all.contains(action), "{action}: {all}");
    }
    let arn = "arn:aws:backup:us-west-2:444455556666:recovery-point:db";
    let named = database.replace("resource: \"rds:db/orders\"", &format!("recovery_point: \"{arn}\""));
    assert_eq!(of(&named).0, format!("\"{arn}\""));
    // The backups of file systems are encrypted with the key of their vault.
    let (on, all) = of(&copy("fetch-2", "efs:file-system/fs-1", BACKUP, ""));
    assert_eq!(on, "\"arn:aws:backup:*:444455556666:recovery-point:*\"");
    assert!(!all.contains("kms:ListAliases"), "{all}");
}

/// What services of AWS would make with the caller's permission has to be there: a drill leaves nothing.
#[test]
fn the_policy_looks_for_service_linked_roles_and_makes_none() {
    let drill = Drill::new(&playbook("region: us-east-1", &files(PRODUCTION)), ESTATE);
    let path = drill.write();
    let (code, out, err) = told(&["iam-policy", path.to_str().unwrap(), "--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let role = "arn:aws:iam::999988887777:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup";
    let all: Value = serde_json::from_str(&out).unwrap();
    let policies = all["accounts"].to_string();
    assert!(policies.contains(role) && !policies.contains("CreateServiceLinkedRole"), "{policies}");
    assert!(!policies.contains("AWSServiceRoleForRDS"), "{policies}");
}
