//! `extends`: playbooks that share parts. The run is the same as if the parts stood in the
//! playbook.

use serde_json::Value;
use support::drill::{Drill, drillmaster, told};

/// The sample, split in two: `base.yaml` holds accounts, sandbox and workloads.
fn split() -> Drill {
    let whole = Drill::good();
    let (mut base, mut own, mut shared) = (String::new(), "extends: base.yaml\n".to_owned(), false);
    for line in whole.playbook.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            let key = line.split(':').next().unwrap_or_default();
            shared = ["accounts", "sandbox", "workloads", "params", "objectives", "estate"].contains(&key);
        }
        let file = if shared { &mut base } else { &mut own };
        file.push_str(line);
        file.push('\n');
    }
    let drill = Drill::new(&own, &whole.estate);
    std::fs::write(drill.folder().join("base.yaml"), base).unwrap();
    drill
}

fn edit_base(drill: &Drill, edit: impl Fn(String) -> String) {
    let path = drill.folder().join("base.yaml");
    std::fs::write(&path, edit(std::fs::read_to_string(&path).unwrap())).unwrap();
}

#[test]
fn a_run_is_as_if_the_parts_stood_in_the_playbook() {
    let (whole, split) = (Drill::good().run(), split().run());
    split.exits(0);
    for part in ["/workloads", "/checks", "/coverage", "/findings", "/params"] {
        assert_eq!(split.at(part), whole.at(part), "{part}");
    }
}

#[test]
fn the_playbook_wins_by_key_and_lists_are_taken_whole() {
    let mut drill = split();
    edit_base(&drill, |base| format!("lose: {{ az: use1-az1 }}\nchecks: []\n{base}"));
    drill.playbook += "\nsandbox: { ttl: 3h }\nparams: { db_class: db.r6g.large }\n";
    let run = drill.run();
    run.exits(0).is("/params/db_class", "db.r6g.large").is("/sandbox/region", "us-west-2");
    run.is("/lose", serde_json::json!({ "region": "us-east-1" }));
}

#[test]
fn a_mistake_names_the_file_that_it_is_in() {
    let drill = split();
    edit_base(&drill, |base| base.replace("region: us-west-2", "region: us-west-22x"));
    let path = drill.write();
    let (code, stdout, _) = told(&["validate", path.to_str().unwrap()]);
    assert_eq!(code, 2, "{stdout}");
    let base = std::fs::read_to_string(drill.folder().join("base.yaml")).unwrap();
    let line = base.lines().position(|line| line.contains("us-west-22x")).unwrap() + 1;
    assert!(stdout.contains(&format!("base.yaml:{line}:")) && stdout.contains("us-west-22x"), "{stdout}");
    // The same for a rule that looks at both files, and for a mistake in the playbook itself.
    let drill = split().playbook("workload: orders\n    needs: [web]", "workload: ordrs\n    needs: [web]");
    let path = drill.write();
    let (code, stdout, _) = told(&["validate", path.to_str().unwrap()]);
    assert!(code == 2 && stdout.contains("playbook.yaml:") && stdout.contains("ordrs"), "{code} {stdout}");
}

#[test]
fn files_that_extend_each_other_in_a_circle_are_a_mistake() {
    let drill = split();
    for (first, words) in [
        ("extends: playbook.yaml\n", "extends itself"),
        ("extends: ./base.yaml\n", "extends itself"),
        ("extends: nowhere.yaml\n", "cannot be read"),
    ] {
        let base = drill.folder().join("base.yaml");
        let before = std::fs::read_to_string(&base).unwrap();
        std::fs::write(&base, format!("{first}{before}")).unwrap();
        let path = drill.write();
        let (code, stdout, _) = told(&["validate", path.to_str().unwrap()]);
        assert!(
            code == 2 && stdout.contains(words) && stdout.contains("base.yaml:1:10"),
            "{words}: {stdout}"
        );
        std::fs::write(&base, before).unwrap();
    }
    // A chain of `extends` is no mistake.
    edit_base(&drill, |base| format!("extends: more.yaml\n{base}"));
    std::fs::write(drill.folder().join("more.yaml"), "params: { last: 1 }\n").unwrap();
    let run = drill.run();
    run.exits(0).is("/params/last", "1");
}

/// The journal holds all files and one digest of them. A resumed run reads no file from the disk.
#[test]
fn the_record_keeps_all_files() {
    let drill = split();
    let run = drill.run();
    let digest = run.at("/playbook/sha256").clone();
    let started = &run.events("run_started")[0];
    let kept = started.pointer("/inputs/files/base.yaml").and_then(Value::as_str).unwrap();
    assert!(kept.contains("accounts:"), "{kept}");
    edit_base(&drill, |base| format!("# changed\n{base}"));
    let again = drill.run();
    assert_ne!(*again.at("/playbook/sha256"), digest);
    std::fs::remove_file(drill.folder().join("base.yaml")).unwrap();
    // A runner that died leaves the first half of the journal.
    let path = run.folder.join("journal.ndjson");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(&path, format!("{}\n", lines[..lines.len() / 2].join("\n"))).unwrap();
    let output = drillmaster().arg("resume").arg(&run.folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value =
        serde_json::from_slice(&std::fs::read(run.folder.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["playbook"]["sha256"], digest);
}

#[test]
fn a_base_is_checked_with_the_playbook_that_extends_it() {
    let drill = split();
    let path = drill.write();
    let base = drill.folder().join("base.yaml");
    let (code, stdout, _) = told(&["validate", path.to_str().unwrap(), base.to_str().unwrap()]);
    assert!(code == 0 && stdout.contains("2 playbooks: valid"), "{code} {stdout}");
    // `validate` does not skip the base, although it is no text.
    std::fs::write(&base, [0, 159, 146, 150]).unwrap();
    for files in [&[&path][..], &[&path, &base]] {
        let files: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
        let (code, stdout, _) = told(&[&["validate"], &files[..]].concat());
        assert!(code == 2 && stdout.contains("base.yaml:"), "{code} {stdout}");
    }
}
