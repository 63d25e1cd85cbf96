//! What the records say of requests: what was asked for, what it made, what is gone again. A pure fold, so that a
//! run that goes on after its runner died knows what the one before knew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexSet;

use base::duration::Time;
use event::{Body, Event, Request as What};
use port::{Created, Place, ResourceRef, Sent};

#[derive(Debug, Clone, Default)]
pub struct Memory {
    requests: HashMap<String, Request>,
    created: IndexSet<ResourceRef>,
    places: BTreeSet<Place>,
    discarded: BTreeMap<String, u32>,
    /// When each resource was first and last asked to go away, by a process that lives on.
    deleting: HashMap<ResourceRef, (Time, Time)>,
    deleted: BTreeSet<ResourceRef>,
}

/// A request under one token.
#[derive(Debug, Clone)]
pub struct Request {
    /// As it was written down.
    pub what: What,
    pub since: Time,
    /// When it was last asked for, or answered.
    pub heard: Time,
    pub answer: Answer,
}

impl Request {
    /// Whether it may have made something that no record names.
    fn is_unknown(&self) -> bool {
        self.answer == Answer::Unknown && self.what.adds()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Created(Created),
    /// The cloud refused it, or it never left: nothing was made.
    Refused,
    /// It may have taken effect.
    Unknown,
}

impl Memory {
    /// Takes one record in. Records that say nothing of requests are passed over.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            Body::Intent { token, account, region, what, .. } => {
                self.places.insert(Place { account: account.clone(), region: region.clone() });
                let since = self.requests.get(token).map_or(event.at, |request| request.since);
                let request = Request { what: what.clone(), since, heard: event.at, answer: Answer::Unknown };
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
            // Nobody was there to see whether they went: the time that they may resist starts anew.
            Body::Resumed { gap_s, .. } if *gap_s > 0.0 => self.forget_deletions(),
            Body::Resumed { .. }
            | Body::RunStarted(_)
            | Body::PhaseStarted { .. }
            | Body::PhaseFinished { .. }
            | Body::SandboxReady { .. }
            | Body::Isolation { .. }
            | Body::Surveyed { .. }
            | Body::DisasterDeclared { .. }
            | Body::PointSeen { .. }
            | Body::StepStarted { .. }
            | Body::StepSource { .. }
            | Body::Progress { .. }
            | Body::StepRetry { .. }
            | Body::StepSucceeded { .. }
            | Body::StepFailed { .. }
            | Body::StepSkipped { .. }
            | Body::StepNotRun { .. }
            | Body::CheckReady { .. }
            | Body::CheckTried { .. }
            | Body::CheckHealthy { .. }
            | Body::CheckUnhealthy { .. }
            | Body::CheckSkipped { .. }
            | Body::Denied { .. }
            | Body::Finding(_)
            | Body::DeleteFailed { .. }
            | Body::Kept { .. }
            | Body::LeftBehind { .. }
            | Body::Interrupted { .. }
            | Body::Aborted { .. }
            | Body::RunFinished { .. } => {}
        }
    }

    pub fn request(&self, token: &str) -> Option<&Request> {
        self.requests.get(token)
    }

    /// When something was last heard of a request of which nobody knows whether it made something.
    pub fn last_unknown(&self) -> Option<Time> {
        self.requests.values().filter(|request| request.is_unknown()).map(|request| request.heard).max()
    }

    /// All that was made, in that order.
    pub fn created(&self) -> &IndexSet<ResourceRef> {
        &self.created
    }

    /// Where something was asked for.
    pub fn places(&self) -> &BTreeSet<Place> {
        &self.places
    }

    /// How often what `by` made was given up, so that its next attempt makes new things under new names.
    pub fn generation(&self, by: &str) -> u32 {
        self.discarded.get(by).copied().unwrap_or(0)
    }

    /// When it was first and last asked to go away.
    pub fn deletions(&self) -> &HashMap<ResourceRef, (Time, Time)> {
        &self.deleting
    }

    /// What was asked to go away is asked anew, and may resist as long as ever.
    pub fn forget_deletions(&mut self) {
        self.deleting.clear();
    }

    pub fn is_deleted(&self, resource: &ResourceRef) -> bool {
        self.deleted.contains(resource)
    }
}
