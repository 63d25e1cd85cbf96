//! The progress of a resumed run: a pure fold over its events. Empty for a new run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::end::End;
use super::found::SurveyedPoints;
use crate::sandbox::Ready;
use crate::sandbox::memory::RequestLog;
use base::duration::Time;
use checks::Health;
use estate::RecoveryPoint;
use event::{Body, Event, Identified, Made, Phase, Stage};
use port::gate::DeniedCall;
use port::{Finding, Rule};

#[derive(Default)]
pub struct Memory {
    /// The expiry of the run's resources. `None` for a new run.
    pub expires: Option<Time>,
    pub last_at: Option<Time>,
    /// The beginning of each phase, and whether it has ended.
    pub phases: BTreeMap<Phase, (Time, bool)>,
    pub ready: Option<Ready>,
    /// The points that existed just before T0.
    pub surveyed: SurveyedPoints,
    /// Whether the recovery was forecast.
    pub has_forecast: bool,
    pub t0: Option<Time>,
    /// Whether the final isolation scan has taken place.
    pub final_scan_done: bool,
    /// Whether it was told what restored machines looked up.
    pub has_looked_up: bool,
    pub cut: Option<super::Stop>,
    pub kept: bool,
    /// Whether this process removes resources that were kept or left behind after the drill.
    pub removes_kept: bool,
    pub finished: bool,
    pub steps: HashMap<String, StepMemory>,
    pub checks: HashMap<String, CheckMemory>,
    /// Steps and checks in the order in which they began.
    pub begun: Vec<String>,
    pub ended: Vec<(String, End)>,
    /// The recovery points that were reported, and why they were not used.
    pub points: Vec<(RecoveryPoint, Option<String>)>,
    /// Steps whose outputs held secrets, so that the journal does not have them.
    pub redacted: HashSet<String>,
    /// Copies of recovery points that steps made.
    pub made: Vec<Made>,
    pub denied: Vec<DeniedCall>,
    /// The findings so far, by rule, resource and message. Each is emitted once.
    pub findings: RefCell<HashSet<(Rule, String, String)>>,
    /// Whose credentials were told to be in use.
    identities: RefCell<BTreeSet<Identified>>,
    pub requests: RequestLog,
}

/// The last attempt of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepMemory {
    pub attempt: u32,
    pub began: Time,
    /// The source of the restore, as it was reported.
    pub source: Option<RecoveryPoint>,
    /// Why the attempt's resources were discarded. The attempt has failed.
    pub given_up: Option<String>,
    /// When the next attempt is due. The last one has failed.
    pub next_at: Option<Time>,
    pub outputs: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CheckMemory {
    pub ready_at: Time,
    pub tries: u32,
    /// The result of the last try.
    pub last: Option<(Health, String)>,
    pub tried_at: Option<Time>,
    pub healthy_since: Option<Time>,
    pub flapped: bool,
}

impl Memory {
    /// Folds the events of a run.
    pub fn of(events: &[Event]) -> Self {
        let mut memory = Self::default();
        for event in events {
            memory.apply(event);
        }
        memory
    }

    fn apply(&mut self, event: &Event) {
        self.last_at = Some(event.at);
        self.requests.apply(event);
        match &event.body {
            Body::RunStarted(started) => self.expires = Some(started.expires),
            Body::PhaseStarted { phase } => {
                self.phases.insert(*phase, (event.at, false));
            }
            Body::PhaseFinished { phase } => self.phases.entry(*phase).or_insert((event.at, true)).1 = true,
            Body::SandboxReady { ready, .. } => self.ready = ready.as_deref().cloned(),
            Body::Isolation { stage: Stage::Last, .. } => self.final_scan_done = true,
            Body::Surveyed { points } => self.surveyed = points.iter().cloned().collect(),
            Body::Forecast(_) => self.has_forecast = true,
            Body::Identified(who) => {
                self.is_new_identity(who);
            }
            Body::DisasterDeclared { t0 } => self.t0 = Some(*t0),
            Body::PointSeen { point, why_not, .. } => self.points.push(((**point).clone(), why_not.clone())),
            Body::Denied { call, locus, step, why } => self.denied.push(DeniedCall {
                call: call.clone(),
                locus: locus.clone(),
                step: step.clone(),
                why: why.clone(),
            }),
            Body::Finding(found) => {
                self.is_new(found);
            }
            Body::Interrupted { .. } => self.cut = Some(super::Stop::Interrupted),
            Body::Aborted { error, help, mistake } => {
                let (error, help) = (error.clone(), help.clone());
                self.cut = Some(if *mistake {
                    super::Stop::Mistaken { error, help }
                } else {
                    super::Stop::Aborted { error, help }
                });
            }
            Body::LookedUp(_) => self.has_looked_up = true,
            Body::Kept { .. } => self.kept = true,
            Body::RunFinished { .. } => self.finished = true,
            Body::Resumed { .. } if self.finished => {
                (self.finished, self.removes_kept) = (false, true);
            }
            Body::CheckReady { check } => {
                self.begun.push(check.clone());
                let known = CheckMemory {
                    ready_at: event.at,
                    tries: 0,
                    last: None,
                    tried_at: None,
                    healthy_since: None,
                    flapped: false,
                };
                self.checks.insert(check.clone(), known);
            }
            Body::CheckTried { check, healthy, observed, tries, unknown } => {
                if let Some(known) = self.checks.get_mut(check) {
                    let health = match (healthy, unknown) {
                        (true, _) => Health::Healthy,
                        (false, true) => Health::Unknown,
                        (false, false) => Health::Unhealthy,
                    };
                    known.tries = *tries;
                    if health == Health::Healthy {
                        known.healthy_since.get_or_insert(event.at);
                    } else {
                        let was_healthy = known.healthy_since.take().is_some();
                        known.flapped |= was_healthy && health == Health::Unhealthy;
                    }
                    known.last = Some((health, observed.clone()));
                    known.tried_at = Some(event.at);
                }
            }
            Body::StepFailed { step, tolerated: true, .. } => self.end(step, End::Tolerated),
            Body::StepFailed { step: id, .. }
            | Body::CheckUnhealthy { check: id, .. }
            | Body::CheckUnknown { check: id, .. } => {
                self.end(id, End::Failed);
            }
            Body::StepNotRun { step, .. } => self.end(step, End::NotRun),
            Body::StepSkipped { step: id, .. } | Body::CheckSkipped { check: id, .. } => {
                self.end(id, End::Skipped);
            }
            Body::CheckHealthy { check, .. } => self.end(check, End::Done),
            Body::StepStarted { step, attempt } => {
                if !self.steps.contains_key(step) {
                    self.begun.push(step.clone());
                }
                let (attempt, began) = (*attempt, event.at);
                let known = StepMemory {
                    attempt,
                    began,
                    source: None,
                    given_up: None,
                    next_at: None,
                    outputs: Value::Null,
                };
                self.steps.insert(step.clone(), known);
            }
            Body::StepSource { step, point, .. } => {
                if let Some(known) = self.steps.get_mut(step) {
                    known.source = Some((**point).clone());
                }
            }
            Body::StepRetry { step, next_at, .. } => {
                if let Some(known) = self.steps.get_mut(step) {
                    known.next_at = Some(*next_at);
                }
            }
            Body::Discarded { by, because } => {
                if let Some(known) = self.steps.get_mut(by) {
                    known.given_up = Some(because.clone());
                }
            }
            Body::StepSucceeded { step, outputs, made, redacted, .. } => {
                if *redacted {
                    self.redacted.insert(step.clone());
                }
                if let Some(known) = self.steps.get_mut(step) {
                    known.outputs = outputs.clone();
                }
                self.made.extend(made.as_deref().cloned());
                self.end(step, End::Done);
            }
            // `requests` takes in the events about requests. The others do not affect the progress.
            Body::Isolation { .. }
            | Body::Resumed { .. }
            | Body::Progress { .. }
            | Body::TaskAsked { .. }
            | Body::Intent { .. }
            | Body::Created { .. }
            | Body::NotCreated { .. }
            | Body::DeleteIntent { .. }
            | Body::Deleted { .. }
            | Body::DeleteFailed { .. }
            | Body::DataGone
            | Body::NetworkLeft { .. }
            | Body::Probed(_)
            | Body::CheckRungs { .. }
            | Body::LeftBehind { .. } => {}
        }
    }

    fn end(&mut self, id: &str, end: End) {
        self.ended.push((id.to_owned(), end));
    }

    pub fn has_begun(&self, phase: Phase) -> bool {
        self.phases.contains_key(&phase)
    }

    pub fn has_ended(&self, phase: Phase) -> bool {
        self.phases.get(&phase).is_some_and(|(_, ended)| *ended)
    }

    /// Whether the identity is new. It counts as told from now on.
    pub fn is_new_identity(&self, who: &Identified) -> bool {
        self.identities.borrow_mut().insert(who.clone())
    }

    /// Whether the finding is new. It counts as emitted from now on.
    pub fn is_new(&self, found: &Finding) -> bool {
        let Finding { rule, severity: _, resource, message, fix: _ } = found;
        self.findings.borrow_mut().insert((*rule, resource.clone(), message.clone()))
    }
}
