//! The access policy of a vault: whether it denies restores.

use serde_json::Value;

use crate::access::BackupReader;
use crate::error::OrCloud;
use crate::like::is_like;
use estate::VaultPolicy;
use port::ErrorKind;

const CALL: &str = "backup:GetBackupVaultAccessPolicy";
const RESTORE: &str = "backup:startrestorejob";

/// What the policy of this account's vault says of a restore. `None`: it denies none.
pub async fn of(backup: &BackupReader, vault: &str) -> Option<VaultPolicy> {
    let answer = backup.get_backup_vault_access_policy().backup_vault_name(vault).send().await;
    match answer.or_cloud(CALL) {
        Ok(answer) => answer.policy.as_deref().and_then(judged),
        // A vault without a policy has none to show.
        Err(error) if error.kind == ErrorKind::NotFound => None,
        Err(error) => Some(VaultPolicy::Unclear(format!("it could not be read: {error}"))),
    }
}

/// The members of a value that may be one or a list.
pub fn each(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// Judges the text of a policy. Only a denial counts: within the account, the role's own policy
/// allows.
fn judged(policy: &str) -> Option<VaultPolicy> {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else {
        return Some(VaultPolicy::Unclear("it is not JSON".into()));
    };
    let denials: Vec<bool> = each(policy.get("Statement"))
        .into_iter()
        .filter(|statement| denies(statement))
        .map(is_sure)
        .collect();
    if denials.contains(&true) {
        return Some(VaultPolicy::Denies);
    }
    let unclear = || VaultPolicy::Unclear("it denies restores to some, or under conditions".into());
    (!denials.is_empty()).then(unclear)
}

/// Whether the statement denies restores to anybody.
fn denies(statement: &Value) -> bool {
    let means = |actions: Vec<&Value>| {
        let mut actions = actions.into_iter().filter_map(Value::as_str).map(str::to_lowercase);
        actions.any(|action| is_like(&action.replace('?', "*"), RESTORE))
    };
    let acts = match statement.get("NotAction") {
        Some(not) => !means(each(Some(not))),
        None => means(each(statement.get("Action"))),
    };
    statement.get("Effect").and_then(Value::as_str) == Some("Deny") && acts
}

/// Whether a denial holds for everybody and everything.
fn is_sure(statement: &Value) -> bool {
    let is_all = |values: Vec<&Value>| values.into_iter().any(|value| value.as_str() == Some("*"));
    let principal = statement.get("Principal");
    let everybody = is_all(each(principal)) || is_all(each(principal.and_then(|who| who.get("AWS"))));
    let exact = each(statement.get("Action"))
        .into_iter()
        .all(|action| action.as_str().is_some_and(|a| !a.contains('?')));
    let unconditional =
        statement.get("Condition").is_none_or(|with| with.as_object().is_some_and(serde_json::Map::is_empty));
    everybody && exact && unconditional && is_all(each(statement.get("Resource")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statement: &str) -> Option<VaultPolicy> {
        judged(&format!(r#"{{ "Version": "2012-10-17", "Statement": [{statement}] }}"#))
    }

    #[test]
    fn the_policy_of_the_automatic_vault_of_efs_denies_restores() {
        let automatic = r#"{ "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": ["backup:DeleteRecoveryPoint", "backup:StartCopyJob", "backup:StartRestoreJob"], "Resource": "*" }"#;
        assert_eq!(of(automatic), Some(VaultPolicy::Denies));
        for denies in [
            r#"{ "Effect": "Deny", "Principal": "*", "Action": "backup:*", "Resource": "*" }"#,
            r#"{ "Effect": "Deny", "Principal": "*", "Action": "Backup:startRestore*", "Resource": ["*"] }"#,
            r#"{ "Effect": "Deny", "Principal": "*", "NotAction": "backup:DeleteRecoveryPoint", "Resource": "*" }"#,
        ] {
            assert_eq!(of(denies), Some(VaultPolicy::Denies), "{denies}");
        }
    }

    #[test]
    fn a_denial_for_some_is_unclear_and_none_is_none() {
        for unclear in [
            r#"{ "Effect": "Deny", "Principal": { "AWS": "arn:aws:iam::9:role/x" }, "Action": "backup:StartRestoreJob", "Resource": "*" }"#,
            r#"{ "Effect": "Deny", "NotPrincipal": { "AWS": "arn:aws:iam::9:role/x" }, "Action": "backup:StartRestoreJob", "Resource": "*" }"#,
            r#"{ "Effect": "Deny", "Principal": "*", "Action": "backup:StartRestoreJob", "Resource": "*", "Condition": { "Bool": { "aws:MultiFactorAuthPresent": "false" } } }"#,
        ] {
            assert!(matches!(of(unclear), Some(VaultPolicy::Unclear(_))), "{unclear}");
        }
        for none in [
            r#"{ "Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*" }"#,
            r#"{ "Effect": "Allow", "Principal": "*", "Action": "backup:CopyIntoBackupVault", "Resource": "*" }"#,
        ] {
            assert_eq!(of(none), None, "{none}");
        }
        assert!(matches!(judged("no JSON"), Some(VaultPolicy::Unclear(_))));
    }
}
