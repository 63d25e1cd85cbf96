//! The figures of a workload over time.

use schemars::JsonSchema;
use serde::Serialize;

use base::duration::Time;
use base::on::On;
use record::report::model::Verdict;

use crate::entry::{Entry, Figure, Figures};

/// A workload of a playbook, over its runs on one cloud.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trend {
    pub playbook: String,
    pub on: On,
    pub workload: String,
    /// The oldest first.
    pub points: Vec<Point>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Point {
    pub run_id: String,
    pub at: Time,
    pub verdict: Verdict,
    /// It passed, and left nothing behind.
    pub passed: bool,
    pub recovered: bool,
    pub rto: Compared,
    pub rpo: Compared,
    pub worst_case_s: Option<f64>,
}

/// A figure, and the one of the last run before it that passed. If none has passed, of the last that
/// measured it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Compared {
    #[serde(flatten)]
    pub figure: Figure,
    /// The share of the objective that it uses: 0.8 leaves a margin of 20 %.
    pub of_objective: Option<f64>,
    pub before_s: Option<f64>,
    pub change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// No run before it measured this.
    First,
    /// Within the tolerance.
    Same,
    Better,
    /// Worse by more than the tolerance: a regression.
    Worse,
    /// It was measured before, and now it was not: a regression.
    NotMeasured,
    /// Neither was it measured before.
    Unknown,
}

impl Change {
    pub fn is_regression(self) -> bool {
        match self {
            Self::Worse | Self::NotMeasured => true,
            Self::First | Self::Same | Self::Better | Self::Unknown => false,
        }
    }
}

/// The trends of all workloads of these runs, which stand in the order of time. `tolerance`: the share
/// by which a figure may differ and is called the same.
pub fn trends<'a>(runs: impl Iterator<Item = &'a Entry>, tolerance: f64) -> Vec<Trend> {
    let mut trends: Vec<Trend> = Vec::new();
    for run in runs {
        for figures in &run.workloads {
            let is_it =
                |t: &Trend| t.playbook == run.playbook && t.on == run.on && t.workload == figures.name;
            let at = trends.iter().position(is_it).unwrap_or_else(|| {
                let (playbook, workload) = (run.playbook.clone(), figures.name.clone());
                trends.push(Trend { playbook, on: run.on, workload, points: Vec::new() });
                trends.len() - 1
            });
            if let Some(trend) = trends.get_mut(at) {
                let point = point(run, figures, &trend.points, tolerance);
                trend.points.push(point);
            }
        }
    }
    trends.sort_by(|a, b| {
        (&a.playbook, a.on.word(), &a.workload).cmp(&(&b.playbook, b.on.word(), &b.workload))
    });
    trends
}

fn point(run: &Entry, figures: &Figures, before: &[Point], tolerance: f64) -> Point {
    let last = |of: fn(&Point) -> &Compared| {
        let measured = |only_passed: bool| {
            let mut runs = before.iter().rev().filter(|point| !only_passed || point.passed);
            runs.find_map(|point| of(point).figure.measured_s)
        };
        measured(true).or_else(|| measured(false))
    };
    Point {
        run_id: run.run_id.clone(),
        at: run.at(),
        verdict: run.verdict,
        passed: run.passed(),
        recovered: figures.recovered,
        rto: compared(&figures.rto, last(|point| &point.rto), tolerance),
        rpo: compared(&figures.rpo, last(|point| &point.rpo), tolerance),
        worst_case_s: figures.worst_case_s,
    }
}

fn compared(figure: &Figure, before_s: Option<f64>, tolerance: f64) -> Compared {
    /// Half the resolution of a measure.
    const SLACK_S: f64 = 0.0005;
    let change = match (figure.measured_s, before_s) {
        (Some(_), None) => Change::First,
        (None, None) => Change::Unknown,
        (None, Some(_)) => Change::NotMeasured,
        (Some(now), Some(before)) if now > before * (1.0 + tolerance) + SLACK_S => Change::Worse,
        (Some(now), Some(before)) if now < before * (1.0 - tolerance) - SLACK_S => Change::Better,
        (Some(_), Some(_)) => Change::Same,
    };
    let of_objective = figure.measured_s.zip(figure.objective_s.filter(|objective| *objective > 0.0));
    let of_objective = of_objective.map(|(measured, objective)| measured / objective);
    Compared { figure: figure.clone(), of_objective, before_s, change }
}
