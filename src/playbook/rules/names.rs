//! Names that must exist: needs, workloads and accounts.

use std::collections::HashSet;

use super::Context;
use super::facts::Facts;
use crate::draft::{Draft, Names, Text};
use crate::expr::is_template;
use yaml::Diagnostics;
use yaml::diagnostic::suggest;
use yaml::node::short;

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    if let Some(account) = draft.text_at(&["sandbox", "account"]) {
        known(draft, &draft.accounts, "account", account, out);
    }
    for item in &draft.items {
        if let Some(workload) = item.workload {
            known(draft, &draft.workloads, "workload", workload, out);
        }
        let accounts =
            item.with.into_iter().flat_map(|with| [with.get("from"), with.get("source")]).flatten();
        for node in accounts.filter_map(|from| from.get("account")) {
            let Some(text) = node.as_str().filter(|text| !is_template(text)) else { continue };
            known(draft, &draft.accounts, "account", Text { text, span: node.span }, out);
        }
        let mut seen = HashSet::new();
        for need in &item.needs {
            if item.id.is_some_and(|id| id.text == need.text) {
                let what = if item.is_step { "step" } else { "check" };
                out.push(
                    draft
                        .source
                        .error(need.span, format!("the {what} `{}` needs itself", short(need.text)))
                        .help("remove it from `needs`"),
                );
            } else if draft.index_of(need.text).is_none() {
                unknown_id(draft, need, out);
            } else if !seen.insert(need.text) {
                out.push(
                    draft
                        .source
                        .warning(need.span, format!("`{}` is listed in `needs` twice", short(need.text)))
                        .help("remove one"),
                );
            }
        }
    }
}

fn known(draft: &Draft<'_>, names: &Names<'_>, what: &str, name: Text<'_>, out: &mut Diagnostics) {
    if names.broken || names.get(name.text).is_some() {
        return;
    }
    let help = suggest(name.text, names.names(), what).unwrap_or_else(|| format!("there are no `{what}s`"));
    out.push(draft.source.error(name.span, format!("there is no {what} `{}`", short(name.text))).help(help));
}

fn unknown_id(draft: &Draft<'_>, need: &Text<'_>, out: &mut Diagnostics) {
    if draft.ids_broken && draft.nearest_id(need.text, false).is_none() {
        return;
    }
    let help = draft.suggest_id(need.text, false);
    out.push(
        draft.source.error(need.span, format!("there is no step or check `{}`", short(need.text))).help(help),
    );
}
