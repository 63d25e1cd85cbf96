//! CloudFormation templates, as far as their parameters are known: the inspection, what
//! CloudFormation would refuse, and what is lost. The step looks again with all parameters.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::Context;
use super::facts::Facts;
use crate::action::TemplateUse;
use crate::draft::Draft;
use crate::expr;
use crate::stack::{Around, Certainty, Known, in_estate, touched};
use template::{
    Allow, Given, LONGEST_TEMPLATE, SANDBOX_CIDR, SANDBOX_IDS, Surroundings, Template, Thing, inspect,
    parameter_text, refusal::Request, refusals,
};
use yaml::{Diagnostics, Node};

/// Diagnostics of templates come after those of the playbook and of the estate.
const FIRST_RANK: u16 = 2;

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    let known = known(draft, context);
    // Thousands of steps may name the same template, mostly with the same parameters.
    let mut read: BTreeMap<String, Option<Template>> = BTreeMap::new();
    let mut inspected: BTreeSet<String> = BTreeSet::new();
    for step in facts.read.iter().flatten() {
        let Some(TemplateUse { path, parameters, capabilities, allow }) = step.demands().template else {
            continue;
        };
        // A name that is known only during the run is checked then.
        let Some(Value::String(name)) = rendered(&Value::String(path), &known) else { continue };
        if !inspected.insert(json!([name, parameters, capabilities, allow]).to_string()) {
            continue;
        }
        let rank = FIRST_RANK.saturating_add(u16::try_from(read.len()).unwrap_or(u16::MAX));
        let template = read.entry(name).or_insert_with_key(|name| template(context, name, rank, out));
        let names: Vec<&str> = allow.iter().map(String::as_str).collect();
        let (Some(template), Ok(allow)) = (template, Allow::read(&names)) else { continue };
        let surroundings = surroundings(draft, template, &parameters, &known);
        for finding in inspect(template, &surroundings, &allow) {
            out.push(finding.diagnostic(template));
        }
        let names = parameters.keys().map(String::as_str).collect();
        let request = Request { parameters: names, capabilities: &capabilities };
        for refusal in refusals(template, &surroundings, &request) {
            out.push(refusal.diagnostic(template));
        }
        lost(draft, facts, template, &surroundings, out);
    }
}

/// What the deployment would touch of what is lost. What names it is a mistake. The rest is a
/// warning: a drill should show it, as a denied call.
fn lost(
    draft: &Draft<'_>,
    facts: &Facts<'_>,
    template: &Template,
    surroundings: &Surroundings,
    out: &mut Diagnostics,
) {
    let Some((loss, _)) = &draft.loss else { return };
    let find =
        |thing: Thing, id: &str| facts.file.map_or(Known::Unknown, |file| in_estate(file, loss, thing, id));
    let around = Around {
        loss,
        region: surroundings.region.as_ref(),
        zones: None,
        subnets: &BTreeMap::new(),
        find: &find,
    };
    for one in touched(template, surroundings, &around) {
        let source = &template.source;
        let diagnostic = match one.certainty {
            Certainty::Named => source.error(one.span, &one.why),
            Certainty::Plane | Certainty::Unknown => source.warning(one.span, &one.why),
        };
        out.push(diagnostic.help(one.fix));
    }
}

/// Reads a template. Reports one that cannot be read, except for missing and oversized files, which
/// are reported elsewhere.
fn template(context: &Context<'_>, name: &str, rank: u16, out: &mut Diagnostics) -> Option<Template> {
    if name.is_empty() || context.files.size(name).is_none_or(|bytes| bytes > LONGEST_TEMPLATE as u64) {
        return None;
    }
    let path = context.files.path(name).display().to_string();
    match context.files.read(name) {
        Ok(text) => Template::read(&path, &text, rank).map_err(|found| out.extend(found)).ok(),
        Err(why) => {
            let source = yaml::Source::new(&path, "", rank);
            let found = source.error(yaml::Span::default(), format!("cannot be read: {why}"));
            out.push(found.help("save it as UTF-8 text"));
            None
        }
    }
}

/// The values for expressions that are known before a run.
pub(super) fn known(draft: &Draft<'_>, context: &Context<'_>) -> Value {
    let mut params = draft.root.get("params").map_or_else(|| json!({}), Node::to_json);
    if let Value::Object(params) = &mut params {
        params.extend(context.params.clone());
    }
    let accounts: serde_json::Map<String, Value> = draft
        .accounts
        .names()
        .filter_map(|name| Some((name.to_owned(), json!({ "id": draft.account_id(name)?.text }))))
        .collect();
    json!({
        "params": params,
        "accounts": accounts,
        "sandbox": {
            "account": Facts::sandbox_account(draft),
            "region": Facts::sandbox_region(draft),
            "cidr": draft.text_at(&["sandbox", "network", "cidr"]).map(|cidr| cidr.text),
        },
    })
}

/// Renders a value. `None` if an expression in it names a value that is known only during the run.
fn rendered(value: &Value, known: &Value) -> Option<Value> {
    let is_known = |text: &str| {
        expr::references(text).is_ok_and(|used| {
            used.iter().all(|one| one.path.first().is_some_and(|root| known.get(root).is_some()))
        })
    };
    let all_known = match value {
        Value::String(text) => is_known(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).all(is_known),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    };
    if all_known { expr::render_value(value, known).ok().map(|given| given.as_value().clone()) } else { None }
}

fn surroundings(
    draft: &Draft<'_>,
    template: &Template,
    given: &IndexMap<String, Value>,
    known: &Value,
) -> Surroundings {
    let mut parameters: BTreeMap<String, Given> = given
        .iter()
        .map(|(name, value)| {
            let value = rendered(value, known).map(|value| Given::Value(parameter_text(&value)));
            (name.clone(), value.unwrap_or(Given::Later))
        })
        .collect();
    let cidr = draft.text_at(&["sandbox", "network", "cidr"]).map(|cidr| cidr.text.to_owned());
    for name in SANDBOX_IDS {
        parameters.entry(name.to_owned()).or_insert(Given::Sandbox);
    }
    if let Some(cidr) = &cidr {
        parameters.entry(SANDBOX_CIDR.to_owned()).or_insert_with(|| Given::Value(cidr.clone()));
    }
    parameters.retain(|name, _| template.declares(name));
    Surroundings {
        account: Facts::sandbox_account(draft),
        region: Facts::sandbox_region(draft),
        cidr,
        ids: BTreeSet::new(),
        parameters,
        from_steps: BTreeSet::new(),
    }
}
