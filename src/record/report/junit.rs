//! `junit.xml`: one test case per objective, check and step, for CI systems that show test results.

use std::time::Duration;

use quick_junit::{
    NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestSuite, XmlString,
};

use super::caveats::{CaveatKind, caveats};
use super::escape::visible;
use super::model::{
    CheckReport, CheckStatus, Report, Severity, Status, StepReport, StepStatus, Verdict, WorkloadReport,
};
use super::view::figures::{length, length_beside};
use super::{ReportError, model};
use base::explanation::Topic;

pub fn render(report: &Report) -> Result<String, ReportError> {
    let simulated = if report.simulated { " (SIMULATED)" } else { "" };
    let mut document = Document::new(text(&format!("{}{simulated}", report.playbook.name)));
    document.set_timestamp(report.started_at);
    if let Some(time) = time(Some(base::duration::seconds_between(report.started_at, report.finished_at))) {
        document.set_time(time);
    }
    document.add_test_suite(drill(report));
    for workload in &report.workloads {
        document.add_test_suite(workload_suite(workload, report));
    }
    let elsewhere =
        |check: &&CheckReport| !report.workloads.iter().any(|w| Some(&w.name) == check.workload.as_ref());
    suite_of(&mut document, report, "checks", report.checks.iter().filter(elsewhere).map(check));
    suite_of(&mut document, report, "steps", report.steps.iter().map(step));
    let mut xml =
        document.to_string().map_err(|e| ReportError::Render { format: "JUnit", what: e.to_string() })?;
    if !xml.ends_with('\n') {
        xml.push('\n');
    }
    Ok(xml)
}

/// Makes control and invisible characters visible. XML cannot hold control characters, and nobody
/// would see invisible ones.
fn text(text: &str) -> XmlString {
    XmlString::new(visible(text))
}

fn time(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}

fn suite(report: &Report, name: &str) -> TestSuite {
    let mut suite = TestSuite::new(text(name));
    suite.add_property(Property::new("run_id", text(&report.run_id)));
    suite.add_property(Property::new("on", report.on.word()));
    suite.add_property(Property::new("simulated", if report.simulated { "true" } else { "false" }));
    for caveat in caveats(report).iter().filter(|caveat| caveat.kind != CaveatKind::Simulated) {
        suite.add_property(Property::new(caveat.kind.name(), text(&caveat.text)));
    }
    suite
}

fn suite_of(document: &mut Document, report: &Report, name: &str, cases: impl Iterator<Item = TestCase>) {
    let mut suite = suite(report, name);
    suite.add_test_cases(cases);
    if !suite.test_cases.is_empty() {
        document.add_test_suite(suite);
    }
}

fn case(name: &str, class: &str, status: TestCaseStatus, seconds: Option<f64>) -> TestCase {
    let mut case = TestCase::new(text(name), status);
    case.set_classname(text(class));
    if let Some(time) = time(seconds) {
        case.set_time(time);
    }
    case
}

fn failure(kind: NonSuccessKind, ty: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty).set_message(text(message));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(text(message));
    status
}

fn drill(report: &Report) -> TestSuite {
    let mut suite = suite(report, "drill");
    let reasons = report.reasons.join("; ");
    let carried_out = match report.verdict {
        Verdict::Passed | Verdict::Failed => TestCaseStatus::success(),
        Verdict::Error => failure(NonSuccessKind::Error, "error", &format!("not carried out: {reasons}")),
        Verdict::Interrupted => {
            failure(NonSuccessKind::Error, "interrupted", &format!("interrupted: {reasons}"))
        }
    };
    let p = &report.phases;
    let mut carried_out = case("carried out", "drill", carried_out, None);
    let caveats: Vec<String> = caveats(report).into_iter().map(|caveat| caveat.text).collect();
    if !caveats.is_empty() {
        carried_out.set_system_out(text(&caveats.join("\n")));
    }
    suite.add_test_case(carried_out);
    let isolation = if report.sandbox.isolation_verified {
        TestCaseStatus::success()
    } else {
        let found = report.findings.iter();
        let found = found.filter(|f| f.severity == Severity::High && f.rule.topic() == Topic::Isolation);
        let found = found.map(|f| format!("; {}: {} ({})", f.resource, f.message, f.fix));
        let message = format!("the sandbox was not verified to be isolated{}", found.collect::<String>());
        failure(NonSuccessKind::Failure, "isolation", &message)
    };
    suite.add_test_case(case("isolation", "drill", isolation, Some(p.preflight_s + p.prepare_s)));
    suite.add_test_case(case("teardown", "drill", teardown(report), Some(p.teardown_s)));
    suite
}

fn teardown(report: &Report) -> TestCaseStatus {
    let model::Teardown { ran, created, deleted, left_behind } = &report.teardown;
    if let Some(trouble) = report.teardown.trouble() {
        let left = left_behind.join(", ");
        let message = format!("{trouble}; {created} created, {deleted} deleted, left behind: {left}");
        return failure(NonSuccessKind::Failure, "left behind", &message);
    }
    match ran {
        model::TeardownRan::Whole => {}
        model::TeardownRan::Partly => return skipped("it did not come to its end, and nothing is left"),
        model::TeardownRan::Never => return skipped("it never ran, and nothing had been created"),
    }
    if let Some(until) = report.sandbox.kept_until {
        return skipped(&format!("the sandbox was kept on request, until {until}"));
    }
    if created != deleted {
        let message = format!("{created} created, {deleted} deleted: the rest is not accounted for");
        return failure(NonSuccessKind::Failure, "unknown", &message);
    }
    TestCaseStatus::success()
}

fn workload_suite(workload: &WorkloadReport, report: &Report) -> TestSuite {
    let mut suite = suite(report, &format!("workload {}", workload.name));
    let class = &workload.name;
    let recovered = if workload.recovered {
        TestCaseStatus::success()
    } else {
        let mut missing = workload.incomplete.clone();
        if !workload.missing_resources.is_empty() {
            missing.push(format!("lost and not restored: {}", workload.missing_resources.join(", ")));
        }
        failure(NonSuccessKind::Failure, "not recovered", &missing.join("; "))
    };
    suite.add_test_case(case("recovered", class, recovered, workload.rto.measured_s));

    let rto = &workload.rto;
    let figure = rto.with_assumptions_s.or(rto.measured_s);
    let note = if rto.with_assumptions_s.is_some() { " with assumptions" } else { "" };
    suite.add_test_case(objective("rto", class, rto.status, figure, rto.objective_s, note, rto.measured_s));
    let rpo = &workload.rpo;
    suite.add_test_case(objective("rpo", class, rpo.status, rpo.measured_s, rpo.objective_s, "", None));
    let own = report.checks.iter().filter(|c| c.workload.as_ref() == Some(&workload.name));
    suite.add_test_cases(own.map(check));
    suite
}

fn objective(
    name: &str,
    class: &str,
    status: Status,
    figure: Option<f64>,
    objective: Option<f64>,
    note: &str,
    seconds: Option<f64>,
) -> TestCase {
    let message =
        format!("{}, {}", figure_told(status, figure, objective, note), objective_told(objective, figure));
    let outcome = match status {
        Status::Met => TestCaseStatus::success(),
        Status::Missed => failure(NonSuccessKind::Failure, "missed", &format!("missed: {message}")),
        Status::Unknown => failure(NonSuccessKind::Failure, "unknown", &format!("unknown: {message}")),
    };
    let mut case = case(name, class, outcome, seconds);
    case.set_system_out(text(&message));
    case
}

/// Describes a figure in words. For an unknown figure, gives the reason.
pub(super) fn figure_told(status: Status, figure: Option<f64>, objective: Option<f64>, note: &str) -> String {
    match (figure.map(|s| length_beside(s, objective)), status) {
        (None, _) => "it could not be measured".into(),
        (Some(figure), Status::Unknown) => {
            format!("{figure}{note} could be timed, but the recovery is incomplete")
        }
        (Some(figure), _) => format!("{figure}{note}"),
    }
}

pub(super) fn objective_told(objective: Option<f64>, figure: Option<f64>) -> String {
    objective.map_or_else(|| "no objective".into(), |s| format!("objective {}", length_beside(s, figure)))
}

fn check(check: &CheckReport) -> TestCase {
    let because = check.because.as_deref().unwrap_or("no reason was recorded");
    let observed = check.observed.as_deref().map(|o| format!("observed {o}")).unwrap_or_default();
    let status = match check.status {
        CheckStatus::Healthy => TestCaseStatus::success(),
        CheckStatus::Unhealthy => {
            let message = if observed.is_empty() { because.into() } else { format!("{because}; {observed}") };
            failure(NonSuccessKind::Failure, "unhealthy", &message)
        }
        CheckStatus::Skipped => skipped(because),
    };
    let class = check.workload.as_deref().unwrap_or("checks");
    let mut case = case(&format!("check {}", check.id), class, status, check.seconds);
    if !observed.is_empty() {
        case.set_system_out(text(&observed));
    }
    case
}

fn step(step: &StepReport) -> TestCase {
    let because = step.because.as_deref().unwrap_or("no reason was recorded");
    let status = match step.status {
        StepStatus::Succeeded => TestCaseStatus::success(),
        StepStatus::Failed => {
            let tries = if step.attempts == 1 { "attempt" } else { "attempts" };
            failure(
                NonSuccessKind::Failure,
                "failed",
                &format!("failed after {} {tries}: {because}", step.attempts),
            )
        }
        StepStatus::Skipped => skipped(because),
        StepStatus::NotRun => skipped(&format!("not run: {because}")),
    };
    let mut case = case(&step.id, &step.uses, status, step.seconds);
    if let Some(seconds) = step.seconds {
        case.set_system_out(text(&format!("took {}, attempts: {}", length(seconds), step.attempts)));
    }
    case
}
