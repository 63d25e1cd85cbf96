//! What the twin looks up in its estate, indexed once: an estate may have tens of thousands of
//! resources and recovery points, and as many steps that ask for them.

use std::collections::HashMap;

use base::duration::Size;
use base::ids::Region;
use estate::ResourceId;
use estate::file::{EstateFile, Fault, FaultKind};
use port::{BucketRef, Origin, Place, ResourceRef};

pub struct Production {
    /// The type and the place of each resource and recovery point, by name.
    by_name: HashMap<String, Vec<(String, Place)>>,
    /// The engines of databases, by their ids and, of instances, by their names.
    engines: HashMap<ResourceId, String>,
    instances: HashMap<String, String>,
    sizes_of_buckets: HashMap<String, Size>,
    /// Objects that are written to a bucket after T0, by its name and the region of its recovery
    /// point.
    late: HashMap<(String, Region), u64>,
    /// The faults that a step names, by step and in their order.
    faults: HashMap<String, Vec<Fault>>,
}

impl Production {
    pub fn new(file: &EstateFile) -> Self {
        let engines = file.engines();
        let mut instances = HashMap::new();
        for (id, engine) in engines.iter().filter(|(id, _)| id.kind == "rds:db") {
            instances.entry(id.name.clone()).or_insert_with(|| (*engine).to_owned());
        }
        let mut faults: HashMap<String, Vec<Fault>> = HashMap::new();
        for fault in &file.faults {
            if let Some(step) = &fault.step {
                faults.entry(step.clone()).or_default().push(fault.clone());
            }
        }
        let mut late = HashMap::new();
        for point in file.recovery_points.iter().filter(|p| p.of.kind == "s3:bucket" && p.late_objects > 0) {
            *late.entry((point.id.clone(), point.region.clone())).or_default() += point.late_objects;
        }
        Self {
            by_name: by_name(file),
            engines: engines.into_iter().map(|(id, engine)| (id.clone(), engine.to_owned())).collect(),
            instances,
            sizes_of_buckets: file
                .bucket_sizes()
                .into_iter()
                .map(|(name, size)| (name.to_owned(), size))
                .collect(),
            late,
            faults,
        }
    }

    /// Whether the estate has the resource.
    pub fn has(&self, resource: &ResourceRef) -> bool {
        let place = resource.place();
        let named = self.by_name.get(&resource.id).into_iter().flatten();
        named.into_iter().any(|(kind, at)| kind == resource.kind.name() && *at == place)
    }

    pub fn engine(&self, id: &ResourceId) -> Option<&str> {
        self.engines.get(id).map(String::as_str)
    }

    /// The engine of a DB instance, by its name.
    pub fn engine_of_instance(&self, name: &str) -> Option<&str> {
        self.instances.get(name).map(String::as_str)
    }

    /// The size of a bucket. 0: unknown.
    pub fn size_of_bucket(&self, name: &str) -> Size {
        self.sizes_of_buckets.get(name).copied().unwrap_or_default()
    }

    /// How many objects production writes to a bucket while the drill runs.
    pub fn late_objects(&self, bucket: &BucketRef) -> u64 {
        self.late.get(&(bucket.name.clone(), bucket.region.clone())).copied().unwrap_or_default()
    }

    /// The fault that a call meets.
    pub fn fault(&self, origin: &Origin) -> Option<FaultKind> {
        let meets = |fault: &&Fault| {
            fault.attempt.is_none_or(|attempt| attempt == origin.attempt) && fault.error.meets_calls()
        };
        self.faults.get(&origin.by)?.iter().find(meets).map(|fault| fault.error)
    }

    /// Whether what a step created cannot be deleted.
    pub fn is_stuck(&self, step: &str) -> bool {
        let faults = self.faults.get(step).into_iter().flatten();
        faults.into_iter().any(|fault| fault.error == FaultKind::WillNotDelete)
    }
}

fn by_name(file: &EstateFile) -> HashMap<String, Vec<(String, Place)>> {
    let mut named: HashMap<String, Vec<(String, Place)>> = HashMap::new();
    for resource in &file.resources {
        if let Some(region) = &resource.region {
            let place = Place { account: resource.account.clone(), region: region.clone() };
            named.entry(resource.id.name.clone()).or_default().push((resource.id.kind.clone(), place));
        }
    }
    for point in &file.recovery_points {
        let place = Place { account: point.account.clone(), region: point.region.clone() };
        named.entry(point.id.clone()).or_default().push((point.kind.resource_kind().to_owned(), place));
    }
    named
}
