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
use super::told::Told;
use super::view::figures::{length, length_beside};
use super::{ReportError, headline, model};
use base::exit::Exit;
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
        suite.set_time(suite.test_cases.iter().filter_map(|case| case.time).sum());
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
    // Some readers show the attribute, others the text.
    status.set_type(ty).set_message(text(message)).set_description(text(message));
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
    suite.add_test_case(case("verdict", "drill", verdict(report), None));
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
    suite.set_time(suite.test_cases.iter().filter_map(|case| case.time).sum());
    suite
}

/// The exit code as a test case, so that the document is red whenever the exit code is not 0.
fn verdict(report: &Report) -> TestCaseStatus {
    let kind = match report.exit_code {
        Exit::Passed => return TestCaseStatus::success(),
        Exit::Failed | Exit::LeftBehind => NonSuccessKind::Failure,
        Exit::Wrong | Exit::Error | Exit::Interrupted => NonSuccessKind::Error,
    };
    let headline = headline::of(report);
    let mut status = failure(kind, report.exit_code.word(), &headline);
    let reasons: Vec<String> = report.reasons.iter().map(|reason| format!("- {reason}")).collect();
    status.set_description(text(&format!("{headline}\n{}", reasons.join("\n"))));
    status
}

fn teardown(report: &Report) -> TestCaseStatus {
    let model::Teardown { ran, created, deleted, left_behind, .. } = &report.teardown;
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
    let rto_s = workload.rto.measured_s.filter(|_| workload.recovered);
    suite.add_test_case(case("recovered", class, recovered, rto_s));

    for figure in figures(workload) {
        // A consistency that nobody asked for is no test.
        if figure.name != "consistency" || figure.objective_s.is_some() {
            let seconds = rto_s.filter(|_| figure.name == "rto");
            suite.add_test_case(objective(class, &figure, seconds));
        }
    }
    let all = rto_s.unwrap_or(report.phases.recover_s);
    suite.set_time(time(Some(all)).unwrap_or_default());
    let own = report.checks.iter().filter(|c| c.workload.as_ref() == Some(&workload.name));
    suite.add_test_cases(own.map(check));
    suite
}

/// A figure of a workload, as JUnit and GitHub tell it.
pub(super) struct Figure {
    pub name: &'static str,
    pub status: Status,
    pub objective_s: Option<f64>,
    told: Told,
    note: &'static str,
}

pub(super) fn figures(workload: &WorkloadReport) -> [Figure; 3] {
    let WorkloadReport { rto, rpo, consistency, .. } = workload;
    let note = if rto.with_assumptions_s.is_some() { " with assumptions" } else { "" };
    [
        Figure {
            name: "rto",
            status: rto.status,
            objective_s: rto.objective_s,
            told: Told::rto(workload),
            note,
        },
        Figure {
            name: "rpo",
            status: rpo.status,
            objective_s: rpo.objective_s,
            told: Told::rpo(workload),
            note: "",
        },
        Figure {
            name: "consistency",
            status: consistency.status,
            objective_s: consistency.objective_s,
            told: Told::consistency(workload),
            note: "",
        },
    ]
}

impl Figure {
    /// The figure and its objective in words. For an unknown figure, the reason.
    pub fn message(&self) -> String {
        let Self { objective_s, note, .. } = self;
        let figure = match self.told {
            Told::Figure(seconds) => format!("{}{note}", length_beside(seconds, *objective_s)),
            Told::AtLeast(seconds) => format!("at least {}, a part could not be measured", length(seconds)),
            Told::NotRecovered => "not recovered".into(),
            Told::NothingLost => "no store was lost".into(),
            Told::Unknown => "it could not be measured".into(),
        };
        let beside = if let Told::Figure(seconds) = self.told { Some(seconds) } else { None };
        match objective_s {
            Some(objective) => format!("{figure}, objective {}", length_beside(*objective, beside)),
            None => format!("{figure}, no objective"),
        }
    }
}

fn objective(class: &str, figure: &Figure, seconds: Option<f64>) -> TestCase {
    let message = figure.message();
    let outcome = match figure.status {
        Status::Met => TestCaseStatus::success(),
        Status::Missed => failure(NonSuccessKind::Failure, "missed", &format!("missed: {message}")),
        Status::Unknown => failure(NonSuccessKind::Failure, "unknown", &format!("unknown: {message}")),
        Status::None => skipped(&message),
    };
    let mut case = case(figure.name, class, outcome, seconds);
    case.set_system_out(text(&message));
    case
}

fn check(check: &CheckReport) -> TestCase {
    let because = check.because.as_deref().unwrap_or("no reason was recorded");
    let observed = check.observed.as_deref().map(|o| format!("observed {o}")).unwrap_or_default();
    let status = match check.status {
        CheckStatus::Healthy => TestCaseStatus::success(),
        CheckStatus::Unhealthy | CheckStatus::Unknown => {
            let message = if observed.is_empty() { because.into() } else { format!("{because}; {observed}") };
            let how = if check.status == CheckStatus::Unknown { "unknown" } else { "unhealthy" };
            failure(NonSuccessKind::Failure, how, &message)
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
        StepStatus::Failed if step.tolerated => skipped(&format!("failed, and may fail: {because}")),
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
