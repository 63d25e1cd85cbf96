//! The two clouds as one type: what a scenario is run against, and the few things that only one of them can show.
#![cfg_attr(not(feature = "aws"), allow(clippy::unused_async, reason = "only moto is asked anything"))]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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

#[cfg(feature = "aws")]
use crate::moto;
use crate::production::{self, EAST, Ids};

/// One run against one cloud.
pub struct Peer {
    pub cloud: Rc<dyn Cloud>,
    pub clock: Clock,
    pub gate: Arc<LossGate>,
    pub run_tags: RunTags,
    pub ids: Ids,
    /// The playbook's folder.
    pub folder: tempfile::TempDir,
    /// The actions that have succeeded, in this run and in those that [`Peer::another`] began.
    pub ran: Rc<RefCell<BTreeSet<String>>>,
    on: On,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Twin,
    #[cfg(feature = "aws")]
    Moto,
}

/// How a run differs from the ordinary one.
pub struct Setup {
    pub loss: Loss,
    /// The twin's; where moto has to be told in another way, a scenario does so.
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

/// The runs of this process: their names stay apart, for moto is shared.
static RUNS: AtomicU32 = AtomicU32::new(0);

impl Peer {
    fn new(on: On, setup: &Setup, clock: Clock, ran: Rc<RefCell<BTreeSet<String>>>) -> Self {
        let gate = Arc::new(LossGate::new(setup.loss.clone()));
        let now = clock.now();
        let (cloud, ids): (Rc<dyn Cloud>, Ids) = match on {
            On::Twin => {
                let ids = production::ids_of_the_twin(now);
                let file = production::of_the_twin(&ids, now, &setup.faults);
                (Rc::new(Twin::new(file, clock.clone(), None, engine::actions::TIMINGS)), ids)
            }
            #[cfg(feature = "aws")]
            On::Moto => (moto::connect(&gate), moto::ids()),
        };
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let run = RunId(format!("{}-conformance-c{number:03x}", now.format("%Y%m%dT%H%M%SZ")));
        Self {
            cloud: Rc::new(Gated::new(cloud, Arc::clone(&gate))),
            clock,
            gate,
            run_tags: RunTags { run, expires: now + chrono::TimeDelta::hours(4) },
            ids,
            folder: tempfile::tempdir().unwrap(),
            ran,
            on,
        }
    }

    /// Another run, with its own resources, gate and faults, on the same cloud at the same time.
    pub fn another(&self, setup: &Setup) -> Self {
        Self::new(self.on, setup, self.clock.clone(), Rc::clone(&self.ran))
    }

    /// What the guard of a drill with its sandbox there would give.
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
        self.on == On::Twin
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(Path::new(self.folder.path()).join(name), text).unwrap();
    }

    /// What moto tells of a database beyond the port; `None` on the twin, which models none of it.
    pub async fn database(&self, id: &str) -> Option<DatabaseFacts> {
        let _ = id; // only moto is told
        match self.on {
            On::Twin => None,
            #[cfg(feature = "aws")]
            On::Moto => Some(moto::database(id).await),
        }
    }

    /// Somebody opens the network. On the twin the estate's fault has done so before.
    pub async fn open(&self, vpc: &str) {
        let _ = vpc; // only moto is told
        match self.on {
            On::Twin => {}
            #[cfg(feature = "aws")]
            On::Moto => moto::attach_gateway(vpc).await,
        }
    }

    /// It is closed again, so that it can be removed.
    pub async fn shut(&self, vpc: &str) {
        let _ = vpc; // only moto is told
        match self.on {
            On::Twin => {}
            #[cfg(feature = "aws")]
            On::Moto => moto::detach_gateways(vpc).await,
        }
    }

    /// Instances of this run come to a stop by themselves. On the twin the estate's fault makes them.
    pub async fn stop_instance(&self, id: &str) {
        let _ = id; // only moto is told
        match self.on {
            On::Twin => {}
            #[cfg(feature = "aws")]
            On::Moto => moto::stop_instance(id).await,
        }
    }

    /// One resource resists its deletion. On the twin the estate's fault makes it.
    pub fn hold(&self, id: Option<&str>) {
        let _ = id; // only moto is told
        match self.on {
            On::Twin => {}
            #[cfg(feature = "aws")]
            On::Moto => moto::hold(id),
        }
    }

    /// Changes an object's content in place, its size unchanged. `false`: the twin knows no contents.
    pub async fn corrupt(&self, bucket: &str) -> bool {
        let _ = bucket; // only moto is told
        match self.on {
            On::Twin => false,
            #[cfg(feature = "aws")]
            On::Moto => {
                moto::corrupt(bucket).await;
                true
            }
        }
    }

    /// The keys of a bucket; `None`: the twin knows none.
    pub async fn keys(&self, bucket: &str) -> Option<Vec<String>> {
        let _ = bucket; // only moto is told
        match self.on {
            On::Twin => None,
            #[cfg(feature = "aws")]
            On::Moto => Some(moto::keys(bucket).await),
        }
    }

    /// What the cloud itself still holds of this run, beside what the port finds.
    pub fn leftovers(&self) -> Vec<String> {
        match self.on {
            On::Twin => Vec::new(),
            #[cfg(feature = "aws")]
            On::Moto => moto::leftovers(&self.run_tags.run),
        }
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

/// Runs a scenario, and asserts that the actions that it claims to cover have succeeded in it.
fn run<S>(on: On, start: Time, pace: Pace, covers: &'static [&'static str], scenario: S)
where
    S: AsyncFnOnce(&Peer) + Send + 'static,
{
    let work = move || {
        let clock = Clock::Virtual(VirtualTime::starting_at(start));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let local = tokio::task::LocalSet::new();
            let work = local.run_until(async {
                let peer = Peer::new(on, &Setup::default(), clock.clone(), Rc::default());
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
    // The SDK's futures are large without optimization: a test's thread has a quarter of a program's stack.
    let name = std::thread::current().name().unwrap_or("scenario").to_owned();
    let thread = std::thread::Builder::new().name(name).stack_size(8 << 20).spawn(work).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

pub fn on_twin(covers: &'static [&'static str], scenario: impl AsyncFnOnce(&Peer) + Send + 'static) {
    run(On::Twin, "2026-03-01T12:00:00Z".parse().unwrap(), Pace::Max, covers, scenario);
}

/// Waiting goes eight times faster than it would: moto is ready within fractions of a second, and what is asserted
/// is what comes, not when.
#[cfg(feature = "aws")]
pub fn on_moto(covers: &'static [&'static str], scenario: impl AsyncFnOnce(&Peer) + Send + 'static) {
    moto::seeded();
    run(On::Moto, chrono::Utc::now(), Pace::Times(8.0), covers, scenario);
}
