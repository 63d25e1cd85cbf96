//! The requests of a run, as the journal tells them: their answers, and the resources that were
//! created and deleted. This is a pure fold over events, so that a resumed run knows everything
//! that the process before it knew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexSet;

use base::duration::Time;
use event::{Body, Event};
use port::{CopyPoint, Create, Created, Place, ResourceRef, Sent, StartRestore};

#[derive(Debug, Clone, Default)]
pub struct RequestLog {
    requests: HashMap<String, KnownRequest>,
    created: IndexSet<ResourceRef>,
    places: BTreeSet<Place>,
    discarded: BTreeMap<String, u32>,
    /// The first and last request to delete each resource, by a process that is still running.
    deleting: HashMap<ResourceRef, (Time, Time)>,
    deleted: BTreeSet<ResourceRef>,
}

/// A request with its client token.
#[derive(Debug, Clone)]
pub struct KnownRequest {
    /// The request, as the journal holds it.
    pub what: event::Request,
    /// The last attempt that made it, and when this attempt made it first.
    pub attempt: u32,
    pub since: Time,
    /// The time of the last intent or answer.
    pub heard: Time,
    pub answer: Answer,
    place: Place,
    /// Whether an earlier try of the request got no answer. A refusal of a later try does not undo it.
    was_unknown: bool,
}

impl KnownRequest {
    /// Whether the request may have created a resource that is not in the journal.
    fn is_unknown(&self) -> bool {
        self.answer == Answer::Unknown && self.what.adds()
    }

    /// Whether an answer tells all that the request has started.
    fn is_answered(&self) -> bool {
        match self.answer {
            Answer::Created(_) => true,
            Answer::Refused => !self.was_unknown,
            Answer::Unknown => false,
        }
    }

    /// The restore that it may have started without an answer.
    fn unanswered_restore(&self) -> Option<&StartRestore> {
        if let (false, event::Request::Create(what)) = (self.is_answered(), &self.what)
            && let Create::StartRestore(start) = &**what
        {
            return Some(start);
        }
        None
    }
}

/// A restore by AWS Backup whose start got no answer.
#[derive(Debug, Clone)]
pub struct UnansweredRestore {
    pub place: Place,
    /// The request, as the journal holds it.
    pub start: StartRestore,
    /// The time of the last intent or answer.
    pub heard: Time,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Created(Created),
    /// The cloud refused the request, or it was never sent. Nothing was created.
    Refused,
    /// The request may have taken effect.
    Unknown,
}

impl RequestLog {
    /// Takes in one event. Ignores events that are not about requests.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            Body::Intent { token, attempt, account, region, what, .. } => {
                let place = Place { account: account.clone(), region: region.clone() };
                // Of a copy nothing stands where it is requested. Its vault is in the sandbox.
                if what.copy_out().is_none() {
                    self.places.insert(place.clone());
                }
                let known = self.requests.get(token);
                let was_unknown =
                    known.is_some_and(|known| known.was_unknown || known.answer == Answer::Unknown);
                let of_attempt = known.filter(|known| known.attempt == *attempt);
                let request = KnownRequest {
                    what: what.clone(),
                    attempt: *attempt,
                    since: of_attempt.map_or(event.at, |known| known.since),
                    heard: event.at,
                    answer: Answer::Unknown,
                    place,
                    was_unknown,
                };
                self.requests.insert(token.clone(), request);
            }
            Body::Created { token, resources, outputs, restored_to, .. } => {
                self.created.extend(resources.iter().cloned());
                if let Some(request) = self.requests.get_mut(token) {
                    let (resources, outputs) = (resources.clone(), outputs.clone());
                    request.answer =
                        Answer::Created(Created { resources, outputs, restored_to: *restored_to });
                }
            }
            Body::NotCreated { token, sent, .. } => {
                if let Some(request) = self.requests.get_mut(token) {
                    request.heard = event.at;
                    if *sent == Sent::No {
                        request.answer = Answer::Refused;
                    }
                }
            }
            Body::Discarded { by, .. } => *self.discarded.entry(by.clone()).or_default() += 1,
            Body::DeleteIntent { resource } => {
                self.deleting.entry(resource.clone()).or_insert((event.at, event.at)).1 = event.at;
            }
            Body::Deleted { resource } => {
                self.deleted.insert(resource.clone());
            }
            // Nobody watched the deletions during the gap. Their patience starts anew.
            Body::Resumed { gap_s, .. } if *gap_s > 0.0 => self.forget_deletions(),
            Body::Resumed { .. }
            | Body::RunStarted(_)
            | Body::PhaseStarted { .. }
            | Body::PhaseFinished { .. }
            | Body::SandboxReady { .. }
            | Body::Isolation { .. }
            | Body::Surveyed { .. }
            | Body::Forecast(_)
            | Body::Identified(_)
            | Body::DisasterDeclared { .. }
            | Body::PointSeen { .. }
            | Body::StepStarted { .. }
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
            | Body::DeleteFailed { .. }
            | Body::Kept { .. }
            | Body::LeftBehind { .. }
            | Body::DataGone
            | Body::NetworkLeft { .. }
            | Body::Probed(_)
            | Body::LookedUp(_)
            | Body::Interrupted { .. }
            | Body::Aborted { .. }
            | Body::RunFinished { .. } => {}
        }
    }

    pub fn request(&self, token: &str) -> Option<&KnownRequest> {
        self.requests.get(token)
    }

    /// The last time of an intent or answer among requests with an unknown outcome.
    pub fn last_unknown(&self) -> Option<Time> {
        let is_unknown = |r: &&KnownRequest| r.is_unknown() || r.unanswered_restore().is_some();
        self.requests.values().filter(is_unknown).map(|request| request.heard).max()
    }

    /// The restores by AWS Backup whose start got no answer, by their tokens. A job carries no tags, so
    /// that no search by tag finds it.
    pub fn unanswered_restores(&self) -> BTreeMap<String, UnansweredRestore> {
        let of = |(token, request): (&String, &KnownRequest)| {
            let start = request.unanswered_restore()?.clone();
            let (place, heard) = (request.place.clone(), request.heard);
            Some((token.clone(), UnansweredRestore { place, start, heard }))
        };
        self.requests.iter().filter_map(of).collect()
    }

    /// The copies by AWS Backup whose start got no answer.
    pub fn unanswered_copies(&self) -> Vec<&CopyPoint> {
        let unanswered = self.requests.values().filter(|request| !request.is_answered());
        let mut copies: Vec<_> = unanswered.filter_map(|request| request.what.copy_out()).collect();
        copies.sort_by(|a, b| a.name.cmp(&b.name));
        copies
    }

    /// All created resources, in the order of creation.
    pub fn created(&self) -> &IndexSet<ResourceRef> {
        &self.created
    }

    /// The places of all requests.
    pub fn places(&self) -> &BTreeSet<Place> {
        &self.places
    }

    /// How often the resources of `by` were discarded. The next attempt uses new names.
    pub fn generation(&self, by: &str) -> u32 {
        self.discarded.get(by).copied().unwrap_or(0)
    }

    /// The first and last request to delete each resource.
    pub fn deletions(&self) -> &HashMap<ResourceRef, (Time, Time)> {
        &self.deleting
    }

    /// Forgets all deletion requests. Deletions are requested anew, with their full patience.
    pub fn forget_deletions(&mut self) {
        self.deleting.clear();
    }

    pub fn is_deleted(&self, resource: &ResourceRef) -> bool {
        self.deleted.contains(resource)
    }
}
