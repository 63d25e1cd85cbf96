//! The view of earlier runs, and of this one after them.

use super::Limits;
use super::chart::{Chart, Run};
use crate::report::model::{Report, WorkloadReport};

/// RTO and RPO of a workload in earlier runs. Empty if there were none with this workload.
pub fn of(workload: &WorkloadReport, report: &Report, limits: Limits) -> Vec<Chart> {
    let earlier: Vec<_> = report
        .past
        .iter()
        .filter_map(|run| Some((run, run.workloads.iter().find(|past| past.name == workload.name)?)))
        .collect();
    if earlier.is_empty() {
        return Vec::new();
    }
    let name = limits.name(&workload.name);
    // The objectives of earlier runs are not told: they are measured by that of this one.
    let chart = |measure, figure: fn(&event::PastWorkload) -> Option<f64>, now, objective| {
        let before = earlier.iter().map(|(run, past)| Run {
            at: Some(run.t0),
            seconds: figure(past),
            objective,
            passed: run.passed,
        });
        let now = Run { at: None, seconds: now, objective, passed: report.passed() };
        Chart::of(measure, &name, &before.chain([now]).collect::<Vec<_>>())
    };
    let charts = [
        chart("RTO", |past| past.rto_s, workload.rto_s(), workload.rto.objective_s),
        chart("RPO", |past| past.rpo_s, workload.rpo_s(), workload.rpo.objective_s),
    ];
    charts.into_iter().flatten().collect()
}
