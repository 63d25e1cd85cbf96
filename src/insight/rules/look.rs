//! What the rules look at.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::protection::Snapshot;
use base::duration::Time;
use base::ids::{AccountId, AzId, Region};
use estate::file::{PointEntry, ResourceEntry};
use estate::{Loss, PointKind, RecoveryPoint, Resource, ResourceId, scope};
use schedule::Schedule;

/// What a workload wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    pub workload: String,
    /// The indices of its resources in the estate.
    pub resources: Vec<usize>,
    pub rto_s: Option<f64>,
    pub rpo_s: Option<f64>,
    /// What a rehearsal took, with the assumed detection and decision.
    pub expected_rto_s: Option<f64>,
}

/// What a step restored in a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredStep {
    pub id: String,
    pub workload: Option<String>,
    /// The id of the resource that it restores, as far as the recovery point tells it.
    pub of: Option<String>,
    pub what: Restored,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// A DB instance or cluster, with the groups that the step names.
    Database { parameter_group: Option<String>, option_group: Option<String>, in_one_zone: bool },
    /// Machines, and the zones that they are in.
    Machines { zones: BTreeSet<AzId> },
}

/// What a step brings along that may name places: a template with its parameters, or user data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    pub step: String,
    /// `its template`, in words.
    pub what: &'static str,
    /// The regions and accounts that it names.
    pub mentions: BTreeSet<String>,
}

/// How often a drill should be held, and when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practice {
    pub playbook: String,
    pub schedule: Schedule,
    /// T0 of the last real run that passed. `None`: none did, as far as is known.
    pub passed: Option<Time>,
    /// Where runs were looked for.
    pub looked_in: String,
}

/// A step that a rehearsal could not do, because a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedStep {
    pub id: String,
    /// `service:Operation`.
    pub call: String,
}

/// An estate, and what is asked of it.
pub struct Look<'a> {
    pub snapshot: &'a Snapshot<'a>,
    /// The loss. Without one the rules look at every resource, each as if its own place were lost.
    pub loss: Option<&'a Loss>,
    pub goals: Vec<Goal>,
    pub refused: Vec<RefusedStep>,
    pub restored: Vec<RestoredStep>,
    pub brought: Vec<Brought>,
    /// `None`: the playbook says no schedule.
    pub practice: Option<Practice>,
    /// Where the lost resources are restored.
    pub recovery: Option<(AccountId, Region)>,
    /// The entries of the recovery points, by the resource that they restore.
    entries: HashMap<&'a ResourceId, Vec<&'a PointEntry>>,
    /// The resources that are copies of another one, by type and name.
    copies: HashSet<(&'static str, &'a str)>,
    /// Where the KMS keys are among the resources, by name.
    keys: HashMap<&'a str, Vec<usize>>,
}

/// A resource with all that is known of it.
#[derive(Clone, Copy)]
pub struct Thing<'a> {
    pub index: usize,
    pub resource: &'a Resource,
    pub entry: &'a ResourceEntry,
}

impl<'a> Look<'a> {
    pub fn new(snapshot: &'a Snapshot<'a>, loss: Option<&'a Loss>) -> Self {
        let mut entries: HashMap<&ResourceId, Vec<&PointEntry>> = HashMap::new();
        let mut copies = HashSet::new();
        for point in &snapshot.file.recovery_points {
            entries.entry(&point.of).or_default().push(point);
            let kind = point.kind.resource_kind();
            if (kind, point.id.as_str()) != (point.of.kind.as_str(), point.of.name.as_str()) {
                copies.insert((kind, point.id.as_str()));
            }
        }
        let mut keys: HashMap<&str, Vec<usize>> = HashMap::new();
        let resources = snapshot.file.resources.iter().enumerate();
        for (index, key) in resources.filter(|(_, entry)| entry.id.kind == "kms:key") {
            keys.entry(&key.id.name).or_default().push(index);
        }
        Self {
            snapshot,
            loss,
            goals: Vec::new(),
            refused: Vec::new(),
            restored: Vec::new(),
            brought: Vec::new(),
            practice: None,
            recovery: None,
            entries,
            copies,
            keys,
        }
    }

    fn thing(&self, index: usize) -> Option<Thing<'a>> {
        let resource = self.snapshot.resources.get(index)?;
        Some(Thing { index, resource, entry: self.snapshot.file.resources.get(index)? })
    }

    /// The KMS keys with this id.
    pub fn keys(&self, name: &str) -> impl Iterator<Item = Thing<'a>> + '_ {
        self.keys.get(name).into_iter().flatten().filter_map(|index| self.thing(*index))
    }

    /// All resources.
    pub fn all(&self) -> impl Iterator<Item = Thing<'a>> + '_ {
        let resources = self.snapshot.resources.iter().zip(&self.snapshot.file.resources);
        resources.enumerate().map(|(index, (resource, entry))| Thing { index, resource, entry })
    }

    /// The lost resources. Without a loss, all.
    pub fn things(&self) -> impl Iterator<Item = Thing<'a>> + '_ {
        self.all().filter(|thing| self.loss.is_none_or(|loss| loss.takes_resource(thing.resource)))
    }

    /// Those of them that hold data, or of which recovery points exist. Copies of another resource
    /// are left out: they need no backup of their own.
    pub fn stores(&self) -> impl Iterator<Item = Thing<'a>> + '_ {
        self.things().filter(|thing| self.is_store(*thing))
    }

    fn is_store(&self, thing: Thing<'a>) -> bool {
        let kind = thing.entry.id.kind.as_str();
        let counts = scope::holds_data(kind) || !self.points(thing).is_empty();
        counts && !is_backup(kind) && !self.is_copy(thing)
    }

    pub fn is_copy(&self, thing: Thing<'a>) -> bool {
        self.copies.contains(&(thing.entry.id.kind.as_str(), thing.entry.id.name.as_str()))
    }

    /// The recovery points of a resource, lost ones too.
    pub fn points(&self, thing: Thing<'a>) -> &'a [RecoveryPoint] {
        self.snapshot.points(&thing.entry.id)
    }

    /// Their entries in the file.
    pub fn entries(&self, thing: Thing<'a>) -> &[&'a PointEntry] {
        self.entries.get(&thing.entry.id).map_or(&[], Vec::as_slice)
    }

    /// Whether something usable is there to restore it from: a recovery point or a replica.
    pub fn has_source(&self, thing: Thing<'a>) -> bool {
        let points = self.points(thing).iter();
        points.into_iter().any(|point| self.snapshot.is_usable(point, None))
            || !thing.entry.replicas.is_empty()
    }

    /// The loss, or that of the resource's region.
    pub fn loss_of_region(&self, thing: Thing<'a>) -> Option<Loss> {
        self.loss.cloned().or_else(|| thing.entry.region.clone().map(Loss::Region))
    }

    /// The strictest objective of the workloads of each resource, by its index.
    pub fn strictest(&self, of: impl Fn(&Goal) -> Option<f64>) -> HashMap<usize, f64> {
        let mut strictest = HashMap::new();
        for goal in &self.goals {
            let Some(objective) = of(goal) else { continue };
            for index in &goal.resources {
                strictest
                    .entry(*index)
                    .and_modify(|known: &mut f64| *known = known.min(objective))
                    .or_insert(objective);
            }
        }
        strictest
    }

    /// The stores of a workload that the loss takes.
    pub fn stores_of<'s>(&'s self, goal: &'s Goal) -> impl Iterator<Item = Thing<'a>> + 's {
        self.lost_of(goal).filter(|thing| self.is_store(*thing))
    }

    /// The resources of a workload that the loss takes.
    pub fn lost_of<'s>(&'s self, goal: &'s Goal) -> impl Iterator<Item = Thing<'a>> + 's {
        let things = goal.resources.iter().filter_map(|index| self.thing(*index));
        things.filter(|thing| self.loss.is_none_or(|loss| loss.takes_resource(thing.resource)))
    }
}

/// Whether resources of a type are recovery points themselves.
pub fn is_backup(kind: &str) -> bool {
    PointKind::ALL.iter().any(|point| !point.is_continuous() && point.resource_kind() == kind)
}
