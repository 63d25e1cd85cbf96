//! `drillmaster validate` on the files that people have: playbooks, estates, templates and other
//! YAML beside them. The files that a playbook names are read before T0.

use std::path::Path;

use serde_json::Value;
use support::drill::{Drill, told};

fn validate(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let args: Vec<String> = args
        .iter()
        .map(|arg| if arg.contains('.') { folder.join(arg).display().to_string() } else { (*arg).to_owned() })
        .collect();
    let args: Vec<&str> = std::iter::once("validate").chain(args.iter().map(String::as_str)).collect();
    told(&args)
}

/// A drill with files of other programs beside it.
fn crowded() -> Drill {
    let drill = Drill::of("account-loss");
    drill.write();
    let write = |name: &str, text: &str| std::fs::write(drill.folder().join(name), text).unwrap();
    write("compose.yaml", "services: { web: { image: nginx } }\n");
    write("hosts.yaml", "- hosts: all\n  password: hunter2\n");
    write("chart.yaml", "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n");
    write("empty.yaml", "");
    drill
}

#[test]
fn each_kind_of_file_is_checked_and_the_others_are_passed_over() {
    let drill = crowded();
    let all = [
        "compose.yaml",
        "estate.yaml",
        "playbook.yaml",
        "orders.stack.yaml",
        "hosts.yaml",
        "chart.yaml",
        "empty.yaml",
    ];
    let (code, stdout, stderr) = validate(drill.folder(), &all);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("1 playbook, 1 estate, 1 template: valid: 0 errors"), "{stdout}");
    for name in ["compose.yaml", "hosts.yaml", "chart.yaml", "empty.yaml"] {
        let told = stderr.lines().any(|line| line.starts_with("passed over: ") && line.contains(name));
        assert!(told, "{name}: {stderr}");
    }
    assert!(!stderr.contains("hunter2") && !stdout.contains("hunter2"), "{stdout}{stderr}");
    let (_, stdout, _) = validate(drill.folder(), &["playbook.yaml", "compose.yaml", "--output", "json"]);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert!(json["passed_over"][0].as_str().unwrap().ends_with("compose.yaml"), "{json}");
}

#[test]
fn each_kind_of_file_is_checked_by_itself() {
    let drill = crowded();
    for (name, what) in
        [("playbook.yaml", "1 playbook"), ("estate.yaml", "1 estate"), ("orders.stack.yaml", "1 template")]
    {
        let (code, stdout, stderr) = validate(drill.folder(), &[name]);
        assert_eq!(code, 0, "{stdout}{stderr}");
        assert!(stdout.contains(&format!("{what}: valid")), "{stdout}");
    }
    let bad = drill.estate("region: us-west-2, taken: -25h", "region: us-west-22x, taken: -25h");
    bad.write();
    let template = "Resources:\n  Out:\n    Type: AWS::EC2::InternetGateway\n";
    std::fs::write(bad.folder().join("out.stack.yaml"), template).unwrap();
    for (name, words) in [("estate.yaml", "us-west-22x"), ("out.stack.yaml", "InternetGateway")] {
        let (code, stdout, _) = validate(bad.folder(), &[name]);
        assert_eq!(code, 2, "{stdout}");
        assert!(stdout.contains(&format!("{name}:")) && stdout.contains(words), "{stdout}");
    }
    // The playbook also finds the estate's mistake. It is reported once.
    let (_, stdout, _) = validate(bad.folder(), &["playbook.yaml", "estate.yaml"]);
    assert_eq!(stdout.matches("`us-west-22x` is not a region").count(), 1, "{stdout}");
}

#[test]
fn files_of_other_programs_alone_are_nothing_to_check() {
    let (code, stdout, stderr) = validate(crowded().folder(), &["compose.yaml", "hosts.yaml"]);
    assert_eq!(code, 2, "{stdout}{stderr}");
    assert!(stderr.contains("nothing to check") && stdout.is_empty(), "{stdout}{stderr}");
}

#[test]
fn warnings_fail_if_they_are_to() {
    let drill = Drill::of("region-loss").playbook("params: {", "params: { unused: 1,");
    drill.write();
    let (code, stdout, _) = validate(drill.folder(), &["playbook.yaml"]);
    assert!(code == 0 && stdout.contains("valid: 0 errors, 1 warning\n"), "{code} {stdout}");
    let (code, stdout, _) = validate(drill.folder(), &["playbook.yaml", "--strict"]);
    assert!(code == 2 && stdout.contains("not valid: 0 errors, 1 warning (--strict)"), "{code} {stdout}");
}

/// The contents of a file are known before T0. A mistake is reported with its line.
#[test]
fn files_that_a_playbook_names_are_read() {
    let verify = "- { id: listed, uses: s3.verify, workload: orders, with: { bucket: \"{{ steps.receipts.bucket }}\", manifest: objects.csv } }";
    let drill = Drill::of("region-loss").step(verify).check(
        "- { id: tls, workload: orders, needs: [web], http: { url: \"https://{{ steps.web.instances.0.private_ip }}/\", ca_file: ca.pem } }",
    );
    drill.write();
    let folder = drill.folder();
    let good = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ0Zk\n-----END CERTIFICATE-----\n";
    for (manifest, certificate, said) in [
        ("key,size,sha256\na,1,\n", good, None),
        ("a,1\n", good, None),
        ("name,bytes\na,1\n", good, Some("objects.csv:1:1: error")),
        ("key,size,sha256\na,1\nb,many\n", good, Some("objects.csv:3:1: error")),
        ("key,size,sha256\n", good, Some("objects.csv:1:1: error: the manifest names no object")),
        ("a,1\n", "hello\n", Some("ca.pem:1:1: error: there is no certificate")),
        ("a,1\n", "x\n-----BEGIN CERTIFICATE-----\nMIIB", Some("ca.pem:2:1: error")),
    ] {
        std::fs::write(folder.join("objects.csv"), manifest).unwrap();
        std::fs::write(folder.join("ca.pem"), certificate).unwrap();
        let (code, stdout, stderr) = validate(folder, &["playbook.yaml"]);
        assert_eq!(code, if said.is_some() { 2 } else { 0 }, "{manifest}{certificate}{stdout}{stderr}");
        assert!(said.is_none_or(|said| stdout.contains(said)), "{said:?}: {stdout}");
    }
}

/// A header names the columns. A run reads the manifest as validation did.
#[test]
fn a_manifest_may_have_a_header() {
    let verify = "- { id: listed, uses: s3.verify, workload: orders, with: { bucket: \"{{ steps.receipts.bucket }}\", manifest: objects.csv } }";
    let drill = Drill::good().step(verify);
    std::fs::write(drill.folder().join("objects.csv"), "key,size,sha256\nr/1.pdf,10,\n").unwrap();
    let run = drill.run();
    let step = run.step("listed");
    let because = step["because"].as_str().unwrap_or_default();
    assert!(!because.contains("objects.csv"), "{step:#}");
    assert_ne!(step["status"], "not_run", "{step:#}");
}
