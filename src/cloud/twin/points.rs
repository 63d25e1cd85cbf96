//! The estate's recovery points, indexed: an estate may have tens of thousands.

use std::collections::HashMap;

use crate::estate::{RecoveryPoint, ResourceId};

/// Recovery points, found by what they restore and by their own id.
pub struct Points {
    pub all: Vec<RecoveryPoint>,
    of: HashMap<ResourceId, Vec<usize>>,
    ids: HashMap<String, Vec<usize>>,
}

impl Points {
    pub fn new(all: Vec<RecoveryPoint>) -> Self {
        let mut of: HashMap<ResourceId, Vec<usize>> = HashMap::new();
        let mut ids: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, point) in all.iter().enumerate() {
            of.entry(point.of.clone()).or_default().push(index);
            ids.entry(name_of(&point.id).to_owned()).or_default().push(index);
        }
        Self { all, of, ids }
    }

    pub fn by_resource(&self, id: &ResourceId) -> impl Iterator<Item = &RecoveryPoint> {
        self.of.get(id).into_iter().flatten().map(|index| &self.all[*index])
    }

    pub fn by_id(&self, id: &str) -> impl Iterator<Item = &RecoveryPoint> {
        self.ids.get(name_of(id)).into_iter().flatten().map(|index| &self.all[*index])
    }
}

/// An ARN ends in the name.
pub fn name_of(id: &str) -> &str {
    id.rsplit(':').next().unwrap_or(id)
}
