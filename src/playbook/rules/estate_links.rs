//! What the estate says about steps, checks and actions: shown in the estate's file.

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use yaml::diagnostic::{nearest, suggest};
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    let (Some(estate), Some(_)) = (context.estate, facts.file) else { return };
    let entries = |key: &str| {
        estate.root.get(key).and_then(Node::as_map).map(|map| map.entries.as_slice()).unwrap_or_default()
    };
    let actions = || context.catalogue.0.iter().map(|decl| decl.name);
    for entry in entries("timings").iter().filter(|entry| context.catalogue.get(&entry.key).is_none()) {
        let help = suggest(&entry.key, actions(), "action").unwrap_or_default();
        out.push(
            estate.source.error(entry.key_span, format!("there is no action `{}`", entry.key)).help(help),
        );
    }
    if draft.ids_broken {
        return;
    }
    // An estate serves several playbooks: only what looks like a slip is worth a word.
    let checks =
        || draft.items.iter().filter(|item| !item.is_step).filter_map(|item| item.id).map(|id| id.text);
    let probes = entries("probes");
    for entry in probes.iter().filter(|entry| draft.index_of(&entry.key).is_none()) {
        let near =
            nearest(&entry.key, checks()).filter(|near| !probes.iter().any(|other| other.key == **near));
        if let Some(near) = near {
            out.push(
                estate
                    .source
                    .warning(entry.key_span, format!("the playbook has no check `{}`", entry.key))
                    .help(format!("did you mean `{near}`?")),
            );
        }
    }
    for fault in estate.root.get("faults").and_then(Node::as_seq).unwrap_or_default() {
        let Some((text, span)) = fault.get("step").and_then(|node| Some((node.as_str()?, node.span))) else {
            continue;
        };
        if draft.item_of(text).is_some_and(|item| item.is_step) {
            continue;
        }
        let steps =
            draft.items.iter().filter(|item| item.is_step).filter_map(|item| item.id).map(|id| id.text);
        let help = suggest(text, steps, "step").unwrap_or_else(|| "the playbook has no steps".into());
        out.push(
            estate
                .source
                .warning(span, format!("the playbook has no step `{text}`: this fault never happens"))
                .help(help),
        );
    }
}
