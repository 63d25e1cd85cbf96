//! Teardown: removes all resources of the run in the order of their dependencies, then searches
//! again. Resources that cannot be removed, or cannot be seen to be gone, are reported.

use std::rc::Rc;
use std::time::Duration;

use super::provisioner::Provisioner;
use super::removal::{Remaining, Removal, Retries};
use base::clock::Clock;
use base::duration::{Span, Time};
use event::{Body, Bus};
use port::wait::{CONSISTENT_AFTER, Waiter};
use port::{Finding, Kind, Observed, Place, ResourceRef, Rule, Started, State, Tagged, Whose};

/// How long one resource may resist by default. This is as long as AWS takes for the slowest
/// deletion: of a database that is being created.
pub const PATIENCE: Duration = Duration::from_mins(45);

/// How long the network may resist at least, if the run made a function. Lambda keeps the interfaces
/// of a function that is gone for 18 to 35 minutes, at times for more than an hour
/// (hashicorp/terraform-provider-aws issue 32130).
pub const NETWORK_PATIENCE: Duration = Duration::from_mins(60);

/// Whether the kind is part of an empty network: it holds no data and costs nothing.
fn is_network(kind: Kind) -> bool {
    Kind::NETWORK.contains(&kind)
}

pub struct Teardown<'a> {
    pub provisioner: &'a Rc<Provisioner>,
    pub waiter: &'a Rc<Waiter>,
    pub clock: &'a Clock,
    pub bus: &'a Rc<Bus>,
    /// The places where the run may have created something.
    pub places: Vec<Place>,
    /// How long one resource may resist its deletion.
    pub patience: Duration,
    /// Whether to wait for network interfaces that Lambda keeps of the probe. Otherwise the empty
    /// network stays for `drillmaster abort`.
    pub wait_network: bool,
}

/// The result of a search by tag.
struct TaggedResources {
    resources: Vec<ResourceRef>,
    /// What could not be looked at, and why, with the place.
    unsearched: Vec<(Place, String)>,
    /// What only another service can delete.
    held: Vec<String>,
}

/// What teardown could and could not remove.
struct TornDown {
    remaining: Remaining,
    seen: TaggedResources,
    /// The empty network that stays for `drillmaster abort`.
    network: Vec<ResourceRef>,
    /// Whether it was told that what holds data or costs money is gone.
    data_told: bool,
}

impl Teardown<'_> {
    /// Removes everything, and returns the resources that were left behind.
    pub async fn run(&self) -> Vec<String> {
        let unlooked = self.survey().await;
        let removal = Removal {
            provisioner: self.provisioner,
            waiter: self.waiter,
            clock: self.clock,
            bus: self.bus,
            patience: self.patience,
            retries: Retries::default(),
        };
        let has_probe = self.provisioner.created().iter().any(|made| made.kind == Kind::Function);
        let TornDown { remaining, seen, network, data_told } = if has_probe {
            self.in_two_phases(&removal).await
        } else {
            let again = async || {
                self.adopt_tagged().await;
                self.provisioner.standing()
            };
            let mut remaining = removal.run(self.provisioner.standing(), again).await;
            let seen = self.last_search(&removal, &mut remaining, |_| true).await;
            TornDown { remaining, seen, network: Vec::new(), data_told: true }
        };
        let mut left_behind = remaining.retained;
        left_behind.extend(
            self.not_seen_to_go(remaining.resisting, &seen.resources).await.iter().map(ToString::to_string),
        );
        left_behind.extend(seen.resources.iter().map(ToString::to_string));
        left_behind.extend(seen.unsearched.iter().map(|(_, what)| format!("unknown ({what})")));
        left_behind.extend(seen.held);
        left_behind.extend(self.look_for_jobs().await);
        let jobs = self.provisioner.standing().into_iter();
        let jobs = jobs.filter(|left| matches!(left.kind, Kind::CopyJob | Kind::RestoreJob));
        left_behind.extend(jobs.map(|job| job.to_string()));
        left_behind.extend(unlooked);
        left_behind.sort();
        left_behind.dedup();
        // What resisted at first is gone now.
        if !data_told && left_behind.is_empty() {
            self.bus.tell(Body::DataGone);
        }
        self.bus.tell(Body::LeftBehind { resources: left_behind.clone(), places: self.places.len() });
        if !network.is_empty() {
            self.bus.tell(Body::NetworkLeft { resources: network });
        }
        left_behind
    }

    /// Removes what holds data or costs money first. The empty network follows once Lambda has let its
    /// interfaces go, here or by `drillmaster abort`.
    async fn in_two_phases(&self, removal: &Removal<'_>) -> TornDown {
        let costs = |resource: &ResourceRef| !is_network(resource.kind);
        let standing = || self.provisioner.standing().into_iter();
        let again = async || {
            self.adopt_tagged().await;
            standing().filter(costs).collect()
        };
        let mut remaining = removal.run(standing().filter(costs).collect(), again).await;
        let seen = self.last_search(removal, &mut remaining, costs).await;
        let is_gone = remaining.resisting.is_empty()
            && remaining.retained.is_empty()
            && seen.unsearched.is_empty()
            && seen.held.is_empty()
            && !seen.resources.iter().any(costs);
        if is_gone {
            self.bus.tell(Body::DataGone);
        }
        if !self.wait_network {
            let network = standing().filter(|resource| is_network(resource.kind)).collect();
            return TornDown { remaining, seen, network, data_told: is_gone };
        }
        let patience = if is_gone { self.patience.max(NETWORK_PATIENCE) } else { self.patience };
        let patient = Removal { patience, retries: Retries::default(), ..*removal };
        let rest = patient.run(self.provisioner.standing(), async || Vec::new()).await;
        remaining.resisting = rest.resisting;
        remaining.retained.extend(rest.retained);
        let seen = self.last_search(&patient, &mut remaining, |_| true).await;
        TornDown { remaining, seen, network: Vec::new(), data_told: is_gone }
    }

    /// Searches again by tag. Only resources that are no longer found count as gone. Newly found
    /// resources are removed too. Resources that were seen to be gone may still be listed for a
    /// while.
    ///
    /// `is_meant`: what is removed now. The rest is left out of the result.
    async fn last_search(
        &self,
        removal: &Removal<'_>,
        remaining: &mut Remaining,
        is_meant: impl Fn(&ResourceRef) -> bool,
    ) -> TaggedResources {
        let listed_until = self.clock.now() + Span(CONSISTENT_AFTER).delta();
        let mut pause = Duration::from_secs(2);
        loop {
            let mut seen = self.tagged().await;
            seen.resources.retain(&is_meant);
            let (known, late): (Vec<_>, Vec<_>) =
                seen.resources.iter().cloned().partition(|resource| self.provisioner.has_created(resource));
            if !late.is_empty() {
                for resource in &late {
                    self.waiter.saw(resource);
                    self.provisioner.adopt(resource);
                }
                let more = removal.run(late, async || Vec::new()).await;
                remaining.resisting.extend(more.resisting);
                remaining.retained.extend(more.retained);
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
    async fn not_seen_to_go(&self, resisting: Vec<ResourceRef>, seen: &[ResourceRef]) -> Vec<ResourceRef> {
        let mut left = Vec::new();
        for resource in resisting {
            if !seen.contains(&resource) && self.is_gone(&resource).await {
                self.provisioner.tell(Body::Deleted { resource: resource.clone() });
            } else {
                left.push(resource);
            }
        }
        left
    }

    async fn is_gone(&self, resource: &ResourceRef) -> bool {
        // A job that is not seen may still be at work. What it makes carries no tag.
        if matches!(resource.kind, Kind::CopyJob | Kind::RestoreJob) {
            return false;
        }
        let (place, ids) = (resource.place(), std::slice::from_ref(&resource.id));
        let ask = async || self.provisioner.cloud().observe(&place, resource.kind, ids).await;
        let seen = Retries::default().ask(self.clock, self.patience, ask).await;
        seen.is_ok_and(|seen: Vec<Observed>| seen.iter().all(|one| one.state == State::Gone))
    }

    /// Makes sure that the provisioner knows all resources of the run, as far as possible. Returns the
    /// copies that could not be looked for.
    pub async fn survey(&self) -> Vec<String> {
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
        self.look_for_jobs().await;
        self.adopt_tagged().await;
        self.adopt_copies().await
    }

    /// Looks for the jobs of restores whose start got no answer. Returns what stays unknown.
    async fn look_for_jobs(&self) -> Vec<String> {
        let cloud = self.provisioner.cloud();
        let mut unknown = Vec::new();
        for (token, lost) in self.provisioner.unanswered_restores() {
            let known: Vec<String> = self.provisioner.created().into_iter().map(|made| made.id).collect();
            let run = &self.provisioner.run_tags().run;
            let ask = async || cloud.started(&lost.place, run, &lost.start, &known).await;
            let why = match Retries::default().ask(self.clock, self.patience, ask).await {
                Ok(Started::Job(job)) => {
                    self.waiter.saw(&job);
                    self.provisioner.found_job(&token, job);
                    continue;
                }
                Ok(Started::Nothing) if self.is_settled(lost.heard) => continue,
                Ok(Started::Nothing) => "no job of it is seen yet".to_owned(),
                Ok(Started::Unclear(ids)) => format!("it may be {}", ids.join(" or ")),
                Err(error) => format!("the jobs could not be looked at: {error}"),
            };
            unknown.push(format!(
                "unknown (restore job of {}, {}: its start got no answer, and {why}; look for it, and for what it made, with `aws backup list-restore-jobs`)",
                lost.start.recovery_point, lost.place
            ));
        }
        unknown
    }

    /// Whether what a request of that time began would be visible by now.
    fn is_settled(&self, heard: Time) -> bool {
        self.provisioner.cloud().tells_changes() || self.clock.now() >= heard + Span(CONSISTENT_AFTER).delta()
    }

    fn whose(&self) -> Whose {
        Whose::Run(self.provisioner.run_tags().run.clone())
    }

    /// Searches all places for resources with the run's tag.
    async fn tagged(&self) -> TaggedResources {
        let mut seen = TaggedResources { resources: Vec::new(), unsearched: Vec::new(), held: Vec::new() };
        let retries = Retries::default();
        for place in &self.places {
            let ask = async || self.provisioner.cloud().tagged(place, &self.whose()).await;
            match retries.ask(self.clock, self.patience, ask).await {
                Ok(Tagged { things, unread, held }) => {
                    seen.resources.extend(things.into_iter().map(|tagged| tagged.resource));
                    seen.unsearched.extend(unread.into_iter().map(|what| (place.clone(), what)));
                    seen.held.extend(held);
                }
                Err(error) => {
                    let what = format!("{} {} could not be looked at: {error}", place.account, place.region);
                    seen.unsearched.push((place.clone(), what));
                }
            }
        }
        seen
    }

    /// Finds the copy jobs whose start got no answer. They carry no tag.
    async fn adopt_copies(&self) -> Vec<String> {
        let mut unlooked = Vec::new();
        for copy in self.provisioner.unanswered_copies() {
            let ask = async || self.provisioner.cloud().copy_jobs(&copy).await;
            match Retries::default().ask(self.clock, self.patience, ask).await {
                Ok(jobs) => {
                    for job in &jobs {
                        self.waiter.saw(job);
                        self.provisioner.adopt(job);
                    }
                }
                Err(error) => unlooked.push(format!(
                    "unknown (copy job of {}, {}: its start got no answer, and it could not be looked for: {error})",
                    copy.recovery_point, copy.from
                )),
            }
        }
        unlooked
    }

    /// Finds resources by tag that are not in the journal, after a lost answer or a crash.
    async fn adopt_tagged(&self) {
        let seen = self.tagged().await;
        for resource in &seen.resources {
            self.waiter.saw(resource);
            self.provisioner.adopt(resource);
        }
        for (place, what) in seen.unsearched {
            // This is not final. The last search reports the place again.
            self.bus.tell(Body::Finding(Finding::new(
                Rule::TeardownBlind,
                format!("{} {}", place.account, place.region),
                format!("not all that the run has left there could be looked up: {what}"),
                "teardown goes by its own records; look for the tag drillmaster:run by hand",
            )));
        }
    }
}
