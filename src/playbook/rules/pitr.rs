//! PITR and replicas stay in their account.

use super::Context;
use super::facts::Facts;
use crate::playbook::action::SourceWhat;
use crate::playbook::draft::Draft;
use crate::yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let Some(sandbox) = Facts::sandbox_account(draft) else { return };
    for (item, source) in draft.items.iter().zip(&facts.sources) {
        let Some(source) =
            source.as_ref().filter(|s| s.kinds.iter().any(|kind| kind.is_bound_to_its_account()))
        else {
            continue;
        };
        let SourceWhat::Of { kind, name, .. } = &source.what else { continue };
        let found = facts.resources_named(kind, name);
        let Some(first) = found.first() else { continue };
        if found.iter().any(|resource| resource.locus.account.as_ref() == Some(&sandbox)) {
            continue;
        }
        let span = item
            .with
            .and_then(|with| with.get("from"))
            .and_then(|from| from.get("db"))
            .map_or_else(|| item.span(), |node: &Node| node.span);
        let owner = first.locus.account.as_ref().map_or_else(String::new, ToString::to_string);
        let what = item.decl.map_or("", |decl| decl.name);
        out.push(
            draft
                .source
                .error(
                    span,
                    format!("`{what}` works only in the database's own account ({owner}), and the sandbox is in {sandbox}"),
                )
                .help("restore a shared snapshot with `rds.restore`, or put the sandbox into the database's account"),
        );
    }
}
