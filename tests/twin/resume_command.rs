//! `drillmaster resume` and `drillmaster abort`, with only the run's folder.

use std::path::Path;

use support::drill::{self, Drill, Run, told};

/// Leaves `keep` records of a finished run and half of the next one, as a crash may. Nothing else
/// of the run remains, and the playbook is gone.
fn cut(run: &Run, playbook: &Path, keep: usize) {
    let journal = run.folder.join("journal.ndjson");
    let text = std::fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut left = lines[..keep].join("\n") + "\n";
    left += &lines[keep][..lines[keep].len() / 2];
    for file in std::fs::read_dir(&run.folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    std::fs::write(journal, left).unwrap();
    for file in ["playbook.yaml", "estate.yaml", "orders.stack.yaml"] {
        let _may_be_gone = std::fs::remove_file(playbook.join(file));
    }
}

fn report(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap()
}

#[test]
fn a_run_goes_on_from_its_folder_alone() {
    let drill = Drill::of("account-loss");
    for share in [1, 30, 55, 80] {
        let whole = drill.run();
        let records = whole.journal().len();
        cut(&whole, drill.folder(), (records * share / 100).max(1));
        std::fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("drills/orders.stack.yaml"),
            drill.folder().join("orders.stack.yaml.elsewhere"),
        )
        .unwrap();
        let (code, out, err) = told(&["resume", whole.folder.to_str().unwrap()]);
        assert_eq!(code, whole.code, "{out}{err}");
        let found = report(&whole.folder);
        for figure in
            ["verdict", "reasons", "workloads", "t0", "finished_at", "steps", "checks", "teardown", "phases"]
        {
            assert_eq!(found[figure], whole.report[figure], "{figure} after {share} %");
        }
        assert_eq!(
            (&found["resumed"][0]["by"], &found["resumed"][0]["gap_s"]),
            (&"resume".into(), &0.0.into())
        );
        for file in ["report.html", "report.md"] {
            let page = std::fs::read_to_string(whole.folder.join(file)).unwrap();
            assert!(page.contains("the runner died"), "{file}");
        }
        assert_eq!(told(&["gate", whole.folder.to_str().unwrap()]).0, whole.code);
        // The next round needs the file again.
        std::fs::rename(
            drill.folder().join("orders.stack.yaml.elsewhere"),
            drill.folder().join("orders.stack.yaml"),
        )
        .unwrap();
    }
}

#[test]
fn an_abort_only_tears_down() {
    let drill = Drill::of("region-loss");
    let whole = drill.run();
    cut(&whole, drill.folder(), 40);
    let folder = whole.folder.to_str().unwrap();
    let (code, out, err) = told(&["abort", folder]);
    assert_eq!(code, 130, "{out}{err}");
    assert!(err.contains("by `drillmaster abort`"), "{err}");
    let found = report(&whole.folder);
    assert_eq!(found["teardown"]["left_behind"], serde_json::json!([]));
    assert_eq!(found["teardown"]["created"], found["teardown"]["deleted"]);
    // The run has ended, so both commands only write the reports again.
    std::fs::remove_file(whole.folder.join("report.md")).unwrap();
    assert_eq!((told(&["resume", folder]).0, told(&["abort", folder]).0), (130, 130));
    assert!(whole.folder.join("report.md").exists());
}

#[test]
fn an_abort_removes_what_was_kept_and_leaves_the_verdict() {
    let drill = Drill::of("az-loss");
    let whole = drill.run_with(&["--start", drill::START, "--keep-sandbox"]);
    let folder = whole.folder.to_str().unwrap();
    assert!(whole.report["sandbox"]["kept_until"].is_string());
    assert_eq!(whole.report["teardown"]["deleted"], 0);
    // `resume` has nothing to continue.
    assert_eq!(told(&["resume", folder]).0, whole.code);
    let journal = whole.folder.join("journal.ndjson");
    let kept = std::fs::read_to_string(&journal).unwrap();
    assert_eq!(kept.lines().count(), whole.journal().len());

    let torn_down = |by: &str| {
        let (code, out, err) = told(&[by, folder]);
        assert_eq!(code, whole.code, "{out}{err}");
        let found = report(&whole.folder);
        for figure in ["verdict", "reasons", "workloads", "t0", "steps", "checks", "findings", "resumed"] {
            assert_eq!(found[figure], whole.report[figure], "{figure}");
        }
        assert_eq!(found["sandbox"]["kept_until"], serde_json::Value::Null);
        assert_eq!(found["teardown"]["created"], whole.report["teardown"]["created"]);
        assert_eq!(found["teardown"]["created"], found["teardown"]["deleted"]);
        assert_eq!(found["teardown"]["left_behind"], serde_json::json!([]));
        assert_eq!(told(&["gate", folder]).0, whole.code);
    };
    torn_down("abort");
    let all = std::fs::read_to_string(&journal).unwrap();
    torn_down("abort");
    assert_eq!(std::fs::read_to_string(&journal).unwrap(), all, "there was nothing to do any more");
    // Wherever a runner dies during removal, another continues the removal and does nothing else.
    let (begun, ended) = (kept.lines().count() + 1, all.lines().count());
    for (records, by) in [(begun, "resume"), (begun + 4, "resume"), (ended - 2, "abort")] {
        let left: Vec<&str> = all.lines().take(records).collect();
        std::fs::write(&journal, left.join("\n") + "\n").unwrap();
        torn_down(by);
    }
}

#[test]
fn an_abort_tries_again_what_resisted() {
    let stuck = "{ step: db, error: will_not_delete }";
    let drill = Drill::of("az-loss").faults(&[stuck]);
    let whole = drill.run_with(&["--start", drill::START]);
    let folder = whole.folder.to_str().unwrap();
    assert_eq!(whole.code, 4, "{}", whole.stderr);
    assert!(whole.stderr.contains("`drillmaster abort` tries again"), "{}", whole.stderr);
    // Its dependents are tried, too, but not for as long as it resisted itself.
    let teardown_s = whole.report["phases"]["teardown_s"].as_f64().unwrap();
    assert!((2700.0..5400.0).contains(&teardown_s), "{teardown_s}");
    let records = whole.journal().len();
    for _ in 0..2 {
        let (code, out, err) = told(&["abort", folder]);
        assert_eq!(code, 4, "{out}{err}");
        let found = report(&whole.folder);
        assert_eq!(found["teardown"]["left_behind"], whole.report["teardown"]["left_behind"]);
        assert_eq!(found["workloads"], whole.report["workloads"]);
        assert_eq!(told(&["resume", folder]).0, 4);
    }
    let journal = std::fs::read_to_string(whole.folder.join("journal.ndjson")).unwrap();
    let again: Vec<&str> = journal.lines().skip(records).collect();
    assert!(again.iter().filter(|line| line.contains("\"delete_intent\"")).count() > 2, "{}", again.len());
}

#[test]
fn what_cannot_be_resumed_says_why() {
    let nothing = tempfile::tempdir().unwrap();
    let folder = nothing.path().to_str().unwrap();
    let (code, _, err) = told(&["resume", folder]);
    assert_eq!((code, err.contains("there is no journal")), (2, true), "{err}");
    std::fs::write(nothing.path().join("journal.ndjson"), "{\"prev\":\"00").unwrap();
    let (code, _, err) = told(&["abort", folder]);
    assert_eq!((code, err.contains("nothing was done")), (2, true), "{err}");
    let drill = Drill::of("az-loss");
    let run = drill.run();
    let journal = run.folder.join("journal.ndjson");
    let text = std::fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(&journal, [&lines[..10], &lines[11..20]].concat().join("\n") + "\n").unwrap();
    let (code, _, err) = told(&["resume", run.folder.to_str().unwrap()]);
    assert_eq!((code, err.contains("journal.ndjson:11:")), (2, true), "{err}");
}
