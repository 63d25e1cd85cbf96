//! Recovery points of AWS Backup, in the vaults that an account sees.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_backup::types::{
    BackupVaultListMember, CopyJob, CopyJobState, EncryptionKeyType, RecoveryPointByBackupVault,
    RecoveryPointStatus,
};

use super::search::{account_of, place_of};
use super::{Search, Target};
use crate::access::BackupReader;
use crate::pages;
use crate::time::some_time;
use base::duration::{Size, Time};
use base::ids::{AccountId, Region};
use estate::{PointKind, RecoveryPoint, ResourceId, Selector};
use port::CloudResult;

/// The points of a resource, or one point, in the vaults of this account and in those that are
/// shared with it.
///
/// The account that has copied a point to another vault also tells how old that copy is: AWS Backup
/// gives a copy a creation date of its own.
pub async fn find(backup: &BackupReader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let mut all = Vec::new();
    let mut dated: BTreeMap<String, Option<Time>> = BTreeMap::new();
    let request = backup.list_copy_jobs().by_state(CopyJobState::Completed);
    let jobs = pages!("backup:ListCopyJobs", copy_jobs, request);
    let copied: BTreeSet<&str> = jobs.iter().filter_map(CopyJob::destination_recovery_point_arn).collect();
    let own = pages!("backup:ListBackupVaults", backup_vault_list, backup.list_backup_vaults());
    let shared =
        pages!("backup:ListBackupVaults", backup_vault_list, backup.list_backup_vaults().by_shared(true));
    let mut seen = BTreeSet::new();
    for vault in own.iter().chain(&shared) {
        let Some((name, arn)) = vault.backup_vault_name().zip(vault.backup_vault_arn()) else { continue };
        if !seen.insert(arn.to_owned()) {
            continue;
        }
        let owner = account_of(arn).unwrap_or_else(|| search.place.account.clone());
        let is_own = owner == search.place.account;
        let request = backup.list_recovery_points_by_backup_vault().backup_vault_name(name);
        let request = request.set_backup_vault_account_id((!is_own).then(|| owner.to_string()));
        for found in pages!("backup:ListRecoveryPointsByBackupVault", recovery_points, request) {
            let is_copy = is_copy(&found, &owner, &search.place.region)
                || found.recovery_point_arn().is_some_and(|arn| copied.contains(arn));
            let Some(point) = point(search, vault, &owner, &found, is_copy) else { continue };
            if is_wanted(search, &point) {
                if !is_copy {
                    dated.insert(point.id.clone(), point.taken);
                }
                all.push(point);
            }
        }
    }
    all.extend(copies(search, &jobs, &dated));
    Ok(all)
}

/// Whether a point in a vault of `owner` in `region` is a copy. A copy has the time of copying as
/// its creation date.
///
/// AWS Backup names the source vault of some copies only. A point away from its resource is a copy
/// too.
pub fn is_copy(point: &RecoveryPointByBackupVault, owner: &AccountId, region: &Region) -> bool {
    let is_away = point.resource_arn().is_some_and(|arn| {
        let mut parts = arn.splitn(6, ':').skip(3);
        let differs =
            |part: Option<&str>, here: &str| part.is_some_and(|part| !part.is_empty() && part != here);
        differs(parts.next(), region.as_str()) || differs(parts.next(), owner.as_str())
    });
    is_away || point.source_backup_vault_arn().is_some_and(|arn| !arn.is_empty())
}

fn is_wanted(search: &Search<'_>, point: &RecoveryPoint) -> bool {
    match search.target {
        Target::Source(Selector::Id(id)) => id.without_place() == point.of,
        // AWS Backup lists points without their tags.
        Target::Source(Selector::Tag { .. }) => false,
        Target::Point(id) => point.id == id,
    }
}

fn point(
    search: &Search<'_>,
    vault: &BackupVaultListMember,
    owner: &AccountId,
    found: &RecoveryPointByBackupVault,
    is_copy: bool,
) -> Option<RecoveryPoint> {
    let id = found.recovery_point_arn()?;
    let of = resource(found.resource_type().unwrap_or_default(), found.resource_arn()?);
    let is_usable =
        matches!(found.status(), Some(RecoveryPointStatus::Available | RecoveryPointStatus::Completed));
    // A composite point has parts. Only the parts are restored into a sandbox.
    let is_usable = is_usable && !found.is_parent();
    let completed = some_time(found.completion_date());
    // The creation date of a copy is the time of copying, and a continuous point has many times.
    let created = some_time(found.creation_date());
    let is_dated = !is_copy && !id.contains(":continuous:");
    let is_own = *owner == search.place.account;
    let key_of_aws = vault.encryption_key_type() == Some(&EncryptionKeyType::AwsOwnedKmsKey);
    let infected = found.aggregated_scan_result().is_some_and(|scan| !scan.findings().is_empty());
    let bytes = u64::try_from(found.backup_size_in_bytes().unwrap_or_default()).unwrap_or_default();
    Some(RecoveryPoint {
        taken: created.filter(|_| is_dated),
        made: created.filter(|_| !is_dated),
        usable: completed.filter(|_| is_usable),
        seen_usable: Some(search.now).filter(|_| is_usable && completed.is_none()),
        size: Size(bytes),
        shared_with: if is_own { Vec::new() } else { vec![search.place.account.clone()] },
        encrypted: found.is_encrypted(),
        managed_key: key_of_aws && !is_own && found.encryption_key_arn().is_none(),
        kms_key: found.encryption_key_arn().map(str::to_owned),
        infected,
        ..RecoveryPoint::new(of, PointKind::Backup, id, owner.clone(), search.place.region.clone())
    })
}

/// What this account has copied elsewhere: the copies, as old as their originals. Whether they are
/// usable, only who sees them can tell.
fn copies(
    search: &Search<'_>,
    jobs: &[CopyJob],
    dated: &BTreeMap<String, Option<Time>>,
) -> Vec<RecoveryPoint> {
    let mut all = Vec::new();
    for job in jobs {
        let (Some(source), Some(copy), Some(vault), Some(arn)) = (
            job.source_recovery_point_arn(),
            job.destination_recovery_point_arn(),
            job.destination_backup_vault_arn(),
            job.resource_arn(),
        ) else {
            continue;
        };
        let (Some(account), Some(region)) = place_of(Some(vault)) else { continue };
        let of = resource(job.resource_type().unwrap_or_default(), arn);
        let point = RecoveryPoint {
            taken: dated.get(source).copied().flatten(),
            ..RecoveryPoint::new(of, PointKind::Backup, copy, account, region)
        };
        if point.taken.is_some() && is_wanted(search, &point) {
            all.push(point);
        }
    }
    all
}

/// The resource that was backed up, as an estate names it.
fn resource(word: &str, arn: &str) -> ResourceId {
    let rest = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    // `db:orders`, `cluster:ledger`, `instance/i-1`, `file-system/fs-1`, `table/t`, `bucket`.
    let name = rest.rsplit(['/', ':']).next().unwrap_or(rest);
    let row = port::restorable::TABLE.iter().find(|row| row.word == word);
    let kind = row.map_or_else(|| format!("backup:{}", word.to_lowercase()), |row| row.kind.to_owned());
    ResourceId::new(&kind, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_away_from_its_resource_or_with_a_source_is_a_copy() {
        let vault = "arn:aws:backup:us-east-1:111122223333:backup-vault:daily";
        for (of, source, expected) in [
            ("arn:aws:rds:us-east-1:111122223333:db:orders", None, false),
            ("arn:aws:rds:us-east-1:111122223333:db:orders", Some(""), false),
            ("arn:aws:rds:us-east-1:111122223333:db:orders", Some(vault), true),
            ("arn:aws:rds:us-west-2:111122223333:db:orders", None, true),
            ("arn:aws:rds:us-east-1:999988887777:db:orders", None, true),
            ("arn:aws:rds:us-west-2:111122223333:db:orders", Some(""), true),
            // The ARN of a bucket has no place.
            ("arn:aws:s3:::receipts", None, false),
            ("arn:aws:s3:::receipts", Some(vault), true),
        ] {
            let point = RecoveryPointByBackupVault::builder().resource_arn(of);
            let point = point.set_source_backup_vault_arn(source.map(str::to_owned)).build();
            let (owner, region) = ("111122223333".parse().unwrap(), "us-east-1".parse().unwrap());
            assert_eq!(is_copy(&point, &owner, &region), expected, "{of} {source:?}");
        }
    }

    #[test]
    fn what_was_backed_up_has_the_estates_name() {
        for (word, arn, wanted) in [
            ("RDS", "arn:aws:rds:us-east-1:111122223333:db:orders", "rds:db/orders"),
            ("Aurora", "arn:aws:rds:us-east-1:111122223333:cluster:ledger", "rds:cluster/ledger"),
            ("EC2", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", "ec2:instance/i-1"),
            ("EBS", "arn:aws:ec2:us-east-1:111122223333:volume/vol-1", "ec2:volume/vol-1"),
            (
                "EFS",
                "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-1",
                "efs:file-system/fs-1",
            ),
            ("DynamoDB", "arn:aws:dynamodb:us-east-1:111122223333:table/carts", "dynamodb:table/carts"),
            ("S3", "arn:aws:s3:::receipts", "s3:bucket/receipts"),
            ("FSx", "arn:aws:fsx:us-east-1:111122223333:file-system/fs-2", "backup:fsx/fs-2"),
        ] {
            assert_eq!(resource(word, arn).to_string(), wanted);
        }
    }
}
