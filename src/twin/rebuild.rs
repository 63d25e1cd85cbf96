//! Rebuilds the twin from a run's journal: repeats each recorded request at its recorded time.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Twin;
use base::clock::Clock;
use base::digest::digest_of;
use base::duration::Time;
use base::ids::RunId;
use estate::Loss;
use estate::file::{EstateFile, FaultKind};
use estate::point::lost_by_id;
use event::{Body, Event, Request};
use port::gate::{Enforcement, LossGate};
use port::gated::create_call;
use port::{ActionTiming, Cloud, Create, Created, Origin, Place, ResourceRef, RunTags, Sent};

/// What to assume about requests without a recorded answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// They took effect just before the process died.
    Done,
    /// They were never sent.
    NotDone,
}

/// A request in the journal.
struct Intent {
    place: Place,
    origin: Origin,
    what: Request,
}

struct Replay<'a> {
    twin: &'a Twin,
    run_tags: RunTags,
    /// Template texts by digest. A recorded request holds only the digest.
    templates: HashMap<String, &'a str>,
}

impl Twin {
    /// Rebuilds the twin. `loss`: the lost resources, which no call could reach.
    ///
    /// # Errors
    ///
    /// The journal and this twin do not agree.
    pub fn rebuild(
        file: impl Into<Arc<EstateFile>>,
        clock: Clock,
        seed: Option<u64>,
        actions: &'static [ActionTiming],
        loss: &Loss,
        events: &[Event],
        unanswered: Unanswered,
    ) -> Result<Self, String> {
        let twin = Self::new(file, clock, seed, actions);
        let (Some(Body::RunStarted(started)), Some(last)) =
            (events.first().map(|first| &first.body), events.last())
        else {
            return Err("the records do not begin with the run's beginning".into());
        };
        let gate = LossGate::new(loss.clone());
        let replay = Replay {
            twin: &twin,
            run_tags: RunTags::new(RunId(started.run_id.clone()), started.expires),
            templates: started.inputs.files.values().map(|text| (digest_of(text), text.as_str())).collect(),
        };
        let mut open: IndexMap<&str, Intent> = IndexMap::new();
        for (number, event) in events.iter().enumerate() {
            match &event.body {
                Body::DisasterDeclared { t0 } => {
                    twin.declare(*t0);
                    gate.enforce(Enforcement::Full);
                    // As the run that died did: all points that it saw are the estate's.
                    for (id, locus) in lost_by_id(&twin.file.recovery_points(*t0), loss) {
                        gate.know_lost_point(id, &locus);
                    }
                }
                Body::StepStarted { step, .. } => twin.acts(step),
                Body::Intent { by, attempt, token, account, region, what, .. } => {
                    let place = Place { account: account.clone(), region: region.clone() };
                    let origin = Origin::new(by, *attempt, token);
                    open.insert(token, Intent { place, origin, what: what.clone() });
                }
                Body::Created { token, resources, .. } => {
                    if let Some(intent) = open.shift_remove(token.as_str()) {
                        let created = replay
                            .repeat(&intent, event.at)
                            .map_err(|why| format!("record {}: {why}", number + 1))?;
                        if created.resources != *resources {
                            return Err(format!(
                                "record {}: this version would have made something else",
                                number + 1
                            ));
                        }
                    }
                }
                Body::NotCreated { token, sent, .. } => {
                    if let Some(intent) = open.shift_remove(token.as_str()).filter(|_| *sent == Sent::Maybe) {
                        // A refusal is fine: the recorded request was refused as well.
                        let _ = replay.repeat(&intent, event.at);
                    }
                }
                Body::DeleteIntent { resource } => {
                    let is_open =
                        event.at == last.at && !events[number..].iter().any(|e| is_end(e, resource));
                    if !(is_open && unanswered == Unanswered::NotDone) {
                        // A refusal is fine: the recorded deletion was refused as well.
                        let _ = twin.remove(&replay.run_tags, resource, event.at);
                    }
                }
                // These events change nothing in the cloud.
                Body::RunStarted(_)
                | Body::PhaseStarted { .. }
                | Body::PhaseFinished { .. }
                | Body::Discarded { .. }
                | Body::SandboxReady { .. }
                | Body::Isolation { .. }
                | Body::Surveyed { .. }
                | Body::Forecast(_)
                | Body::Identified(_)
                | Body::PointSeen { .. }
                | Body::StepSource { .. }
                | Body::TaskAsked { .. }
                | Body::Progress { .. }
                | Body::StepRetry { .. }
                | Body::StepSucceeded { .. }
                | Body::StepFailed { .. }
                | Body::StepSkipped { .. }
                | Body::StepNotRun { .. }
                | Body::CheckReady { .. }
                | Body::CheckTried { .. }
                | Body::CheckRungs { .. }
                | Body::CheckHealthy { .. }
                | Body::CheckUnhealthy { .. }
                | Body::CheckUnknown { .. }
                | Body::CheckSkipped { .. }
                | Body::Denied { .. }
                | Body::Finding(_)
                | Body::Deleted { .. }
                | Body::DeleteFailed { .. }
                | Body::Kept { .. }
                | Body::LeftBehind { .. }
                | Body::DataGone
                | Body::NetworkLeft { .. }
                | Body::Probed(_)
                | Body::LookedUp(_)
                | Body::Interrupted { .. }
                | Body::Resumed { .. }
                | Body::Aborted { .. }
                | Body::RunFinished { .. } => {}
            }
        }
        if unanswered == Unanswered::Done {
            for intent in open.values() {
                let Request::Create(what) = &intent.what else { continue };
                // A request that the gate refuses was never sent. A request that a fault of the
                // estate refuses made nothing.
                let what = replay.full_request(what);
                let refused = twin.production.fault(&intent.origin).is_some_and(FaultKind::is_a_refusal);
                if !refused && gate.check(&create_call(&intent.place, &what), &intent.origin.by).is_ok() {
                    // A refusal is fine: the request then made nothing.
                    let _ = replay.repeat(intent, last.at);
                }
            }
        }
        Ok(twin)
    }
}

/// Returns whether the event ends the deletion of `of`.
fn is_end(event: &Event, of: &ResourceRef) -> bool {
    matches!(&event.body, Body::Deleted { resource } | Body::DeleteFailed { resource, .. } if resource == of)
}

impl Replay<'_> {
    /// Repeats a request at the time `at`.
    fn repeat(&self, intent: &Intent, at: Time) -> Result<Created, String> {
        let what = match &intent.what {
            Request::CopyObjects(copy) => {
                self.twin.copied(copy).map_err(|e| e.to_string())?;
                return Ok(Created::default());
            }
            Request::Create(what) => self.full_request(what),
        };
        self.twin.make(&intent.place, &intent.origin, &self.run_tags, &what, at).map_err(|e| e.to_string())
    }

    /// Returns the recorded request, with the template's text in place of its digest.
    fn full_request(&self, recorded: &Create) -> Create {
        let mut what = recorded.clone();
        if let Create::Stack(stack) = &mut what
            && let Some(text) = self.templates.get(&stack.template)
        {
            (*text).clone_into(&mut stack.template);
        }
        what
    }
}
