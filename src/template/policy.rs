//! Whom a policy lets in: principals of resource policies, key policies and trust policies.

use super::inspect::Found;
use super::resolve::{Knowledge, Resolver, Seen, What, knowledge, shown};
use super::table::Rule;

const OURS: &str =
    "name principals of the sandbox's account only: `!Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:root`";

/// A statement of a policy: a mapping with a principal. `Deny` lets nobody in.
pub fn statement(statement: &Seen, resolver: &Resolver<'_>, found: &mut Found<'_>) {
    let What::Map(entries) = &statement.what else { return };
    let get = |key: &str| entries.iter().find(|e| e.0 == key).map(|e| &e.2);
    if get("Effect").is_some_and(|effect| effect.known() == Some("Deny")) {
        return;
    }
    // Without an effect it is no statement, but somebody's `Principal` property (such as of a permission).
    if let Some(but) = get("NotPrincipal") {
        found.push(Rule::Access, but.span, "lets in everybody but some", OURS);
    }
    if let Some(who) = get("Principal") {
        principal(who, resolver, found);
    }
}

fn principal(who: &Seen, resolver: &Resolver<'_>, found: &mut Found<'_>) {
    match &who.what {
        What::Map(kinds) => {
            for (kind, span, whom) in kinds {
                match kind.as_str() {
                    "AWS" => {
                        for (leaf, text) in whom.leaves() {
                            one(leaf, text, resolver, found);
                        }
                    }
                    // Services act for whoever owns the resource they act on; other accounts come as `AWS`.
                    "Service" => {}
                    "Federated" => found.push(Rule::Access, *span, "lets in identities of others", OURS),
                    _ => found.push(Rule::Access, *span, "lets in principals that cannot be judged", OURS),
                }
            }
        }
        What::Either(forms) => forms.iter().for_each(|form| principal(form, resolver, found)),
        What::Text(text) => one(who, text, resolver, found),
        What::List(items) => items.iter().for_each(|item| principal(item, resolver, found)),
        What::Nothing => {}
    }
}

fn one(leaf: &Seen, text: &str, resolver: &Resolver<'_>, found: &mut Found<'_>) {
    let ours = resolver.surroundings.account.as_ref();
    let account = if text.starts_with("arn:") { text.split(':').nth(4).unwrap_or_default() } else { text };
    match knowledge(account) {
        // `Own`: a role of this very stack.
        Knowledge::Later | Knowledge::Own => {}
        Knowledge::Open => {
            found.push(
                Rule::Access,
                leaf.span,
                "lets in somebody who cannot be told before the deployment",
                OURS,
            );
        }
        Knowledge::Known if ours.is_some_and(|ours| ours.as_str() == account) => {}
        Knowledge::Known if text.contains('*') => {
            found.push(Rule::Access, leaf.span, "lets everybody in", OURS);
        }
        // `lambda.amazonaws.com`, as the principal of a permission.
        Knowledge::Known if text.contains(".amazonaws.") => {}
        Knowledge::Known => {
            let what = format!("lets in another account: `{}`", shown(text));
            found.push(Rule::Access, leaf.span, &what, OURS);
        }
    }
}
