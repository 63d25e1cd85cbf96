//! Cycles: steps and checks that wait for each other.

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use base::graph::Graph;
use yaml::Diagnostics;

/// How many cycles are reported at most. Each reported cycle is cut to find the next one.
const MOST: usize = 20;

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let mut graph = Graph { needs: facts.needs.clone() };
    for _ in 0..MOST {
        let Err(cycle) = graph.order() else { return };
        let Some(first) = cycle.iter().enumerate().min_by_key(|(_, node)| **node).map(|(at, _)| at) else {
            return;
        };
        let turned = cycle.iter().cycle().skip(first).take(cycle.len()).copied();
        let path: Vec<usize> = turned.collect();
        let (Some(start), Some(second)) = (path.first(), path.get(1).or(path.first())) else { return };
        let Some(item) = draft.items.get(*start) else { return };
        let shown: Vec<&str> = path
            .iter()
            .chain(path.first())
            .filter_map(|i| draft.items.get(*i)?.id.map(|id| id.text))
            .collect();
        let second_id = draft.items.get(*second).and_then(|next| next.id).map_or("", |id| id.text);
        let span = item
            .needs
            .iter()
            .find(|need| need.text == second_id)
            .map(|need| need.span)
            .or_else(|| {
                item.uses_of_names
                    .iter()
                    .find(|used| used.path.get(1).is_some_and(|p| p == second_id))
                    .map(|used| used.span)
            })
            .unwrap_or_else(|| item.span());
        out.push(
            draft.source.error(span, format!("these wait for each other: {}", shown.join(" → "))).help(
                "each needs the next, through `needs` or an expression; remove one of these dependencies",
            ),
        );
        let ends: Vec<(usize, usize)> =
            path.iter().copied().zip(path.iter().copied().cycle().skip(1)).collect();
        for (from, to) in ends {
            if let Some(needs) = graph.needs.get_mut(from) {
                needs.retain(|need| *need != to);
            }
        }
    }
}
