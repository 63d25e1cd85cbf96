//! AWS Backup: vaults, plans, what the plans select, and the recovery points of all vaults.

use aws_sdk_backup::types::{
    BackupSelection, BackupVaultListMember, CopyJobState, RecoveryPointByBackupVault, RecoveryPointStatus,
    VaultState, VaultType,
};

use super::found::{Copy, Found, FoundPoint, Selection, bytes, empty_point, empty_resource, some};
use super::{Here, Service, guard, listed};
use crate::answer::missing;
use crate::backup::kinds;
use crate::points::backup::is_copy;
use crate::points::search::{account_of, place_of};
use crate::selection;
use crate::time::some_time;
use base::duration::{Time, When};
use base::ids::AccountId;
use estate::PointKind;
use estate::discovered::What;
use estate::file::{DeletionGuard, Scan};
use port::restorable::is_continuous;
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

pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    let copied = copies(here, &mut found).await;
    let vaults = vaults(here, &mut found).await;
    points(here, &mut found, vaults, copied).await;
    if plans(here, &mut found).await {
        found.whole("backup:plan");
    }
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

/// The account's own vaults, and those that other accounts share with it.
struct Vaults {
    all: Vec<BackupVaultListMember>,
    /// Whether both lists could be read.
    whole: bool,
}

async fn vaults(here: &Here<'_>, found: &mut Found) -> Vaults {
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
    let whole = own.is_some() && shared.is_some();
    Vaults { all: own.into_iter().chain(shared).flatten().collect(), whole }
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

/// The points of the vaults. `copied`: whether the copy jobs are known. Without them any point may be a
/// copy, whose creation date is not its age.
async fn points(here: &Here<'_>, found: &mut Found, vaults: Vaults, copied: bool) {
    const CALL: &str = "backup:ListRecoveryPointsByBackupVault";
    let Vaults { all: vaults, mut whole } = vaults;
    for vault in vaults {
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
            let mut point = of_point(here, &vault, kept, &owner, point);
            if let Some(point) = point.as_mut().filter(|_| !copied) {
                point.entry.taken = None;
            }
            found.points.extend(point);
        }
    }
    if whole {
        found.whole_points(PointKind::Backup, What::ANY);
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
    let id = kinds::resource(point.resource_type(), of);
    let mut entry = empty_point(id, PointKind::Backup, arn.to_owned(), here_account, here_region);
    // A continuous point grows, and AWS Backup does not list up to when. A copy has the time of its
    // copying here: `join` gives it the time of its source.
    let is_continuous = is_continuous(arn);
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
    entry.cold = kinds::is_cold(point, here.now);
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
    Some(found.of_place(account, region))
}

/// The plans and what they select. Returns whether all could be read.
async fn plans(here: &Here<'_>, found: &mut Found) -> bool {
    let backup = &here.clients.backup;
    let request = backup.list_backup_plans().max_results(PAGE);
    let plans = listed!(here, "backup:ListBackupPlans", backup_plans_list, next_token, request);
    let Some(plans) = found.take(plans) else { return false };
    let mut whole = true;
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
        let all = listed!(here, "backup:ListBackupSelections", backup_selections_list, next_token, request);
        let all = found.take(all);
        whole &= all.is_some();
        for selection in all.iter().flatten().filter_map(|one| one.selection_id()) {
            let selection = selection_of(here, id, selection).await;
            let selection = found.take(selection);
            whole &= selection.is_some();
            found.selections.extend(selection.map(|selection| selected(here, name, &selection)));
        }
    }
    whole
}

async fn selection_of(here: &Here<'_>, plan: &str, selection: &str) -> CloudResult<BackupSelection> {
    const CALL: &str = "backup:GetBackupSelection";
    let request = here.clients.backup.get_backup_selection().backup_plan_id(plan).selection_id(selection);
    let answer = here.call(CALL, request.send()).await?;
    answer.backup_selection.ok_or_else(|| missing(CALL, "selection"))
}

fn selected(here: &Here<'_>, plan: &str, what: &BackupSelection) -> Selection {
    let (account, region) = (here.account().clone(), here.region().clone());
    Selection { account, region, plan: plan.to_owned(), what: selection::Selection::of(what) }
}

/// The copies that this region has made. AWS Backup lists them where the source is. Returns whether they
/// could be read.
async fn copies(here: &Here<'_>, found: &mut Found) -> bool {
    let request = here.clients.backup.list_copy_jobs().by_state(CopyJobState::Completed).max_results(PAGE);
    let jobs = listed!(here, "backup:ListCopyJobs", copy_jobs, next_token, request);
    let Some(jobs) = found.take(jobs) else { return false };
    for job in jobs {
        if let (Some(from), Some(to)) = (job.source_recovery_point_arn, job.destination_recovery_point_arn) {
            found.copies.push(Copy { from, to });
        }
    }
    true
}
