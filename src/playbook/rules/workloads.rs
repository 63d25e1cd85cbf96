//! Workloads: each needs a check, steps that restore it, and resources that exist.

use std::collections::{HashMap, HashSet};

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use estate::Selector;
use yaml::diagnostic::nearest;
use yaml::{Diagnostics, Entry, Node, Span, Value};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let without_estate = draft.root.get("estate").is_none_or(Node::is_null);
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    let mut mistyped = HashSet::new();
    for item in &draft.items {
        let Some(workload) = item.workload else { continue };
        let count = counts.entry(workload.text).or_default();
        if item.is_step {
            count.0 += 1;
        } else {
            count.1 += 1;
        }
        if draft.workloads.get(workload.text).is_none() {
            mistyped.extend(nearest(workload.text, draft.workloads.names()));
        }
    }
    let readable = |key: &str| draft.root.get(key).is_none_or(|n| n.is_null() || n.as_seq().is_some());
    if let Some(node) =
        draft.root.get("workloads").filter(|n| matches!(&n.value, Value::Map(map) if map.entries.is_empty()))
    {
        out.push(
            draft
                .source
                .error(node.span, "there is no workload: nothing would be measured")
                .help("add one: `orders: { resources: [\"rds:db/orders\"] }`"),
        );
    }
    for entry in &draft.workloads.entries {
        let (steps, checks) = counts.get(entry.key.as_str()).copied().unwrap_or_default();
        // The mistyped name has been reported. Reporting its absence would only repeat the mistake.
        let echo = mistyped.contains(entry.key.as_str());
        if checks == 0 && !echo && readable("checks") {
            out.push(
                draft
                    .source
                    .error(
                        entry.key_span,
                        format!(
                            "the workload `{}` has no check: nothing could show that it is recovered",
                            entry.key
                        ),
                    )
                    .help(format!("add a check with `workload: {}`", entry.key)),
            );
        }
        if steps == 0 && lists_nothing(entry) && !echo && readable("steps") {
            out.push(
                draft
                    .source
                    .error(
                        entry.key_span,
                        format!(
                            "the workload `{}` has neither resources nor steps: there is nothing to recover",
                            entry.key
                        ),
                    )
                    .help("list its `resources`, and add the steps that restore them"),
            );
        } else if steps == 0 && !echo && readable("steps") {
            out.push(
                draft
                    .source
                    .warning(entry.key_span, format!("no step belongs to the workload `{}`", entry.key))
                    .help(format!("add `workload: {}` to the steps that restore it", entry.key)),
            );
        }
        for node in entry.value.get("resources").and_then(Node::as_seq).unwrap_or_default() {
            selector(draft, facts, node, without_estate, out);
        }
    }
    if let Some(node) = draft.root.get("steps").filter(|n| n.as_seq().is_some_and(<[Node]>::is_empty)) {
        let span = Span::new(node.span.start, node.span.start + 1);
        out.push(
            draft
                .source
                .error(span, "there is no step: nothing would be restored")
                .help("add one: `- { id: db, uses: rds.restore, … }`"),
        );
    }
}

fn selector(draft: &Draft<'_>, facts: &Facts<'_>, node: &Node, without_estate: bool, out: &mut Diagnostics) {
    let Some(text) = node.as_str() else { return };
    let Ok(selector) = text.parse::<Selector>() else { return };
    if without_estate && matches!(selector, Selector::Tag { .. }) {
        out.push(
            draft
                .source
                .warning(
                    node.span,
                    format!(
                        "without an estate, the resources of `{text}` are unknown: they count as not restored"
                    ),
                )
                .help("name an `estate`, or list the resources by their ids"),
        );
    }
    if let Some(unknown) = facts.unknown_type(&selector) {
        out.push(draft.source.error(node.span, unknown.message).help(unknown.help));
        return;
    }
    if facts.file.is_none() {
        return;
    }
    if !facts.selected(&selector).is_empty() {
        return;
    }
    let ids: Vec<String> = facts.resources.all.iter().map(|resource| resource.id.to_string()).collect();
    let help = nearest(text, ids.iter().map(String::as_str)).map_or_else(
        || "nothing would be recovered: correct it, or add the resource to the estate".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    out.push(draft.source.error(node.span, format!("`{text}` selects nothing in the estate")).help(help));
}

/// Whether a workload lists no resource. Resources that cannot be read are reported elsewhere, and
/// count as listed.
pub(super) fn lists_nothing(entry: &Entry) -> bool {
    let resources = entry.value.get("resources");
    resources.is_none_or(|node| node.is_null() || node.as_seq().is_some_and(<[Node]>::is_empty))
}
