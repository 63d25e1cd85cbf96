//! The gate: judges a finished run again, with other objectives or against a baseline.
//!
//! It uses only the measures of the report. A missing measure is unknown and never passes. An
//! incomplete recovery fails, whatever its figures are.

use serde::Serialize;

use crate::report::model::{Report, Status, Verdict, WorkloadReport};
use base::duration::{Span, human_seconds};
use base::exit::Exit;

/// The rounding error of the tolerance, far below a measure's resolution of a millisecond.
const SLACK_S: f64 = 0.0005;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Rto,
    Rpo,
    /// Whether the whole workload recovered.
    Recovery,
    /// How the run as a whole ended.
    Run,
    Teardown,
    Baseline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateStatus {
    Met,
    /// The measure has no objective.
    NoObjective,
    Missed,
    Unknown,
    /// Worse than the baseline by more than the tolerance.
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

/// Judges `report`. `tolerance` is the share by which a measure may be worse than the baseline's:
/// 0.2 for 20 %.
pub fn judge(
    report: &Report,
    overrides: &Overrides,
    baseline: Option<&Report>,
    tolerance: f64,
) -> GateResult {
    let mut gate = Gate { result: GateResult { exit_code: Exit::Passed, lines: Vec::new() } };
    gate.run(report);
    gate.teardown(report);
    for workload in &report.workloads {
        gate.recovery(workload);
        gate.rto(workload, overrides);
        gate.rpo(workload, overrides);
    }
    gate.other_reasons(report, overrides);
    if let Some(baseline) = baseline {
        gate.baseline(report, baseline, tolerance);
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
        let left = &report.teardown.left_behind;
        if !left.is_empty() {
            let message = format!("teardown left {} behind: {}", left.len(), left.join(", "));
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
        let whole = workload.missing_resources.is_empty()
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
            (None, Some(measured)) => (
                Exit::Passed,
                GateStatus::NoObjective,
                format!("{name} {}, no objective", human_seconds(measured)),
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

    fn baseline(&mut self, report: &Report, baseline: &Report, tolerance: f64) {
        if let Some(why) = not_comparable(report, baseline) {
            let message = format!("the run cannot be compared with the baseline {}: {why}", baseline.run_id);
            self.whole(Exit::Wrong, Measure::Baseline, GateStatus::NotComparable, message);
            return;
        }
        for before in &baseline.workloads {
            match report.workloads.iter().find(|now| now.name == before.name) {
                Some(now) => self.regression(now, before, tolerance),
                None => self.add(
                    Exit::Failed,
                    GateLine {
                        workload: before.name.clone(),
                        measure: Measure::Baseline,
                        objective_s: None,
                        measured_s: None,
                        baseline_s: None,
                        status: GateStatus::Regressed,
                        message: format!(
                            "the baseline {} has this workload, and the run does not",
                            baseline.run_id
                        ),
                    },
                ),
            }
        }
    }

    fn regression(&mut self, now: &WorkloadReport, before: &WorkloadReport, tolerance: f64) {
        // Figures with assumptions are compared only if both runs have them.
        let (rto_now, rto_before) = match (now.rto.with_assumptions_s, before.rto.with_assumptions_s) {
            (Some(now), Some(before)) => (Some(now), Some(before)),
            _ => (now.rto.measured_s, before.rto.measured_s),
        };
        let wanted = before.rto.objective_s.is_some() || rto_now.is_some();
        self.compare(now, Measure::Rto, "RTO", rto_now, rto_before, wanted, tolerance);
        let wanted = before.rpo.objective_s.is_some() && before.rpo.status == Status::Unknown;
        self.compare(now, Measure::Rpo, "RPO", now.rpo.measured_s, before.rpo.measured_s, wanted, tolerance);
    }

    #[expect(clippy::too_many_arguments, reason = "one figure and its baseline, for two measures")]
    fn compare(
        &mut self,
        workload: &WorkloadReport,
        measure: Measure,
        name: &str,
        now: Option<f64>,
        before: Option<f64>,
        wanted: bool,
        tolerance: f64,
    ) {
        let percent = format!("{} %", (tolerance * 1000.0).round() / 10.0);
        let (code, status, message) = match (now, before) {
            (_, None) if wanted => (
                Exit::Wrong,
                GateStatus::NotComparable,
                format!("the baseline's {name} is unknown; choose a baseline in which it was measured"),
            ),
            (_, None) => return,
            (None, Some(before)) => (
                Exit::Failed,
                GateStatus::Unknown,
                format!("{name} unknown, {} in the baseline", human_seconds(before)),
            ),
            (Some(now), Some(before)) => {
                let figures =
                    format!("{name} {}, {} in the baseline", human_seconds(now), human_seconds(before));
                if now > before * (1.0 + tolerance) + SLACK_S {
                    (Exit::Failed, GateStatus::Regressed, format!("{figures}: more than {percent} worse"))
                } else {
                    (Exit::Passed, GateStatus::Met, format!("{figures}: within {percent}"))
                }
            }
        };
        self.add(
            code,
            GateLine {
                workload: workload.name.clone(),
                measure,
                objective_s: None,
                measured_s: now,
                baseline_s: before,
                status,
                message,
            },
        );
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
            Status::Unknown => self.objective.is_some() || !whole,
            // A missed objective may be met by a laxer one. But if the figure does not explain the
            // miss, something else does.
            Status::Missed => !whole || self.objective.is_none_or(|objective| measured <= objective),
        }
    }
}

/// Why a baseline cannot be compared with a run.
fn not_comparable(report: &Report, baseline: &Report) -> Option<String> {
    if baseline.playbook.name != report.playbook.name {
        return Some(format!(
            "it is of the playbook `{}`, the run of `{}`",
            baseline.playbook.name, report.playbook.name
        ));
    }
    if baseline.on != report.on {
        return Some(format!("it ran on {}, the run on {}", baseline.on, report.on));
    }
    if baseline.lose != report.lose {
        return Some("it lost something else".into());
    }
    match baseline.verdict {
        Verdict::Passed | Verdict::Failed if baseline.t0.is_some() => None,
        Verdict::Passed | Verdict::Failed | Verdict::Error => {
            Some("it could not be carried out, so it has no measures".into())
        }
        Verdict::Interrupted => Some("it was interrupted, so its measures are incomplete".into()),
    }
}
