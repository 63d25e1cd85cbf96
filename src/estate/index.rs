//! Indexes of recovery points and of selectors. An estate may have tens of thousands of each.

use std::collections::{HashMap, HashSet};

use super::{PointKind, RecoveryPoint, Resource, ResourceId, Selector};
use base::ids::name_of;

/// Recovery points, indexed by the resource that they restore and by their own id.
#[derive(Default)]
pub struct PointIndex {
    pub all: Vec<RecoveryPoint>,
    of: HashMap<ResourceId, Vec<usize>>,
    ids: HashMap<String, Vec<usize>>,
}

impl PointIndex {
    pub fn new(all: Vec<RecoveryPoint>) -> Self {
        let mut of: HashMap<ResourceId, Vec<usize>> = HashMap::new();
        let mut ids: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, point) in all.iter().enumerate() {
            of.entry(point.of.clone()).or_default().push(index);
            ids.entry(name_of(&point.id).to_owned()).or_default().push(index);
        }
        Self { all, of, ids }
    }

    /// The points with this id, which may be an ARN.
    pub fn by_id(&self, id: &str) -> impl Iterator<Item = &RecoveryPoint> {
        self.ids.get(name_of(id)).into_iter().flatten().map(|index| &self.all[*index])
    }

    fn by_resource(&self, id: &ResourceId) -> impl Iterator<Item = &RecoveryPoint> {
        self.of.get(id).into_iter().flatten().map(|index| &self.all[*index])
    }

    /// The points of these kinds that a selector selects. Tags are looked up in `resources`.
    pub fn selected(
        &self,
        selector: &Selector,
        kinds: &[PointKind],
        resources: &[Resource],
    ) -> Vec<RecoveryPoint> {
        let of_kind = |point: &&RecoveryPoint| kinds.contains(&point.kind);
        match selector {
            // A bucket is selected by its own name, whatever resource it is a copy of.
            Selector::Id(id) if id.kind == "s3:bucket" => {
                let of_buckets = self.by_id(&id.name).filter(|point| point.kind != PointKind::Backup);
                let backups = self.by_resource(id).filter(|point| point.kind == PointKind::Backup);
                of_buckets.chain(backups).filter(of_kind).cloned().collect()
            }
            Selector::Id(id) => self.by_resource(id).filter(of_kind).cloned().collect(),
            Selector::Tag { .. } => {
                let tagged = resources.iter().filter(|resource| selector.selects(resource));
                tagged.flat_map(|resource| self.by_resource(&resource.id)).filter(of_kind).cloned().collect()
            }
        }
    }
}

/// Selectors, indexed for a look at many resources. A workload may list each of its resources.
pub struct Selectors<'a> {
    ids: HashSet<&'a ResourceId>,
    tags: Vec<&'a Selector>,
}

impl<'a> Selectors<'a> {
    pub fn new(all: &'a [Selector]) -> Self {
        let (mut ids, mut tags) = (HashSet::new(), Vec::new());
        for selector in all {
            match selector {
                Selector::Id(id) => {
                    ids.insert(id);
                }
                Selector::Tag { .. } => tags.push(selector),
            }
        }
        Self { ids, tags }
    }

    /// Whether any of them selects the resource.
    pub fn selects(&self, resource: &Resource) -> bool {
        self.ids.contains(&resource.id) || self.tags.iter().any(|selector| selector.selects(resource))
    }
}
