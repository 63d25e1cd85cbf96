//! All formats of a report agree on the exit code, the sentence and the figures.

use record::report::model::Status;
use record::report::{Format, Report, Templates, github, headline, render};
use serde_json::{Value, json};
use support::drill::Drill;
use support::report_fixtures::{error_before_t0, passed, region_loss, unpleasant};

fn rendered(report: &Report, format: Format) -> String {
    render(report, format, &Templates::built_in().unwrap()).unwrap()
}

#[test]
fn junit_and_annotations_are_red_if_the_exit_code_is_not_0() {
    for report in [passed(), region_loss(), unpleasant(), error_before_t0()] {
        let junit = rendered(&report, Format::Junit);
        let red = junit.contains("<failure") || junit.contains("<error");
        assert_eq!(red, report.exit_code.code() != 0, "{junit}");
        let errors = github::annotations(&report).iter().any(|line| line.starts_with("::error"));
        assert_eq!(errors, report.exit_code.code() != 0);
        assert!(!junit.contains("<failure/>") && !junit.contains("\"/>\n<failure"), "{junit}");
        for suite in junit.split("<testsuite ").skip(1) {
            assert!(suite.split('>').next().unwrap().contains("time="), "{suite}");
        }
    }
}

#[test]
fn the_sentence_says_what_happened() {
    let mut report = region_loss();
    report.simulated = false;
    let told = headline::of(&report);
    assert!(told.starts_with("orders came back in ") && told.contains("of data (allowed 5m)"), "{told}");
    // The worst workload comes first, and the others are counted.
    let mut other = report.workloads[0].clone();
    (other.name, other.recovered) = ("search".into(), false);
    other.incomplete = vec!["step `web`: it timed out.".into()];
    report.workloads.push(other);
    let told = headline::of(&report);
    assert!(told.starts_with("search did not come back: step `web`: it timed out; "), "{told}");
    assert!(told.contains("of the other workload 1 missed an objective"), "{told}");
    report.teardown.left_behind = vec!["ec2:volume/vol-1".into()];
    assert!(headline::of(&report).ends_with("Teardown left 1 resource behind."));
    assert!(headline::of(&error_before_t0()).contains("before the disaster was declared"));
}

#[test]
fn a_time_is_not_told_of_what_did_not_come_back() {
    let mut report = passed();
    for w in &mut report.workloads {
        w.recovered = false;
        (w.rto.status, w.rpo.status) = (Status::Unknown, Status::Unknown);
    }
    for format in [Format::Html, Format::Markdown, Format::Junit] {
        assert!(rendered(&report, format).contains("not recovered"), "{format:?}");
    }
}

#[test]
fn the_last_event_carries_the_verdict() {
    let drill = Drill::measured();
    let out = drill.next_out();
    let output = drill.command(&out, &["--output", "json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let report: Value = serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap();
    assert_eq!(last["event"], "verdict");
    for key in ["verdict", "exit_code", "headline", "reasons", "workloads", "run_id"] {
        assert_eq!(last[key], report[key], "{key}");
    }
    assert_eq!(last["seq"], json!(text.lines().count() - 1));
}

#[test]
fn stores_that_lie_apart() {
    let apart = Drill::good().run();
    apart.exits(0);
    assert_eq!(apart.one("/findings", "rule", "stores-apart")["severity"], "medium");
    apart.one("/findings", "rule", "worst-case-misses");
    let with = |consistency: &str| {
        Drill::good().playbook("rto: 45m, rpo: 3h", &format!("rto: 45m, rpo: 3h, consistency: {consistency}"))
    };
    let missed = with("5m").run();
    missed.exits(1).because(&["orders", "1h56m apart", "consistency allows 5m"]);
    missed.is(
        "/workloads/0/consistency",
        json!({ "objective_s": 300.0, "measured_s": 6960.0, "status": "missed" }),
    );
    with("2h").run().exits(0).is("/workloads/0/consistency/status", "met");
    // An unknown age never meets the objective.
    let unknown = with("2h").estate("taken: -4m, usable: -4m", "usable: -4m").run();
    unknown.exits(1).is("/workloads/0/consistency/status", "unknown");
}
