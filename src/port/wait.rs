//! Waits for resources. One *describe* call per account, region and kind serves all waiters.
//!
//! The twin tells when a state will change next, and is asked exactly then. Other clouds are
//! polled, and the time until they are asked again counts as recovery time. So the interval is short:
//! 0.8 s for the first 20 minutes, then a 1500th of the time that the newest waiter has waited, and at
//! most 15 s. The measured time is off by less than a second there, and by less than a thousandth
//! later, besides the time that the call takes. A cloud that is too busy to answer is asked less
//! often, and so is one that only deletes, because no figure needs that. Waiting has no limit of its
//! own, since real restores outlast the SDK's waiters (10 minutes for a snapshot, 30 for a database,
//! 60 for a stack).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::{Cloud, CloudError, ErrorKind, Kind, Observed, Place, ResourceRef, State};
use base::clock::Clock;
use base::duration::{Time, seconds_between};

const SHORTEST: Duration = Duration::from_millis(800);
const LONGEST: Duration = Duration::from_secs(15);

/// How long a change may stay invisible. AWS APIs are eventually consistent: a new resource may not
/// be listed yet, and a deleted one may still be (EC2 developer guide, "Eventual consistency": back
/// off for up to minutes; in practice a minute is enough).
pub const CONSISTENT_AFTER: Duration = Duration::from_mins(1);

/// The attribute of a replica that names its source database.
pub const REPLICA_OF: &str = "replica_of";

/// The attribute of an attached volume that names its instance.
pub const ATTACHED_TO: &str = "attached_to";

/// The attribute of an instance that maps device names to volumes.
pub const DEVICES: &str = "devices";

/// The state to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Ready,
    /// Ready, and no longer a replica. A replica is `available` all the time, even before its
    /// promotion has begun.
    Promoted,
    /// For a volume: attached to an instance. A volume that is about to be attached may still be
    /// seen as `available`.
    Attached,
    Gone,
}

impl Until {
    /// Whether waiting has ended, in success or failure. A resource that was never seen may not be
    /// visible yet, and does not count as gone.
    fn ends_with(self, seen: &Observed, visible_by_now: bool) -> bool {
        match &seen.state {
            State::Gone => visible_by_now,
            // A failed deletion (of a stack) does not continue by itself either.
            State::Failed(_) => true,
            State::Pending(_) => false,
            State::Ready => match self {
                Self::Ready => true,
                Self::Attached => seen.attributes.contains_key(ATTACHED_TO),
                Self::Promoted => !seen.attributes.contains_key(REPLICA_OF),
                Self::Gone => false,
            },
        }
    }
}

struct Waiting {
    until: Until,
    since: Time,
    /// When to observe it. `None` means at the next tick.
    due: Option<Time>,
    answer: oneshot::Sender<Result<Observed, CloudError>>,
}

#[derive(Default)]
struct Poller {
    /// Ids that were seen to exist. If one of them is not found now, it is gone.
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

    /// Notes that the resource exists. The caller has seen it.
    pub fn saw(&self, resource: &ResourceRef) {
        self.poller(&resource.place(), resource.kind).saw(&resource.id);
    }

    /// Waits until the resource has the wanted state, or never will have it. The state of the
    /// answer says which. Transient errors (throttling, faults of the cloud or the network) do not
    /// end the wait.
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
        // How often in a row the cloud was too busy to answer.
        let mut busy = 0;
        loop {
            let now = self.clock.now();
            let due = due(poller, now);
            if !due.is_empty() {
                match self.cloud.observe(place, kind, &due).await {
                    Ok(seen) => {
                        busy = 0;
                        deliver(poller, seen, self.clock.now(), exact);
                    }
                    Err(error) if error.may_pass() => busy += 1,
                    Err(error) => fail(poller, &error),
                }
            }
            // A waiter that gave up (a time-out, an interruption) has dropped its receiver.
            poller.waiting.borrow_mut().retain(|_, list| {
                list.retain(|w| !w.answer.is_closed());
                !list.is_empty()
            });
            if poller.waiting.borrow().is_empty() {
                poller.running.replace(false);
                return;
            }
            match (exact, earliest(poller)) {
                // A new waiter has not been served yet.
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
                        () = self.clock.sleep(slower(interval(poller, looked), busy)) => {}
                        // A new waiter does not wait for the long interval of the others: that
                        // would count as recovery time. It is served within a second.
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

/// The share of the newest waiter's time after which it is looked at again: `SHORTEST` up to 20
/// minutes, `LONGEST` from 6.25 hours.
const SHARE: f64 = 1.0 / 1500.0;

/// The same, if only deletions are waited for. No figure needs them to the second.
const SHARE_OF_DELETIONS: f64 = 1.0 / 10.0;

/// The time until the next look.
fn interval(poller: &Poller, now: Time) -> Duration {
    let waiting = poller.waiting.borrow();
    let youngest =
        waiting.values().flatten().map(|w| seconds_between(w.since, now)).fold(f64::INFINITY, f64::min);
    let figures = waiting.values().flatten().any(|w| w.until != Until::Gone);
    let share = if figures { SHARE } else { SHARE_OF_DELETIONS };
    Duration::try_from_secs_f64(youngest * share).unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST)
}

/// A cloud that does not answer is asked half as often each time: its limits are shared with
/// production.
fn slower(interval: Duration, busy: u32) -> Duration {
    interval.saturating_mul(2_u32.saturating_pow(busy)).min(LONGEST)
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
            // An exact cloud with no change ahead will not change by itself. No poll is due.
            w.due = exact.then(|| observed.next_change.filter(|next| *next > now).unwrap_or(Time::MAX_UTC));
        }
        for w in ended {
            // The receiver may be gone if the waiter gave up.
            let _ = w.answer.send(Ok(observed.clone()));
        }
    }
}

fn fail(poller: &Poller, error: &CloudError) {
    for w in std::mem::take(&mut *poller.waiting.borrow_mut()).into_values().flatten() {
        let _ = w.answer.send(Err(error.clone()));
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

    /// On a polled cloud a new waiter does not wait for the long interval of the others.
    #[test]
    fn a_new_waiter_is_served_within_a_second() {
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
                // An instant between two polls.
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
        assert!(slow.windows(2).all(|w| seconds_between(w[0], w[1]) >= 0.8), "more than a look in 0.8 s");
    }

    /// How long a wait of these seconds was measured to be, on a polled cloud that answers at once, and
    /// after how many looks.
    fn measured(truth: f64) -> (f64, usize) {
        let clock = Clock::Virtual(VirtualTime::starting_at(chrono::DateTime::UNIX_EPOCH));
        let began = clock.now();
        let (looks, watch) = (Rc::new(RefCell::new(0)), clock.clone());
        let counted = Rc::clone(&looks);
        let cloud = Rc::new(Fake {
            create: |_: &crate::Create| Err(CloudError::new(ErrorKind::Unsupported, "x", "x")),
            observe: move |id: &str| {
                *counted.borrow_mut() += 1;
                let is_ready = seconds_between(began, watch.now()) >= truth;
                seen(id, if is_ready { State::Ready } else { State::Pending("creating".into()) }, &[])
            },
            observed: RefCell::default(),
        });
        let waiter = Waiter::new(cloud, clock.clone());
        let place = Place { account: "222222222222".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let local = tokio::task::LocalSet::new();
        let test = async { waiter.wait(&place, Kind::DbInstance, "db", Until::Ready).await.unwrap() };
        runtime.block_on(clock.drive(Pace::Max, local.run_until(test)));
        let looks = *looks.borrow();
        (seconds_between(began, clock.now()), looks)
    }

    #[test]
    fn a_busy_cloud_is_asked_less_often() {
        let at = |busy| slower(SHORTEST, busy).as_millis();
        assert_eq!([0, 1, 2, 5, 40].map(at), [800, 1_600, 3_200, 15_000, 15_000]);
    }

    #[test]
    fn the_measured_time_is_the_true_one_within_a_second_and_later_within_a_thousandth() {
        for truth in [0.3, 5.0, 59.9, 300.1, 777.7, 1_200.0] {
            let (took, _) = measured(truth);
            assert!((0.0..1.0).contains(&(took - truth)), "{took} s for {truth} s");
        }
        for truth in [3_600.0, 5.0 * 3_600.0, 24.0 * 3_600.0] {
            let (took, looks) = measured(truth);
            assert!((0.0..0.001).contains(&((took - truth) / truth)), "{took} s for {truth} s");
            assert!(looks < 12_000, "{looks} looks in {truth} s");
        }
    }
}
