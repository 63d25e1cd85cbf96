//! The twin: plays an estate file as a cloud in virtual time. Nothing is real, and every answer is
//! exact.

#![deny(clippy::wildcard_enum_match_arm)]

mod answer;
mod objects;
mod production;
mod rebuild;
mod sources;
mod template;
pub mod timing;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use base::clock::Clock;
use base::duration::Size;
use base::duration::Time;
use base::ids::{AccountId, AzId, RunId};
use base::severity::Severity;
use estate::RecoveryPoint;
use estate::file::{EstateFile, FaultKind, LookupEntry, Quotas, Timing};
use estate::point::Sample;
use estate::{PointIndex, PointKind, Resource, ResourceIndex};
use port::{
    ActionTiming, Against, ApiCalls, Asker, BucketRef, CallerIdentity, Cloud, CloudError, CloudResult,
    CopiedObjects, CopyObjects, CopyPoint, Create, Created, ErrorKind, Exposure, Invoked, IsolationScan,
    Kind, Leak, Listener, LiveQuery, LookupsOf, MeasuredObjects, NameSeen, Needs, Observed, Offers,
    Operation, Origin, Permit, Place, PointQuery, Preflight, PreflightFinding, ProbeAnswer, Progress,
    Remains, ResourceRef, RestoreDbToTime, RunTags, SeenPoints, Sent, StartRestore, Started, State,
    TableLook, TableSeen, Tagged, Timed, VerifiedObjects, VerifyObjects, Whose, Wishes, Zone, gated,
};
pub use rebuild::Unanswered;

use objects::{Buckets, Contents, Restored};
use production::Production;
use sources::Sources;
use world::{CreateContext, World};

pub struct Twin {
    file: Arc<EstateFile>,
    resources: ResourceIndex,
    production: Production,
    clock: Clock,
    seed: Option<u64>,
    /// The built-in timings. The estate may override them.
    actions: &'static [ActionTiming],
    t0: Cell<Option<Time>>,
    /// The points, and the T0 to which their relative times refer.
    points: RefCell<Option<(Time, Rc<PointIndex>)>>,
    world: RefCell<World>,
    restored: RefCell<Restored>,
    calls: RefCell<ApiCalls>,
    /// The steps that have begun to act.
    acted: RefCell<HashSet<String>>,
    /// The duration of an isolation scan.
    scan_takes: Cell<Duration>,
    /// Whether the sandbox's network and probe stay between drills.
    standing: bool,
}

impl Twin {
    /// `actions` says how long each action takes, if the estate does not.
    pub fn new(
        file: impl Into<Arc<EstateFile>>,
        clock: Clock,
        seed: Option<u64>,
        actions: &'static [ActionTiming],
    ) -> Self {
        let file = file.into();
        Self {
            resources: ResourceIndex::new(file.resources()),
            production: Production::new(&file),
            file,
            clock,
            seed,
            actions,
            t0: Cell::new(None),
            points: RefCell::default(),
            world: RefCell::default(),
            restored: RefCell::default(),
            calls: RefCell::default(),
            acted: RefCell::default(),
            scan_takes: Cell::default(),
            standing: false,
        }
    }

    /// The network and the probe of the sandbox stay between drills, so they take no time.
    #[must_use]
    pub fn with_standing(mut self, standing: bool) -> Self {
        self.standing = standing;
        self
    }

    /// Whether a kind is a part of a standing sandbox.
    fn stands(&self, kind: Kind) -> bool {
        let parts = [Kind::Vpc, Kind::Subnet, Kind::SecurityGroup, Kind::DbSubnetGroup, Kind::Function];
        self.standing && parts.contains(&kind)
    }

    /// Sets the duration of an isolation scan. The default is zero.
    pub fn look_slowly(&self, takes: Duration) {
        self.scan_takes.set(takes);
    }

    fn acts(&self, step: &str) {
        self.acted.borrow_mut().insert(step.to_owned());
    }

    /// Returns T0, or the current time before the disaster is declared.
    fn t0(&self) -> Time {
        self.t0.get().unwrap_or_else(|| self.clock.now())
    }

    fn count(&self, call: &str, throttled: bool) {
        let mut calls = self.calls.borrow_mut();
        let entry = match calls.get_mut(call) {
            Some(entry) => entry,
            None => calls.entry(call.to_owned()).or_default(),
        };
        entry.count += 1;
        entry.throttled += u64::from(throttled);
    }

    /// Returns the timing of an action.
    ///
    /// # Errors
    ///
    /// The action has no timing. An action that takes no time would meet every objective.
    fn timing(&self, action: &str) -> CloudResult<Timing> {
        timing::of(action, self.actions, &self.file.timings).ok_or_else(|| {
            CloudError::new(ErrorKind::Unsupported, action, "the twin does not know how long it takes")
                .help("this is a defect of Drillmaster: please report it")
        })
    }

    /// Returns the duration of a request. `size`: the size of its source. `None`: it is unknown.
    fn takes_for(&self, what: Timed, size: Option<Size>, origin: &Origin) -> CloudResult<Duration> {
        let row = timing::rows(self.actions).find(|row| row.of.contains(&what));
        self.takes(row.map_or("", |row| row.name), size, origin)
    }

    /// Returns the duration of an action. `size`: the size of the source. `None`: it is unknown, or
    /// there is no source.
    fn takes(&self, action: &str, size: Option<Size>, origin: &Origin) -> CloudResult<Duration> {
        let timing = self.timing(action)?;
        if size.is_none() && !timing.per_gib.0.is_zero() {
            let said = "its timing has `per_gib`, and the size is not known";
            return Err(CloudError::new(ErrorKind::Unsupported, action, said)
                .help("give `base` alone in `timings` of the estate"));
        }
        let what = format!("{action}/{}/{}", origin.by, origin.attempt);
        Ok(timing::sample(&timing, size.unwrap_or_default(), self.seed, &what))
    }

    /// Returns the error of a fault that makes a call fail at once.
    fn refuse(&self, fault: Option<FaultKind>, call: &str) -> CloudResult<()> {
        match fault {
            Some(FaultKind::Throttled) => {
                self.count(call, true);
                Err(CloudError::new(ErrorKind::Throttled, call, "Rate exceeded (a fault of the estate)"))
            }
            Some(FaultKind::ServerError) => {
                self.count(call, false);
                Err(CloudError::new(ErrorKind::Server, call, "InternalError (a fault of the estate)")
                    .sent(Sent::No))
            }
            Some(
                FaultKind::LostAnswer
                | FaultKind::NeverCompletes
                | FaultKind::ComesUpUnhealthy
                | FaultKind::WillNotDelete
                | FaultKind::SandboxOpen,
            )
            | None => Ok(()),
        }
    }

    fn lost_answer(call: &str) -> CloudError {
        CloudError::new(ErrorKind::Network, call, "the answer was lost (a fault of the estate)")
    }

    fn know_place(&self, call: &str, place: &Place) -> CloudResult<()> {
        if !self.file.accounts.contains_key(&place.account) {
            return Err(CloudError::new(
                ErrorKind::Credentials,
                call,
                format!("the estate has no account {}", place.account),
            )
            .help("add it to `accounts:` of the estate"));
        }
        if !self.file.regions.contains_key(&place.region) {
            return Err(CloudError::new(
                ErrorKind::Invalid,
                call,
                format!("the estate has no region {}", place.region),
            )
            .help("add it, with its zones, to `regions:` of the estate"));
        }
        Ok(())
    }

    /// Returns all recovery points. They stay fixed from T0 on. Before T0, relative times refer to
    /// the current time.
    fn points(&self) -> Rc<PointIndex> {
        let t0 = self.t0();
        if let Some((_, points)) = self.points.borrow().as_ref().filter(|(of, _)| *of == t0) {
            return Rc::clone(points);
        }
        let points = Rc::new(PointIndex::new(self.all_points()));
        *self.points.borrow_mut() = Some((t0, Rc::clone(&points)));
        points
    }

    fn all_points(&self) -> Vec<RecoveryPoint> {
        let t0 = self.t0();
        let mut points = self.file.recovery_points(t0);
        let known: HashSet<String> = points.iter().map(|p| p.id.clone()).collect();
        // The size and objects of a bucket may be given with the resource only.
        let mut objects: HashMap<&str, u64> = HashMap::new();
        for bucket in self.resources.all.iter().filter(|r| r.id.kind == "s3:bucket") {
            objects.entry(&bucket.id.name).or_insert(bucket.objects);
        }
        for point in points.iter_mut().filter(|p| p.objects == 0 && p.of.kind == "s3:bucket") {
            point.objects = objects.get(point.id.as_str()).copied().unwrap_or_default();
        }
        // A bucket without a recovery point in the estate can be read too. The age of its objects
        // is unknown.
        for resource in &self.resources.all {
            let (Some(account), Some(region)) = (&resource.locus.account, &resource.locus.region) else {
                continue;
            };
            if resource.id.kind == "s3:bucket" && !known.contains(&resource.id.name) {
                let (of, kind, name) = (resource.id.clone(), PointKind::S3Replica, &resource.id.name);
                points.push(RecoveryPoint {
                    usable: Some(t0),
                    size: resource.size,
                    objects: resource.objects,
                    ..RecoveryPoint::new(of, kind, name, account.clone(), region.clone())
                });
            }
        }
        points
    }

    /// Passes the buckets to `ask`.
    fn buckets<T>(&self, ask: impl FnOnce(&Buckets<'_>) -> T) -> T {
        let (points, now) = (self.points(), self.clock.now());
        ask(&Buckets { points: &points, world: &self.world.borrow(), restored: &self.restored.borrow(), now })
    }

    /// Creates a resource at the time `now`.
    fn make(
        &self,
        place: &Place,
        origin: &Origin,
        run_tags: &RunTags,
        what: &Create,
        now: Time,
    ) -> CloudResult<Created> {
        self.acts(&origin.by);
        if let Some(created) = self.world.borrow().created_by(&origin.token) {
            return Ok(created);
        }
        if let Some(changed) = what.changes(place).into_iter().find(|r| self.production.has(r)) {
            return Err(Self::not_this_run(what.call(), &changed));
        }
        let points = self.points();
        let (of_source, restored_to) = {
            let (resources, world) = (&self.resources, &self.world.borrow());
            let sources = Sources { points: &points, resources, world, now };
            (sources.check(place, what)?, sources.instant(place, what)?)
        };
        let (fault, facts) = (self.production.fault(origin), what.facts());
        let size = facts.size.or(of_source);
        let takes = self.takes_for(Timed::Request(facts.call), size, origin)?;
        let stands = origin.by == event::SANDBOX && self.stands(what.kind());
        let takes = if stands { Duration::ZERO } else { takes.saturating_add(self.thaws_in(what)) };
        let most = timing::at_once(place, what);
        // A resource is never ready if its end is beyond the range of times, or if it waits for an
        // operation that never ends.
        let ready_at = if fault == Some(FaultKind::NeverCompletes) {
            None
        } else {
            let begins = self.world.borrow_mut().begins(place, what.kind(), most, now);
            begins.and_then(|begins| after(begins, takes))
        };
        let unhealthy = fault == Some(FaultKind::ComesUpUnhealthy);
        let engine = self.engine_of(what);
        let context =
            CreateContext { place, origin, run_tags, ready_at, unhealthy, restored_to, size, engine, now };
        let created = self.world.borrow_mut().create(&context, what)?;
        self.objects_of(what);
        if most.is_some() {
            self.world.borrow_mut().has_begun(place, what.kind(), ready_at);
        }
        Ok(created)
    }

    /// Begins to delete a resource at the time `now`.
    fn remove(&self, run_tags: &RunTags, resource: &ResourceRef, now: Time) -> CloudResult<()> {
        let timing = self.timing(timing::deletion(resource.kind))?;
        let gone_at = after(now, timing::mean(&timing, Size(0))).unwrap_or(Time::MAX_UTC);
        let network = self.timing(timing::PROBE_NETWORK)?;
        let lag = if self.standing { Duration::ZERO } else { timing::mean(&network, Size(0)) };
        let network_gone_at = after(gone_at, lag).unwrap_or(Time::MAX_UTC);
        let times = (gone_at, network_gone_at);
        self.world.borrow_mut().delete(resource, run_tags, times, now, |step| self.production.is_stuck(step))
    }

    /// Returns the objects that a copy would copy, and the number of objects it would leave out.
    fn copying(&self, copy: &CopyObjects) -> CloudResult<(Option<Contents>, u64)> {
        let late = self.production.late_objects(&copy.from);
        self.buckets(|buckets| {
            let mut contents = buckets.read("s3:ListObjectsV2", &copy.from)?;
            if copy.as_of.is_some() {
                buckets.versioned("s3:ListObjectVersions", &copy.from)?;
            }
            let timeless = copy.as_of.is_none() && copy.not_after.is_none();
            let left_out = if timeless || buckets.is_versioned(&copy.from) { 0 } else { late };
            if let Some(contents) = contents.as_mut().filter(|_| timeless) {
                contents.objects += late;
            }
            buckets.write("s3:CopyObject", &copy.to).map(|()| (contents, left_out))
        })
    }

    /// Records a copy as complete.
    fn copied(&self, copy: &CopyObjects) -> CloudResult<()> {
        let (contents, _) = self.copying(copy)?;
        self.restored.borrow_mut().add(&copy.to.name, &copy.from.name, contents);
        Ok(())
    }

    /// Waits until the request has taken its time. The time counts from when this attempt asked for
    /// it, also after the runner died and another one went on.
    async fn pass(&self, origin: &Origin, takes: Duration) {
        let since = origin.since.unwrap_or_else(|| self.clock.now());
        self.clock.sleep_until(after(since, takes).unwrap_or(Time::MAX_UTC)).await;
    }

    /// The engine of the database that a request makes, as far as the request or the estate says.
    fn engine_of(&self, what: &Create) -> Option<String> {
        let db = match what {
            Create::Db(db) | Create::DbToTime(RestoreDbToTime { db, .. }) | Create::DbReplica { db, .. } => {
                db
            }
            Create::DbCluster(cluster) => return Some(cluster.engine.clone()),
            Create::DbClusterToTime(cluster) => return Some(cluster.engine.clone()),
            Create::DbClusterInstance { engine, .. } => {
                return Some(engine.clone()).filter(|e| !e.is_empty());
            }
            Create::StartRestore(start) => return self.engine_in(start),
            Create::Vpc { .. }
            | Create::Subnet { .. }
            | Create::SecurityGroup { .. }
            | Create::DbSubnetGroup { .. }
            | Create::Bucket { .. }
            | Create::CopySnapshot { .. }
            | Create::CopyImage { .. }
            | Create::CopyDbSnapshot { .. }
            | Create::CopyDbClusterSnapshot { .. }
            | Create::Volume(_)
            | Create::Instances(_)
            | Create::AttachVolume { .. }
            | Create::KeyPair { .. }
            | Create::Address { .. }
            | Create::PromoteReplica { .. }
            | Create::Table(_)
            | Create::TableToTime(_)
            | Create::SetTable(_)
            | Create::Vault { .. }
            | Create::CopyPoint(_)
            | Create::AdoptRestored(_)
            | Create::MountTarget { .. }
            | Create::Function(_)
            | Create::DomainList { .. }
            | Create::RuleGroup { .. }
            | Create::OverrideRule { .. }
            | Create::QueryLog { .. }
            | Create::Zone { .. }
            | Create::Record { .. }
            | Create::Stack(_) => return None,
        };
        let source = || {
            let name = base::ids::name_of(&db.source);
            self.production.engine_of_instance(name).map(str::to_owned)
        };
        db.engine.clone().or_else(source)
    }

    /// The engine of the database in a recovery point of AWS Backup.
    fn engine_in(&self, start: &StartRestore) -> Option<String> {
        if let Some(engine) = start.metadata.get("engine") {
            return Some(engine.clone());
        }
        let (points, world) = (self.points(), self.world.borrow());
        let original = world.original(&start.recovery_point);
        let point = points.by_id(original).find(|point| point.kind == PointKind::Backup)?;
        point.engine.clone().or_else(|| self.production.engine(&point.of).map(str::to_owned))
    }

    /// How much longer a restore takes because its recovery point lies in cold storage.
    fn thaws_in(&self, what: &Create) -> Duration {
        let Create::StartRestore(start) = what else { return Duration::ZERO };
        let points = self.points();
        let is_cold = points.by_id(&start.recovery_point).any(|p| p.kind == PointKind::Backup && p.cold);
        start.restores.thaws_in().filter(|_| is_cold).unwrap_or_default()
    }

    /// Notes the objects that a job of AWS Backup has restored into a bucket.
    fn objects_of(&self, what: &Create) {
        let Create::AdoptRestored(adopted) = what else { return };
        let Some(start) = self.world.borrow().job(&adopted.job).cloned() else { return };
        let Some(bucket) = start.metadata.get("destinationBucketName") else { return };
        let points = self.points();
        let original = self.world.borrow().original(&start.recovery_point).to_owned();
        let point = points.by_id(&original).find(|point| point.kind == PointKind::Backup);
        let contents = point.map(|point| Contents { objects: point.objects, bytes: point.size.0 });
        let contents = contents.filter(|contents| *contents != Contents::default());
        self.restored.borrow_mut().add(bucket, &start.recovery_point, contents);
    }

    fn not_this_run(call: &str, resource: &ResourceRef) -> CloudError {
        let what = format!("{resource} is production's: it does not carry this run's tag");
        CloudError::new(ErrorKind::Guarded, call, what)
            .help("only what this run created, and still carries its tag, is ever changed")
    }

    /// Returns the points of a query at every place.
    fn points_of(&self, query: &PointQuery) -> Vec<RecoveryPoint> {
        let points = self.points();
        match query {
            PointQuery::Id { id, kind, .. } => {
                points.by_id(id).filter(|p| p.kind == *kind).cloned().collect()
            }
            PointQuery::Of { selector, kinds, reader: _ } => {
                points.selected(selector, kinds, &self.resources)
            }
        }
    }
}

/// Returns the time `duration` after `instant`. `None` beyond the range of times.
fn after(instant: Time, duration: Duration) -> Option<Time> {
    instant.checked_add_signed(base::duration::Span(duration).delta())
}

#[async_trait(?Send)]
impl Cloud for Twin {
    async fn identity(&self, account: &AccountId) -> CloudResult<CallerIdentity> {
        self.count("sts:GetCallerIdentity", false);
        if self.file.accounts.contains_key(account) {
            return Ok(CallerIdentity::of(account.clone()));
        }
        Err(CloudError::new(
            ErrorKind::Credentials,
            "sts:GetCallerIdentity",
            format!("the estate has no account {account}"),
        )
        .help("add it to `accounts:` of the estate"))
    }

    /// The twin's credentials are never renewed.
    fn credentials_generation(&self, _account: &AccountId) -> u64 {
        0
    }

    async fn zones(&self, place: &Place) -> CloudResult<Vec<Zone>> {
        self.know_place("ec2:DescribeAvailabilityZones", place)?;
        self.count("ec2:DescribeAvailabilityZones", false);
        let azs = self.file.regions.get(&place.region).map(|r| r.azs.as_slice()).unwrap_or_default();
        Ok(azs
            .iter()
            .filter(|az| az.is_availability_zone())
            .zip('a'..='z')
            .map(|(id, letter)| Zone { id: id.clone(), name: format!("{}{letter}", place.region) })
            .collect())
    }

    /// An estate says what a region offers, and not in which zones. What it does not say is not
    /// judged.
    async fn offers(&self, place: &Place, wishes: &Wishes) -> CloudResult<Offers> {
        let Some(region) = self.file.regions.get(&place.region) else { return Ok(Offers::new()) };
        let zones: BTreeSet<AzId> =
            region.azs.iter().filter(|az| az.is_availability_zone()).cloned().collect();
        let offered = |listed: bool| if listed { zones.clone() } else { BTreeSet::new() };
        let mut offers = Offers::new();
        if let Some(known) = &region.instance_types {
            let wishes = wishes.instance_types.iter();
            offers.extend(wishes.map(|kind| (kind.clone(), offered(known.contains(kind)))));
        }
        if let Some(known) = &region.db_classes {
            let wishes = wishes.db_classes.iter();
            offers
                .extend(wishes.map(|(engine, class)| {
                    (Wishes::of_class(engine, class), offered(known.contains(class)))
                }));
        }
        Ok(offers)
    }

    async fn recovery_points(&self, place: &Place, query: &PointQuery) -> CloudResult<SeenPoints> {
        let call = gated::points_call(query);
        self.know_place(call, place)?;
        self.count(call, false);
        let visible = |p: &RecoveryPoint| {
            p.region == place.region && (p.account == place.account || p.shared_with.contains(&place.account))
        };
        Ok(self.points_of(query).into_iter().filter(visible).collect::<Vec<_>>().into())
    }

    async fn resources(&self, place: &Place, query: &LiveQuery) -> CloudResult<Vec<Resource>> {
        let call = query.kind.call();
        self.know_place(call, place)?;
        self.count(call, false);
        let here = |resource: &&Resource| {
            resource.locus.account.as_ref() == Some(&place.account)
                && resource.locus.region.as_ref() == Some(&place.region)
        };
        let found = self.resources.all.iter().filter(here).filter(|resource| query.means(resource));
        Ok(found.cloned().collect())
    }

    async fn create(&self, permit: &Permit, origin: &Origin, what: &Create) -> CloudResult<Created> {
        let (call, place, run_tags) = (what.call(), permit.place(), permit.run_tags());
        permit.covers_creation(what)?;
        self.know_place(call, place)?;
        let fault = self.production.fault(origin);
        self.refuse(fault, call)?;
        self.count(call, false);
        if let Create::Stack(stack) = what {
            template::check(stack, place)?;
        }
        let created = self.make(place, origin, run_tags, what, self.clock.now())?;
        if fault == Some(FaultKind::LostAnswer) {
            return Err(Self::lost_answer(call));
        }
        Ok(created)
    }

    async fn started(
        &self,
        place: &Place,
        _run: &RunId,
        start: &StartRestore,
        _known: &[String],
    ) -> CloudResult<Started> {
        self.count("backup:ListRestoreJobs", false);
        // The name is the run's own for each request.
        let job = self.world.borrow().job_of(&start.name);
        let (account, region) = (place.account.clone(), place.region.clone());
        Ok(job.map_or(Started::Nothing, |id| {
            Started::Job(ResourceRef { kind: Kind::RestoreJob, id, account, region })
        }))
    }

    async fn observe(&self, place: &Place, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
        self.count(gated::describe_call(kind), false);
        let (world, now) = (self.world.borrow(), self.clock.now());
        Ok(ids.iter().map(|id| world.observe(place, kind, id, now)).collect())
    }

    async fn delete(
        &self,
        permit: &Permit,
        _origin: &Origin,
        resource: &ResourceRef,
        _progress: &dyn Fn(Progress),
    ) -> CloudResult<()> {
        let (call, place, run_tags) = (gated::delete_call(resource.kind), permit.place(), permit.run_tags());
        permit.covers(Operation::Delete, &resource.place(), call)?;
        self.know_place(call, place)?;
        self.count(call, false);
        if !self.world.borrow().knows(resource) && self.production.has(resource) {
            return Err(Self::not_this_run(call, resource));
        }
        self.remove(run_tags, resource, self.clock.now())
    }

    async fn tagged(&self, place: &Place, whose: &Whose) -> CloudResult<Tagged> {
        self.count("ec2:DescribeTags", false);
        let things = self.world.borrow().tagged(place, whose, self.clock.now());
        Ok(Tagged { things, ..Tagged::default() })
    }

    /// The twin's stacks create no resources. Their templates say what would stay.
    async fn remains(&self, stack: &ResourceRef) -> CloudResult<Vec<Remains>> {
        Ok(self.world.borrow().remains(stack))
    }

    async fn copy_jobs(&self, copy: &CopyPoint) -> CloudResult<Vec<ResourceRef>> {
        self.count("backup:ListCopyJobs", false);
        Ok(self.world.borrow().copy_jobs(copy))
    }

    async fn exposures(&self, scan: &IsolationScan) -> CloudResult<Vec<Exposure>> {
        self.count("ec2:DescribeRouteTables", false);
        self.clock.sleep(self.scan_takes.get()).await;
        let (place, vpc) = (&scan.place, scan.vpc.as_str());
        let seen = self.world.borrow().observe(place, Kind::Vpc, vpc, self.clock.now());
        if seen.state == State::Gone {
            // A network that cannot be read is not proved closed.
            let what = format!("it could not be verified: there is no VPC {vpc}");
            return Ok(vec![Exposure::new(Leak::Unknown, vpc, what)]);
        }
        let acted = self.acted.borrow();
        let mut opened = self.file.faults.iter().filter(|f| f.error == FaultKind::SandboxOpen);
        Ok(opened
            .any(|fault| fault.step.as_ref().is_none_or(|step| acted.contains(step)))
            .then(|| {
                let what = "an internet gateway is attached (a fault of the estate)";
                Exposure::new(Leak::Way, vpc, what)
            })
            .into_iter()
            .collect())
    }

    async fn invoke(
        &self,
        permit: &Permit,
        _: &Origin,
        function: &str,
        _: Vec<u8>,
        _: std::time::Duration,
    ) -> CloudResult<Invoked> {
        let call = "lambda:Invoke";
        permit.covers(Operation::Invoke, permit.place(), call)?;
        let said = format!("the twin runs no program: {function} is there in name only");
        Err(CloudError::new(ErrorKind::Unsupported, call, said))
    }

    /// The estate tells what machines look up, and not when: all of it counts as asked.
    async fn lookups(&self, _: &LookupsOf<'_>) -> CloudResult<Option<Vec<NameSeen>>> {
        let told = |one: &LookupEntry| NameSeen {
            by: Asker::Step(one.machine.clone()),
            name: one.name.clone(),
            count: one.count,
            blocked: None,
        };
        Ok(self.file.lookups.as_ref().map(|all| all.iter().map(told).collect()))
    }

    async fn copy_objects(
        &self,
        permit: &Permit,
        origin: &Origin,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects> {
        let call = "s3:CopyObject";
        self.acts(&origin.by);
        permit.covers(Operation::Write, &copy.to.place(), call)?;
        let target = copy.to.resource();
        if !self.world.borrow().knows(&target) && self.production.has(&target) {
            return Err(Self::not_this_run(call, &target));
        }
        let fault = self.production.fault(origin);
        self.refuse(fault, call)?;
        self.count(call, false);
        if fault == Some(FaultKind::NeverCompletes) {
            return std::future::pending().await;
        }
        let (contents, left_out) = self.copying(copy)?;
        let size = Some(copy.size).filter(|size| *size != Size(0));
        let size = size.unwrap_or_else(|| self.production.size_of_bucket(&copy.from.name));
        self.pass(origin, self.takes_for(Timed::CopyObjects, Some(size), origin)?).await;
        self.restored.borrow_mut().add(&copy.to.name, &copy.from.name, contents);
        if fault == Some(FaultKind::LostAnswer) {
            return Err(Self::lost_answer(call));
        }
        let contents = contents.unwrap_or(Contents { objects: copy.objects, bytes: copy.size.0 });
        let copied =
            CopiedObjects { objects: contents.objects, bytes: contents.bytes, newest: None, left_out };
        progress(Progress { objects: copied.objects, bytes: copied.bytes, of_objects: Some(copied.objects) });
        Ok(copied)
    }

    async fn verify_objects(
        &self,
        origin: &Origin,
        verify: &VerifyObjects,
        _progress: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects> {
        let call = "s3:GetObject";
        let fault = self.production.fault(origin);
        self.refuse(fault, call)?;
        self.count(call, false);
        if fault == Some(FaultKind::NeverCompletes) {
            return std::future::pending().await;
        }
        let (found, wanted) = self.buckets(|buckets| {
            let found = buckets.read("s3:ListObjectsV2", &verify.bucket)?;
            let wanted = match &verify.against {
                Against::Bucket { bucket, as_of } => {
                    let mut wanted = buckets.read("s3:ListObjectsV2", bucket)?;
                    if as_of.is_some() {
                        buckets.versioned("s3:ListObjectVersions", bucket)?;
                    } else if verify.not_after.is_none() {
                        wanted = wanted.map(|w| Contents {
                            objects: w.objects + self.production.late_objects(bucket),
                            ..w
                        });
                    }
                    wanted
                }
                Against::Manifest(entries) => {
                    let wanted = entries.iter().filter(|e| e.key.starts_with(&verify.prefix));
                    Some(Contents { objects: wanted.count() as u64, bytes: 0 })
                }
            };
            Ok::<_, CloudError>((found, wanted))
        })?;
        let read = match (found, &verify.against) {
            (Some(found), _) if found.bytes > 0 => Size(found.bytes),
            (_, Against::Bucket { bucket, .. }) => self.production.size_of_bucket(&bucket.name),
            (_, Against::Manifest(_)) => verify.size,
        };
        self.pass(origin, self.takes_for(Timed::VerifyObjects, Some(read), origin)?).await;
        if fault == Some(FaultKind::LostAnswer) {
            return Err(Self::lost_answer(call));
        }
        let seen = objects::compare(found, wanted);
        if fault == Some(FaultKind::ComesUpUnhealthy) {
            let (matched, different) = (seen.matched.saturating_sub(1), seen.different + 1);
            return Ok(VerifiedObjects { matched, different, ..seen });
        }
        Ok(seen)
    }

    /// The twin models no keys, so nobody knows what lies below a prefix, unless the bucket is
    /// empty.
    async fn measure_objects(&self, bucket: &BucketRef, prefix: &str) -> CloudResult<MeasuredObjects> {
        self.count("s3:ListObjectsV2", false);
        let contents = self.buckets(|buckets| buckets.read("s3:ListObjectsV2", bucket))?;
        Ok(match contents {
            Some(empty) if empty == Contents::default() => MeasuredObjects { count: Some(0), bytes: Some(0) },
            // An estate that gives no number of objects, or no size, leaves it at 0.
            Some(Contents { objects, bytes }) if prefix.is_empty() => MeasuredObjects {
                count: Some(objects).filter(|objects| *objects > 0),
                bytes: Some(bytes).filter(|bytes| *bytes > 0),
            },
            Some(_) | None => MeasuredObjects::default(),
        })
    }

    async fn measure_object(&self, bucket: &BucketRef, key: &str) -> CloudResult<MeasuredObjects> {
        self.measure_objects(bucket, key).await
    }

    async fn sample_objects(&self, _bucket: &BucketRef) -> CloudResult<Option<Sample>> {
        Ok(None)
    }

    /// The twin models no items. A check's probe may tell of them.
    async fn look_at_table(&self, place: &Place, look: &TableLook) -> CloudResult<TableSeen> {
        for (call, asked) in
            [("dynamodb:Scan", look.count.is_some()), ("dynamodb:GetItem", look.key.is_some())]
        {
            if asked {
                self.count(call, false);
            }
        }
        let seen = self.world.borrow().observe(place, Kind::Table, &look.table, self.clock.now());
        if seen.state == State::Gone {
            let said = format!("there is no table {}", look.table);
            return Err(CloudError::new(ErrorKind::NotFound, "dynamodb:Scan", said));
        }
        Ok(TableSeen::default())
    }

    /// Compares what the drill needs with the quotas, as far as the estate gives them.
    async fn preflight(&self, place: &Place, needs: &Needs) -> CloudResult<Preflight> {
        self.know_place("preflight", place)?;
        let quotas = self.file.regions.get(&place.region).and_then(|region| region.quotas);
        let of = |quota: fn(Quotas) -> Option<u32>| quotas.and_then(quota);
        let wanted = [
            ("DB instances", needs.db_instances, of(|quotas| quotas.db_instances)),
            ("EC2 instances", needs.instances, of(|quotas| quotas.instances)),
        ];
        let exceeded = wanted.into_iter().filter_map(|(what, wanted, quota)| {
            let quota = quota.filter(|quota| wanted > *quota)?;
            Some(PreflightFinding {
                severity: Severity::High,
                unknown: false,
                what: format!(
                    "the drill creates {wanted} {what} in {}, and the quota of account {} leaves {quota}",
                    place.region, place.account
                ),
                fix: "ask AWS for a higher quota, or restore fewer at once".to_owned(),
            })
        });
        Ok(Preflight { findings: exceeded.collect(), ..Preflight::default() })
    }

    /// A rehearsal never reads secrets, because that would need credentials.
    async fn secret(&self, _place: &Place, id: &str) -> CloudResult<String> {
        let said = format!("`{id}` cannot be looked up here");
        Err(CloudError::new(ErrorKind::Unsupported, "secretsmanager:GetSecretValue", said))
    }

    fn api_calls(&self) -> ApiCalls {
        self.calls.borrow().clone()
    }

    fn tells_changes(&self) -> bool {
        true
    }

    /// The estate gives the lag of its points.
    fn least_pitr_lag(&self) -> Duration {
        Duration::ZERO
    }

    fn declare(&self, t0: Time) {
        self.t0.set(Some(t0));
    }

    fn probe(&self, check: &str, ready_at: Time) -> Option<ProbeAnswer> {
        let probe = self.file.probes.get(check);
        Some(answer::answer(probe, ready_at, self.clock.now(), self.t0()))
    }

    fn listener(&self, host: &str) -> Option<Listener> {
        self.world.borrow().listener(host, self.clock.now())
    }

    fn rehearsed(&self, origin: &Origin, action: &str) -> Option<CloudResult<Duration>> {
        self.acts(&origin.by);
        let fault = self.production.fault(origin);
        if let Err(error) = self.refuse(fault, action) {
            return Some(Err(error));
        }
        Some(match fault {
            Some(FaultKind::NeverCompletes) => Ok(Duration::MAX),
            Some(FaultKind::LostAnswer) => Err(Self::lost_answer(action)),
            Some(FaultKind::ComesUpUnhealthy) => {
                Err(CloudError::new(ErrorKind::Invalid, action, "it failed (a fault of the estate)"))
            }
            Some(
                FaultKind::Throttled
                | FaultKind::ServerError
                | FaultKind::WillNotDelete
                | FaultKind::SandboxOpen,
            )
            | None => self.takes(action, None, origin),
        })
    }
}
