//! A first playbook for an estate and a loss: every restore that the program can do, with checks.

mod backup;
mod restore;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use base::duration::Time;
use base::ids::{AccountId, Region};
use estate::file::{EstateFile, ResourceEntry};
use estate::{Loss, Resource, Selector, Selectors};

use crate::matrix::workloads;
use crate::protection::Snapshot;
use restore::{Restore, Sandbox};

/// What the playbook is made of.
pub struct Wanted<'a> {
    pub file: &'a EstateFile,
    pub loss: &'a Loss,
    /// Only resources that one of these selects. Empty: all.
    pub only: &'a [Selector],
    /// The estate's path, relative to the playbook.
    pub estate: &'a str,
    pub t0: Time,
}

/// A playbook, and how much it restores.
#[derive(Debug)]
pub struct Draft {
    pub text: String,
    pub restored: usize,
    /// Lost resources that nothing restores, each with the reason.
    pub left: Vec<(String, String)>,
}

/// Why no playbook can be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoDraft {
    #[error("{0} takes nothing that was asked for")]
    NothingLost(String),
    #[error("no account and region of the estate survives {0}: no sandbox can be made")]
    NoSandbox(String),
    #[error("nothing that {loss} takes can be restored: {}", .reasons.join("; "))]
    NothingRestored { loss: String, reasons: Vec<String> },
}

/// A workload of the playbook.
struct Part {
    name: String,
    resources: Vec<String>,
    restores: Vec<Restore>,
    left: Vec<(String, String)>,
}

/// Writes a playbook.
pub fn draft(wanted: &Wanted<'_>) -> Result<Draft, NoDraft> {
    let snapshot = Snapshot::new(wanted.file, wanted.t0);
    let only = Selectors::new(wanted.only);
    let lost: Vec<(&Resource, &ResourceEntry)> = snapshot
        .entries()
        .filter(|(resource, _)| wanted.loss.takes_resource(resource))
        .filter(|(resource, _)| wanted.only.is_empty() || only.selects(resource))
        .collect();
    if lost.is_empty() {
        return Err(NoDraft::NothingLost(wanted.loss.to_string()));
    }
    let sandbox = sandbox(wanted, &snapshot, &lost)?;
    let chosen: BTreeSet<&estate::ResourceId> = lost.iter().map(|(resource, _)| &resource.id).collect();
    let mut names = restore::Names::default();
    let mut parts = Vec::new();
    for (name, indices) in workloads(wanted.file) {
        let mut part =
            Part { name: names.workload(&name), resources: vec![], restores: vec![], left: vec![] };
        let mut seen = BTreeSet::new();
        for (resource, entry) in indices
            .iter()
            .filter_map(|index| snapshot.resources.get(*index).zip(wanted.file.resources.get(*index)))
        {
            let is_lost = chosen.contains(&resource.id) && wanted.loss.takes_resource(resource);
            if !is_lost || !seen.insert(&resource.id) {
                continue;
            }
            part.resources.push(resource.id.to_string());
            match restore::of(entry, &snapshot, &sandbox, &mut names) {
                Ok(restore) => part.restores.push(restore),
                Err(why) => part.left.push((resource.id.to_string(), why)),
            }
        }
        if !part.resources.is_empty() {
            parts.push(part);
        }
    }
    let restored = parts.iter().map(|part| part.restores.len()).sum();
    let left: Vec<(String, String)> = parts.iter().flat_map(|part| part.left.clone()).collect();
    if restored == 0 {
        let reasons = left.iter().take(5).map(|(resource, why)| format!("{resource}: {why}")).collect();
        return Err(NoDraft::NothingRestored { loss: wanted.loss.to_string(), reasons });
    }
    Ok(Draft { text: write::playbook(wanted, &sandbox, &parts), restored, left })
}

/// The surviving account and region in which most of the lost resources can be restored. Of equal
/// ones, an account without resources comes first: a sandbox in production's account is a finding.
fn sandbox<'a>(
    wanted: &Wanted<'a>,
    snapshot: &Snapshot<'_>,
    lost: &[(&Resource, &ResourceEntry)],
) -> Result<Sandbox<'a>, NoDraft> {
    let mut resources: BTreeMap<&AccountId, usize> = BTreeMap::new();
    for entry in &wanted.file.resources {
        *resources.entry(&entry.account).or_default() += 1;
    }
    // An account that was not read may belong to somebody else.
    let read = wanted.file.accounts.iter().filter(|(id, entry)| !entry.is_unread(id)).map(|(id, _)| id);
    let accounts = read.filter(|id| wanted.loss.account() != Some(*id));
    let regions = || wanted.file.regions.keys().filter(|region| wanted.loss.region() != Some(*region));
    let mut best: Option<((usize, bool, bool), Sandbox<'a>)> = None;
    for account in accounts {
        for region in regions() {
            let zones = zones(wanted, region);
            if zones == 0 {
                continue;
            }
            let here = Sandbox { account, region, zones, loss: wanted.loss, t0: wanted.t0 };
            let mut names = restore::Names::default();
            let count = lost
                .iter()
                .filter(|(_, entry)| restore::of(entry, snapshot, &here, &mut names).is_ok())
                .count();
            let is_named = wanted.file.accounts.get(account).is_some_and(|a| a.name.contains("sandbox"));
            let score = (count, !resources.contains_key(account), is_named);
            if best.as_ref().is_none_or(|(other, _)| score > *other) {
                best = Some((score, here));
            }
        }
    }
    best.map(|(_, sandbox)| sandbox).ok_or_else(|| NoDraft::NoSandbox(wanted.loss.to_string()))
}

/// The zones that a sandbox's network can use.
fn zones(wanted: &Wanted<'_>, region: &Region) -> usize {
    let Some(entry) = wanted.file.regions.get(region) else { return 0 };
    let survives = |az: &&base::ids::AzId| wanted.loss.az() != Some(*az) && az.is_availability_zone();
    entry.azs.iter().filter(survives).count()
}
