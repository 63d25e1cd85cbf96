//! Whom a policy lets in: principals of resource policies, key policies and trust policies.

use super::found::Found;
use super::resolve::Resolver;
use super::rule::Rule;
use super::value::{Knowledge, Seen, What, knowledge, shown};

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
        // A role's trust policy lets a service act for the account; anybody may send a service to a bucket or a queue.
        let bound = found.kind.starts_with("AWS::IAM::")
            || get("Effect").is_none()
            || get("Condition").is_some_and(|condition| binds(condition, resolver));
        principal(who, bound, resolver, found);
    }
}

/// Whether a condition lets a service in for our account only.
fn binds(condition: &Seen, resolver: &Resolver<'_>) -> bool {
    const OPERATORS: [&str; 6] =
        ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "NumericEquals"];
    const ACCOUNTS: [&str; 3] = ["aws:sourceaccount", "aws:sourceowner", "kms:calleraccount"];
    const ARNS: [&str; 2] = ["aws:sourcearn", "kms:encryptioncontext:aws:logs:arn"];
    let ours = resolver.surroundings.account.as_ref().map(base::ids::AccountId::as_str);
    let account = |text: &str| knowledge(text) == Knowledge::Later || Some(text) == ours;
    let arn = |text: &str| match (knowledge(text), text.split(':').nth(4)) {
        (Knowledge::Later, _) => true,
        (Knowledge::Open, _) | (Knowledge::Known, None) => false,
        (Knowledge::Own, None | Some("")) => !text.contains(['*', '?']),
        (_, Some(of)) => (knowledge(of) == Knowledge::Own && !of.contains(['*', '?'])) || account(of),
    };
    let all = |value: &Seen, fits: &dyn Fn(&str) -> bool| {
        let leaves = value.leaves();
        !leaves.is_empty() && leaves.iter().all(|(_, text)| fits(text))
    };
    match &condition.what {
        What::Map(operators) => operators.iter().any(|(operator, _, keys)| {
            let operator = operator.strip_prefix("ForAnyValue:").unwrap_or(operator);
            let What::Map(keys) = &keys.what else { return false };
            OPERATORS.contains(&operator)
                && keys.iter().any(|(key, _, value)| {
                    let key = key.to_ascii_lowercase();
                    (ACCOUNTS.contains(&key.as_str()) && all(value, &account))
                        || (ARNS.contains(&key.as_str()) && all(value, &arn))
                })
        }),
        What::Either(forms) => !forms.is_empty() && forms.iter().all(|form| binds(form, resolver)),
        What::Text(text) => knowledge(text) == Knowledge::Later,
        What::List(_) | What::Nothing => false,
    }
}

/// A service acts for whoever tells it to: it must be one, and come for our account.
fn service(leaf: &Seen, text: &str, bound: bool, found: &mut Found<'_>) {
    const FOR_US: &str =
        "give the statement `Condition: { StringEquals: { \"aws:SourceAccount\": !Ref AWS::AccountId } }`";
    match knowledge(text) {
        Knowledge::Later => {}
        Knowledge::Known if text.contains(['*', '?']) => {
            found.push(Rule::Access, leaf.span, "lets every service in, for whomever it acts", OURS);
        }
        Knowledge::Known if text.contains(".amazonaws.com") || text.ends_with(".aws.internal") => {
            if !bound {
                let what = format!("lets in `{}`, for whichever account it acts", shown(text));
                found.push(Rule::Access, leaf.span, &what, FOR_US);
            }
        }
        Knowledge::Known | Knowledge::Own | Knowledge::Open => {
            found.push(
                Rule::Access,
                leaf.span,
                "lets in a service that cannot be told before the deployment",
                OURS,
            );
        }
    }
}

fn principal(who: &Seen, bound: bool, resolver: &Resolver<'_>, found: &mut Found<'_>) {
    match &who.what {
        What::Map(kinds) => {
            for (kind, span, whom) in kinds {
                match kind.as_str() {
                    "AWS" => {
                        for (leaf, text) in whom.leaves() {
                            one(leaf, text, resolver, found);
                        }
                    }
                    "Service" => {
                        for (leaf, text) in whom.leaves() {
                            service(leaf, text, bound, found);
                        }
                    }
                    "Federated" => found.push(Rule::Access, *span, "lets in identities of others", OURS),
                    _ => found.push(Rule::Access, *span, "lets in principals that cannot be judged", OURS),
                }
            }
        }
        What::Either(forms) => forms.iter().for_each(|form| principal(form, bound, resolver, found)),
        What::Text(text) => one(who, text, resolver, found),
        What::List(items) => items.iter().for_each(|item| principal(item, bound, resolver, found)),
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
