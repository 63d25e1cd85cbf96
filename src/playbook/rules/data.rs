//! Checks of data: a canary's value stands in no playbook, and only what the drill made is written.

use serde_json::json;

use super::Context;
use super::facts::Facts;
use crate::address::authority;
use crate::check::{CheckKind, CheckType};
use crate::data::{DataCheck, DataRung};
use crate::draft::{Draft, Item};
use crate::expr::{self, SECRET, is_template};
use yaml::{Diagnostics, Entry};

/// Actions whose outputs are words of a program or a person. They name anything.
const WORDS: [&str; 2] = ["command.run", "manual.task"];

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    for item in draft.items.iter().filter(|item| !item.is_step) {
        let [(CheckType::Data, entry)] = item.kinds.as_slice() else { continue };
        let spec = serde_json::from_value(json!({ CheckType::Data.key(): entry.value.to_json() }));
        // A check that does not decode has been reported against the schema.
        let Ok(CheckKind::Data(spec)) = spec else { continue };
        canary(draft, &spec, entry, out);
        if spec.asked().contains(&DataRung::Write) && !draft.expressions_broken {
            write(draft, item, &spec, entry, out);
        }
        if let Some(against) = spec.against.as_deref().filter(|against| is_template(against)) {
            let span = entry.value.get("against").map_or(entry.key_span, |node| node.span);
            out.push(
                draft
                    .source
                    .error(span, format!("`{against}` is known only during the run"))
                    .help("write the path of the reference, or `last-passed`: it is read before the drill"),
            );
        }
    }
}

/// The playbook is kept with each run, so a value that stands in it is written down.
fn canary(draft: &Draft<'_>, spec: &DataCheck, entry: &Entry, out: &mut Diagnostics) {
    let Some(given) = spec.canary.as_ref().and_then(|canary| canary.equals.as_deref()) else { return };
    let is_secret = expr::references(given).map_or(true, |used| {
        used.iter().any(|one| one.path.first().is_some_and(|root| root == SECRET || root == "env"))
    });
    if is_secret {
        return;
    }
    let node = entry.value.get("canary").and_then(|canary| canary.get("equals"));
    let span = node.map_or(entry.key_span, |node| node.span);
    out.push(draft.source.error(span, "the canary's value would be kept with every run").help(
        "name it: `equals: '{{ env.CANARY }}'` or `'{{ secret \"aws:canary\" }}'`; or give its `sha256`",
    ));
}

fn write(draft: &Draft<'_>, item: &Item<'_>, spec: &DataCheck, entry: &Entry, out: &mut Diagnostics) {
    let host = json!(authority(&spec.url));
    let steps = expr::named(&host, "steps").unwrap_or_default();
    // An unknown step has been reported.
    let makes = |id: &str| {
        draft.item_of(id).is_none_or(|step| step.decl.is_none_or(|decl| !WORDS.contains(&decl.name)))
    };
    if !steps.is_empty() && steps.iter().all(|id| makes(id)) {
        return;
    }
    let span = entry.value.get("url").map_or(entry.key_span, |node| node.span);
    out.push(
        draft
            .source
            .error(
                span,
                format!("the {} would write into a database that this drill did not make", item.name()),
            )
            .help(
                "let the host be an output of the step that restores the database, such as \
                 `{{ steps.db.endpoint }}`, or leave the rung `write` out",
            ),
    );
}
