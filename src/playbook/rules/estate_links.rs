//! Links from the estate to steps, checks and actions. Mistakes are shown in the estate's file.

use super::Context;
use super::facts::Facts;
use crate::action::ActionDecl;
use crate::data::DataRung;
use crate::draft::{Draft, Item};
use base::duration::Span;
use estate::draft::EstateDraft;
use estate::file::FaultKind;
use yaml::diagnostic::{list, nearest, suggest};
use yaml::{Diagnostics, Entry, Node};

/// The name under which the harness makes the sandbox.
const HARNESS: &str = "sandbox";

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    let (Some(estate), Some(_)) = (context.estate, facts.file) else { return };
    let entries = |key: &str| {
        estate.root.get(key).and_then(Node::as_map).map(|map| map.entries.as_slice()).unwrap_or_default()
    };
    let actions = || context.catalogue.0.iter().map(|decl| decl.name);
    for entry in entries("timings") {
        if let Some(action) = context.catalogue.get(&entry.key) {
            sizes(action, entry, estate, out);
        } else {
            let help = suggest(&entry.key, actions(), "action").unwrap_or_default();
            let said = format!("there is no action `{}`", entry.key);
            out.push(estate.source.error(entry.key_span, said).help(help));
        }
    }
    if draft.ids_broken {
        return;
    }
    // An estate serves several playbooks, so only names that look mistyped are reported.
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
    for probe in probes {
        let rungs = probe.value.get("rungs").and_then(Node::as_map);
        let names = || DataRung::ALL.iter().map(|rung| rung.name());
        for entry in rungs.into_iter().flat_map(|map| &map.entries) {
            if !names().any(|name| name == entry.key) {
                let help = suggest(&entry.key, names(), "rung").unwrap_or_default();
                let said = format!("a `data` check has no rung `{}`", entry.key);
                out.push(estate.source.error(entry.key_span, said).help(help));
            }
        }
    }
    // What a machine looks up is told of the step that launches it.
    for lookup in estate.root.get("lookups").and_then(Node::as_seq).unwrap_or_default() {
        let Some((text, span)) = lookup.get("machine").and_then(|node| Some((node.as_str()?, node.span)))
        else {
            continue;
        };
        if draft.item_of(text).is_some_and(|item| item.is_step) {
            continue;
        }
        if let Some(near) = draft.nearest_id(text, true) {
            let said = format!("the playbook has no step `{text}`: nothing of this machine is looked up");
            let help = format!("did you mean `{near}`?");
            out.push(estate.source.warning(span, said).help(help));
        }
    }
    for fault in estate.root.get("faults").and_then(Node::as_seq).unwrap_or_default() {
        let Some((text, span)) = fault.get("step").and_then(|node| Some((node.as_str()?, node.span))) else {
            continue;
        };
        if let Some(step) = draft.item_of(text).filter(|item| item.is_step) {
            can_happen(step, text, fault, estate, context, out);
            continue;
        }
        // The harness makes the sandbox under this name, unless a step has it.
        if text == HARNESS {
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

/// Refuses a fault that cannot happen to the step's action, or in an attempt that the step does not
/// have. A rehearsal of it would be a rehearsal of nothing.
fn can_happen(
    step: &Item<'_>,
    id: &str,
    fault: &Node,
    estate: &EstateDraft,
    context: &Context<'_>,
    out: &mut Diagnostics,
) {
    let (Some(decl), Some(error)) = (step.decl, fault.get("error")) else { return };
    let Some(kind) = error.as_str().and_then(FaultKind::of) else { return };
    if !decl.meets(kind) {
        let meets: Vec<&str> = context.catalogue.0.iter().filter(|d| d.meets(kind)).map(|d| d.name).collect();
        let said = format!("`{}` cannot happen to step `{id}`: {} {}", kind.name(), decl.name, why_not(kind));
        out.push(estate.source.error(error.span, said).help(format!("it happens to {}", list(&meets))));
        return;
    }
    let number = |node: &Node| node.to_json().as_u64();
    let given = fault.get("attempt").and_then(|node| Some((number(node)?, node.span)));
    let attempts = step.get("retry").and_then(|retry| retry.get("attempts"));
    let (Some((attempt, span)), Some(attempts)) = (given, attempts.map_or(Some(1), number)) else { return };
    if attempt > attempts {
        let has = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        let said = format!("step `{id}` has {has}: this fault never happens");
        out.push(
            estate.source.warning(span, said).help("lower `attempt`, or give the step more with `retry`"),
        );
    }
}

/// Why a fault cannot happen to the actions that do not know it.
fn why_not(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Throttled | FaultKind::ServerError | FaultKind::LostAnswer | FaultKind::NeverCompletes => {
            "makes no such call"
        }
        FaultKind::ComesUpUnhealthy => "makes nothing that comes up",
        FaultKind::WillNotDelete => "makes nothing that teardown deletes",
        FaultKind::SandboxOpen => "cannot open the sandbox",
    }
}

/// The sizes that `per_gib` is multiplied by must exist and be known. Otherwise `per_gib` would
/// have no effect.
fn sizes(action: &ActionDecl, timing: &Entry, estate: &EstateDraft, out: &mut Diagnostics) {
    let (name, source) = (action.name, &estate.source);
    let given = timing.value.get("per_gib");
    let per_gib = given.and_then(|node| Some((node.span, node.as_str()?.parse::<Span>().ok()?)));
    let Some((span, _)) = per_gib.filter(|(_, per_gib)| !per_gib.0.is_zero()) else { return };
    if action.sized_by.is_empty() {
        let said = format!("`{name}` has no size, so `per_gib` would have no effect");
        out.push(source.error(span, said).help("give `base` alone"));
        return;
    }
    let Some(file) = &estate.file else { return };
    let nodes = estate.root.get("recovery_points").and_then(Node::as_seq).unwrap_or_default();
    let buckets = file.bucket_sizes();
    for (point, node) in file.recovery_points.iter().zip(nodes) {
        if !action.sized_by.contains(&point.kind) || node.get("size").is_some() {
            continue;
        }
        if !buckets.contains_key(point.id.as_str()) {
            let at = node.get("id").map_or(node.span, |id| id.span);
            let said = format!("the size is missing, and the time of `{name}` depends on it");
            out.push(
                source.error(at, said).help("give `size`; or leave `per_gib` out of the action's timing"),
            );
        }
    }
}
