//! Both clouds as one type: the target of each scenario, and the few things that only one of them
//! can show.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use base::clock::{Clock, Pace, VirtualTime};
use base::duration::Time;
use base::ids::RunId;
use estate::Loss;
use estate::file::{Fault, FaultKind};
use event::Phase;
use port::Guard;
use port::Protected;
use port::gated::Gated;
use port::{Cloud, CloudError, LossGate, Operation, Permit, Place, RunTags};
use twin::Twin;

use super::production::{self, EAST, Ids};

/// A cloud with the estate of [`production`], and what can be done to it outside the port.
#[async_trait(?Send)]
pub trait World: Sync {
    /// A separate connection for one run.
    fn connect(&self, clock: &Clock, gate: &Arc<LossGate>, setup: &Setup) -> (Rc<dyn Cloud>, Ids);

    fn is_twin(&self) -> bool;

    /// What the cloud tells of a database beyond the port. `None` if it does not model these facts.
    async fn database(&self, id: &str) -> Option<DatabaseFacts>;

    /// The same of a cluster.
    async fn cluster(&self, id: &str) -> Option<ClusterFacts>;

    /// What the cloud tells of a table's settings, as JSON.
    async fn table(&self, name: &str) -> Option<serde_json::Value>;

    /// Opens the network, as an outsider would.
    async fn open(&self, vpc: &str);

    /// Closes the network again, so that it can be removed.
    async fn shut(&self, vpc: &str);

    /// Freezes what is under way until [`World::go_on`]. Does nothing if time is virtual.
    fn pause(&self);

    fn go_on(&self);

    /// Makes an instance stop, as if by itself.
    async fn stop_instance(&self, id: &str);

    /// Makes one resource resist its deletion. `None` ends this.
    fn hold(&self, id: Option<&str>);

    /// Changes an object's content in place, with the same size. Returns `false` if contents are
    /// not known.
    async fn corrupt(&self, bucket: &str) -> bool;

    /// The keys of a bucket. `None` if they are not known.
    async fn keys(&self, bucket: &str) -> Option<Vec<String>>;

    /// What the cloud still holds of a run, besides what the port finds.
    fn leftovers(&self, run: &RunId) -> Vec<String>;
}

/// The twin. The faults in its estate already do what would be done outside the port.
struct OnTwin;

#[async_trait(?Send)]
impl World for OnTwin {
    fn connect(&self, clock: &Clock, _gate: &Arc<LossGate>, setup: &Setup) -> (Rc<dyn Cloud>, Ids) {
        let now = clock.now();
        let ids = production::ids_of_the_twin(now);
        let file = production::of_the_twin(&ids, now, &setup.faults);
        (Rc::new(Twin::new(file, clock.clone(), None, engine::actions::TIMINGS)), ids)
    }

    fn is_twin(&self) -> bool {
        true
    }

    async fn database(&self, _id: &str) -> Option<DatabaseFacts> {
        None
    }

    async fn cluster(&self, _id: &str) -> Option<ClusterFacts> {
        None
    }

    async fn table(&self, _name: &str) -> Option<serde_json::Value> {
        None
    }

    async fn open(&self, _vpc: &str) {}

    async fn shut(&self, _vpc: &str) {}

    fn pause(&self) {}

    fn go_on(&self) {}

    async fn stop_instance(&self, _id: &str) {}

    fn hold(&self, _id: Option<&str>) {}

    async fn corrupt(&self, _bucket: &str) -> bool {
        false
    }

    async fn keys(&self, _bucket: &str) -> Option<Vec<String>> {
        None
    }

    fn leftovers(&self, _run: &RunId) -> Vec<String> {
        Vec::new()
    }
}

/// One run against one cloud.
pub struct Peer {
    pub cloud: Rc<dyn Cloud>,
    pub clock: Clock,
    pub gate: Arc<LossGate>,
    pub run_tags: RunTags,
    pub ids: Ids,
    /// The playbook's folder.
    pub folder: tempfile::TempDir,
    /// The actions that have succeeded in this run and in those started by [`Peer::another`].
    pub ran: Rc<RefCell<BTreeSet<String>>>,
    world: &'static dyn World,
}

/// How a run differs from an ordinary one.
pub struct Setup {
    pub loss: Loss,
    /// The twin's faults. If another world needs them in another form, the scenario sets them
    /// there.
    pub faults: Vec<Fault>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { loss: Loss::Region(EAST.parse().unwrap()), faults: Vec::new() }
    }
}

impl Setup {
    pub fn losing(loss: Loss) -> Self {
        Self { loss, ..Self::default() }
    }

    pub fn fault(step: Option<&str>, error: FaultKind) -> Self {
        let fault = Fault { step: step.map(str::to_owned), attempt: None, error };
        Self { faults: vec![fault], ..Self::default() }
    }
}

/// Counts the runs of this process. It keeps their names apart, because they may share a world.
static RUNS: AtomicU32 = AtomicU32::new(0);

impl Peer {
    fn new(
        world: &'static dyn World,
        setup: &Setup,
        clock: Clock,
        ran: Rc<RefCell<BTreeSet<String>>>,
    ) -> Self {
        let gate = Arc::new(LossGate::new(setup.loss.clone()));
        let now = clock.now();
        let (cloud, ids) = world.connect(&clock, &gate, setup);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let run = RunId(format!("{}-conformance-c{number:03x}", now.format("%Y%m%dT%H%M%SZ")));
        Self {
            cloud: Rc::new(Gated::new(cloud, Arc::clone(&gate))),
            clock,
            gate,
            run_tags: RunTags::new(run, now + chrono::TimeDelta::hours(4)),
            ids,
            folder: tempfile::tempdir().unwrap(),
            ran,
            world,
        }
    }

    /// Another run on the same cloud at the same time, with its own resources, gate and faults.
    #[must_use]
    pub fn another(&self, setup: &Setup) -> Self {
        Self::new(self.world, setup, self.clock.clone(), Rc::clone(&self.ran))
    }

    /// The permit that the guard of a drill with its sandbox at this place would give.
    pub async fn permit(
        &self,
        run_tags: &RunTags,
        place: &Place,
        operation: Operation,
    ) -> Result<Permit, CloudError> {
        let cloud = Rc::clone(&self.cloud);
        let guard = Guard::new(cloud, place.clone(), run_tags.clone(), Protected::default());
        guard.enter(if operation == Operation::Delete { Phase::Teardown } else { Phase::Recover });
        guard.permit(place, operation, "test").await
    }

    pub fn is_twin(&self) -> bool {
        self.world.is_twin()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(Path::new(self.folder.path()).join(name), text).unwrap();
    }

    pub async fn database(&self, id: &str) -> Option<DatabaseFacts> {
        self.world.database(id).await
    }

    pub async fn cluster(&self, id: &str) -> Option<ClusterFacts> {
        self.world.cluster(id).await
    }

    pub async fn table(&self, name: &str) -> Option<serde_json::Value> {
        self.world.table(name).await
    }

    pub async fn open(&self, vpc: &str) {
        self.world.open(vpc).await;
    }

    pub async fn shut(&self, vpc: &str) {
        self.world.shut(vpc).await;
    }

    pub fn pause(&self) {
        self.world.pause();
    }

    pub fn go_on(&self) {
        self.world.go_on();
    }

    pub async fn stop_instance(&self, id: &str) {
        self.world.stop_instance(id).await;
    }

    pub fn hold(&self, id: Option<&str>) {
        self.world.hold(id);
    }

    pub async fn corrupt(&self, bucket: &str) -> bool {
        self.world.corrupt(bucket).await
    }

    pub async fn keys(&self, bucket: &str) -> Option<Vec<String>> {
        self.world.keys(bucket).await
    }

    pub fn leftovers(&self) -> Vec<String> {
        self.world.leftovers(&self.run_tags.run)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    pub subnet_group: String,
    pub security_groups: Vec<String>,
    pub multi_az: bool,
    pub public: bool,
    pub deletion_protection: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterFacts {
    pub subnet_group: String,
    pub security_groups: Vec<String>,
    pub deletion_protection: bool,
}

/// Runs a scenario. Asserts that the actions which it claims to cover have succeeded in it.
///
/// The clock starts at `start` and advances at `pace`.
pub fn run<S>(
    world: &'static dyn World,
    start: Time,
    pace: Pace,
    covers: &'static [&'static str],
    scenario: S,
) where
    S: AsyncFnOnce(&Peer) + Send + 'static,
{
    let work = move || {
        let clock = Clock::Virtual(VirtualTime::starting_at(start));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let local = tokio::task::LocalSet::new();
            let work = local.run_until(async {
                let peer = Peer::new(world, &Setup::default(), clock.clone(), Rc::default());
                scenario(&peer).await;
                for action in covers {
                    assert!(
                        peer.ran.borrow().contains(*action),
                        "{action} has not succeeded in this scenario"
                    );
                }
            });
            clock.drive(pace, work).await;
        });
    };
    // Without optimization the SDK's futures are large, and a test's thread has only a quarter of a
    // program's stack.
    let name = std::thread::current().name().unwrap_or("scenario").to_owned();
    let thread = std::thread::Builder::new().name(name).stack_size(8 << 20).spawn(work).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

pub fn on_twin(covers: &'static [&'static str], scenario: impl AsyncFnOnce(&Peer) + Send + 'static) {
    run(&OnTwin, "2026-03-01T12:00:00Z".parse().unwrap(), Pace::Max, covers, scenario);
}
