//! What the steps of a rehearsal made, as far as the rules compare it with the originals.

use std::collections::{BTreeMap, HashMap};

use super::needs::requests;
use super::points::Points;
use crate::cli::rehearsal::Rehearsal;
use event::Request;
use insight::rules::{Restored, RestoredStep};
use playbook::Loaded;
use port::{Create, Restorable, RestoreDb, RunInstances, StartRestore};

/// What each step restored.
pub fn restored(loaded: &Loaded, rehearsal: &Rehearsal) -> Vec<RestoredStep> {
    let points = Points::of(&rehearsal.report);
    // How many instances each step gave its cluster.
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    let all = requests(rehearsal);
    for (_, by, _, what) in &all {
        let Request::Create(create) = what else { continue };
        if matches!(**create, Create::DbClusterInstance { .. }) {
            *members.entry(by).or_default() += 1;
        }
    }
    let workloads: HashMap<&str, &Option<String>> =
        loaded.playbook.steps.iter().map(|step| (step.id.as_str(), &step.workload)).collect();
    let mut steps = Vec::new();
    for (_, by, _, what) in &all {
        let Request::Create(create) = what else { continue };
        let members = members.get(by).copied().unwrap_or_default();
        let Some(what) = made(create, members) else { continue };
        steps.push(RestoredStep {
            id: (*by).to_owned(),
            workload: workloads.get(by).copied().cloned().flatten(),
            of: points.used_by(by).map(|point| point.of.clone()),
            what,
        });
    }
    steps
}

/// What a request makes. `members`: the instances that its step gives a cluster.
fn made(create: &Create, members: usize) -> Option<Restored> {
    let database = |db: &RestoreDb| Restored::Database {
        parameter_group: db.parameter_group.clone(),
        option_group: db.option_group.clone(),
        in_one_zone: !db.multi_az,
    };
    let cluster = |parameter_group: &Option<String>, has_standby: bool| Restored::Database {
        parameter_group: parameter_group.clone(),
        option_group: None,
        in_one_zone: !has_standby,
    };
    match create {
        Create::Db(db) | Create::DbReplica { db, .. } => Some(database(db)),
        Create::DbToTime(restore) => Some(database(&restore.db)),
        Create::DbCluster(it) => Some(cluster(&it.parameter_group, members > 1)),
        Create::DbClusterToTime(it) => {
            Some(cluster(&it.parameter_group, it.multi_az.is_some() || members > 1))
        }
        Create::Instances(run) => Some(machines(run)),
        Create::StartRestore(start) => by_backup(start),
        Create::CopySnapshot { .. }
        | Create::CopyImage { .. }
        | Create::CopyDbSnapshot { .. }
        | Create::CopyDbClusterSnapshot { .. }
        | Create::Volume(_)
        | Create::Address { .. }
        | Create::DbClusterInstance { .. }
        | Create::Table(_)
        | Create::TableToTime(_)
        | Create::Stack(_)
        | Create::Vpc { .. }
        | Create::Subnet { .. }
        | Create::SecurityGroup { .. }
        | Create::DbSubnetGroup { .. }
        | Create::Bucket { .. }
        | Create::Vault { .. }
        | Create::CopyPoint(_)
        | Create::AttachVolume { .. }
        | Create::KeyPair { .. }
        | Create::SetTable(_)
        | Create::AdoptRestored(_)
        | Create::MountTarget { .. }
        | Create::Function(_)
        | Create::DomainList { .. }
        | Create::RuleGroup { .. }
        | Create::OverrideRule { .. }
        | Create::QueryLog { .. }
        | Create::Zone { .. }
        | Create::Record { .. }
        | Create::PromoteReplica { .. } => None,
    }
}

/// Machines are spread over the subnets in turn.
fn machines(run: &RunInstances) -> Restored {
    let count = usize::try_from(run.count).unwrap_or(usize::MAX);
    Restored::Machines { zones: run.subnets.iter().take(count).map(|subnet| subnet.az.clone()).collect() }
}

/// AWS Backup restores databases as its metadata say. It does not distinguish upper and lower case in
/// keys. A cluster that it restores has no instance yet, so nobody can tell its zones.
fn by_backup(start: &StartRestore) -> Option<Restored> {
    let get = |key: &str| {
        let mut all = start.metadata.iter();
        all.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.clone())
    };
    match start.restores {
        Restorable::Database => Some(Restored::Database {
            parameter_group: get("dbParameterGroupName"),
            option_group: get("optionGroupName"),
            in_one_zone: get("multiAZ").as_deref() != Some("true"),
        }),
        Restorable::Cluster
        | Restorable::DocumentDb
        | Restorable::Neptune
        | Restorable::Instance
        | Restorable::Volume
        | Restorable::FileSystem
        | Restorable::Table
        | Restorable::Bucket => None,
    }
}
