//! Waiting for resources: one *describe* per account, region and kind serves all that wait, whatever their number.
//!
//! A cloud that tells when a state will change next (the twin) is asked exactly then. The others are asked at
//! intervals that start at one second and grow with the time that the youngest waiter has waited, up to fifteen:
//! what is quick is seen quickly, what is slow costs little. There is no cap: real restores outlast the SDK's
//! own waiters (10 minutes for a snapshot, 30 for a database, 60 for a stack).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::{Cloud, CloudError, ErrorKind, Kind, Observed, Place, ResourceRef, State};
use base::clock::Clock;
use base::duration::{Time, seconds_between};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);

/// AWS APIs are eventually consistent: what was just created may not be seen at once, and what was just deleted be seen still
/// (EC2 developer guide, "Eventual consistency": back off for up to minutes; a minute covers what is seen in practice).
pub const CONSISTENT_AFTER: Duration = Duration::from_mins(1);

/// What a database tells while it is a replica: of which it is one.
pub const REPLICA_OF: &str = "replica_of";

/// What a volume tells while it is attached: to which instance.
pub const ATTACHED_TO: &str = "attached_to";

/// What an instance tells of its disks: by device name the volume.
pub const DEVICES: &str = "devices";

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Ready,
    /// Ready, and a replica of nothing any more: a replica is `available` all along, also before its promotion has begun.
    Promoted,
    /// Of a volume: attached to an instance. One that is about to be may be seen `available` still.
    Attached,
    Gone,
}

impl Until {
    /// Whether waiting has come to an end, good or bad. What was never seen yet may not be visible yet: it has not gone.
    fn ends_with(self, seen: &Observed, visible_by_now: bool) -> bool {
        match (self, &seen.state) {
            (_, State::Gone) => visible_by_now,
            // A deletion that has failed (a stack's) does not go on by itself either.
            (_, State::Failed(_)) | (Self::Ready, State::Ready) => true,
            (Self::Attached, State::Ready) => seen.attributes.contains_key(ATTACHED_TO),
            (Self::Promoted, State::Ready) => !seen.attributes.contains_key(REPLICA_OF),
            _ => false,
        }
    }
}

struct Waiting {
    until: Until,
    since: Time,
    /// When to look at it; `None`: at the next tick.
    due: Option<Time>,
    answer: oneshot::Sender<Result<Observed, CloudError>>,
}

#[derive(Default)]
struct Poller {
    /// What was seen to exist: when it is gone now, it is gone.
    existed: RefCell<HashSet<String>>,
    waiting: RefCell<BTreeMap<String, Vec<Waiting>>>,
    arrived: Notify,
    running: RefCell<bool>,
}

/// Shared by all steps of a run.
pub struct Waiter {
    cloud: Rc<dyn Cloud>,
    clock: Clock,
    pollers: RefCell<HashMap<(Place, Kind), Rc<Poller>>>,
}

impl Poller {
    fn saw(&self, id: &str) {
        if !self.existed.borrow().contains(id) {
            self.existed.borrow_mut().insert(id.to_owned());
        }
    }
}

impl Waiter {
    pub fn new(cloud: Rc<dyn Cloud>, clock: Clock) -> Rc<Self> {
        Rc::new(Self { cloud, clock, pollers: RefCell::default() })
    }

    fn poller(&self, place: &Place, kind: Kind) -> Rc<Poller> {
        Rc::clone(self.pollers.borrow_mut().entry((place.clone(), kind)).or_default())
    }

    /// Somebody else has seen that it exists.
    pub fn saw(&self, resource: &ResourceRef) {
        self.poller(&resource.place(), resource.kind).saw(&resource.id);
    }

    /// Waits until the resource is as wanted, or never will be: the answer's state tells. Errors that may pass
    /// (throttling, faults of the cloud or the network) are waited out.
    pub async fn wait(
        self: &Rc<Self>,
        place: &Place,
        kind: Kind,
        id: &str,
        until: Until,
    ) -> Result<Observed, CloudError> {
        let poller = self.poller(place, kind);
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { until, since: self.clock.now(), due: None, answer };
        poller.waiting.borrow_mut().entry(id.to_owned()).or_default().push(waiting);
        if poller.running.replace(true) {
            poller.arrived.notify_one();
        } else {
            let (waiter, poller, place) = (Rc::clone(self), Rc::clone(&poller), place.clone());
            tokio::task::spawn_local(async move { waiter.poll(&poller, &place, kind).await });
        }
        answered.await.unwrap_or_else(|_| {
            Err(CloudError::new(
                ErrorKind::Server,
                super::gated::describe_call(kind),
                "waiting ended without an answer",
            ))
        })
    }

    async fn poll(&self, poller: &Poller, place: &Place, kind: Kind) {
        let exact = self.cloud.tells_changes();
        if !exact {
            self.clock.sleep(SHORTEST).await;
        }
        loop {
            let now = self.clock.now();
            let due = due(poller, now);
            if !due.is_empty() {
                match self.cloud.observe(place, kind, &due).await {
                    Ok(seen) => deliver(poller, seen, self.clock.now(), exact),
                    Err(error) if error.may_pass() => {}
                    Err(error) => fail(poller, &error),
                }
            }
            // Whoever gave up (a time-out, an interruption) has dropped its end.
            poller.waiting.borrow_mut().retain(|_, list| {
                list.retain(|w| !w.answer.is_closed());
                !list.is_empty()
            });
            if poller.waiting.borrow().is_empty() {
                poller.running.replace(false);
                return;
            }
            match (exact, earliest(poller)) {
                // Something is new and has not been looked at yet.
                (true, None) => {}
                (true, Some(next)) => {
                    tokio::select! {
                        () = poller.arrived.notified() => {}
                        () = self.clock.sleep_until(next) => {}
                    }
                }
                (false, _) => {
                    let looked = self.clock.now();
                    tokio::select! {
                        () = self.clock.sleep(interval(poller, looked)) => {}
                        // Whoever comes now does not wait for the turn of those who have waited for long: that would count
                        // as time of recovery. One look a second is all there is.
                        () = poller.arrived.notified() => {
                            self.clock.sleep_until(looked + base::duration::Span(SHORTEST).delta()).await;
                        }
                    }
                }
            }
        }
    }
}

fn due(poller: &Poller, now: Time) -> Vec<String> {
    let waiting = poller.waiting.borrow();
    waiting
        .iter()
        .filter(|(_, list)| list.iter().any(|w| w.due.is_none_or(|d| d <= now)))
        .map(|(id, _)| id.clone())
        .collect()
}

fn earliest(poller: &Poller) -> Option<Time> {
    let waiting = poller.waiting.borrow();
    let mut earliest = Time::MAX_UTC;
    for w in waiting.values().flatten() {
        earliest = earliest.min(w.due?);
    }
    Some(earliest)
}

/// A tenth of what the youngest has waited, within the bounds.
fn interval(poller: &Poller, now: Time) -> Duration {
    let waiting = poller.waiting.borrow();
    let youngest =
        waiting.values().flatten().map(|w| seconds_between(w.since, now)).fold(f64::INFINITY, f64::min);
    Duration::try_from_secs_f64(youngest / 10.0).unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST)
}

fn deliver(poller: &Poller, seen: Vec<Observed>, now: Time, exact: bool) {
    let mut waiting = poller.waiting.borrow_mut();
    for observed in seen {
        if observed.state != State::Gone {
            poller.saw(&observed.id);
        }
        let existed = exact || poller.existed.borrow().contains(&observed.id);
        let Some(list) = waiting.get_mut(&observed.id) else { continue };
        let (ended, rest): (Vec<_>, Vec<_>) = list.drain(..).partition(|w| {
            let visible = seconds_between(w.since, now) > CONSISTENT_AFTER.as_secs_f64();
            w.until.ends_with(&observed, existed || visible)
        });
        *list = rest;
        for w in list.iter_mut() {
            // A cloud that tells changes and sees none coming will not change by itself: nothing to look for.
            w.due = exact.then(|| observed.next_change.filter(|next| *next > now).unwrap_or(Time::MAX_UTC));
        }
        for w in ended {
            // The receiver may be gone: then nobody wants to know.
            let _unwanted = w.answer.send(Ok(observed.clone()));
        }
    }
}

fn fail(poller: &Poller, error: &CloudError) {
    for w in std::mem::take(&mut *poller.waiting.borrow_mut()).into_values().flatten() {
        let _unwanted = w.answer.send(Err(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use base::clock::{Pace, VirtualTime};

    fn seen(id: &str, state: State, attributes: &[&str]) -> Observed {
        let attributes = attributes.iter().map(|name| ((*name).to_owned(), "x".into())).collect();
        Observed { id: id.to_owned(), state, healthy: None, attributes, next_change: None }
    }

    #[test]
    fn a_promotion_has_ended_when_nothing_is_replicated_any_more_and_a_failed_deletion_ends_waiting() {
        let ends = |until: Until, state: State, attributes: &[&str]| {
            until.ends_with(&seen("x", state, attributes), true)
        };
        assert!(!ends(Until::Promoted, State::Ready, &[REPLICA_OF]));
        assert!(!ends(Until::Promoted, State::Pending("modifying".into()), &[]));
        assert!(ends(Until::Promoted, State::Ready, &[]));
        assert!(!ends(Until::Attached, State::Ready, &[]));
        assert!(ends(Until::Attached, State::Ready, &[ATTACHED_TO]));
        assert!(ends(Until::Gone, State::Failed("DELETE_FAILED".into()), &[]));
    }

    /// On a cloud that does not tell changes: whoever comes late does not wait for the turn of those who wait for long.
    #[test]
    fn who_arrives_is_looked_at_within_a_second() {
        let time = VirtualTime::starting_at(chrono::DateTime::UNIX_EPOCH);
        let clock = Clock::Virtual(time);
        let monitor = Rc::new(RefCell::new(Vec::new()));
        let (told, watch) = (Rc::clone(&monitor), clock.clone());
        let cloud = Rc::new(Fake {
            create: |_: &crate::Create| Err(CloudError::new(ErrorKind::Unsupported, "x", "x")),
            observe: move |id: &str| {
                told.borrow_mut().push((id.to_owned(), watch.now()));
                let state = if id == "quick" { State::Ready } else { State::Pending("creating".into()) };
                seen(id, state, &[])
            },
            observed: RefCell::default(),
        });
        let waiter = Waiter::new(cloud, clock.clone());
        let place = Place { account: "222222222222".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let test = async {
            let slow = waiter.wait(&place, Kind::DbInstance, "slow", Until::Ready);
            let quick = async {
                clock.sleep(Duration::from_secs(400)).await;
                // Not at an instant at which it looks anyway.
                clock.sleep(Duration::from_millis(1_300)).await;
                let asked = clock.now();
                waiter.wait(&place, Kind::DbInstance, "quick", Until::Ready).await.unwrap();
                seconds_between(asked, clock.now())
            };
            tokio::select! {
                _ = slow => f64::NAN,
                took = quick => took,
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let local = tokio::task::LocalSet::new();
        let took = runtime.block_on(clock.drive(Pace::Max, local.run_until(test)));
        assert!(took <= 1.0, "it was looked at after {took} s");
        let slow: Vec<Time> =
            monitor.borrow().iter().filter(|(id, _)| id == "slow").map(|(_, at)| *at).collect();
        assert!(slow.windows(2).all(|w| seconds_between(w[0], w[1]) >= 1.0), "more than a look a second");
        assert!(slow.len() < 80, "{} looks in 400 s", slow.len());
    }
}
