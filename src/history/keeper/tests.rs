//! Instances that share a store, in a world whose clocks jump, whose processes die at any point, and
//! whose network is cut.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, TimeZone as _, Timelike as _, Utc};
use proptest::prelude::*;
use schedule::Calendar;

use super::*;
use crate::objects::{Listed, Listing, Objects, Put};

/// A bucket.
#[derive(Default)]
struct Bucket(Mutex<BTreeMap<String, Vec<u8>>>);

/// The way of one instance to the bucket.
struct Way {
    bucket: Arc<Bucket>,
    cut: AtomicBool,
    /// The requests until the instance dies. Below 0: it does not.
    budget: AtomicI64,
    /// Whether the request with which it dies still takes effect.
    last_takes_effect: AtomicBool,
}

impl Way {
    /// Whether a request arrives, and whether its answer does.
    fn request(&self) -> (bool, bool) {
        if self.cut.load(Ordering::Relaxed) || self.budget.load(Ordering::Relaxed) == 0 {
            return (false, false);
        }
        if self.budget.load(Ordering::Relaxed) > 0 && self.budget.fetch_sub(1, Ordering::Relaxed) == 1 {
            return (self.last_takes_effect.load(Ordering::Relaxed), false);
        }
        (true, true)
    }

    fn is_dead(&self) -> bool {
        self.budget.load(Ordering::Relaxed) == 0
    }

    fn ask<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> Result<T, StoreError> {
        let (arrives, answered) = self.request();
        let done = arrives.then(|| act(&mut self.bucket.0.lock().unwrap()));
        done.filter(|_| answered).ok_or_else(|| StoreError::new("bucket", "no answer"))
    }
}

impl Objects for Way {
    fn place(&self) -> String {
        "bucket".into()
    }
    fn refuse_if_unsafe(&self) -> Result<(), StoreError> {
        Ok(())
    }
    fn create(&self, key: &str, bytes: &[u8]) -> Result<Put, StoreError> {
        self.ask(|all| {
            if all.contains_key(key) {
                return Put::Exists;
            }
            all.insert(key.to_owned(), bytes.to_vec());
            Put::Made
        })
    }
    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.ask(|all| drop(all.insert(key.to_owned(), bytes.to_vec())))
    }
    fn read(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.ask(|all| all.get(key).cloned())
    }
    fn list(&self, under: &str) -> Result<Listing, StoreError> {
        let objects = self.ask(|all| {
            let all = all.iter().filter(|(key, _)| key.starts_with(under));
            all.map(|(key, bytes)| Listed { key: key.clone(), size: bytes.len() as u64 }).collect()
        })?;
        Ok(Listing { objects, unread: Vec::new() })
    }
    fn digest(&self, _: &str) -> Option<Result<String, StoreError>> {
        None
    }
    fn run_folder(&self, _: &str) -> Option<PathBuf> {
        None
    }
}

#[derive(Debug)]
struct Run {
    place: usize,
    left: Duration,
    /// The instance whose process it is.
    live: Option<usize>,
    finished: bool,
}

type Runs = Arc<Mutex<BTreeMap<String, Run>>>;

struct Fake {
    instance: usize,
    place: usize,
    runs: Runs,
    way: Arc<Way>,
    named: u32,
}

impl Fake {
    fn go(&self, run: &str, must_be_new: bool) -> Result<(), String> {
        if !self.way.request().0 {
            return Err("the instance died before it".into());
        }
        let mut runs = self.runs.lock().unwrap();
        let live: Vec<&String> =
            runs.iter().filter(|(_, run)| run.live.is_some()).map(|(id, _)| id).collect();
        assert!(live.is_empty(), "{run} begins while {live:?} runs");
        let known = runs.contains_key(run);
        assert_eq!(known, !must_be_new, "{run} begins a second time, or is resumed before it began");
        let new = Run { place: self.place, left: LENGTH, live: None, finished: false };
        runs.entry(run.to_owned()).or_insert(new).live = Some(self.instance);
        Ok(())
    }

    fn mine<T>(&self, act: impl Fn(&mut Run) -> T) -> Option<T> {
        let mut runs = self.runs.lock().unwrap();
        runs.values_mut().find(|run| run.live == Some(self.instance)).map(act)
    }
}

impl Runner for Fake {
    fn place(&self) -> String {
        self.place.to_string()
    }
    fn name(&mut self, now: Time) -> String {
        self.named += 1;
        format!("{}-{}-{}-{}", now.timestamp(), self.instance, self.named, self.runs.lock().unwrap().len())
    }
    fn standing(&self, run: &str) -> Result<Standing, String> {
        let runs = self.runs.lock().unwrap();
        Ok(match runs.get(run).filter(|run| run.place == self.place) {
            None => Standing::Absent,
            Some(run) if run.finished => Standing::Finished,
            Some(run) if run.live.is_some() => Standing::Running,
            Some(_) => Standing::Unfinished,
        })
    }
    fn start(&mut self, run: &str) -> Result<(), String> {
        self.go(run, true)
    }
    fn resume(&mut self, run: &str) -> Result<(), String> {
        self.go(run, false)
    }
    fn is_busy(&mut self) -> bool {
        self.mine(|_| ()).is_some()
    }
    fn interrupt(&mut self) {
        self.mine(|run| run.left = run.left.min(Duration::from_mins(1)));
    }
    fn kill(&mut self) {
        self.mine(|run| run.live = None);
    }
}

const LENGTH: Duration = Duration::from_mins(10);
const LASTS: Duration = Duration::from_mins(5);
const STEP: Duration = Duration::from_secs(25);

struct Instance {
    alive: Option<(Keeper, Store, Fake)>,
    way: Arc<Way>,
    /// How far its clock on the wall is off.
    off: TimeDelta,
    /// The uptime of each machine begins elsewhere.
    booted: Duration,
}

struct World {
    now: Time,
    uptime: Duration,
    bucket: Arc<Bucket>,
    runs: Runs,
    instances: Vec<Instance>,
    shared_folder: bool,
    schedule: Schedule,
    catch_up: CatchUp,
    lives: u32,
}

fn cron(text: &str, zone: &str, window: Option<&str>) -> Schedule {
    let window = window.map(|text| text.parse().unwrap());
    Schedule::try_from(Calendar { cron: text.into(), timezone: zone.into(), window }).unwrap()
}

impl World {
    fn new(instances: usize, shared_folder: bool, schedule: Schedule, catch_up: CatchUp, now: Time) -> Self {
        let mut world = Self {
            now,
            uptime: Duration::ZERO,
            bucket: Arc::default(),
            runs: Runs::default(),
            instances: Vec::new(),
            shared_folder,
            schedule,
            catch_up,
            lives: 0,
        };
        for number in 0..instances {
            let booted = Duration::from_secs(77_777 * (1 + number as u64));
            let way = world.way();
            world.instances.push(Instance { alive: None, way, off: TimeDelta::zero(), booted });
            world.revive(number);
        }
        world
    }

    fn way(&self) -> Arc<Way> {
        Arc::new(Way {
            bucket: Arc::clone(&self.bucket),
            cut: AtomicBool::new(false),
            budget: AtomicI64::new(-1),
            last_takes_effect: AtomicBool::new(false),
        })
    }

    fn revive(&mut self, number: usize) {
        if self.instances[number].alive.is_some() {
            return;
        }
        let way = self.way();
        self.lives += 1;
        let place = if self.shared_folder { 0 } else { number };
        // The machines are told apart by their folders alone: a host may share its name with another.
        let me = Holder { id: format!("life-{}", self.lives), host: "host".into(), pid: 1 };
        let kept = Kept {
            playbook: "orders".into(),
            on: On::Twin,
            schedule: self.schedule.clone(),
            catch_up: self.catch_up,
            terms: Terms::lasting(LASTS),
        };
        let keeper = Keeper::new(kept, me).unwrap();
        let store = Store::new(Arc::clone(&way) as Arc<dyn Objects>);
        let fake = Fake {
            instance: number,
            place,
            runs: Arc::clone(&self.runs),
            way: Arc::clone(&way),
            named: self.lives * 1000,
        };
        self.instances[number].way = way;
        self.instances[number].alive = Some((keeper, store, fake));
    }

    /// Its processes die with it.
    fn kill(&mut self, number: usize) {
        if let Some((_, _, mut fake)) = self.instances[number].alive.take() {
            fake.kill();
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.uptime + time;
        while self.uptime < end {
            self.uptime += STEP;
            self.now += TimeDelta::from_std(STEP).unwrap();
            for run in self.runs.lock().unwrap().values_mut().filter(|run| run.live.is_some()) {
                run.left = run.left.saturating_sub(STEP);
                if run.left.is_zero() {
                    (run.live, run.finished) = (None, true);
                }
            }
            for number in 0..self.instances.len() {
                let instance = &mut self.instances[number];
                let at = Instant { now: self.now + instance.off, uptime: instance.booted + self.uptime };
                if let Some((keeper, store, fake)) = &mut instance.alive {
                    keeper.tick(store, fake, at);
                }
                if instance.way.is_dead() {
                    self.kill(number);
                }
            }
        }
    }

    fn taken(&self) -> BTreeMap<Time, Claim> {
        let mut claims = BTreeMap::new();
        Store::new(self.way() as Arc<dyn Objects>).read_claims("orders", &mut claims).unwrap();
        claims
    }

    /// Everything works again, until all that was due was held.
    fn settle(&mut self, time: Duration) {
        for number in 0..self.instances.len() {
            self.instances[number].way.cut.store(false, Ordering::Relaxed);
            self.instances[number].way.budget.store(-1, Ordering::Relaxed);
            self.instances[number].off = TimeDelta::zero();
            self.revive(number);
        }
        self.pass(time);
        // Not in the middle of a run.
        while self.now.minute() != 45 {
            self.pass(STEP);
        }
    }

    /// Each claim has one run, which came to its end, and no run is without a claim.
    fn each_ran_once(&self) -> BTreeMap<Time, Claim> {
        let claims = self.taken();
        let runs = self.runs.lock().unwrap();
        for claim in claims.values() {
            let run = runs.get(&claim.run).unwrap_or_else(|| panic!("{claim:?} never began"));
            assert!(run.finished, "{claim:?} did not end: {run:?}");
        }
        assert_eq!(claims.len(), runs.len());
        claims
    }
}

#[derive(Debug, Clone)]
enum Happens {
    Pass(u64),
    Kill(usize),
    /// It dies with the request of this number, which may take effect.
    Dies(usize, i64, bool),
    Revive(usize),
    Cut(usize),
    Mend(usize),
    Jump(usize, i64),
}

fn happens(jumps: bool) -> impl Strategy<Value = Vec<Happens>> {
    let who = 0..2_usize;
    let one = prop_oneof![
        6 => (25..7200_u64).prop_map(Happens::Pass),
        1 => who.clone().prop_map(Happens::Kill),
        3 => (who.clone(), 1..14_i64, any::<bool>()).prop_map(|(who, at, effect)| Happens::Dies(who, at, effect)),
        4 => who.clone().prop_map(Happens::Revive),
        1 => who.clone().prop_map(Happens::Cut),
        2 => who.clone().prop_map(Happens::Mend),
        2 => (who, -90_000..90_000_i64)
            .prop_map(move |(who, by)| Happens::Jump(who, if jumps { by } else { 0 })),
    ];
    proptest::collection::vec(one, 1..30)
}

fn played(world: &mut World, happens: &[Happens]) {
    for one in happens {
        match *one {
            Happens::Pass(seconds) => world.pass(Duration::from_secs(seconds)),
            Happens::Kill(who) => world.kill(who),
            Happens::Dies(who, at, effect) => {
                let way = &world.instances[who].way;
                way.last_takes_effect.store(effect, Ordering::Relaxed);
                way.budget.store(at, Ordering::Relaxed);
            }
            Happens::Revive(who) => world.revive(who),
            Happens::Cut(who) => world.instances[who].way.cut.store(true, Ordering::Relaxed),
            Happens::Mend(who) => world.instances[who].way.cut.store(false, Ordering::Relaxed),
            Happens::Jump(who, by) => world.instances[who].off += TimeDelta::seconds(by),
        }
    }
}

fn noon() -> Time {
    Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 10).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// Instances die at any request, and are cut off. Nothing runs twice or beside another, and in the
    /// end each drill since the first one was held.
    #[test]
    fn each_due_drill_runs_exactly_once(happens in happens(false), shared in any::<bool>()) {
        let hourly = cron("0 * * * *", "UTC", None);
        let mut world = World::new(2, shared, hourly.clone(), CatchUp::All, noon());
        played(&mut world, &happens);
        world.settle(Duration::from_hours(30));
        let claims = world.each_ran_once();
        let first = *claims.keys().next().unwrap();
        let due: Vec<Time> = hourly.after(first - TimeDelta::seconds(1)).take_while(|due| *due <= world.now).collect();
        let taken: Vec<Time> = claims.into_keys().collect();
        prop_assert_eq!(taken, due);
    }

    /// With clocks that jump by a day, a drill may be held too early, or be left out. It is still never
    /// held twice, and never beside another.
    #[test]
    fn clocks_that_jump_make_no_second_run(happens in happens(true), shared in any::<bool>()) {
        let hourly = cron("0 * * * *", "UTC", Some("20m"));
        let mut world = World::new(2, shared, hourly, CatchUp::Last, noon());
        played(&mut world, &happens);
        world.settle(Duration::from_hours(3));
        world.each_ran_once();
    }
}

#[test]
fn a_restart_over_a_due_time_catches_up_by_the_policy() {
    let daily = |window| cron("0 6 * * *", "UTC", window);
    let start = Utc.with_ymd_and_hms(2026, 3, 1, 7, 0, 0).unwrap();
    let day = |day| Utc.with_ymd_and_hms(2026, 3, day, 6, 0, 0).unwrap();
    // Down from the evening of the 1st until 10:00 on the 4th.
    let held = |window, catch_up| -> Vec<Time> {
        let mut world = World::new(1, true, daily(window), catch_up, start);
        world.pass(Duration::from_hours(12));
        world.kill(0);
        world.pass(Duration::from_hours(63));
        world.revive(0);
        world.pass(Duration::from_hours(24));
        world.each_ran_once().into_keys().collect()
    };
    assert_eq!(held(None, CatchUp::Last), [day(1), day(4), day(5)]);
    assert_eq!(held(None, CatchUp::All), [day(1), day(2), day(3), day(4), day(5)]);
    assert_eq!(held(None, CatchUp::None), [day(5)]);
    assert_eq!(held(Some("30m"), CatchUp::Last), [day(5)], "the window had closed");
    assert_eq!(held(Some("5h"), CatchUp::Last), [day(1), day(4), day(5)]);
}

#[test]
fn a_drill_in_the_night_of_each_change_of_clocks_is_held_once() {
    for (from, hours) in [((2026, 3, 27), 96), ((2026, 10, 23), 96)] {
        let start = Utc.with_ymd_and_hms(from.0, from.1, from.2, 12, 0, 0).unwrap();
        let nightly = cron("30 2 * * *", "Europe/Berlin", Some("1h"));
        let mut world = World::new(2, false, nightly.clone(), CatchUp::Last, start);
        world.pass(Duration::from_hours(hours));
        let expected: Vec<Time> = nightly.after(start).take_while(|due| *due <= world.now).collect();
        assert_eq!(expected.len(), 4);
        assert_eq!(world.each_ran_once().into_keys().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn the_run_of_a_killed_instance_is_resumed_by_another_after_the_lease() {
    let mut world = World::new(2, true, cron("0 * * * *", "UTC", None), CatchUp::Last, noon());
    world.pass(STEP * 3);
    let runner = world.runs.lock().unwrap().values().next().unwrap().live.unwrap();
    world.kill(runner);
    world.pass(LASTS);
    assert!(
        world.runs.lock().unwrap().values().all(|run| run.live.is_none()),
        "not before the lease has ended"
    );
    world.pass(LASTS);
    assert_eq!(world.runs.lock().unwrap().values().next().unwrap().live, Some(1 - runner));
    world.pass(LENGTH);
    assert_eq!(world.each_ran_once().len(), 1);
}

#[test]
fn who_cannot_renew_stops_before_another_may_begin() {
    let mut world = World::new(2, true, cron("0 * * * *", "UTC", None), CatchUp::Last, noon());
    world.pass(STEP * 3);
    let runner = world.runs.lock().unwrap().values().next().unwrap().live.unwrap();
    world.runs.lock().unwrap().values_mut().for_each(|run| run.left = Duration::from_hours(9));
    world.instances[runner].way.cut.store(true, Ordering::Relaxed);
    // Interrupted after two thirds of the lease. Its teardown takes no longer than the rest.
    world.pass(LASTS);
    let runs = world.runs.lock().unwrap();
    assert!(runs.values().all(|run| run.finished && run.live.is_none()), "{runs:?}");
}

#[test]
fn a_stopped_instance_gives_its_lease_back() {
    let mut world = World::new(1, true, cron("0 * * * *", "UTC", None), CatchUp::Last, noon());
    world.pass(STEP * 3);
    let (keeper, _, fake) = world.instances[0].alive.as_mut().unwrap();
    keeper.stop(fake);
    world.pass(Duration::from_mins(3));
    let bucket = world.bucket.0.lock().unwrap();
    let last =
        bucket.iter().filter(|(key, _)| key.starts_with("leases/")).max_by_key(|(key, _)| key.len()).unwrap();
    assert!(String::from_utf8_lossy(last.1).contains("released"), "{last:?}");
}
