//! Each exit code of the gate for its reason.

use std::path::PathBuf;

use base::duration::Span;
use base::exit::Exit;
use clap::Parser;
use drillmaster::cli::gate;
use drillmaster::ui::TextStyle;
use record::objectives::gate::{GateResult, GateStatus, Measure, Overrides, judge};
use record::report::model::Report;
use serde_json::{Value, json};
use support::ui_fixture::{failed, passed, report, workload};

fn plain(report: &Report) -> GateResult {
    judge(report, &Overrides::default(), None, 0.0)
}

fn with(report: &Report, rto: Option<&str>, rpo: Option<&str>) -> GateResult {
    let span = |text: &str| text.parse::<Span>().unwrap();
    judge(report, &Overrides { rto: rto.map(span), rpo: rpo.map(span) }, None, 0.0)
}

/// The exit code and the one line that is to blame for it.
fn blamed(result: &GateResult, code: u8, measure: Measure, status: GateStatus, words: &str) {
    assert_eq!(result.exit_code.code(), code, "{result:#?}");
    let found =
        result.lines.iter().any(|l| l.measure == measure && l.status == status && l.message.contains(words));
    assert!(found, "no {measure:?} {status:?} with `{words}` in {result:#?}");
}

#[test]
fn a_passed_run_passes() {
    let result = plain(&passed());
    assert_eq!(result.exit_code.code(), 0, "{result:#?}");
    let rto = result.lines.iter().find(|l| l.measure == Measure::Rto).unwrap();
    assert_eq!(
        (rto.objective_s, rto.measured_s),
        (Some(2700.0), Some(1805.0)),
        "compared with what is assumed"
    );
}

#[test]
fn overrides_judge_anew() {
    blamed(
        &with(&passed(), Some("30m"), None),
        1,
        Measure::Rto,
        GateStatus::Missed,
        "30m5s exceeds the objective of 30m",
    );
    assert_eq!(with(&passed(), Some("30m5s"), None).exit_code.code(), 0);
    blamed(&with(&passed(), None, Some("2h")), 1, Measure::Rpo, GateStatus::Missed, "2h3m exceeds");
    assert_eq!(with(&passed(), None, Some("2h3m")).exit_code.code(), 0);
}

#[test]
fn a_laxer_objective_turns_a_miss_into_a_pass_and_nothing_else() {
    let missed = |change: fn(&mut Value)| {
        report(|r| {
            r["verdict"] = json!("failed");
            r["exit_code"] = json!(1);
            r["reasons"] = json!(["orders: RPO 2h3m exceeds the objective of 5m"]);
            r["workloads"][0]["rpo"]["objective_s"] = json!(300.0);
            r["workloads"][0]["rpo"]["status"] = json!("missed");
            change(r);
        })
    };
    blamed(&plain(&missed(|_| {})), 1, Measure::Rpo, GateStatus::Missed, "2h3m exceeds the objective of 5m");
    assert_eq!(with(&missed(|_| {}), None, Some("3h")).exit_code.code(), 0);
    let more = missed(|r| r["reasons"].as_array_mut().unwrap().push(json!("the sandbox was open")));
    blamed(&with(&more, None, Some("3h")), 1, Measure::Run, GateStatus::Failed, "the sandbox was open");
    let unknown_store = missed(|r| {
        r["workloads"][0]["rpo"]["sources"][0]["age_s"] = json!(null);
        r["workloads"][0]["rpo"]["sources"][0]["data_age_s"] = json!(null);
    });
    blamed(&with(&unknown_store, None, Some("3h")), 1, Measure::Rpo, GateStatus::Unknown, "not the whole");
}

#[test]
fn unknown_never_passes() {
    let unknown = report(|r| {
        r["workloads"][0]["rpo"]["measured_s"] = json!(null);
        r["workloads"][0]["rpo"]["status"] = json!("unknown");
    });
    blamed(&plain(&unknown), 1, Measure::Rpo, GateStatus::Unknown, "could not be measured");
    blamed(&with(&unknown, None, Some("52w")), 1, Measure::Rpo, GateStatus::Unknown, "could not be measured");
    let partial = report(|r| r["workloads"][0]["rto"]["status"] = json!("unknown"));
    blamed(&plain(&partial), 1, Measure::Rto, GateStatus::Unknown, "not the whole");
    let unasked = report(|r| {
        r["workloads"][0]["rpo"] = json!({ "objective_s": null, "measured_s": null, "status": "unknown", "worst_case_s": null, "sources": [] });
    });
    assert_eq!(plain(&unasked).exit_code.code(), 0, "no objective, nothing to be unknown about");
    blamed(&with(&unasked, None, Some("1h")), 1, Measure::Rpo, GateStatus::Unknown, "could not be measured");
}

#[test]
fn an_incomplete_recovery_fails_even_without_objectives() {
    let incomplete = report(|r| {
        let w = &mut r["workloads"][0];
        w["recovered"] = json!(false);
        w["missing_resources"] = json!(["s3:bucket/orders-receipts"]);
        for measure in ["rto", "rpo"] {
            w[measure]["objective_s"] = json!(null);
        }
    });
    blamed(&plain(&incomplete), 1, Measure::Recovery, GateStatus::Failed, "s3:bucket/orders-receipts");
    let contradictory = report(|r| r["workloads"][0]["missing_resources"] = json!(["s3:bucket/x"]));
    blamed(&plain(&contradictory), 1, Measure::Recovery, GateStatus::Failed, "s3:bucket/x");
}

#[test]
fn how_the_run_ended_counts() {
    let ended = |verdict: &str, left: Value| {
        plain(&report(|r| {
            r["verdict"] = json!(verdict);
            r["reasons"] = json!(["why"]);
            r["teardown"]["left_behind"] = left;
        }))
    };
    blamed(&ended("error", json!([])), 3, Measure::Run, GateStatus::Failed, "could not be carried out: why");
    blamed(&ended("interrupted", json!([])), 130, Measure::Run, GateStatus::Failed, "interrupted: why");
    blamed(&ended("failed", json!([])), 1, Measure::Run, GateStatus::Failed, "the run failed: why");
    for verdict in ["passed", "failed", "error", "interrupted"] {
        blamed(&ended(verdict, json!(["vpc/vpc-1"])), 4, Measure::Teardown, GateStatus::Failed, "vpc/vpc-1");
    }
    let undeclared = report(|r| r["t0"] = json!(null));
    blamed(&plain(&undeclared), 1, Measure::Run, GateStatus::Unknown, "never declared");
    let empty = report(|r| r["workloads"] = json!([]));
    blamed(&plain(&empty), 1, Measure::Run, GateStatus::Unknown, "no workload");
}

fn against(now: &Report, before: &Report, tolerance: f64) -> GateResult {
    judge(now, &Overrides::default(), Some(before), tolerance)
}

#[test]
fn a_regression_beyond_the_tolerance_fails() {
    let slower = |share: f64| {
        report(|r| r["workloads"][0]["rto"]["with_assumptions_s"] = json!(1805.0 * (1.0 + share)))
    };
    assert_eq!(against(&slower(0.2), &passed(), 0.2).exit_code.code(), 0);
    blamed(
        &against(&slower(0.21), &passed(), 0.2),
        1,
        Measure::Rto,
        GateStatus::Regressed,
        "more than 20 % worse",
    );
    assert_eq!(against(&slower(-0.5), &passed(), 0.0).exit_code.code(), 0);
    let older = report(|r| r["workloads"][0]["rpo"]["measured_s"] = json!(7381.0));
    blamed(
        &against(&older, &passed(), 0.0),
        1,
        Measure::Rpo,
        GateStatus::Regressed,
        "2h3m1s, 2h3m in the baseline",
    );
    let was_zero = report(|r| r["workloads"][0]["rpo"]["measured_s"] = json!(0.0));
    blamed(&against(&passed(), &was_zero, 9.0), 1, Measure::Rpo, GateStatus::Regressed, "0s in the baseline");
    let without = report(|r| r["workloads"][0]["rto"]["with_assumptions_s"] = json!(null));
    let result = against(&passed(), &without, 0.0);
    assert_eq!(result.exit_code.code(), 0, "905 against 905, not 1805 against 905: {result:#?}");
}

#[test]
fn a_workload_that_has_gone_is_a_regression_and_a_new_one_is_none() {
    let two = report(|r| r["workloads"].as_array_mut().unwrap().push(workload("billing")));
    blamed(&against(&passed(), &two, 0.0), 1, Measure::Baseline, GateStatus::Regressed, "the run does not");
    assert_eq!(against(&two, &passed(), 0.0).exit_code.code(), 0);
}

#[test]
fn a_baseline_that_says_nothing_is_refused() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 5] = [
        (|r| r["playbook"]["name"] = json!("az-loss"), "`az-loss`"),
        (|r| r["on"] = json!("aws"), "on aws"),
        (|r| r["lose"] = json!({ "region": "eu-west-1" }), "lost something else"),
        (|r| r["verdict"] = json!("error"), "could not be carried out"),
        (|r| r["verdict"] = json!("interrupted"), "interrupted"),
    ];
    for (change, words) in cases {
        blamed(
            &against(&passed(), &report(change), 0.2),
            2,
            Measure::Baseline,
            GateStatus::NotComparable,
            words,
        );
    }
    let unmeasured = report(|r| {
        r["workloads"][0]["rto"]["measured_s"] = json!(null);
        r["workloads"][0]["rto"]["with_assumptions_s"] = json!(null);
    });
    blamed(
        &against(&passed(), &unmeasured, 0.2),
        2,
        Measure::Rto,
        GateStatus::NotComparable,
        "RTO is unknown",
    );
    blamed(
        &against(&unmeasured, &passed(), 0.2),
        1,
        Measure::Rto,
        GateStatus::Unknown,
        "15m5s in the baseline",
    );
}

#[test]
fn the_gravest_code_counts() {
    let gravest =
        |codes: &[u8]| codes.iter().map(|code| Exit::of(*code).unwrap()).reduce(Exit::graver).unwrap().code();
    assert_eq!(gravest(&[0, 1, 0, 130, 3, 2]), 130);
    assert_eq!(gravest(&[0, 130, 4, 1]), 4);
    assert_eq!(gravest(&[0, 0, 1, 2]), 2);
}

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: gate::Args,
}

fn cli(args: &[&str]) -> (u8, String) {
    let Cli { args } =
        Cli::try_parse_from([&["gate"], args].concat()).unwrap_or_else(|error| panic!("{error}"));
    let mut page = Vec::new();
    let code = gate::judge_all(&args, TextStyle { color: false, unicode: true }, &mut page);
    (code.code(), String::from_utf8(page).unwrap())
}

fn save(dir: &tempfile::TempDir, name: &str, report: &Report) -> PathBuf {
    let folder = dir.path().join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(report).unwrap()).unwrap();
    folder
}

#[test]
fn runs_are_read_from_folders_and_files_and_all_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let good = save(&dir, "good", &passed());
    let bad = save(&dir, "bad", &failed());
    let (good_file, good, bad) = (good.join("report.json"), good.to_str().unwrap(), bad.to_str().unwrap());
    assert_eq!(cli(&[good]).0, 0);
    let (code, text) = cli(&[bad, good_file.to_str().unwrap()]);
    assert_eq!(code, 4);
    assert!(text.contains("LEFT BEHIND (exit code 4)") && text.contains("PASSED (exit code 0)"), "{text}");
    assert!(text.contains("SIMULATED on the twin"), "{text}");
    let (code, text) = cli(&[good, "--baseline", bad, "--tolerance", "20%"]);
    assert_eq!(code, 1, "the baseline's second workload has gone: {text}");
    let (code, text) = cli(&[good, "--rto", "10m", "--output", "json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["exit_code"], &value["simulated"]), (1, &json!(1), &json!(true)), "{text}");
    assert_eq!(value["lines"][0]["status"], "missed");
}

#[test]
fn what_cannot_be_read_is_told_with_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let good = save(&dir, "good", &passed());
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(dir.path().join(name), text).unwrap();
    write("torn", b"{ \"schema\": \"drillmaster/report/v1\",\n");
    write("newer", b"{ \"schema\": \"drillmaster/report/v9\" }");
    write("foreign", b"{}");
    write("hollow", b"{ \"schema\": \"drillmaster/report/v1\" }");
    write("binary", b"\xff\xfe\x00");
    for (name, words) in [
        ("absent", "there is no such run"),
        ("empty", "there is no report in this folder"),
        ("torn", "torn:2:0: the report is damaged"),
        ("newer", "the schema `drillmaster/report/v9`"),
        ("foreign", "it has no `schema`"),
        ("hollow", "missing field `run_id`"),
        ("binary", "is damaged"),
    ] {
        let path = dir.path().join(name);
        let (code, text) = cli(&[good.to_str().unwrap(), path.to_str().unwrap()]);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(words) && text.contains(name) && text.contains("PASSED"), "{text}");
        let (code, text) = cli(&[good.to_str().unwrap(), "--baseline", path.to_str().unwrap()]);
        assert!(code == 2 && text.contains("the baseline: ") && text.contains(words), "{text}");
    }
}

#[test]
fn tolerances() {
    let parse = |text: &str| {
        Cli::try_parse_from(["gate", "run", "--baseline", "old", "--tolerance", text])
            .map(|cli| cli.args.tolerance)
    };
    assert_eq!(parse("20%").ok(), Some(0.2));
    assert_eq!(parse("0.2").ok(), Some(0.2));
    assert_eq!(parse("150 %").ok(), Some(1.5));
    for bad in ["20", "-1%", "nan", "inf", "much", ""] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    assert!(Cli::try_parse_from(["gate", "run", "--tolerance", "20%"]).is_err(), "a tolerance of what?");
    assert!(Cli::try_parse_from(["gate"]).is_err());
    assert!(Cli::try_parse_from(["gate", "run", "--rto", "5"]).is_err());
}
