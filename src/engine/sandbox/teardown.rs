//! Teardown: removes all resources of the run in the order of their dependencies, then searches
//! again. Resources that cannot be removed, or cannot be seen to be gone, are reported.

use std::rc::Rc;
use std::time::Duration;

use super::provisioner::Provisioner;
use super::removal::{Access, Left, Removal};
use base::clock::Clock;
use base::duration::Span;
use event::{Body, Bus};
use port::wait::{CONSISTENT_AFTER, Waiter};
use port::{CloudError, Finding, Observed, Place, ResourceRef, Rule, State, Whose};

/// How long one resource may resist by default. This is as long as AWS takes for the slowest
/// deletion: of a database that is being created.
pub const PATIENCE: Duration = Duration::from_mins(45);

pub struct Teardown<'a> {
    pub provisioner: &'a Rc<Provisioner>,
    pub waiter: &'a Rc<Waiter>,
    pub clock: &'a Clock,
    pub bus: &'a Rc<Bus>,
    /// The places where the run may have created something.
    pub places: Vec<Place>,
    /// How long one resource may resist its deletion.
    pub patience: Duration,
}

/// The result of a search by tag.
struct Seen {
    things: Vec<ResourceRef>,
    /// The places that could not be searched, and why.
    blind: Vec<(Place, CloudError)>,
}

impl Teardown<'_> {
    /// Removes everything, and returns the resources that were left behind.
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

    /// Searches again by tag. Only resources that are no longer found count as gone. Newly found
    /// resources are removed too. Resources that were seen to be gone may still be listed for a
    /// while.
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

    /// The resisting resources that the last search does not show to be gone either.
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

    /// Makes sure that the provisioner knows all resources of the run, as far as possible.
    pub async fn survey(&self) {
        if !self.provisioner.settle(self.clock).await {
            self.bus.tell(Body::Finding(Finding::new(
                Rule::CreationAbandoned,
                "teardown",
                "a creating call was still under way when teardown began",
                "look for the tag drillmaster:run by hand, some minutes later",
            )));
        }
        // A resource whose creating call got no answer may not be visible yet. It would hold up the
        // resources that it depends on.
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

    /// Searches all places for resources with the run's tag.
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

    /// Finds resources by tag that are not in the journal, after a lost answer or a crash.
    async fn look(&self) {
        let seen = self.seen().await;
        for thing in &seen.things {
            self.waiter.saw(thing);
            self.provisioner.adopt(thing);
        }
        for (place, error) in seen.blind {
            // This is not final. The last search reports the place again.
            self.bus.tell(Body::Finding(Finding::new(
                Rule::TeardownBlind,
                format!("{} {}", place.account, place.region),
                format!("what the run has left there could not be looked up: {error}"),
                "teardown goes by its own records; look for the tag drillmaster:run by hand",
            )));
        }
    }
}
