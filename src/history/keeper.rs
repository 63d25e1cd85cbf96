//! Holds the drills of one playbook when they are due: begins them, goes on with those whose process
//! died, and never runs two at once, over all machines that share a store.
//!
//! Its clock and its processes are given, so tests let both jump and die.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::duration::Time;
use base::on::On;
use schedule::{CatchUp, Looked, Schedule};

use crate::due::Claim;
use crate::lease::{Claimant, Holder, Taken, Terms};
use crate::objects::StoreError;
use crate::store::Store;

/// How often it is looked what is due. A clock that was set shows at the next look.
const LOOKS_EVERY: Duration = Duration::from_secs(30);

/// How often one process tries to begin a run, or to go on with it.
const TRIES: u32 = 3;

/// What a runner knows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of it is here: it has not begun, or its folder lies on another machine.
    Absent,
    /// Some process runs it now.
    Running,
    /// It did not come to its end, and no process runs it.
    Unfinished,
    Finished,
}

/// Starts runs, each as a process of its own. It has at most one.
pub trait Runner {
    /// Where it keeps the folders of runs, so that those on another machine are told apart.
    fn place(&self) -> String;
    /// A new id for a run of a drill that is begun now.
    fn name(&mut self, now: Time) -> String;
    fn standing(&self, run: &str) -> Result<Standing, String>;
    fn start(&mut self, run: &str) -> Result<(), String>;
    fn resume(&mut self, run: &str) -> Result<(), String>;
    /// The run whose process it started, and whether it still lives.
    fn is_busy(&mut self) -> bool;
    /// Asks its process to tear down and end.
    fn interrupt(&mut self);
    /// Ends its process at once. The run can be resumed.
    fn kill(&mut self);
}

/// An instant on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// The clock on the wall, which may jump. It says what is due.
    pub now: Time,
    /// The time since the machine started. It says how long a lease lasts.
    pub uptime: Duration,
}

/// What is kept, and how.
pub struct Kept {
    /// The name of the playbook.
    pub playbook: String,
    pub on: On,
    pub schedule: Schedule,
    pub catch_up: CatchUp,
    pub terms: Terms,
}

pub struct Keeper {
    kept: Kept,
    claimant: Claimant,
    /// Since when somebody looks at what is due.
    since: Option<Time>,
    /// The uptime of the next look.
    look_at: Duration,
    /// The drills that somebody took, by the instant at which they were due.
    claims: BTreeMap<Time, Claim>,
    /// Runs that came to their end.
    finished: BTreeSet<String>,
    tries: BTreeMap<String, u32>,
    /// What was said, so that it is said once.
    said: BTreeSet<String>,
    interrupted: bool,
    stopping: bool,
}

impl Keeper {
    /// # Errors
    /// The name of the playbook cannot be one of a lease, as a text for the user.
    pub fn new(kept: Kept, me: Holder) -> Result<Self, String> {
        let claimant = Claimant::new(&kept.playbook, me, kept.terms)?;
        Ok(Self {
            kept,
            claimant,
            since: None,
            look_at: Duration::ZERO,
            claims: BTreeMap::new(),
            finished: BTreeSet::new(),
            tries: BTreeMap::new(),
            said: BTreeSet::new(),
            interrupted: false,
            stopping: false,
        })
    }

    pub fn playbook(&self) -> &str {
        &self.kept.playbook
    }

    /// When the lease of a run that goes on has surely run out, as uptime.
    pub fn lease_ends(&self) -> Option<Duration> {
        self.claimant.ends()
    }

    /// When the next drill is due.
    pub fn next(&self, now: Time) -> Option<Time> {
        self.kept.schedule.after(now).next()
    }

    /// Begins nothing more, and interrupts what runs.
    pub fn stop(&mut self, runner: &mut dyn Runner) {
        self.stopping = true;
        if runner.is_busy() && !self.interrupted {
            self.interrupted = true;
            runner.interrupt();
        }
    }

    /// Looks at the clocks, and does what is due. Returns what it did, in words for people. It is to be
    /// called often: at least ten times while a lease lasts.
    pub fn tick(&mut self, store: &Store, runner: &mut dyn Runner, at: Instant) -> Vec<String> {
        let mut told = Vec::new();
        if runner.is_busy() {
            self.keep(store, runner, at, &mut told);
            return told;
        }
        self.interrupted = false;
        if self.stopping {
            self.give_back(store, at, &mut told);
            return told;
        }
        let since = *self.since.get_or_insert(at.now);
        if at.uptime < self.look_at {
            return told;
        }
        self.look_at = at.uptime + self.until_next_look(at.now);
        if let Err(error) = self.look(store, runner, at, since, &mut told) {
            self.say(&mut told, format!("the store cannot be asked, so nothing is begun: {error}"));
        }
        told
    }

    /// A look comes as soon as the next drill is due, and often enough for leases of others.
    fn until_next_look(&self, now: Time) -> Duration {
        let due = self.next(now).and_then(|due| (due - now).to_std().ok());
        LOOKS_EVERY.min(self.kept.terms.lasts / 4).min(due.unwrap_or(LOOKS_EVERY))
    }

    /// Keeps the lease of a run that goes on. Without it, the run stops: another process may take over.
    fn keep(&mut self, store: &Store, runner: &mut dyn Runner, at: Instant, told: &mut Vec<String>) {
        if self.claimant.is_due(at.uptime) {
            match self.claimant.take(store, at.now, at.uptime) {
                Ok(Taken::Mine | Taken::Theirs(_)) => {}
                Err(error) => self.say(told, format!("the lease cannot be renewed: {error}")),
            }
        }
        if self.claimant.held(at.uptime).is_none() {
            told.push(
                "the lease is lost: the run is ended at once; whoever has the lease resumes it".to_owned(),
            );
            runner.kill();
        } else if self.claimant.is_fading(at.uptime) && !self.interrupted {
            told.push("the lease could not be renewed: the run is interrupted".to_owned());
            self.interrupted = true;
            runner.interrupt();
        }
    }

    fn give_back(&mut self, store: &Store, at: Instant, told: &mut Vec<String>) {
        if let Err(error) = self.claimant.release(store, at.now, at.uptime) {
            self.say(told, format!("the lease cannot be given back, so others wait until it ends: {error}"));
        }
    }

    fn look(
        &mut self,
        store: &Store,
        runner: &mut dyn Runner,
        at: Instant,
        since: Time,
        told: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        store.read_claims(&self.kept.playbook, &mut self.claims)?;
        if self.work(store, runner, at, since, told)?.is_none() {
            self.give_back(store, at, told);
            return Ok(());
        }
        if let Taken::Theirs(lease) = self.claimant.take(store, at.now, at.uptime)? {
            let holder = &lease.holder;
            self.say(told, format!("process {} on {} has the lease: waiting", holder.pid, holder.host));
            return Ok(());
        }
        // Read anew under the lease: another process may have done it in between.
        store.read_claims(&self.kept.playbook, &mut self.claims)?;
        match self.work(store, runner, at, since, told)? {
            Some(Work::Begin(due)) => self.begin(store, runner, at, due, told),
            Some(Work::Start(run)) => {
                self.go_on(told, &run, "starts", || runner.start(&run));
                Ok(())
            }
            Some(Work::Resume(run)) => {
                self.go_on(told, &run, "is resumed", || runner.resume(&run));
                Ok(())
            }
            None => {
                self.give_back(store, at, told);
                Ok(())
            }
        }
    }

    /// What is to be done next.
    fn work(
        &mut self,
        store: &Store,
        runner: &mut dyn Runner,
        at: Instant,
        since: Time,
        told: &mut Vec<String>,
    ) -> Result<Option<Work>, StoreError> {
        let claims = std::mem::take(&mut self.claims);
        let work = self.work_of(store, runner, at, since, &claims, told);
        self.claims = claims;
        work
    }

    fn work_of(
        &mut self,
        store: &Store,
        runner: &mut dyn Runner,
        at: Instant,
        since: Time,
        claims: &BTreeMap<Time, Claim>,
        told: &mut Vec<String>,
    ) -> Result<Option<Work>, StoreError> {
        for claim in claims.values().filter(|claim| !self.finished.contains(&claim.run)).collect::<Vec<_>>() {
            let is_of_here = claim.holder.host == self.claimant.me().host && claim.place == runner.place();
            let standing = match runner.standing(&claim.run) {
                Ok(standing) => standing,
                Err(error) => {
                    self.say(told, format!("{} cannot be read, so it is not resumed: {error}", claim.run));
                    continue;
                }
            };
            let is_given_up = self.tries.get(&claim.run).is_some_and(|tries| *tries >= TRIES);
            match standing {
                // Its process has lost its parent, and has no lease. Nothing begins beside it.
                Standing::Running => return Ok(None),
                Standing::Unfinished | Standing::Absent if is_given_up => {
                    self.say(told, format!("{} failed {TRIES} times: it is given up here", claim.run));
                }
                Standing::Unfinished => return Ok(Some(Work::Resume(claim.run.clone()))),
                Standing::Absent if is_of_here => return Ok(Some(Work::Start(claim.run.clone()))),
                // It is in the store, or on the machine that began it.
                Standing::Absent => {}
                Standing::Finished => {
                    self.finished.insert(claim.run.clone());
                }
            }
        }
        let is_taken = |due: Time| claims.contains_key(&due);
        let last_taken = claims.keys().next_back().copied();
        let mut looked = Looked { now: at.now, since, last_taken, is_taken: &is_taken, held: None };
        if self.kept.schedule.to_begin(&looked, self.kept.catch_up).is_empty() {
            return Ok(None);
        }
        // Only now, because a history may be long.
        let mut history = store.history()?;
        let wanted = |run: &crate::Entry| {
            let same_drill = run.playbook == self.kept.playbook && run.on == self.kept.on;
            same_drill && run.passed() && run.at() <= at.now
        };
        looked.held = store.confirmed(&mut history, wanted, 1).first().map(crate::Entry::at);
        Ok(self.kept.schedule.to_begin(&looked, self.kept.catch_up).first().map(|due| Work::Begin(*due)))
    }

    fn begin(
        &mut self,
        store: &Store,
        runner: &mut dyn Runner,
        at: Instant,
        due: Time,
        told: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let Some(epoch) = self.claimant.held(at.uptime).map(|held| held.epoch) else { return Ok(()) };
        let run = runner.name(at.now);
        let claim = Claim {
            due,
            run: run.clone(),
            place: runner.place(),
            holder: self.claimant.me().clone(),
            epoch,
            at: at.now,
        };
        if store.claim(&self.kept.playbook, &claim)? {
            let text = format!("due {}: {run} starts", due.format("%Y-%m-%d %H:%M UTC"));
            told.push(text);
            self.try_it(told, &run, || runner.start(&run));
        }
        Ok(())
    }

    fn go_on(
        &mut self,
        told: &mut Vec<String>,
        run: &str,
        what: &str,
        act: impl FnOnce() -> Result<(), String>,
    ) {
        told.push(format!("{run} {what}"));
        self.try_it(told, run, act);
    }

    fn try_it(&mut self, told: &mut Vec<String>, run: &str, act: impl FnOnce() -> Result<(), String>) {
        *self.tries.entry(run.to_owned()).or_default() += 1;
        self.said.clear();
        if let Err(error) = act() {
            told.push(format!("{run} cannot be started: {error}"));
        }
    }

    /// Says something once, until something is begun.
    fn say(&mut self, told: &mut Vec<String>, text: String) {
        if self.said.insert(text.clone()) {
            told.push(text);
        }
    }
}

enum Work {
    /// A drill that is due, and that nobody took.
    Begin(Time),
    /// A run that was claimed, and whose process never began.
    Start(String),
    /// A run whose process died.
    Resume(String),
}

#[cfg(test)]
mod tests;
