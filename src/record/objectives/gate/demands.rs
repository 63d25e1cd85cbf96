//! What `gate --require` and `--max-age` demand beyond the objectives. What is not known meets no
//! demand.

use super::{Gate, GateStatus, Measure, Terms};
use crate::report::caveats::{assumed, in_no_workload};
use crate::report::model::{Report, Status, WorkloadReport};
use base::duration::{Span, Time, human_seconds, seconds_between};
use base::exit::Exit;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// The run was no simulation.
    Real,
    /// At least this share of what was lost was restored for a workload, 0 to 1.
    Coverage(f64),
    /// The worst case of each workload is within its RPO objective.
    WorstCase,
    /// No check was assumed.
    NoAssumed,
}

/// How old a run may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAge {
    pub age: Span,
    pub now: Time,
}

impl Gate {
    pub(super) fn demands(&mut self, report: &Report, terms: &Terms) {
        for demand in &terms.demands {
            match demand {
                Demand::Real if report.simulated => self.demand(
                    GateStatus::Missed,
                    "a real run is required, and this one is simulated: nothing was really restored".into(),
                ),
                Demand::Real => self.demand(GateStatus::Met, "it was a real run".into()),
                Demand::Coverage(share) => self.coverage(report, *share),
                Demand::WorstCase => {
                    for workload in &report.workloads {
                        self.worst_case(workload, terms.overrides.rpo);
                    }
                }
                Demand::NoAssumed => {
                    let assumed = assumed(report);
                    if assumed.is_empty() {
                        self.demand(GateStatus::Met, "no check was assumed".into());
                    } else {
                        let message = format!(
                            "no check may be assumed, and {} of {} were: {}",
                            assumed.len(),
                            report.checks.len(),
                            assumed.join(", ")
                        );
                        self.demand(GateStatus::Missed, message);
                    }
                }
            }
        }
        if let Some(max_age) = terms.max_age {
            self.age(report, max_age);
        }
    }

    fn demand(&mut self, status: GateStatus, message: String) {
        let code = if status == GateStatus::Met { Exit::Passed } else { Exit::Failed };
        self.whole(code, Measure::Demand, status, message);
    }

    fn coverage(&mut self, report: &Report, share: f64) {
        let covered = report.coverage.covered.len();
        let all = covered + report.coverage.uncovered.len();
        if all == 0 || report.t0.is_none() {
            let message = "the coverage is unknown: the run names nothing that was lost".into();
            return self.demand(GateStatus::Unknown, message);
        }
        let wanted = percent(share);
        #[expect(clippy::cast_precision_loss, reason = "numbers of resources")]
        let reached = covered as f64 / all as f64;
        if reached >= share {
            let message = format!("{covered} of {all} lost resources were restored: at least {wanted}");
            return self.demand(GateStatus::Met, message);
        }
        let loose = in_no_workload(report).len();
        let loose = if loose == 0 { String::new() } else { format!("; {loose} of them in no workload") };
        let message = format!(
            "{covered} of {all} lost resources were restored: less than {wanted}. Not restored: {}{loose}",
            report.coverage.uncovered.join(", ")
        );
        self.demand(GateStatus::Missed, message);
    }

    fn worst_case(&mut self, workload: &WorkloadReport, instead: Option<Span>) {
        let rpo = &workload.rpo;
        let objective = instead.map(Span::as_secs_f64).or(rpo.objective_s);
        let known_worse = rpo.worst_case_s.or(rpo.worst_case_at_least_s);
        let (status, message) = match (objective, rpo.worst_case_s, known_worse) {
            (Some(objective), _, Some(worst)) if worst > objective => {
                let at_least = if rpo.worst_case_s.is_none() { "at least " } else { "" };
                let (worst, objective) = (human_seconds(worst), human_seconds(objective));
                let message =
                    format!("worst-case RPO {at_least}{worst} exceeds the objective of {objective}");
                (GateStatus::Missed, message)
            }
            // Stateless workloads have no store whose data could be lost.
            _ if rpo.sources.is_empty()
                && workload.recovered
                && (rpo.status == Status::Met || rpo.objective_s.is_none()) =>
            {
                (GateStatus::NoObjective, "no store was lost, so there is no worst case".to_owned())
            }
            (Some(objective), Some(worst), _) => {
                let (worst, objective) = (human_seconds(worst), human_seconds(objective));
                (GateStatus::Met, format!("worst-case RPO {worst} is within the objective of {objective}"))
            }
            (Some(objective), None, _) => {
                let objective = human_seconds(objective);
                (GateStatus::Unknown, format!("worst-case RPO unknown; the objective is {objective}"))
            }
            (None, ..) => (
                GateStatus::Unknown,
                "the worst case cannot be judged without an RPO objective; give one with --rpo".to_owned(),
            ),
        };
        let code = match status {
            GateStatus::Met | GateStatus::NoObjective => Exit::Passed,
            GateStatus::Improved
            | GateStatus::Missed
            | GateStatus::Unknown
            | GateStatus::Regressed
            | GateStatus::Failed
            | GateStatus::NotComparable => Exit::Failed,
        };
        let line = super::GateLine {
            workload: workload.name.clone(),
            measure: Measure::WorstCase,
            objective_s: objective,
            measured_s: rpo.worst_case_s,
            baseline_s: None,
            status,
            message,
        };
        self.add(code, line);
    }

    /// The twin's time is virtual, and its end mostly lies in the future. Its clock starts at the
    /// real time, so the age counts from the start: it really ended later than that.
    fn age(&mut self, report: &Report, MaxAge { age: most, now }: MaxAge) {
        let (since, did) =
            if report.simulated { (report.started_at, "began") } else { (report.finished_at, "ended") };
        let age = seconds_between(since, now);
        let most_ = human_seconds(most.as_secs_f64());
        let (status, message) = if age < 0.0 || report.started_at > now {
            let at = since.format("%Y-%m-%d %H:%M:%SZ");
            (GateStatus::Unknown, format!("the age is unknown: the run {did} in the future, at {at}"))
        } else if age > most.as_secs_f64() {
            (GateStatus::Missed, format!("the run {did} {} ago: older than {most_}", human_seconds(age)))
        } else {
            (GateStatus::Met, format!("the run {did} {} ago: no older than {most_}", human_seconds(age)))
        };
        self.demand(status, message);
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}
