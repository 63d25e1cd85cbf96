//! Makes the model of a forecast from a rehearsal.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;

use super::learned::{History, Timed};
use crate::cli::rehearsal::JOBS;
use base::duration::{Span, Time, seconds_between};
use base::graph::Graph;
use engine::actions::{TIMINGS, WITHOUT_CLOUD};
use estate::PointKind;
use estate::file::Timing;
use insight::forecast::{
    ActionModel, Attempts, Belief, Chance, Limit, Model, Node, Prior, WorkloadModel, learn,
};
use playbook::model::Step;
use port::CreateCall;
use record::objectives::Record;
use record::report::Report;
use record::report::model::{CheckStatus, StepStatus};
use twin::timing;

pub struct Built {
    pub model: Model,
    pub learned_from: Vec<ActionModel>,
    /// Workloads that the rehearsal did not recover, with the reason.
    pub not_recovered: Vec<(String, String)>,
}

/// The attempts of each step, by its id.
pub fn attempts(steps: &[Step]) -> HashMap<String, Attempts> {
    let of = |step: &Step| Attempts {
        limit: step.timeout.map(Span::as_secs_f64),
        most: step.retry.attempts,
        backoff: step.retry.backoff.as_secs_f64(),
    };
    steps.iter().map(|step| (step.id.clone(), of(step))).collect()
}

/// A step or check of the rehearsal.
struct Seen<'a> {
    id: &'a str,
    workload: Option<&'a str>,
    /// The action of a step.
    uses: Option<&'a str>,
    needs: &'a [String],
    /// The attempts in the rehearsal. After a failed one, its time holds more than one attempt.
    tried: u32,
    /// When it began. `None`: it never did.
    began: Option<Time>,
    /// When it was done or healthy. `None`: it failed.
    done: Option<Time>,
    /// When the nodes that need it could begin.
    free: Option<Time>,
}

pub fn build(
    report: &Report,
    record: &Record,
    timings: &IndexMap<String, Timing>,
    history: &History,
    attempts: &HashMap<String, Attempts>,
) -> Built {
    let seen = seen(report);
    let index: HashMap<&str, usize> = seen.iter().enumerate().map(|(i, s)| (s.id, i)).collect();
    let needs_of =
        |s: &Seen<'_>| s.needs.iter().filter_map(|need| index.get(need.as_str()).copied()).collect();
    let graph = Graph { needs: seen.iter().map(needs_of).collect() };
    // A playbook that was rehearsed has no cycle.
    let order = graph.order().unwrap_or_default();
    let mut place = vec![0; seen.len()];
    for (at, node) in order.iter().enumerate() {
        place[*node] = at;
    }
    let mut actions = Actions { timings, history, known: BTreeMap::new(), beliefs: Vec::new() };
    let mut model = Model::default();
    let limits = Limits::new(&seen, record, &mut model.limits);
    for at in &order {
        let node = &seen[*at];
        let seconds = node.began.zip(node.done).map_or(0.0, |(began, done)| seconds_between(began, done));
        let waits = limits.of(node);
        let seconds = match node.uses {
            // Under a limit, the rehearsal's time holds the wait for the others.
            Some(uses) if waits.len() > 1 => actions.calibrated(uses, node.id, record).unwrap_or(seconds),
            _ => seconds,
        };
        model.nodes.push(Node {
            id: node.id.to_owned(),
            needs: graph.needs[*at].iter().map(|need| place[*need]).collect(),
            seconds,
            hold: node.done.zip(node.free).map_or(0.0, |(done, free)| seconds_between(done, free)),
            chance: node.uses.map_or(Chance::Fixed, |uses| {
                let source = record.steps.get(node.id).and_then(|step| step.source.as_ref());
                actions.chance(Timed::new(uses, source.map(|point| point.of.kind.as_str())))
            }),
            attempts: attempts.get(node.id).copied().filter(|_| node.tried == 1).unwrap_or(Attempts::ONE),
            limits: waits,
        });
    }
    let mut not_recovered = Vec::new();
    for workload in &report.workloads {
        if workload.rto.measured_s.is_none() {
            let because = "the rehearsal on the twin did not recover it: see `drillmaster plan`";
            not_recovered.push((workload.name.clone(), because.to_owned()));
            continue;
        }
        let of = |s: &(usize, &Seen<'_>)| s.1.workload == Some(workload.name.as_str());
        let assumed = report.assume.as_ref();
        let assumed = assumed.map_or(0.0, |a| a.detection_s.unwrap_or(0.0) + a.decision_s.unwrap_or(0.0));
        model.workloads.push(WorkloadModel {
            name: workload.name.clone(),
            nodes: seen.iter().enumerate().filter(of).map(|(i, _)| place[i]).collect(),
            objective: workload.rto.objective_s,
            assumed,
        });
    }
    let learned_from = actions.told();
    model.actions = actions.beliefs;
    Built { model, learned_from, not_recovered }
}

fn seen(report: &Report) -> Vec<Seen<'_>> {
    let t0 = report.t0;
    let steps = report.steps.iter().map(|step| {
        let done = step.finished_at.filter(|_| step.status == StepStatus::Succeeded);
        Seen {
            id: &step.id,
            workload: step.workload.as_deref(),
            uses: Some(&step.uses),
            needs: &step.needs,
            tried: step.attempts,
            began: step.started_at.or(t0),
            done,
            free: done,
        }
    });
    let checks = report.checks.iter().map(|check| {
        let done = check.healthy_at.filter(|_| check.status == CheckStatus::Healthy);
        Seen {
            id: &check.id,
            workload: check.workload.as_deref(),
            uses: None,
            needs: &check.needs,
            tried: 0,
            began: check.ready_at.or(t0),
            done,
            free: check.settled_at.or(done),
        }
    });
    steps.chain(checks).collect()
}

/// How the times of the actions vary.
struct Actions<'a> {
    timings: &'a IndexMap<String, Timing>,
    history: &'a History,
    /// The index in `beliefs` of each action and type.
    known: BTreeMap<Timed, usize>,
    beliefs: Vec<Belief>,
}

impl Actions<'_> {
    fn chance(&mut self, timed: Timed) -> Chance {
        if let Some(index) = self.known.get(&timed) {
            return Chance::Of(*index);
        }
        let uses = timed.action.as_str();
        let spread = timing::of(uses, TIMINGS, self.timings).map_or(0.0, |timing| timing.spread);
        let belief = learn(Prior { spread }, self.history.of(&timed));
        // People and programs of the runner's machine are not slower because a region is busy.
        let is_of_aws = !WITHOUT_CLOUD.contains(&uses);
        if !is_of_aws && belief == (Belief::Calibrated { sigma: 0.0 }) {
            return Chance::Fixed;
        }
        self.known.insert(timed, self.beliefs.len());
        self.beliefs.push(belief);
        Chance::Of(self.beliefs.len() - 1)
    }

    /// The calibrated seconds of a step, by the size of what it restores.
    fn calibrated(&self, uses: &str, id: &str, record: &Record) -> Option<f64> {
        let size = record.steps.get(id)?.source.as_ref()?.size;
        Some(timing::mean(&timing::of(uses, TIMINGS, self.timings)?, size).as_secs_f64())
    }

    fn told(&self) -> Vec<ActionModel> {
        let told = |(timed, index): (&Timed, &usize)| {
            let (runs, model, factor) = match self.beliefs.get(*index)? {
                Belief::Calibrated { .. } => (0, "calibration", None),
                Belief::Learned(learned) => (learned.runs, "learned", Some(learned.mean.exp())),
            };
            let Timed { action, of } = timed.clone();
            Some(ActionModel { action, of, runs, model, factor })
        };
        self.known.iter().filter_map(told).collect()
    }
}

/// AWS's limits on copies at once, and the runner's on steps. All copies go to the sandbox's region.
struct Limits {
    /// The index of the limit that each copy waits for, by the step's id.
    copies: HashMap<String, usize>,
}

impl Limits {
    fn new(seen: &[Seen<'_>], record: &Record, limits: &mut Vec<Limit>) -> Self {
        limits.push(Limit { name: "steps of the runner".into(), most: JOBS });
        let mut by_call: BTreeMap<CreateCall, Vec<&str>> = BTreeMap::new();
        for node in seen {
            if let Some(call) = copy_between_regions(node, record) {
                by_call.entry(call).or_default().push(node.id);
            }
        }
        let mut copies = HashMap::new();
        for (call, ids) in by_call {
            let Some(most) = timing::between_regions(call).filter(|most| ids.len() > *most) else { continue };
            copies.extend(ids.into_iter().map(|id| (id.to_owned(), limits.len())));
            limits.push(Limit { name: format!("{} at once", call.name()), most });
        }
        Self { copies }
    }

    fn of(&self, node: &Seen<'_>) -> Vec<usize> {
        let runner = node.uses.map(|_| 0);
        runner.into_iter().chain(self.copies.get(node.id).copied()).collect()
    }
}

/// The call with which a step copies from another region than the sandbox's.
fn copy_between_regions(node: &Seen<'_>, record: &Record) -> Option<CreateCall> {
    if !["ec2.copy_snapshot", "ec2.copy_image", "rds.copy_snapshot"].contains(&node.uses?) {
        return None;
    }
    let source = record.steps.get(node.id)?.source.as_ref()?;
    let (_, started) = record.started.as_ref()?;
    if source.region == started.sandbox_region {
        return None;
    }
    match source.kind {
        PointKind::EbsSnapshot => Some(CreateCall::CopySnapshot),
        PointKind::Ami => Some(CreateCall::CopyImage),
        PointKind::RdsSnapshot => Some(CreateCall::CopyDbSnapshot),
        PointKind::RdsClusterSnapshot => Some(CreateCall::CopyDbClusterSnapshot),
        PointKind::RdsPitr
        | PointKind::RdsReplica
        | PointKind::S3Replica
        | PointKind::S3Versions
        | PointKind::Backup
        | PointKind::DynamodbPitr
        | PointKind::DynamodbBackup
        | PointKind::EfsReplica => None,
    }
}
