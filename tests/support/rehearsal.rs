//! Drills on the twin, within the test's own process. They start from the beginning, or from the
//! records of a drill that was cut short.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::clock::{Clock, Pace, VirtualTime};
use base::duration::Time;
use base::ids::RunId;
use checks::Observation;
use engine::actions::context::{Answer, Person};
use engine::actions::{CATALOGUE, TIMINGS};
use engine::plan::{Input, Plan};
use engine::run::{Config, Engine, Memory, ProbeLog, Prober};
use engine::secrets::Secrets;
use event::legal::RunProgress;
use event::{Body, Bus, Consumer, ConsumerError, Event, Inputs};
use futures_util::future::LocalBoxFuture;
use playbook::check::CheckKind;
use playbook::{Loaded, load};
use port::Protected;
use port::gated::Gated;
use port::{Cloud, LossGate, Place, ResourceRef, Whose};
use record::objectives::{self, Record};
use record::report::Report;
use tokio_util::sync::CancellationToken;
use twin::{Twin, Unanswered};

pub const RUN: &str = "20260301T120000Z-drill-0badcafe";

/// The settings of a rehearsal besides its playbook.
#[derive(Clone)]
pub struct Given {
    pub jobs: usize,
    pub seed: Option<u64>,
    pub keep_sandbox: bool,
    pub patience: Duration,
    pub abort: bool,
    pub a_look_takes: Duration,
    /// The first Ctrl-C comes right after the first event for which this returns true.
    pub interrupt: fn(&Body) -> bool,
}

impl Default for Given {
    fn default() -> Self {
        let (jobs, patience) = (64, Duration::from_mins(45));
        Self {
            jobs,
            seed: None,
            keep_sandbox: false,
            patience,
            abort: false,
            a_look_takes: Duration::ZERO,
            interrupt: |_| false,
        }
    }
}

/// The results of a rehearsal.
pub struct Left {
    /// All events, including those from before it was cut short.
    pub events: Vec<Event>,
    pub report: Report,
    /// The resources that still carry the run's tag.
    pub standing: Vec<ResourceRef>,
}

struct Log {
    events: Rc<RefCell<Vec<Event>>>,
    interrupt: CancellationToken,
    when: fn(&Body) -> bool,
}

impl Consumer for Log {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        if !matches!(event.body, Body::Progress { .. }) {
            self.events.borrow_mut().push(event.clone());
            if (self.when)(&event.body) {
                self.interrupt.cancel();
            }
        }
        Ok(())
    }
}

struct Nobody;

impl Person for Nobody {
    fn confirm(&self, _: &str, _: &str) -> Option<LocalBoxFuture<'static, Result<Answer, String>>> {
        None
    }
}

#[async_trait(?Send)]
impl Prober for Nobody {
    async fn probe(&self, _: &CheckKind) -> Observation {
        panic!("the twin answers checks itself")
    }

    fn question(&self, _: &CheckKind) -> Option<Result<Vec<u8>, Observation>> {
        None
    }

    fn greeting(&self) -> Result<Vec<u8>, Observation> {
        panic!("the twin answers checks itself")
    }

    fn name(&self, _: &str) -> Result<Vec<u8>, Observation> {
        panic!("the twin answers checks itself")
    }

    fn answer(&self, _: &[u8]) -> Result<Observation, String> {
        panic!("the twin answers checks itself")
    }
}

pub fn loaded(playbook: &Path) -> Loaded {
    // Validation would refuse this snapshot if the playbook named it, so it comes as a parameter.
    let lost = "arn:aws:rds:us-east-1:111122223333:snapshot:orders-east-1h";
    let named = std::fs::read_to_string(playbook).unwrap().contains("lost_snapshot:");
    let params = named.then(|| ("lost_snapshot".to_owned(), lost.to_owned()));
    load(playbook, CATALOGUE, params.as_slice()).unwrap_or_else(|found| panic!("{}", found.render(false)))
}

pub fn plan_of(playbook: &Loaded) -> Plan {
    Plan::new(Input { given: Vec::new(), ..Input::from(playbook.clone()) }).unwrap()
}

/// The time at which rehearsals begin.
pub fn start() -> Time {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// An engine on a cloud behind the loss gate.
pub fn engine(
    plan: Plan,
    given: &Given,
    before: &[Event],
    clock: &Clock,
    cloud: Rc<dyn Cloud>,
    consumer: Box<dyn Consumer>,
    interrupt: CancellationToken,
) -> Engine {
    let gate = Arc::new(LossGate::new(plan.loss.clone()).with_elsewhere(plan.accounts_elsewhere()));
    let config = Config {
        on: base::on::On::Twin,
        run: RunId(RUN.into()),
        jobs: given.jobs,
        keep_sandbox: given.keep_sandbox,
        wait_network: true,
        probe_sha256: String::new(),
        patience: given.patience,
        seed: given.seed,
        jitter: false,
        abort: given.abort,
        protected: Protected::default(),
        forecast: Some(crate::report_fixtures::region_forecast()),
        past: Vec::new(),
        grants: std::collections::BTreeMap::new(),
        inputs: Inputs { files: plan.files.kept().clone(), ..Inputs::default() },
    };
    if given.abort {
        interrupt.cancel();
    }
    let cloud: Rc<dyn Cloud> = Rc::new(Gated::new(cloud, Arc::clone(&gate)));
    let bus = Bus::new(clock.clone(), before.len() as u64, vec![consumer]);
    let sandbox = Place { account: plan.sandbox_account.clone(), region: plan.sandbox.region.clone() };
    let folder = plan.files.folder().to_owned();
    Engine {
        secrets: Secrets::new(Rc::clone(&cloud), clock.clone(), Rc::clone(&bus), folder, sandbox, true),
        cloud,
        gate,
        bus,
        clock: clock.clone(),
        config,
        prober: Rc::new(Nobody),
        addresses: Rc::new(plan.addresses(&[])),
        person: Rc::new(Nobody),
        interrupt,
        memory: Memory::of(before),
        probe_log: ProbeLog::default(),
        plan,
    }
}

/// Runs a playbook to its end. `before` holds the records of a run that is continued.
pub fn rehearse(playbook: &Loaded, given: &Given, before: &[Event], unanswered: Unanswered) -> Left {
    let plan = plan_of(playbook);
    let estate = plan.estate.clone().unwrap();
    let from = Memory::of(before).last_at.unwrap_or_else(start);
    let clock = Clock::Virtual(VirtualTime::starting_at(from));
    let twin = Rc::new(if before.is_empty() {
        Twin::new(estate, clock.clone(), given.seed, TIMINGS)
    } else {
        Twin::rebuild(estate, clock.clone(), given.seed, TIMINGS, &plan.loss, before, unanswered).unwrap()
    });
    twin.look_slowly(given.a_look_takes);
    let interrupt = CancellationToken::new();
    let events = Rc::new(RefCell::new(before.to_vec()));
    let log = Log { events: Rc::clone(&events), interrupt: interrupt.clone(), when: given.interrupt };
    let place = Place { account: plan.sandbox_account.clone(), region: plan.sandbox.region.clone() };
    let cloud = Rc::clone(&twin) as Rc<dyn Cloud>;
    let engine = engine(plan, given, before, &clock, cloud, Box::new(log), interrupt);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let standing = runtime.block_on(async {
        let local = tokio::task::LocalSet::new();
        clock.drive(Pace::Max, local.run_until(engine.run())).await;
        let found = twin.tagged(&place, &Whose::Run(RunId(RUN.into()))).await.unwrap();
        found.things.into_iter().map(|thing| thing.resource).collect()
    });
    drop(engine);
    let events = events.borrow().clone();
    let mut run_progress = RunProgress::default();
    for event in &events {
        run_progress.follow(event).unwrap_or_else(|why| panic!("no journal would take {event:?}: {why}"));
    }
    let report = objectives::report(&Record::from_events(&events)).unwrap();
    Left { events, report, standing }
}

/// The report of an uninterrupted rehearsal, as in `report.json`.
pub fn report_of(playbook: &Path) -> serde_json::Value {
    let left = rehearse(&loaded(playbook), &Given::default(), &[], Unanswered::Done);
    serde_json::to_value(&left.report).unwrap()
}

/// Records as they are read back from a journal.
pub fn read_back(events: &[Event]) -> Vec<Event> {
    events.iter().map(|e| Event::from_line(e.to_line(&[]).unwrap().as_bytes()).unwrap()).collect()
}
