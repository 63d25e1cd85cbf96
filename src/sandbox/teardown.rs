//! Teardown: removes what the run created, in dependency order, then looks again. What cannot be removed, or not
//! be seen to be gone, is reported and never forgotten.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::hands::{HandError, Hands};
use crate::clock::Clock;
use crate::cloud::wait::{Until, Waiter};
use crate::cloud::{Kind, Place, ResourceRef, State};
use crate::duration::Time;
use crate::event::{Body, Bus};

/// What holds others goes first; each group is gone before the next begins.
const ORDER: [&[Kind]; 5] = [
    &[Kind::Stack, Kind::Instance, Kind::DbInstance],
    &[Kind::DbCluster, Kind::Volume, Kind::Image, Kind::Address, Kind::KeyPair, Kind::Bucket],
    &[Kind::Snapshot, Kind::DbSnapshot, Kind::DbClusterSnapshot],
    &[Kind::DbSubnetGroup, Kind::SecurityGroup, Kind::Subnet],
    &[Kind::Vpc],
];

/// How long one resource may resist by default: as long as AWS takes to delete the slowest (a database in creation).
pub const PATIENCE: Duration = Duration::from_mins(45);

pub struct Teardown<'a> {
    pub hands: &'a Rc<Hands>,
    pub waiter: &'a Rc<Waiter>,
    pub clock: &'a Clock,
    pub bus: &'a Rc<Bus>,
    /// Where the run could have created something.
    pub places: Vec<Place>,
    /// How long one resource may resist.
    pub patience: Duration,
}

impl Teardown<'_> {
    /// Removes everything; what is returned was left behind.
    pub async fn run(&self) -> Vec<String> {
        self.hands.settle().await;
        self.look().await;
        let mut left = Vec::new();
        for kinds in ORDER {
            let group: Vec<ResourceRef> =
                self.hands.standing().into_iter().filter(|r| kinds.contains(&r.kind)).collect();
            let removed = join_all(group.iter().map(|resource| self.remove(resource))).await;
            left.extend(removed.into_iter().flatten());
        }
        // Look again: only what is not found any more is gone.
        for place in &self.places {
            match self.hands.cloud().tagged(place, &self.hands.marks().run).await {
                Ok(found) => left.extend(found.iter().map(ToString::to_string)),
                Err(error) => left.push(format!(
                    "unknown ({} {} could not be looked at: {error})",
                    place.account, place.region
                )),
            }
        }
        left.sort();
        left.dedup();
        self.bus.tell(Body::LeftBehind { resources: left.clone() });
        left
    }

    /// Finds, by tag, what a lost answer or a crash has left untold.
    async fn look(&self) {
        for place in &self.places {
            match self.hands.cloud().tagged(place, &self.hands.marks().run).await {
                Ok(found) => {
                    for resource in &found {
                        self.hands.adopt(resource);
                    }
                }
                // The look at the end tells again, and finally.
                Err(error) => self.bus.tell(Body::Finding {
                    rule: "teardown-blind".into(),
                    severity: "medium".into(),
                    resource: format!("{} {}", place.account, place.region),
                    message: format!("what the run has left there could not be looked up: {error}"),
                    fix: "teardown goes by its own records; look for the tag drillmaster:run by hand".into(),
                }),
            }
        }
    }

    /// Removes one resource; what is returned says why it still stands.
    async fn remove(&self, resource: &ResourceRef) -> Option<String> {
        let since = self.hands.deleting_since(resource).unwrap_or_else(|| self.clock.now());
        let deadline = since + crate::duration::Span(self.patience).delta();
        let failed = |error: String| {
            self.bus.tell(Body::DeleteFailed { resource: json!(resource), error });
            Some(resource.to_string())
        };
        match self.delete_until(resource, since, deadline).await {
            Ok(()) => {}
            Err(error) => return failed(error),
        }
        let place = resource.place();
        let gone = self.waiter.wait(&place, resource.kind, &resource.id, Until::Gone);
        match self.clock.timeout_at(deadline, gone).await {
            Some(Ok(seen)) if seen.state == State::Gone => {
                self.hands.tell(Body::Deleted { resource: json!(resource) });
                None
            }
            Some(Ok(seen)) => failed(format!("it is still there: {:?}", seen.state)),
            Some(Err(error)) => failed(error.to_string()),
            None => failed("it was still being deleted when patience ended".into()),
        }
    }

    /// Tries again after 2 s, 4 s, … 30 s, counted from the first try, also across the death of a runner.
    async fn delete_until(&self, resource: &ResourceRef, since: Time, deadline: Time) -> Result<(), String> {
        let (mut next, mut pause) = (since, Duration::from_secs(2));
        loop {
            match self.hands.delete(resource).await {
                Ok(()) => return Ok(()),
                Err(HandError::Cloud(error)) if error.may_pass() && self.clock.now() < deadline => {
                    while next <= self.clock.now() {
                        next += crate::duration::Span(pause).delta();
                        pause = (pause * 2).min(Duration::from_secs(30));
                    }
                    self.clock.sleep_until(next).await;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
