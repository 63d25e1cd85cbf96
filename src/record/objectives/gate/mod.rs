//! The gate: judges a finished run again, with other objectives or against a baseline.
//!
//! It judges the fold of the journal. A missing measure is unknown and never passes. An incomplete
//! recovery fails, whatever its figures are.

mod baseline;
mod demands;

use serde::Serialize;

use super::Fold;
use crate::report::model::{Report, Status, Verdict, WorkloadReport};
use base::duration::{Span, human_seconds};
use base::exit::Exit;

pub use demands::{Demand, MaxAge};

/// Objectives that replace those of the playbook, for every workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    pub rto: Option<Span>,
    pub rpo: Option<Span>,
}

impl Overrides {
    fn any(&self) -> bool {
        self.rto.is_some() || self.rpo.is_some()
    }
}

/// How a run is judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    pub overrides: Overrides,
    pub demands: Vec<Demand>,
    pub max_age: Option<MaxAge>,
    /// The share by which a measure may be worse than the baseline's: 0.2 for 20 %.
    pub tolerance: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Rto,
    Rpo,
    WorstCase,
    /// Whether the whole workload recovered.
    Recovery,
    /// How the run as a whole ended.
    Run,
    Teardown,
    /// `--require` or `--max-age`
    Demand,
    Baseline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateStatus {
    Met,
    /// The measure has no objective.
    NoObjective,
    /// Better than the baseline.
    Improved,
    Missed,
    Unknown,
    /// Worse than the baseline by more than the tolerance, or no longer looked at.
    Regressed,
    /// The run itself failed, was interrupted or could not be carried out.
    Failed,
    /// The baseline cannot be compared with this run.
    NotComparable,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateLine {
    /// Empty if the line is about the run as a whole.
    pub workload: String,
    pub measure: Measure,
    pub objective_s: Option<f64>,
    /// The compared figure. For RTO it includes the playbook's assumptions, if there are any.
    pub measured_s: Option<f64>,
    pub baseline_s: Option<f64>,
    pub status: GateStatus,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateResult {
    pub exit_code: Exit,
    pub lines: Vec<GateLine>,
}

/// Judges a run, and compares it with a baseline if there is one.
pub fn judge(run: &Fold, terms: &Terms, baseline: Option<&Fold>) -> GateResult {
    let mut gate = Gate { result: GateResult { exit_code: Exit::Passed, lines: Vec::new() } };
    let report = &run.report;
    gate.run(report);
    gate.teardown(report);
    for workload in &report.workloads {
        gate.recovery(workload);
        gate.rto(workload, &terms.overrides);
        gate.rpo(workload, &terms.overrides);
    }
    gate.other_reasons(report, &terms.overrides);
    gate.demands(report, terms);
    if let Some(baseline) = baseline {
        gate.baseline(run, baseline, terms);
    }
    gate.result
}

struct Gate {
    result: GateResult,
}

impl Gate {
    fn add(&mut self, exit_code: Exit, line: GateLine) {
        self.result.exit_code = self.result.exit_code.graver(exit_code);
        self.result.lines.push(line);
    }

    /// Adds a line about the run as a whole.
    fn whole(&mut self, exit_code: Exit, measure: Measure, status: GateStatus, message: String) {
        let workload = String::new();
        let line = GateLine {
            workload,
            measure,
            objective_s: None,
            measured_s: None,
            baseline_s: None,
            status,
            message,
        };
        self.add(exit_code, line);
    }

    fn run(&mut self, report: &Report) {
        let why = if report.reasons.is_empty() {
            "the report gives no reason".to_owned()
        } else {
            report.reasons.join("; ")
        };
        match report.verdict {
            Verdict::Error if report.exit_code == Exit::Wrong => self.whole(
                Exit::Wrong,
                Measure::Run,
                GateStatus::Failed,
                format!("the playbook is wrong, and nothing was touched: {why}"),
            ),
            Verdict::Error => self.whole(
                Exit::Error,
                Measure::Run,
                GateStatus::Failed,
                format!("the drill could not be carried out: {why}"),
            ),
            Verdict::Interrupted => {
                self.whole(
                    Exit::Interrupted,
                    Measure::Run,
                    GateStatus::Failed,
                    format!("the drill was interrupted: {why}"),
                );
            }
            Verdict::Passed | Verdict::Failed if report.t0.is_none() => self.whole(
                Exit::Failed,
                Measure::Run,
                GateStatus::Unknown,
                "the disaster was never declared, so nothing was measured".into(),
            ),
            Verdict::Passed | Verdict::Failed if report.workloads.is_empty() => self.whole(
                Exit::Failed,
                Measure::Run,
                GateStatus::Unknown,
                "the report holds no workload, so nothing was measured".into(),
            ),
            Verdict::Passed | Verdict::Failed => {}
        }
    }

    fn teardown(&mut self, report: &Report) {
        if let Some(trouble) = report.teardown.trouble() {
            let message = format!("{trouble}: {}", report.teardown.left_behind.join(", "));
            self.whole(Exit::LeftBehind, Measure::Teardown, GateStatus::Failed, message);
        } else if report.exit_code == Exit::LeftBehind {
            let message = "the run ended with exit code 4: its teardown left something behind".into();
            self.whole(Exit::LeftBehind, Measure::Teardown, GateStatus::Failed, message);
        }
    }

    fn recovery(&mut self, workload: &WorkloadReport) {
        if workload.recovered && workload.missing_resources.is_empty() && workload.incomplete.is_empty() {
            return;
        }
        let mut why: Vec<&str> = workload.incomplete.iter().map(String::as_str).collect();
        why.extend(
            workload
                .missing_resources
                .iter()
                .map(String::as_str)
                .filter(|missing| !workload.incomplete.iter().any(|said| said.contains(missing))),
        );
        let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
        self.add(
            Exit::Failed,
            GateLine {
                workload: workload.name.clone(),
                measure: Measure::Recovery,
                objective_s: None,
                measured_s: None,
                baseline_s: None,
                status: GateStatus::Failed,
                message: format!("the recovery is not complete{why}"),
            },
        );
    }

    fn rto(&mut self, workload: &WorkloadReport, overrides: &Overrides) {
        let rto = &workload.rto;
        let given =
            MeasureObjective { objective: rto.objective_s, instead: overrides.rto, status: rto.status };
        let name = if rto.with_assumptions_s.is_some() { "RTO with assumptions" } else { "RTO" };
        self.objective(
            workload,
            Measure::Rto,
            name,
            rto.with_assumptions_s.or(rto.measured_s),
            workload.recovered,
            given,
        );
    }

    fn rpo(&mut self, workload: &WorkloadReport, overrides: &Overrides) {
        let rpo = &workload.rpo;
        // A store of unknown age may be older than all others.
        let whole = workload.recovered
            && !rpo.partial
            && rpo.sources.iter().all(|source| source.data_age_s.or(source.age_s).is_some());
        let given =
            MeasureObjective { objective: rpo.objective_s, instead: overrides.rpo, status: rpo.status };
        self.objective(workload, Measure::Rpo, "RPO", rpo.measured_s, whole, given);
    }

    fn objective(
        &mut self,
        workload: &WorkloadReport,
        measure: Measure,
        name: &str,
        measured: Option<f64>,
        whole: bool,
        given: MeasureObjective,
    ) {
        let objective = given.instead.map(Span::as_secs_f64).or(given.objective);
        let (code, status, message) = match (objective, measured) {
            (None, _) if !workload.recovered => {
                (Exit::Passed, GateStatus::NoObjective, format!("{name} not recovered, no objective"))
            }
            (None, Some(measured)) => (
                Exit::Passed,
                GateStatus::NoObjective,
                format!(
                    "{name} {}{}, no objective",
                    if whole { "" } else { "at least " },
                    human_seconds(measured)
                ),
            ),
            (None, None) => {
                (Exit::Passed, GateStatus::NoObjective, format!("{name} not measured, no objective"))
            }
            (Some(objective), None) => (
                Exit::Failed,
                GateStatus::Unknown,
                format!(
                    "{name} unknown: it could not be measured; the objective is {}",
                    human_seconds(objective)
                ),
            ),
            (Some(objective), Some(measured)) => {
                let (measured_, objective_) = (human_seconds(measured), human_seconds(objective));
                if measured > objective {
                    (
                        Exit::Failed,
                        GateStatus::Missed,
                        format!("{name} {measured_} exceeds the objective of {objective_}"),
                    )
                } else if given.is_partial(measured, whole) {
                    let message = format!("{name} is unknown: {measured_} is not the whole");
                    (Exit::Failed, GateStatus::Unknown, message)
                } else {
                    (
                        Exit::Passed,
                        GateStatus::Met,
                        format!("{name} {measured_} is within the objective of {objective_}"),
                    )
                }
            }
        };
        self.add(
            code,
            GateLine {
                workload: workload.name.clone(),
                measure,
                objective_s: objective,
                measured_s: measured,
                baseline_s: None,
                status,
                message,
            },
        );
    }

    /// Fails a run that failed for reasons without an objective (an open sandbox, a step without a
    /// workload). Only a failure that missed objectives explain can become a pass with other
    /// objectives.
    fn other_reasons(&mut self, report: &Report, overrides: &Overrides) {
        if report.verdict != Verdict::Failed || self.result.exit_code != Exit::Passed {
            return;
        }
        let missed = report
            .workloads
            .iter()
            .flat_map(|w| [w.rto.status, w.rpo.status])
            .filter(|s| *s == Status::Missed)
            .count();
        if overrides.any() && missed > 0 && report.reasons.len() <= missed {
            return;
        }
        let why = if report.reasons.is_empty() {
            "the report gives no reason".to_owned()
        } else {
            report.reasons.join("; ")
        };
        self.whole(Exit::Failed, Measure::Run, GateStatus::Failed, format!("the run failed: {why}"));
    }
}

/// The objective of a measure, and its status in the report.
#[derive(Clone, Copy)]
struct MeasureObjective {
    objective: Option<f64>,
    instead: Option<Span>,
    status: Status,
}

impl MeasureObjective {
    /// Whether a figure within the objective may be only a part: the report knew of something
    /// missing, or the figure leaves something out.
    fn is_partial(self, measured: f64, whole: bool) -> bool {
        match self.status {
            Status::Met => !whole,
            // Without an objective the report could not call the measure met.
            Status::Unknown | Status::None => self.objective.is_some() || !whole,
            // A missed objective may be met by a laxer one. But if the figure does not explain the
            // miss, something else does.
            Status::Missed => !whole || self.objective.is_none_or(|objective| measured <= objective),
        }
    }
}
