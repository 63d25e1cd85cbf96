//! The commands around a run: their output and their exit codes.

use serde_json::Value;
use support::drill::{self, Drill, START, told};

#[track_caller]
fn ends(args: &[&str], code: i32, stdout_has: &[&str], stderr_has: &[&str]) {
    let (found, stdout, stderr) = told(args);
    assert_eq!(found, code, "{args:?}\n{stdout}\n{stderr}");
    for words in stdout_has {
        assert!(stdout.contains(words), "no `{words}` from {args:?} on stdout:\n{stdout}");
    }
    for words in stderr_has {
        assert!(stderr.contains(words), "no `{words}` from {args:?} on stderr:\n{stderr}");
    }
}

#[test]
fn what_is_about_the_twins_time_is_refused_on_aws() {
    let drill = Drill::of("region-loss");
    let path = drill.write();
    let path = path.to_str().unwrap();
    for given in [["--seed", "7"], ["--pace", "max"], ["--start", START]] {
        let args = ["run", path, "--on", "aws", given[0], given[1]];
        ends(&args, 2, &[], &[given[0], "the twin's time"]);
    }
}

#[test]
fn validate() {
    let drill = Drill::of("region-loss");
    let path = drill.write();
    let path = path.to_str().unwrap();
    ends(&["validate", path], 0, &["valid: 0 errors"], &[]);
    ends(&["validate", path, "/no/such.yaml"], 2, &[], &[]);
    ends(&["validate"], 2, &[], &["required"]);
    let bad = drill.playbook("uses: ec2.launch", "uses: ec2.lunch");
    let path = bad.write();
    let path = path.to_str().unwrap();
    let (code, stdout, stderr) = told(&["validate", path]);
    assert_eq!(code, 2);
    let all = format!("{stdout}{stderr}");
    assert!(
        all.contains("playbook.yaml:") && all.contains("ec2.lunch") && all.contains("ec2.launch"),
        "{all}"
    );
    // No drill is run, and no file is written.
    let out = bad.next_out();
    ends(&["run", path, "--out", out.to_str().unwrap()], 2, &[], &["ec2.lunch"]);
    assert!(!out.exists());
}

#[test]
fn params() {
    let drill = Drill::of("region-loss");
    let path = drill.write();
    let path = path.to_str().unwrap();
    let out = drill.next_out();
    let out = out.to_str().unwrap();
    for command in ["run", "plan", "validate"] {
        // `validate` prints its findings as its result.
        let words = &["no parameter `db_clas`", "db_class"][..];
        let (result, complaint) = if command == "validate" { (words, &[][..]) } else { (&[][..], words) };
        ends(&[command, path, "--param", "db_clas=x"], 2, result, complaint);
        ends(&[command, path, "--param", "db_class"], 2, &[], &["NAME=VALUE"]);
    }
    let (code, _, stderr) = told(&["run", path, "--out", out, "--param", "db_class=db.r6g.4xlarge=x"]);
    assert_eq!(code, 1, "{stderr}");
    let report: Value =
        serde_json::from_slice(&std::fs::read(format!("{out}/report.json")).unwrap()).unwrap();
    assert_eq!(report["params"]["db_class"], "db.r6g.4xlarge=x");
    let intents = drill::journal(out.as_ref());
    assert!(intents.iter().any(|e| e["event"] == "intent" && e.to_string().contains("db.r6g.4xlarge=x")));
}

#[test]
fn plan() {
    let drill = Drill::of("account-loss");
    let path = drill.write();
    let path = path.to_str().unwrap();
    ends(&["plan", path], 1, &["orders-vault-25h", "s3:bucket/orders-receipts", "cannot pass"], &[]);
    let (code, json, _) = told(&["plan", path, "--output", "json"]);
    assert_eq!(code, 1);
    let plan: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(plan["workloads"][0]["rto"]["measured_s"], 1565.0);
    assert!(!drill.folder().join("runs").exists());
}

#[test]
fn schema() {
    for what in [&["schema"][..], &["schema", "estate"]] {
        let (code, json, _) = told(what);
        assert_eq!(code, 0);
        let schema: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(schema["type"], "object");
    }
    ends(&["schema", "nothing"], 2, &[], &["playbook", "estate"]);
}

#[test]
fn explain() {
    ends(&["explain"], 0, &["sandbox-open  ", "template-iam  ", "high, medium, low"], &[]);
    let parts =
        &["sandbox-open (high)", "What it means", "Why it matters", "What to do", "docs/aws.md#isolation"];
    ends(&["explain", "sandbox-open"], 0, parts, &[]);
    let near = &["no rule `sandbox-opne`; did you mean `sandbox-open`?"];
    ends(&["explain", "sandbox-opne"], 2, &[], near);
    ends(&["explain", "--markdown", "sandbox-open"], 2, &[], &["cannot be used with"]);
    let (code, json, _) = told(&["explain", "--output", "json"]);
    assert_eq!(code, 0);
    let rules: Value = serde_json::from_str(&json).unwrap();
    let (code, json, _) = told(&["explain", "preflight", "--output", "json"]);
    assert_eq!(code, 0);
    let preflight: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(preflight["severities"], serde_json::json!(["high", "medium", "low"]));
    assert!(rules["rules"].as_array().unwrap().contains(&preflight));
}

#[test]
fn report_and_gate() {
    let run = Drill::of("az-loss").run();
    run.exits(0);
    let folder = run.folder.to_str().unwrap();
    for (format, file) in [("html", "report.html"), ("markdown", "report.md"), ("junit", "junit.xml")] {
        let (code, stdout, stderr) = told(&["report", folder, "--format", format]);
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(stdout, std::fs::read_to_string(run.folder.join(file)).unwrap(), "{format}");
    }
    ends(&["report", folder, "--format", "text"], 0, &["PASSED, exit code 0", "SIMULATED"], &[]);
    ends(&["report", folder, "--format", "odt"], 2, &[], &["html"]);
    ends(&["report", folder, "--format", "pdf"], 2, &[], &["--out <FILE>"]);
    let written = tempfile::tempdir().unwrap();
    let file = written.path().join("again.md");
    ends(&["report", folder, "--out", file.to_str().unwrap()], 0, &[], &[]);
    let (again, first) =
        (std::fs::read(&file).unwrap(), std::fs::read(run.folder.join("report.md")).unwrap());
    assert_eq!(again, first);
    let own = run.folder.join("report.md");
    ends(&["report", folder, "--out", own.to_str().unwrap()], 2, &[], &["is a file of a run"]);
    ends(&["report", folder, "--out", "/no/such/file"], 3, &[], &["/no/such/file", "cannot be written"]);
    let none =
        &["/no/such", "there is no such run; name a run's folder (`runs/<run-id>`) or its report.json"];
    ends(&["report", "/no/such"], 2, &[], none);
    ends(&["report", folder, "--template", "/no/such"], 2, &[], &["/no/such", "with --template"]);
    ends(&["gate", folder], 0, &["PASSED"], &[]);
    ends(&["gate", folder, "--rto", "19m5s"], 0, &["PASSED"], &[]);
    ends(
        &["gate", folder, "--rto", "19m4s"],
        1,
        &["MISSED", "RTO 19m5s exceeds the objective of 19m4s"],
        &[],
    );
    ends(&["gate", folder, "--rpo", "5h"], 1, &["MISSED", "RPO"], &[]);
    ends(&["gate", folder, "--rto", "soon"], 2, &[], &["duration"]);
    ends(&["gate", "/no/such"], 2, none, &[]);
    let slower = Drill::of("az-loss").estate("probes:\n", "probes:\n  other: { value: 1 }\n");
    let slower = slower.estate("app-up: { healthy_after: 25s }", "app-up: { healthy_after: 80s }").run();
    slower.exits(0);
    let now = slower.folder.to_str().unwrap();
    ends(&["gate", now, "--baseline", folder], 1, &["REGRESSED", "RTO"], &[]);
    ends(&["gate", now, "--baseline", folder, "--tolerance", "5%"], 0, &["PASSED"], &[]);
    ends(&["gate", folder, "--baseline", now], 0, &["PASSED"], &[]);
    ends(&["gate", folder, now, "/no/such"], 2, &["no such run"], &[]);
}

#[test]
fn arguments_that_make_no_sense() {
    let drill = Drill::of("az-loss");
    let path = drill.write();
    let path = path.to_str().unwrap();
    for args in [
        &["--pace", "0"][..],
        &["--pace=-1"],
        &["--pace", "nan"],
        &["--pace", "inf"],
        // This pace once caused a panic: the pause has no end.
        &["--pace", "1e-300"],
        &["--pace", "1e300"],
        &["--jobs", "0"],
        &["--seed=-1"],
        &["--start", "yesterday"],
        &["--teardown-timeout", "5"],
        &["--connect-to", "here"],
        &["--on", "azure"],
        &["--template", "/no/such"],
    ] {
        let mut all = vec!["run", path, "--out", "/proc/never"];
        all.extend(args);
        let (code, _, stderr) = told(&all);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: "), "{args:?}: {stderr}");
    }
    for start in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", START] {
        drill.run_with(&["--start", start]).exits(0);
    }
}
