//! `restores`: what a step says it restores, where its arguments do not tell. A check must prove it.

use super::Context;
use super::facts::Facts;
use super::shown::reaches;
use crate::action::SourceWhat;
use crate::draft::{Draft, Item};
use estate::Selector;
use estate::scope::holds_data;
use yaml::{Diagnostics, Node, Span};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    for (index, item) in draft.items.iter().enumerate() {
        let Some(node) = item.get("restores").filter(|_| item.is_step) else { continue };
        let claims = claims_of(item);
        let Some((_, first)) = claims.first() else { continue };
        let span = Span::new(first.start, node.span.end.max(first.end));
        if let Some((said, help)) = not_allowed(item, facts, index) {
            out.push(draft.source.error(span, said).help(help));
            continue;
        }
        for (selector, span) in &claims {
            if let Some(unknown) = facts.unknown_type(selector) {
                out.push(draft.source.error(*span, unknown.message).help(unknown.help));
            } else if facts.file.is_some() && facts.selected(selector).is_empty() {
                let said = format!("`{selector}` selects nothing in the estate");
                let help = "name what the step restores, or add it to the estate";
                out.push(draft.source.error(*span, said).help(help));
            }
        }
        let stores = claims.iter().filter(|(selector, _)| holds_data(selector.kind()));
        let stores: usize =
            stores.map(|(selector, _)| facts.file.map_or(1, |_| facts.selected(selector).len())).sum();
        if stores > 1 {
            let said = format!("the {} says that it restores {stores} stores of data", item.name());
            let help = "restore each in a step of its own: the age of data is measured by step";
            out.push(draft.source.error(span, said).help(help));
        }
        proved(draft, facts, index, &claims, span, out);
    }
}

/// The selectors under `restores` of a step, with their places.
pub(super) fn claims_of(item: &Item<'_>) -> Vec<(Selector, Span)> {
    let nodes = item.get("restores").and_then(Node::as_seq).unwrap_or_default();
    nodes.iter().filter_map(|node| Some((node.as_str()?.parse().ok()?, node.span))).collect()
}

/// Why the step may not say what it restores, and what to do.
fn not_allowed(item: &Item<'_>, facts: &Facts<'_>, index: usize) -> Option<(String, &'static str)> {
    let decl = item.decl?;
    if !decl.may_claim {
        return Some((
            format!("`{}` does not take `restores`: its arguments say what it restores", decl.name),
            "remove `restores`; `command.run`, `cloudformation.deploy` and `ec2.launch` take it",
        ));
    }
    match facts.sources.get(index).and_then(Option::as_ref).map(|source| &source.what) {
        Some(SourceWhat::Of { name, .. }) => Some((
            format!("the {} restores `{name}`, as its arguments say", item.name()),
            "remove `restores`, or give an id instead of `of`",
        )),
        Some(SourceWhat::Id(_)) | None => None,
    }
}

/// Each workload to which the restored resources belong must have a check that depends on the step.
fn proved(
    draft: &Draft<'_>,
    facts: &Facts<'_>,
    index: usize,
    claims: &[(Selector, Span)],
    span: Span,
    out: &mut Diagnostics,
) {
    let Some(item) = draft.items.get(index).filter(|_| !draft.expressions_broken && !draft.ids_broken) else {
        return;
    };
    let lists = |resources: &[Node]| {
        let listed: Vec<Selector> = resources.iter().filter_map(|node| node.as_str()?.parse().ok()).collect();
        claims.iter().any(|(claim, _)| {
            let claimed = facts.selected(claim);
            listed.iter().any(|listed| {
                listed == claim || facts.selected(listed).iter().any(|resource| claimed.contains(resource))
            })
        })
    };
    let owners = draft.workloads.entries.iter().filter(|entry| {
        item.workload.is_some_and(|own| own.text == entry.key)
            || lists(entry.value.get("resources").and_then(Node::as_seq).unwrap_or_default())
    });
    let mut owned = draft.workloads.broken || item.workload.is_some();
    for owner in owners {
        owned = true;
        let checks = draft.items.iter().enumerate();
        let checks =
            checks.filter(|(_, one)| !one.is_step && one.workload.is_some_and(|own| own.text == owner.key));
        let checks: Vec<usize> = checks.map(|(at, _)| at).collect();
        // That a workload has no check is reported elsewhere, and so is an unknown need.
        let unknown = checks
            .iter()
            .filter_map(|at| draft.items.get(*at))
            .any(|check| check.needs.iter().any(|need| draft.index_of(need.text).is_none()));
        if checks.is_empty() || unknown || reaches(facts, &checks, |at| at == index) {
            continue;
        }
        let id = item.id.map_or("ID", |id| id.text);
        let said = format!(
            "no check of the workload `{}` depends on the {}: nothing would prove what it says it restores",
            owner.key,
            item.name()
        );
        let help = format!("let a check that looks at it depend on it: `needs: [{id}]`");
        out.push(draft.source.error(span, said).help(help));
    }
    if !owned {
        let said = format!("no workload lists what the {} says it restores", item.name());
        out.push(draft.source.error(span, said).help("list it under the `resources` of a workload"));
    }
}
