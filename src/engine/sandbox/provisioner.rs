//! The only handle through which anything is created or deleted. Intent is written (and, on aws, synced) before
//! each call; the call itself is never dropped half-way, so that what it did is always known or known to be unknown.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::memory::{Answer, Memory};
use base::clock::Clock;
use base::digest::digest_of;
use base::duration::{Span, Time};
use event::{Body, Bus, ConsumerError, Request, TEARDOWN};
use port::Guard;
use port::gated::delete_call;
use port::{
    Cloud, CloudError, CloudResult, CopiedObjects, CopyObjects, Create, CreateVolume, Created, DeployStack,
    ErrorKind, Operation, Origin, Place, Progress, ResourceRef, RestoreCluster, RestoreDb, RestoreDbToTime,
    RunInstances, RunTags, Sent,
};

/// Why something was not created.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProvisionError {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The journal could not take the intent: the call was not made.
    #[error("nothing was done: {0}")]
    Journal(#[from] ConsumerError),
    /// The request differs from what stands on record under its token. What was made is given up.
    #[error("{call}: what was asked for before, as {token}, differs from what is asked for now")]
    Changed { call: &'static str, token: String },
}

pub struct Provisioner {
    cloud: Rc<dyn Cloud>,
    bus: Rc<Bus>,
    guard: Guard,
    /// What the run's records say, kept up with each event that is told here.
    memory: RefCell<Memory>,
    /// When a process that this one goes on from first and last asked for deletions.
    deleting: HashMap<ResourceRef, (Time, Time)>,
    in_flight: Cell<usize>,
    landed: Notify,
}

impl Provisioner {
    /// `memory`: what the records of a run say that goes on; empty for a new run.
    pub fn new(cloud: Rc<dyn Cloud>, bus: Rc<Bus>, guard: Guard, memory: Memory) -> Rc<Self> {
        Rc::new(Self {
            cloud,
            bus,
            guard,
            deleting: memory.deletions().clone(),
            memory: RefCell::new(memory),
            in_flight: Cell::new(0),
            landed: Notify::new(),
        })
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

    /// All that exists because of this run, in the order of creation.
    pub fn created(&self) -> Vec<ResourceRef> {
        self.memory.borrow().created().iter().cloned().collect()
    }

    /// What was created and is not known to be gone.
    pub fn standing(&self) -> Vec<ResourceRef> {
        let memory = self.memory.borrow();
        memory.created().iter().filter(|r| !memory.is_deleted(r)).cloned().collect()
    }

    /// Whether it was made by this run, as far as is known.
    pub fn has_created(&self, resource: &ResourceRef) -> bool {
        self.memory.borrow().created().contains(resource)
    }

    /// Whether it was seen to be gone.
    pub fn is_deleted(&self, resource: &ResourceRef) -> bool {
        self.memory.borrow().is_deleted(resource)
    }

    /// When something was last heard of a request of which nobody knows whether it made something.
    pub fn last_unknown(&self) -> Option<Time> {
        self.memory.borrow().last_unknown()
    }

    /// Places to look for what a lost answer left behind.
    pub fn places(&self) -> Vec<Place> {
        self.memory.borrow().places().iter().cloned().collect()
    }

    /// Tells an event, and remembers what it says.
    pub fn tell(&self, body: Body) {
        // The error is kept in `Bus::broken`, which the engine looks at before it goes on.
        let _kept = self.emit(body);
    }

    fn emit(&self, body: Body) -> Result<(), ConsumerError> {
        let (event, kept) = self.bus.send(body);
        self.memory.borrow_mut().apply(&event);
        kept
    }

    /// A name for what `by` makes in `slot`: the same until [`Self::discard`] says that it is no good.
    /// At most 63 characters of `a-z0-9-` with a letter first and no doubled or final hyphen: what RDS allows, the strictest.
    pub fn name(&self, by: &str, slot: &str) -> String {
        let generation = self.memory.borrow().generation(by);
        named(short(&self.run_tags().run.0), by, slot, generation)
    }

    /// What `by` made is no good: its next attempt makes new things under new names.
    pub fn discard(&self, by: &str, because: &str) {
        self.tell(Body::Discarded { by: by.to_owned(), because: because.to_owned() });
    }

    pub fn origin(&self, by: &str, attempt: u32, slot: &str) -> Origin {
        Origin::new(by, attempt, self.name(by, slot))
    }

    /// Written before each call that creates something.
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

    /// Creates something in `slot` of `by`. Repeating it with the same slot is the same request: what is on record as
    /// created is answered from the record, and where nobody knows whether it was, the port looks before it makes it.
    pub async fn create(
        self: &Rc<Self>,
        place: &Place,
        by: &str,
        attempt: u32,
        slot: &str,
        what: Create,
    ) -> Result<Created, ProvisionError> {
        let mut origin = self.origin(by, attempt, slot);
        let described = describe(&what);
        let known = self.memory.borrow().request(&origin.token).cloned();
        if let Some(known) = known.filter(|known| known.answer != Answer::Refused) {
            if known.what != described {
                let changed = ProvisionError::Changed { call: what.call(), token: origin.token };
                self.discard(by, &changed.to_string());
                return Err(changed);
            }
            match known.answer {
                Answer::Created(created) => return Ok(created),
                Answer::Refused | Answer::Unknown => origin.unsure = true,
            }
        }
        self.intend(&origin, place, what.call(), described)?;
        let (provisioner, place, call) = (Rc::clone(self), place.clone(), what.call());
        // Counted from here on: teardown must not begin between this and the task's first turn.
        let flight = InFlight::new(self);
        let asked = origin.clone();
        // A task of its own: an interruption or a time-out of the step must not drop a request that is under way.
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
        let permit = self.guard.permit(place, Operation::Create, what.call()).await?;
        self.cloud.create(&permit, origin, what).await
    }

    fn record(&self, origin: &Origin, answer: &CloudResult<Created>) {
        // An attempt may ask while the request of the one before is under way: what either has made is told once, and no
        // answer to the other takes it back.
        let known = self.memory.borrow().request(&origin.token).map(|request| request.answer.clone());
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

    /// Copies objects into a bucket of this run, from what was copied of them before on.
    pub async fn copy_objects(
        &self,
        by: &str,
        attempt: u32,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> Result<CopiedObjects, ProvisionError> {
        let mut origin = self.origin(by, attempt, "copy");
        origin.since = self.memory.borrow().request(&origin.token).map(|request| request.since);
        let place = copy.to.place();
        self.intend(&origin, &place, COPY_OBJECTS, Request::CopyObjects(Box::new(copy.clone())))?;
        let answer = match self.guard.permit(&place, Operation::Write, COPY_OBJECTS).await {
            Ok(permit) => self.cloud.copy_objects(&permit, &origin, copy, progress).await,
            Err(refused) => Err(refused),
        };
        // What was made lies in a bucket that is on record already.
        self.record(&origin, &answer.as_ref().map(|_| Created::default()).map_err(Clone::clone));
        Ok(answer?)
    }

    /// Adds what a look by tag has found and no answer had told of.
    pub fn adopt(&self, resource: &ResourceRef) {
        if self.has_created(resource) {
            return;
        }
        self.tell(Body::Created {
            by: TEARDOWN.into(),
            token: String::new(),
            resources: vec![resource.clone()],
            outputs: std::collections::BTreeMap::new(),
            restored_to: None,
        });
    }

    /// When the runner that this one goes on from without a gap first and last asked for the deletion.
    pub fn deleting(&self, resource: &ResourceRef) -> Option<(Time, Time)> {
        self.deleting.get(resource).copied()
    }

    /// Begins to delete one thing of this run. Unlike creating, it does not need a record that can be written: only
    /// what carries the run's tag is deleted, and to leave it standing because a disk is full or a reader has gone
    /// would be worse.
    pub async fn delete(&self, resource: &ResourceRef) -> Result<(), ProvisionError> {
        self.tell(Body::DeleteIntent { resource: resource.clone() });
        let origin = self.origin(TEARDOWN, 1, &resource.id);
        let permit =
            self.guard.permit(&resource.place(), Operation::Delete, delete_call(resource.kind)).await?;
        Ok(self.cloud.delete(&permit, &origin, resource).await?)
    }

    /// Until no creating call is under way, or its time is over: what lands later carries the run's tag all the same.
    /// `false` where something was still under way.
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

/// A creation may consist of some calls, each with retries, and each call may take five minutes (the clients' own limit).
const SETTLES_WITHIN: Duration = Duration::from_mins(15);

/// A creating call under way; however its task ends, it is not under way any more then.
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

/// The call that stands on record for copying objects.
pub const COPY_OBJECTS: &str = "s3:CopyObject";

/// What is written of a request: without keys and user data, which may hold secrets, and with a template's digest for
/// its text, which is long and stands in the run's first record. It reads back as a request all the same.
///
/// Every field is named here, so that a new one does not compile before it was decided whether it may be recorded.
fn describe(what: &Create) -> Request {
    let left_out = || "(not recorded)".to_owned();
    let mut what = what.clone();
    match &mut what {
        Create::Stack(DeployStack { template, name: _, parameters: _, capabilities: _ }) => {
            *template = digest_of(template);
        }
        Create::KeyPair { public_key, name: _ } => *public_key = left_out(),
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
        | Create::SecurityGroup { vpc: _, vpc_cidr: _, name: _ }
        | Create::DbSubnetGroup { name: _, subnets: _ }
        | Create::Bucket { name: _ }
        | Create::CopySnapshot { source: _, source_region: _, kms_key: _, name: _, size: _ }
        | Create::CopyImage { source: _, source_region: _, kms_key: _, name: _, size: _ }
        | Create::CopyDbSnapshot { source: _, source_region: _, kms_key: _, name: _, size: _ }
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
        | Create::DbClusterInstance { cluster: _, name: _, class: _, engine: _, index: _ }
        | Create::PromoteReplica { db: _, size: _ } => {}
    }
    Request::Create(Box::new(what))
}

/// The engine is found out, and not asked for: a request is the same without it.
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

/// The last characters of a run's id tell runs apart: its random end.
fn short(run: &str) -> &str {
    run.rsplit('-').next().unwrap_or(run)
}

fn named(run: &str, by: &str, slot: &str, generation: u32) -> String {
    let mut text = format!("dm-{run}-{by}");
    if slot.is_empty() && generation == 0 && by == tidy(by) {
        return tidy(&text);
    }
    if !slot.is_empty() {
        text = format!("{text}-{slot}");
    }
    if generation > 0 {
        text = format!("{text}-r{generation}");
    }
    // Put together or tidied up, two names could become one: a digest of the parts keeps them apart.
    tidy(&format!("{}-{}", tidy(&text), digest(&format!("{by}\0{slot}\0{generation}"))))
}

/// Eight characters that stand for a text.
fn digest(text: &str) -> String {
    digest_of(text).trim_start_matches("sha256:").chars().take(8).collect()
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

    /// Whatever becomes of a request, teardown does not wait for it for ever, and the record says that it may have worked.
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
        let run_tags =
            RunTags { run: base::ids::RunId("20260101T000000Z-x-1f3a".into()), expires: clock.now() };
        let place = Place { account: "222222222222".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let guard = Guard::new(cloud.clone(), place.clone(), run_tags, port::Protected::default());
        guard.enter(event::Phase::Recover);
        let provisioner = Provisioner::new(cloud, bus, guard, Memory::default());
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

    #[test]
    fn what_different_steps_make_has_different_names() {
        let parts = [
            ("vault-db", "", 0),
            ("vault_db", "", 0),
            ("Vault-db", "", 0),
            ("vault", "db", 0),
            ("vault-db-r1", "", 0),
            ("vault-db", "", 1),
            ("vault", "db", 1),
        ];
        let names: std::collections::BTreeSet<String> =
            parts.iter().map(|(by, slot, generation)| named("1f3a", by, slot, *generation)).collect();
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
