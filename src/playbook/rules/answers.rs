//! The names that the sandbox answers: each once, none below another, and none that leads out.

use super::Context;
use super::connect_to::tunnels;
use super::facts::Facts;
use crate::address::Addresses;
use crate::asked;
use crate::draft::Draft;
use crate::expr::is_template;
use yaml::{Diagnostics, Entry, Node};

/// What an answer may be made of. Others may read it: it is no place for a secret.
const ROOTS: [&str; 5] = ["accounts", "params", "run", "sandbox", "steps"];

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let Some(names) = draft.node_at(&["sandbox", "names"]).and_then(Node::as_map) else { return };
    for used in &draft.uses_in_sandbox {
        let Some(root) = used.path.first().filter(|root| ["env", "secret"].contains(&root.as_str())) else {
            continue;
        };
        let said = format!("`{root}` is no part of an answer: whoever asks for the name reads it");
        let help = format!("name what a step made; an answer may use {}", yaml::diagnostic::list(&ROOTS));
        out.push(draft.source.error(used.span, said).help(help));
    }
    let by_firewall = draft.text_at(&["sandbox", "names_by"]).filter(|by| by.text == "firewall");
    if let Some(by) = by_firewall
        && !closed(draft)
    {
        let said = "only the firewall of a closed resolver answers names";
        out.push(draft.source.error(by.span, said).help("write `resolver: closed`, or leave `names_by` out"));
    }
    let cidr = draft.text_at(&["sandbox", "network", "cidr"]).map(|cidr| cidr.text);
    let judge = draft.loss.as_ref().map(|(loss, _)| {
        let tunnels = tunnels(draft).map(|(_, tunnel)| tunnel).collect();
        Addresses::new(loss, facts.file, cidr, tunnels)
    });
    for entry in &names.entries {
        apart(draft, entry, &names.entries, out);
        let Some(text) = entry.value.as_str().filter(|text| !is_template(text)) else { continue };
        let text = text.trim();
        if let Err(wrong) = asked::host(text) {
            let said = format!("`{}` is answered with what is no host: {}", entry.key, wrong.message);
            out.push(draft.source.error(entry.value.span, said).help(
                "give an address or a host name, such as an output of a step: `{{ steps.db.address }}`",
            ));
        } else if by_firewall.is_some() && text.parse::<std::net::IpAddr>().is_ok() {
            let said = format!(
                "`{}` is answered with an address, and the firewall answers with names alone",
                entry.key
            );
            out.push(
                draft
                    .source
                    .error(entry.value.span, said)
                    .help("answer with a host name, or leave `names_by` out"),
            );
        } else if let Some(found) = judge.as_ref().and_then(|judge| judge.answered(text)) {
            let said = format!("`{}` leads out of the sandbox: {}", entry.key, found.why);
            out.push(draft.source.error(entry.value.span, said).help(
                "answer with what the drill restores, by an output of the step: `{{ steps.db.address }}`",
            ));
        }
    }
}

/// Whether the sandbox's resolver is closed, by its key or by its default.
fn closed(draft: &Draft<'_>) -> bool {
    match draft.text_at(&["sandbox", "resolver"]) {
        Some(resolver) => resolver.text == "closed",
        None => draft.node_at(&["sandbox", "probe"]).is_some_and(|probe| probe.as_map().is_some()),
    }
}

/// A zone has the name above those that it answers, so it hides what lies beside them. Where a name
/// lies below another one, the zone of the one would hide the other.
fn apart(draft: &Draft<'_>, entry: &Entry, all: &[Entry], out: &mut Diagnostics) {
    let name = entry.key.to_ascii_lowercase();
    for other in all.iter().filter(|other| !std::ptr::eq(*other, entry)) {
        let above = other.key.to_ascii_lowercase();
        let said = if name == above && other.key_span.start < entry.key_span.start {
            format!("`{}` and `{}` are one name", entry.key, other.key)
        } else if name.strip_suffix(&above).is_some_and(|rest| rest.ends_with('.')) {
            format!("`{}` lies below `{}`: the zone of the one hides the other", entry.key, other.key)
        } else {
            continue;
        };
        out.push(draft.source.error(entry.key_span, said).help("leave one of the two out"));
    }
}
