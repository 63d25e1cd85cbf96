//! The arguments of actions. Each action declares a schema and a check of its own.

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use yaml::Diagnostics;
use yaml::diagnostic::list;
use yaml::schema::Schema;

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    for (item, wrong) in draft.items.iter().zip(&facts.arguments) {
        out.extend(wrong.clone());
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

fn required(schema: &Schema) -> Vec<&str> {
    let mut subschema = schema.subschema(0);
    while let Some(target) = subschema.and_then(|subschema| subschema.reference) {
        subschema = schema.subschema(target);
    }
    subschema.map(|subschema| subschema.required.iter().map(String::as_str).collect()).unwrap_or_default()
}
