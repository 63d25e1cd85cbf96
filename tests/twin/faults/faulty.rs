//! A decorator over the twin. It lets calls fail, by seed, as calls to AWS fail. It also records
//! what really took effect, as ground truth.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use base::clock::Clock;
use base::duration::{Span, Time};
use base::ids::{AccountId, RunId};
use estate::Resource;
use estate::point::Sample;
use port::gated::{delete_call, describe_call, points_call};
use port::{
    ApiCalls, BucketRef, CallerIdentity, Cloud, CloudError, CloudResult, CopiedObjects, CopyObjects,
    CopyPoint, Create, Created, ErrorKind, Exposure, Invoked, IsolationScan, Kind, LiveQuery, LookupsOf,
    MeasuredObjects, NameSeen, Needs, Observed, Offers, Origin, Permit, Place, PointQuery, Preflight,
    ProbeAnswer, Progress, Remains, ResourceRef, SeenPoints, Sent, StartRestore, Started, State, TableLook,
    TableSeen, Tagged, TaggedThing, VerifiedObjects, VerifyObjects, Whose, Wishes, Zone,
};
use twin::Twin;

use super::dice::Dice;

/// The fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Refused: too many requests.
    Throttled,
    /// Refused: too many operations are under way.
    Busy,
    /// The cloud's own error, before it did anything. The error says so.
    NotDone,
    /// The caller cannot tell whether it worked. It did not.
    MaybeNotDone,
    /// It worked, and the answer was lost.
    LostAnswer,
    /// The request arrives late.
    Slow,
    /// The request takes effect at once, and the answer is late.
    SlowAnswer,
    /// The request arrives twice.
    Twice,
    /// The credentials have expired.
    Expired,
    /// No answer until the client's own limit of five minutes. The request had no effect.
    Hangs,
    /// Like `Hangs`, but the request took effect.
    HangsDone,
    /// The cloud says that something still depends on the resource to be deleted.
    InUse,
    /// A new resource is not visible yet, or a deleted resource is still visible.
    Stale,
    /// A deletion is accepted and has no effect.
    Ignored,
}

/// For [`Weather::only`]: new resources are not visible for a while.
pub const UNSEEN: &str = "unseen";
/// Deletions have no effect.
pub const IGNORED: &str = "ignored";
/// Deleted resources stay visible for a while.
pub const LINGERING: &str = "lingering";

/// The clients' own limit for one call.
const HANGS: Duration = Duration::from_mins(5);
/// The longest time in seconds that a new resource is hidden or a deleted one is visible.
const STALE: u64 = 45;
/// A run that makes more calls than this does not end by itself.
const CALLS: u64 = 300_000;

/// The faults of a seed's day.
#[derive(Debug, Clone)]
pub struct Weather {
    /// The number of calls in a thousand that fail.
    pub rate: u64,
    /// There are no more faults after this many.
    pub budget: u32,
    /// The cloud does not tell when states will change, and is eventually consistent.
    pub like_aws: bool,
    /// No fault occurs before T0.
    pub from_t0: bool,
    /// These calls fail in this way until the budget is used up. Nothing fails by chance.
    pub only: Vec<(&'static str, Fault)>,
    /// Tags can never be read.
    pub blind: bool,
    /// Every search by tag returns this as well.
    pub told: Tagged,
    /// No resource of this kind can be deleted.
    pub clinging: Option<Kind>,
}

impl Weather {
    pub fn of(dice: &mut Dice) -> Self {
        Self {
            rate: dice.one_of(&[10, 30, 60, 100, 250]),
            budget: dice.one_of(&[2, 5, 10, 30, 1000]),
            like_aws: dice.permille(500),
            from_t0: dice.permille(600),
            only: Vec::new(),
            blind: dice.permille(20),
            told: Tagged::default(),
            clinging: dice.permille(40).then(|| dice.one_of(Kind::ALL)),
        }
    }

    pub fn fair() -> Self {
        let (like_aws, from_t0, blind) = (false, false, false);
        let (only, told) = (Vec::new(), Tagged::default());
        Self { rate: 0, budget: 0, like_aws, from_t0, only, blind, told, clinging: None }
    }
}

/// A request that took effect.
pub struct Made {
    pub by: String,
    pub token: String,
    pub resources: Vec<ResourceRef>,
}

/// What really happened, independent of the answers that callers got.
#[derive(Default)]
pub struct Ledger {
    /// By token: a second request with the same token is the same request.
    pub made: RefCell<Vec<Made>>,
    /// The callers that have copied objects to the end.
    pub copied: RefCell<Vec<String>>,
    pub deletions: RefCell<Vec<ResourceRef>>,
    pub places: RefCell<Vec<Place>>,
    pub faults: RefCell<BTreeMap<Fault, u64>>,
    /// Violations, in words. The run would take a panic in one of its tasks for an answer.
    pub wrong: RefCell<Vec<String>>,
    calls: Cell<u64>,
    /// The time until which a new resource is hidden.
    unseen: RefCell<HashMap<ResourceRef, Time>>,
    /// The time until which a deleted resource looks as it did before.
    lingering: RefCell<HashMap<ResourceRef, Lingering>>,
}

struct Lingering {
    until: Time,
    seen: Observed,
    tagged: Option<TaggedThing>,
}

pub struct Faulty {
    inner: Rc<Twin>,
    clock: Clock,
    weather: Weather,
    dice: RefCell<Dice>,
    left: Cell<u32>,
    declared: Cell<bool>,
    ledger: Rc<Ledger>,
    /// The runner is dead: its further calls do not arrive.
    dead: Rc<Cell<bool>>,
}

impl Faulty {
    pub fn new(
        inner: Rc<Twin>,
        clock: Clock,
        weather: Weather,
        dice: Dice,
        ledger: Rc<Ledger>,
        dead: Rc<Cell<bool>>,
    ) -> Rc<Self> {
        let left = Cell::new(weather.budget);
        Rc::new(Self {
            inner,
            clock,
            weather,
            dice: RefCell::new(dice),
            left,
            declared: Cell::default(),
            ledger,
            dead,
        })
    }

    async fn alive(&self) {
        if self.dead.get() {
            std::future::pending::<()>().await;
        }
        let calls = self.ledger.calls.get() + 1;
        self.ledger.calls.set(calls);
        if calls >= CALLS {
            self.ledger.wrong.borrow_mut().push("it asks on and on".into());
            self.dead.set(true);
            std::future::pending::<()>().await;
        }
    }

    /// Decides whether this call fails, and how.
    fn draw(&self, call: &str, faults: &[Fault]) -> Option<Fault> {
        let begun = !self.weather.from_t0 || self.declared.get();
        if !begun || self.left.get() == 0 {
            return None;
        }
        let only = &self.weather.only;
        let fault = if only.is_empty() {
            let mut dice = self.dice.borrow_mut();
            dice.permille(self.weather.rate).then(|| dice.one_of(faults))?
        } else {
            only.iter().find(|(name, _)| *name == call)?.1
        };
        self.left.set(self.left.get() - 1);
        *self.ledger.faults.borrow_mut().entry(fault).or_default() += 1;
        Some(fault)
    }

    fn seconds(&self, end: u64) -> Duration {
        Duration::from_millis(self.dice.borrow_mut().below(end * 1000))
    }

    /// Makes a call with the fault that was drawn for it.
    async fn call<T>(
        &self,
        call: &str,
        faults: &[Fault],
        work: impl AsyncFn() -> CloudResult<T>,
    ) -> CloudResult<T> {
        self.alive().await;
        let lost = |said: &str| Err(CloudError::new(ErrorKind::Network, call, said).sent(Sent::Maybe));
        match self.draw(call, faults) {
            None | Some(Fault::Stale | Fault::Ignored) => work().await,
            Some(Fault::Throttled) => Err(CloudError::new(ErrorKind::Throttled, call, "Rate exceeded")),
            Some(Fault::Busy) => Err(CloudError::new(ErrorKind::Busy, call, "Too many copies in progress")),
            Some(Fault::NotDone) => {
                Err(CloudError::new(ErrorKind::Server, call, "Unavailable").sent(Sent::No))
            }
            Some(Fault::MaybeNotDone) => {
                Err(CloudError::new(ErrorKind::Server, call, "InternalFailure").sent(Sent::Maybe))
            }
            Some(Fault::Expired) => {
                Err(CloudError::new(ErrorKind::Credentials, call, "the token has expired"))
            }
            Some(Fault::InUse) => {
                Err(CloudError::new(ErrorKind::InUse, call, "something still depends on it"))
            }
            Some(Fault::LostAnswer) => {
                work().await?;
                lost("connection reset")
            }
            Some(Fault::Slow) => {
                self.clock.sleep(self.seconds(90)).await;
                self.alive().await;
                work().await
            }
            Some(Fault::SlowAnswer) => {
                let answer = work().await;
                self.clock.sleep(self.seconds(90)).await;
                answer
            }
            Some(Fault::Twice) => {
                let _first = work().await;
                self.alive().await;
                work().await
            }
            Some(Fault::Hangs) => {
                self.clock.sleep(HANGS).await;
                lost("timed out")
            }
            Some(Fault::HangsDone) => {
                work().await?;
                self.clock.sleep(HANGS).await;
                lost("timed out")
            }
        }
    }

    /// Notes what a restore job has made that ended in teardown.
    fn ended(&self, job: &ResourceRef, before: &Tagged, after: Tagged) {
        let new = after.things.into_iter().filter(|thing| !before.things.contains(thing));
        let resources: Vec<ResourceRef> = new.map(|thing| thing.resource).collect();
        let mut made = self.ledger.made.borrow_mut();
        let by = made.iter().find(|made| made.resources.contains(job)).map(|made| made.by.clone());
        if let Some(by) = by.filter(|_| !resources.is_empty()) {
            made.push(Made { by, token: String::new(), resources });
        }
    }

    fn is_unseen(&self, resource: &ResourceRef) -> bool {
        self.ledger.unseen.borrow().get(resource).is_some_and(|until| *until > self.clock.now())
    }

    fn after(&self, seconds: u64) -> Time {
        self.clock.now() + Span(self.seconds(seconds)).delta()
    }

    /// A new resource may not be visible at once.
    fn hide(&self, created: &Created) {
        for resource in &created.resources {
            if self.weather.like_aws && self.draw(UNSEEN, &[Fault::Stale]).is_some() {
                let until = self.after(STALE);
                self.ledger.unseen.borrow_mut().entry(resource.clone()).or_insert(until);
            }
        }
    }
}

const READS: &[Fault] = &[Fault::Throttled, Fault::NotDone, Fault::Slow, Fault::Expired, Fault::Hangs];
const CREATES: &[Fault] = &[
    Fault::Throttled,
    Fault::Busy,
    Fault::NotDone,
    Fault::MaybeNotDone,
    Fault::LostAnswer,
    Fault::LostAnswer,
    Fault::Slow,
    Fault::SlowAnswer,
    Fault::Twice,
    Fault::Expired,
    Fault::Hangs,
    Fault::HangsDone,
];
const DELETES: &[Fault] = &[
    Fault::Throttled,
    Fault::NotDone,
    Fault::MaybeNotDone,
    Fault::LostAnswer,
    Fault::Slow,
    Fault::SlowAnswer,
    Fault::Twice,
    Fault::InUse,
    Fault::Hangs,
    Fault::HangsDone,
];

#[async_trait(?Send)]
impl Cloud for Faulty {
    async fn identity(&self, account: &AccountId) -> CloudResult<CallerIdentity> {
        self.call("sts:GetCallerIdentity", READS, async || self.inner.identity(account).await).await
    }

    /// Credentials are renewed every 15 minutes.
    fn credentials_generation(&self, _: &AccountId) -> u64 {
        if self.weather.like_aws { self.clock.now().timestamp().unsigned_abs() / 900 } else { 0 }
    }

    async fn zones(&self, place: &Place) -> CloudResult<Vec<Zone>> {
        self.call("ec2:DescribeAvailabilityZones", READS, async || self.inner.zones(place).await).await
    }

    async fn offers(&self, place: &Place, wishes: &Wishes) -> CloudResult<Offers> {
        let call = "ec2:DescribeInstanceTypeOfferings";
        self.call(call, READS, async || self.inner.offers(place, wishes).await).await
    }

    async fn recovery_points(&self, place: &Place, query: &PointQuery) -> CloudResult<SeenPoints> {
        let ask = async || self.inner.recovery_points(place, query).await;
        self.call(points_call(query), READS, ask).await
    }

    async fn started(
        &self,
        place: &Place,
        run: &RunId,
        start: &StartRestore,
        known: &[String],
    ) -> CloudResult<Started> {
        self.call("backup:ListRestoreJobs", READS, async || {
            self.inner.started(place, run, start, known).await
        })
        .await
    }

    async fn resources(&self, place: &Place, query: &LiveQuery) -> CloudResult<Vec<Resource>> {
        self.call(query.kind.call(), READS, async || self.inner.resources(place, query).await).await
    }

    async fn create(&self, permit: &Permit, origin: &Origin, what: &Create) -> CloudResult<Created> {
        let make = async || {
            // A copy changes the sandbox, wherever it is requested.
            let place = if let Create::CopyPoint(copy) = what { &copy.to } else { permit.place() };
            self.ledger.places.borrow_mut().push(place.clone());
            let created = self.inner.create(permit, origin, what).await?;
            let mut made = self.ledger.made.borrow_mut();
            if let Some(known) = made.iter().find(|known| known.token == origin.token) {
                if known.resources != created.resources {
                    self.ledger.wrong.borrow_mut().push(format!("{} made two things", origin.token));
                }
            } else {
                self.hide(&created);
                let (by, token) = (origin.by.clone(), origin.token.clone());
                made.push(Made { by, token, resources: created.resources.clone() });
            }
            Ok(created)
        };
        self.call(what.call(), CREATES, make).await
    }

    async fn observe(&self, place: &Place, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
        let look = async || {
            let mut seen = self.inner.observe(place, kind, ids).await?;
            for one in &mut seen {
                let (account, region) = (place.account.clone(), place.region.clone());
                let resource = ResourceRef { kind, id: one.id.clone(), account, region };
                if self.is_unseen(&resource) {
                    one.state = State::Gone;
                    one.attributes.clear();
                } else if let Some(lingering) = self.ledger.lingering.borrow().get(&resource)
                    && lingering.until > self.clock.now()
                {
                    one.clone_from(&lingering.seen);
                }
                if self.weather.like_aws {
                    one.next_change = None;
                }
            }
            Ok(seen)
        };
        self.call(describe_call(kind), READS, look).await
    }

    async fn delete(
        &self,
        permit: &Permit,
        origin: &Origin,
        resource: &ResourceRef,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<()> {
        let call = delete_call(resource.kind);
        if self.weather.clinging == Some(resource.kind) {
            self.alive().await;
            *self.ledger.faults.borrow_mut().entry(Fault::InUse).or_default() += 1;
            return Err(CloudError::new(ErrorKind::InUse, call, "something still depends on it"));
        }
        if self.weather.like_aws && self.draw(IGNORED, &[Fault::Ignored]).is_some() {
            self.alive().await;
            return Ok(());
        }
        let delete = async || {
            self.ledger.places.borrow_mut().push(permit.place().clone());
            self.ledger.deletions.borrow_mut().push(resource.clone());
            let place = resource.place();
            let seen = self.inner.observe(&place, resource.kind, std::slice::from_ref(&resource.id)).await?;
            let tagged = self.inner.tagged(&place, &Whose::Run(permit.run_tags().run.clone())).await?;
            self.inner.delete(permit, origin, resource, progress).await?;
            if resource.kind == Kind::RestoreJob {
                let after = self.inner.tagged(&place, &Whose::Run(permit.run_tags().run.clone())).await?;
                self.ended(resource, &tagged, after);
            }
            if self.weather.like_aws && self.draw(LINGERING, &[Fault::Stale]).is_some() {
                let tagged = tagged.things.into_iter().find(|thing| thing.resource == *resource);
                let (until, seen) = (self.after(STALE), seen.into_iter().next().unwrap());
                let lingering = Lingering { until, seen, tagged };
                self.ledger.lingering.borrow_mut().entry(resource.clone()).or_insert(lingering);
            }
            Ok(())
        };
        self.call(call, DELETES, delete).await
    }

    async fn tagged(&self, place: &Place, whose: &Whose) -> CloudResult<Tagged> {
        if self.weather.blind {
            self.alive().await;
            return Err(CloudError::new(ErrorKind::Forbidden, "ec2:DescribeTags", "not authorized"));
        }
        let look = async || {
            let mut tagged = self.inner.tagged(place, whose).await?;
            // A restore job carries no tags.
            let is_seen = |kind: Kind| kind != Kind::RestoreJob || !self.weather.like_aws;
            tagged.things.retain(|thing| is_seen(thing.resource.kind) && !self.is_unseen(&thing.resource));
            for lingering in self.ledger.lingering.borrow().values() {
                if let Some(thing) = &lingering.tagged
                    && lingering.until > self.clock.now()
                    && !tagged.things.contains(thing)
                {
                    tagged.things.push(thing.clone());
                }
            }
            tagged.things.sort();
            tagged.unread.extend(self.weather.told.unread.iter().cloned());
            tagged.held.extend(self.weather.told.held.iter().cloned());
            Ok(tagged)
        };
        self.call("ec2:DescribeTags", READS, look).await
    }

    async fn remains(&self, stack: &ResourceRef) -> CloudResult<Vec<Remains>> {
        self.call("cloudformation:ListStackResources", READS, async || self.inner.remains(stack).await).await
    }

    async fn copy_jobs(&self, copy: &CopyPoint) -> CloudResult<Vec<ResourceRef>> {
        self.call("backup:ListCopyJobs", READS, async || self.inner.copy_jobs(copy).await).await
    }

    async fn exposures(&self, look: &IsolationScan) -> CloudResult<Vec<Exposure>> {
        self.call("ec2:DescribeRouteTables", READS, async || self.inner.exposures(look).await).await
    }

    async fn invoke(
        &self,
        permit: &Permit,
        origin: &Origin,
        function: &str,
        payload: Vec<u8>,
        limit: std::time::Duration,
    ) -> CloudResult<Invoked> {
        self.inner.invoke(permit, origin, function, payload, limit).await
    }

    async fn copy_objects(
        &self,
        permit: &Permit,
        origin: &Origin,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects> {
        let work = async || {
            self.ledger.places.borrow_mut().push(permit.place().clone());
            let copied = self.inner.copy_objects(permit, origin, copy, progress).await?;
            self.ledger.copied.borrow_mut().push(origin.by.clone());
            Ok(copied)
        };
        self.call("s3:CopyObject", CREATES, work).await
    }

    async fn verify_objects(
        &self,
        origin: &Origin,
        verify: &VerifyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects> {
        let work = async || self.inner.verify_objects(origin, verify, progress).await;
        self.call("s3:GetObject", READS, work).await
    }

    async fn measure_objects(&self, bucket: &BucketRef, prefix: &str) -> CloudResult<MeasuredObjects> {
        let work = async || self.inner.measure_objects(bucket, prefix).await;
        self.call("s3:ListObjectsV2", READS, work).await
    }

    async fn measure_object(&self, bucket: &BucketRef, key: &str) -> CloudResult<MeasuredObjects> {
        let work = async || self.inner.measure_object(bucket, key).await;
        self.call("s3:ListObjectsV2", READS, work).await
    }

    async fn lookups(&self, of: &LookupsOf<'_>) -> CloudResult<Option<Vec<NameSeen>>> {
        self.call("s3:GetObject", READS, async || self.inner.lookups(of).await).await
    }

    async fn look_at_table(&self, place: &Place, look: &TableLook) -> CloudResult<TableSeen> {
        self.call("dynamodb:Scan", READS, async || self.inner.look_at_table(place, look).await).await
    }

    async fn sample_objects(&self, bucket: &BucketRef) -> CloudResult<Option<Sample>> {
        self.call("s3:ListObjectsV2", READS, async || self.inner.sample_objects(bucket).await).await
    }

    async fn preflight(&self, place: &Place, needs: &Needs) -> CloudResult<Preflight> {
        self.call("preflight", READS, async || self.inner.preflight(place, needs).await).await
    }

    async fn secret(&self, place: &Place, id: &str) -> CloudResult<String> {
        let ask = async || self.inner.secret(place, id).await;
        self.call("secretsmanager:GetSecretValue", READS, ask).await
    }

    fn api_calls(&self) -> ApiCalls {
        self.inner.api_calls()
    }

    fn tells_changes(&self) -> bool {
        !self.weather.like_aws
    }

    fn least_pitr_lag(&self) -> Duration {
        self.inner.least_pitr_lag()
    }

    fn declare(&self, t0: Time) {
        if !self.dead.get() {
            self.declared.set(true);
            self.inner.declare(t0);
        }
    }

    fn listener(&self, host: &str) -> Option<port::Listener> {
        self.inner.listener(host)
    }

    fn probe(&self, check: &str, ready_at: Time) -> Option<ProbeAnswer> {
        self.inner.probe(check, ready_at)
    }

    fn rehearsed(&self, origin: &Origin, action: &str) -> Option<CloudResult<Duration>> {
        self.inner.rehearsed(origin, action)
    }
}
