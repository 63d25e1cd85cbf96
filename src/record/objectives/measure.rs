//! RTO, RPO and the critical path, as DESIGN §3 defines them. All are pure functions of the record.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::record::{Record, StepRecord};
use crate::report::model::{CheckStatus, Consistency, Link, Rpo, RpoSource, Rto, Status, StepStatus};
use base::duration::{Time, seconds_between};
use event::{NodePlan, RunStarted, WorkloadPlan};

/// The end of a node, for measuring.
#[derive(Clone, Copy)]
struct NodeEnd {
    /// The step succeeded, or the check became healthy.
    succeeded: bool,
    at: Option<Time>,
}

pub struct Measures<'a> {
    record: &'a Record,
    started: &'a RunStarted,
    t0: Time,
    nodes: HashMap<&'a str, (&'a NodePlan, &'static str)>,
    /// The production resources that successful steps restored.
    restored: HashSet<&'a str>,
    /// The newest timestamp that a check found in the data that a step restored. If several checks
    /// measure it, the oldest of their timestamps.
    newest_data: HashMap<&'a str, Time>,
    members: Members<'a>,
}

/// What belongs to each workload, indexed once: there may be thousands of workloads and of steps.
#[derive(Default)]
struct Members<'a> {
    /// Where the steps are in the plan that name a workload, and those that restore a resource or say
    /// so.
    steps: HashMap<&'a str, Vec<usize>>,
    restoring: HashMap<&'a str, Vec<usize>>,
    /// The checks that name a workload.
    checks: HashMap<&'a str, Vec<&'a NodePlan>>,
    /// The checks that measure RPO, of any workload.
    measuring: Vec<&'a NodePlan>,
}

impl<'a> Members<'a> {
    fn new(record: &'a Record, started: &'a RunStarted) -> Self {
        let mut members = Self::default();
        for (at, node) in started.steps.iter().enumerate() {
            if let Some(workload) = &node.workload {
                members.steps.entry(workload).or_default().push(at);
            }
            let restored = record.steps.get(&node.id).into_iter().flat_map(|step| &step.restored);
            for id in restored.chain(&node.claims) {
                members.restoring.entry(id).or_default().push(at);
            }
        }
        for node in &started.checks {
            if let Some(workload) = &node.workload {
                members.checks.entry(workload).or_default().push(node);
            }
            if node.measures_rpo {
                members.measuring.push(node);
            }
        }
        members
    }

    /// The steps of a workload, in the order of the plan. One that restores a resource of the workload
    /// belongs to it, even if the playbook does not say so.
    fn steps_of(&self, workload: &WorkloadPlan, started: &'a RunStarted) -> Vec<&'a NodePlan> {
        let own = self.steps.get(workload.name.as_str());
        let restoring = workload.lost.iter().filter_map(|id| self.restoring.get(id.as_str()));
        let steps: BTreeSet<usize> = own.into_iter().chain(restoring).flatten().copied().collect();
        steps.into_iter().filter_map(|at| started.steps.get(at)).collect()
    }
}

/// A workload's figures.
pub struct Measured {
    pub incomplete: Vec<String>,
    pub missing_resources: Vec<String>,
    pub rto: Rto,
    pub rpo: Rpo,
    pub consistency: Consistency,
    pub critical_path: Vec<Link>,
}

impl<'a> Measures<'a> {
    pub fn new(record: &'a Record, started: &'a RunStarted, t0: Time) -> Self {
        let steps = started.steps.iter().map(|n| (n.id.as_str(), (n, "step")));
        let checks = started.checks.iter().map(|n| (n.id.as_str(), (n, "check")));
        let restored = record
            .steps
            .values()
            .filter(|s| s.status == Some(StepStatus::Succeeded))
            .flat_map(|s| s.restored.iter().map(String::as_str))
            .collect();
        let mut newest_data: HashMap<&str, Time> = HashMap::new();
        for check in &started.checks {
            let Some(found) = record.checks.get(&check.id).and_then(|check| check.data_time) else {
                continue;
            };
            for step in &check.measures_of {
                newest_data.entry(step).and_modify(|known| *known = found.min(*known)).or_insert(found);
            }
        }
        let nodes = steps.chain(checks).collect();
        let members = Members::new(record, started);
        let mut this = Self { record, started, t0, nodes, restored, newest_data, members };
        let claims = this.proved_claims();
        this.restored.extend(claims);
        this
    }

    /// What steps restored, as the playbook says: they succeeded, checks depend on them, and those are
    /// healthy.
    fn proved_claims(&self) -> Vec<&'a str> {
        let (healthy, sick): (Vec<_>, Vec<_>) =
            self.started.checks.iter().partition(|check| self.ended(&check.id).succeeded);
        let (shown, refuted) = (self.needed_by(&healthy), self.needed_by(&sick));
        let steps = self.started.steps.iter().filter(|step| {
            let id = step.id.as_str();
            shown.contains(id) && !refuted.contains(id) && self.ended(id).succeeded
        });
        steps.flat_map(|step| step.claims.iter().map(String::as_str)).collect()
    }

    /// The nodes that some others depend on, directly or through more of them.
    fn needed_by(&self, nodes: &[&'a NodePlan]) -> HashSet<&'a str> {
        let mut needed = HashSet::new();
        let mut waiting: Vec<&str> = nodes.iter().flat_map(|node| &node.needs).map(String::as_str).collect();
        while let Some(id) = waiting.pop() {
            if needed.insert(id)
                && let Some((node, _)) = self.nodes.get(id)
            {
                waiting.extend(node.needs.iter().map(String::as_str));
            }
        }
        needed
    }

    pub fn is_restored(&self, resource: &str) -> bool {
        self.restored.contains(resource)
    }

    fn ended(&self, id: &str) -> NodeEnd {
        if let Some(step) = self.record.steps.get(id) {
            return NodeEnd { succeeded: step.status == Some(StepStatus::Succeeded), at: step.finished_at };
        }
        match self.record.checks.get(id) {
            Some(check) => NodeEnd {
                succeeded: check.status == Some(CheckStatus::Healthy),
                at: check.healthy_at.filter(|_| check.status == Some(CheckStatus::Healthy)),
            },
            None => NodeEnd { succeeded: false, at: None },
        }
    }

    pub fn workload(&self, workload: &WorkloadPlan) -> Measured {
        let steps = self.members.steps_of(workload, self.started);
        let checks: &[&NodePlan] = self.members.checks.get(workload.name.as_str()).map_or(&[], Vec::as_slice);
        let mut incomplete = Vec::new();
        for node in steps.iter().chain(checks) {
            if self.ended(&node.id).succeeded || self.is_left_out(&node.id) {
                continue;
            }
            let kind = if self.record.checks.contains_key(&node.id) { "check" } else { "step" };
            let because = self.because(&node.id).unwrap_or("it did not end");
            incomplete.push(format!("{kind} `{}`: {because}", node.id));
        }
        if checks.is_empty() {
            incomplete.push("no check: nothing shows that it has recovered".into());
        }
        let missing_resources: Vec<String> =
            workload.lost.iter().filter(|id| !self.restored.contains(id.as_str())).cloned().collect();
        for resource in &missing_resources {
            incomplete.push(format!("{resource} is lost, and no step restored it"));
        }
        // A failed node has no instant of success, so nothing is measured. A missing resource does
        // not hinder the measure of the other nodes, which alone may exceed the objective.
        let nodes = || steps.iter().chain(checks).filter(|n| !self.is_left_out(&n.id));
        let all_succeeded = nodes().all(|n| self.ended(&n.id).succeeded) && !checks.is_empty();
        let last =
            nodes().filter_map(|n| Some((self.ended(&n.id).at?, n.id.as_str()))).max_by_key(|(at, _)| *at);
        let measured = last.filter(|_| all_succeeded);
        let rto = self.rto(workload, measured.map(|(at, _)| at), incomplete.is_empty());
        let critical_path = measured.map(|(_, id)| self.critical_path(id)).unwrap_or_default();
        let (rpo, consistency) = self.data(workload, &steps, &missing_resources);
        Measured { incomplete, missing_resources, rto, rpo, consistency, critical_path }
    }

    /// A step whose `when` was false is not part of the recovery. The resources that it would have
    /// restored are missing.
    fn is_left_out(&self, id: &str) -> bool {
        self.record.steps.get(id).is_some_and(|step| step.unwanted)
    }

    fn because(&self, id: &str) -> Option<&str> {
        match (self.record.steps.get(id), self.record.checks.get(id)) {
            (Some(step), _) => step.because.as_deref(),
            (None, Some(check)) => check.because.as_deref(),
            (None, None) => None,
        }
    }

    fn rto(&self, workload: &WorkloadPlan, recovered_at: Option<Time>, complete: bool) -> Rto {
        let measured_s = recovered_at.map(|at| seconds_between(self.t0, at));
        let assumed = match (self.started.detection_s, self.started.decision_s) {
            (None, None) => None,
            (detection, decision) => Some(detection.unwrap_or(0.0) + decision.unwrap_or(0.0)),
        };
        let with_assumptions_s = measured_s.zip(assumed).map(|(m, a)| m + a);
        let compared = with_assumptions_s.or(measured_s);
        Rto {
            objective_s: workload.rto_s,
            measured_s,
            with_assumptions_s,
            status: judge(workload.rto_s, compared, complete),
        }
    }

    /// How old the restored data are, and how far apart.
    fn data(&self, workload: &WorkloadPlan, steps: &[&NodePlan], missing: &[String]) -> (Rpo, Consistency) {
        let mut sources = Vec::new();
        // The total is unknown if a store has an unknown age or was not restored.
        let mut complete = missing.is_empty();
        let mut stores = 0;
        for node in steps {
            let Some(step) = self.record.steps.get(&node.id) else {
                complete &= !node.restores_data;
                continue;
            };
            if !(node.restores_data || step.data) || self.is_left_out(&node.id) {
                continue;
            }
            stores += 1;
            match self.source(node, step) {
                Some(source) => sources.push(source),
                None => complete = false,
            }
        }
        // A measure that a check failed to take is unknown, whatever the recovery points say. So is
        // a measure that belongs to no store.
        let ids: HashSet<&String> = steps.iter().map(|step| &step.id).collect();
        complete &= self.members.measuring.iter().all(|check| {
            let own = check.workload.as_deref() == Some(&workload.name);
            let stores = check.measures_of.iter().any(|id| ids.contains(id));
            if check.measures_of.is_empty() { !own } else { !stores || self.ended(&check.id).succeeded }
        });
        let ages: Vec<Option<f64>> = sources.iter().map(|source| age(source, self.t0)).collect();
        complete &= ages.iter().all(Option::is_some);
        // Without a store that was lost there are no data whose age or spread could be unknown.
        let nothing_lost = stores == 0 && workload.stateless;
        let known = || ages.iter().flatten().copied();
        let (newest, oldest) = (known().reduce(f64::min), known().reduce(f64::max));
        let measured_s = oldest.or(nothing_lost.then_some(0.0));
        let spread_s = oldest.zip(newest).map(|(old, new)| old - new).or(nothing_lost.then_some(0.0));
        let complete = complete && (nothing_lost || stores > 0);
        // If one store's worst case is unknown, the worst case of all is only a lower bound.
        let exact = stores == sources.len() && sources.iter().all(|s| s.worst_case_s.is_some());
        let worst =
            sources.iter().filter_map(|s| s.worst_case_s.or(s.worst_case_at_least_s)).reduce(f64::max);
        let (worst_case_s, worst_case_at_least_s) = if exact { (worst, None) } else { (None, worst) };
        // A default objective does not apply to a workload that lists its resources, if none of
        // them holds data.
        let objective_s = workload.rpo_s.filter(|_| !nothing_lost || workload.own_rpo);
        let newest_s = by_newest(&sources, &ages);
        let judged_by_newest = sources.iter().any(|source| source.asked.as_deref() == Some(RANDOM));
        let status = if judged_by_newest {
            // What was asked for otherwise is judged by what was used.
            let judged: Vec<Option<f64>> = sources
                .iter()
                .zip(&ages)
                .map(|(source, age)| match (source.asked.as_deref(), &source.newest) {
                    (Some(RANDOM), Some(_)) => source.newest_age_s,
                    _ => *age,
                })
                .collect();
            let oldest = judged.iter().flatten().copied().reduce(f64::max);
            judge(objective_s, oldest, complete && judged.iter().all(Option::is_some))
        } else {
            judge(objective_s, measured_s, complete)
        };
        let rpo = Rpo {
            objective_s,
            measured_s,
            nothing_lost,
            partial: measured_s.is_some() && !complete,
            status,
            newest_s,
            judged_by_newest,
            worst_case_s,
            worst_case_at_least_s,
            sources,
        };
        let consistency = Consistency {
            objective_s: workload.consistency_s,
            measured_s: spread_s,
            partial: spread_s.is_some() && !complete,
            status: judge(workload.consistency_s, spread_s, complete),
        };
        (rpo, consistency)
    }

    /// The source of a store's data. `None` if the store was not restored.
    fn source(&self, node: &NodePlan, step: &StepRecord) -> Option<RpoSource> {
        let id = node.id.as_str();
        if step.status != Some(StepStatus::Succeeded) {
            return None;
        }
        let Some(point) = step.source.as_ref() else { return self.told_by_a_check(node) };
        let taken = step.consistent_at.or(point.taken);
        let data_time = self.newest_data.get(id).copied();
        Some(RpoSource {
            of: point.of.to_string(),
            recovery_point: point.id.clone(),
            step: id.to_owned(),
            from: format!("{} {}", point.account, point.region),
            taken,
            // Data from after T0 have no age, since they would not have existed in a real disaster.
            age_s: taken.filter(|taken| *taken <= self.t0).map(|taken| seconds_between(taken, self.t0)),
            asked: step.newest.as_ref().map(|newest| newest.asked.clone()),
            newest: step.newest.as_ref().map(|newest| newest.id.clone()),
            newest_age_s: step
                .newest
                .as_ref()
                .and_then(|newest| newest.taken)
                .map(|taken| seconds_between(taken, self.t0)),
            data_age_s: data_time.map(|newest| seconds_between(newest, self.t0)),
            worst_case_s: step.worst_case.seconds,
            worst_case_at_least_s: step.worst_case.at_least,
            worst_case_points: step.worst_case.points,
            worst_case_span_s: step.worst_case.span,
        })
    }

    /// The source of a store whose recovery point nobody knows: the step says that it restored it.
    /// Only a check can tell how old its data are.
    fn told_by_a_check(&self, node: &NodePlan) -> Option<RpoSource> {
        let newest = *self.newest_data.get(node.id.as_str()).filter(|_| !node.claims.is_empty())?;
        Some(RpoSource {
            of: node.claims.join(", "),
            recovery_point: "unknown".to_owned(),
            step: node.id.clone(),
            from: String::new(),
            taken: None,
            age_s: None,
            asked: None,
            newest: None,
            newest_age_s: None,
            data_age_s: Some(seconds_between(newest, self.t0)),
            worst_case_s: None,
            worst_case_at_least_s: None,
            worst_case_points: 0,
            worst_case_span_s: None,
        })
    }

    /// The instant at which what needs a node may begin. A check releases it when it has held for
    /// `stable_for`, though it counts as recovered from the start of that stretch.
    fn released(&self, id: &str) -> Option<Time> {
        let at = self.ended(id).at?;
        self.record.checks.get(id).and_then(|check| check.settled_at).or(Some(at))
    }

    /// The chain of nodes that ends with the recovery. Each link is the dependency that finished
    /// last. The shares add up to 1.
    fn critical_path(&self, last: &'a str) -> Vec<Link> {
        let mut links = Vec::new();
        let mut id = last;
        let mut end = self.ended(last).at;
        let total = end.map_or(0.0, |at| seconds_between(self.t0, at));
        while let Some((node, kind)) = self.nodes.get(id) {
            let before = node
                .needs
                .iter()
                .filter_map(|need| Some((self.released(need)?, need.as_str())))
                .max_by_key(|(at, _)| *at);
            let since = before.map_or(self.t0, |(at, _)| at);
            let seconds = end.map_or(0.0, |at| seconds_between(since, at));
            let share = if total > 0.0 { seconds / total } else { 0.0 };
            links.push(Link { id: id.to_owned(), kind: (*kind).to_owned(), seconds, share });
            match before {
                Some((at, before)) => (id, end) = (before, Some(at)),
                None => break,
            }
        }
        links.reverse();
        links
    }
}

/// What a step asks for that draws its point.
const RANDOM: &str = "random";

/// The age of the oldest store if each had been restored from its newest point. `None`: each step asked
/// for the newest one.
fn by_newest(sources: &[RpoSource], ages: &[Option<f64>]) -> Option<f64> {
    if sources.iter().all(|source| source.newest.is_none()) {
        return None;
    }
    let newest = sources.iter().zip(ages).map(|(source, age)| match source.newest {
        Some(_) => source.newest_age_s,
        None => *age,
    });
    newest.flatten().reduce(f64::max)
}

/// The age of a store's data. A check's timestamp replaces the recovery point's time. No data can
/// be newer than their recovery point, so a newer timestamp was written after the restore and is
/// ignored.
pub fn age(source: &RpoSource, t0: Time) -> Option<f64> {
    if is_from_after(source, t0) {
        return None;
    }
    match (source.data_age_s, source.age_s) {
        (Some(data), Some(point)) if data < point => Some(point),
        (Some(data), None) if data < 0.0 => None,
        (data, point) => data.or(point),
    }
}

/// Whether the data or their recovery point are from after T0.
pub fn is_from_after(source: &RpoSource, t0: Time) -> bool {
    source.taken.is_some_and(|taken| taken > t0)
}

/// A figure that exceeds the objective is missed, even if it is incomplete. An incomplete figure
/// never meets the objective.
fn judge(objective: Option<f64>, measured: Option<f64>, complete: bool) -> Status {
    match (objective, measured) {
        (Some(objective), Some(measured)) if measured > objective => Status::Missed,
        (Some(_), Some(_)) if complete => Status::Met,
        (Some(_), _) => Status::Unknown,
        (None, _) => Status::None,
    }
}
