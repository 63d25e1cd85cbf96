//! AWS Backup: vaults, plans, what the plans select, and the recovery points of all vaults.

use aws_sdk_backup::types::{
    BackupSelection, BackupVaultListMember, ConditionParameter, CopyJobState, RecoveryPointByBackupVault,
    RecoveryPointStatus, VaultState, VaultType,
};

use super::found::{
    Copy, Found, FoundPoint, Selection, TagCondition, bytes, empty_point, empty_resource, id_of, some,
};
use super::{Here, Service, guard, listed};
use crate::answer::missing;
use crate::points::backup::is_copy;
use crate::points::search::{account_of, place_of};
use crate::time::some_time;
use base::duration::{Time, When};
use base::ids::AccountId;
use estate::file::{DeletionGuard, Scan};
use estate::{PointKind, ResourceId};
use port::{CloudResult, ErrorKind};

pub const SERVICE: Service = Service {
    name: "backup",
    calls: &[
        "backup:GetBackupSelection",
        "backup:GetBackupVaultAccessPolicy",
        "backup:ListBackupPlans",
        "backup:ListBackupSelections",
        "backup:ListBackupVaults",
        "backup:ListCopyJobs",
        "backup:ListRecoveryPointsByBackupVault",
        "backup:ListTags",
    ],
};

/// Items on a page: at most 1,000.
const PAGE: i32 = 1_000;

/// What AWS Backup backs up: the type as it names it, as an estate does, and what stands before the
/// name in the last part of the ARN.
const TYPES: [(&str, &str, &str); 13] = [
    ("Aurora", "rds:cluster", "cluster:"),
    ("DocumentDB", "docdb:cluster", "cluster:"),
    ("DynamoDB", "dynamodb:table", "table/"),
    ("EBS", "ec2:volume", "volume/"),
    ("EC2", "ec2:instance", "instance/"),
    ("EFS", "efs:file-system", "file-system/"),
    ("EKS", "eks:cluster", "cluster/"),
    ("FSx", "fsx:file-system", "file-system/"),
    ("Neptune", "neptune:cluster", "cluster:"),
    ("RDS", "rds:db", "db:"),
    ("Redshift", "redshift:cluster", "cluster:"),
    ("S3", "s3:bucket", ""),
    ("Storage Gateway", "storagegateway:volume", "gateway/"),
];

pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    let vaults = vaults(here, &mut found).await;
    points(here, &mut found, vaults).await;
    let plans = plans(here, &mut found).await;
    if found.take(plans).is_some() {
        found.whole("backup:plan");
    }
    copies(here, &mut found).await;
    found
}

async fn tags(here: &Here<'_>, arn: &str) -> CloudResult<std::collections::BTreeMap<String, String>> {
    // The answer holds a map, so its pages are read here.
    let mut all = std::collections::BTreeMap::new();
    let mut token = None;
    loop {
        let request = here.clients.backup.list_tags().resource_arn(arn).max_results(PAGE);
        let answer = here.call("backup:ListTags", request.set_next_token(token).send()).await?;
        all.extend(answer.tags.unwrap_or_default());
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

/// The account's own vaults, and those that other accounts share with it. `None`: nobody knows.
async fn vaults(here: &Here<'_>, found: &mut Found) -> Option<Vec<BackupVaultListMember>> {
    const CALL: &str = "backup:ListBackupVaults";
    let backup = &here.clients.backup;
    let own = backup.list_backup_vaults().max_results(PAGE);
    let own = found.take(listed!(here, CALL, backup_vault_list, next_token, own));
    for vault in own.iter().flatten() {
        let (Some(name), Some(arn)) = (vault.backup_vault_name(), vault.backup_vault_arn()) else { continue };
        let mut entry = empty_resource("backup:vault", name, here.account(), Some(here.region()));
        entry.key = some(vault.encryption_key_arn());
        entry.class = vault.vault_type().map(|class| class.as_str().to_owned());
        entry.tags = found.take(tags(here, arn).await).unwrap_or_default();
        found.resource(entry, Some(arn.to_owned()));
    }
    if own.is_some() {
        found.whole("backup:vault");
    }
    // Only logically air-gapped vaults can be shared, by AWS RAM.
    let shared = backup.list_backup_vaults().by_shared(true).max_results(PAGE);
    let shared = found.take(listed!(here, CALL, backup_vault_list, next_token, shared));
    let both = own.zip(shared);
    both.map(|(own, shared)| own.into_iter().chain(shared).collect())
}

/// What keeps the points of a vault.
#[derive(Clone, Copy, Default)]
struct Kept {
    /// Nobody can delete them before their time.
    is_locked: bool,
    guard: Option<DeletionGuard>,
    locks_on: Option<Time>,
}

/// A lock in governance mode has no date, and one whose date has not come can still be taken off. How
/// long a vault keeps points at least means nothing for those that are there.
async fn kept(here: &Here<'_>, vault: &BackupVaultListMember, owner: &AccountId) -> CloudResult<Kept> {
    let date = some_time(vault.lock_date());
    let is_air_gapped = vault.vault_type() == Some(&VaultType::LogicallyAirGappedBackupVault);
    let has_lock = vault.locked() == Some(true);
    if is_air_gapped || (has_lock && date.is_some_and(|date| date <= here.now)) {
        return Ok(Kept { is_locked: true, ..Kept::default() });
    }
    // The policy of another account's vault is not for this one to read.
    let policy = if owner == here.account() { policy(here, vault).await? } else { None };
    Ok(match (policy, has_lock, date) {
        (Some(DeletionGuard::Policy), _, _) => Kept { guard: policy, ..Kept::default() },
        (_, true, Some(locks_on)) => {
            Kept { guard: Some(DeletionGuard::CoolingOff), locks_on: Some(locks_on), ..Kept::default() }
        }
        (_, true, None) => Kept { guard: Some(DeletionGuard::Governance), ..Kept::default() },
        (other, false, _) => Kept { guard: other, ..Kept::default() },
    })
}

/// Whether the vault's policy denies the deletion of its points.
async fn policy(here: &Here<'_>, vault: &BackupVaultListMember) -> CloudResult<Option<DeletionGuard>> {
    let Some(name) = vault.backup_vault_name() else { return Ok(None) };
    let request = here.clients.backup.get_backup_vault_access_policy().backup_vault_name(name).send();
    let policy = match here.call("backup:GetBackupVaultAccessPolicy", request).await {
        Ok(answer) => answer.policy,
        Err(error) if error.kind == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    Ok(policy.and_then(|policy| guard::of_policy(&policy, &guard::of_vault())))
}

async fn points(here: &Here<'_>, found: &mut Found, vaults: Option<Vec<BackupVaultListMember>>) {
    const CALL: &str = "backup:ListRecoveryPointsByBackupVault";
    let mut whole = vaults.is_some();
    for vault in vaults.unwrap_or_default() {
        let Some(name) = vault.backup_vault_name() else { continue };
        if matches!(vault.vault_state(), Some(VaultState::Creating | VaultState::Failed)) {
            continue;
        }
        let owner = vault.backup_vault_arn().and_then(account_of);
        let owner = owner.unwrap_or_else(|| here.account().clone());
        let other = Some(owner.to_string()).filter(|_| owner != *here.account());
        let request = here.clients.backup.list_recovery_points_by_backup_vault();
        let request = request.backup_vault_name(name).set_backup_vault_account_id(other).max_results(PAGE);
        let Some(all) = found.take(listed!(here, CALL, recovery_points, next_token, request)) else {
            whole = false;
            continue;
        };
        let kept = kept(here, &vault, &owner).await;
        // What cannot be read keeps nothing, as far as anybody knows. It is told.
        let kept = found.take(kept).unwrap_or_default();
        for point in &all {
            found.points.extend(of_point(here, &vault, kept, &owner, point));
        }
    }
    if whole {
        for (_, kind, _) in TYPES {
            found.whole_points(PointKind::Backup, kind);
        }
    }
}

fn of_point(
    here: &Here<'_>,
    vault: &BackupVaultListMember,
    kept: Kept,
    owner: &AccountId,
    point: &RecoveryPointByBackupVault,
) -> Option<FoundPoint> {
    // The other states lack data (`PARTIAL`), were broken off, or cannot be used any more.
    let is_usable =
        matches!(point.status(), Some(RecoveryPointStatus::Available | RecoveryPointStatus::Completed));
    // A composite of a stack stands for its parts, which are points of their own.
    let is_composite = point.is_parent() && point.resource_type() == Some("CloudFormation");
    if !is_usable || is_composite {
        return None;
    }
    let (arn, of) = (point.recovery_point_arn()?, point.resource_arn()?);
    let (account, region) = place_of(Some(of));
    let (here_account, here_region) = (owner.clone(), here.region().clone());
    let id = resource_of(point.resource_type(), of);
    let mut entry = empty_point(id, PointKind::Backup, arn.to_owned(), here_account, here_region);
    // A continuous point grows, and AWS Backup does not list up to when. A copy has the time of its
    // copying here: `join` gives it the time of its source.
    let is_continuous = arn.contains(":continuous:");
    let is_copy = is_copy(point, owner, here.region());
    let taken = some_time(point.creation_date()).filter(|_| !is_continuous && !is_copy);
    let completed = some_time(point.completion_date()).filter(|_| !is_continuous);
    entry.taken = taken.map(When::At);
    entry.usable = completed.filter(|completed| taken.is_none_or(|taken| taken <= *completed)).map(When::At);
    entry.size = bytes(point.backup_size_in_bytes());
    entry.encrypted = point.is_encrypted();
    entry.kms_key = some(point.encryption_key_arn()).filter(|_| entry.encrypted);
    entry.vault = some(vault.backup_vault_name());
    entry.vault_locked = kept.is_locked;
    entry.guard = kept.guard;
    entry.locks_on = kept.locks_on.map(When::At);
    entry.scan = point.aggregated_scan_result().map(|result| {
        let is_infected = !result.findings().is_empty();
        match (is_infected, result.failed_scan()) {
            (true, _) => Scan::Infected,
            (false, Some(false)) => Scan::Clean,
            (false, Some(true) | None) => Scan::Unknown,
        }
    });
    if owner != here.account() {
        entry.shared_with = vec![here.account().clone()];
    }
    let by_owner = owner == here.account();
    let found = FoundPoint { by_owner, ..FoundPoint::of_entry(entry) }.arn(Some(arn));
    Some(found.of_place(account.or_else(|| Some(owner.clone())), region))
}

/// The resource of an ARN. A type that the table does not know keeps AWS's own name for it.
fn resource_of(kind: Option<&str>, arn: &str) -> ResourceId {
    let last = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    if let Some((_, kind, before)) = TYPES.into_iter().find(|(named, _, _)| Some(*named) == kind) {
        let name = if before.is_empty() { None } else { last.rsplit_once(before) };
        return id_of(kind, name.map_or(last, |(_, name)| name));
    }
    let service = arn.split(':').nth(2).unwrap_or_default();
    let name = last.rsplit(['/', ':']).next().unwrap_or(last);
    let of = last.split(['/', ':']).next().filter(|of| *of != name).unwrap_or("resource");
    id_of(&format!("{service}:{of}"), name)
}

/// The plans and what they select.
async fn plans(here: &Here<'_>, found: &mut Found) -> CloudResult<()> {
    const SELECTION: &str = "backup:GetBackupSelection";
    let backup = &here.clients.backup;
    let request = backup.list_backup_plans().max_results(PAGE);
    let plans = listed!(here, "backup:ListBackupPlans", backup_plans_list, next_token, request)?;
    for plan in plans {
        let (Some(id), Some(name), Some(arn)) =
            (plan.backup_plan_id(), plan.backup_plan_name(), plan.backup_plan_arn())
        else {
            continue;
        };
        let mut entry = empty_resource("backup:plan", name, here.account(), Some(here.region()));
        entry.tags = found.take(tags(here, arn).await).unwrap_or_default();
        found.resource(entry, Some(arn.to_owned()));
        let request = backup.list_backup_selections().backup_plan_id(id).max_results(PAGE);
        let selections =
            listed!(here, "backup:ListBackupSelections", backup_selections_list, next_token, request)?;
        for selection in selections {
            let Some(selection_id) = selection.selection_id() else { continue };
            let request = backup.get_backup_selection().backup_plan_id(id).selection_id(selection_id).send();
            let answer = here.call(SELECTION, request).await?;
            let selection = answer.backup_selection.ok_or_else(|| missing(SELECTION, "selection"))?;
            found.selections.push(selected(here, name, &selection));
        }
    }
    Ok(())
}

fn selected(here: &Here<'_>, plan: &str, selection: &BackupSelection) -> Selection {
    let any_tag = selection.list_of_tags().iter();
    let any_tag = any_tag.map(|tag| (tag.condition_key.clone(), tag.condition_value.clone()));
    let conditions = selection.conditions();
    let of = |parameters: &[ConditionParameter], is_pattern: bool, wanted: bool| -> Vec<TagCondition> {
        let all = parameters.iter().filter_map(|parameter| {
            let key = parameter.condition_key()?;
            let key = key.strip_prefix("aws:ResourceTag/").unwrap_or(key).to_owned();
            Some(TagCondition { key, value: parameter.condition_value()?.to_owned(), is_pattern, wanted })
        });
        all.collect()
    };
    Selection {
        account: here.account().clone(),
        region: here.region().clone(),
        plan: plan.to_owned(),
        resources: selection.resources().to_vec(),
        not_resources: selection.not_resources().to_vec(),
        any_tag: any_tag.collect(),
        conditions: conditions.map_or_else(Vec::new, |all| {
            [
                of(all.string_equals(), false, true),
                of(all.string_like(), true, true),
                of(all.string_not_equals(), false, false),
                of(all.string_not_like(), true, false),
            ]
            .into_iter()
            .flatten()
            .collect()
        }),
    }
}

/// The copies that this region has made. AWS Backup lists them where the source is.
async fn copies(here: &Here<'_>, found: &mut Found) {
    let request = here.clients.backup.list_copy_jobs().by_state(CopyJobState::Completed).max_results(PAGE);
    let jobs = listed!(here, "backup:ListCopyJobs", copy_jobs, next_token, request);
    for job in found.take(jobs).unwrap_or_default() {
        if let (Some(from), Some(to)) = (job.source_recovery_point_arn, job.destination_recovery_point_arn) {
            found.copies.push(Copy { from, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_read_from_arns() {
        for (kind, arn, id) in [
            ("RDS", "arn:aws:rds:us-east-1:111122223333:db:orders", "rds:db/orders"),
            ("Aurora", "arn:aws:rds:us-east-1:111122223333:cluster:shop", "rds:cluster/shop"),
            ("DynamoDB", "arn:aws:dynamodb:us-east-1:111122223333:table/carts", "dynamodb:table/carts"),
            ("EBS", "arn:aws:ec2:us-east-1:111122223333:volume/vol-1", "ec2:volume/vol-1"),
            ("S3", "arn:aws:s3:::receipts", "s3:bucket/receipts"),
            (
                "EFS",
                "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-1",
                "efs:file-system/fs-1",
            ),
            ("Timestream", "arn:aws:timestream:us-east-1:111122223333:database/d", "timestream:database/d"),
        ] {
            assert_eq!(resource_of(Some(kind), arn).to_string(), id);
        }
    }
}
