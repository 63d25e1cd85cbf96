//! Waiting for resources: one *describe* per account, region and kind serves all that wait, whatever their number.
//!
//! A cloud that tells when a state will change next (the twin) is asked exactly then. The others are asked at
//! intervals that start at one second and grow with the time that the youngest waiter has waited, up to fifteen:
//! what is quick is seen quickly, what is slow costs little. There is no cap: real restores outlast the SDK's
//! own waiters (10 minutes for a snapshot, 30 for a database, 60 for a stack).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::{Cloud, CloudError, ErrorKind, Kind, Observed, Place, State};
use crate::clock::Clock;
use crate::duration::{Time, seconds_between};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);

/// Seconds. AWS APIs are eventually consistent: what was just created may not be seen at once.
const VISIBLE_AFTER: f64 = 60.0;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Ready,
    /// Ready, and the cloud's own status checks passed.
    Healthy,
    Gone,
}

impl Until {
    /// Whether waiting has come to an end, good or bad. What was never seen yet may not be visible yet.
    fn ends_with(self, seen: &Observed, visible_by_now: bool) -> bool {
        match (self, &seen.state) {
            (_, State::Gone) => self == Self::Gone || visible_by_now,
            (Self::Ready | Self::Healthy, State::Failed(_)) | (Self::Ready, State::Ready) => true,
            (Self::Healthy, State::Ready) => seen.healthy != Some(false),
            _ => false,
        }
    }
}

struct Waiting {
    until: Until,
    since: Time,
    /// When to look at it; `None`: at the next tick.
    due: Option<Time>,
    /// It was seen to exist: when it is gone now, it is gone.
    existed: bool,
    answer: oneshot::Sender<Result<Observed, CloudError>>,
}

#[derive(Default)]
struct Poller {
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

impl Waiter {
    pub fn new(cloud: Rc<dyn Cloud>, clock: Clock) -> Rc<Self> {
        Rc::new(Self { cloud, clock, pollers: RefCell::default() })
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
        let poller = Rc::clone(self.pollers.borrow_mut().entry((place.clone(), kind)).or_default());
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { until, since: self.clock.now(), due: None, existed: false, answer };
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
                            self.clock.sleep_until(looked + crate::duration::Span(SHORTEST).delta()).await;
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
        let Some(list) = waiting.get_mut(&observed.id) else { continue };
        let (ended, rest): (Vec<_>, Vec<_>) = list.drain(..).partition(|w| {
            w.until.ends_with(&observed, exact || w.existed || seconds_between(w.since, now) > VISIBLE_AFTER)
        });
        *list = rest;
        for w in list.iter_mut() {
            w.existed |= observed.state != State::Gone;
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
