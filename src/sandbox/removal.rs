//! Removal in dependency order: what teardown does with what its run made, and sweep with what others left.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::hands::{HandError, Hands};
use crate::clock::Clock;
use crate::cloud::wait::{Until, Waiter};
use crate::cloud::{Kind, ResourceRef, State};
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

pub struct Removal<'a> {
    pub hands: &'a Rc<Hands>,
    pub waiter: &'a Rc<Waiter>,
    pub clock: &'a Clock,
    pub bus: &'a Rc<Bus>,
    /// How long one resource may resist.
    pub patience: Duration,
}

impl Removal<'_> {
    /// Removes these; what is returned still stands. Each outcome is told as an event.
    pub async fn run(&self, resources: &[ResourceRef]) -> Vec<String> {
        let mut left = Vec::new();
        for kinds in ORDER {
            let group = resources.iter().filter(|r| kinds.contains(&r.kind));
            let removed = join_all(group.map(|resource| self.remove(resource))).await;
            left.extend(removed.into_iter().flatten());
        }
        left
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
