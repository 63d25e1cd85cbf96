//! Names and ids: their letters, their length, and that each id is unique.

use std::collections::HashMap;

use super::Context;
use super::facts::Facts;
use crate::draft::{Draft, Text};
use yaml::node::short;
use yaml::{Diagnostics, Span};

/// The longest name or id, in characters.
const LONGEST: usize = 64;

/// Reserved ids. The harness uses them for its own calls (`cloud::Origin::by`).
const RESERVED: [&str; 3] = ["preflight", "sandbox", "teardown"];

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    if let Some(name) = draft.text_at(&["name"]) {
        letters(draft, "name", name, "._-", "", out);
    }
    for (names, what, extra, why) in [
        (&draft.accounts, "name of an account", "_-", "expressions use it"),
        (&draft.params, "name of a parameter", "_-", "expressions use it"),
        (&draft.workloads, "name of a workload", "._-", ""),
    ] {
        for entry in &names.entries {
            letters(draft, what, Text { text: &entry.key, span: entry.key_span }, extra, why, out);
        }
    }
    let mut seen: HashMap<&str, (Span, bool)> = HashMap::new();
    for item in &draft.items {
        let Some(id) = item.id else {
            if let Some(node) = item.get("id").filter(|node| node.as_str() == Some("")) {
                out.push(
                    draft
                        .source
                        .error(node.span, "an empty id")
                        .help("give it a name: letters, digits, `_` and `-`"),
                );
            }
            continue;
        };
        letters(draft, "id", id, "_-", "expressions use it", out);
        if RESERVED.contains(&id.text) {
            let diagnostic = draft
                .source
                .error(id.span, format!("the id `{}` is reserved for a part of Drillmaster", id.text))
                .help("the record, the report and names of resources use it; choose another id");
            out.push(diagnostic);
        }
        if let Some((first, is_step)) = seen.get(id.text) {
            let at = draft.source.position(first.start);
            let kind = if *is_step { "step" } else { "check" };
            let diagnostic = draft
                .source
                .error(id.span, format!("the id `{}` is given twice", short(id.text)))
                .help(format!(
                    "the {kind} at {}:{} has it too; ids are unique among steps and checks, so rename one",
                    at.line, at.column
                ));
            out.push(diagnostic);
        } else {
            seen.insert(id.text, (id.span, item.is_step));
        }
    }
}

fn letters(draft: &Draft<'_>, what: &str, name: Text<'_>, extra: &str, why: &str, out: &mut Diagnostics) {
    let allowed: Vec<String> = extra.chars().map(|c| format!(", `{c}`")).collect();
    let allowed = format!("letters, digits{}", allowed.concat());
    let because = if why.is_empty() { String::new() } else { format!(": {why}") };
    let error = |message: String, help: String| draft.source.error(name.span, message).help(help);
    if name.text.is_empty() {
        out.push(error(format!("an empty {what}"), format!("use {allowed}")));
    } else if let Some(bad) = name.text.chars().find(|c| !c.is_ascii_alphanumeric() && !extra.contains(*c)) {
        let shown = if bad.is_control() { "a control character".to_owned() } else { format!("`{bad}`") };
        out.push(error(
            format!("the {what} `{}` contains {shown}", short(name.text)),
            format!("use {allowed}{because}"),
        ));
    } else if !name.text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        out.push(error(
            format!("the {what} `{}` does not begin with a letter or digit", short(name.text)),
            format!("use {allowed}{because}"),
        ));
    } else if name.text.len() > LONGEST {
        out.push(error(
            format!("the {what} has {} characters", name.text.len()),
            format!("at most {LONGEST} are allowed: it becomes part of names in the cloud"),
        ));
    }
}
