//! A drill under faults, with runners that die, and what it leaves in the world.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use base::clock::{Clock, Pace, VirtualTime};
use base::ids::RunId;
use event::{Body, Consumer, ConsumerError, Event, Phase};
use futures_util::FutureExt as _;
use playbook::Loaded;
use port::Guard;
use port::Protected;
use port::{Cloud, Create, Kind, Operation, Origin, Place, ResourceRef, RunTags, State, Whose};
use record::journal::{Durability, Journal, read};
use record::objectives::{self, Record};
use record::report::Report;
use tokio_util::sync::CancellationToken;
use twin::Twin;

use super::dice::Dice;
use super::faulty::{Faulty, Ledger, Weather};
use support::rehearsal::{Given, RUN, engine, plan_of, start};

/// A limit in real time. Nothing that the twin rehearses takes this long.
const LIMIT: Duration = Duration::from_secs(60);

/// What happens to the runner.
#[derive(Clone)]
pub struct Fate {
    /// The runner dies once per number, after so many records. Each number counts from the death
    /// before.
    pub deaths: Vec<usize>,
    /// The time without a runner after each death.
    pub gap: Duration,
    /// After the last death the run is only torn down.
    pub abort: bool,
    /// The first Ctrl-C comes after this many records.
    pub interrupt: Option<usize>,
    pub given: Given,
}

impl Fate {
    pub fn of(dice: &mut Dice) -> Self {
        let deaths = if dice.permille(300) { 1 + dice.below(3) } else { 0 };
        let deaths = (0..deaths).map(|_| 1 + usize::try_from(dice.below(60)).unwrap()).collect();
        Self {
            deaths,
            gap: Duration::from_secs(dice.one_of(&[0, 0, 40, 900])),
            abort: dice.permille(300),
            interrupt: dice.permille(70).then(|| usize::try_from(dice.below(90)).unwrap()),
            given: Given {
                jobs: dice.one_of(&[1, 3, 64]),
                seed: dice.permille(500).then_some(7),
                patience: Duration::from_mins(dice.one_of(&[10, 45])),
                ..Given::default()
            },
        }
    }

    pub fn calm() -> Self {
        let (gap, given) = (Duration::ZERO, Given::default());
        Self { deaths: Vec::new(), gap, abort: false, interrupt: None, given }
    }
}

/// What a drill leaves.
pub struct Left {
    pub events: Vec<Event>,
    pub report: Report,
    /// The report, made from the journal that was read back.
    pub read_back: Report,
    /// The resources that still carry the run's tag.
    pub standing: Vec<ResourceRef>,
    /// The resources of another run are unchanged.
    pub others_stand: bool,
    pub sandbox: Place,
    pub ledger: Rc<Ledger>,
    pub wrong: Vec<String>,
}

/// Sees each event at the instant at which it is told. Checks that the world agrees with it.
struct Watch {
    journal: Journal,
    twin: Rc<Twin>,
    ledger: Rc<Ledger>,
    seen: Rc<RefCell<Seen>>,
    dies_after: Option<usize>,
    dead: Rc<Cell<bool>>,
    killed: CancellationToken,
    interrupt_after: Option<usize>,
    interrupt: CancellationToken,
}

/// State that outlives a runner.
#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    uses: BTreeMap<String, String>,
    /// By step: the tokens of its requests that it has not given up.
    tokens: BTreeMap<String, BTreeSet<String>>,
}

impl Watch {
    fn look(&self, event: &Event) {
        let mut seen = self.seen.borrow_mut();
        seen.events.push(event.clone());
        match &event.body {
            Body::RunStarted(started) => {
                seen.uses = started.steps.iter().map(|s| (s.id.clone(), s.uses.clone())).collect();
            }
            Body::Intent { by, token, .. } => {
                seen.tokens.entry(by.clone()).or_default().insert(token.clone());
            }
            Body::Discarded { by, .. } => drop(seen.tokens.remove(by)),
            Body::StepSucceeded { step, .. } => self.is_true_that_it_succeeded(step, &seen),
            _ => {}
        }
    }

    fn is_true_that_it_succeeded(&self, step: &str, seen: &Seen) {
        let wrong = |what: String| self.ledger.wrong.borrow_mut().push(what);
        if seen.uses.get(step).is_some_and(|uses| uses == "s3.restore")
            && !self.ledger.copied.borrow().iter().any(|by| by == step)
        {
            wrong(format!("`{step}` is said to have copied objects, and has not"));
        }
        let Some(tokens) = seen.tokens.get(step) else { return };
        let made = self.ledger.made.borrow();
        for token in tokens {
            if token.contains("copy-") || made.iter().any(|made| made.token == *token) {
                continue;
            }
            wrong(format!("`{step}` is said to have succeeded, and {token} was never made"));
        }
        for resource in made.iter().filter(|made| tokens.contains(&made.token)).flat_map(|m| &m.resources) {
            let ids = [resource.id.clone()];
            let seen =
                self.twin.observe(&resource.place(), resource.kind, &ids).now_or_never().unwrap().unwrap();
            if seen[0].state != State::Ready {
                wrong(format!("`{step}` is said to have succeeded, and {resource} is {:?}", seen[0].state));
            }
        }
    }
}

impl Consumer for Watch {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        if self.dead.get() || matches!(event.body, Body::Progress { .. }) {
            return Ok(());
        }
        let kept = self.journal.take(event);
        kept.inspect_err(|refused| self.ledger.wrong.borrow_mut().push(refused.message.clone()))?;
        self.look(event);
        let records = usize::try_from(event.seq).unwrap() + 1;
        if self.interrupt_after.is_some_and(|after| records > after) {
            self.interrupt.cancel();
        }
        if self.dies_after.is_some_and(|after| records >= after) {
            self.dead.set(true);
            self.killed.cancel();
        }
        Ok(())
    }
}

/// Runs a drill to its end, however often its runner dies.
pub fn run(playbook: &Loaded, weather: &Weather, fate: &Fate, dice: &mut Dice) -> Left {
    let plan = plan_of(playbook);
    let place = Place { account: plan.sandbox_account.clone(), region: plan.sandbox.region.clone() };
    let clock = Clock::Virtual(VirtualTime::starting_at(start()));
    let twin = Rc::new(Twin::new(
        plan.estate.clone().unwrap(),
        clock.clone(),
        fate.given.seed,
        engine::actions::TIMINGS,
    ));
    let (ledger, seen) = (Rc::new(Ledger::default()), Rc::new(RefCell::new(Seen::default())));
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let others = runtime.block_on(another_run(&twin, &place, &clock));

    let mut before: Vec<Event> = Vec::new();
    let mut deaths = fate.deaths.iter();
    loop {
        let dies_after = deaths.next().map(|after| before.len() + after);
        let journal = if before.is_empty() {
            Journal::create(folder.path(), Durability::Buffered).unwrap()
        } else {
            Journal::reopen(folder.path(), Durability::Buffered).unwrap().0
        };
        let dead = Rc::new(Cell::new(false));
        let (killed, interrupt) = (CancellationToken::new(), CancellationToken::new());
        let own = Dice::of(dice.next(), 3);
        let faulty = Faulty::new(
            Rc::clone(&twin),
            clock.clone(),
            weather.clone(),
            own,
            Rc::clone(&ledger),
            Rc::clone(&dead),
        );
        let watch = Watch {
            journal,
            twin: Rc::clone(&twin),
            ledger: Rc::clone(&ledger),
            seen: Rc::clone(&seen),
            dies_after,
            dead: Rc::clone(&dead),
            killed: killed.clone(),
            interrupt_after: fate.interrupt,
            interrupt: interrupt.clone(),
        };
        let abort = fate.abort && !before.is_empty() && dies_after.is_none();
        let given = Given { abort, ..fate.given.clone() };
        let engine = engine(plan_of(playbook), &given, &before, &clock, faulty, Box::new(watch), interrupt);
        let ended = runtime.block_on(async {
            let local = tokio::task::LocalSet::new();
            let life = async {
                tokio::select! {
                    biased;
                    () = killed.cancelled() => false,
                    // A dead runner may still have come to its end, but nobody was told.
                    () = engine.run() => !dead.get(),
                }
            };
            tokio::time::timeout(LIMIT, clock.drive(Pace::Max, local.run_until(life))).await
        });
        drop(engine);
        before = read(folder.path()).unwrap().events;
        match ended {
            Ok(true) => break,
            // The run had already finished when its runner died.
            Ok(false) if before.last().is_some_and(|e| matches!(e.body, Body::RunFinished { .. })) => break,
            Ok(false) => runtime.block_on(clock.drive(Pace::Max, clock.sleep(fate.gap))),
            Err(late) => panic!("it does not end ({late}); its last record is {:?}", before.last()),
        }
    }
    let (standing, others_stand) = runtime.block_on(async {
        let found = twin.tagged(&place, &Whose::Run(RunId(RUN.into()))).await.unwrap();
        let there = twin.observe(&place, Kind::Vpc, &[others]).await.unwrap();
        (found.things.into_iter().map(|thing| thing.resource).collect(), there[0].state != State::Gone)
    });
    let events = std::mem::take(&mut seen.borrow_mut().events);
    let report = objectives::report(&Record::from_events(&events)).unwrap();
    let read_back = objectives::report(&Record::from_events(&before)).unwrap();
    let wrong = ledger.wrong.borrow().clone();
    Left { events, report, read_back, standing, others_stand, sandbox: place, ledger, wrong }
}

/// A VPC that another run has made in the same place.
async fn another_run(twin: &Rc<Twin>, place: &Place, clock: &Clock) -> String {
    let expires = clock.now() + chrono::TimeDelta::days(1);
    let run_tags = RunTags::new(RunId("20260228T120000Z-other-0000beef".into()), expires);
    let cloud = Rc::clone(twin) as Rc<dyn Cloud>;
    let guard = Guard::new(cloud, place.clone(), run_tags, Protected::default());
    guard.enter(Phase::Prepare);
    let permit = guard.permit(place, Operation::Create, "ec2:CreateVpc").await.unwrap();
    let vpc = Create::Vpc { cidr: "10.99.0.0/16".into(), name: "another".into() };
    let made = twin.create(&permit, &Origin::new("sandbox", 1, "another"), &vpc).await.unwrap();
    made.resources[0].id.clone()
}
