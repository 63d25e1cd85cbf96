//! Objectives and times that cannot be intended.

use super::Context;
use super::facts::Facts;
use super::nothing::loses_no_data;
use crate::draft::{Draft, Text};
use base::duration::Span as Length;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let ttl = draft.text_at(&["sandbox", "ttl"]).and_then(|ttl| Some((ttl, ttl.parse::<Length>()?)));
    let mut longest: Option<Length> = None;
    let objectives = draft.root.get("objectives").into_iter();
    let own = draft.workloads.entries.iter().filter_map(|entry| entry.value.get("objectives"));
    for node in objectives.chain(own) {
        if let Some(rto) = length(node, "rto") {
            longest = longest.max(Some(rto.1));
            if rto.1.0.is_zero() {
                out.push(
                    draft
                        .source
                        .error(rto.0.span, "an RTO of 0 can never be met")
                        .help("say how long recovery may take: `1h`"),
                );
            }
        }
        if let Some(rpo) = length(node, "rpo").filter(|rpo| rpo.1.0.is_zero()) {
            out.push(
                draft
                    .source
                    .error(rpo.0.span, "an RPO of 0 can never be met: every recovery point is older than T0")
                    .help("say how much data, in time, may be lost: `5m`"),
            );
        }
    }
    if let Some((text, ttl)) = ttl {
        if ttl.0.is_zero() {
            out.push(
                draft
                    .source
                    .error(text.span, "a sandbox with a ttl of 0 has expired when it begins")
                    .help("say how long the drill may take at most: `4h`"),
            );
        } else if let Some(rto) = longest.filter(|rto| *rto > ttl) {
            out.push(
                draft
                    .source
                    .warning(
                        text.span,
                        format!("the sandbox's ttl ({ttl}) is shorter than an RTO objective ({rto})"),
                    )
                    .help("a drill that is cut off there says nothing about the objective: make it longer"),
            );
        }
    }
    data(draft, facts, out);
    none(draft, out);
}

/// Warns about a workload without any objective. It may pass, and that says little.
fn none(draft: &Draft<'_>, out: &mut Diagnostics) {
    let set = |objectives: Option<&Node>| {
        objectives.is_some_and(|node| match node.as_map() {
            Some(map) => map.entries.iter().any(|entry| !entry.value.is_null()),
            // What cannot be read is reported elsewhere.
            None => !node.is_null(),
        })
    };
    if set(draft.root.get("objectives")) {
        return;
    }
    for entry in draft.workloads.entries.iter().filter(|entry| !set(entry.value.get("objectives"))) {
        out.push(
            draft
                .source
                .warning(entry.key_span, format!("the workload `{}` has no objective", entry.key))
                .help("say how long its recovery may take: `objectives: { rto: 1h, rpo: 15m }`"),
        );
    }
}

/// Warns about a workload that has an RPO objective but no step that restores data. Its RPO stays
/// unknown.
fn data(draft: &Draft<'_>, facts: &Facts<'_>, out: &mut Diagnostics) {
    for entry in &draft.workloads.entries {
        let Some(rpo) = entry.value.get("objectives").and_then(|o| o.get("rpo")).filter(|rpo| !rpo.is_null())
        else {
            continue;
        };
        let mut steps = 0;
        let restores = draft.items.iter().zip(&facts.sources).enumerate().any(|(index, (item, source))| {
            let own = item.is_step && item.workload.is_some_and(|w| w.text == entry.key);
            steps += usize::from(own);
            // A step that could not be read may restore data.
            own && (item.decl.is_none()
                || facts.restores_data(draft, index)
                || (source.is_none() && item.with.is_none())
                || (source.is_none() && facts_broken(draft, facts, item)))
        });
        let stateless = draft.loss.as_ref().is_some_and(|(loss, _)| loses_no_data(facts, loss, entry));
        if !restores && steps > 0 && !stateless {
            out.push(
                draft
                    .source
                    .warning(rpo.span, format!("no step of `{}` restores data: its RPO stays unknown, and is not met", entry.key))
                    .help("restore a database, a volume or a bucket, say `data: true` at an `ec2.launch`, or remove the objective"),
            );
        }
    }
}

fn facts_broken(draft: &Draft<'_>, facts: &Facts<'_>, item: &crate::draft::Item<'_>) -> bool {
    let index = draft.items.iter().position(|other| std::ptr::eq(other, item));
    index.and_then(|i| facts.arguments.get(i)).is_some_and(Diagnostics::has_errors)
}

fn length<'a>(node: &'a Node, key: &str) -> Option<(Text<'a>, Length)> {
    let node = node.get(key)?;
    let text = Text { text: node.as_str()?, span: node.span };
    Some((text, text.parse()?))
}
