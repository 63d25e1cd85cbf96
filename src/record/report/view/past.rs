//! The view of earlier runs: a bar for each, with its figure, and one for this run.

use serde::Serialize;

use super::Limits;
use super::figures::{Mark, length, pct};
use crate::report::model::{Report, WorkloadReport};
use base::duration::Time;

/// The height of the highest bar, in the units of the picture's own coordinates. Its width is 100.
const HEIGHT: f64 = 48.0;

#[derive(Debug, Serialize)]
pub struct PastView {
    /// `RTO`
    pub measure: &'static str,
    /// All of it in one line: `2026-01-01 19m5s, 2026-04-01 not measured, now 18m2s`.
    pub line: String,
    pub bars: Vec<Column>,
    /// The height of the objective, in per cent from the top. Absent without an objective.
    pub objective: Option<String>,
    pub marks: Vec<Mark>,
    /// A description of the picture in words.
    pub alt: String,
}

/// A bar: a path, because a run that was not measured is drawn as a cross.
#[derive(Debug, Serialize)]
pub struct Column {
    /// `ok`, `bad`, or `none` for a run that was not measured.
    pub class: &'static str,
    pub path: String,
}

struct One {
    at: Option<Time>,
    seconds: Option<f64>,
    passed: bool,
}

impl One {
    fn date(&self) -> String {
        self.at.map_or_else(|| "now".to_owned(), |at| at.format("%Y-%m-%d").to_string())
    }
}

/// RTO and RPO of a workload in earlier runs. Empty if there were none with this workload.
pub fn of(workload: &WorkloadReport, report: &Report, limits: Limits) -> Vec<PastView> {
    let earlier: Vec<_> = report
        .past
        .iter()
        .filter_map(|run| Some((run, run.workloads.iter().find(|past| past.name == workload.name)?)))
        .collect();
    if earlier.is_empty() {
        return Vec::new();
    }
    let runs = |figure: fn(&event::PastWorkload) -> Option<f64>, now: Option<f64>| {
        let before = earlier.iter().map(|(run, past)| One {
            at: Some(run.t0),
            seconds: figure(past),
            passed: run.passed,
        });
        before.chain([One { at: None, seconds: now, passed: report.passed() }]).collect::<Vec<One>>()
    };
    let name = limits.name(&workload.name);
    vec![
        picture("RTO", &name, &runs(|past| past.rto_s, workload.rto_s()), workload.rto.objective_s),
        picture("RPO", &name, &runs(|past| past.rpo_s, workload.rpo_s()), workload.rpo.objective_s),
    ]
}

fn picture(measure: &'static str, name: &str, runs: &[One], objective: Option<f64>) -> PastView {
    let measured = runs.iter().filter_map(|run| run.seconds);
    // Some room above the highest.
    let most = measured.chain(objective).fold(0.0, f64::max).max(0.001) * 1.08;
    let width = 100.0 / runs.len() as f64;
    let bars = runs.iter().enumerate().map(|(index, run)| {
        let (left, right) = (width * (index as f64 + 0.15), width * (index as f64 + 0.85));
        match run.seconds {
            Some(seconds) => {
                let top = HEIGHT - (HEIGHT * seconds / most).max(0.8);
                let class = if run.passed { "ok" } else { "bad" };
                Column { class, path: format!("M{left:.2} {HEIGHT}V{top:.1}H{right:.2}V{HEIGHT}z") }
            }
            None => Column {
                class: "none",
                path: format!("M{left:.2} {HEIGHT}V{:.1}H{right:.2}V{HEIGHT}z", HEIGHT - 3.0),
            },
        }
    });
    let told = |run: &One| {
        let figure = run.seconds.map_or_else(|| "not measured".to_owned(), length);
        let verdict = if run.passed { "" } else { " (did not pass)" };
        format!("{} {figure}{verdict}", run.date())
    };
    let line = runs.iter().map(told).collect::<Vec<_>>().join(", ");
    let label = |index: usize, anchor: &'static str| {
        let run = runs.get(index)?;
        let x = match anchor {
            "start" => 0.0,
            _ => 100.0,
        };
        Some(Mark { x: pct(x), label: run.date(), anchor, class: "label" })
    };
    let marks =
        [label(0, "start"), label(runs.len().saturating_sub(1), "end")].into_iter().flatten().collect();
    let against =
        objective.map_or_else(String::new, |objective| format!("; objective {}", length(objective)));
    PastView {
        measure,
        bars: bars.collect(),
        objective: objective.map(|objective| format!("{:.1}", 4.0 + HEIGHT - HEIGHT * objective / most)),
        marks,
        alt: format!("{measure} of {name} over {} runs: {line}{against}", runs.len()),
        line,
    }
}
