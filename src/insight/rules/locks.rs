//! Backups that production's own principals can delete.

use super::look::Thing;
use super::{Entry, Hit, Look};
use base::severity::Severity::{self, High, Low, Medium};
use estate::Loss;
use estate::file::{DeletionGuard, PointEntry};
use port::finding::Rule;

pub const UNLOCKED: Entry = Entry {
    rule: Rule::BackupsUnlocked,
    says: "nothing is shown to keep whoever rules production from deleting the backups in its account",
    fix: "lock the vault (AWS Backup Vault Lock in compliance mode, S3 Object Lock), and say `vault_locked: true`",
    look: |look| {
        let mut hits = Vec::new();
        for thing in look.stores() {
            let entries = look.entries(thing);
            if !entries.iter().any(|point| point.account == thing.entry.account) {
                continue;
            }
            let Some((gravest, detail)) = weakness(look, thing) else { continue };
            let account = Loss::Account(thing.entry.account.clone());
            let severity = if look.snapshot.outlives(thing.entry, &account) { Low } else { gravest };
            hits.push(Hit::new(&thing.entry.id, detail, severity));
        }
        hits
    },
};

/// What is wrong with the best protected backup of a resource, with its severity. `None`: it cannot
/// be deleted.
fn weakness(look: &Look<'_>, thing: Thing<'_>) -> Option<(Severity, String)> {
    let of = look.entries(thing).iter().filter(|point| may_be_used(look, point));
    let mut all = of.map(|point| weakness_of(look, point));
    // The gravest severity is the least of the order.
    let best = all.by_ref().try_fold(None::<(Severity, String)>, |best, one| {
        let one = one?;
        Some(Some(match best {
            Some(best) if best.0 >= one.0 => best,
            Some(_) | None => one,
        }))
    });
    match best {
        None => None,
        Some(Some(weakness)) => Some(weakness),
        Some(None) => Some((High, "none of them was usable".to_owned())),
    }
}

/// Whether a point may be there to restore from. A lock on one that is infected, or not usable yet,
/// keeps nothing.
fn may_be_used(look: &Look<'_>, point: &PointEntry) -> bool {
    let t0 = look.snapshot.t0;
    point.points(t0).any(|point| !point.infected && point.usable.is_none_or(|usable| usable <= t0))
}

/// `None`: nobody can delete it.
fn weakness_of(look: &Look<'_>, point: &PointEntry) -> Option<(Severity, String)> {
    let t0 = look.snapshot.t0;
    if point.vault_locked {
        let locked_for = point.locked_for?;
        return Some((
            Low,
            format!("each object is locked for {locked_for}, and those written before can be deleted"),
        ));
    }
    let on = point.locks_on.map(|on| on.resolve(t0));
    match (point.guard, on) {
        (Some(DeletionGuard::Mfa), _) => None,
        (Some(DeletionGuard::Policy), _) => {
            Some((Low, "a policy denies it, which the account's root user can take off".to_owned()))
        }
        (Some(DeletionGuard::CoolingOff), Some(on)) if on > t0 => {
            Some((Medium, format!("its lock can be taken off until {}", on.format("%Y-%m-%d"))))
        }
        (Some(DeletionGuard::CoolingOff), _) => {
            Some((Medium, "its lock could be taken off when it was looked at".to_owned()))
        }
        (Some(DeletionGuard::Governance), _) => {
            Some((Medium, "its lock is in governance mode, which a permission takes off".to_owned()))
        }
        (Some(DeletionGuard::Unknown), _) => {
            Some((Medium, "a policy denies it in some cases, and whether in all is unknown".to_owned()))
        }
        (None, _) => Some((High, String::new())),
    }
}
