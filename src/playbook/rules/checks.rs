//! Checks: each has exactly one kind, and no mistake that its types do not catch.

use serde_json::json;

use super::Context;
use super::facts::Facts;
use super::files::{certificate_file, reference_file};
use crate::check::{CheckKind, CheckType, LONGEST_BY_PROBE, MOST_IN_A_QUESTION};
use crate::draft::{Draft, Item, Text};
use base::duration::Span as Length;
use yaml::diagnostic::{list, nearest};
use yaml::files::Files;
use yaml::{Diagnostics, Entry, Node};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    for (index, item) in draft.items.iter().enumerate().filter(|(_, item)| !item.is_step) {
        one_kind(draft, item, out);
        if let [(kind, entry)] = item.kinds.as_slice() {
            // A check that does not decode has been reported against the schema.
            let spec = serde_json::from_value::<CheckKind>(json!({ kind.key(): entry.value.to_json() }));
            if let Ok(spec) = spec {
                for mistake in spec.mistakes() {
                    let span = entry.value.get(mistake.field).map_or(entry.key_span, |node| node.span);
                    out.push(draft.source.error(span, mistake.message).help(mistake.help));
                }
                fits_the_probe(draft, *kind, entry, &spec, context.files, out);
                if item.get("measures").and_then(Node::as_str) == Some("rpo") {
                    rpo(draft, facts, index, item, &spec, out);
                }
            }
        }
        times(draft, item, out);
    }
}

/// The probe cannot make an attempt that takes longer than Lambda lets a function run, nor one with files
/// that are too large for a request to it. What `connect_to` sends elsewhere goes from the runner, and
/// the run alone knows what that is.
fn fits_the_probe(
    draft: &Draft<'_>,
    kind: CheckType,
    entry: &Entry,
    spec: &CheckKind,
    files: &Files,
    out: &mut Diagnostics,
) {
    let has_probe = draft.node_at(&["sandbox", "probe"]).is_some_and(|probe| probe.as_map().is_some());
    let has_tunnels = draft.node_at(&["connect_to"]).is_some();
    if !has_probe || has_tunnels || !spec.can_be_asked_inside() {
        return;
    }
    let named = [certificate_file(kind, &entry.value), reference_file(kind, &entry.value)];
    let named = named.into_iter().flatten().filter_map(|node| Some((node, node.as_str()?)));
    let named: Vec<(&Node, &str)> = named.collect();
    let size = size_asked(files, named.iter().map(|(_, name)| *name));
    if let Some((largest, _)) = named.iter().max_by_key(|(_, name)| files.size(name))
        && size > MOST_IN_A_QUESTION
    {
        let said = format!(
            "the files of this check take {size} bytes in a question to the probe, which has room for {MOST_IN_A_QUESTION}: AWS Lambda takes 6 MB in all"
        );
        let help = if entry.value.get("against").is_some_and(|against| std::ptr::eq(against, *largest)) {
            "compare `against: last-passed`, or ask the check from the runner, through `connect_to`"
        } else {
            "give only the certificates that this check needs"
        };
        out.push(draft.source.error(largest.span, said).help(help));
    }
    if let Some(timeout) = entry.value.get("timeout")
        && spec.timeout().is_some_and(|timeout| timeout > LONGEST_BY_PROBE)
    {
        let longest = Length(LONGEST_BY_PROBE);
        let said = format!("an attempt takes longer than the probe can ask, which is {longest}");
        let help = "AWS Lambda ends a function after 15 minutes: shorten `timeout`, and let the check try again (`within`)";
        out.push(draft.source.error(timeout.span, said).help(help));
    }
}

/// The bytes of files in a question, which is JSON. What cannot be read is told elsewhere.
fn size_asked<'a>(files: &Files, names: impl Iterator<Item = &'a str> + Clone) -> usize {
    let plain: u64 = names.clone().filter_map(|name| files.size(name)).sum();
    // A byte takes six at most. What fits in any case is not read.
    if plain.saturating_mul(6) <= MOST_IN_A_QUESTION as u64 {
        return 0;
    }
    let texts = names.filter_map(|name| serde_json::to_string(&files.read(name).ok()?).ok());
    texts.map(|text| text.len()).sum()
}

fn keys() -> Vec<&'static str> {
    CheckType::ALL.iter().map(|of| of.key()).collect()
}

fn one_kind(draft: &Draft<'_>, item: &Item<'_>, out: &mut Diagnostics) {
    match item.kinds.as_slice() {
        [_] => {}
        [] => {
            let entries = item.node.as_map().map(|map| map.entries.as_slice()).unwrap_or_default();
            if entries.iter().any(|entry| nearest(&entry.key, keys()).is_some()) {
                return;
            }
            out.push(
                draft
                    .source
                    .error(item.span(), format!("the {} checks nothing", item.name()))
                    .help(format!("add one of {}", list(&keys()))),
            );
        }
        [(first, _), rest @ ..] => {
            for (kind, entry) in rest.iter().filter(|(kind, _)| kind != first) {
                out.push(
                    draft
                        .source
                        .error(entry.key_span, format!("the {} has both `{first}` and `{kind}`", item.name()))
                        .help("a check has one kind: write two checks"),
                );
            }
        }
    }
}

fn rpo(
    draft: &Draft<'_>,
    facts: &Facts<'_>,
    index: usize,
    item: &Item<'_>,
    spec: &CheckKind,
    out: &mut Diagnostics,
) {
    let span = item.get("measures").map_or_else(|| item.span(), |node| node.span);
    if !spec.has_value() {
        out.push(
            draft
                .source
                .error(span, format!("a `{}` check returns no timestamp to measure RPO with", spec.name()))
                .help("use `sql` or `command`, and let it return the newest timestamp in the restored data"),
        );
        return;
    }
    let mut seen = vec![false; draft.items.len()];
    let mut waiting = vec![index];
    let mut restores = false;
    while let Some(at) = waiting.pop() {
        for need in facts.needs.get(at).into_iter().flatten() {
            let Some(fresh) = seen.get_mut(*need).filter(|seen| !**seen) else { continue };
            *fresh = true;
            waiting.push(*need);
            let broken = facts.arguments.get(*need).is_some_and(Diagnostics::has_errors);
            let unknown =
                draft.items.get(*need).is_some_and(|i| i.is_step && (i.decl.is_none() || i.with.is_none()));
            restores |= facts.restores_data(draft, *need) || broken || unknown;
        }
    }
    // An unknown need has been reported.
    let unknown_need = item.needs.iter().any(|need| draft.index_of(need.text).is_none());
    if !restores && !unknown_need {
        out.push(
            draft
                .source
                .error(
                    span,
                    format!("the {} measures RPO, but needs no step that restores data", item.name()),
                )
                .help("name the step that restores its data: `needs: [db]`"),
        );
    }
    if item.workload.is_none() {
        out.push(
            draft
                .source
                .warning(span, format!("the {} measures RPO for no workload", item.name()))
                .help("add `workload:`"),
        );
    }
}

fn times(draft: &Draft<'_>, item: &Item<'_>, out: &mut Diagnostics) {
    let length = |key: &str| -> Option<(Text<'_>, Length)> {
        let node = item.get(key)?;
        let text = Text { text: node.as_str()?, span: node.span };
        Some((text, text.parse()?))
    };
    if let Some((text, _)) = length("every").filter(|every| every.1.0.is_zero()) {
        out.push(
            draft
                .source
                .error(text.span, "a check cannot be tried every 0s")
                .help("leave some time between two tries: `5s`"),
        );
    } else if let (Some((text, every)), Some((_, within))) = (length("every"), length("within"))
        && every > within
        && !within.0.is_zero()
    {
        out.push(
            draft
                .source
                .warning(
                    text.span,
                    format!("tried every {every}, but only within {within}: it is tried once"),
                )
                .help("make `every` shorter than `within`"),
        );
    }
    if let Some((text, _)) = length("within").filter(|within| within.1.0.is_zero()) {
        out.push(
            draft
                .source
                .error(text.span, "a check cannot become healthy within 0s")
                .help("say how long it may take: `5m`"),
        );
    }
}
