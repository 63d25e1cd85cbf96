//! The hosts of what the steps made. A restored database may have the name that production's has in
//! another account. So its host is known by where it comes from.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Recovery;
use crate::plan::Work;
use playbook::action::TemplateUse;
use playbook::expr;
use template::{Given, Surroundings, Template, parameter_text};

/// The names of expressions whose values are at hand. Secrets and variables are left alone.
const AT_HAND: [&str; 5] = ["params", "accounts", "sandbox", "steps", "run"];

impl Recovery<'_> {
    /// Tells the judge of addresses the hosts of what the steps made since it was told last.
    pub(super) async fn note_hosts(&self) {
        for index in self.made.take() {
            let Work::Step(work) = &self.engine.plan.nodes[index].work else { continue };
            let Some(outputs) = self.outputs.borrow().get(&work.step.id).cloned() else { continue };
            match &work.demands.template {
                None => self.note(&outputs),
                Some(of) => self.note_stack(index, of, &outputs).await,
            }
        }
    }

    /// Asks for the names of the zones in the sandbox's region, if a zone of it is lost. They tell
    /// whether a host that names its zone lies there.
    pub(super) async fn note_zones(&self) {
        let place = &self.ready.place;
        let Some(lost) = self.engine.plan.loss.az() else { return };
        if self.zones_named.replace(true) {
            return;
        }
        // Without an answer, no name is known, and a host with one is refused.
        let zones = if place.region.holds(lost) {
            self.engine.cloud.zones(place).await.unwrap_or_default()
        } else {
            Vec::new()
        };
        self.engine.addresses.name_zones(zones.into_iter().map(|zone| (zone.name, zone.id)));
    }

    pub(super) fn note(&self, outputs: &Value) {
        match outputs {
            Value::String(text) => self.engine.addresses.made(text),
            Value::Array(items) => items.iter().for_each(|item| self.note(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.note(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The author of a template writes its outputs. One may repeat a host of production's. Only
    /// those that lead to the stack's own resources count.
    async fn note_stack(&self, index: usize, of: &TemplateUse, outputs: &Value) {
        let Some(samples) = self.samples(index, of).await else { return };
        let given = outputs.get("outputs").and_then(Value::as_object);
        for (name, value) in given.into_iter().flatten() {
            let own = samples.get(name).is_some_and(|sample| {
                playbook::address::all_hosts(sample, |host| host.ends_with(template::MADE_UP))
            });
            if own {
                self.note(value);
            }
        }
    }

    /// The outputs of a step's template, as far as its form tells them.
    async fn samples(&self, index: usize, of: &TemplateUse) -> Option<BTreeMap<String, String>> {
        let path = self.at_hand(index, &json!(of.path)).await?;
        let path = path.as_str()?;
        let text = self.engine.plan.files.read(path).ok()?;
        let template = Template::read(path, &text, 0).ok()?;
        let place = &self.ready.place;
        let mut parameters = BTreeMap::new();
        for (name, value) in &of.parameters {
            let value = self.at_hand(index, value).await;
            let given = value.map_or(Given::Later, |value| Given::Value(parameter_text(&value)));
            parameters.insert(name.clone(), given);
        }
        let surroundings = Surroundings {
            account: Some(place.account.clone()),
            region: Some(place.region.clone()),
            parameters,
            ..Surroundings::default()
        };
        Some(template::sampled_outputs(&template, &surroundings))
    }

    /// The value with its expressions rendered, unless they name more than what is at hand.
    async fn at_hand(&self, index: usize, value: &Value) -> Option<Value> {
        let is_at_hand = |text: &str| {
            expr::references(text).is_ok_and(|used| {
                used.iter().all(|one| one.path.first().is_some_and(|root| AT_HAND.contains(&root.as_str())))
            })
        };
        let all = match value {
            Value::String(text) => is_at_hand(text),
            Value::Array(items) => items.iter().filter_map(Value::as_str).all(is_at_hand),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
        };
        if !all {
            return None;
        }
        self.render(index, value).await.ok().map(|rendered| rendered.as_value().clone())
    }
}
