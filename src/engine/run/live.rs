//! Asks live accounts for what the workloads list, if no estate describes production.
//!
//! Nothing is not something: a selector must select something, a resource must be one, and something
//! must be lost. With an estate, validation says so. A place that cannot be asked is unknown: a
//! finding, and no mistake.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, future::join_all, stream};

use super::{Engine, Stop};
use crate::plan::Plan;
use crate::plan::live::{self, Live};
use base::ids::AccountId;
use estate::{Resource, Selector};
use event::Phase;
use port::{CloudError, Finding, LiveKind, LiveQuery, Place, Rule};

/// How many queries run at once.
const AT_ONCE: usize = 8;
const HELP: &str = "correct the playbook, or describe production in an `estate`";

/// What live accounts hold of the workloads' resources.
#[derive(Default)]
struct Seen {
    resources: BTreeMap<LiveKind, Vec<Resource>>,
    /// The types that could not be asked for somewhere.
    unseen: Vec<LiveKind>,
    places: Vec<Place>,
}

impl Engine {
    /// Asks the accounts of the playbook, before anything is created. `reached`: the accounts whose
    /// credentials are confirmed. The account that will be lost is asked too.
    pub(super) async fn require_listed(&self, reached: &[AccountId]) -> Result<(), Stop> {
        // A resumed run may have created something since, and its playbook was right then.
        if self.memory.has_ended(Phase::Preflight) {
            return Ok(());
        }
        let Some(live) = Live::of(&self.plan) else { return Ok(()) };
        let seen = self.look_up(&live, reached).await;
        let mistakes = Mistakes { plan: &self.plan, live: &live, seen: &seen }.all(self);
        if mistakes.is_empty() {
            return Ok(());
        }
        Err(Stop::Mistaken { error: mistakes.join("; "), help: Some(HELP.to_owned()) })
    }

    async fn look_up(&self, live: &Live, reached: &[AccountId]) -> Seen {
        let mut seen = Seen::default();
        let asked = live.accounts.iter().map(async |account| {
            let is_reached = reached.contains(account);
            // Preflight has reported the other accounts that it could not reach.
            let is_lost = self.plan.loss.account() == Some(account);
            if is_reached || !is_lost {
                return (account, is_reached.then_some(()).ok_or(None));
            }
            match self.cloud.identity(account).await {
                Ok(found) if found.account == *account => {
                    self.tell_identity(&found);
                    (account, Ok(()))
                }
                Ok(found) => {
                    (account, Err(Some(format!("its credentials belong to account {}", found.account))))
                }
                Err(error) => (account, Err(Some(error.to_string()))),
            }
        });
        for (account, answer) in join_all(asked).await {
            match answer {
                Ok(()) => seen.places.extend(
                    live.regions
                        .iter()
                        .map(|region| Place { account: account.clone(), region: region.clone() }),
                ),
                Err(why) => {
                    seen.unseen.extend(live.queries.iter().map(|query| query.kind));
                    if let Some(why) = why {
                        self.report_unlisted(account.to_string(), &why, None);
                    }
                }
            }
        }
        let places = seen.places.clone();
        let wanted = places.iter().flat_map(|place| live.queries.iter().map(move |query| (place, query)));
        let answers = stream::iter(wanted).map(async |(place, query): (&Place, &LiveQuery)| {
            (place, query.kind, self.cloud.resources(place, query).await)
        });
        let answers: Vec<_> = answers.buffered(AT_ONCE).collect().await;
        for (place, kind, answer) in answers {
            match answer {
                Ok(found) => seen.resources.entry(kind).or_default().extend(found),
                Err(error) => {
                    seen.unseen.push(kind);
                    self.report_failed(place, kind, &error);
                }
            }
        }
        seen
    }

    fn report_failed(&self, place: &Place, kind: LiveKind, error: &CloudError) {
        let resource = format!("{} {} {}", place.account, place.region, kind.kind());
        self.report_unlisted(resource, &error.to_string(), error.help.as_deref());
    }

    fn report_unlisted(&self, resource: String, why: &str, help: Option<&str>) {
        self.report(Finding::new(
            Rule::ProductionUnseen,
            resource,
            format!("what the workloads list cannot be looked up there: {why}"),
            help.unwrap_or("give the drill credentials that may read there, or name an `estate`"),
        ));
    }
}

struct Mistakes<'a> {
    plan: &'a Plan,
    live: &'a Live,
    seen: &'a Seen,
}

impl Mistakes<'_> {
    /// Every mistake, each with its place in the playbook. Reports what stays unknown.
    fn all(&self, engine: &Engine) -> Vec<String> {
        let mut mistakes = Vec::new();
        // Whether it is known of every selector that nothing it selects is lost.
        let mut nothing_lost = self.live.covers_loss;
        let mut any = false;
        let mut judged: Vec<&Selector> = Vec::new();
        for (pointer, selector) in live::listed(self.plan) {
            let Some(kind) = live::kind_of(selector) else {
                nothing_lost = false;
                continue;
            };
            any = true;
            if judged.contains(&selector) {
                continue;
            }
            judged.push(selector);
            let found: Vec<&Resource> =
                self.seen.resources.get(&kind).into_iter().flatten().filter(|r| selector.means(r)).collect();
            let is_lost = |resource: &&Resource| self.plan.loss.takes_resource(resource);
            nothing_lost &= !found.is_empty() && !found.iter().any(is_lost) && self.is_complete(kind);
            let wrong = if found.is_empty() {
                self.missing(selector, kind, engine)
            } else {
                self.zone_unknown(&found).or_else(|| self.several(selector, kind, &found, engine))
            };
            if let Some(wrong) = wrong {
                mistakes.push(self.at(&pointer, &wrong));
                nothing_lost = false;
            }
        }
        if nothing_lost && any {
            let loss = &self.plan.loss;
            mistakes.push(self.at(
                "/lose",
                &format!(
                    "nothing that the workloads list lives in {loss}: the drill would lose nothing of them"
                ),
            ));
        }
        mistakes
    }

    fn at(&self, pointer: &str, wrong: &str) -> String {
        match self.plan.places.get(pointer) {
            Some(place) => format!("{place}: {wrong}"),
            None => wrong.to_owned(),
        }
    }

    /// Whether every place was asked for resources of this type.
    fn is_complete(&self, kind: LiveKind) -> bool {
        !self.seen.unseen.contains(&kind)
    }

    /// Whether the playbook names an account that is neither the sandbox's nor one that steps restore
    /// from. Otherwise production may lie in an account that it does not name.
    fn names_production(&self) -> bool {
        let sources = self.plan.steps().filter_map(|(_, work)| work.source.as_ref()?.account.as_deref());
        let readers: Vec<&AccountId> =
            sources.filter_map(|name| self.plan.accounts.get(name)).map(|account| &account.id).collect();
        self.live.accounts.iter().any(|id| *id != self.plan.sandbox_account && !readers.contains(&id))
    }

    /// A selector that matches nothing. Without production's account nobody can say whether it exists.
    fn missing(&self, selector: &Selector, kind: LiveKind, engine: &Engine) -> Option<String> {
        let looked = engine.looked_in(&self.seen.places);
        if self.live.covers_loss && self.is_complete(kind) && self.names_production() {
            return Some(format!("`{selector}` selects nothing: {looked}"));
        }
        engine.report(Finding::new(
            Rule::ProductionUnseen,
            selector.to_string(),
            format!("it is not known whether it exists and is lost: nothing was found, {looked}"),
            "name the account of production under `accounts` with credentials that may read there, or \
             name an `estate`",
        ));
        None
    }

    /// A zonal resource that may be in the lost zone.
    fn zone_unknown(&self, found: &[&Resource]) -> Option<String> {
        let vague = found.iter().find(|resource| self.plan.loss.may_take(resource))?;
        Some(format!(
            "AWS does not say in which zone `{}` in {} is: whether it is lost with {} is unknown",
            vague.id,
            vague.locus.place(),
            self.plan.loss
        ))
    }

    /// One id that stands for several resources. If exactly one of them is lost, that one is meant.
    fn several(
        &self,
        selector: &Selector,
        kind: LiveKind,
        found: &[&Resource],
        engine: &Engine,
    ) -> Option<String> {
        let (Selector::Id(id), [_, _, ..]) = (selector, found) else { return None };
        let (lost, others): (Vec<&Resource>, Vec<&Resource>) =
            found.iter().copied().partition(|resource| self.plan.loss.takes_resource(resource));
        let places = |all: &[&Resource]| -> String {
            all.iter().map(|resource| resource.locus.place()).collect::<Vec<_>>().join(" and ")
        };
        match lost.as_slice() {
            [] if !self.is_complete(kind) || !self.live.covers_loss => None,
            [] => Some(format!(
                "`{id}` stands for {} resources, in {}, and none of them is lost: nothing says which of them is meant",
                others.len(),
                places(&others)
            )),
            [one] => {
                engine.report(Finding::new(
                    Rule::Namesake,
                    id.to_string(),
                    format!(
                        "`{id}` stands for {} resources: the drill restores the lost one, in {}; others stand in {}, \
                         and recovery points may be of either",
                        found.len(),
                        one.locus.place(),
                        places(&others)
                    ),
                    "describe both in an `estate`, and give one of them an id with its place, such as \
                     `rds:db/orders[region=us-west-2]`",
                ));
                None
            }
            lost => Some(format!(
                "`{id}` stands for {} resources that are lost, in {}: nothing says which of them comes back",
                lost.len(),
                places(lost)
            )),
        }
    }
}
