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
        let (since, last) = self.hands.deleting(resource).unwrap_or((self.clock.now(), self.clock.now()));
        let deadline = since + crate::duration::Span(self.patience).delta();
        let failed = |error: String| {
            self.bus.tell(Body::DeleteFailed { resource: json!(resource), error });
            Some(resource.to_string())
        };
        match self.delete_until(resource, (since, last), deadline).await {
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
    async fn delete_until(
        &self,
        resource: &ResourceRef,
        (first, last): (Time, Time),
        deadline: Time,
    ) -> Result<(), String> {
        let (mut next, mut pause) = (first, Duration::from_secs(2));
        let mut later = |than: Time| {
            while next <= than {
                next += crate::duration::Span(pause).delta();
                pause = (pause * 2).min(Duration::from_secs(30));
            }
            next
        };
        if last < self.clock.now().min(deadline) && self.resists(resource).await {
            self.clock.sleep_until(later(last)).await;
        }
        loop {
            match self.hands.delete(resource).await {
                Ok(()) => return Ok(()),
                Err(HandError::Cloud(error)) if error.may_pass() && self.clock.now() < deadline => {
                    self.clock.sleep_until(later(self.clock.now())).await;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Whether a resource that was asked to go away is not on its way.
    async fn resists(&self, resource: &ResourceRef) -> bool {
        let ids = [resource.id.clone()];
        let seen = self.hands.cloud().observe(&resource.place(), resource.kind, &ids).await;
        seen.is_ok_and(|seen| seen.iter().any(|s| matches!(s.state, State::Ready | State::Failed(_))))
    }
}
