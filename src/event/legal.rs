//! The legal order of events. A journal that breaks it was not written by a run, or was written by
//! a faulty one. Such a journal is neither measured nor resumed.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;

use super::{Body, Event, Phase, RunStarted, SANDBOX, TEARDOWN};
use base::duration::Time;
use base::graph::Graph;
use port::{Kind, ResourceRef};

/// How far the clocks of two machines may differ when one resumes the other's run.
const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::seconds(1);

/// The progress of a run: a fold over its events. It holds only the state that decides which event
/// may come next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunProgress {
    last_at: Option<Time>,
    phases: HashMap<Phase, bool>,
    ready: bool,
    forecast: bool,
    declared: bool,
    looked_up: bool,
    finished: bool,
    /// Whether resources of the run still exist after its end: kept on request, or left behind.
    stands: bool,
    kept: bool,
    steps: HashMap<String, StepState>,
    checks: HashMap<String, CheckState>,
    /// When each check was asked first.
    ready_at: HashMap<String, Time>,
    requests: HashMap<String, Request>,
    created: HashSet<ResourceRef>,
    deleting: HashSet<ResourceRef>,
    deleted: HashSet<ResourceRef>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepState {
    Waiting,
    Running { attempt: u32 },
    Pausing { attempt: u32 },
    Ended,
}

/// The effect of an event on a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepEvent {
    /// The step enters this state.
    Next(StepState),
    /// The step's source was chosen, or a person was asked.
    Source,
    /// The step ended in a way that only a running step can.
    Succeeded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckState {
    Waiting,
    Asked,
    Ended,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Request {
    /// The number of requests without an answer. An attempt may ask while the one before still
    /// waits.
    open: u32,
    /// The request created something. It is not sent again.
    made: bool,
}

type Verdict = Result<(), String>;

/// What answers the names of a sandbox. One that needs no step is answered with the first that succeeds.
const ANSWERS: [&str; 3] = [
    "route53:ChangeResourceRecordSets",
    "route53resolver:CreateFirewallDomainList",
    "route53resolver:CreateFirewallRule",
];

impl RunProgress {
    /// Takes in one event. An error says why it cannot follow the events before it. Nothing may
    /// follow after an error.
    pub fn follow(&mut self, event: &Event) -> Verdict {
        // Resources that still exist may be torn down long after the drill.
        if self.finished && !(self.stands && matches!(event.body, Body::Resumed { .. })) {
            return Err("an event stands after `run_finished`".into());
        }
        self.in_time(event)?;
        match (&event.body, self.last_at) {
            (Body::RunStarted(started), None) => self.start(started)?,
            (_, None) => return Err("the first event is not `run_started`".into()),
            (body, Some(last)) => {
                self.instants(event, last)?;
                self.go_on(body)?;
            }
        }
        self.last_at = Some(event.at);
        Ok(())
    }

    fn in_time(&self, event: &Event) -> Verdict {
        let differ =
            if matches!(event.body, Body::Resumed { .. }) { CLOCKS_DIFFER_BY } else { TimeDelta::zero() };
        match self.last_at {
            Some(last) if event.at + differ < last => {
                Err(format!("it is of {}, and the record before it of {last}", event.at))
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, started: &RunStarted) -> Verdict {
        plan_is_sound(started)?;
        figures_are_sound(started)?;
        self.steps = started.steps.iter().map(|node| (node.id.clone(), StepState::Waiting)).collect();
        self.checks = started.checks.iter().map(|node| (node.id.clone(), CheckState::Waiting)).collect();
        Ok(())
    }

    /// The instants inside a record, which are measured, lie where the record stands: T0 between the
    /// record before it and its own, and the health of a check between its first question and its
    /// record. `last` is the time of the record before.
    fn instants(&mut self, event: &Event, last: Time) -> Verdict {
        match &event.body {
            Body::DisasterDeclared { t0 } if *t0 < last || *t0 > event.at => {
                Err(format!("T0 is {t0}, and the disaster was declared at {}", event.at))
            }
            Body::CheckReady { check } => {
                self.ready_at.insert(check.clone(), event.at);
                Ok(())
            }
            Body::CheckHealthy { check, healthy_at, .. } => {
                let since = self.ready_at.get(check).copied().unwrap_or(event.at);
                if *healthy_at < since || *healthy_at > event.at {
                    return Err(format!(
                        "check `{check}` was healthy from {healthy_at} on, and was asked from {since} to {}",
                        event.at
                    ));
                }
                Ok(())
            }
            // The others hold no instant that is measured, or one of what was restored.
            Body::RunStarted(_)
            | Body::Progress { .. }
            | Body::PhaseStarted { .. }
            | Body::PhaseFinished { .. }
            | Body::SandboxReady { .. }
            | Body::Surveyed { .. }
            | Body::Forecast(_)
            | Body::DisasterDeclared { .. }
            | Body::Kept { .. }
            | Body::LeftBehind { .. }
            | Body::DataGone
            | Body::NetworkLeft { .. }
            | Body::Probed(_)
            | Body::LookedUp(_)
            | Body::Resumed { .. }
            | Body::RunFinished { .. }
            | Body::StepStarted { .. }
            | Body::StepRetry { .. }
            | Body::StepSource { .. }
            | Body::TaskAsked { .. }
            | Body::StepSucceeded { .. }
            | Body::StepFailed { .. }
            | Body::StepSkipped { .. }
            | Body::StepNotRun { .. }
            | Body::CheckTried { .. }
            | Body::CheckRungs { .. }
            | Body::CheckUnhealthy { .. }
            | Body::CheckUnknown { .. }
            | Body::CheckSkipped { .. }
            | Body::Intent { .. }
            | Body::Created { .. }
            | Body::NotCreated { .. }
            | Body::DeleteIntent { .. }
            | Body::Deleted { .. }
            | Body::DeleteFailed { .. }
            | Body::Discarded { .. }
            | Body::Identified(_)
            | Body::Isolation { .. }
            | Body::PointSeen { .. }
            | Body::Denied { .. }
            | Body::Finding(_)
            | Body::Interrupted { .. }
            | Body::Aborted { .. } => Ok(()),
        }
    }

    /// Handles every event after the first. The match names all of them, so that a new event does
    /// not compile without a rule.
    fn go_on(&mut self, body: &Body) -> Verdict {
        match body {
            Body::RunStarted(_) => Err("the run starts a second time".into()),
            Body::Progress { .. } => Err("`progress` is never recorded".into()),
            Body::PhaseStarted { phase } => match self.phases.insert(*phase, false) {
                None => Ok(()),
                Some(_) => Err(format!("the phase {phase:?} begins a second time")),
            },
            Body::PhaseFinished { phase } => match self.phases.insert(*phase, true) {
                Some(false) => Ok(()),
                _ => Err(format!("the phase {phase:?} ends, and it is not under way")),
            },
            Body::SandboxReady { .. } => {
                self.before_t0("the sandbox is ready")?;
                once(&mut self.ready, "the sandbox is ready a second time")
            }
            // Repeated if a runner died between the survey and T0. The last survey before T0
            // counts.
            Body::Surveyed { .. } => self.before_t0("recovery points are looked for"),
            Body::Forecast(_) => {
                self.before_t0("the recovery is forecast")?;
                once(&mut self.forecast, "the recovery is forecast a second time")
            }
            Body::DisasterDeclared { .. } => {
                if !self.ready {
                    return Err("the disaster is declared, and the sandbox was not ready".into());
                }
                once(&mut self.declared, "the disaster is declared a second time")
            }
            Body::Kept { .. } => {
                self.stands = true;
                once(&mut self.kept, "the sandbox is kept a second time")
            }
            Body::LeftBehind { resources, .. } => {
                self.stands = !resources.is_empty();
                Ok(())
            }
            Body::NetworkLeft { .. } => {
                self.stands = true;
                Ok(())
            }
            Body::Resumed { .. } if self.finished => {
                self.finished = false;
                Ok(())
            }
            Body::RunFinished { .. } => once(&mut self.finished, "the run ends a second time"),
            Body::StepStarted { step, attempt } => {
                self.step(step, StepEvent::Next(StepState::Running { attempt: *attempt }))
            }
            Body::StepRetry { step, attempt, .. } => {
                self.step(step, StepEvent::Next(StepState::Pausing { attempt: *attempt }))
            }
            Body::StepSource { step, .. } | Body::TaskAsked { step, .. } => {
                self.step(step, StepEvent::Source)
            }
            Body::StepSucceeded { step, .. } => self.step(step, StepEvent::Succeeded),
            Body::StepFailed { step, .. }
            | Body::StepSkipped { step, .. }
            | Body::StepNotRun { step, .. } => self.step(step, StepEvent::Next(StepState::Ended)),
            Body::CheckReady { check } => {
                let declared = self.declared;
                self.check(check, CheckState::Asked, |now| now == CheckState::Waiting && declared)
            }
            Body::CheckTried { check, .. } | Body::CheckRungs { check, .. } => {
                self.check(check, CheckState::Asked, |now| now == CheckState::Asked)
            }
            Body::CheckHealthy { check, .. } => {
                self.check(check, CheckState::Ended, |now| now == CheckState::Asked)
            }
            Body::CheckUnhealthy { check, .. }
            | Body::CheckUnknown { check, .. }
            | Body::CheckSkipped { check, .. } => {
                self.check(check, CheckState::Ended, |now| now != CheckState::Ended)
            }
            Body::LookedUp(_) if !self.declared => {
                Err("it tells what restored machines looked up, before the disaster was declared".into())
            }
            Body::LookedUp(_) => once(&mut self.looked_up, "it tells a second time what was looked up"),
            Body::Intent { by, token, call, .. } => self.asked(by, token, call),
            Body::Created { by, token, resources, .. } => {
                if by != TEARDOWN {
                    // The next attempt copies objects again. Their bucket already exists.
                    self.answered(token, !resources.is_empty())?;
                }
                self.created.extend(resources.iter().cloned());
                Ok(())
            }
            Body::NotCreated { token, .. } => self.answered(token, false),
            Body::DeleteIntent { resource } => self.asks_for_deletion(resource),
            Body::Deleted { resource } => {
                self.ends_a_deletion(resource)?;
                self.deleted.insert(resource.clone());
                Ok(())
            }
            // A vault is kept while a copy job writes into it, so nobody asks for its deletion.
            Body::DeleteFailed { resource, .. }
                if resource.kind == Kind::Vault && self.created.contains(resource) =>
            {
                Ok(())
            }
            Body::DeleteFailed { resource, .. } => self.ends_a_deletion(resource),
            // These events are legal anywhere.
            Body::Discarded { .. }
            | Body::Identified(_)
            | Body::Isolation { .. }
            | Body::PointSeen { .. }
            | Body::Denied { .. }
            | Body::Finding(_)
            | Body::Interrupted { .. }
            | Body::Resumed { .. }
            | Body::Probed(_)
            | Body::DataGone
            | Body::Aborted { .. } => Ok(()),
        }
    }

    fn before_t0(&self, what: &str) -> Verdict {
        if self.declared { Err(format!("{what} after the disaster was declared")) } else { Ok(()) }
    }

    fn step(&mut self, id: &str, event: StepEvent) -> Verdict {
        let declared = self.declared;
        let Some(now) = self.steps.get_mut(id) else {
            return Err(format!("the run has no step `{id}`"));
        };
        let may = match (*now, event) {
            (StepState::Waiting, StepEvent::Next(StepState::Running { attempt: 1 })) => declared,
            (StepState::Pausing { attempt }, StepEvent::Next(StepState::Running { attempt: next })) => {
                next == attempt + 1
            }
            (StepState::Running { attempt }, StepEvent::Next(StepState::Pausing { attempt: same })) => {
                same == attempt
            }
            (
                StepState::Running { .. },
                StepEvent::Source | StepEvent::Succeeded | StepEvent::Next(StepState::Ended),
            )
            | (StepState::Waiting | StepState::Pausing { .. }, StepEvent::Next(StepState::Ended)) => true,
            _ => false,
        };
        if !may {
            return Err(format!("step `{id}` is {}, and this does not follow on that", now.name()));
        }
        *now = match event {
            StepEvent::Next(next) => next,
            StepEvent::Source => *now,
            StepEvent::Succeeded => StepState::Ended,
        };
        Ok(())
    }

    fn check(&mut self, id: &str, next: CheckState, may: impl FnOnce(CheckState) -> bool) -> Verdict {
        let Some(now) = self.checks.get_mut(id) else {
            return Err(format!("the run has no check `{id}`"));
        };
        if !may(*now) {
            return Err(format!("check `{id}` is {}, and this does not follow on that", now.name()));
        }
        *now = next;
        Ok(())
    }

    fn asked(&mut self, by: &str, token: &str, call: &str) -> Verdict {
        match self.steps.get(by) {
            Some(StepState::Running { .. }) => {}
            Some(step) => {
                return Err(format!("{call} is asked for by step `{by}`, which is {}", step.name()));
            }
            None if by == SANDBOX && ANSWERS.contains(&call) => {}
            None if by == SANDBOX => self.before_t0("something is asked for as the sandbox's")?,
            None => {
                return Err(format!("{call} is asked for by `{by}`, which is no step of the run"));
            }
        }
        let request = self.requests.entry(token.to_owned()).or_default();
        if request.made {
            return Err(format!("{token} is asked for again, and stands as made"));
        }
        request.open += 1;
        Ok(())
    }

    fn asks_for_deletion(&mut self, resource: &ResourceRef) -> Verdict {
        if !self.created.contains(resource) {
            return Err(format!("{resource} is to be deleted, and is nothing that the run made"));
        }
        if self.deleted.contains(resource) {
            return Err(format!("{resource} is to be deleted, and is gone already"));
        }
        self.deleting.insert(resource.clone());
        Ok(())
    }

    fn ends_a_deletion(&self, resource: &ResourceRef) -> Verdict {
        // Nobody deletes a copy job: it ends by itself.
        let is_asked = if resource.kind == Kind::CopyJob {
            self.created.contains(resource)
        } else {
            self.deleting.contains(resource)
        };
        if !is_asked || self.deleted.contains(resource) {
            return Err(format!("nobody had asked for the deletion of {resource}"));
        }
        Ok(())
    }

    fn answered(&mut self, token: &str, made: bool) -> Verdict {
        match self.requests.get_mut(token) {
            Some(request) if request.open > 0 => {
                request.open -= 1;
                request.made |= made;
                Ok(())
            }
            _ => Err(format!("an answer for {token}, which nobody had asked for")),
        }
    }
}

/// Each node has an id of its own, and needs only nodes of the run, none of them itself.
fn plan_is_sound(started: &RunStarted) -> Verdict {
    let nodes = || started.steps.iter().chain(&started.checks);
    let mut index = HashMap::new();
    for (at, node) in nodes().enumerate() {
        if index.insert(node.id.as_str(), at).is_some() {
            return Err(format!("`{}` stands twice in the plan", node.id));
        }
    }
    let mut graph = Graph::default();
    for node in nodes() {
        let mut needs = Vec::new();
        for need in &node.needs {
            let Some(at) = index.get(need.as_str()) else {
                return Err(format!("`{}` needs `{need}`, which is not in the plan", node.id));
            };
            needs.push(*at);
        }
        graph.needs.push(needs);
    }
    graph.order().map(|_| ()).map_err(|cycle| {
        let path: Vec<&str> =
            cycle.iter().filter_map(|at| nodes().nth(*at)).map(|node| node.id.as_str()).collect();
        format!("the plan waits for itself: {}", path.join(" needs "))
    })
}

/// A playbook gives no length of time below zero.
fn figures_are_sound(started: &RunStarted) -> Verdict {
    let of_workloads = started.workloads.iter().flat_map(|w| [w.rto_s, w.rpo_s, w.consistency_s]);
    let all = [started.detection_s, started.decision_s].into_iter().chain(of_workloads).flatten();
    for seconds in all {
        if !seconds.is_finite() || seconds < 0.0 {
            return Err(format!("{seconds} s is an objective or an assumption, and no length of time"));
        }
    }
    Ok(())
}

fn once(told: &mut bool, otherwise: &str) -> Verdict {
    if std::mem::replace(told, true) { Err(otherwise.to_owned()) } else { Ok(()) }
}

impl StepState {
    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "not begun",
            Self::Running { .. } => "running",
            Self::Pausing { .. } => "between two attempts",
            Self::Ended => "over",
        }
    }
}

impl CheckState {
    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "not begun",
            Self::Asked => "under way",
            Self::Ended => "over",
        }
    }
}
