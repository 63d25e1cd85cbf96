//! The roles of AWS Backup. What restores must not be able to act in production, and a copy begins in an
//! account of the playbook.

use super::Context;
use super::facts::Facts;
use crate::action::{BackupUse, CopyUse};
use crate::draft::{Draft, Text};
use crate::expr::is_template;
use base::ids::AccountId;
use yaml::{Diagnostics, Node, Span};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let Some(sandbox) = Facts::sandbox_account(draft) else { return };
    if let Some(role) = draft.text_at(&["sandbox", "probe", "role"]) {
        of_probe(draft, &role, &sandbox, out);
    }
    for (item, read) in draft.items.iter().zip(&facts.read) {
        let (Some(with), Some(read)) = (item.with, read) else { continue };
        let span = with.get("role").map_or(with.span, |role: &Node| role.span);
        let demands = read.demands();
        if let Some(backup) = &demands.backup {
            restores(draft, span, backup, &sandbox, out);
        }
        if let Some(copy) = &demands.copy {
            copies(draft, (span, with.span), copy, &sandbox, out);
        }
    }
}

/// Lambda takes no role of another account (API reference, `CreateFunction`).
fn of_probe(draft: &Draft<'_>, role: &Text<'_>, sandbox: &AccountId, out: &mut Diagnostics) {
    let account = role.text.split(':').nth(4).unwrap_or_default();
    // What is no ARN has been reported against the schema.
    if account.is_empty() || account == sandbox.as_str() {
        return;
    }
    let said = format!("the role of the probe belongs to account {account}, and the sandbox is in {sandbox}");
    out.push(
        draft
            .source
            .error(role.span, said)
            .help("make a role in the sandbox's account: `drillmaster iam-policy --for probe` prints it"),
    );
}

fn restores(draft: &Draft<'_>, span: Span, backup: &BackupUse, sandbox: &AccountId, out: &mut Diagnostics) {
    let account = backup.role.split(':').nth(4).unwrap_or_default();
    if is_template(&backup.role) || account == sandbox.as_str() {
        return;
    }
    out.push(
        draft
            .source
            .error(span, format!("the role belongs to account {account}, and the sandbox is in {sandbox}"))
            .help("name a role of the sandbox's account: with a role of another one, AWS Backup could act there"),
    );
}

/// `spans`: of the role, and of all arguments.
fn copies(
    draft: &Draft<'_>,
    spans: (Span, Span),
    copy: &CopyUse,
    sandbox: &AccountId,
    out: &mut Diagnostics,
) {
    let Some(from) = &copy.from else { return };
    let is_known = draft.accounts.names().any(|name| {
        draft.account_id(name).is_some_and(|id| is_template(id.text) || id.text == from.as_str())
    });
    if !is_known && !draft.accounts.broken {
        let said = format!("the role belongs to account {from}, which is none of `accounts`");
        let help = "add the account to `accounts`: the copy begins there, and needs a way in";
        out.push(draft.source.error(spans.0, said).help(help));
    }
    if copy.needs_key && from != sandbox {
        let said = format!("it copies from account {from} into {sandbox}, and names no `kms_key`");
        let help = "name a customer managed key of the sandbox's region: AWS Backup copies this type to another account only into a vault with such a key";
        out.push(draft.source.error(spans.1, said).help(help));
    }
}
