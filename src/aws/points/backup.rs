//! Recovery points of AWS Backup, in the vaults that an account sees.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_backup::types::{
    BackupVaultListMember, CopyJob, CopyJobState, EncryptionKeyType, RecoveryPointByBackupVault,
    RecoveryPointStatus,
};

use super::search::{account_of, place_of};
use super::{Search, Target};
use crate::access::{BackupReader, Clients};
use crate::backup::vault_policy::Says;
use crate::backup::{kinds, vault_policy};
use crate::time::some_time;
use crate::{managed_keys, pages};
use base::duration::{Size, Time};
use base::ids::{AccountId, Region};
use estate::{IdPlace, Locus, PointKind, RecoveryPoint, Selector};
use port::restorable::is_continuous;
use port::{CloudError, CloudResult, Restorable, SeenPoints};

/// The points of a resource, or one point, in the vaults of this account and in those that are
/// shared with it. A vault that cannot be read hides no other.
///
/// The account that has copied a point to another vault also tells how old that copy is. AWS Backup's
/// guide says that a copy retains the creation date of its source ("Backup and tag copy"). Nobody has
/// tried it for all types, and an age that flatters is worse than none: so the copy's own word is not
/// taken for its age.
///
/// # Errors
///
/// Nothing could be read.
pub async fn find(clients: &Clients, search: &Search<'_>) -> CloudResult<SeenPoints> {
    let backup = &clients.backup;
    let mut seen = SeenPoints::default();
    let jobs = jobs(backup).await.map_err(|error| seen.unread.push(error)).ok();
    let jobs_by_copy = jobs.iter().flatten().filter_map(CopyJob::destination_recovery_point_arn);
    let copied: BTreeSet<&str> = jobs_by_copy.collect();
    let (mut vaults, mut read_any) = (Vec::new(), false);
    for listed in [vaults_of(backup, false).await, vaults_of(backup, true).await] {
        match listed {
            Ok(listed) => vaults.extend(listed),
            Err(error) => seen.unread.push(error),
        }
    }
    let mut dated: BTreeMap<String, Option<Time>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for vault in &vaults {
        let Some((name, arn)) = vault.backup_vault_name().zip(vault.backup_vault_arn()) else { continue };
        if !known.insert(arn) {
            continue;
        }
        let owner = account_of(arn).unwrap_or_else(|| search.place.account.clone());
        let is_own = owner == search.place.account;
        let found = match points_in(backup, name, (!is_own).then_some(&owner)).await {
            Ok(found) => found,
            Err(error) => {
                let message = format!("the vault {arn}: {}", error.message);
                seen.unread.push(CloudError { message, ..error });
                continue;
            }
        };
        read_any = true;
        let mut wanted = Vec::new();
        for found in found {
            // Without the list of copies, any point may be one.
            let is_copy = is_copy(&found, &owner, &search.place.region)
                || jobs.is_none()
                || found.recovery_point_arn().is_some_and(|arn| copied.contains(arn));
            let Some(point) = point(search, vault, &owner, &found, is_copy) else { continue };
            if is_wanted(search, &point) {
                if !is_copy {
                    dated.insert(point.id.clone(), point.taken);
                }
                wanted.push(point);
            }
        }
        if !wanted.is_empty() {
            let policy = if is_own {
                vault_policy::of(backup, name).await
            } else {
                Says::unclear(&format!("only its owner, account {owner}, can read it"))
            };
            for point in &mut wanted {
                point.vault_policy.clone_from(&policy.of_restores);
                point.copy_policy.clone_from(&policy.of_copies);
            }
        }
        seen.points.extend(wanted);
    }
    look_at_keys(clients, search, &mut seen.points).await;
    seen.points.extend(copies(search, jobs.as_deref().unwrap_or_default(), &dated));
    match seen.unread.pop() {
        Some(error) if !read_any => Err(error),
        Some(error) => {
            seen.unread.push(error);
            Ok(seen)
        }
        None => Ok(seen),
    }
}

/// Finds out which points are encrypted with a key that AWS manages, if a step copies from this account.
/// Those of the types that AWS Backup does not manage fully go to no other account (AWS Backup guide,
/// "Encryption for a backup copy to a different account or AWS Region").
async fn look_at_keys(clients: &Clients, search: &Search<'_>, points: &mut [RecoveryPoint]) {
    let place = search.place;
    let matters = |point: &&mut RecoveryPoint| {
        let is_full = Restorable::of(&point.of.kind).is_some_and(Restorable::is_fully_managed);
        point.account == place.account && point.kms_key.is_some() && !is_full
    };
    if search.reader != Some(&place.account) {
        return;
    }
    let mut points = points.iter_mut().filter(matters).peekable();
    if points.peek().is_none() {
        return;
    }
    let managed = managed_keys::of(clients, place).await;
    for point in points {
        match &managed {
            Ok(managed) => {
                point.managed_key = point.kms_key.as_ref().is_some_and(|key| managed.contains(key));
            }
            Err(error) => point.key_unclear = Some(error.to_string()),
        }
    }
}

/// The copy jobs that this region has completed.
async fn jobs(backup: &BackupReader) -> CloudResult<Vec<CopyJob>> {
    let request = backup.list_copy_jobs().by_state(CopyJobState::Completed);
    Ok(pages!("backup:ListCopyJobs", copy_jobs, request))
}

async fn vaults_of(backup: &BackupReader, shared: bool) -> CloudResult<Vec<BackupVaultListMember>> {
    let request = backup.list_backup_vaults().set_by_shared(shared.then_some(true));
    Ok(pages!("backup:ListBackupVaults", backup_vault_list, request))
}

async fn points_in(
    backup: &BackupReader,
    vault: &str,
    owner: Option<&AccountId>,
) -> CloudResult<Vec<RecoveryPointByBackupVault>> {
    let request = backup.list_recovery_points_by_backup_vault().backup_vault_name(vault);
    let request = request.set_backup_vault_account_id(owner.map(ToString::to_string));
    Ok(pages!("backup:ListRecoveryPointsByBackupVault", recovery_points, request))
}

/// Whether a point in a vault of `owner` in `region` is a copy. A copy may have the time of copying as
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
        Target::Source(Selector::Id(id)) => {
            let place = id.place.clone().unwrap_or(IdPlace { account: None, region: None });
            let locus = Locus { account: place.account, region: place.region, az: None };
            id.without_place() == point.of && point.may_be_of(&locus)
        }
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
    let arn = found.resource_arn()?;
    let of = kinds::resource(found.resource_type(), arn);
    let (of_account, of_region) = place_of(Some(arn));
    let is_usable =
        matches!(found.status(), Some(RecoveryPointStatus::Available | RecoveryPointStatus::Completed));
    let state = found.status().filter(|_| !is_usable).map(|status| status.as_str().to_owned());
    // A composite point has parts. Only the parts are restored into a sandbox.
    let state = state.or_else(|| found.is_parent().then(|| "COMPOSITE: name one of its parts".to_owned()));
    let is_usable = state.is_none() && is_usable;
    let completed = some_time(found.completion_date());
    // The creation date of a copy may be the time of copying, and a continuous point has many times.
    let created = some_time(found.creation_date());
    let is_dated = !is_copy && !is_continuous(id);
    let is_own = *owner == search.place.account;
    let key_of_aws = vault.encryption_key_type() == Some(&EncryptionKeyType::AwsOwnedKmsKey);
    let scan = found.aggregated_scan_result();
    let infected = scan.is_some_and(|scan| !scan.findings().is_empty());
    // A scan that failed on a part of it says nothing of that part.
    let clean = !infected && scan.is_some_and(|scan| scan.failed_scan() == Some(false));
    let bytes = u64::try_from(found.backup_size_in_bytes().unwrap_or_default()).unwrap_or_default();
    Some(RecoveryPoint {
        of_account,
        of_region,
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
        clean,
        cold: kinds::is_cold(found, search.now),
        state,
        vault: vault.backup_vault_name().map(str::to_owned),
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
        let of = kinds::resource(job.resource_type(), arn);
        let (of_account, of_region) = place_of(Some(arn));
        let point = RecoveryPoint {
            of_account,
            of_region,
            taken: dated.get(source).copied().flatten(),
            ..RecoveryPoint::new(of, PointKind::Backup, copy, account, region)
        };
        if point.taken.is_some() && is_wanted(search, &point) {
            all.push(point);
        }
    }
    all
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

    /// `orders` of another account or region is another database. The ARN of a bucket has no place, and
    /// its name stands for one bucket in the world.
    #[test]
    fn a_namesake_elsewhere_is_not_wanted() {
        let place =
            port::Place { account: "999988887777".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let now = chrono::DateTime::from_timestamp(1_000, 0).unwrap();
        let vault = BackupVaultListMember::builder().backup_vault_name("kept").build();
        let wants = |id: &str, word: &str, arn: &str| {
            let selector = Selector::Id(id.parse().unwrap());
            let search = Search { place: &place, target: Target::Source(&selector), reader: None, now };
            let found = RecoveryPointByBackupVault::builder().resource_type(word).resource_arn(arn);
            let found = found.recovery_point_arn("arn:aws:backup:us-west-2:9:recovery-point:1").build();
            is_wanted(&search, &point(&search, &vault, &place.account, &found, false).unwrap())
        };
        let arn = "arn:aws:rds:us-east-1:111122223333:db:orders";
        assert!(wants("rds:db/orders", "RDS", arn));
        assert!(wants("rds:db/orders[account=111122223333,region=us-east-1]", "RDS", arn));
        assert!(!wants("rds:db/orders[account=444455556666]", "RDS", arn));
        assert!(!wants("rds:db/orders[region=us-west-2]", "RDS", arn));
        assert!(wants("s3:bucket/receipts[account=111122223333]", "S3", "arn:aws:s3:::receipts"));
    }
}
