//! `forecast --learn aws`: what AWS Backup's restore jobs teach, read under exactly the policy that
//! `iam-policy --for forecast` prints.

use std::process::{Command, Output};

use serde_json::{Value, json};
use support::peers::Moto;

const PRODUCTION: &str = "111122223333";
const SANDBOX: &str = "999988887777";

const ESTATE: &str = r#"
accounts: { "111122223333": { name: production }, "999988887777": { name: sandbox } }
regions: { us-east-1: { azs: [use1-az1] }, us-west-2: { azs: [usw2-az1, usw2-az2] } }
resources:
  - { id: "efs:file-system/fs-1", account: "111122223333", region: us-east-1, size: 10GiB }
recovery_points:
  - { of: "efs:file-system/fs-1", kind: backup, id: "arn:aws:backup:us-west-2:999988887777:recovery-point:1", account: "999988887777", region: us-west-2, taken: -2h, size: 10GiB }
timings: { backup.restore: { base: 100s, per_gib: 10s, spread: 0.2 } }
probes: { up: { healthy_after: 1s } }
"#;

fn playbook(uses: &str) -> String {
    let role = |account: &str| format!("arn:aws:iam::{account}:role/reader");
    format!(
        "name: learned\nestate: estate.yaml\nlose: {{ region: us-east-1 }}\nobjectives: {{ rto: 1h, rpo: 1d }}\n\
         accounts:\n  production: {{ id: \"{PRODUCTION}\", role: \"{}\" }}\n  sandbox: {{ id: \"{SANDBOX}\", role: \"{}\" }}\n\
         sandbox: {{ account: sandbox, region: us-west-2, network: {{ cidr: 10.66.0.0/16, azs: 2 }}, ttl: 4h }}\n\
         workloads: {{ files: {{ resources: [\"efs:file-system/fs-1\"] }} }}\nsteps:\n  - {{ id: files, workload: files, {uses} }}\n\
         checks:\n  - {{ id: up, workload: files, needs: [files], command: {{ run: [\"true\"] }} }}\n",
        role(PRODUCTION),
        role(SANDBOX)
    )
}

const RESTORES: &str = "uses: backup.restore, with: { from: { resource: \"efs:file-system/fs-1\" }, role: \"arn:aws:iam::999988887777:role/restore\" }";

struct Peer {
    moto: Moto,
    folder: tempfile::TempDir,
}

impl Peer {
    fn new(jobs: &Value, uses: &str) -> Self {
        let (moto, folder) = (Moto::start(), tempfile::tempdir().unwrap());
        moto.call("POST", "/peer/restores", Some(jobs));
        std::fs::write(folder.path().join("playbook.yaml"), playbook(uses)).unwrap();
        std::fs::write(folder.path().join("estate.yaml"), ESTATE).unwrap();
        Self { moto, folder }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(support::places::program());
        command.env_clear().current_dir(self.folder.path()).env("AWS_ENDPOINT_URL", self.moto.endpoint());
        command
            .env("AWS_REGION", "us-west-2")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PATH", "/usr/bin:/bin");
        command.env("AWS_ACCESS_KEY_ID", "drill").env("AWS_SECRET_ACCESS_KEY", "drill");
        command.args(args).output().unwrap()
    }

    /// Holds the roles to these policies. Without any, they may do everything.
    fn enforce(&self, policies: &Value) {
        let roles = json!({ format!("arn:aws:iam::{PRODUCTION}:role/reader"): policies, format!("arn:aws:iam::{SANDBOX}:role/reader"): policies });
        self.moto.call("POST", "/peer/policies", Some(&roles));
    }

    fn forecast(&self) -> (Option<i32>, Value, String) {
        let done =
            self.run(&["forecast", "playbook.yaml", "--learn", "aws", "--runs", "2000", "--output", "json"]);
        let said = String::from_utf8(done.stderr).unwrap();
        (done.status.code(), serde_json::from_slice(&done.stdout).unwrap_or(Value::Null), said)
    }
}

/// Four jobs that took twice what the estate says, in two accounts and two regions, and others that say
/// nothing of this playbook.
fn jobs() -> Value {
    let job = |account: &str, region: &str, more: Value| {
        let mut job = json!({ "account": account, "region": region, "type": "EFS", "seconds": 400, "size": 10_u64 << 30 });
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        job
    };
    json!([
        job(PRODUCTION, "us-east-1", json!({})),
        job(PRODUCTION, "us-west-2", json!({ "days_ago": 80 })),
        job(SANDBOX, "us-west-2", json!({})),
        job(SANDBOX, "us-west-2", json!({ "days_ago": 3 })),
        // Too old, failed, of another type, without a size.
        job(SANDBOX, "us-west-2", json!({ "days_ago": 100, "seconds": 9 })),
        job(SANDBOX, "us-west-2", json!({ "status": "FAILED", "seconds": 9 })),
        job(SANDBOX, "us-west-2", json!({ "type": "RDS", "seconds": 9 })),
        job(SANDBOX, "us-west-2", json!({ "size": 0, "seconds": 9 })),
    ])
}

#[test]
fn restore_jobs_of_the_type_teach_the_restore_and_nothing_else() {
    let peer = Peer::new(&jobs(), RESTORES);
    let printed = peer.run(&["iam-policy", "--for", "forecast", "--output", "json"]);
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(printed["for"], "forecast");
    assert_eq!(printed["policies"][0]["Statement"][0]["Action"], "backup:ListRestoreJobs", "{printed:#}");
    peer.enforce(&printed["policies"]);
    let (code, forecast, said) = peer.forecast();
    assert_eq!(code, Some(0), "{said}");
    let learned = forecast["learned_from"].as_array().unwrap();
    assert_eq!(learned.len(), 1, "{learned:#?}");
    assert_eq!(
        (&learned[0]["action"], &learned[0]["of"], &learned[0]["runs"], &learned[0]["model"]),
        (&json!("backup.restore"), &json!("efs:file-system"), &json!(4), &json!("learned"))
    );
    // Twice as long, less what the calibration counts for.
    let factor = learned[0]["factor"].as_f64().unwrap();
    assert!((1.9..2.0).contains(&factor), "{factor}");
    assert!(said.contains("4 restore jobs of AWS Backup"), "{said}");
    // Only these were asked, and nothing was refused.
    let log = peer.moto.log();
    assert!(log.iter().all(|call| call["denied"].is_null()), "{log:#?}");
    let actions: std::collections::BTreeSet<&str> =
        log.iter().map(|call| call["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions.into_iter().collect::<Vec<_>>(),
        ["AssumeRole", "GetCallerIdentity", "ListRestoreJobs"]
    );
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_counts() {
    let peer = Peer::new(&jobs(), RESTORES);
    peer.moto.faults(&json!([{ "action": "ListRestoreJobs", "kind": "error", "region": "us-east-1", "code": "AccessDeniedException", "status": 403, "message": "no", "times": 99 }]));
    let (code, forecast, said) = peer.forecast();
    assert_eq!((code, &forecast["learned_from"][0]["runs"]), (Some(0), &json!(3)), "{said}");
    assert!(said.contains("nothing is learned from AWS Backup in account 111122223333, us-east-1"), "{said}");
    peer.enforce(&json!([]));
    let (code, _, said) = peer.forecast();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("no restore job of AWS Backup could be read"), "{said}");
}

#[test]
fn without_jobs_or_without_such_a_step_the_calibration_stays() {
    let peer = Peer::new(&json!([]), RESTORES);
    let (code, forecast, said) = peer.forecast();
    assert_eq!((code, &forecast["learned_from"][0]["model"]), (Some(0), &json!("calibration")), "{said}");
    assert!(said.contains("no completed restore job"), "{said}");
    let peer = Peer::new(&jobs(), "uses: manual.task, with: { instructions: x, assume: 5m }");
    let (code, forecast, said) = peer.forecast();
    assert_eq!(code, Some(0), "{said} {forecast}");
    assert!(said.contains("no step uses `backup.restore`"), "{said}");
    assert!(peer.moto.calls("ListRestoreJobs").is_empty());
}

/// A database restores three times as slowly as the estate says, a file system half as slowly. Each has a
/// factor of its own, and the jobs of drills teach nothing: their journals do.
#[test]
fn each_type_has_its_own_factor_and_the_drills_own_jobs_are_left_out() {
    let job = |kind: &str, seconds: u64, made: &str| json!({ "account": SANDBOX, "region": "us-west-2", "type": kind, "seconds": seconds, "size": 10_u64 << 30, "made": made });
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(job("EFS", 100, "arn:aws:elasticfilesystem:us-west-2:999988887777:file-system/fs-9"));
        jobs.push(job("RDS", 600, "arn:aws:rds:us-west-2:999988887777:db:restored"));
        jobs.push(job("RDS", 9, "arn:aws:rds:us-west-2:999988887777:db:dm-1f3a5c7e-orders"));
    }
    let both = format!(
        "{RESTORES} }}\n  - {{ id: db, workload: files, uses: backup.restore, with: {{ from: {{ resource: \"rds:db/orders\" }}, role: \"arn:aws:iam::999988887777:role/restore\" }}"
    );
    let peer = Peer::new(&json!(jobs), &both);
    let estate = ESTATE
        .replace("recovery_points:\n", "  - { id: \"rds:db/orders\", account: \"111122223333\", region: us-east-1, az: use1-az1, size: 10GiB, engine: postgres }\nrecovery_points:\n  - { of: \"rds:db/orders\", kind: backup, id: \"arn:aws:backup:us-west-2:999988887777:recovery-point:2\", account: \"999988887777\", region: us-west-2, taken: -2h, size: 10GiB }\n");
    std::fs::write(peer.folder.path().join("estate.yaml"), estate).unwrap();
    let (code, forecast, said) = peer.forecast();
    assert_eq!(code, Some(0), "{said}");
    let learned = forecast["learned_from"].as_array().unwrap();
    let of = |kind: &str| {
        let one = learned.iter().find(|one| one["of"] == kind).unwrap_or_else(|| panic!("{learned:#?}"));
        (one["runs"].as_u64().unwrap(), one["factor"].as_f64().unwrap())
    };
    let ((files, fast), (databases, slow)) = (of("efs:file-system"), of("rds:db"));
    assert_eq!((files, databases), (4, 4));
    assert!((0.5..0.55).contains(&fast) && (2.8..3.0).contains(&slow), "{fast} {slow}");
    assert!(said.contains("4 restore jobs were left out, because drills began them"), "{said}");
}
