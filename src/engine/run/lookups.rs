//! Tells what restored machines looked up, once the recovery has ended.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::{Value, json};

use super::delivery::{ARRIVES_WITHIN, Delivery};
use super::probe::BESIDES_THE_CHECK;
use super::{Engine, Recovery};
use crate::sandbox::{names, prepare};
use base::duration::Span;
use estate::meaning::Means;
use estate::production::canonical;
use event::{Answer, Body, LookedUp, Lookup, SANDBOX};
use playbook::check::{CheckKind, DEFAULT_TIMEOUT};
use port::{Asker, CloudResult, LookupsOf, NameSeen, Rule};

/// What the names of markers end in. Nobody has it: `.internal` is for private use. Resolvers do not
/// ask for names in `.invalid`.
const MARKER: &str = "marker.drillmaster.internal";

/// The pause before the first mark is tried once more.
const MARK_PAUSE: Duration = Duration::from_secs(5);

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

    /// The names that the log has, and why there may be more. An interruption ends the wait for it.
    async fn seen(&self) -> (Vec<NameSeen>, Option<String>) {
        tokio::select! {
            biased;
            () = self.engine.interrupt.cancelled() => {
                (Vec::new(), Some("the drill was interrupted before the log of the sandbox's resolver was read".into()))
            }
            seen = self.seen_in_time() => seen,
        }
    }

    /// Nobody tells how late a log is. So the probe looks up a name at the end. Once the log has that
    /// name, it is read again after the same time: files of other zones may be as late.
    async fn seen_in_time(&self) -> (Vec<NameSeen>, Option<String>) {
        let Engine { clock, cloud, .. } = self.engine;
        let of = LookupsOf { sandbox: self.ready };
        let Some(function) = &self.ready.probe else {
            let why =
                "the sandbox has no probe, so nobody could tell whether the log of its resolver was complete";
            return told(cloud.lookups(&of).await, why);
        };
        // The twin has no log that comes later.
        if cloud.tells_changes() {
            return match cloud.lookups(&of).await {
                Ok(Some(seen)) => (seen, None),
                other => told(other, ""),
            };
        }
        let marked = clock.now();
        // Its own for each process: a resumed run may find the marker of the one before.
        let marker = format!("{}-{}.{MARKER}", marked.timestamp_millis(), self.engine.config.run.short());
        // Without any mark nobody would know when the log is complete, so nobody waits for it.
        if let Err(unmarked) = self.first_mark(function, &marker).await {
            let why = format!("the end of the log of the sandbox's resolver could not be marked: {unmarked}");
            return told(cloud.lookups(&of).await, &why);
        }
        let mut delivery = Delivery::of_mark(marked);
        // Why the mark that was tried last could not be made.
        let mut unmarked = None;
        loop {
            clock.sleep_until(delivery.next_look(clock.now())).await;
            let answer = cloud.lookups(&of).await;
            let now = clock.now();
            if delivery.is_whole(now)
                && let Ok(Some(seen)) = answer
            {
                return (seen, None);
            }
            let has_marker =
                |seen: &[NameSeen]| seen.iter().any(|one| canonical(&one.name).ends_with(&marker));
            delivery.looked(now, matches!(&answer, Ok(Some(seen)) if has_marker(seen)));
            // What no later look would be told is told now.
            if answer.as_ref().is_err_and(|error| !error.may_pass()) {
                return told(answer, "");
            }
            if delivery.is_too_late(now) {
                let limit = Span(ARRIVES_WITHIN);
                let mut why = format!("the log of the sandbox's resolver was not complete within {limit}");
                if let Some(unmarked) = unmarked {
                    why.push_str(&format!("; its end could not be marked: {unmarked}"));
                }
                return told(answer, &why);
            }
            if delivery.wants_mark(now) {
                // No cache knows its name.
                let again = format!("{}.{marker}", now.timestamp_millis());
                unmarked = self.mark(function, &again).await.err();
            }
        }
    }

    /// Marks the end of the log for the first time. The first try may meet a probe that has just died.
    async fn first_mark(&self, function: &str, name: &str) -> Result<(), String> {
        if self.mark(function, name).await.is_ok() {
            return Ok(());
        }
        self.engine.clock.sleep(MARK_PAUSE).await;
        self.mark(function, name).await
    }

    /// Has the probe look a name up, as programs do: what asks name servers by itself leaves out names
    /// for private use. That nobody answers is as it should be.
    async fn mark(&self, function: &str, name: &str) -> Result<(), String> {
        let asked: CheckKind = serde_json::from_value(json!({ "tcp": { "address": format!("{name}:9") } }))
            .map_err(|e| e.to_string())?;
        let question = match self.engine.prober.question(&asked) {
            Some(Ok(question)) => question,
            Some(Err(unknown)) => return Err(unknown.why.unwrap_or(unknown.observed)),
            None => return Err("it asks no name servers".into()),
        };
        let limit = asked.timeout().unwrap_or(DEFAULT_TIMEOUT.0) + BESIDES_THE_CHECK;
        self.engine.invoke(self.provisioner, SANDBOX, function, question, limit).await.map(drop)
    }

    /// What each name means, by machine, with the gravest first.
    fn understood(&self, seen: Vec<NameSeen>, mut unknown: Option<String>) -> LookedUp {
        let (engine, steps) = (self.engine, self.steps_of_instances());
        let (rules, inside) = (names::rules(&engine.plan), names::inside(&engine.plan, &engine.config.run));
        let mut counts: BTreeMap<(String, Option<String>, String, Option<bool>), u64> = BTreeMap::new();
        for one in seen {
            if self.is_own(&one) {
                continue;
            }
            let (machine, instance) = match one.by {
                // A machine that never came up looks nothing up.
                Asker::Step(step) if self.outputs.borrow().contains_key(&step) => (step, None),
                Asker::Step(_) => continue,
                Asker::Instance(id) => (steps.get(&id).cloned().unwrap_or_else(|| id.clone()), Some(id)),
                Asker::Address(address) => (address, None),
            };
            let name = canonical(&one.name);
            let count = counts.entry((machine, instance, name, one.blocked)).or_default();
            *count = count.saturating_add(one.count);
        }
        let mut lookups: Vec<Lookup> = counts
            .into_iter()
            .map(|((machine, instance, name, blocked), count)| {
                let mut meaning = engine.addresses.meaning(&name, &inside);
                let has_none = self.has_no_answer(&name);
                if has_none {
                    meaning.why = "the sandbox was to answer it: see the finding `name-not-answered`".into();
                }
                let is_own = meaning.means == Means::Sandbox && !has_none;
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

    /// Whether the drill itself looked it up: the marker, or what checks ask for. Machines do not stand
    /// in the probe's subnet.
    fn is_own(&self, one: &NameSeen) -> bool {
        let of_probe = || match &one.by {
            Asker::Address(address) => {
                let range = prepare::probe_range(&self.ready.cidr, self.ready.subnets.len());
                let asker = address.parse::<std::net::Ipv4Addr>().ok();
                self.ready.probe.is_some()
                    && range.zip(asker).is_some_and(|(range, asker)| range.contains(&asker))
            }
            Asker::Step(_) | Asker::Instance(_) => false,
        };
        canonical(&one.name).ends_with(MARKER) || of_probe()
    }

    /// Whether a finding says that a name of `sandbox.names` has no answer, or that nobody could ask.
    pub(super) fn has_no_answer(&self, name: &str) -> bool {
        let found = self.engine.memory.findings.borrow();
        found.iter().any(|(rule, of, _)| *rule == Rule::NameNotAnswered && canonical(of) == *name)
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

/// The names that could be read, and why there may be more.
fn told(answer: CloudResult<Option<Vec<NameSeen>>>, why: &str) -> (Vec<NameSeen>, Option<String>) {
    match answer {
        Ok(Some(seen)) => (seen, Some(why.to_owned())),
        Ok(None) => (Vec::new(), Some("the estate does not say what restored machines look up".into())),
        Err(error) => {
            let said = format!("the log of the sandbox's resolver could not be read: {error}");
            (Vec::new(), Some(said))
        }
    }
}
