//! A run as the fold of its events. The report and the verdict are made from this alone.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::isolation::Isolation;
use crate::report::model::{CheckStatus, Resumption, StepStatus};
use base::duration::Time;
use base::ids::AzId;
use base::rung::Rung;
use estate::RecoveryPoint;
use estate::point::WorstCase;
use event::{
    Body, Confirmed, Consumer, ConsumerError, Event, Forecast, Identified, LookedUp, Newest, Phase, Probed,
    RunStarted,
};
use port::gate::DeniedCall;
use port::{CallCount, Finding, ResourceRef};

#[derive(Debug, Clone, Default)]
pub struct Record {
    pub started: Option<(Time, RunStarted)>,
    pub last_at: Option<Time>,
    pub t0: Option<Time>,
    pub phases: BTreeMap<Phase, (Time, Option<Time>)>,
    pub azs: Vec<AzId>,
    pub isolation: Isolation,
    pub identities: Vec<Identified>,
    /// What was expected before T0. `None`: nobody asked a model.
    pub forecast: Option<Forecast>,
    pub steps: IndexMap<String, StepRecord>,
    pub checks: IndexMap<String, CheckRecord>,
    pub points: Vec<PointRecord>,
    pub denied: Vec<DeniedCall>,
    pub findings: Vec<Finding>,
    pub created: Vec<ResourceRef>,
    pub deleted: Vec<ResourceRef>,
    /// `None` if teardown has not ended.
    pub left_behind: Option<Vec<String>>,
    /// When all that holds data or costs money was gone.
    pub data_gone_at: Option<Time>,
    /// When teardown looked for the last time.
    pub looked_at: Option<Time>,
    /// The empty network that stays for now.
    pub network_left: Vec<ResourceRef>,
    pub probed: Option<Probed>,
    /// What restored machines looked up.
    pub looked_up: Option<LookedUp>,
    pub kept: Option<(Vec<ResourceRef>, Time)>,
    /// Whether resources that were kept or left behind are being removed, or have been.
    pub removes_kept: bool,
    pub interrupted: bool,
    pub aborted: Option<String>,
    /// The drill was aborted before anything was touched, because the playbook is wrong.
    pub mistaken: bool,
    pub api_calls: BTreeMap<String, CallCount>,
    pub resumed: Vec<Resumption>,
    pub finished: bool,
}

#[derive(Debug, Clone, Default)]
pub struct StepRecord {
    pub status: Option<StepStatus>,
    pub because: Option<String>,
    pub tolerated: bool,
    /// The step was not run because its `when` is false.
    pub unwanted: bool,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub attempts: u32,
    pub resources: Vec<String>,
    pub source: Option<RecoveryPoint>,
    pub worst_case: WorstCase,
    pub newest: Option<Newest>,
    pub restored: Vec<String>,
    pub data: bool,
    pub consistent_at: Option<Time>,
    /// A person was asked to do a task.
    pub asked: Option<Asked>,
    pub confirmed: Option<Confirmed>,
}

/// The question to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub at: Time,
    pub instructions: String,
}

impl StepRecord {
    /// The question that nobody has answered yet.
    pub fn waits(&self) -> Option<&Asked> {
        self.asked.as_ref().filter(|_| self.status.is_none())
    }
}

#[derive(Debug, Clone, Default)]
pub struct CheckRecord {
    pub status: Option<CheckStatus>,
    pub because: Option<String>,
    pub ready_at: Option<Time>,
    pub healthy_at: Option<Time>,
    pub settled_at: Option<Time>,
    pub observed: Option<String>,
    pub tries: u32,
    pub data_time: Option<Time>,
    pub rungs: Vec<Rung>,
    pub rows: BTreeMap<String, u64>,
}

#[derive(Debug, Clone)]
pub struct PointRecord {
    pub point: RecoveryPoint,
    pub why_not: Option<String>,
}

impl Record {
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut record = Self::default();
        for event in events {
            record.apply(event);
        }
        record
    }

    fn step(&mut self, id: &str) -> &mut StepRecord {
        self.steps.entry(id.to_owned()).or_default()
    }

    fn check(&mut self, id: &str) -> &mut CheckRecord {
        self.checks.entry(id.to_owned()).or_default()
    }

    pub fn apply(&mut self, event: &Event) {
        let at = event.at;
        self.last_at = Some(at);
        match &event.body {
            Body::RunStarted(started) => {
                // Steps are large, and most have one point. Tables that grow hold twice their content.
                self.steps.reserve_exact(started.steps.len());
                self.points.reserve_exact(started.steps.len());
                self.started = Some((at, (**started).clone()));
            }
            Body::PhaseStarted { phase } => {
                self.phases.insert(*phase, (at, None));
            }
            Body::PhaseFinished { phase } => {
                self.phases.entry(*phase).or_insert((at, None)).1 = Some(at);
            }
            Body::SandboxReady { azs, .. } => self.azs.clone_from(azs),
            Body::Isolation { stage, exposures, unknown } => {
                self.isolation.apply(*stage, exposures, unknown);
            }
            Body::Identified(who) => {
                if !self.identities.contains(who) {
                    self.identities.push(who.clone());
                }
            }
            Body::Forecast(forecast) => self.forecast = Some((**forecast).clone()),
            Body::DisasterDeclared { t0 } => self.t0 = Some(*t0),
            Body::Created { by, resources, .. } => {
                let names: Vec<String> = resources.iter().map(name).collect();
                self.created.extend(resources.iter().cloned());
                if let Some(step) = self.steps.get_mut(by) {
                    step.resources.extend(names);
                }
            }
            Body::PointSeen { point, why_not, .. } => {
                self.points.push(PointRecord { point: (**point).clone(), why_not: why_not.clone() });
            }
            Body::Denied { call, locus, step, why } => self.denied.push(DeniedCall {
                call: call.clone(),
                locus: locus.clone(),
                step: step.clone(),
                why: why.clone(),
            }),
            Body::Finding(found) => self.findings.push(found.clone()),
            Body::Deleted { resource } => self.deleted.push(resource.clone()),
            Body::Kept { resources, until } => self.kept = Some((resources.clone(), *until)),
            Body::LeftBehind { resources, .. } => {
                self.left_behind = Some(resources.clone());
                self.looked_at = Some(at);
            }
            Body::DataGone => {
                self.data_gone_at.get_or_insert(at);
            }
            Body::NetworkLeft { resources } => self.network_left.clone_from(resources),
            Body::Probed(probed) => {
                let all = self.probed.get_or_insert_default();
                all.invocations += probed.invocations;
                all.unanswered += probed.unanswered;
                all.cold_ms = all.cold_ms.or(probed.cold_ms);
                all.p50_ms = probed.p50_ms.or(all.p50_ms);
            }
            Body::LookedUp(found) => self.looked_up = Some(found.clone()),
            Body::Interrupted { .. } => self.interrupted = true,
            Body::Aborted { error, help, mistake } => {
                self.mistaken = *mistake;
                self.aborted = Some(match help {
                    Some(help) => format!("{error} ({help})"),
                    None => error.clone(),
                });
            }
            // The drill had already ended. Resources that were kept or left behind are now removed.
            Body::Resumed { .. } if self.finished || self.removes_kept => {
                (self.finished, self.removes_kept, self.kept, self.left_behind) = (false, true, None, None);
                self.network_left.clear();
            }
            Body::Resumed { by, gap_s } => {
                self.resumed.push(Resumption { at, by: by.clone(), gap_s: *gap_s });
            }
            Body::RunFinished { api_calls } => {
                for (call, counted) in api_calls {
                    let all = self.api_calls.entry(call.clone()).or_default();
                    all.count += counted.count;
                    all.throttled += counted.throttled;
                }
                self.finished = true;
            }
            Body::StepStarted { step, attempt } => {
                let step = self.step(step);
                step.started_at.get_or_insert(at);
                step.attempts = *attempt;
            }
            Body::StepSource { step, point, worst_case, newest } => {
                let step = self.step(step);
                step.source = Some((**point).clone());
                step.worst_case = *worst_case;
                step.newest = newest.as_deref().cloned();
            }
            Body::TaskAsked { step, instructions } => {
                self.step(step).asked = Some(Asked { at, instructions: instructions.clone() });
            }
            Body::StepSucceeded { step, restored, data, consistent_at, confirmed, .. } => {
                let step = self.step(step);
                step.status = Some(StepStatus::Succeeded);
                step.finished_at = Some(at);
                step.restored.clone_from(restored);
                step.data = *data;
                step.consistent_at = *consistent_at;
                step.confirmed = confirmed.as_deref().cloned();
            }
            Body::StepFailed { step, because, tolerated } => {
                let step = self.step(step);
                step.status = Some(StepStatus::Failed);
                step.because = Some(because.clone());
                step.tolerated = *tolerated;
                step.finished_at = Some(at);
            }
            Body::StepSkipped { step, because } => {
                let step = self.step(step);
                step.status = Some(StepStatus::Skipped);
                step.because = Some(because.clone());
            }
            Body::StepNotRun { step, because, unwanted } => {
                let step = self.step(step);
                step.unwanted = *unwanted;
                step.status = Some(StepStatus::NotRun);
                step.because = Some(because.clone());
            }
            Body::CheckReady { check } => self.check(check).ready_at = Some(at),
            Body::CheckTried { check, observed, tries, .. } => {
                let check = self.check(check);
                check.observed = Some(observed.clone());
                check.tries = *tries;
            }
            Body::CheckRungs { check, rungs, rows } => {
                let check = self.check(check);
                check.rungs.clone_from(rungs);
                check.rows.clone_from(rows);
            }
            Body::CheckHealthy { check, healthy_at, observed, tries, data_time } => {
                let check = self.check(check);
                check.status = Some(CheckStatus::Healthy);
                check.healthy_at = Some(*healthy_at);
                check.settled_at = Some(at);
                check.observed = Some(observed.clone());
                check.tries = *tries;
                check.data_time = *data_time;
            }
            Body::CheckUnhealthy { check, because, observed, tries }
            | Body::CheckUnknown { check, because, observed, tries } => {
                let check = self.check(check);
                let is_unknown = matches!(event.body, Body::CheckUnknown { .. });
                check.status = Some(if is_unknown { CheckStatus::Unknown } else { CheckStatus::Unhealthy });
                check.because = Some(because.clone());
                check.settled_at = Some(at);
                if !observed.is_empty() {
                    check.observed = Some(observed.clone());
                }
                check.tries = (*tries).max(check.tries);
            }
            Body::CheckSkipped { check, because } => {
                let check = self.check(check);
                check.status = Some(CheckStatus::Skipped);
                check.because = Some(because.clone());
            }
            // These events do not affect the measures.
            Body::Intent { .. }
            | Body::NotCreated { .. }
            | Body::Discarded { .. }
            | Body::Surveyed { .. }
            | Body::Progress { .. }
            | Body::StepRetry { .. }
            | Body::DeleteIntent { .. }
            | Body::DeleteFailed { .. } => {}
        }
    }
}

/// The resource's name for people: `ec2:instance/i-…`.
pub fn name(resource: &ResourceRef) -> String {
    format!("{}/{}", resource.kind.name(), resource.id)
}

/// The record as a consumer of events. The report's builder shares it.
pub struct Recorder(pub std::rc::Rc<std::cell::RefCell<Record>>);

impl Consumer for Recorder {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        self.0.borrow_mut().apply(event);
        Ok(())
    }

    fn recall(&mut self, event: &Event) {
        self.0.borrow_mut().apply(event);
    }
}
