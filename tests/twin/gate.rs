//! Each exit code of the gate, with its reason.

use base::duration::Span;
use base::exit::Exit;
use clap::Parser;
use drillmaster::cli::gate;
use record::objectives::Fold;
use record::objectives::gate::{Demand, GateResult, GateStatus, MaxAge, Measure, Overrides, Terms, judge};
use record::report::model::Report;
use serde_json::{Value, json};
use support::drill::Drill;
use support::ui_fixture::{passed, report, workload};

/// The fold of a run whose journal gives this report.
fn fold(report: &Report) -> Fold {
    let lost = report.blast_radius.lost.clone();
    let workloads = report.workloads.iter().map(|w| w.name.clone());
    let lost = workloads.map(|name| (name, lost.clone())).collect();
    Fold { report: report.clone(), lost, finished: true }
}

fn plain(report: &Report) -> GateResult {
    judge(&fold(report), &Terms::default(), None)
}

fn with(report: &Report, rto: Option<&str>, rpo: Option<&str>) -> GateResult {
    let span = |text: &str| text.parse::<Span>().unwrap();
    let overrides = Overrides { rto: rto.map(span), rpo: rpo.map(span) };
    judge(&fold(report), &Terms { overrides, ..Terms::default() }, None)
}

/// Checks the exit code and the one line that caused it.
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
    judge(&fold(now), &Terms { tolerance, ..Terms::default() }, Some(&fold(before)))
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
        "worse, more than 20 %",
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

pub fn cli(args: &[&str]) -> (u8, String) {
    printed(args, gate::Look::default(), |_| None)
}

fn printed(args: &[&str], look: gate::Look, env: impl Fn(&str) -> Option<String>) -> (u8, String) {
    let Cli { args } =
        Cli::try_parse_from([&["gate"], args].concat()).unwrap_or_else(|error| panic!("{error}"));
    let mut page = Vec::new();
    let code = gate::judge_all(&args, look, &mut page, env);
    (code.code(), String::from_utf8(page).unwrap())
}

#[test]
fn runs_are_read_from_folders_and_files_and_all_are_told() {
    let (good, bad) = (Drill::of("az-loss").run(), Drill::of("region-loss").run());
    let good_file = good.folder.join("report.json");
    let (good, bad) = (good.folder.to_str().unwrap(), bad.folder.to_str().unwrap());
    assert_eq!(cli(&[good]).0, 0);
    let (code, text) = cli(&[bad, good_file.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(text.contains("FAILED (exit code 1)") && text.contains("PASSED (exit code 0)"), "{text}");
    assert!(text.contains("SIMULATED on the twin"), "{text}");
    let (code, text) = cli(&[good, "--baseline", bad, "--tolerance", "20%"]);
    assert_eq!(code, 2, "of another playbook: {text}");
    let (code, text) = cli(&[good, "--rto", "1m", "--output", "json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["exit_code"], &value["simulated"]), (1, &json!(1), &json!(true)), "{text}");
    assert_eq!(value["lines"][0]["status"], "missed");
    assert_eq!(value["caveats"][0]["kind"], "simulated");
}

#[test]
fn what_cannot_be_read_is_told_with_exit_code_2() {
    let run = Drill::of("az-loss").run();
    let good = run.folder.to_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    for (name, text) in [
        ("torn", &b"{ \"schema\": \"drillmaster/report/v1\",\n"[..]),
        ("newer", b"{ \"schema\": \"drillmaster/report/v9\" }"),
        ("foreign", b"{}"),
        ("hollow", b"{ \"schema\": \"drillmaster/report/v1\" }"),
        ("binary", b"\xff\xfe\x00"),
    ] {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(run.folder.join("journal.ndjson"), folder.join("journal.ndjson")).unwrap();
        std::fs::write(folder.join("report.json"), text).unwrap();
    }
    for (name, words) in [
        ("absent", "there is no such run"),
        ("empty", "there is no journal"),
        ("torn", "report.json:2:0: the report is damaged"),
        ("newer", "the schema `drillmaster/report/v9`"),
        ("foreign", "it has no `schema`"),
        ("hollow", "missing field `run_id`"),
        ("binary", "is damaged"),
    ] {
        let path = dir.path().join(name);
        let (code, text) = cli(&[good, path.to_str().unwrap()]);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(words) && text.contains(name) && text.contains("PASSED"), "{text}");
        let (code, text) = cli(&[good, "--baseline", path.to_str().unwrap()]);
        assert!(code == 2 && text.contains("the baseline: ") && text.contains(words), "{text}");
    }
}

/// Lines are not wrapped where no width is set. On a terminal, no line is wider than the terminal.
#[test]
fn lines_are_wrapped_on_a_terminal_alone() {
    let run = Drill::of("region-loss").run();
    let folder = run.folder.to_str().unwrap();
    let (_, plain) = cli(&[folder]);
    let judged = plain.lines().skip(1);
    assert!(judged.clone().all(|line| !line.starts_with("             ")), "{plain}");
    assert!(judged.map(str::len).any(|length| length > 80), "{plain}");
    let look = gate::Look { columns: Some(60), ..gate::Look::default() };
    let (_, wrapped) = printed(&[folder], look, |_| None);
    assert!(wrapped.lines().skip(1).all(|line| line.chars().count() <= 60), "{wrapped}");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&plain), words(&wrapped));
}

#[test]
fn the_result_goes_to_github_as_that_of_a_run_does() {
    let run = Drill::of("region-loss").run();
    let summary = tempfile::NamedTempFile::new().unwrap();
    let path = summary.path().to_str().unwrap().to_owned();
    let env = |name: &str| match name {
        "GITHUB_STEP_SUMMARY" => Some(path.clone()),
        "GITHUB_ACTIONS" => Some("true".to_owned()),
        _ => None,
    };
    let absent = "/nonexistent/run";
    let args = [run.folder.to_str().unwrap(), absent];
    let (code, text) = printed(&args, gate::Look::default(), env);
    assert_eq!(code, 2);
    let annotations: Vec<&str> = text.lines().filter(|line| line.starts_with("::")).collect();
    assert!(annotations[0].starts_with("::error file="), "{annotations:?}");
    assert!(annotations[0].contains("title=Simulated%3A gate%3A MISSED::orders: RPO"), "{annotations:?}");
    assert!(annotations.iter().any(|line| line.starts_with("::warning") && line.contains("in no workload")));
    assert!(annotations.iter().any(|line| line.contains(absent) && line.contains("not judged")));
    let summary = std::fs::read_to_string(summary.path()).unwrap();
    for words in [
        "## Gate: FAILED: `orders-region-loss` (simulated)",
        "| MISSED | `orders` |",
        "in no workload",
        "not judged",
    ] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
    let (_, json) = printed(&[args[0], "--output", "json"], gate::Look::default(), env);
    assert!(serde_json::from_str::<Value>(&json).is_ok(), "no annotations among JSON: {json}");
}

/// Each requirement, with a case that meets it, one that does not, and one that leaves it unknown.
#[test]
fn what_is_demanded_must_be_known_and_met() {
    use GateStatus::{Met, Missed, Unknown};
    type Change = fn(&mut Value);
    let nothing: Change = |_| {};
    let real: Change = |r| {
        r["on"] = json!("aws");
        r["simulated"] = json!(false);
    };
    let half: Change = |r| {
        r["coverage"]["uncovered"] = json!(["ec2:volume/vol-1"]);
        r["blast_radius"]["lost"] = json!(["rds:db/orders", "ec2:volume/vol-1"]);
    };
    let no_coverage: Change = |r| r["coverage"]["covered"] = json!([]);
    let worst = |value: Value| report(|r| r["workloads"][0]["rpo"]["worst_case_s"] = value);
    let no_objective = report(|r| {
        r["workloads"][0]["rpo"]["objective_s"] = json!(null);
        r["workloads"][0]["rpo"]["worst_case_s"] = json!(1.0);
    });
    let at_least = report(|r| {
        r["workloads"][0]["rpo"]["worst_case_s"] = json!(null);
        r["workloads"][0]["rpo"]["worst_case_at_least_s"] = json!(14401.0);
    });
    let assumed: Change = |r| {
        r["findings"] = json!([{ "rule": "probe-without-value", "severity": "medium", "resource": "rows", "message": "m", "fix": "f" }]);
    };
    let cases = vec![
        (Demand::Real, report(real), Met, "real run"),
        (Demand::Real, report(nothing), Missed, "simulated"),
        (Demand::Coverage(1.0), report(nothing), Met, "1 of 1"),
        (Demand::Coverage(0.5), report(half), Met, "1 of 2"),
        (Demand::Coverage(0.51), report(half), Missed, "ec2:volume/vol-1; 1 of them in no workload"),
        (Demand::Coverage(0.01), report(no_coverage), Unknown, "names nothing"),
        (Demand::WorstCase, worst(json!(14400.0)), Met, "within"),
        (Demand::WorstCase, worst(json!(14400.1)), Missed, "exceeds"),
        (Demand::WorstCase, worst(json!(null)), Unknown, "unknown"),
        (Demand::WorstCase, at_least, Missed, "at least"),
        (Demand::WorstCase, no_objective, Unknown, "--rpo"),
        (Demand::NoAssumed, report(nothing), Met, "no check"),
        (Demand::NoAssumed, report(assumed), Missed, "1 of 2 were: rows"),
    ];
    for (demand, report, status, words) in cases {
        let terms = Terms { demands: vec![demand], ..Terms::default() };
        let result = judge(&fold(&report), &terms, None);
        let measure = if demand == Demand::WorstCase { Measure::WorstCase } else { Measure::Demand };
        blamed(&result, u8::from(status != Met), measure, status, words);
    }
    for (now, status) in [
        ("2026-03-01T12:30:00Z", Met),
        ("2026-03-02T13:00:00Z", Missed),
        // The twin's time is virtual. A run may end in the future, but it may not begin there.
        ("2026-03-01T12:00:00Z", Met),
        ("2026-03-01T11:00:00Z", Unknown),
    ] {
        let max_age = Some(MaxAge { age: "1d".parse().unwrap(), now: now.parse().unwrap() });
        let result = judge(&fold(&passed()), &Terms { max_age, ..Terms::default() }, None);
        blamed(&result, u8::from(status != Met), Measure::Demand, status, "");
    }
    let early = Some(MaxAge { age: "1d".parse().unwrap(), now: "2026-03-01T12:00:00Z".parse().unwrap() });
    let result = judge(&fold(&report(real)), &Terms { max_age: early, ..Terms::default() }, None);
    blamed(&result, 1, Measure::Demand, Unknown, "ended in the future");
}

#[test]
fn demands_on_the_command_line() {
    let parse =
        |text: &str| Cli::try_parse_from(["gate", "run", "--require", text]).map(|cli| cli.args.require);
    assert_eq!(parse("real,worst-case").ok(), Some(vec![Demand::Real, Demand::WorstCase]));
    assert_eq!(parse("coverage=95%").ok(), Some(vec![Demand::Coverage(0.95)]));
    assert_eq!(parse("no-assumed").ok(), Some(vec![Demand::NoAssumed]));
    for bad in [
        "",
        "reel",
        "coverage",
        "coverage=",
        "coverage=100",
        "coverage=0%",
        "coverage=101%",
        "coverage=nan",
        "real=1",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    assert!(Cli::try_parse_from(["gate", "run", "--max-age", "100"]).is_err());
}

/// Anything that the baseline looked at and the run does not is a regression. The gate names it.
#[test]
fn less_looked_at_is_a_regression() {
    type Change = fn(&mut Value);
    let before = report(|r| {
        r["steps"][0]["recovery_points"] = json!(["orders-west-2h"]);
        r["checks"][0]["rungs"] = json!([{ "name": "volume", "health": "healthy", "observed": "7 rows" }]);
        r["blast_radius"]["lost"] = json!(["rds:db/orders", "ec2:instance/i-1", "ec2:instance/i-2"]);
    });
    let cases: [(Change, &[&str]); 14] = [
        (|r| drop(r["workloads"].as_array_mut().unwrap().remove(0)), &["orders", "this workload"]),
        (|r| drop(r["checks"].as_array_mut().unwrap().remove(0)), &["check `rows`", "is gone"]),
        (|r| r["checks"][0]["status"] = json!("skipped"), &["check `rows`", "skipped now"]),
        (|r| r["checks"][0]["rungs"] = json!([]), &["check `rows`", "the rungs volume"]),
        (|r| r["checks"][0]["kind"] = json!("tcp"), &["check `rows`", "kind tcp", "sql"]),
        (|r| r["checks"][0]["workload"] = json!(null), &["check `rows`", "no workload"]),
        (
            |r| r["findings"] = json!([{ "rule": "probe-without-value", "severity": "medium", "resource": "rows", "message": "m", "fix": "f" }]),
            &["check `rows`", "assumed now"],
        ),
        (|r| r["workloads"][0]["rpo"]["sources"] = json!([]), &["rds:db/orders", "is not now"]),
        (
            |r| r["workloads"][0]["rpo"]["sources"][0]["data_age_s"] = json!(null),
            &["rds:db/orders", "was measured in the baseline"],
        ),
        (|r| drop(r["steps"].as_array_mut().unwrap().remove(0)), &["step `db`", "is gone"]),
        (|r| r["steps"][0]["status"] = json!("not_run"), &["step `db`", "did not now"]),
        (|r| r["workloads"][0]["rto"]["objective_s"] = json!(null), &["RTO objective 45m", "none now"]),
        (|r| r["workloads"][0]["rpo"]["objective_s"] = json!(14401.0), &["RPO objective", "looser than 4h"]),
        (
            |r| r["blast_radius"]["lost"] = json!(["rds:db/orders", "ec2:instance/i-1"]),
            &["ec2:instance/i-2", "1 ec2:instance instead of 2"],
        ),
    ];
    assert_eq!(against(&before, &before, 0.0).exit_code.code(), 0);
    for (change, words) in cases {
        let mut now = serde_json::to_value(&before).unwrap();
        change(&mut now);
        let now: Report = serde_json::from_value(now).unwrap();
        let result = against(&now, &before, 9.0);
        assert_eq!(result.exit_code.code(), 1, "{words:?}: {result:#?}");
        let named = result.lines.iter().any(|line| {
            let text = format!("{}: {}", line.workload, line.message);
            line.status == GateStatus::Regressed && words.iter().all(|word| text.contains(word))
        });
        assert!(named, "{words:?}: {result:#?}");
    }
    // A machine that replaced another one is no regression.
    let mut now = before.clone();
    now.blast_radius.lost[2] = "ec2:instance/i-3".into();
    assert_eq!(against(&now, &before, 0.0).exit_code.code(), 0);
    // A lost machine that no workload lists any more is a regression.
    let mut listed = fold(&now);
    now.blast_radius.lost.push("ec2:instance/i-2".into());
    listed.report = now;
    blamed(
        &judge(&listed, &Terms::default(), Some(&fold(&before))),
        1,
        Measure::Baseline,
        GateStatus::Regressed,
        "ec2:instance/i-2 is lost, and the workload no longer lists it",
    );
}

#[test]
fn what_became_better_is_shown() {
    let now = report(|r| {
        r["workloads"][0]["rto"]["with_assumptions_s"] = json!(1505.0);
        r["checks"].as_array_mut().unwrap()[0]["id"] = json!("rows");
        let mut more = r["checks"][0].clone();
        more["id"] = json!("cart");
        r["checks"].as_array_mut().unwrap().push(more);
    });
    let result = against(&now, &passed(), 0.0);
    blamed(&result, 0, Measure::Rto, GateStatus::Improved, "5m better");
    blamed(&result, 0, Measure::Baseline, GateStatus::Improved, "check `cart`");
    // The playbook cannot loosen an objective that the command line replaces.
    let looser = report(|r| r["workloads"][0]["rto"]["objective_s"] = json!(9000.0));
    let overrides = Overrides { rto: "2h".parse().ok(), rpo: None };
    let terms = Terms { overrides, ..Terms::default() };
    assert_eq!(judge(&fold(&looser), &terms, Some(&fold(&passed()))).exit_code.code(), 0);
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
