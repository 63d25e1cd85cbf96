//! Checks that ask production, or what is lost. Whatever answers there was not restored.

use serde_json::{Value, json};

use super::Context;
use super::connect_to::tunnels;
use super::facts::Facts;
use super::templates::known;
use crate::action::Shape;
use crate::address::{Addresses, targets};
use crate::check::CheckKind;
use crate::draft::Draft;
use crate::expr;
use yaml::Diagnostics;

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    let Some((loss, _)) = &draft.loss else { return };
    let known = known(draft, context);
    let cidr = draft.text_at(&["sandbox", "network", "cidr"]).map(|cidr| cidr.text);
    let tunnels = tunnels(draft).map(|(_, tunnel)| tunnel).collect();
    let addresses = Addresses::new(loss, facts.file, cidr, tunnels);
    for item in draft.items.iter().filter(|item| !item.is_step) {
        let [(kind, entry)] = item.kinds.as_slice() else { continue };
        let spec = serde_json::from_value::<CheckKind>(json!({ kind.key(): entry.value.to_json() }));
        // A check that does not decode has been reported against the schema.
        let Ok(spec) = spec else { continue };
        for target in targets(&spec) {
            let Some((text, whole)) = filled(target.text, &known) else { continue };
            let span = entry.value.get(target.field).map_or(entry.key_span, |node| node.span);
            if target.is_bucket() {
                if let Err(wrong) = estate::bucket::check(&text) {
                    out.push(draft.source.error(span, wrong.message).help(wrong.help));
                    continue;
                }
                if !whole {
                    continue;
                }
            }
            let Some(found) = addresses.target(&target, &text) else { continue };
            out.push(
                draft
                    .source
                    .error(span, format!("the {} asks what was not restored: {}", item.name(), found.why))
                    .help(format!(
                        "ask what the drill restores, by an output of the step: {}",
                        example(draft, item.needs.iter().map(|need| need.text))
                    )),
            );
        }
    }
}

/// An output of the first needed step that has one.
fn example<'a>(draft: &Draft<'_>, mut needs: impl Iterator<Item = &'a str>) -> String {
    let output = needs.find_map(|need| {
        let output = draft.item_of(need)?.decl?.outputs.first()?;
        let item = match output.shape {
            Shape::Text | Shape::Number => String::new(),
            Shape::Texts => ".0".to_owned(),
            Shape::Records(fields) => format!(
                ".0.{}",
                fields.iter().find(|field| field.name == "private_ip").or(fields.first())?.name
            ),
            Shape::Open => ".NAME".to_owned(),
        };
        Some(format!("`{{{{ steps.{need}.{}{item} }}}}`", output.name))
    });
    output.unwrap_or_else(|| "`{{ steps.ID.OUTPUT }}`".to_owned())
}

/// The text with every expression rendered that is known before the run. `x` stands for the others,
/// and then the second value is false. `None` for blocks, whose text depends on values.
fn filled(text: &str, known: &Value) -> Option<(String, bool)> {
    let (mut filled, mut whole, mut rest) = (String::new(), true, text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (inner, after) = after.split_once("}}")?;
        if inner.starts_with(['{', '#', '/', '^', '!', '>', '&']) || before.ends_with('\\') {
            return None;
        }
        filled.push_str(before);
        if let Ok(value) = expr::render(&format!("{{{{{inner}}}}}"), known) {
            filled.push_str(&value);
        } else {
            whole = false;
            filled.push('x');
        }
        rest = after;
    }
    Some((filled + rest, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_filled_in() {
        let known = json!({ "params": { "region": "eu-west-1", "n": 3 } });
        for (text, expected) in [
            (
                "https://a.{{ params.region }}.es.amazonaws.com",
                Some(("https://a.eu-west-1.es.amazonaws.com", true)),
            ),
            ("https://{{steps.web.ip}}.{{params.n}}/", Some(("https://x.3/", false))),
            ("plain", Some(("plain", true))),
            ("{{#if params.n}}a{{/if}}", None),
            ("{{ params.region", None),
        ] {
            let found = filled(text, &known);
            assert_eq!(found.as_ref().map(|(text, whole)| (text.as_str(), *whole)), expected, "{text}");
        }
    }
}
