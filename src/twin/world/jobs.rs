//! The restore jobs of AWS Backup on the twin, and what they make.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CreateContext, CreatedResource, Key, World, database, port_of};
use base::duration::Time;
use port::Restorable;
use port::restorable::Put;
use port::{
    AdoptRestored, CloudError, CloudResult, Created, ErrorKind, Kind, ResourceRef, StartRestore, gated,
};

/// What a job restores, and what it has made so far.
pub struct Job {
    start: StartRestore,
    engine: Option<String>,
    made: Option<ResourceRef>,
}

impl World {
    /// Begins a job. Returns its id.
    pub(super) fn start_job(&mut self, start: &StartRestore, engine: Option<&str>) -> String {
        let id = self.id("job");
        let engine = engine.map(str::to_owned);
        self.jobs.insert(id.clone(), Job { start: start.clone(), engine, made: None });
        id
    }

    /// The request of a job of the run.
    pub fn job(&self, id: &str) -> Option<&StartRestore> {
        self.jobs.get(id).map(|job| &job.start)
    }

    /// The id of the job that a request with this name began.
    pub fn job_of(&self, name: &str) -> Option<String> {
        self.jobs.iter().find(|(_, job)| job.start.name == name).map(|(id, _)| id.clone())
    }

    /// Takes over what a job made.
    pub(super) fn adopt(
        &mut self,
        context: &CreateContext<'_>,
        call: &str,
        adopt: &AdoptRestored,
    ) -> CloudResult<Created> {
        let key = (Kind::RestoreJob, adopt.job.clone());
        let entry = self.entries.get(&key).filter(|entry| entry.place == *context.place);
        let Some(entry) = entry.filter(|entry| entry.is_there(context.now)) else {
            return Err(CloudError::new(ErrorKind::NotFound, call, format!("there is no job {}", adopt.job)));
        };
        if entry.ready_at.is_none_or(|at| at > context.now) || entry.unhealthy {
            let said = format!("the job {} has not completed", adopt.job);
            return Err(CloudError::new(ErrorKind::InUse, call, said));
        }
        let resources = self.end_job(&adopt.job, context.ready_at, context.now).into_iter().collect();
        Ok(Created { resources, ..Created::default() })
    }

    /// What the job made, which exists from now on if it did not before. `None`: it made nothing of
    /// its own, but wrote into a bucket.
    fn end_job(&mut self, id: &str, ready_at: Option<Time>, now: Time) -> Option<ResourceRef> {
        let Job { start, engine, made } = self.jobs.get(id)?;
        if let Some(made) = made {
            return Some(made.clone());
        }
        let (start, engine) = (start.clone(), engine.clone());
        let kind = start.restores.row().makes;
        let by_job = self.entries.get(&(Kind::RestoreJob, id.to_owned()))?;
        let (place, by, run, expires, size) =
            (by_job.place.clone(), by_job.by.clone(), by_job.run.clone(), by_job.expires, by_job.size);
        let named = start.name.clone();
        let number = start.metadata.get("port").and_then(|port| port.parse().ok());
        let engine = engine.as_deref();
        let (name, attributes): (String, Vec<(&str, Value)>) = match start.restores {
            Restorable::Database => (named.clone(), database(&named, number, engine, &place.region)),
            Restorable::Cluster | Restorable::DocumentDb | Restorable::Neptune => {
                let mut attributes = database(&named, number, engine, &place.region);
                let reader = format!("{named}.cluster-ro.{}.rds.twin.invalid", place.region);
                let reader = json!(format!("{reader}:{}", port_of(number, engine)));
                attributes.extend([
                    ("reader_endpoint", reader),
                    ("cluster_id", json!(named)),
                    ("members", json!(0)),
                ]);
                (named, attributes)
            }
            Restorable::Instance => {
                let (id, subnet) = (self.id("i"), put(&start, Put::Subnet));
                let ip = subnet.as_ref().map_or_else(|| "10.0.0.10".to_owned(), |s| self.address(s));
                let az = subnet.and_then(|subnet| {
                    self.entries.get(&(Kind::Subnet, subnet))?.attributes.get("az").cloned()
                });
                (id.clone(), vec![("instance_id", json!(id)), ("private_ip", json!(ip)), ("az", json!(az))])
            }
            Restorable::Volume => {
                let id = self.id("vol");
                (id.clone(), vec![("volume_id", json!(id)), ("az", json!(start.az))])
            }
            Restorable::FileSystem => {
                let id = self.id("fs");
                (id.clone(), vec![("file_system_id", json!(id))])
            }
            Restorable::Table => (named.clone(), vec![("table", json!(named))]),
            // The bucket was there before.
            Restorable::Bucket => return None,
        };
        let attributes: BTreeMap<String, Value> =
            attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let key = (kind, name.clone());
        let entry = CreatedResource {
            place: place.clone(),
            by,
            run,
            expires,
            created: now,
            created_at_order: self.next,
            ready_at,
            unhealthy: false,
            gone_at: None,
            uses: uses(&start),
            held_until: None,
            size,
            attributes,
        };
        self.keep(key, entry);
        let made = ResourceRef { kind, id: name, account: place.account, region: place.region };
        self.jobs.get_mut(id)?.made = Some(made.clone());
        Some(made)
    }

    /// Ends with a job in teardown. What it made stands from now on among what the run created.
    ///
    /// # Errors
    ///
    /// The job is still running: no call stops it.
    pub(super) fn finish_job(&mut self, id: &str, now: Time) -> CloudResult<()> {
        let Some(entry) = self.entries.get(&(Kind::RestoreJob, id.to_owned())) else { return Ok(()) };
        if entry.ready_at.is_none_or(|at| at > now) {
            let said = format!("the job {id} is still running, and no call stops it");
            return Err(CloudError::new(ErrorKind::InUse, gated::delete_call(Kind::RestoreJob), said));
        }
        if !entry.unhealthy {
            self.end_job(id, Some(now), now);
        }
        Ok(())
    }
}

/// The value that the metadata have for the meaning of a key.
fn put(start: &StartRestore, what: Put) -> Option<String> {
    let (key, _) = start.restores.row().sets.iter().find(|(_, put)| *put == what)?;
    start.metadata.get(*key).cloned()
}

/// The resources that must not be deleted before what the job makes.
fn uses(start: &StartRestore) -> Vec<Key> {
    let mut uses: Vec<Key> = Vec::new();
    uses.extend(put(start, Put::DbSubnetGroup).map(|group| (Kind::DbSubnetGroup, group)));
    uses.extend(put(start, Put::Subnet).map(|subnet| (Kind::Subnet, subnet)));
    let groups = put(start, Put::Groups).and_then(|list| serde_json::from_str::<Vec<String>>(&list).ok());
    uses.extend(groups.into_iter().flatten().map(|group| (Kind::SecurityGroup, group)));
    uses
}
