//! The roles that AWS Backup restores with. What restores must not be able to act in production.

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use crate::expr::is_template;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let Some(sandbox) = Facts::sandbox_account(draft) else { return };
    for (item, read) in draft.items.iter().zip(&facts.read) {
        let (Some(with), Some(read)) = (item.with, read) else { continue };
        let Some(backup) = read.demands().backup.filter(|backup| !is_template(&backup.role)) else {
            continue;
        };
        let account = backup.role.split(':').nth(4).unwrap_or_default();
        if account == sandbox.as_str() {
            continue;
        }
        let span = with.get("role").map_or(with.span, |role: &Node| role.span);
        out.push(
            draft
                .source
                .error(span, format!("the role belongs to account {account}, and the sandbox is in {sandbox}"))
                .help("name a role of the sandbox's account: with a role of another one, AWS Backup could act there"),
        );
    }
}
