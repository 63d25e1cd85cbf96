//! The arguments of actions. Each action declares a schema and a check of its own.

use super::Context;
use super::facts::Facts;
use crate::action::SourceSpec;
use crate::draft::Draft;
use base::duration::mistaken_time;
use yaml::diagnostic::list;
use yaml::schema::Schema;
use yaml::{Diagnostics, Node, Span, Value};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    for ((item, wrong), source) in draft.items.iter().zip(&facts.arguments).zip(&facts.sources) {
        out.extend(wrong.clone());
        if let (Some(source), Some(with)) = (source, item.with) {
            mistaken_times(draft, source, with, out);
        }
        let (Some(decl), Some(uses)) = (item.decl, item.uses) else { continue };
        if item.with.is_some() {
            continue;
        }
        let required = context.schemas.arguments.get(decl.name).map(required).unwrap_or_default();
        if !required.is_empty() {
            let needed = list(&required);
            let example = required.iter().map(|key| format!("{key}: …")).collect::<Vec<_>>().join(", ");
            out.push(
                draft
                    .source
                    .error(uses.span, format!("`{}` needs arguments: {needed}", decl.name))
                    .help(format!("add `with: {{ {example} }}`")),
            );
        }
    }
}

/// Reports a recovery point's id that is a time, written wrongly. As an id, it would be looked for
/// in vain, after T0.
fn mistaken_times(draft: &Draft<'_>, source: &SourceSpec, with: &Node, out: &mut Diagnostics) {
    let Some(mistaken) = source.id().and_then(mistaken_time) else { return };
    let span = source.id().and_then(|id| place_of(with, id)).unwrap_or(with.span);
    out.push(draft.source.error(span, mistaken.message).help(mistaken.help));
}

fn place_of(node: &Node, text: &str) -> Option<Span> {
    match &node.value {
        Value::Str(found) if found == text => Some(node.span),
        Value::Map(map) => map.entries.iter().find_map(|entry| place_of(&entry.value, text)),
        Value::Seq(items) => items.iter().find_map(|item| place_of(item, text)),
        Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => None,
    }
}

fn required(schema: &Schema) -> Vec<&str> {
    let mut subschema = schema.subschema(0);
    while let Some(target) = subschema.and_then(|subschema| subschema.reference) {
        subschema = schema.subschema(target);
    }
    subschema.map(|subschema| subschema.required.iter().map(String::as_str).collect()).unwrap_or_default()
}
