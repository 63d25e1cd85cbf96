//! Sweep: finds resources of earlier runs by the tag `drillmaster:run`, and removes them once their
//! `drillmaster:expires` has passed. A resource without both tags in a readable form is never
//! touched.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;

use super::provisioner::Provisioner;
use super::removal::{Removal, Retries};
use base::clock::Clock;
use base::duration::Time;
use base::ids::RunId;
use event::{Body, Bus, Consumer, Phase};
use port::Guard;
use port::Protected;
use port::wait::Waiter;
use port::{Cloud, Place, ResourceRef, RunTags, TAG_EXPIRES, TaggedThing, Whose};

/// Whether a resource has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expiry {
    Expired(Time),
    StandsUntil(Time),
    /// The tag is missing or is not a time. The resource is not removed.
    Unknown(String),
}

/// The result for one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Stands,
    Removed,
    /// The removal failed, for this reason. The resource still exists.
    Resisted(String),
}

#[derive(Debug, Clone)]
pub struct Leftover {
    pub thing: TaggedThing,
    pub expiry: Expiry,
    pub outcome: Outcome,
}

/// The resources that were found, and the places that could not be searched.
#[derive(Debug, Default)]
pub struct Swept {
    pub looked_at: Vec<Place>,
    /// Places, and resources in them, that could not be evaluated, each with the reason.
    pub unseen: Vec<String>,
    /// Resources that only another service can delete. Each text says where.
    pub held: Vec<String>,
    pub leftovers: Vec<Leftover>,
}

/// Finds all resources in these places that carry the tag of these runs.
pub async fn look(cloud: &dyn Cloud, places: &[Place], whose: &Whose, now: Time) -> Swept {
    let mut swept = Swept::default();
    let found = join_all(places.iter().map(|place| cloud.tagged(place, whose))).await;
    // Missing credentials fail in each region alike. That is told once.
    let mut failures: Vec<(String, Vec<&Place>)> = Vec::new();
    for (place, found) in places.iter().zip(found) {
        match found {
            Ok(found) => {
                swept.looked_at.push(place.clone());
                swept.unseen.extend(found.unread);
                swept.held.extend(found.held);
                swept.leftovers.extend(found.things.into_iter().map(|thing| {
                    let expiry = expiry(thing.expires.as_deref(), now);
                    Leftover { thing, expiry, outcome: Outcome::Stands }
                }));
            }
            Err(error) => {
                let help = error.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
                let said = format!("{error}{help}");
                match failures.iter_mut().find(|(known, _)| *known == said) {
                    Some((_, places)) => places.push(place),
                    None => failures.push((said, vec![place])),
                }
            }
        }
    }
    swept.unseen.extend(failures.into_iter().map(|(said, places)| format!("{}: {said}", listed(&places))));
    swept
}

/// A few places, and how many more there are.
fn listed(places: &[&Place]) -> String {
    const FEW: usize = 3;
    let few: Vec<String> = places.iter().take(FEW).map(ToString::to_string).collect();
    match places.len().saturating_sub(FEW) {
        0 => few.join(", "),
        more => format!("{} and {more} more", few.join(", ")),
    }
}

pub(super) fn expiry(tag: Option<&str>, now: Time) -> Expiry {
    let Some(text) = tag else { return Expiry::Unknown(format!("it carries no `{TAG_EXPIRES}`")) };
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(at) if at.to_utc() < now => Expiry::Expired(at.to_utc()),
        Ok(at) => Expiry::StandsUntil(at.to_utc()),
        Err(_) => Expiry::Unknown(format!("its `{TAG_EXPIRES}` is no time: `{text}`")),
    }
}

pub struct Sweeper {
    pub cloud: Rc<dyn Cloud>,
    pub clock: Clock,
    pub protected: Protected,
    /// How long one resource may resist its deletion.
    pub patience: Duration,
}

impl Sweeper {
    /// Removes expired resources by run and place, and notes the result for each.
    pub async fn remove_expired(&self, swept: &mut Swept) {
        let mut runs: BTreeMap<(Place, RunId), Vec<&mut Leftover>> = BTreeMap::new();
        for leftover in &mut swept.leftovers {
            if matches!(leftover.expiry, Expiry::Expired(_)) {
                let key = (leftover.thing.resource.place(), leftover.thing.run.clone());
                runs.entry(key).or_default().push(leftover);
            }
        }
        let removed = join_all(
            runs.into_iter().map(|((place, run), leftovers)| self.remove_run(place, run, leftovers)),
        )
        .await;
        swept.unseen.extend(removed.into_iter().flatten());
    }

    /// Returns the resources that stacks retained without a tag.
    async fn remove_run(&self, place: Place, run: RunId, mut leftovers: Vec<&mut Leftover>) -> Vec<String> {
        let failures = Failures::default();
        let bus = Bus::new(self.clock.clone(), 0, vec![Box::new(failures.clone())]);
        // The guard gets the swept run's tag, so it lets nothing else be deleted.
        let run_tags = RunTags::new(run, self.clock.now());
        let guard = Guard::new(Rc::clone(&self.cloud), place, run_tags, self.protected.clone());
        guard.enter(Phase::Teardown);
        let provisioner = Provisioner::new(
            Rc::clone(&self.cloud),
            Rc::clone(&bus),
            guard,
            super::memory::RequestLog::default(),
        );
        let waiter = Waiter::new(Rc::clone(&self.cloud), self.clock.clone());
        let (clock, patience) = (&self.clock, self.patience);
        let retries = Retries::default();
        let removal =
            Removal { provisioner: &provisioner, waiter: &waiter, clock, bus: &bus, patience, retries };
        let resources: Vec<ResourceRef> = leftovers.iter().map(|l| l.thing.resource.clone()).collect();
        for resource in &resources {
            waiter.saw(resource);
        }
        // Stacks pass their tags on. Resources with these tags were found earlier, and are judged
        // by their own expiry.
        let left = removal.run(resources, async || Vec::new()).await;
        for leftover in &mut leftovers {
            leftover.outcome = match failures.why(&leftover.thing.resource) {
                Some(why) => Outcome::Resisted(why),
                None if left.resisting.contains(&leftover.thing.resource) => {
                    Outcome::Resisted("it still stands".into())
                }
                None => Outcome::Removed,
            };
        }
        left.retained
    }
}

/// Collects why resources could not be removed.
#[derive(Clone, Default)]
struct Failures(Rc<std::cell::RefCell<Vec<(ResourceRef, String)>>>);

impl Failures {
    fn why(&self, resource: &ResourceRef) -> Option<String> {
        self.0.borrow().iter().find(|(of, _)| of == resource).map(|(_, why)| why.clone())
    }
}

impl Consumer for Failures {
    fn take(&mut self, event: &event::Event) -> Result<(), event::ConsumerError> {
        if let Body::DeleteFailed { resource, error } = &event.body {
            self.0.borrow_mut().push((resource.clone(), error.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_readable_time_that_has_passed_is_expired() {
        let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let now = time("2026-01-31T08:00:00Z");
        assert!(matches!(expiry(Some("2026-01-31T07:59:59Z"), now), Expiry::Expired(_)));
        assert!(matches!(expiry(Some("2026-01-31T09:59:59+02:00"), now), Expiry::Expired(_)));
        assert!(matches!(expiry(Some("2026-01-31T08:00:00Z"), now), Expiry::StandsUntil(_)));
        for unreadable in [None, Some(""), Some("yesterday"), Some("2026-01-30"), Some("1769846399")] {
            assert!(matches!(expiry(unreadable, now), Expiry::Unknown(_)), "{unreadable:?}");
        }
    }
}
