//! Tells what restored machines looked up, once the recovery has ended.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Recovery;
use crate::sandbox::names;
use estate::meaning::Means;
use event::{Answer, Body, LookedUp, Lookup};
use port::{Asker, LookupsOf, NameSeen};

/// The most names that a run tells. A program that puts data into names looks up any number.
const MOST: usize = 1_000;

impl Recovery<'_> {
    /// Tells what was looked up, where the sandbox's resolver is closed.
    pub(super) async fn tell_lookups(&self) {
        let engine = self.engine;
        if !engine.plan.sandbox.watches_names() || engine.memory.has_looked_up {
            return;
        }
        self.note_hosts().await;
        self.note_zones().await;
        let (seen, unknown) = self.seen().await;
        engine.bus.tell(Body::LookedUp(self.understood(seen, unknown)));
    }

    /// The names that the log has, and why there may be more.
    async fn seen(&self) -> (Vec<NameSeen>, Option<String>) {
        match self.engine.cloud.lookups(&LookupsOf { sandbox: self.ready }).await {
            Ok(Some(seen)) if self.ready.probe.is_none() => {
                let why = "the sandbox has no probe, so nobody could tell whether the log of its resolver was complete";
                (seen, Some(why.into()))
            }
            Ok(Some(seen)) => (seen, None),
            Ok(None) => (Vec::new(), Some("the estate does not say what restored machines look up".into())),
            Err(error) => {
                (Vec::new(), Some(format!("the log of the sandbox's resolver could not be read: {error}")))
            }
        }
    }

    /// What each name means, by machine, with the gravest first.
    fn understood(&self, seen: Vec<NameSeen>, mut unknown: Option<String>) -> LookedUp {
        let (engine, steps) = (self.engine, self.steps_of_instances());
        let (rules, inside) = (names::rules(&engine.plan), names::inside(&engine.plan));
        let mut counts: BTreeMap<(String, Option<String>, String, Option<bool>), u64> = BTreeMap::new();
        for one in seen {
            let (machine, instance) = match one.by {
                // A machine that never came up looks nothing up.
                Asker::Step(step) if self.outputs.borrow().contains_key(&step) => (step, None),
                Asker::Step(_) => continue,
                Asker::Instance(id) => (steps.get(&id).cloned().unwrap_or_else(|| id.clone()), Some(id)),
                Asker::Address(address) => (address, None),
            };
            let name = estate::production::canonical(&one.name);
            let count = counts.entry((machine, instance, name, one.blocked)).or_default();
            *count = count.saturating_add(one.count);
        }
        let mut lookups: Vec<Lookup> = counts
            .into_iter()
            .map(|((machine, instance, name, blocked), count)| {
                let meaning = engine.addresses.meaning(&name, &inside);
                let is_own = meaning.means == Means::Sandbox;
                let blocked = blocked.unwrap_or_else(|| !is_own && !rules.lets(&name));
                let answer = if blocked { Answer::Blocked } else { Answer::Answered };
                Lookup { machine, instance, name, count, answer, means: meaning.means, why: meaning.why }
            })
            .collect();
        // The gravest are kept, whoever asked.
        lookups.sort_by(|a, b| (a.means, &a.machine, &a.name).cmp(&(b.means, &b.machine, &b.name)));
        if let Some(more) = lookups.len().checked_sub(MOST).filter(|more| *more > 0) {
            lookups.truncate(MOST);
            let said = format!("{more} names more were looked up than the {MOST} that a report holds");
            unknown = Some(unknown.map_or_else(|| said.clone(), |why| format!("{why}; {said}")));
        }
        lookups.sort_by(|a, b| {
            (&a.machine, &a.instance, a.means, &a.name).cmp(&(&b.machine, &b.instance, b.means, &b.name))
        });
        LookedUp { lookups, unknown }
    }

    /// The steps that launched machines, by the ids of these.
    fn steps_of_instances(&self) -> HashMap<String, String> {
        let mut steps = HashMap::new();
        for (step, outputs) in &*self.outputs.borrow() {
            for id in outputs.get("instance_ids").and_then(Value::as_array).into_iter().flatten() {
                steps.extend(id.as_str().map(|id| (id.to_owned(), step.clone())));
            }
        }
        steps
    }
}
