//! Policies of vaults and buckets that deny deletion to everybody.

use serde_json::Value;

use crate::backup::vault_policy::each;
use crate::like::is_like;
use estate::file::DeletionGuard;

/// What must be denied so that nobody deletes what lies in a vault or bucket.
pub struct Deletion {
    /// The action that deletes, and what it is on.
    deletes: &'static str,
    of: String,
    /// The actions that lead around the denial, and what they are on.
    around: &'static [&'static str],
    on: String,
}

/// The recovery points of a vault. Their ARNs are those of many services.
pub fn of_vault() -> Deletion {
    Deletion {
        deletes: "backup:DeleteRecoveryPoint",
        of: "*".to_owned(),
        around: &[
            "backup:UpdateRecoveryPointLifecycle",
            "backup:DisassociateRecoveryPoint",
            "backup:PutBackupVaultAccessPolicy",
            "backup:DeleteBackupVaultAccessPolicy",
        ],
        on: "*".to_owned(),
    }
}

/// The versions of a bucket's objects. A lifecycle rule deletes them too.
pub fn of_bucket(arn: &str) -> Deletion {
    Deletion {
        deletes: "s3:DeleteObjectVersion",
        of: format!("{arn}/*"),
        around: &["s3:PutLifecycleConfiguration", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
        on: arn.to_owned(),
    }
}

/// What a policy says of the deletion. `None`: it does not deny it.
///
/// A denial counts if it has no condition, is for every principal and for all that lies there, and if
/// the ways around it are denied too. What denies less may protect or not: it is unknown.
pub fn of_policy(text: &str, deletion: &Deletion) -> Option<DeletionGuard> {
    let Ok(policy) = serde_json::from_str::<Value>(text) else { return Some(DeletionGuard::Unknown) };
    let denials: Vec<&Value> = each(policy.get("Statement"))
        .into_iter()
        .filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some("Deny"))
        .collect();
    if !denials.iter().any(|denial| is_about(denial, deletion.deletes)) {
        return None;
    }
    let is_denied = |action: &str, on: &str| {
        denials.iter().any(|denial| is_about(denial, action) && is_for_all(denial) && is_on(denial, on))
    };
    let whole = is_denied(deletion.deletes, &deletion.of)
        && deletion.around.iter().all(|action| is_denied(action, &deletion.on));
    Some(if whole { DeletionGuard::Policy } else { DeletionGuard::Unknown })
}

/// Whether a statement means an action. IAM does not distinguish upper and lower case in them.
fn is_about(statement: &Value, action: &str) -> bool {
    let is_named = |key: &str| {
        let named = each(statement.get(key)).into_iter().filter_map(Value::as_str);
        named.into_iter().any(|pattern| is_like(&pattern.to_lowercase(), &action.to_lowercase()))
    };
    is_named("Action") || (statement.get("NotAction").is_some() && !is_named("NotAction"))
}

/// Whether it is for every principal, whatever the request.
fn is_for_all(statement: &Value) -> bool {
    let is_all = |value: &Value| value.as_str() == Some("*");
    let principal = statement.get("Principal");
    let everybody = principal.is_some_and(is_all)
        || each(principal.and_then(|principal| principal.get("AWS"))).into_iter().any(is_all);
    let unconditional = match statement.get("Condition") {
        None | Some(Value::Null) => true,
        Some(Value::Object(conditions)) => conditions.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => false,
    };
    everybody && unconditional
}

/// Whether it covers a resource, or all that begins like it.
fn is_on(statement: &Value, resource: &str) -> bool {
    let patterns = each(statement.get("Resource")).into_iter().filter_map(Value::as_str);
    patterns.into_iter().any(|pattern| is_like(pattern, resource))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BUCKET: &str = "arn:aws:s3:::b";

    fn said(statements: &Value) -> Option<DeletionGuard> {
        of_policy(&json!({ "Statement": statements }).to_string(), &of_bucket(BUCKET))
    }

    fn deny(more: &Value) -> Value {
        let mut statement = json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [BUCKET, "arn:aws:s3:::b/*"] });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        statement
    }

    #[test]
    fn a_denial_counts_only_if_it_is_for_all_and_cannot_be_taken_away() {
        let policy = Some(DeletionGuard::Policy);
        let unknown = Some(DeletionGuard::Unknown);
        for (statements, expected) in [
            (deny(&json!({})), policy),
            (json!([deny(&json!({ "Principal": { "AWS": ["*"] } }))]), policy),
            (deny(&json!({ "Resource": "*" })), policy),
            (deny(&json!({ "Action": ["S3:Delete*", "s3:Put*"] })), policy),
            (deny(&json!({ "Condition": {} })), policy),
            // Nothing denies it.
            (json!([]), None),
            (json!([{ "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*" }]), None),
            (deny(&json!({ "Action": "s3:PutObject" })), None),
            // Somebody may do it all the same.
            (deny(&json!({ "Condition": { "Bool": { "aws:SecureTransport": "false" } } })), unknown),
            (deny(&json!({ "Principal": { "AWS": "arn:aws:iam::111122223333:root" } })), unknown),
            (
                json!([{ "Effect": "Deny", "NotPrincipal": { "AWS": "arn:aws:iam::1:role/x" }, "Action": "s3:*", "Resource": "*" }]),
                unknown,
            ),
            // A part of the objects, or not the bucket itself.
            (deny(&json!({ "Resource": [BUCKET, "arn:aws:s3:::b/part/*"] })), unknown),
            (deny(&json!({ "Resource": "arn:aws:s3:::b/*" })), unknown),
            // The policy itself can be changed, or a lifecycle rule be written.
            (deny(&json!({ "Action": "s3:DeleteObjectVersion" })), unknown),
            (
                deny(
                    &json!({ "Action": ["s3:DeleteObjectVersion", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"] }),
                ),
                unknown,
            ),
            // Each part in a statement of its own.
            (
                json!([
                    deny(&json!({ "Action": "s3:DeleteObject*", "Resource": "arn:aws:s3:::b/*" })),
                    deny(&json!({ "NotAction": "s3:Get*", "Resource": BUCKET })),
                ]),
                policy,
            ),
        ] {
            assert_eq!(said(&statements), expected, "{statements}");
        }
        assert_eq!(of_policy("{", &of_vault()), unknown);
        let of = |actions: Value| {
            let text = json!({ "Statement": { "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": "*" } });
            of_policy(&text.to_string(), &of_vault())
        };
        assert_eq!(of(json!("backup:*")), policy);
        assert_eq!(of(json!(["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"])), unknown);
        assert_eq!(of(json!("backup:StartRestoreJob")), None);
    }
}
