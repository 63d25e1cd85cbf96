//! A look at the live accounts before a drill. It only reads: it makes no permit, and the loss gate
//! stays open.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::begin::{self, Halt, Identity, Preflighted};
use super::found::SurveyedPoints;
use super::known::Points;
use super::names::known_names;
use super::points::Chooser;
use super::{Engine, Stop};
use crate::plan::{Node, StepWork};
use crate::sandbox::prepare::{ZoneChoice, choose_zones};
use base::duration::{Span, Time};
use base::ids::AzId;
use event::Chosen;
use playbook::action::{Prepared, SourceSpec, SourceWhat};
use playbook::expr::{self, is_template};
use port::{Asking, CloudResult, Offers, Place, Preflight, RunTags, Wishes};

/// What the live accounts show.
pub struct Look {
    /// The instant that stands for T0.
    pub at: Time,
    pub identities: Vec<Identity>,
    pub places: Vec<(Place, CloudResult<Preflight>)>,
    /// The zones that the sandbox would take. Empty: unknown, or there are too few.
    pub zones: Vec<AzId>,
    pub offers: Vec<Offer>,
    /// Of each step that restores something.
    pub sources: Vec<Source>,
    /// Why the drill would end before T0.
    pub halts: Vec<Halt>,
}

/// A machine type or a database class, and where it is offered.
pub struct Offer {
    pub what: String,
    /// The zones of the sandbox's region that offer it. `None`: unknown.
    pub zones: Option<BTreeSet<AzId>>,
    /// Whether the sandbox could have it. `None`: unknown.
    pub is_enough: Option<bool>,
}

/// What a step would restore from now.
pub struct Source {
    pub step: String,
    pub uses: String,
    /// A missing recovery point need not fail the drill: the step has a `when`, or goes on without.
    pub is_optional: bool,
    pub found: Found,
}

pub enum Found {
    Point(Box<Chosen>),
    None {
        why: String,
        fix: Option<String>,
    },
    Unknown {
        why: String,
        fix: Option<String>,
    },
    /// Only the drill can know.
    Later {
        why: String,
    },
}

impl Engine {
    /// Looks, and changes nothing. What is found on the way are findings, as in a run.
    pub async fn look(&self) -> Look {
        let patience = Span(self.config.patience).delta();
        let expires = self.clock.now() + self.plan.sandbox.ttl.delta() + patience;
        let run_tags = RunTags::new(self.config.run.clone(), expires);
        let asked = begin::preflight(self, &run_tags, Asking::ForLook).await;
        let Preflighted { identities, seen, halts } = asked;
        let mut look = Look {
            at: self.clock.now(),
            identities,
            places: seen,
            zones: Vec::new(),
            offers: Vec::new(),
            sources: Vec::new(),
            halts,
        };
        let sandbox = &self.plan.sandbox_account;
        if look.identities.iter().any(|one| one.account == *sandbox && one.is_confirmed()) {
            let known = known_names(self, None);
            let surveyed = self.survey(&known).await;
            look.at = self.clock.now();
            self.look_at_offers(&known, &surveyed, &mut look).await;
            if let Err(stop) = self.require_option_groups(&known, &surveyed).await {
                look.halts.push(Halt { stop, unseen: false });
            }
            look.halts.extend(self.points_that_cannot_be_copied(&known, &surveyed).await);
            let points = Points::of(&self.memory, surveyed);
            let chooser = Chooser { engine: self, t0: look.at, points: &points };
            for (node, work) in self.plan.steps().filter(|(_, work)| work.source.is_some()) {
                look.sources.push(self.source(&chooser, node, work, &known).await);
            }
        } else {
            let why = "the sandbox's account could not be entered".to_owned();
            look.sources.extend(
                self.plan.steps().filter(|(_, work)| work.source.is_some()).map(|(node, work)| {
                    source_of(node, work, Found::Unknown { why: why.clone(), fix: None })
                }),
            );
        }
        look
    }

    async fn source(
        &self,
        chooser: &Chooser<'_>,
        node: &Node,
        work: &StepWork,
        known: &Map<String, Value>,
    ) -> Source {
        let source = |found| source_of(node, work, found);
        if work.action.decl.needs(Prepared::Replica) {
            return source(Found::Later { why: "the drill makes the replica before T0".to_owned() });
        }
        let Some(spec) = self.known_source(work, known).await.filter(is_known) else {
            return source(Found::Later { why: known_later(work) });
        };
        match chooser.choose(&node.id, Some(spec.clone())).await {
            Ok(Some(chosen)) => source(judged(chooser, &spec, chosen)),
            Ok(None) => source(Found::Later { why: known_later(work) }),
            Err(error) => {
                let (why, fix) = (error.to_string(), error.help().map(str::to_owned));
                // Not every place could be looked at: the point may lie there.
                source(if error.may_pass() { Found::Unknown { why, fix } } else { Found::None { why, fix } })
            }
        }
    }

    /// What the zones of the sandbox offer.
    async fn look_at_offers(&self, known: &Map<String, Value>, surveyed: &SurveyedPoints, look: &mut Look) {
        let spec = begin::sandbox_spec(&self.plan, &self.config.probe_sha256);
        let tell = |finding| self.report(finding);
        match choose_zones(&*self.cloud, &spec, &self.plan.loss, &tell).await {
            Ok(ZoneChoice { zones, offers }) => {
                let enough = |zones: &BTreeSet<AzId>| zones.len() >= spec.azs as usize;
                look.offers.extend(offered(&spec.wishes, offers.as_ref(), enough));
                match zones {
                    Ok(zones) => look.zones = zones.into_iter().map(|zone| zone.id).collect(),
                    Err(error) => look.halts.push(Halt { stop: error.into(), unseen: false }),
                }
            }
            Err(error) => {
                let unseen = error.kind != port::ErrorKind::Invalid;
                look.halts.push(Halt { stop: error.into(), unseen });
                look.offers.extend(offered(&spec.wishes, None, |_| false));
            }
        }
        let wishes = self.restored_classes(known, surveyed).await;
        let offers = self.class_offers(&wishes).await;
        // Without zones nobody knows whether the sandbox could have them.
        let here: BTreeSet<AzId> = look.zones.iter().cloned().collect();
        let offers = offers.filter(|_| !here.is_empty());
        for (what, zones) in offers.iter().flatten().filter(|(_, zones)| zones.is_disjoint(&here)) {
            look.halts.push(Halt { stop: self.not_offered(what, zones), unseen: false });
        }
        look.offers.extend(offered(&wishes, offers.as_ref(), |zones| !zones.is_disjoint(&here)));
    }
}

fn source_of(node: &Node, work: &StepWork, found: Found) -> Source {
    Source {
        step: node.id.clone(),
        uses: work.step.uses.clone(),
        is_optional: work.step.when.is_some() || work.step.continue_on_error,
        found,
    }
}

/// What was chosen, as a drill at this instant would find it.
fn judged(chooser: &Chooser<'_>, spec: &SourceSpec, chosen: Chosen) -> Found {
    let (point, on) = (&chosen.source.point, chooser.on(spec));
    match point.judge(&on) {
        Ok(()) => Found::Point(Box::new(chosen)),
        Err(why) if !point.survives(on.loss) => {
            let why =
                format!("the recovery point `{}` cannot be used: {}", point.id, point.why(why, on.loss));
            let fix = "name one that survives the loss, or `point: latest`".to_owned();
            Found::None { why, fix: Some(fix) }
        }
        // The drill would make the call, and the cloud would say.
        Err(_) => Found::Unknown {
            why: format!("a recovery point `{}` was not seen", point.id),
            fix: Some("check its id, and that it is shared with the sandbox's account".to_owned()),
        },
    }
}

fn is_known(spec: &SourceSpec) -> bool {
    match &spec.what {
        SourceWhat::Of { name, .. } => !is_template(name),
        SourceWhat::Id(id) => !is_template(id),
    }
}

/// Why only the drill knows what the step restores.
fn known_later(work: &StepWork) -> String {
    let steps: Vec<String> =
        expr::named(&work.with(), "steps").unwrap_or_default().iter().map(|id| format!("`{id}`")).collect();
    match steps.as_slice() {
        [] => "known only during the drill".to_owned(),
        [one] => format!("known only after step {one}"),
        several => format!("known only after steps {}", several.join(", ")),
    }
}

fn offered(
    wishes: &Wishes,
    offers: Option<&Offers>,
    is_enough: impl Fn(&BTreeSet<AzId>) -> bool,
) -> Vec<Offer> {
    let offer = |what: String| {
        let zones = offers.and_then(|offers| offers.get(&what)).cloned();
        Offer { is_enough: zones.as_ref().map(&is_enough), what, zones }
    };
    wishes.names().map(offer).collect()
}

impl Halt {
    /// What it is, and what to do about it.
    pub fn told(&self) -> (&str, Option<&str>) {
        match &self.stop {
            Stop::Interrupted => ("the look was interrupted", None),
            Stop::Aborted { error, help } | Stop::Mistaken { error, help } => (error, help.as_deref()),
        }
    }
}
