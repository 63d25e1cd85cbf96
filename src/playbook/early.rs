//! Expressions in `lose`. They name parameters alone, because the loss is known before anything
//! runs. Each is replaced by its value, so that all rules see what is lost.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::expr::{self, is_template};
use yaml::diagnostic::suggest;
use yaml::{Diagnostics, Node, Source, Value};

/// Renders the expressions with the given parameters. Returns the names of those that are used.
pub fn render(
    source: &Source,
    root: &mut Node,
    params: &Map<String, Json>,
    out: &mut Diagnostics,
) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let Value::Map(map) = &mut root.value else { return used };
    let Some(lose) = map.entries.iter_mut().find(|entry| entry.key == "lose") else { return used };
    let Value::Map(lose) = &mut lose.value.value else { return used };
    for node in lose.entries.iter_mut().map(|entry| &mut entry.value) {
        let Some(text) = node.as_str().filter(|text| is_template(text)) else { continue };
        node.value = match rendered(text, params, &mut used) {
            Ok(text) => Value::Str(text),
            Err((said, help)) => {
                out.push(source.error(node.span, said).help(help));
                Value::Broken
            }
        };
    }
    used
}

fn rendered(
    text: &str,
    params: &Map<String, Json>,
    used: &mut BTreeSet<String>,
) -> Result<String, (String, String)> {
    for reference in expr::references(text).map_err(|e| (e.message, e.help))? {
        match reference.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["params", name, ..] if params.contains_key(name) => {
                used.insert(name.to_owned());
            }
            ["params", name, ..] => {
                let help = suggest(name, params.keys().map(String::as_str), "parameter");
                let help = help.unwrap_or_else(|| "the playbook has no `params`".to_owned());
                return Err((format!("the playbook has no parameter `{name}`"), help));
            }
            _ => {
                return Err((
                    format!(
                        "`{}` is not known here: the loss is decided before the run",
                        reference.path.join(".")
                    ),
                    "name a parameter, and give it with the run: `{{ params.lost }}` and `--param lost=us-east-1`"
                        .to_owned(),
                ));
            }
        }
    }
    expr::render(text, &json!({ "params": params })).map_err(|e| (e.message, e.help))
}
