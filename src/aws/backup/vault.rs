//! The vaults of a run. Copies go into them, and they go with what is in them.

use aws_sdk_backup::types::{BackupVaultListMember, RecoveryPointStatus, VaultState};
use serde_json::json;

use crate::access::{BackupReader, Writer};
use crate::error::OrCloud;
use crate::once::follow_up;
use crate::{At, observed, pages, tags};
use base::ids::AccountId;
use port::{CloudError, CloudResult, Created, ErrorKind, Kind, Observed, State, TAG_RUN};

const CREATE: &str = "backup:CreateBackupVault";
const DELETE: &str = "backup:DeleteBackupVault";
const DELETE_POINT: &str = "backup:DeleteRecoveryPoint";

/// Creates a vault with the run's tags, and lets the other accounts copy into it. Its access policy
/// allows nothing else.
pub async fn create(
    at: &At<'_>,
    name: &str,
    kms_key: Option<&str>,
    admits: &[AccountId],
) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let tagged = tags::pairs(at, name).into_iter().map(|(key, value)| (key.to_owned(), value));
    let request = writer
        .backup
        .create_backup_vault()
        .backup_vault_name(name)
        .set_encryption_key_arn(kms_key.map(str::to_owned))
        .set_backup_vault_tags(Some(tagged.collect()))
        .creator_request_id(name);
    match request.send().await.or_cloud(CREATE) {
        Ok(_) => {}
        // The name ends in this run's id: an earlier copy of the same request has taken it.
        Err(e) if e.kind == ErrorKind::AlreadyExists => {
            let Some(vault) = find(&writer.read.backup, name).await? else { return Err(e) };
            let run = owner(&writer.read.backup, &vault).await?;
            tags::guard(CREATE, name, run.as_deref(), at.run_tags)?;
        }
        Err(e) => return Err(e),
    }
    if !admits.is_empty() {
        let policy = admitting(at.place.region.partition(), admits).to_string();
        let put = async || {
            let request = writer.backup.put_backup_vault_access_policy().backup_vault_name(name);
            request.policy(&policy).send().await.or_cloud("backup:PutBackupVaultAccessPolicy")
        };
        follow_up(at, put).await?;
    }
    Ok(at.created(Kind::Vault, name, "vault"))
}

/// Source: AWS Backup guide, "Creating backup copies across AWS accounts".
fn admitting(partition: &str, accounts: &[AccountId]) -> serde_json::Value {
    let roots: Vec<String> =
        accounts.iter().map(|account| format!("arn:{partition}:iam::{account}:root")).collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "CopiesOfTheDrill",
            "Effect": "Allow",
            "Principal": { "AWS": roots },
            "Action": "backup:CopyIntoBackupVault",
            "Resource": "*",
        }],
    })
}

/// All vaults of the account in this region, but for those that others share.
pub async fn all(backup: &BackupReader) -> CloudResult<Vec<BackupVaultListMember>> {
    Ok(pages!("backup:ListBackupVaults", backup_vault_list, backup.list_backup_vaults()))
}

/// The vault of this name. AWS Backup answers a question for a vault that does not exist as if it were
/// forbidden, so all are listed.
async fn find(backup: &BackupReader, name: &str) -> CloudResult<Option<BackupVaultListMember>> {
    Ok(all(backup).await?.into_iter().find(|vault| vault.backup_vault_name() == Some(name)))
}

/// The tags of a vault, as pairs.
pub async fn tags_of(backup: &BackupReader, arn: &str) -> CloudResult<Vec<(String, String)>> {
    let answer = backup.list_tags().resource_arn(arn).send().await.or_cloud("backup:ListTags")?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

async fn owner(backup: &BackupReader, vault: &BackupVaultListMember) -> CloudResult<Option<String>> {
    let arn = vault.backup_vault_arn().unwrap_or_default();
    let tags = tags_of(backup, arn).await?;
    Ok(tags.into_iter().find(|(key, _)| key == TAG_RUN).map(|(_, run)| run))
}

/// The run in the tag of a vault. The outer `None`: there is no such vault.
pub async fn owner_of(backup: &BackupReader, name: &str) -> CloudResult<Option<Option<String>>> {
    match find(backup, name).await? {
        Some(vault) => Ok(Some(owner(backup, &vault).await?)),
        None => Ok(None),
    }
}

pub async fn observe(backup: &BackupReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let known = all(backup).await?;
    let seen = known.iter().filter_map(|vault| {
        let name = vault.backup_vault_name().filter(|name| ids.iter().any(|id| id == name))?;
        let state = match vault.vault_state() {
            // Standard vaults do not say it.
            None | Some(VaultState::Available) => State::Ready,
            Some(VaultState::Failed) => State::Failed("FAILED".into()),
            Some(other) => State::Pending(other.as_str().to_owned()),
        };
        Some(observed(name.to_owned(), state))
    });
    Ok(seen.collect())
}

/// Deletes a vault of this run, and the recovery points in it.
///
/// # Errors
///
/// Recovery points take a while to go. Until then it is `InUse`.
pub async fn delete(to: &Writer, name: &str) -> CloudResult<()> {
    let backup = &to.read.backup;
    let Some(vault) = find(backup, name).await? else { return Ok(()) };
    let run = owner(backup, &vault).await?;
    tags::guard(DELETE, &format!("the vault {name}"), run.as_deref(), &to.run_tags)?;
    let request = backup.list_recovery_points_by_backup_vault().backup_vault_name(name);
    let points = pages!("backup:ListRecoveryPointsByBackupVault", recovery_points, request);
    let mut first_error = None;
    for point in &points {
        let Some(arn) = point.recovery_point_arn() else { continue };
        if point.status() == Some(&RecoveryPointStatus::Deleting) {
            continue;
        }
        let gone = to.backup.delete_recovery_point().backup_vault_name(name).recovery_point_arn(arn);
        match gone.send().await.or_cloud(DELETE_POINT) {
            // A point that is busy is refused as invalid, and tried again. The others go meanwhile.
            Err(e) if !matches!(e.kind, ErrorKind::NotFound | ErrorKind::Invalid) => {
                first_error.get_or_insert(e);
            }
            Ok(_) | Err(_) => {}
        }
    }
    if let Some(error) = first_error {
        return Err(error);
    }
    if !points.is_empty() {
        let mut said =
            format!("{} recovery points of the vault {name} are still being deleted", points.len());
        // AWS Backup guide, "Deleting backups": it deletes with its service-linked role.
        if points.iter().any(|point| point.status() == Some(&RecoveryPointStatus::Expired)) {
            said.push_str(
                ", and AWS Backup could not delete some: the account lacks AWSServiceRoleForBackup",
            );
        }
        return Err(CloudError::new(ErrorKind::InUse, DELETE_POINT, said));
    }
    let deleted = to.backup.delete_backup_vault().backup_vault_name(name).send().await.or_cloud(DELETE);
    match deleted {
        // A recovery point that the list did not show yet.
        Err(e) if e.kind == ErrorKind::Invalid => Err(CloudError { kind: ErrorKind::InUse, ..e }),
        Err(e) => Err(e),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_of_a_vault_admits_copies_of_these_accounts_and_nothing_else() {
        let policy = admitting("aws", &["111122223333".parse().unwrap()]);
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 1);
        assert_eq!(statements[0]["Action"], "backup:CopyIntoBackupVault");
        assert_eq!(statements[0]["Principal"]["AWS"], json!(["arn:aws:iam::111122223333:root"]));
    }
}
