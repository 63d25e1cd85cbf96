//! The results of queries for recovery points, merged over several accounts.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use base::ids::name_of;
use estate::{PointKind, RecoveryPoint, VaultPolicy};
use port::PointQuery;

/// The points that existed just before T0, by query.
pub type SurveyedPoints = IndexMap<PointQuery, Vec<RecoveryPoint>>;

/// The result of a query.
pub(super) struct FoundPoints {
    pub points: Vec<RecoveryPoint>,
    /// Whether every place could be queried.
    pub complete: bool,
}

/// Account, region and id.
pub(super) type PointKey = (String, String, String);

pub(super) fn key(point: &RecoveryPoint) -> PointKey {
    (point.account.to_string(), point.region.to_string(), point.id.clone())
}

/// Merges a point into the list. Several accounts may see the same point: its owner by id, others
/// by ARN and without its grants.
pub(super) fn merge(merged: &mut BTreeMap<PointKey, RecoveryPoint>, mut point: RecoveryPoint) {
    // Backups that were replicated into a region, and those of tables and of AWS Backup, have no
    // other name than their ARN.
    let only_arn = matches!(point.kind, PointKind::DynamodbBackup | PointKind::Backup);
    if !point.id.contains("auto-backup:") && !only_arn {
        let name = name_of(&point.id).to_owned();
        point.id = name;
    }
    let key = key(&point);
    let Some(known) = merged.get_mut(&key) else {
        merged.insert(key, point);
        return;
    };
    for account in point.shared_with {
        if !known.shared_with.contains(&account) {
            known.shared_with.push(account);
        }
    }
    known.taken = known.taken.or(point.taken);
    known.made = known.made.or(point.made);
    known.shared_widely |= point.shared_widely;
    known.usable = known.usable.or(point.usable);
    known.seen_usable = known.seen_usable.or(point.seen_usable);
    known.managed_key |= point.managed_key;
    known.encrypted |= point.encrypted;
    known.infected |= point.infected;
    known.clean |= point.clean;
    known.cold |= point.cold;
    known.of_account = known.of_account.take().or(point.of_account);
    known.of_region = known.of_region.take().or(point.of_region);
    known.state = known.state.take().or(point.state);
    known.vault_policy = graver(known.vault_policy.take(), point.vault_policy);
    known.copy_policy = graver(known.copy_policy.take(), point.copy_policy);
    known.key_unclear = known.key_unclear.take().or(point.key_unclear);
    known.kms_key = known.kms_key.take().or(point.kms_key);
    known.vault = known.vault.take().or(point.vault);
    known.engine = known.engine.take().or(point.engine);
    if known.fixed_options.is_empty() {
        known.fixed_options = point.fixed_options;
    }
    known.sample = known.sample.take().or(point.sample);
    if known.of != point.of && point.taken.is_some() && known.of.name == known.id {
        known.of = point.of;
    }
}

fn graver(one: Option<VaultPolicy>, other: Option<VaultPolicy>) -> Option<VaultPolicy> {
    match (one, other) {
        (Some(VaultPolicy::Denies), _) | (_, Some(VaultPolicy::Denies)) => Some(VaultPolicy::Denies),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_that_several_accounts_see_is_one_point_and_backups_keep_their_arn() {
        let point = |id: &str, shared: bool| RecoveryPoint {
            shared_with: if shared { vec!["999988887777".parse().unwrap()] } else { Vec::new() },
            ..RecoveryPoint::new(
                "rds:db/orders".parse().unwrap(),
                PointKind::RdsSnapshot,
                id,
                "111122223333".parse().unwrap(),
                "us-west-2".parse().unwrap(),
            )
        };
        let backup = "arn:aws:rds:us-west-2:111122223333:auto-backup:ab-1";
        let mut merged = BTreeMap::new();
        for seen in [
            point("orders-1", false),
            point("arn:aws:rds:us-west-2:111122223333:snapshot:orders-1", true),
            point(backup, false),
        ] {
            merge(&mut merged, seen);
        }
        let found: Vec<(&str, usize)> =
            merged.values().map(|p| (p.id.as_str(), p.shared_with.len())).collect();
        assert_eq!(found, [(backup, 0), ("orders-1", 1)]);
    }
}
