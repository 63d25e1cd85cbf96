//! A user with read-only credentials gets from nothing to a rehearsed drill: `discover`, the matrix,
//! `init`, `validate`, `run`.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::Value;
use support::peers::Moto;

const SERVICES: &str = "ec2,rds,s3,cloudformation,backup,dynamodb,efs";

struct Desk {
    folder: tempfile::TempDir,
    endpoint: String,
}

impl Desk {
    fn command(&self, args: &[&str]) -> Output {
        let mut command = Command::new(support::places::program());
        command.env_clear().current_dir(self.folder.path()).args(args);
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_REGION", "us-west-2");
        command.env("AWS_ACCESS_KEY_ID", "reader").env("AWS_SECRET_ACCESS_KEY", "reader");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", self.folder.path());
        command.env("PATH", "/usr/bin:/bin");
        let began = Instant::now();
        let done = command.output().unwrap();
        eprintln!("{}: {:.1} s", args.join(" "), began.elapsed().as_secs_f64());
        done
    }

    fn discover(&self, more: &[&str]) -> Output {
        let accounts =
            [("production", "111111111111"), ("sandbox", "222222222222"), ("vault", "333333333333")]
                .map(|(name, id)| format!("{name}={id},role=arn:aws:iam::{id}:role/reader"));
        let mut args = vec!["discover", "-o", "estate.yaml", "--services", SERVICES];
        args.extend(accounts.iter().flat_map(|account| ["--account", account.as_str()]));
        args.extend(["us-east-1", "us-west-2", "eu-west-1"].iter().flat_map(|region| ["--region", *region]));
        args.extend(more);
        self.command(&args)
    }

    fn estate(&self) -> String {
        std::fs::read_to_string(self.path("estate.yaml")).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(4_000).collect::<String>();
    format!("{:?}\n{}\n{}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Two texts of thousands of lines are the same, or the first lines that differ are shown.
fn same(found: &str, expected: &str, what: &str) {
    let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    let lengths = (found.lines().count(), expected.lines().count());
    assert!(found == expected, "{what}: {lengths:?} lines, {differs:#?}");
}

fn ends(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
}

#[tokio::test]
async fn from_nothing_to_a_rehearsed_drill() {
    let moto = Moto::start();
    moto.call("POST", "/peer/estate", None);
    let desk = Desk { folder: tempfile::tempdir().unwrap(), endpoint: moto.endpoint().to_owned() };

    ends(&desk.discover(&[]), 0);
    let first = desk.estate();
    assert!(first.lines().count() > 2_000, "{} lines", first.lines().count());
    // The same estate gives the same bytes.
    ends(&desk.discover(&[]), 0);
    same(&desk.estate(), &first, "a second discovery changed the file");

    // What a person writes survives.
    let database = first.lines().find(|line| line.contains("id: \"rds:db/")).unwrap();
    let noted = format!("  # Ask the team before it is moved.\n{database} # the ledger");
    let mine = format!(
        "# The estate of our shop.\n{}timings:\n  rds.restore: {{ base: 17m }}\n",
        first.replacen(database, &noted, 1)
    );
    std::fs::write(desk.path("estate.yaml"), &mine).unwrap();
    ends(&desk.discover(&[]), 0);
    same(&desk.estate(), &mine, "hand-written parts did not survive");

    // Without an account, the one of the credentials is read.
    let own = desk.command(&["discover", "-o", "own.yaml", "--services", "efs", "--region", "us-west-2"]);
    ends(&own, 0);
    let own = std::fs::read_to_string(desk.path("own.yaml")).unwrap();
    assert!(own.contains("\"123456789012\": { name: account-123456789012 }"), "{own}");

    // A service that fails is told and stands in the file. The rest is kept.
    moto.faults(&serde_json::json!([
        { "action": "DescribeFileSystems", "kind": "error", "code": "AccessDeniedException", "status": 403, "times": 99 }
    ]));
    let partly = desk.discover(&[]);
    ends(&partly, 0);
    assert!(told(&partly).contains("DescribeFileSystems"), "{}", told(&partly));
    assert!(desk.estate().contains("incomplete:"), "{}", told(&partly));
    assert!(desk.estate().contains("efs:file-system/"), "what was known of it is gone");
    ends(&desk.discover(&["--strict"]), 3);
    moto.faults(&serde_json::json!([]));
    ends(&desk.discover(&["--strict"]), 0);
    same(&desk.estate(), &mine, "what could be read again is still incomplete");

    let matrix =
        desk.command(&["plan", "--estate", "estate.yaml", "--lose-each", "region", "--output", "json"]);
    ends(&matrix, 0);
    let matrix: Value = serde_json::from_slice(&matrix.stdout).unwrap();
    let rows = matrix["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["lose"]["region"] == "us-east-1").unwrap();
    let init =
        desk.command(&["init", "--estate", "estate.yaml", "--lose", "region=us-east-1", "-o", "drill.yaml"]);
    ends(&init, 0);
    ends(&desk.command(&["validate", "drill.yaml"]), 0);
    let run = desk.command(&["run", "drill.yaml", "--out", "run"]);
    // What nothing restores leaves the workload incomplete.
    ends(&run, 1);
    let report: Value =
        serde_json::from_slice(&std::fs::read(desk.path("run/report.json")).unwrap()).unwrap();
    assert_eq!(report["verdict"], "failed", "{}", told(&run));
    let uncovered = report["coverage"]["uncovered"].as_array().unwrap();
    let unprotected = row["unprotected"].as_array().unwrap();
    assert!(!uncovered.is_empty());
    let steps = report["steps"].as_array().unwrap();
    assert!(!steps.is_empty(), "{}", told(&run));
    for step in steps {
        assert_eq!(step["status"], "succeeded", "{step:#}");
    }
    for id in unprotected {
        assert!(uncovered.contains(id), "{id} is unprotected, and covered");
    }
    // What else stays lost has its reason in the playbook.
    let playbook = std::fs::read_to_string(desk.path("drill.yaml")).unwrap();
    for id in uncovered {
        assert!(playbook.contains(&format!("# {} stays lost: ", id.as_str().unwrap())), "{id}");
    }
    eprintln!("{} uncovered, {} unprotected in the region", uncovered.len(), unprotected.len());
}
