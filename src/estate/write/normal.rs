//! Makes what was found an estate: all that its entries name stands in it.

use std::collections::BTreeSet;

use crate::discovered::Discovered;
use crate::file::AccountEntry;
use base::ids::{AccountId, Region};

/// Adds the accounts, regions and zones that entries lie in. Leaves out shares with accounts that
/// neither the estate nor `known` lists, and returns those accounts.
pub fn complete(found: &Discovered, known: &BTreeSet<AccountId>) -> (Discovered, BTreeSet<AccountId>) {
    let mut found = found.clone();
    let mut accounts = BTreeSet::new();
    let mut places: Vec<(Region, Option<base::ids::AzId>)> = Vec::new();
    for resource in &found.resources {
        accounts.insert(resource.account.clone());
        places.extend(resource.region.clone().map(|region| (region, resource.az.clone())));
        for replica in &resource.replicas {
            accounts.extend(replica.account.clone());
            places.push((replica.region.clone(), replica.az.clone()));
        }
    }
    for point in &found.recovery_points {
        accounts.insert(point.account.clone());
        places.push((point.region.clone(), None));
    }
    for incomplete in &found.incomplete {
        accounts.insert(incomplete.account.clone());
        places.extend(incomplete.region.clone().map(|region| (region, None)));
    }
    for id in accounts {
        let unread = AccountEntry::unread(&id);
        found.accounts.entry(id).or_insert(unread);
    }
    for (region, az) in places {
        let entry = found.regions.entry(region).or_default();
        if let Some(az) = az.filter(|az| !entry.azs.contains(az)) {
            entry.azs.push(az);
            entry.azs.sort();
        }
    }
    let mut strangers = BTreeSet::new();
    for point in &mut found.recovery_points {
        point.shared_with.retain(|account| {
            let is_known = found.accounts.contains_key(account) || known.contains(account);
            if !is_known {
                strangers.insert(account.clone());
            }
            is_known
        });
    }
    (found, strangers)
}
