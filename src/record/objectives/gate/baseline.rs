//! Compares a run with an earlier one: what became worse, what became better, and what is no longer
//! looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::demands::percent;
use super::{Fold, Gate, GateLine, GateStatus, Measure, Terms};
use crate::report::caveats::assumed;
use crate::report::model::{
    CheckReport, CheckStatus, Report, Status, StepReport, StepStatus, Verdict, WorkloadReport,
};
use base::duration::{Span, human_seconds};
use base::exit::Exit;

/// The rounding error of the tolerance, far below a measure's resolution of a millisecond.
const SLACK_S: f64 = 0.0005;

/// A figure of both runs.
struct Pair {
    measure: Measure,
    name: &'static str,
    now: Option<f64>,
    before: Option<f64>,
    /// The baseline must have it.
    wanted: bool,
}

impl Gate {
    pub(super) fn baseline(&mut self, now: &Fold, before: &Fold, terms: &Terms) {
        let (run, baseline) = (&now.report, &before.report);
        if let Some(why) = not_comparable(run, baseline) {
            let message = format!("the run cannot be compared with the baseline {}: {why}", baseline.run_id);
            self.whole(Exit::Wrong, Measure::Baseline, GateStatus::NotComparable, message);
            return;
        }
        for old in &baseline.workloads {
            match run.workloads.iter().find(|new| new.name == old.name) {
                Some(new) => {
                    self.figures(new, old, terms.tolerance);
                    self.objectives(new, old, terms);
                    self.stores(new, old);
                    self.resources(now, before, &old.name);
                }
                None => self.less(&old.name, "the baseline has this workload, and the run does not".into()),
            }
        }
        self.steps(run, baseline);
        self.checks(run, baseline);
        self.news(run, baseline);
    }

    /// Adds a line about the comparison. `workload` is empty if it is about the run as a whole.
    fn compared(&mut self, workload: &str, code: Exit, status: GateStatus, message: String) {
        self.add(
            code,
            GateLine {
                workload: workload.to_owned(),
                measure: Measure::Baseline,
                objective_s: None,
                measured_s: None,
                baseline_s: None,
                status,
                message,
            },
        );
    }

    /// Something of the baseline is no longer looked at, or less strictly.
    fn less(&mut self, workload: &str, message: String) {
        self.compared(workload, Exit::Failed, GateStatus::Regressed, message);
    }

    fn figures(&mut self, now: &WorkloadReport, before: &WorkloadReport, tolerance: f64) {
        // Figures with assumptions are compared only if both runs have them.
        let (rto_now, rto_before) = match (now.rto.with_assumptions_s, before.rto.with_assumptions_s) {
            (Some(now), Some(before)) => (Some(now), Some(before)),
            _ => (now.rto.measured_s, before.rto.measured_s),
        };
        let pairs = [
            Pair {
                measure: Measure::Rto,
                name: "RTO",
                now: rto_now,
                before: rto_before,
                wanted: before.rto.objective_s.is_some() || rto_now.is_some(),
            },
            Pair {
                measure: Measure::Rpo,
                name: "RPO",
                now: now.rpo.measured_s,
                before: before.rpo.measured_s,
                wanted: before.rpo.objective_s.is_some() && before.rpo.status == Status::Unknown,
            },
            Pair {
                measure: Measure::WorstCase,
                name: "worst-case RPO",
                now: now.rpo.worst_case_s,
                before: before.rpo.worst_case_s,
                wanted: false,
            },
        ];
        for pair in pairs {
            self.figure(now, &pair, tolerance);
        }
    }

    fn figure(&mut self, workload: &WorkloadReport, pair: &Pair, tolerance: f64) {
        let Pair { measure, name, now, before, wanted } = *pair;
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
                let (allowed, difference) = (percent(tolerance), human_seconds((now - before).abs()));
                if now > before * (1.0 + tolerance) + SLACK_S {
                    let message = format!("{figures}: {difference} worse, more than {allowed}");
                    (Exit::Failed, GateStatus::Regressed, message)
                } else if now > before + SLACK_S {
                    let message = format!("{figures}: {difference} worse, within {allowed}");
                    (Exit::Passed, GateStatus::Met, message)
                } else if now < before - SLACK_S {
                    (Exit::Passed, GateStatus::Improved, format!("{figures}: {difference} better"))
                } else {
                    (Exit::Passed, GateStatus::Met, format!("{figures}: the same"))
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

    /// Objectives that the command line replaces are not the playbook's to loosen.
    fn objectives(&mut self, now: &WorkloadReport, before: &WorkloadReport, terms: &Terms) {
        let pairs = [
            ("RTO", now.rto.objective_s, before.rto.objective_s, terms.overrides.rto),
            ("RPO", now.rpo.objective_s, before.rpo.objective_s, terms.overrides.rpo),
        ];
        for (name, now_s, before_s, instead) in pairs {
            let was = before_s.map(human_seconds).unwrap_or_default();
            let replaced =
                |_: Span| format!("{name} objective {was} in the baseline, replaced on the command line");
            match (now_s, before_s, instead.map(replaced)) {
                (None, Some(_), None) => {
                    self.less(&now.name, format!("{name} objective {was} in the baseline, and none now"));
                }
                (Some(new), Some(old), None) if new > old => {
                    let new = human_seconds(new);
                    self.less(
                        &now.name,
                        format!("{name} objective {new}, looser than {was} in the baseline"),
                    );
                }
                (Some(new), Some(old), None) if new < old => {
                    let message = format!(
                        "{name} objective {}, stricter than {was} in the baseline",
                        human_seconds(new)
                    );
                    self.compared(&now.name, Exit::Passed, GateStatus::Improved, message);
                }
                (_, Some(_), Some(said)) => {
                    self.compared(&now.name, Exit::Passed, GateStatus::NoObjective, said);
                }
                (_, None, _) | (Some(_), Some(_), None) => {}
            }
        }
    }

    fn stores(&mut self, now: &WorkloadReport, before: &WorkloadReport) {
        for old in &before.rpo.sources {
            let of = &old.of;
            let mut new = now.rpo.sources.iter().filter(|new| new.of == *of).peekable();
            if new.peek().is_none() {
                self.less(&now.name, format!("{of} was restored in the baseline, and is not now"));
            } else if old.data_age_s.is_some() && new.all(|new| new.data_age_s.is_none()) {
                let message =
                    format!("the age of the data in {of} was measured in the baseline, and is not now");
                self.less(&now.name, message);
            }
        }
    }

    /// Machines come and go, so one that is no longer lost is missed only if there are fewer.
    fn resources(&mut self, now: &Fold, before: &Fold, workload: &str) {
        let of = |fold: &Fold| -> BTreeSet<String> {
            fold.lost.get(workload).into_iter().flatten().cloned().collect()
        };
        let (listed, before) = (of(now), of(before));
        let kinds = |list: &BTreeSet<String>| {
            let mut kinds = BTreeMap::new();
            for resource in list {
                *kinds.entry(kind(resource).to_owned()).or_insert(0_usize) += 1;
            }
            kinds
        };
        let (kinds_now, kinds_before) = (kinds(&listed), kinds(&before));
        for gone in before.difference(&listed) {
            let count = |kinds: &BTreeMap<String, usize>| kinds.get(kind(gone)).copied().unwrap_or_default();
            let (few, many) = (count(&kinds_now), count(&kinds_before));
            if now.report.blast_radius.lost.contains(gone) {
                self.less(workload, format!("{gone} is lost, and the workload no longer lists it"));
            } else if few < many {
                let message =
                    format!("{gone} is no longer among what it lost: {few} {} instead of {many}", kind(gone));
                self.less(workload, message);
            }
        }
    }

    fn steps(&mut self, run: &Report, baseline: &Report) {
        let restored =
            |step: &&StepReport| step.status == StepStatus::Succeeded && !step.recovery_points.is_empty();
        for old in baseline.steps.iter().filter(restored) {
            let workload = old.workload.as_deref().unwrap_or_default();
            let id = &old.id;
            let message = match run.steps.iter().find(|new| new.id == *id) {
                None => format!("step `{id}` restored in the baseline, and is gone"),
                Some(new) if !restored(&new) => {
                    format!("step `{id}` restored in the baseline, and did not now")
                }
                Some(new) if new.workload != old.workload => {
                    format!(
                        "step `{id}` restored for it in the baseline, and for {} now",
                        owner(new.workload.as_ref())
                    )
                }
                Some(_) => continue,
            };
            self.less(workload, message);
        }
    }

    fn checks(&mut self, run: &Report, baseline: &Report) {
        let asked = |check: &&CheckReport| check.status != CheckStatus::Skipped;
        let (assumed_now, assumed_before) = (assumed(run), assumed(baseline));
        for old in baseline.checks.iter().filter(asked) {
            let workload = old.workload.as_deref().unwrap_or_default();
            let id = &old.id;
            let message = match run.checks.iter().find(|new| new.id == *id) {
                None => format!("check `{id}` was asked in the baseline, and is gone"),
                Some(new) if !asked(&new) => {
                    format!("check `{id}` was asked in the baseline, and skipped now")
                }
                Some(new) if new.workload != old.workload => {
                    format!(
                        "check `{id}` was of it in the baseline, and is of {} now",
                        owner(new.workload.as_ref())
                    )
                }
                Some(new) if new.kind != old.kind => {
                    format!("check `{id}` is of the kind {}, and was {} in the baseline", new.kind, old.kind)
                }
                Some(_) if assumed_now.contains(&id.as_str()) && !assumed_before.contains(&id.as_str()) => {
                    format!("check `{id}` was judged in the baseline, and assumed now")
                }
                Some(new) if !rungs_gone(old, new).is_empty() => {
                    let gone = rungs_gone(old, new).join(", ");
                    format!("check `{id}` asked the rungs {gone} in the baseline, and does not now")
                }
                Some(new) => {
                    self.health(workload, new, old);
                    continue;
                }
            };
            self.less(workload, message);
        }
    }

    /// A check that is not healthy any more fails the run by itself. Here it is shown.
    fn health(&mut self, workload: &str, now: &CheckReport, before: &CheckReport) {
        use CheckStatus::{Healthy, Skipped, Unhealthy, Unknown};
        let (status, words) = match (now.status, before.status) {
            (Healthy, Unhealthy) => (GateStatus::Improved, "healthy, unhealthy in the baseline"),
            (Healthy, Unknown) => (GateStatus::Improved, "healthy, unknown in the baseline"),
            (Unhealthy, Healthy) => (GateStatus::Regressed, "unhealthy, healthy in the baseline"),
            (Unknown, Healthy) => (GateStatus::Regressed, "unknown, healthy in the baseline"),
            (Healthy | Unhealthy | Unknown | Skipped, _) => return,
        };
        let code = if status == GateStatus::Regressed { Exit::Failed } else { Exit::Passed };
        self.compared(workload, code, status, format!("check `{}` is {words}", now.id));
    }

    /// What the baseline did not look at, and findings that came or went.
    fn news(&mut self, run: &Report, baseline: &Report) {
        let mut new: Vec<String> = Vec::new();
        let known = |name: &str| baseline.workloads.iter().any(|old| old.name == name);
        new.extend(run.workloads.iter().filter(|w| !known(&w.name)).map(|w| format!("workload {}", w.name)));
        let known = |id: &str| baseline.checks.iter().any(|old| old.id == id);
        new.extend(run.checks.iter().filter(|c| !known(&c.id)).map(|c| format!("check `{}`", c.id)));
        let known = |of: &str| baseline.workloads.iter().flat_map(|w| &w.rpo.sources).any(|old| old.of == of);
        let stores = run.workloads.iter().flat_map(|w| &w.rpo.sources).filter(|s| !known(&s.of));
        new.extend(stores.map(|s| s.of.clone()));
        if !new.is_empty() {
            let message = format!("not in the baseline: {}", new.join(", "));
            self.compared("", Exit::Passed, GateStatus::Improved, message);
        }
        let findings = |report: &Report| -> BTreeSet<String> {
            report.findings.iter().map(|f| format!("{} ({})", f.rule, f.resource)).collect()
        };
        let (now, before) = (findings(run), findings(baseline));
        let list = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(", ");
        let (came, went) = (list(now.difference(&before).collect()), list(before.difference(&now).collect()));
        if !came.is_empty() {
            self.compared("", Exit::Passed, GateStatus::NoObjective, format!("new findings: {came}"));
        }
        if !went.is_empty() {
            self.compared(
                "",
                Exit::Passed,
                GateStatus::NoObjective,
                format!("findings no longer there: {went}"),
            );
        }
    }
}

fn owner(workload: Option<&String>) -> String {
    workload.cloned().unwrap_or_else(|| "no workload".to_owned())
}

/// `rds:db` of `rds:db/orders`.
fn kind(resource: &str) -> &str {
    resource.split_once('/').map_or(resource, |(kind, _)| kind)
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

/// The rungs of a check of data that are not asked any more.
fn rungs_gone<'a>(old: &'a CheckReport, new: &CheckReport) -> Vec<&'a str> {
    let is_asked = |name: &str| new.rungs.iter().any(|rung| rung.name == name);
    old.rungs.iter().map(|rung| rung.name.as_str()).filter(|name| !is_asked(name)).collect()
}
