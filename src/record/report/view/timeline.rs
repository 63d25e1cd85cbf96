//! The view of the timeline: phases, steps and checks, relative to T0.

use std::collections::BTreeSet;

use serde::Serialize;

use super::figures::{Bar, Mark, Origin, Scale, length, ticks};
use super::{Badge, Limits, rows};
use crate::report::model::{CheckReport, CheckStatus, Report, StepReport, StepStatus};

/// The most rows of the picture. Nobody reads more.
pub const MOST_ROWS: usize = 200;
/// If there are more rows, this many of the longest are shown, besides the critical and the failed
/// ones.
const LONGEST: usize = 100;

#[derive(Debug, Serialize)]
pub struct Timeline {
    pub ticks: Vec<Mark>,
    pub rows: Vec<Row>,
    pub left_out: usize,
    /// `T0`, or the start of the run if the disaster was never declared.
    pub origin: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: String,
    /// `phase`, `step` or `check`
    pub kind: &'static str,
    /// The action of a step, or the kind of a check.
    pub what: String,
    pub status: Badge,
    pub critical: bool,
    /// Empty if it never started.
    pub bars: Vec<Bar>,
    /// The start, relative to T0.
    pub start: Option<String>,
    pub took: Option<String>,
    pub note: Option<String>,
}

/// A row before the span of the picture is known.
struct Draft {
    row: Row,
    /// Seconds from T0, with the class of each bar.
    stretches: Vec<(f64, f64, &'static str)>,
    bad: bool,
    order: f64,
}

pub fn of(report: &Report, limits: Limits) -> Timeline {
    let origin = Origin::of(report);
    let end = origin.seconds(report.finished_at).max(0.0);
    let mut drafts = phases(report, origin, end);
    let phase_count = drafts.len();
    let recovered = report.phases.recover_s.clamp(0.0, end);
    drafts.extend(report.steps.iter().map(|s| step(s, origin, recovered, limits)));
    drafts.extend(report.checks.iter().map(|c| check(c, origin, recovered, limits)));
    if let Some(work) = drafts.get_mut(phase_count..) {
        work.sort_by(|a, b| a.order.total_cmp(&b.order));
    }
    let left_out = thin_out(&mut drafts, phase_count);

    let edges = drafts.iter().flat_map(|d| d.stretches.iter().flat_map(|s| [s.0, s.1]));
    let (from, to) = edges.filter(|s| s.is_finite()).fold((0.0_f64, end), |(a, b), s| (a.min(s), b.max(s)));
    let scale = Scale { from, to };
    Timeline {
        ticks: ticks(scale, origin.name),
        rows: drafts
            .into_iter()
            .map(|draft| Row {
                bars: draft.stretches.iter().map(|(a, b, class)| scale.bar(*a, *b, class)).collect(),
                ..draft.row
            })
            .collect(),
        left_out,
        origin: if report.t0.is_some() { "T0" } else { "the start of the run" },
    }
}

fn thin_out(drafts: &mut Vec<Draft>, phases: usize) -> usize {
    let all = drafts.len();
    if all - phases <= MOST_ROWS {
        return 0;
    }
    let length = |d: &Draft| d.stretches.iter().map(|(a, b, _)| b - a).sum::<f64>();
    let mut by_length: Vec<usize> = (phases..all).collect();
    by_length.sort_by(|a, b| length(&drafts[*b]).total_cmp(&length(&drafts[*a])));
    let longest: BTreeSet<usize> = by_length.into_iter().take(LONGEST).collect();
    // Thousands of rows may be left. Failed ones come first, then critical ones, then those that
    // never ran.
    let rank = |d: &Draft| match (d.bad && !d.stretches.is_empty(), d.row.critical, d.bad) {
        (true, _, _) => 0,
        (_, true, _) => 1,
        (_, _, true) => 2,
        _ => 3,
    };
    let mut ranked: Vec<usize> =
        (phases..all).filter(|at| rank(&drafts[*at]) < 3 && !longest.contains(at)).collect();
    ranked.sort_by_key(|at| rank(&drafts[*at]));
    let chosen: BTreeSet<usize> =
        ranked.into_iter().take(MOST_ROWS).chain(longest).chain(0..phases).collect();
    let mut at = 0;
    drafts.retain(|_| {
        at += 1;
        chosen.contains(&(at - 1))
    });
    all - drafts.len()
}

fn phases(report: &Report, origin: Origin, end: f64) -> Vec<Draft> {
    let start = origin.seconds(report.started_at);
    let p = &report.phases;
    let prepared = start + p.preflight_s;
    // Teardown is the last timed phase. The report follows it.
    let teardown = (end - p.teardown_s).max(p.recover_s.min(end));
    let all = [
        ("preflight", start, p.preflight_s, "harness"),
        ("prepare the sandbox", prepared, p.prepare_s, "harness"),
        ("recover and verify", 0.0, p.recover_s, "recover"),
        ("teardown", teardown, p.teardown_s, "harness"),
    ];
    all.into_iter()
        .filter(|(name, ..)| report.t0.is_some() || *name != "recover and verify")
        .map(|(name, from, seconds, class)| Draft {
            row: Row {
                id: name.into(),
                kind: "phase",
                what: if class == "harness" { "harness".into() } else { String::new() },
                status: Badge::plain(""),
                critical: false,
                bars: Vec::new(),
                start: Some(origin.offset(from)),
                took: Some(length(seconds)),
                note: None,
            },
            stretches: vec![(from, from + seconds, class)],
            bad: false,
            order: from,
        })
        .collect()
}

fn step(step: &StepReport, origin: Origin, recovered: f64, limits: Limits) -> Draft {
    let class = match step.status {
        StepStatus::Succeeded if step.critical => "step critical",
        StepStatus::Succeeded => "step",
        StepStatus::Failed | StepStatus::Skipped | StepStatus::NotRun => "failed",
    };
    let from = step.started_at.map(|t| origin.seconds(t));
    let to = step.finished_at.map_or(recovered, |t| origin.seconds(t));
    let tries = (step.attempts > 1).then(|| format!("{} attempts", step.attempts));
    let because = step.because.as_deref().map(|b| limits.note(b));
    Draft {
        row: Row {
            id: limits.label(&step.id),
            kind: "step",
            what: limits.label(&step.uses),
            status: rows::step_badge(step.status),
            critical: step.critical,
            bars: Vec::new(),
            start: step.started_at.map(|t| origin.offset_of(t)),
            took: step.seconds.map(length),
            note: join(tries, because),
        },
        stretches: from.map(|from| (from, to.max(from), class)).into_iter().collect(),
        bad: step.status != StepStatus::Succeeded,
        order: from.unwrap_or(f64::MAX),
    }
}

fn check(check: &CheckReport, origin: Origin, recovered: f64, limits: Limits) -> Draft {
    let from = check.ready_at.map(|t| origin.seconds(t));
    let healthy = check.healthy_at.map(|t| origin.seconds(t));
    let settled = check.settled_at.map(|t| origin.seconds(t));
    let mut stretches = Vec::new();
    if let Some(from) = from {
        match (check.status, healthy) {
            (CheckStatus::Healthy, Some(healthy)) => {
                let class = if check.critical { "check critical" } else { "check" };
                stretches.push((from, healthy.max(from), class));
                if let Some(settled) = settled.filter(|s| *s > healthy) {
                    stretches.push((healthy, settled, "held"));
                }
            }
            _ => stretches.push((from, settled.unwrap_or(recovered).max(from), "failed")),
        }
    }
    let because = check.because.as_deref().map(|b| limits.note(b));
    let observed = check.observed.as_deref().map(|o| format!("observed {}", limits.note(o)));
    Draft {
        row: Row {
            id: limits.label(&check.id),
            kind: "check",
            what: limits.label(&check.kind),
            status: rows::check_badge(check.status),
            critical: check.critical,
            bars: Vec::new(),
            start: check.ready_at.map(|t| origin.offset_of(t)),
            took: check.seconds.map(length),
            note: because.or_else(|| observed.filter(|_| check.status != CheckStatus::Healthy)),
        },
        stretches,
        bad: check.status != CheckStatus::Healthy,
        order: from.unwrap_or(f64::MAX),
    }
}

fn join(a: Option<String>, b: Option<String>) -> Option<String> {
    match (a, b) {
        (Some(a), Some(b)) => Some(format!("{a}; {b}")),
        (a, b) => a.or(b),
    }
}
