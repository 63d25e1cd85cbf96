//! The lists for an auditor to check line by line.

use serde::Serialize;

use super::figures::{Origin, length};
use super::{Badge, Limits, List};
use crate::report::model::{
    CheckReport, CheckStatus, Confirmation, Report, RungHealth, Severity, StepReport, StepStatus, TeardownRan,
};

#[derive(Debug, Serialize)]
pub struct StepRow {
    pub id: String,
    pub uses: String,
    pub workload: Option<String>,
    pub status: Badge,
    pub critical: bool,
    pub because: Option<String>,
    pub needs: List<String>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub took: Option<String>,
    pub attempts: u32,
    pub resources: List<String>,
    pub recovery_points: List<String>,
}

#[derive(Debug, Serialize)]
pub struct CheckRow {
    pub id: String,
    pub kind: String,
    pub workload: Option<String>,
    pub status: Badge,
    pub critical: bool,
    pub because: Option<String>,
    pub ready: Option<String>,
    pub healthy: Option<String>,
    pub took: Option<String>,
    pub observed: Option<String>,
    pub tries: u32,
}

/// One rung of a check of data.
#[derive(Debug, Serialize)]
pub struct RungRow {
    pub check: String,
    pub rung: String,
    pub health: Badge,
    pub observed: String,
    pub why: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct FindingRow {
    pub severity: Badge,
    pub rule: String,
    pub resource: String,
    pub message: String,
    pub fix: String,
}

#[derive(Debug, Serialize)]
pub struct DeniedRow {
    pub call: String,
    pub locus: String,
    pub step: String,
    pub why: String,
}

#[derive(Debug, Serialize)]
pub struct CallRow {
    pub name: String,
    pub count: u64,
    pub throttled: u64,
}

#[derive(Debug, Serialize)]
pub struct TeardownView {
    pub created: usize,
    pub deleted: usize,
    pub left_behind: List<String>,
    pub status: Badge,
    pub sentence: String,
}

pub fn step_badge(status: StepStatus) -> Badge {
    match status {
        StepStatus::Succeeded => Badge::ok("succeeded"),
        StepStatus::Failed => Badge::bad("failed"),
        StepStatus::Skipped => Badge::unknown("skipped"),
        StepStatus::NotRun => Badge::unknown("not run"),
    }
}

pub fn check_badge(status: CheckStatus) -> Badge {
    match status {
        CheckStatus::Healthy => Badge::ok("healthy"),
        CheckStatus::Unhealthy => Badge::bad("unhealthy"),
        CheckStatus::Unknown => Badge::unknown("unknown"),
        CheckStatus::Skipped => Badge::unknown("skipped"),
    }
}

/// `confirmed by Ada: looked at it`
fn confirmed(confirmation: &Confirmation) -> String {
    let note = confirmation.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("confirmed by {}{note}", confirmation.by)
}

/// Returns steps in the order of the playbook. If there are too many, keeps failed and critical
/// ones first.
pub fn steps(report: &Report, limits: Limits, selected: impl Fn(&StepReport) -> bool) -> List<StepRow> {
    let chosen: Vec<&StepReport> = report.steps.iter().filter(|s| selected(s)).collect();
    List::choose(chosen, limits.rows, |s| s.status != StepStatus::Succeeded, |s| s.critical).map(|s| {
        StepRow {
            id: limits.name(&s.id),
            uses: limits.name(&s.uses),
            workload: s.workload.as_deref().map(|w| limits.name(w)),
            status: step_badge(s.status),
            critical: s.critical,
            because: s
                .because
                .clone()
                .or_else(|| s.confirmed.as_ref().map(confirmed))
                .map(|b| limits.prose(&b)),
            needs: List::cut(s.needs.iter().map(|n| limits.name(n)), 20),
            start: s.started_at.map(|t| Origin::of(report).offset_of(t)),
            end: s.finished_at.map(|t| Origin::of(report).offset_of(t)),
            took: s.seconds.map(length),
            attempts: s.attempts,
            resources: List::cut(s.resources.iter().map(|n| limits.name(n)), 100),
            recovery_points: List::cut(s.recovery_points.iter().map(|n| limits.name(n)), 20),
        }
    })
}

/// Returns checks in the same way.
pub fn checks(report: &Report, limits: Limits, selected: impl Fn(&CheckReport) -> bool) -> List<CheckRow> {
    let chosen: Vec<&CheckReport> = report.checks.iter().filter(|c| selected(c)).collect();
    List::choose(chosen, limits.rows, |c| c.status != CheckStatus::Healthy, |c| c.critical).map(|c| {
        CheckRow {
            id: limits.name(&c.id),
            kind: limits.name(&c.kind),
            workload: c.workload.as_deref().map(|w| limits.name(w)),
            status: check_badge(c.status),
            critical: c.critical,
            because: c.because.as_deref().map(|b| limits.prose(b)),
            ready: c.ready_at.map(|t| Origin::of(report).offset_of(t)),
            healthy: c.healthy_at.map(|t| Origin::of(report).offset_of(t)),
            took: c.seconds.map(length),
            observed: c.observed.as_deref().map(|o| limits.prose(o)),
            tries: c.tries,
        }
    })
}

/// Returns the rungs of all checks. If there are too many, keeps those that are not healthy first.
pub fn rungs(report: &Report, limits: Limits) -> List<RungRow> {
    let all = report.checks.iter().flat_map(|check| check.rungs.iter().map(move |rung| (check, rung)));
    let bad = |rung: &(_, &base::rung::Rung)| rung.1.health != RungHealth::Healthy;
    List::choose(all.collect(), limits.rows, bad, |_| false).map(|(check, rung)| RungRow {
        check: limits.name(&check.id),
        rung: limits.name(&rung.name),
        health: match rung.health {
            RungHealth::Healthy => Badge::ok("healthy"),
            RungHealth::Unhealthy => Badge::bad("unhealthy"),
            RungHealth::Unknown => Badge::unknown("unknown"),
        },
        observed: limits.prose(&rung.observed),
        why: rung.why.as_deref().map(|why| limits.prose(why)),
    })
}

pub fn findings(report: &Report, limits: Limits) -> List<FindingRow> {
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|f| f.severity);
    List::cut(findings, limits.rows).map(|f| FindingRow {
        severity: match f.severity {
            Severity::High => Badge::bad("high"),
            Severity::Medium => Badge::unknown("medium"),
            Severity::Low => Badge::plain("low"),
        },
        rule: limits.name(f.rule.id()),
        resource: limits.name(&f.resource),
        message: limits.prose(&f.message),
        fix: limits.prose(&f.fix),
    })
}

pub fn denied(report: &Report, limits: Limits) -> List<DeniedRow> {
    List::cut(&report.denied_calls, limits.rows).map(|d| DeniedRow {
        call: limits.name(&d.call),
        locus: limits.name(&d.locus),
        step: limits.name(&d.step),
        why: limits.prose(&d.why),
    })
}

pub fn calls(report: &Report, limits: Limits) -> List<CallRow> {
    List::cut(&report.api_calls, limits.rows).map(|(name, count)| CallRow {
        name: limits.name(name),
        count: count.count,
        throttled: count.throttled,
    })
}

pub fn teardown(report: &Report, limits: Limits) -> TeardownView {
    let t = &report.teardown;
    let (status, sentence) = if !t.left_behind.is_empty() {
        let counted = format!("{} created, {} deleted", t.created, t.deleted);
        match t.ran {
            TeardownRan::Whole => {
                (Badge::bad("left behind"), format!("{counted}; what is listed was not seen to be gone."))
            }
            TeardownRan::Partly => (
                Badge::bad("not ended"),
                format!("The runner died during the teardown: {counted}; what is listed may still stand."),
            ),
            TeardownRan::Never => (
                Badge::bad("never ran"),
                format!("The runner died before the teardown: {counted}; what is listed may still stand."),
            ),
        }
    } else if let Some(until) = report.sandbox.kept_until {
        (
            Badge::unknown("kept"),
            format!(
                "The sandbox was kept on request; it expires at {}. {} created, {} deleted.",
                super::figures::instant(until),
                t.created,
                t.deleted
            ),
        )
    } else if t.created == 0 {
        (Badge::plain("nothing to do"), "Nothing was created.".into())
    } else if t.ran != TeardownRan::Whole {
        (
            Badge::unknown("not ended"),
            format!(
                "The runner died: {} created, {} deleted, and nobody looked for more.",
                t.created, t.deleted
            ),
        )
    } else if t.deleted == t.created {
        let sentence = match t.created {
            0 => "Nothing was created.".to_owned(),
            created => format!("{created} created, {} deleted, nothing left behind.", t.deleted),
        };
        (Badge::ok("clean"), sentence)
    } else {
        // Some resources are neither listed nor deleted, so the result is not known to be clean.
        (
            Badge::unknown("unclear"),
            format!("{} created, {} deleted, and nothing is listed as left behind.", t.created, t.deleted),
        )
    };
    TeardownView {
        created: t.created,
        deleted: t.deleted,
        left_behind: List::cut(t.left_behind.iter().map(|s| limits.name(s)), limits.rows),
        status,
        sentence,
    }
}
