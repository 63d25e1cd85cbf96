//! The access policy of a vault: whether it denies restores and copies.

use serde_json::Value;

use crate::access::BackupReader;
use crate::error::OrCloud;
use crate::like::is_like;
use estate::VaultPolicy;
use port::ErrorKind;

const CALL: &str = "backup:GetBackupVaultAccessPolicy";
const RESTORE: &[&str] = &["backup:startrestorejob"];
const COPY: &[&str] = &["backup:startcopyjob", "backup:copyfrombackupvault"];

/// What a policy says. `None`: it denies nothing of that.
#[derive(Debug, Default, PartialEq)]
pub struct Says {
    pub of_restores: Option<VaultPolicy>,
    pub of_copies: Option<VaultPolicy>,
}

/// What the policy of this account's vault says.
pub async fn of(backup: &BackupReader, vault: &str) -> Says {
    let answer = backup.get_backup_vault_access_policy().backup_vault_name(vault).send().await;
    match answer.or_cloud(CALL) {
        Ok(answer) => answer.policy.as_deref().map(of_text).unwrap_or_default(),
        // A vault without a policy has none to show.
        Err(error) if error.kind == ErrorKind::NotFound => Says::default(),
        Err(error) => Says::unclear(&format!("it could not be read: {error}")),
    }
}

impl Says {
    pub fn unclear(why: &str) -> Self {
        let unclear = || Some(VaultPolicy::Unclear(why.to_owned()));
        Self { of_restores: unclear(), of_copies: unclear() }
    }
}

fn of_text(policy: &str) -> Says {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return Says::unclear("it is not JSON") };
    Says { of_restores: judged(&policy, RESTORE, "restores"), of_copies: judged(&policy, COPY, "copies") }
}

/// The members of a value that may be one or a list.
pub fn each(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// Judges a policy by these actions, in lower case: each of them is needed. Only a denial counts: within
/// the account, the role's own policy allows.
fn judged(policy: &Value, needed: &[&str], what: &str) -> Option<VaultPolicy> {
    let statements = each(policy.get("Statement"));
    let denials = statements.iter().filter(|statement| needed.iter().any(|action| denies(statement, action)));
    let denials: Vec<bool> = denials.map(|statement| is_sure(statement)).collect();
    if denials.contains(&true) {
        return Some(VaultPolicy::Denies);
    }
    let unclear = || VaultPolicy::Unclear(format!("it denies {what} to some, or under conditions"));
    (!denials.is_empty()).then(unclear)
}

/// Whether the statement denies the action to anybody.
fn denies(statement: &Value, needed: &str) -> bool {
    let means = |actions: Vec<&Value>| {
        let mut actions = actions.into_iter().filter_map(Value::as_str).map(str::to_lowercase);
        actions.any(|action| is_like(&action.replace('?', "*"), needed))
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

    fn said(statement: &str) -> Says {
        of_text(&format!(r#"{{ "Version": "2012-10-17", "Statement": [{statement}] }}"#))
    }

    fn of(statement: &str) -> Option<VaultPolicy> {
        said(statement).of_restores
    }

    /// A copy needs two actions of the vault. Either denial is enough.
    #[test]
    fn a_denial_of_copies_is_none_of_restores() {
        let policy = |action: &str, more: &str| {
            said(&format!(
                r#"{{ "Effect": "Deny", "Principal": "*", "Action": "{action}", "Resource": "*"{more} }}"#
            ))
        };
        for action in ["backup:StartCopyJob", "backup:CopyFromBackupVault", "backup:Copy*"] {
            let said = policy(action, "");
            assert_eq!((said.of_restores, said.of_copies), (None, Some(VaultPolicy::Denies)), "{action}");
        }
        // As the guide has it: copies only to vaults of the organization.
        let outside =
            r#", "Condition": { "ForAllValues:StringNotLike": { "backup:CopyTargetOrgPaths": "o-1/*" } }"#;
        let said = policy("backup:CopyFromBackupVault", outside);
        assert!(matches!(said.of_copies, Some(VaultPolicy::Unclear(_))) && said.of_restores.is_none());
        assert_eq!(policy("backup:StartRestoreJob", "").of_copies, None);
        assert_eq!(policy("backup:CopyIntoBackupVault", "").of_copies, None);
    }

    #[test]
    fn the_policy_of_the_automatic_vault_of_efs_denies_restores() {
        let automatic = r#"{ "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": ["backup:DeleteRecoveryPoint", "backup:StartCopyJob", "backup:StartRestoreJob"], "Resource": "*" }"#;
        assert_eq!(of(automatic), Some(VaultPolicy::Denies));
        assert_eq!(said(automatic).of_copies, Some(VaultPolicy::Denies));
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
        let said = of_text("no JSON");
        assert!(matches!(said.of_restores, Some(VaultPolicy::Unclear(_))));
        assert_eq!(said.of_copies, said.of_restores);
    }
}
