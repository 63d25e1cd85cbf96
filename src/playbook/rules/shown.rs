//! Checks must look at the restored resources. A check of anything else shows no recovery.

use std::collections::HashMap;

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use yaml::Diagnostics;

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    // The names in a broken expression are unknown.
    if draft.expressions_broken {
        return;
    }
    let mut workloads: HashMap<&str, (bool, Vec<usize>)> = HashMap::new();
    for (index, item) in draft.items.iter().enumerate() {
        let Some(workload) = item.workload else { continue };
        let entry = workloads.entry(workload.text).or_default();
        if item.is_step {
            entry.0 = true;
        } else {
            entry.1.push(index);
        }
    }
    for entry in &draft.workloads.entries {
        let Some((true, checks)) = workloads.get(entry.key.as_str()) else { continue };
        let Some(first) = checks.first().and_then(|first| draft.items.get(*first)) else { continue };
        // An unknown need has been reported. Its intended target is unknown.
        let unknown = checks
            .iter()
            .filter_map(|check| draft.items.get(*check))
            .any(|item| item.needs.iter().any(|need| draft.index_of(need.text).is_none()));
        let own = |at: usize| {
            let item = draft.items.get(at);
            item.is_some_and(|i| i.is_step && i.workload.is_some_and(|w| w.text == entry.key))
        };
        if !unknown && !reaches(facts, checks, own) {
            out.push(
                draft
                    .source
                    .error(
                        first.span(),
                        format!("no check of the workload `{}` looks at what its steps restore", entry.key),
                    )
                    .help(
                        "let one depend on the step that restores what it looks at: `needs: [ID]`, or an output such as \
                         `{{ steps.ID.endpoint }}`",
                    ),
            );
            continue;
        }
        for check in checks {
            let Some(item) = draft.items.get(*check) else { continue };
            let unknown = item.needs.iter().any(|need| draft.index_of(need.text).is_none());
            let step = |at: usize| draft.items.get(at).is_some_and(|i| i.is_step);
            if !unknown && !reaches(facts, &[*check], step) {
                out.push(
                    draft
                        .source
                        .warning(
                            item.span(),
                            format!(
                                "the {} depends on no step: it looks at nothing that is restored",
                                item.name()
                            ),
                        )
                        .help("name the step that restores what it looks at: `needs: [ID]`"),
                );
            }
        }
    }
}

/// Whether any of these items waits for an item that is `wanted`, directly or through others.
pub(super) fn reaches(facts: &Facts<'_>, from: &[usize], wanted: impl Fn(usize) -> bool) -> bool {
    let mut seen = vec![false; facts.needs.len()];
    let mut waiting = from.to_vec();
    while let Some(at) = waiting.pop() {
        for need in facts.needs.get(at).into_iter().flatten() {
            if wanted(*need) {
                return true;
            }
            if let Some(fresh) = seen.get_mut(*need).filter(|seen| !**seen) {
                *fresh = true;
                waiting.push(*need);
            }
        }
    }
    false
}
