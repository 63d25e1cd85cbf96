//! Names and ids: of which letters they are, how long, and each only once.

use std::collections::HashMap;

use super::Context;
use super::facts::Facts;
use crate::draft::{Draft, Text};
use yaml::node::short;
use yaml::{Diagnostics, Span};

const LONGEST: usize = 64;

/// On whose behalf the harness itself acts (`cloud::Origin::by`).
const OWN: [&str; 3] = ["preflight", "sandbox", "teardown"];

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
        if OWN.contains(&id.text) {
            let diagnostic = draft
                .source
                .error(id.span, format!("`{}` is what Drillmaster calls a part of itself", id.text))
                .help("the record, the report and names of resources use it; choose another id");
            out.push(diagnostic);
        }
        if let Some((first, is_step)) = seen.get(id.text) {
            let at = draft.source.position(first.start);
            let kind = if *is_step { "step" } else { "check" };
            let diagnostic = draft
                .source
                .error(id.span, format!("the id `{}` stands here a second time", short(id.text)))
                .help(format!(
                    "the {kind} at {}:{} has it; steps and checks share their ids, so rename one",
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
            format!("the {what} `{}` begins with no letter or digit", short(name.text)),
            format!("use {allowed}{because}"),
        ));
    } else if name.text.len() > LONGEST {
        out.push(error(
            format!("the {what} has {} characters", name.text.len()),
            format!("at most {LONGEST} are allowed: it becomes part of names in the cloud"),
        ));
    }
}
