//! Indexes of resources, recovery points and selectors. An estate may have tens of thousands of
//! each.

use std::collections::{HashMap, HashSet};

use super::{PointKind, RecoveryPoint, Resource, ResourceId, Selector};
use base::ids::name_of;

/// Resources, indexed by their names, types and tags.
#[derive(Debug, Clone, Default)]
pub struct ResourceIndex {
    pub all: Vec<Resource>,
    names: HashMap<String, Vec<usize>>,
    tags: HashMap<(String, String), Vec<usize>>,
    kinds: HashSet<String>,
}

impl ResourceIndex {
    pub fn new(all: Vec<Resource>) -> Self {
        let mut index = Self::default();
        for (at, resource) in all.iter().enumerate() {
            add(&mut index.names, &resource.id.name, at);
            for (key, value) in &resource.tags {
                index.tags.entry((key.clone(), value.clone())).or_default().push(at);
            }
            if !index.kinds.contains(&resource.id.kind) {
                index.kinds.insert(resource.id.kind.clone());
            }
        }
        Self { all, ..index }
    }

    /// Whether there is a resource of this type.
    pub fn has_kind(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    /// Where in `all` the resources are that a selector selects.
    pub fn positions(&self, selector: &Selector) -> Vec<usize> {
        let candidates = match selector {
            Selector::Id(id) => self.names.get(&id.name),
            Selector::Tag { kind: _, key, value } => self.tags.get(&(key.clone(), value.clone())),
        };
        let candidates = candidates.into_iter().flatten().copied();
        candidates.filter(|at| self.all.get(*at).is_some_and(|of| selector.selects(of))).collect()
    }

    /// The resources that a selector selects.
    pub fn selected(&self, selector: &Selector) -> impl Iterator<Item = &Resource> {
        self.positions(selector).into_iter().filter_map(|at| self.all.get(at))
    }

    /// The resources of this name, of any type.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Resource> {
        self.names.get(name).into_iter().flatten().filter_map(|at| self.all.get(*at))
    }

    /// The first resource with this id.
    pub fn get(&self, id: &ResourceId) -> Option<&Resource> {
        self.named(&id.name).find(|resource| resource.id == *id)
    }
}

/// Recovery points, indexed by the name of the resource that they restore and by their own id.
#[derive(Default)]
pub struct PointIndex {
    pub all: Vec<RecoveryPoint>,
    of: HashMap<String, Vec<usize>>,
    ids: HashMap<String, Vec<usize>>,
}

impl PointIndex {
    pub fn new(all: Vec<RecoveryPoint>) -> Self {
        let mut of: HashMap<String, Vec<usize>> = HashMap::new();
        let mut ids: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, point) in all.iter().enumerate() {
            add(&mut of, &point.of.name, at);
            add(&mut ids, name_of(&point.id), at);
        }
        Self { all, of, ids }
    }

    /// The points with this id, which may be an ARN.
    pub fn by_id(&self, id: &str) -> impl Iterator<Item = &RecoveryPoint> {
        self.ids.get(name_of(id)).into_iter().flatten().filter_map(|at| self.all.get(*at))
    }

    /// The points with this id, or of a resource of this name, in their order.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &RecoveryPoint> {
        let both = [&self.ids, &self.of].into_iter().filter_map(|index| index.get(name)).flatten();
        let mut both: Vec<usize> = both.copied().collect();
        both.sort_unstable();
        both.dedup();
        both.into_iter().filter_map(|at| self.all.get(at))
    }

    fn by_resource(&self, id: &ResourceId) -> impl Iterator<Item = &RecoveryPoint> {
        let named = self.of.get(&id.name).into_iter().flatten().filter_map(|at| self.all.get(*at));
        named.filter(move |point| point.of == *id)
    }

    /// The points of these kinds that a selector selects. Tags are looked up in `resources`.
    pub fn selected(
        &self,
        selector: &Selector,
        kinds: &[PointKind],
        resources: &ResourceIndex,
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
                let tagged = resources.selected(selector);
                tagged.flat_map(|resource| self.by_resource(&resource.id)).filter(of_kind).cloned().collect()
            }
        }
    }
}

/// Adds a position under a key. Most keys are there already where a key has many.
fn add(index: &mut HashMap<String, Vec<usize>>, key: &str, at: usize) {
    match index.get_mut(key) {
        Some(known) => known.push(at),
        None => {
            index.insert(key.to_owned(), vec![at]);
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
