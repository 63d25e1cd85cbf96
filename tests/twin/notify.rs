//! Who is told, as far as nothing is sent: the keys, missing secrets, metrics. `tests/aws/notify.rs`
//! sends.

use std::fs;

use base::on::On;
use base::severity::Severity;
use notify::metrics::{Due, Open, Stored};
use support::drill::{Drill, told};
use support::golden;

/// The metrics without what differs between any two runs.
fn comparable(text: &str, run_id: &str) -> String {
    text.replace(run_id, "RUN").replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn metrics_are_as_agreed() {
    for (name, drill, code) in [("passed", Drill::good(), 0), ("failed", Drill::of("region-loss"), 1)] {
        let file = drill.folder().join("drill.prom");
        let run = drill.run_with(&["--start", support::drill::START, "--metrics", file.to_str().unwrap()]);
        run.exits(code);
        let text = fs::read_to_string(&file).unwrap();
        golden!("metrics", name, &comparable(&text, run.report["run_id"].as_str().unwrap()));
    }
    golden::are_all_of("metrics", &["failed".to_owned(), "passed".to_owned(), "store".to_owned()]);
}

#[test]
fn metrics_of_a_store_are_as_agreed() {
    let run = Drill::of("region-loss").run();
    let report = record::report::read(&run.folder).unwrap().report;
    let mut other = report.clone();
    other.playbook.name = "shop\"\n\\".to_owned();
    let at = |text: &str| text.parse().unwrap();
    let due = |playbook: &str, overdue, last_passed| Due {
        playbook: playbook.to_owned(),
        on: On::Aws,
        overdue,
        last_passed,
        next: Some(at("2026-04-01T06:00:00Z")),
    };
    let open = |on, counts: [usize; 3], overdue| Open {
        playbook: "orders-region-loss".to_owned(),
        on,
        by_severity: [Severity::High, Severity::Medium, Severity::Low].into_iter().zip(counts).collect(),
        overdue,
    };
    let stored = Stored {
        newest: vec![&report, &other],
        due: vec![
            due("orders-region-loss", false, Some(at("2026-02-20T09:00:00Z"))),
            due("never-held", true, None),
        ],
        open: vec![open(On::Aws, [0, 0, 0], 0), open(On::Twin, [1, 2, 0], 1)],
        unread: 1,
    };
    let text = notify::metrics::of_store(&stored);
    golden!("metrics", "store", &comparable(&text, run.report["run_id"].as_str().unwrap()));
}

#[test]
fn traces_are_as_agreed() {
    let drill = Drill::of("region-loss");
    let run = drill.run();
    let report = record::report::read(&run.folder).unwrap().report;
    let trace = notify::traces::of(&report, "drillmaster");
    let again = notify::traces::of(&report, "drillmaster");
    assert_eq!(trace, again, "the same run has the same ids");
    // The ids come from the run's own id.
    let mut fixed = report;
    fixed.run_id = "20260301T120000Z-orders-00000000".to_owned();
    fixed.drillmaster_version = "VERSION".to_owned();
    golden!("traces", "failed", &format!("{:#}\n", notify::traces::of(&fixed, "drillmaster")));
    golden::are_all_of("traces", &["failed".to_owned()]);
}

#[test]
fn a_folder_holds_a_file_for_each_playbook_and_cloud() {
    let drill = Drill::good();
    let folder = drill.folder().join("textfile");
    fs::create_dir(&folder).unwrap();
    let config = drill.folder().join("config.yaml");
    fs::write(&config, "metrics_file: textfile\n").unwrap();
    drill.run_with(&["--config", config.to_str().unwrap()]).exits(0);
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["drillmaster-orders-region-loss-twin.prom"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder.join(&names[0])).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "the collector is another user");
    }
}

#[test]
fn what_cannot_be_told_changes_no_verdict() {
    let drill = Drill::good().playbook(
        "\nsteps:\n",
        "\nnotify:\n  - slack: { url: env:NO_SUCH_VARIABLE }\n  - webhook: { url: \"http://127.0.0.1:1/\" }\n    simulated: false\n\nsteps:\n",
    );
    let nowhere = drill.folder().join("missing/drill.prom");
    let run = drill.run_with(&["--metrics", nowhere.to_str().unwrap()]);
    run.exits(0);
    let warned = run.stderr.lines().filter(|line| line.starts_with("warning: ")).collect::<Vec<_>>();
    let [secret, metrics] = warned.as_slice() else { panic!("{}", run.stderr) };
    assert!(secret.contains("slack (entry 1 of `notify` in "), "{secret}");
    assert!(
        secret.contains("the variable NO_SUCH_VARIABLE is not set; nobody will be told there"),
        "{secret}"
    );
    assert!(metrics.contains("missing/drill.prom") && metrics.contains("the verdict stands"), "{metrics}");
}

#[test]
fn a_finished_run_is_told_again() {
    let drill = Drill::good();
    let run = drill.run();
    run.exits(0);
    let folder = run.folder.to_str().unwrap();
    let (code, _, err) = told(&["notify", folder]);
    assert!(code == 2 && err.contains("names anybody to tell"), "{err}");
    let file = drill.folder().join("again.prom");
    let (code, out, err) = told(&["notify", folder, "--metrics", file.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, format!("metrics ({}): told\n", file.display()));
    assert!(fs::read_to_string(&file).unwrap().contains("drillmaster_drill_info{"));
    // A playbook of today, whose secret is missing, and one that does not ask for such a run.
    let config = drill.folder().join("config.yaml");
    fs::write(&config, "notify:\n  - slack: { url: env:NO_SUCH_VARIABLE }\n  - webhook: { url: \"http://127.0.0.1:1/\" }\n    on: [failed]\n").unwrap();
    let (code, out, err) = told(&["notify", folder, "--config", config.to_str().unwrap()]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("the variable NO_SUCH_VARIABLE is not set"), "{err}");
    assert!(out.contains("does not ask for such a run"), "{out}");
}

#[test]
fn mistakes_of_the_configuration_are_named_with_their_place() {
    let drill = Drill::good();
    let path = drill.write();
    let config = drill.folder().join("config.yaml");
    for (text, place, words) in [
        ("notify:\n  - on: [failed]\n", "config.yaml:2:5", "tells nobody"),
        ("notify:\n  - slack: { url: \"https://x\" }\n", "config.yaml:2:19", "a secret stands in no file"),
        (
            "notify:\n  - sns: { topic: \"arn:aws:sns:us-west-2:999988887777:d\", account: a }\n",
            "config.yaml:2:68",
            "none of `accounts`",
        ),
        ("traces: { endpoint: localhost }\n", "config.yaml:1:21", "no URL"),
        (
            "traces: { endpoint: \"http://a:4318\", headers: { Authorization: Bearer } }\n",
            "config.yaml:1:64",
            "a secret stands in no file",
        ),
    ] {
        fs::write(&config, text).unwrap();
        let (code, _, err) = told(&["run", path.to_str().unwrap(), "--config", config.to_str().unwrap()]);
        assert_eq!(code, 2, "{text}{err}");
        assert!(err.contains(place) && err.contains(words), "{text}{err}");
    }
}
