//! Removes resources in the order of their dependencies. Teardown uses it for its own run, and
//! sweep for the runs of others.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;

use super::provisioner::{ProvisionError, Provisioner};
use base::clock::Clock;
use base::duration::{Span, Time};
use event::{Body, Bus};
use port::wait::{Until, Waiter};
use port::{CloudError, CloudResult, ErrorKind, Kind, Observed, ResourceRef, State};

/// The rank of a kind in the order of removal. All resources of one rank are gone before the next
/// rank begins.
///
/// Resources that use others go first. Stacks go after resources that may use their security
/// groups. They also go after databases, even their own: CloudFormation would keep a final snapshot
/// of each.
fn rank(kind: Kind) -> u8 {
    match kind {
        // What a restore job made is known once the job has ended. Then the rest goes by its own
        // rank. A copy job writes into its vault until it has ended.
        Kind::Instance | Kind::DbInstance | Kind::CopyJob | Kind::RestoreJob | Kind::Function => 0,
        Kind::DbCluster => 1,
        // The log is switched off before its bucket goes, and before the firewall goes no machine is left.
        Kind::Stack | Kind::MountTarget | Kind::QueryLog => 2,
        Kind::Volume
        | Kind::Image
        | Kind::Address
        | Kind::KeyPair
        | Kind::Bucket
        | Kind::FileSystem
        | Kind::Table
        | Kind::RuleGroup
        | Kind::Zone
        | Kind::Vault => 3,
        Kind::Snapshot | Kind::DbSnapshot | Kind::DbClusterSnapshot | Kind::DomainList => 4,
        Kind::DbSubnetGroup | Kind::SecurityGroup | Kind::Subnet => 5,
        Kind::Vpc => 6,
    }
}

pub struct Removal<'a> {
    pub provisioner: &'a Rc<Provisioner>,
    pub waiter: &'a Rc<Waiter>,
    pub clock: &'a Clock,
    pub bus: &'a Rc<Bus>,
    /// How long one resource may resist its deletion.
    pub patience: Duration,
    pub retries: Retries,
}

/// Decides which errors are retried. Expired credentials may be renewed, so they are retried for a
/// while. Credentials that stay invalid do not hold up a removal for hours.
#[derive(Default)]
pub struct Retries {
    lost_since: Cell<Option<Time>>,
}

/// Enough time for a provider that renews credentials, or for a person who signs in again.
const CREDENTIALS_WITHIN: Duration = Duration::from_mins(2);

/// How long a resource may look unchanged after its deletion was requested.
const TAKES_EFFECT_WITHIN: Duration = Duration::from_mins(2);

/// How long a failing query is retried, and the least number of tries. A client may wait five
/// minutes for one answer.
const RETRY_FOR: Duration = Duration::from_mins(5);
const LEAST_TRIES: u32 = 4;

impl Retries {
    /// Whether a retry may succeed.
    pub fn may_pass(&self, error: &CloudError, now: Time) -> bool {
        if error.kind != ErrorKind::Credentials {
            return error.may_pass();
        }
        let since = self.lost_since.get().unwrap_or(now);
        self.lost_since.set(Some(since));
        now < since + Span(CREDENTIALS_WITHIN).delta()
    }

    fn works(&self, yes: bool) {
        if yes {
            self.lost_since.set(None);
        }
    }

    /// Asks, and retries transient errors.
    pub async fn ask<T>(
        &self,
        clock: &Clock,
        patience: Duration,
        ask: impl AsyncFn() -> CloudResult<T>,
    ) -> CloudResult<T> {
        let until = clock.now() + Span(RETRY_FOR.min(patience)).delta();
        let (mut pause, mut tries) = (Duration::from_secs(2), 0);
        loop {
            let answer = ask().await;
            tries += 1;
            let now = clock.now();
            match answer {
                Err(error) if (now < until || tries < LEAST_TRIES) && self.may_pass(&error, now) => {}
                answer => {
                    self.works(answer.is_ok());
                    return answer;
                }
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }
}

/// The resources that still exist after a removal.
#[derive(Default)]
pub struct Remaining {
    /// Resources that could not be seen to go.
    pub resisting: Vec<ResourceRef>,
    /// Resources that stacks left behind when they went.
    pub retained: Vec<String>,
}

/// The patience for further resources once one has resisted.
const PATIENCE_AFTER_FAILURE: Duration = Duration::from_mins(10);

impl Removal<'_> {
    /// Removes the resources and returns those that still exist. Emits an event for each outcome.
    /// After stacks are gone or restore jobs have ended, `again` is asked for the known resources.
    /// New ones, which these left with the run's tag, are removed with their kind.
    pub async fn run(
        &self,
        resources: Vec<ResourceRef>,
        again: impl AsyncFn() -> Vec<ResourceRef>,
    ) -> Remaining {
        let (mut waiting, mut resources, mut left) = (resources.clone(), resources, Remaining::default());
        while let Some(turn) = waiting.iter().map(|resource| rank(resource.kind)).min() {
            let group: Vec<ResourceRef>;
            (group, waiting) = waiting.into_iter().partition(|resource| rank(resource.kind) == turn);
            // A copy job that has not ended still writes into the run's vault. Whoever deletes the vault
            // loses sight of the copy.
            let (held, group) = if left.resisting.iter().any(|resource| resource.kind == Kind::CopyJob) {
                group.into_iter().partition(|resource| resource.kind == Kind::Vault)
            } else {
                (Vec::new(), group)
            };
            for vault in held {
                let error =
                    "a copy job still writes into it, and ends by itself: run `drillmaster abort` then";
                self.bus.tell(Body::DeleteFailed { resource: vault.clone(), error: error.into() });
                left.resisting.push(vault);
            }
            // A resource that resists holds up later ones. They are tried, but not for hours.
            let patience = if left.resisting.is_empty() {
                self.patience
            } else {
                self.patience.min(PATIENCE_AFTER_FAILURE)
            };
            let removed = join_all(group.iter().map(|resource| self.remove(resource, patience))).await;
            left.resisting.extend(removed.into_iter().flatten());
            let stacks: Vec<&ResourceRef> = group.iter().filter(|r| r.kind == Kind::Stack).collect();
            if !stacks.is_empty() || group.iter().any(|r| r.kind == Kind::RestoreJob) {
                let found: Vec<ResourceRef> =
                    again().await.into_iter().filter(|found| !resources.contains(found)).collect();
                waiting.extend(found.iter().cloned());
                resources.extend(found);
                left.retained.extend(self.retained(&stacks, &resources).await);
            }
        }
        left
    }

    /// Resources that the stacks left behind, except those that are removed anyway.
    async fn retained(&self, stacks: &[&ResourceRef], ours: &[ResourceRef]) -> Vec<String> {
        let mut left = Vec::new();
        for stack in stacks {
            let ask = async || self.provisioner.cloud().remains(stack).await;
            match self.retries.ask(self.clock, self.patience, ask).await {
                Ok(remains) => {
                    let strange =
                        remains.into_iter().filter(|r| r.resource.as_ref().is_none_or(|r| !ours.contains(r)));
                    left.extend(strange.map(|r| r.what));
                }
                Err(error) => {
                    left.push(format!("unknown (what {stack} retained could not be looked at: {error})"));
                }
            }
        }
        left
    }

    /// Removes one resource. Returns it if it could not be seen to go.
    async fn remove(&self, resource: &ResourceRef, patience: Duration) -> Option<ResourceRef> {
        let (since, last) =
            self.provisioner.deleting(resource).unwrap_or((self.clock.now(), self.clock.now()));
        let deadline = since + Span(patience).delta();
        let failed = |error: String| {
            self.bus.tell(Body::DeleteFailed { resource: resource.clone(), error });
            Some(resource.clone())
        };
        if resource.kind == Kind::CopyJob {
            return match self.ended(resource, deadline).await {
                Ok(()) => {
                    self.provisioner.tell(Body::Deleted { resource: resource.clone() });
                    None
                }
                Err(error) => failed(error),
            };
        }
        let (mut tried, mut pause) = ((since, last), Duration::from_secs(2));
        loop {
            if let Err(error) = self.delete_until(resource, tried, deadline).await {
                return failed(error);
            }
            // The record of a job stays with AWS. What the job made now carries the run's tag.
            if resource.kind == Kind::RestoreJob {
                self.provisioner.tell(Body::Deleted { resource: resource.clone() });
                return None;
            }
            match self.gone(resource, deadline).await {
                Some(Ok(seen)) if seen.state == State::Gone => {
                    self.retries.works(true);
                    self.provisioner.tell(Body::Deleted { resource: resource.clone() });
                    return None;
                }
                // Retries a deletion that failed (a stack with a resource in use) or had no effect.
                Some(Ok(_)) if self.clock.now() < deadline => {}
                Some(Err(error)) if self.passes(&error, deadline) => {}
                Some(Ok(seen)) => {
                    return failed(match seen.state {
                        State::Failed(why) => format!("its deletion failed: {why}"),
                        state @ (State::Pending(_) | State::Ready | State::Gone) => {
                            format!("it is still there: {state:?}")
                        }
                    });
                }
                Some(Err(error)) => return failed(error.to_string()),
                None => return failed("it was still being deleted when patience ended".into()),
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
            tried = (self.clock.now(), self.clock.now());
        }
    }

    /// Waits until a copy job has ended. It runs outside of the sandbox, where nothing is deleted.
    async fn ended(&self, job: &ResourceRef, deadline: Time) -> Result<(), String> {
        let (place, mut pause) = (job.place(), Duration::from_secs(2));
        loop {
            let ended = self.waiter.wait(&place, job.kind, &job.id, Until::Ready);
            match self.clock.timeout_at(deadline, ended).await {
                Some(Ok(seen)) => {
                    self.retries.works(true);
                    return match seen.state {
                        State::Ready | State::Failed(_) => Ok(()),
                        // Not seen is not gone: its start was answered with this id.
                        State::Gone | State::Pending(_) => {
                            Err("it is not seen, so whether it still copies into the vault is not known"
                                .into())
                        }
                    };
                }
                Some(Err(error)) if self.passes(&error, deadline) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("it was still copying when patience ended, and no call stops it".into()),
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }

    /// Requests the deletion, with retries after 2 s, 4 s, … 30 s. The pauses count from the first
    /// request, even if another process made it.
    async fn delete_until(
        &self,
        resource: &ResourceRef,
        (first, last): (Time, Time),
        deadline: Time,
    ) -> Result<(), String> {
        let (mut next, mut pause) = (first, Duration::from_secs(2));
        let mut later = |than: Time| {
            while next <= than {
                next += Span(pause).delta();
                pause = (pause * 2).min(Duration::from_secs(30));
            }
            next
        };
        if last < self.clock.now().min(deadline) && self.resisting(resource).await.is_some() {
            self.clock.sleep_until(later(last)).await;
        }
        loop {
            match self.provisioner.delete(resource).await {
                Ok(()) => {
                    self.retries.works(true);
                    return Ok(());
                }
                Err(ProvisionError::Cloud(error)) if self.passes(&error, deadline) => {
                    self.clock.sleep_until(later(self.clock.now())).await;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Waits until the resource is gone, its deletion has failed, or the deletion is seen to have
    /// had no effect. `None` means that the time is over.
    async fn gone(&self, resource: &ResourceRef, deadline: Time) -> Option<CloudResult<Observed>> {
        let place = resource.place();
        loop {
            let gone = self.waiter.wait(&place, resource.kind, &resource.id, Until::Gone);
            // An exact cloud reports every change by itself.
            let exact = self.provisioner.cloud().tells_changes();
            let until = if exact { deadline } else { self.clock.now() + Span(TAKES_EFFECT_WITHIN).delta() };
            let ended = self.clock.timeout_at(until.min(deadline), gone).await;
            if ended.is_some() || self.clock.now() >= deadline {
                return ended;
            }
            if let Some(seen) = self.resisting(resource).await {
                return Some(Ok(seen));
            }
        }
    }

    /// Whether a retry may succeed before the deadline.
    fn passes(&self, error: &CloudError, deadline: Time) -> bool {
        let now = self.clock.now();
        now < deadline && self.retries.may_pass(error, now)
    }

    /// The state of the resource, if its deletion was requested and is not in progress.
    async fn resisting(&self, resource: &ResourceRef) -> Option<Observed> {
        let ids = [resource.id.clone()];
        let seen = self.provisioner.cloud().observe(&resource.place(), resource.kind, &ids).await;
        seen.ok()?.into_iter().find(|seen| match seen.state {
            State::Ready | State::Failed(_) => true,
            State::Pending(_) | State::Gone => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::sandbox::memory::RequestLog;
    use event::{Consumer, ConsumerError, Event, Phase};
    use port::fake::Fake;
    use port::{Create, Created, Guard, Place, Protected, RunTags};

    /// The kinds in the order in which they were asked to go away.
    #[derive(Clone, Default)]
    struct DeletionLog(Rc<RefCell<Vec<Kind>>>);

    impl Consumer for DeletionLog {
        fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
            if let Body::DeleteIntent { resource } = &event.body {
                self.0.borrow_mut().push(resource.kind);
            }
            Ok(())
        }
    }

    /// What only the end of a stack shows may be of a kind whose turn has passed.
    #[test]
    fn every_kind_is_removed_by_rank_and_a_stack_leftover_after_its_stack() {
        let clock = Clock::real();
        let asked = DeletionLog::default();
        let bus = Bus::new(clock.clone(), 0, vec![Box::new(asked.clone())]);
        let cloud = Rc::new(Fake {
            create: |_: &Create| -> CloudResult<Created> { unreachable!() },
            observe: |id: &str| Observed {
                id: id.to_owned(),
                state: State::Gone,
                healthy: None,
                attributes: std::collections::BTreeMap::new(),
                next_change: None,
            },
            observed: RefCell::default(),
        });
        let place = Place { account: "222222222222".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let run_tags = RunTags::new(base::ids::RunId("20260101T000000Z-x-1f3a".into()), clock.now());
        let guard = Guard::new(cloud.clone(), place.clone(), run_tags, Protected::default());
        guard.enter(Phase::Teardown);
        let provisioner = Provisioner::new(cloud.clone(), Rc::clone(&bus), guard, RequestLog::default());
        let waiter = Waiter::new(cloud, clock.clone());
        let patience = Duration::from_secs(60);
        let removal = Removal {
            provisioner: &provisioner,
            waiter: &waiter,
            clock: &clock,
            bus: &bus,
            patience,
            retries: Retries::default(),
        };
        let one = |kind: Kind, id: &str| ResourceRef {
            kind,
            id: id.to_owned(),
            account: place.account.clone(),
            region: place.region.clone(),
        };
        // After a restore job the known resources are asked for too, so it would come first. A copy job
        // is not deleted.
        let is_deleted = |kind: &&Kind| !matches!(kind, Kind::CopyJob | Kind::RestoreJob);
        let kinds = || Kind::ALL.iter().filter(is_deleted);
        let all: Vec<ResourceRef> = kinds().map(|kind| one(*kind, "made")).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        let left = runtime.block_on(
            local.run_until(removal.run(all, async || vec![one(Kind::Instance, "left by the stack")])),
        );
        // This cloud deletes nothing.
        assert_eq!(left.resisting.len(), kinds().count() + 1);
        let asked = asked.0.borrow();
        assert!(kinds().all(|kind| asked.contains(kind)), "{asked:?}");
        let at = |kind: Kind| asked.iter().position(|one| *one == kind).unwrap();
        let again = asked.iter().rposition(|kind| *kind == Kind::Instance).unwrap();
        assert!(at(Kind::Instance) < at(Kind::Stack) && at(Kind::Stack) < again, "{asked:?}");
        assert!(again < at(Kind::Subnet) && at(Kind::Subnet) < at(Kind::Vpc), "{asked:?}");
    }
}
