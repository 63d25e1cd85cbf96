//! Nothing harmful reaches a terminal, a CI log or a disk: no secret, no command for a CI runner,
//! no character that reverses text, no line of a file that was given by mistake.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base::visible::hides;
use support::drill::{Drill, drillmaster};

/// Texts that command some CI's runner, or hide something.
const HOSTILE: [&str; 5] = [
    "::error::x",
    "none ##vso[task.complete result=Succeeded;]",
    "##[endgroup]",
    "##teamcity[buildStatus status='SUCCESS']",
    "a\u{202e}b\u{2066}c\u{9b}2Jd\u{200b}e",
];

/// The text with each character beyond ASCII escaped. YAML refuses some of these characters.
fn in_ascii(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
        .collect()
}

fn is_harmless(told: &str, own: &str) {
    for line in told.lines() {
        let hidden = line.chars().any(hides) && !line.contains('\t');
        assert!(!hidden, "{line:?}");
        assert!(
            !line.trim_start().starts_with("::") || (!own.is_empty() && line.starts_with(own)),
            "{line:?}"
        );
        for (at, _) in line.match_indices("##") {
            let rest = line[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphanumeric());
            assert!(!rest.starts_with('['), "{line:?}");
        }
    }
}

#[test]
fn answers_of_checks_neither_command_nor_turn_text_around() {
    for hostile in HOSTILE {
        let drill = Drill::of("region-loss")
            .env("GITHUB_ACTIONS", "true")
            .check(
                "- id: told\n  workload: orders\n  needs: [db]\n  command: { run: [say], expect: '== fine' }",
            )
            .probe(&format!("told: {{ value: \"{}\" }}", in_ascii(hostile)));
        for output in ["text", "json"] {
            let out = drill.next_out();
            let run = drill.command(&out, &["--output", output]).output().unwrap();
            is_harmless(&String::from_utf8_lossy(&run.stderr), "");
            let stdout = String::from_utf8(run.stdout).unwrap();
            is_harmless(&stdout, "::");
            if output == "json" {
                let read: Vec<serde_json::Value> =
                    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert!(read.iter().any(|event| event["observed"].as_str().is_some_and(|o| !o.is_empty())));
            }
            for format in ["text", "markdown", "html", "json", "junit"] {
                let told = drillmaster().args(["report", "--format", format]).arg(&out).output().unwrap();
                is_harmless(&String::from_utf8_lossy(&told.stdout), "");
            }
            let gate = drillmaster().arg("gate").arg(&out).output().unwrap();
            is_harmless(&String::from_utf8_lossy(&[gate.stdout, gate.stderr].concat()), "");
        }
    }
}

#[test]
fn names_in_a_playbook_and_on_the_command_line_are_harmless() {
    for hostile in HOSTILE {
        let uses = format!("\"rds.{}\"", in_ascii(hostile));
        let drill = Drill::of("region-loss").step(&format!("- {{ id: odd, uses: {uses} }}"));
        let out = drill.next_out();
        let run = drill.command(&out, &[]).output().unwrap();
        assert_eq!(run.status.code(), Some(2));
        is_harmless(&String::from_utf8_lossy(&run.stderr), "");
        for arguments in [&["validate", hostile][..], &[hostile], &["gate", hostile], &["explain", hostile]] {
            let run = drillmaster().args(arguments).output().unwrap();
            assert_ne!(run.status.code(), Some(0));
            is_harmless(&String::from_utf8_lossy(&[run.stdout, run.stderr].concat()), "");
        }
    }
}

/// Only `ui::out` names the streams, so everything that is printed passes through it. The probe is
/// another program, and prints nothing that comes from outside.
#[test]
fn nothing_prints_around_the_outlet() {
    fn search(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                search(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !path.ends_with("ui/out.rs")
                && !path.ends_with("tests.rs")
                && !path.ends_with("probe/main.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                for name in ["io::stdout(", "io::stderr(", "println!(", "print!(", "dbg!(", "Cli::parse("] {
                    let all = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                    if all.clone().any(|line| line.contains(name)) {
                        found.push(format!("{}: {name}", path.display()));
                    }
                }
            }
        }
    }
    let mut found = Vec::new();
    search(&support::places::at("src"), &mut found);
    assert_eq!(found, [""; 0]);
}

#[test]
fn no_line_of_another_file_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let key =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXkCANARY\n-----END OPENSSH PRIVATE KEY-----\n";
    for text in [
        key,
        "root:$6$CANARY$x:19000:0:99999:7:::\nsandbox:!CANARY:19000::\n",
        "DB_PASSWORD=CANARY\nAPI_TOKEN: CANARY\n",
        "name: prod\npassword: CANARY\n",
        "[default]\naws_secret_access_key = CANARY\n",
        "{ \"token\": \"CANARY\", }",
        "- CANARY\n- x: [\n",
        "CANARY: *CANARY\n",
        "CANARY \u{0} x",
    ] {
        let file = folder.path().join("given");
        std::fs::write(&file, text).unwrap();
        let drill =
            Drill::of("region-loss").playbook("estate: estate.yaml", &format!("estate: {}", file.display()));
        let out = drill.next_out();
        let mut told = vec![drill.command(&out, &[]).output().unwrap()];
        for arguments in
            [&["validate"][..], &["plan"], &["run"], &["iam-policy"], &["sweep"], &["gate"], &["report"]]
        {
            told.push(drillmaster().args(arguments).arg(&file).output().unwrap());
        }
        told.push(drillmaster().args(["validate", "x.yaml", "--config"]).arg(&file).output().unwrap());
        for run in told {
            let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
            assert_eq!(run.status.code(), Some(2), "{said}");
            assert!(!said.contains("CANARY"), "{said}");
        }
    }
    let mut bytes = b"CANARY ".to_vec();
    bytes.push(0xff);
    std::fs::write(folder.path().join("given"), bytes).unwrap();
    let run = drillmaster().arg("validate").arg(folder.path().join("given")).output().unwrap();
    assert!(!String::from_utf8_lossy(&run.stdout).contains("CANARY"));
}

#[test]
fn what_a_run_writes_is_for_its_owner_only() {
    let drill = Drill::of("region-loss");
    let out = drill.next_out().join("deep/er");
    drill.command(&out, &[]).output().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&out), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert!(files >= 5);
}

/// A parameter is secret because of its name or because of where it is used.
#[test]
fn passwords_by_param_stand_nowhere() {
    let secret = "S3same-0pen&more";
    for (name, check) in [
        ("db_password", "command: { run: [say], expect: '== {{ params.db_password }}' }"),
        ("word", "http: { url: 'http://drill:{{ params.word }}@{{ steps.db.address }}/' }"),
        ("word", "http: { url: 'http://{{ steps.db.address }}/?token={{ urlencode params.word }}' }"),
        ("word", "command: { run: [ask, --password, '{{ params.word }}'] }"),
        ("word", "command: { run: [ask], env: { PGPASSWORD: '{{ params.word }}' } }"),
    ] {
        let drill = Drill::of("region-loss")
            .playbook("params: {", &format!("params: {{ {name}: nothing,"))
            .check(&format!("- id: told\n  workload: orders\n  needs: [db]\n  {check}"));
        let out = drill.next_out();
        let run = drill.command(&out, &["--param", &format!("{name}={secret}")]).output().unwrap();
        let mut all = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        for entry in std::fs::read_dir(&out).unwrap() {
            all += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
        }
        assert!(!all.contains("S3same") && all.contains("***"), "{check}");
        let resumed = drillmaster().arg("resume").arg(&out).output().unwrap();
        assert!(!String::from_utf8_lossy(&resumed.stderr).contains("S3same"));
    }
}

/// Covers every place that expects a time or the id of a recovery point.
#[test]
fn times_without_sign_or_zone_are_mistakes() {
    for time in [
        "2h",
        "90m",
        "+2h",
        "2026-10-25T02:30:00",
        "2026-10-25",
        "2026-10-25 02:30",
        "20261025T023000Z",
        "-2 days ago",
    ] {
        for step in [
            "uses: rds.restore\n  with: { from: { db: orders, point: TIME } }",
            "uses: rds.restore\n  with: { from: { snapshot: TIME } }",
            "uses: rds.restore_to_time\n  with: { from: { db: orders, point: TIME } }",
            "uses: rds.restore_cluster\n  with: { from: { cluster: orders, point: TIME }, engine: aurora-mysql, class: db.r6g.large }",
            "uses: rds.copy_snapshot\n  with: { from: { db: orders, point: TIME } }",
            "uses: ec2.restore_volume\n  with: { from: { volume: vol-1, point: TIME } }",
            "uses: ec2.copy_snapshot\n  with: { from: { volume: vol-1, point: TIME } }",
            "uses: ec2.copy_image\n  with: { image: { of: i-1, point: TIME } }",
            "uses: ec2.launch\n  with: { image: { of: 'tag:app=orders', point: TIME }, type: t4g.small }",
            "uses: s3.restore\n  with: { from: { bucket: b, as_of: TIME }, to: b }",
            "uses: s3.verify\n  with: { bucket: b, source: { bucket: c, as_of: TIME } }",
        ] {
            let step = step.replace("TIME", &format!("\"{time}\""));
            let drill = Drill::of("region-loss").step(&format!("- id: odd\n  {step}"));
            let out = drill.next_out();
            let run = drill.command(&out, &[]).output().unwrap();
            let told = String::from_utf8_lossy(&run.stderr).into_owned();
            assert_eq!(run.status.code(), Some(2), "{step}: {told}");
            assert!(
                told.contains(&format!("`{time}` is")) || told.contains(&format!("`{time}` lies")),
                "{step}: {told}"
            );
        }
    }
    let drill = Drill::of("region-loss").step(
        "- id: odd\n  uses: s3.restore\n  with: { from: { bucket: b, as_of: 2199-01-01T00:00:00Z }, to: b }",
    );
    let run = drill.command(&drill.next_out(), &[]).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("lies in the future"));
}
