//! Teardown: removes what the run created, in dependency order, then looks again. What cannot be removed, or not
//! be seen to be gone, is reported and never forgotten.

use std::rc::Rc;
use std::time::Duration;

use super::provisioner::Provisioner;
use super::removal::{Access, Left, Removal};
use base::clock::Clock;
use base::duration::Span;
use event::{Body, Bus};
use port::wait::{CONSISTENT_AFTER, Waiter};
use port::{CloudError, Finding, Observed, Place, ResourceRef, Rule, State, Whose};

/// How long one resource may resist by default: as long as AWS takes to delete the slowest (a database in creation).
pub const PATIENCE: Duration = Duration::from_mins(45);

pub struct Teardown<'a> {
    pub provisioner: &'a Rc<Provisioner>,
    pub waiter: &'a Rc<Waiter>,
    pub clock: &'a Clock,
    pub bus: &'a Rc<Bus>,
    /// Where the run could have created something.
    pub places: Vec<Place>,
    /// How long one resource may resist.
    pub patience: Duration,
}

/// What a look by tag has found.
struct Seen {
    things: Vec<ResourceRef>,
    /// Where it could not look, and why.
    blind: Vec<(Place, CloudError)>,
}

impl Teardown<'_> {
    /// Removes everything; what is returned was left behind.
    pub async fn run(&self) -> Vec<String> {
        self.survey().await;
        let removal = Removal {
            provisioner: self.provisioner,
            waiter: self.waiter,
            clock: self.clock,
            bus: self.bus,
            patience: self.patience,
            access: Access::default(),
        };
        let again = async || {
            self.look().await;
            self.provisioner.standing()
        };
        let mut gone = removal.run(self.provisioner.standing(), again).await;
        let seen = self.last_look(&removal, &mut gone).await;
        let mut left = gone.retained;
        left.extend(self.not_seen_to_go(gone.resisting, &seen).await.iter().map(ToString::to_string));
        left.extend(seen.things.iter().map(ToString::to_string));
        left.extend(seen.blind.iter().map(|(place, error)| {
            format!("unknown ({} {} could not be looked at: {error})", place.account, place.region)
        }));
        left.sort();
        left.dedup();
        self.bus.tell(Body::LeftBehind { resources: left.clone(), places: self.places.len() });
        left
    }

    /// Looks again: only what is not found any more is gone. What is found only now goes too; what was seen to be gone may be
    /// listed for a while.
    async fn last_look(&self, removal: &Removal<'_>, gone: &mut Left) -> Seen {
        let listed_until = self.clock.now() + Span(CONSISTENT_AFTER).delta();
        let mut pause = Duration::from_secs(2);
        loop {
            let seen = self.seen().await;
            let (known, late): (Vec<_>, Vec<_>) =
                seen.things.iter().cloned().partition(|thing| self.provisioner.has_created(thing));
            if !late.is_empty() {
                for thing in &late {
                    self.waiter.saw(thing);
                    self.provisioner.adopt(thing);
                }
                let more = removal.run(late, async || Vec::new()).await;
                gone.resisting.extend(more.resisting);
                gone.retained.extend(more.retained);
            } else if self.clock.now() >= listed_until
                || !known.iter().any(|t| self.provisioner.is_deleted(t))
            {
                return seen;
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }

    /// Of what could not be seen to go: what the last look does not show to be gone either.
    async fn not_seen_to_go(&self, resisting: Vec<ResourceRef>, seen: &Seen) -> Vec<ResourceRef> {
        let mut left = Vec::new();
        for resource in resisting {
            if !seen.things.contains(&resource) && self.is_gone(&resource).await {
                self.provisioner.tell(Body::Deleted { resource: resource.clone() });
            } else {
                left.push(resource);
            }
        }
        left
    }

    async fn is_gone(&self, resource: &ResourceRef) -> bool {
        let (place, ids) = (resource.place(), std::slice::from_ref(&resource.id));
        let ask = async || self.provisioner.cloud().observe(&place, resource.kind, ids).await;
        let seen = Access::default().look(self.clock, self.patience, ask).await;
        seen.is_ok_and(|seen: Vec<Observed>| seen.iter().all(|one| one.state == State::Gone))
    }

    /// All that the run has made is known to `hands` after this, as far as it can be.
    pub async fn survey(&self) {
        if !self.provisioner.settle(self.clock).await {
            self.bus.tell(Body::Finding(Finding::new(
                Rule::CreationAbandoned,
                "teardown",
                "a creating call was still under way when teardown began",
                "look for the tag drillmaster:run by hand, some minutes later",
            )));
        }
        // What a lost answer has made may not be seen yet, and would hold up whatever it depends on.
        if let Some(heard) = self.provisioner.last_unknown()
            && !self.provisioner.cloud().tells_changes()
        {
            self.clock.sleep_until(heard + Span(CONSISTENT_AFTER).delta()).await;
        }
        self.look().await;
    }

    fn whose(&self) -> Whose {
        Whose::Run(self.provisioner.run_tags().run.clone())
    }

    /// What carries the run's tag, everywhere.
    async fn seen(&self) -> Seen {
        let mut seen = Seen { things: Vec::new(), blind: Vec::new() };
        let access = Access::default();
        for place in &self.places {
            let ask = async || self.provisioner.cloud().tagged(place, &self.whose()).await;
            match access.look(self.clock, self.patience, ask).await {
                Ok(found) => seen.things.extend(found.things.into_iter().map(|thing| thing.resource)),
                Err(error) => seen.blind.push((place.clone(), error)),
            }
        }
        seen
    }

    /// Finds, by tag, what a lost answer or a crash has left untold.
    async fn look(&self) {
        let seen = self.seen().await;
        for thing in &seen.things {
            self.waiter.saw(thing);
            self.provisioner.adopt(thing);
        }
        for (place, error) in seen.blind {
            // The look at the end tells again, and finally.
            self.bus.tell(Body::Finding(Finding::new(
                Rule::TeardownBlind,
                format!("{} {}", place.account, place.region),
                format!("what the run has left there could not be looked up: {error}"),
                "teardown goes by its own records; look for the tag drillmaster:run by hand",
            )));
        }
    }
}
