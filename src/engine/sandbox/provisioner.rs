//! Creates and deletes resources. Nothing else does.
//!
//! The intent is written before each call (and synced on AWS). A call in flight is never dropped,
//! so its outcome is always known, or known to be unknown.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::memory::{Answer, RequestLog, UnansweredRestore};
use base::clock::Clock;
use base::digest::{digest_of, sha256};
use base::duration::{Span, Time};
use base::ids::RunId;
use base::redact;
use event::{Body, Bus, ConsumerError, Request, TEARDOWN};
use port::Guard;
use port::gated::delete_call;
use port::{
    AdoptRestored, Cloud, CloudError, CloudResult, CopiedObjects, CopyObjects, CopyPoint, Create,
    CreateFunction, CreateVolume, Created, DeployStack, ErrorKind, INVOKE, Invoked, Operation, Origin, Place,
    Progress, ResourceRef, RestoreCluster, RestoreClusterToTime, RestoreDb, RestoreDbToTime, RestoreTable,
    RestoreTableToTime, RunInstances, RunTags, Sent, StartRestore, TableSettings,
};

/// The reason why something was not created.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProvisionError {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The journal could not store the intent, so the call was not made.
    #[error("nothing was done: {0}")]
    Journal(#[from] ConsumerError),
    /// The request differs from the earlier one with the same client token. Its resources are
    /// discarded.
    #[error("{call}: what was asked for before, as {token}, differs from what is asked for now")]
    Changed { call: &'static str, token: String },
}

pub struct Provisioner {
    cloud: Rc<dyn Cloud>,
    bus: Rc<Bus>,
    guard: Guard,
    /// The run's requests. Each event that is emitted here updates them.
    requests: RefCell<RequestLog>,
    /// The first and last requests for deletion by an earlier process of this run.
    deleting: HashMap<ResourceRef, (Time, Time)>,
    in_flight: Cell<usize>,
    landed: Notify,
    /// What stands already, by client token.
    standing: RefCell<Standing>,
}

/// The parts of a standing sandbox that a provisioner hands out instead of making them.
#[derive(Debug, Default)]
struct Standing {
    by_token: HashMap<String, ResourceRef>,
    /// Whether what is missing is an error.
    is_whole: bool,
}

impl Provisioner {
    /// `requests` holds the requests of a resumed run. It is empty for a new one.
    pub fn new(cloud: Rc<dyn Cloud>, bus: Rc<Bus>, guard: Guard, requests: RequestLog) -> Rc<Self> {
        Rc::new(Self {
            cloud,
            bus,
            guard,
            deleting: requests.deletions().clone(),
            requests: RefCell::new(requests),
            in_flight: Cell::new(0),
            landed: Notify::new(),
            standing: RefCell::default(),
        })
    }

    /// From now on hands out what stands already, by client token. `is_whole`: nothing is made beside it.
    pub fn stands(&self, by_token: HashMap<String, ResourceRef>, is_whole: bool) {
        for resource in by_token.values() {
            self.adopt(resource);
        }
        self.standing.replace(Standing { by_token, is_whole });
    }

    /// The part of a standing sandbox in a slot.
    pub fn part(&self, by: &str, slot: &str) -> Option<ResourceRef> {
        self.standing.borrow().by_token.get(&self.name(by, slot)).cloned()
    }

    /// The first name that a run gives to the resource of `by` in `slot`.
    pub fn name_of(run: &RunId, by: &str, slot: &str) -> String {
        named(run, by, slot, 0)
    }

    fn standing_by(&self, origin: &Origin, call: &'static str) -> Result<Option<Created>, CloudError> {
        let standing = self.standing.borrow();
        match standing.by_token.get(&origin.token) {
            Some(resource) => Ok(Some(Created { resources: vec![resource.clone()], ..Created::default() })),
            None if standing.is_whole => {
                let said = format!("the standing sandbox has no {}", origin.token);
                Err(CloudError::new(ErrorKind::NotFound, call, said).help("run `drillmaster sandbox up`"))
            }
            None => Ok(None),
        }
    }

    pub fn cloud(&self) -> &Rc<dyn Cloud> {
        &self.cloud
    }

    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    pub fn run_tags(&self) -> &RunTags {
        self.guard.run_tags()
    }

    /// All resources that this run created, in the order of creation.
    pub fn created(&self) -> Vec<ResourceRef> {
        self.requests.borrow().created().iter().cloned().collect()
    }

    /// The first of them that is meant.
    pub fn find(&self, is_meant: impl Fn(&ResourceRef) -> bool) -> Option<ResourceRef> {
        self.requests.borrow().created().iter().find(|resource| is_meant(resource)).cloned()
    }

    /// The created resources that are not known to be gone.
    pub fn standing(&self) -> Vec<ResourceRef> {
        let requests = self.requests.borrow();
        requests.created().iter().filter(|r| !requests.is_deleted(r)).cloned().collect()
    }

    /// Whether this run created the resource, as far as is known.
    pub fn has_created(&self, resource: &ResourceRef) -> bool {
        self.requests.borrow().created().contains(resource)
    }

    /// Whether the resource was seen to be gone.
    pub fn is_deleted(&self, resource: &ResourceRef) -> bool {
        self.requests.borrow().is_deleted(resource)
    }

    /// The last time of an intent or answer among requests with an unknown outcome.
    pub fn last_unknown(&self) -> Option<Time> {
        self.requests.borrow().last_unknown()
    }

    /// The restores by AWS Backup whose start got no answer, by their tokens. No search by tag finds
    /// their jobs.
    pub fn unanswered_restores(&self) -> BTreeMap<String, UnansweredRestore> {
        self.requests.borrow().unanswered_restores()
    }

    /// Records the job that an unanswered start began.
    pub fn found_job(&self, token: &str, job: ResourceRef) {
        self.tell(Body::Created {
            by: TEARDOWN.into(),
            token: token.to_owned(),
            outputs: BTreeMap::from([("job".to_owned(), job.id.clone().into())]),
            resources: vec![job],
            restored_to: None,
        });
    }

    /// The copies by AWS Backup whose start got no answer.
    pub fn unanswered_copies(&self) -> Vec<CopyPoint> {
        self.requests.borrow().unanswered_copies().into_iter().cloned().collect()
    }

    /// The places to search for resources whose creating call got no answer.
    pub fn places(&self) -> Vec<Place> {
        self.requests.borrow().places().iter().cloned().collect()
    }

    /// Emits an event, and updates the requests with it.
    pub fn tell(&self, body: Body) {
        // `Bus::broken` keeps the error. The engine checks it before it goes on.
        let _ = self.emit(body);
    }

    fn emit(&self, body: Body) -> Result<(), ConsumerError> {
        let (event, stored) = self.bus.send(body);
        self.requests.borrow_mut().apply(&event);
        stored
    }

    /// The name of the resource that `by` creates in `slot`. It stays the same until
    /// [`Self::discard`]. It has at most 63 characters of `a-z0-9-`, begins with a letter, and has
    /// no doubled or final hyphen. These are the rules of RDS, the strictest.
    pub fn name(&self, by: &str, slot: &str) -> String {
        let generation = self.requests.borrow().generation(by);
        named(&self.run_tags().run, by, slot, generation)
    }

    /// Discards the resources of `by`. Its next attempt creates new ones under new names.
    pub fn discard(&self, by: &str, because: &str) {
        self.tell(Body::Discarded { by: by.to_owned(), because: because.to_owned() });
    }

    pub fn origin(&self, by: &str, attempt: u32, slot: &str) -> Origin {
        Origin::new(by, attempt, self.name(by, slot))
    }

    /// Writes the intent before a call that creates something.
    fn intend(&self, origin: &Origin, place: &Place, call: &str, what: Request) -> Result<(), ConsumerError> {
        self.emit(Body::Intent {
            by: origin.by.clone(),
            attempt: origin.attempt,
            call: call.to_owned(),
            token: origin.token.clone(),
            account: place.account.clone(),
            region: place.region.clone(),
            what,
        })
    }

    /// Creates something in `slot` of `by`. A repeated call with the same slot is the same request.
    /// If the journal has its answer, that answer is returned. If the outcome is unknown, the port
    /// looks for the resource before creating it.
    pub async fn create(
        self: &Rc<Self>,
        place: &Place,
        by: &str,
        attempt: u32,
        slot: &str,
        what: Create,
    ) -> Result<Created, ProvisionError> {
        let place = what.place(place);
        let mut origin = self.origin(by, attempt, slot);
        if let Some(found) = self.standing_by(&origin, what.call())? {
            return Ok(found);
        }
        let described = describe(&what);
        let known = self.requests.borrow().request(&origin.token).cloned();
        if let Some(known) = known.filter(|known| known.answer != Answer::Refused) {
            if known.what != described {
                let changed = ProvisionError::Changed { call: what.call(), token: origin.token };
                self.discard(by, &changed.to_string());
                return Err(changed);
            }
            match known.answer {
                Answer::Created(created) => return Ok(created),
                Answer::Refused | Answer::Unknown => {
                    (origin.unsure, origin.since) = (true, Some(known.since));
                }
            }
        }
        self.intend(&origin, place, what.call(), described)?;
        let (provisioner, place, call) = (Rc::clone(self), place.clone(), what.call());
        // Counts from here on. Teardown must not begin before the task has run for the first time.
        let flight = InFlight::new(self);
        let asked = origin.clone();
        // The task is separate, so that an interruption or a time-out of the step does not drop a
        // request in flight.
        let task = tokio::task::spawn_local(async move {
            let answer = provisioner.make(&place, &origin, &what).await;
            provisioner.record(&origin, &answer);
            drop(flight);
            answer
        });
        let answer = task.await.unwrap_or_else(|ended| {
            let said = format!("the request was abandoned: {ended}");
            let answer = Err(CloudError::new(ErrorKind::Server, call, said).sent(Sent::Maybe));
            self.record(&asked, &answer);
            answer
        });
        Ok(answer?)
    }

    async fn make(&self, place: &Place, origin: &Origin, what: &Create) -> CloudResult<Created> {
        let permit = self.guard.permit_creation(place, what).await?;
        self.cloud.create(&permit, origin, what).await
    }

    fn record(&self, origin: &Origin, answer: &CloudResult<Created>) {
        // A new attempt may repeat the request while the previous one is still in flight. A
        // creation is reported once, and the answer to the other request does not revoke it.
        let known = self.requests.borrow().request(&origin.token).map(|request| request.answer.clone());
        if matches!(known, Some(Answer::Created(_))) {
            return;
        }
        match answer {
            Ok(created) => self.tell(Body::Created {
                by: origin.by.clone(),
                token: origin.token.clone(),
                resources: created.resources.clone(),
                outputs: created.outputs.clone(),
                restored_to: created.restored_to,
            }),
            Err(error) => self.tell(Body::NotCreated {
                by: origin.by.clone(),
                token: origin.token.clone(),
                error: error.to_string(),
                sent: error.sent,
            }),
        }
    }

    /// When this attempt made the request first, if it did before the runner died.
    fn asked_since(&self, token: &str, attempt: u32) -> Option<Time> {
        let requests = self.requests.borrow();
        requests.request(token).filter(|known| known.attempt == attempt).map(|known| known.since)
    }

    /// Copies objects into a bucket of this run. Objects that an earlier attempt copied are kept.
    pub async fn copy_objects(
        &self,
        by: &str,
        attempt: u32,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> Result<CopiedObjects, ProvisionError> {
        let mut origin = self.origin(by, attempt, "copy");
        // A resumed attempt goes on. A new attempt begins its copy now.
        origin.since = self.asked_since(&origin.token, attempt);
        let place = copy.to.place();
        self.intend(&origin, &place, COPY_OBJECTS, Request::CopyObjects(Box::new(copy.clone())))?;
        let answer = match self.guard.permit(&place, Operation::Write, COPY_OBJECTS).await {
            Ok(permit) => self.cloud.copy_objects(&permit, &origin, copy, progress).await,
            Err(refused) => Err(refused),
        };
        // The bucket of the copies is already in the journal.
        self.record(&origin, &answer.as_ref().map(|_| Created::default()).map_err(Clone::clone));
        Ok(answer?)
    }

    /// Invokes the probe, which this run made. It changes nothing, so no intent is recorded.
    ///
    /// # Errors
    /// As the guard's and the cloud's.
    pub async fn invoke(
        &self,
        by: &str,
        function: &str,
        payload: Vec<u8>,
        limit: Duration,
    ) -> CloudResult<Invoked> {
        let (origin, place) = (self.origin(by, 1, "probe"), self.guard.sandbox().clone());
        let permit = self.guard.permit(&place, Operation::Invoke, INVOKE).await?;
        self.cloud.invoke(&permit, &origin, function, payload, limit).await
    }

    /// Adds a resource that was found by its tag and is not in the journal.
    pub fn adopt(&self, resource: &ResourceRef) {
        if self.has_created(resource) {
            return;
        }
        self.tell(Body::Created {
            by: TEARDOWN.into(),
            token: String::new(),
            resources: vec![resource.clone()],
            outputs: BTreeMap::new(),
            restored_to: None,
        });
    }

    /// The first and last request to delete the resource, if a process of this run made them that
    /// ended without a gap.
    pub fn deleting(&self, resource: &ResourceRef) -> Option<(Time, Time)> {
        self.deleting.get(resource).copied()
    }

    /// Begins to delete one resource of this run. Unlike creating, this goes on if the journal
    /// cannot be written. Only resources with the run's tag are deleted, and it would be worse to
    /// leave them because a disk is full or a reader has gone.
    pub async fn delete(&self, resource: &ResourceRef) -> Result<(), ProvisionError> {
        self.tell(Body::DeleteIntent { resource: resource.clone() });
        let origin = self.origin(TEARDOWN, 1, &resource.id);
        let permit =
            self.guard.permit(&resource.place(), Operation::Delete, delete_call(resource.kind)).await?;
        let progress = |deleted: Progress| {
            let text = format!("{} objects deleted", deleted.objects);
            self.tell(Body::Progress { id: resource.to_string(), text, done: None });
        };
        Ok(self.cloud.delete(&permit, &origin, resource, &progress).await?)
    }

    /// Waits until no creating call is in flight, or until the time limit. Returns `false` if a
    /// call is still in flight. Its resource will carry the run's tag anyway.
    pub async fn settle(&self, clock: &Clock) -> bool {
        let landed = async {
            loop {
                let landed = self.landed.notified();
                if self.in_flight.get() == 0 {
                    return;
                }
                landed.await;
            }
        };
        clock.timeout_at(clock.now() + Span(SETTLES_WITHIN).delta(), landed).await.is_some()
    }
}

/// A creation may consist of several calls, each with retries. The clients' own limit for each call
/// is five minutes.
const SETTLES_WITHIN: Duration = Duration::from_mins(15);

/// Counts a creating call in flight until its task ends in any way.
struct InFlight(Rc<Provisioner>);

impl InFlight {
    fn new(provisioner: &Rc<Provisioner>) -> Self {
        provisioner.in_flight.set(provisioner.in_flight.get() + 1);
        Self(Rc::clone(provisioner))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
        self.0.landed.notify_waiters();
    }
}

/// The name of the call in intents that copy objects.
const COPY_OBJECTS: &str = "s3:CopyObject";

/// The request as the journal stores it. Keys and user data are left out, because they may hold
/// secrets. Secrets in a stack's parameters are replaced. A digest replaces a template's text, which is long and already in the journal's first
/// record. The result still reads back as a request.
///
/// The patterns name every field, so that a new field does not compile until someone has decided
/// whether it may be stored.
fn describe(what: &Create) -> Request {
    let left_out = || "(not recorded)".to_owned();
    let mut what = what.clone();
    match &mut what {
        Create::Stack(DeployStack { template, name: _, parameters, capabilities: _ }) => {
            *template = digest_of(template);
            for value in parameters.values_mut() {
                redact::string(value);
            }
        }
        Create::KeyPair { public_key, name: _ } => *public_key = left_out(),
        Create::StartRestore(StartRestore {
            metadata,
            recovery_point: _,
            restores: _,
            role: _,
            az: _,
            kms_key: _,
            name: _,
            size: _,
        }) => {
            for value in metadata.values_mut() {
                redact::string(value);
            }
        }
        Create::Db(db)
        | Create::DbToTime(RestoreDbToTime { db, to: _ })
        | Create::DbReplica { db, source: _, source_region: _, kms_key: _ } => describe_db(db),
        Create::Instances(RunInstances {
            user_data,
            image: _,
            instance_type: _,
            count: _,
            subnets: _,
            security_groups: _,
            key_name: _,
            name: _,
        }) => *user_data = user_data.as_ref().map(|_| left_out()),
        Create::Vpc { cidr: _, name: _ }
        | Create::Subnet { vpc: _, cidr: _, az: _, name: _ }
        | Create::SecurityGroup { vpc: _, vpc_cidr: _, name: _, only_out: _ }
        | Create::DbSubnetGroup { name: _, subnets: _ }
        | Create::Bucket { name: _, versioned: _ }
        | Create::CopySnapshot { source: _, source_region: _, kms_key: _, name: _, size: _ }
        | Create::CopyImage { source: _, source_region: _, kms_key: _, name: _, size: _ }
        | Create::CopyDbSnapshot {
            source: _,
            source_region: _,
            kms_key: _,
            option_group: _,
            name: _,
            size: _,
        }
        | Create::CopyDbClusterSnapshot { source: _, source_region: _, kms_key: _, name: _, size: _ }
        | Create::Volume(CreateVolume {
            snapshot: _,
            az: _,
            volume_type: _,
            iops: _,
            throughput: _,
            initialization_rate: _,
            name: _,
            size: _,
        })
        | Create::AttachVolume { volume: _, instance: _, device: _ }
        | Create::Address { name: _ }
        | Create::DbCluster(RestoreCluster {
            snapshot: _,
            name: _,
            engine: _,
            engine_version: _,
            subnet_group: _,
            security_groups: _,
            parameter_group: _,
            port: _,
            serverless: _,
            size: _,
        })
        | Create::DbClusterToTime(RestoreClusterToTime {
            source: _,
            to: _,
            name: _,
            engine: _,
            subnet_group: _,
            security_groups: _,
            parameter_group: _,
            port: _,
            serverless: _,
            kms_key: _,
            storage_type: _,
            multi_az: _,
            size: _,
        })
        | Create::DbClusterInstance { cluster: _, name: _, class: _, engine: _, index: _ }
        | Create::Table(RestoreTable {
            source: _,
            source_region: _,
            name: _,
            billing: _,
            capacity: _,
            without_indexes: _,
            kms_key: _,
            size: _,
        })
        | Create::TableToTime(RestoreTableToTime {
            table:
                RestoreTable {
                    source: _,
                    source_region: _,
                    name: _,
                    billing: _,
                    capacity: _,
                    without_indexes: _,
                    kms_key: _,
                    size: _,
                },
            to: _,
        })
        | Create::SetTable(TableSettings { table: _, ttl: _, stream: _, pitr: _, tags: _ })
        | Create::Vault { name: _, kms_key: _, admits: _ }
        | Create::CopyPoint(CopyPoint {
            recovery_point: _,
            from: _,
            source_vault: _,
            to: _,
            vault: _,
            role: _,
            name: _,
            size: _,
            created: _,
        })
        | Create::MountTarget { file_system: _, subnet: _, group: _, name: _ }
        | Create::Function(CreateFunction {
            name: _,
            role: _,
            subnet: _,
            group: _,
            architecture: _,
            sha256: _,
        })
        | Create::DomainList { name: _, domains: _ }
        | Create::RuleGroup { name: _, vpc: _, rules: _ }
        | Create::OverrideRule { group: _, list: _, to: _, name: _, order: _ }
        | Create::QueryLog { name: _, vpc: _, bucket: _ }
        | Create::Zone { name: _, vpc: _, domain: _ }
        | Create::Record { zone: _, domain: _, to: _ }
        | Create::AdoptRestored(AdoptRestored { job: _, restores: _, landing: _, name: _ })
        | Create::PromoteReplica { db: _, size: _ } => {}
    }
    Request::Create(Box::new(what))
}

/// The engine is looked up and is not part of the request.
fn describe_db(db: &mut RestoreDb) {
    let RestoreDb {
        engine,
        source: _,
        name: _,
        class: _,
        subnet_group: _,
        security_groups: _,
        parameter_group: _,
        option_group: _,
        multi_az: _,
        az: _,
        port: _,
        size: _,
    } = db;
    *engine = None;
}

fn named(run: &RunId, by: &str, slot: &str, generation: u32) -> String {
    let mut text = run.name_prefix() + by;
    if slot.is_empty() && generation == 0 && by == tidy(by) {
        return tidy(&text);
    }
    if !slot.is_empty() {
        text = format!("{text}-{slot}");
    }
    if generation > 0 {
        text = format!("{text}-r{generation}");
    }
    // Joining or tidying could make two names equal. A digest of the parts keeps them apart.
    tidy(&format!("{}-{}", tidy(&text), digest(&format!("{by}\0{slot}\0{generation}"))))
}

/// Eight characters of a text's digest.
fn digest(text: &str) -> String {
    sha256(text).chars().take(8).collect()
}

fn tidy(text: &str) -> String {
    let mut name = String::new();
    for c in text.to_lowercase().chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '-' };
        if c != '-' || !name.ends_with('-') {
            name.push(c);
        }
    }
    if name.len() > 63 {
        // Long step ids may differ only at their end.
        name.truncate(54);
        name = format!("{}-{}", name.trim_end_matches('-'), digest(text));
    }
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Consumer, Event};
    use port::fake::Fake;

    #[derive(Clone, Default)]
    struct Log(Rc<RefCell<Vec<Body>>>);

    impl Consumer for Log {
        fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
            self.0.borrow_mut().push(event.body.clone());
            Ok(())
        }
    }

    /// Teardown does not wait forever for a request that panicked. The journal says that it may
    /// have taken effect.
    #[test]
    fn a_request_that_panics_may_have_been_sent() {
        let clock = Clock::real();
        let log = Log::default();
        let bus = Bus::new(clock.clone(), 0, vec![Box::new(log.clone())]);
        let cloud = Rc::new(Fake {
            create: |_: &Create| -> CloudResult<Created> { panic!("a defect") },
            observe: |_: &str| unreachable!(),
            observed: RefCell::default(),
        });
        let run_tags = RunTags::new(base::ids::RunId("20260101T000000Z-x-1f3a".into()), clock.now());
        let place = Place { account: "222222222222".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let guard = Guard::new(cloud.clone(), place.clone(), run_tags, port::Protected::default());
        guard.enter(event::Phase::Recover);
        let provisioner = Provisioner::new(cloud, bus, guard, RequestLog::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        let (answer, settled) = runtime.block_on(local.run_until(async {
            let what = Create::Address { name: "front".into() };
            let answer = provisioner.create(&place, "step", 1, "", what).await;
            (answer, provisioner.settle(&clock).await)
        }));
        let Err(ProvisionError::Cloud(error)) = answer else { panic!("{answer:?}") };
        assert_eq!((error.call.as_str(), error.sent), ("ec2:AllocateAddress", Sent::Maybe));
        assert!(settled);
        let told = log.0.borrow();
        assert!(matches!(&told[1], Body::NotCreated { sent: Sent::Maybe, .. }), "{told:?}");
    }

    /// No search finds a job by a tag. A refusal of the second try does not show that the first one
    /// had no effect.
    #[test]
    fn a_restore_whose_start_got_no_answer_is_told_until_an_answer_names_the_job() {
        let clock = Clock::real();
        let bus = Bus::new(clock.clone(), 0, Vec::new());
        let tries = Cell::new(0);
        let cloud = Rc::new(Fake {
            create: move |_: &Create| -> CloudResult<Created> {
                tries.set(tries.get() + 1);
                match tries.get() {
                    1 => Err(CloudError::new(ErrorKind::Network, "backup:StartRestoreJob", "cut")),
                    2 => Err(CloudError::new(ErrorKind::Forbidden, "backup:StartRestoreJob", "no")),
                    _ => Ok(Created::default()),
                }
            },
            observe: |_: &str| unreachable!(),
            observed: RefCell::default(),
        });
        let run_tags = RunTags::new(base::ids::RunId("20260101T000000Z-x-1f3a".into()), clock.now());
        let place = Place { account: "222222222222".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let guard = Guard::new(cloud.clone(), place.clone(), run_tags, port::Protected::default());
        guard.enter(event::Phase::Recover);
        let provisioner = Provisioner::new(cloud, bus, guard, RequestLog::default());
        let point = "arn:aws:backup:us-west-2:222222222222:recovery-point:1";
        let start = Create::StartRestore(StartRestore {
            recovery_point: point.into(),
            restores: port::Restorable::FileSystem,
            role: "arn:aws:iam::222222222222:role/restore".into(),
            metadata: std::collections::BTreeMap::new(),
            az: None,
            kms_key: None,
            name: "dm-1f3a-files".into(),
            size: base::duration::Size(0),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        let told = runtime.block_on(local.run_until(async {
            let mut told = Vec::new();
            for attempt in 1..=3 {
                let _ = provisioner.create(&place, "files", attempt, "", start.clone()).await;
                let unanswered = provisioner.unanswered_restores().into_values();
                told.push(unanswered.map(|lost| lost.start.recovery_point).collect::<Vec<_>>());
            }
            told
        }));
        assert_eq!(told, [vec![point.to_owned()], vec![point.to_owned()], Vec::new()]);
    }

    #[test]
    fn names_of_different_steps_differ() {
        let parts = [
            ("vault-db", "", 0),
            ("vault_db", "", 0),
            ("Vault-db", "", 0),
            ("vault", "db", 0),
            ("vault-db-r1", "", 0),
            ("vault-db", "", 1),
            ("vault", "db", 1),
        ];
        let run = RunId("1f3a".into());
        let names: std::collections::BTreeSet<String> =
            parts.iter().map(|(by, slot, generation)| named(&run, by, slot, *generation)).collect();
        assert_eq!(names.len(), parts.len(), "{names:?}");
        assert!(names.contains("dm-1f3a-vault-db"), "a plain id stays readable: {names:?}");
    }

    #[test]
    fn names_fit_rds_and_stay_apart() {
        let long = "a".repeat(80);
        let (a, b) = (tidy(&format!("dm-1f3a-{long}-1")), tidy(&format!("dm-1f3a-{long}-2")));
        assert_ne!(a, b);
        for name in [a, b, tidy("dm-1f3a-web_1..x-"), tidy("DM--x")] {
            assert!(name.len() <= 63 && !name.contains("--") && !name.ends_with('-'), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        }
    }
}
