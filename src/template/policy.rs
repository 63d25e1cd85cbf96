//! The principals in resource policies, key policies and trust policies.

use super::found::Findings;
use super::resolve::Resolver;
use super::rule::Rule;
use super::value::{Form, Knowledge, Resolved, is_a_reference, knowledge, shown};

const OWN_ACCOUNT_ONLY: &str =
    "name principals of the sandbox's account only: `!Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:root`";

const READABLE: &str = "write the policy into the template; values inside it may be parameters";

/// Checks that the statements of a whole policy stand in the template. Who they let in is checked
/// where each statement is found.
pub fn document(policy: &Resolved, found: &mut Findings<'_>) {
    match &policy.form {
        // A policy may be given as JSON text.
        Form::Text(text) if knowledge(text) == Knowledge::Later => {}
        Form::Text(text)
            if serde_json::from_str::<serde_json::Value>(text).is_ok_and(|json| json.is_object()) => {}
        Form::Text(_) => unread(policy, found),
        Form::List(items) | Form::Either(items) => items.iter().for_each(|item| document(item, found)),
        Form::Map(entries) => {
            for (key, _, value) in entries {
                if key.eq_ignore_ascii_case("Statement") {
                    statements(value, found);
                }
            }
        }
        Form::Nothing => {}
    }
}

/// Each statement must be a mapping whose parts are known by their names.
fn statements(seen: &Resolved, found: &mut Findings<'_>) {
    match &seen.form {
        Form::Text(text) if knowledge(text) == Knowledge::Later => {}
        Form::Text(_) => unread(seen, found),
        Form::List(items) | Form::Either(items) => items.iter().for_each(|item| statements(item, found)),
        Form::Map(_) | Form::Nothing => {}
    }
}

fn unread(seen: &Resolved, found: &mut Findings<'_>) {
    let what = "has a policy that cannot be read before the deployment: it may let anybody in";
    found.push(Rule::Uninspected, seen.span, what, READABLE);
}

/// Checks a policy statement, that is a mapping with a principal. `Deny` lets nobody in. The parts are
/// looked for in any case of letters, and each that stands there counts: whether a service reads
/// `principal` is its own affair, and unknown is not safe.
pub fn statement(statement: &Resolved, resolver: &Resolver<'_>, found: &mut Findings<'_>) {
    let Form::Map(entries) = &statement.form else { return };
    let all = |key: &'static str| entries.iter().filter(move |e| e.0.eq_ignore_ascii_case(key)).map(|e| &e.2);
    let get = |key: &'static str| all(key).next();
    if get("Effect").is_some() && all("Effect").all(|effect| effect.known() == Some("Deny")) {
        return;
    }
    // A `Principal` without an `Effect` is no statement. It is a property, such as that of a Lambda
    // permission.
    for but in all("NotPrincipal") {
        found.push(Rule::Access, but.span, "lets in everybody but some", OWN_ACCOUNT_ONLY);
    }
    for who in all("Principal") {
        // A role's trust policy lets a service act for the account. For a bucket or a queue,
        // anybody may make a service act.
        let bound = found.kind.starts_with("AWS::IAM::")
            || get("Effect").is_none()
            || get("Condition").is_some_and(|condition| binds(condition, resolver));
        principal(who, bound, resolver, found);
    }
}

/// Whether a condition admits a service for the sandbox's account only.
fn binds(condition: &Resolved, resolver: &Resolver<'_>) -> bool {
    const OPERATORS: [&str; 6] =
        ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "NumericEquals"];
    const ACCOUNTS: [&str; 3] = ["aws:sourceaccount", "aws:sourceowner", "kms:calleraccount"];
    const ARNS: [&str; 2] = ["aws:sourcearn", "kms:encryptioncontext:aws:logs:arn"];
    let sandbox_account = resolver.surroundings.account.as_ref().map(base::ids::AccountId::as_str);
    let account = |text: &str| knowledge(text) == Knowledge::Later || Some(text) == sandbox_account;
    let arn = |text: &str| match (knowledge(text), text.split(':').nth(4)) {
        (Knowledge::Later, _) => true,
        (Knowledge::Open, _) | (Knowledge::Known, None) | (Knowledge::Named, Some("")) => false,
        // What the stack makes, as a whole or as the name of a bucket, which all accounts share.
        (Knowledge::Own, None | Some("")) => !text.contains(['*', '?']),
        (Knowledge::Named, None) => is_a_reference(text),
        (Knowledge::Known | Knowledge::Own | Knowledge::Named, Some(of)) => account(of),
    };
    let all = |value: &Resolved, fits: &dyn Fn(&str) -> bool| {
        let leaves = value.leaves();
        !leaves.is_empty() && leaves.iter().all(|(_, text)| fits(text))
    };
    match &condition.form {
        Form::Map(operators) => operators.iter().any(|(operator, _, keys)| {
            let operator = operator.strip_prefix("ForAnyValue:").unwrap_or(operator);
            let Form::Map(keys) = &keys.form else { return false };
            OPERATORS.contains(&operator)
                && keys.iter().any(|(key, _, value)| {
                    let key = key.to_ascii_lowercase();
                    (ACCOUNTS.contains(&key.as_str()) && all(value, &account))
                        || (ARNS.contains(&key.as_str()) && all(value, &arn))
                })
        }),
        Form::Either(forms) => !forms.is_empty() && forms.iter().all(|form| binds(form, resolver)),
        Form::Text(text) => knowledge(text) == Knowledge::Later,
        Form::List(_) | Form::Nothing => false,
    }
}

/// Checks a service principal. A service acts for any account, so a condition must restrict it to
/// the sandbox's account.
fn service(leaf: &Resolved, text: &str, bound: bool, found: &mut Findings<'_>) {
    const SOURCE_ACCOUNT: &str =
        "give the statement `Condition: { StringEquals: { \"aws:SourceAccount\": !Ref AWS::AccountId } }`";
    match knowledge(text) {
        Knowledge::Later => {}
        Knowledge::Known if text.contains(['*', '?']) => {
            found.push(
                Rule::Access,
                leaf.span,
                "lets every service in, for whomever it acts",
                OWN_ACCOUNT_ONLY,
            );
        }
        Knowledge::Known if text.contains(".amazonaws.com") || text.ends_with(".aws.internal") => {
            if !bound {
                let what = format!("lets in `{}`, for whichever account it acts", shown(text));
                found.push(Rule::Access, leaf.span, &what, SOURCE_ACCOUNT);
            }
        }
        Knowledge::Known | Knowledge::Own | Knowledge::Named | Knowledge::Open => {
            found.push(
                Rule::Access,
                leaf.span,
                "lets in a service that cannot be told before the deployment",
                OWN_ACCOUNT_ONLY,
            );
        }
    }
}

fn principal(who: &Resolved, bound: bool, resolver: &Resolver<'_>, found: &mut Findings<'_>) {
    match &who.form {
        Form::Map(kinds) => {
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
                    "Federated" => {
                        found.push(Rule::Access, *span, "lets in identities of others", OWN_ACCOUNT_ONLY);
                    }
                    _ => found.push(
                        Rule::Access,
                        *span,
                        "lets in principals that cannot be judged",
                        OWN_ACCOUNT_ONLY,
                    ),
                }
            }
        }
        Form::Either(forms) => forms.iter().for_each(|form| principal(form, bound, resolver, found)),
        Form::Text(text) => one(who, text, resolver, found),
        Form::List(items) => items.iter().for_each(|item| principal(item, bound, resolver, found)),
        Form::Nothing => {}
    }
}

fn one(leaf: &Resolved, text: &str, resolver: &Resolver<'_>, found: &mut Findings<'_>) {
    let sandbox_account = resolver.surroundings.account.as_ref();
    let account = if text.starts_with("arn:") { text.split(':').nth(4).unwrap_or_default() } else { text };
    match knowledge(account) {
        Knowledge::Later => {}
        // An ARN of this stack, such as that of its role. A name could be any text.
        Knowledge::Own if is_a_reference(text) => {}
        Knowledge::Own | Knowledge::Named | Knowledge::Open => {
            found.push(
                Rule::Access,
                leaf.span,
                "lets in somebody who cannot be told before the deployment",
                OWN_ACCOUNT_ONLY,
            );
        }
        Knowledge::Known
            if sandbox_account.is_some_and(|sandbox_account| sandbox_account.as_str() == account) => {}
        Knowledge::Known if text.contains('*') => {
            found.push(Rule::Access, leaf.span, "lets everybody in", OWN_ACCOUNT_ONLY);
        }
        // A service such as `lambda.amazonaws.com`, as the principal of a permission.
        Knowledge::Known if text.contains(".amazonaws.") => {}
        Knowledge::Known => {
            let what = format!("lets in another account: `{}`", shown(text));
            found.push(Rule::Access, leaf.span, &what, OWN_ACCOUNT_ONLY);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Allow, Surroundings, Template, inspect};

    #[test]
    fn the_parts_of_a_statement_are_judged_in_any_case_of_letters() {
        for parts in [
            "Effect: Allow, Principal: '*'",
            "effect: Allow, principal: '*'",
            "Effect: Deny, effect: Allow, PRINCIPAL: '*'",
            "effect: Allow, Principal: { Service: lambda.amazonaws.com }, principal: '*'",
            "effect: Allow, notprincipal: { AWS: '999988887777' }",
        ] {
            let text = format!(
                "Resources:\n  Q: {{ Type: AWS::SQS::Queue }}\n  P: {{ Type: AWS::SQS::QueuePolicy, Properties: {{ Queues: [!Ref Q], PolicyDocument: {{ statement: [{{ {parts} }}] }} }} }}\n"
            );
            let template = Template::read("t.yaml", &text, 0).unwrap();
            let found = inspect(&template, &Surroundings::default(), &Allow::default());
            assert!(found.iter().any(|found| found.message.contains("everybody")), "{parts}");
        }
    }
}
