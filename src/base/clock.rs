//! Time, real or virtual, behind one handle.
//!
//! The real clock takes the wall clock once, at its start, and adds the machine's uptime. A step of
//! the wall clock therefore cannot stretch a measurement. Uptime includes the time that the machine
//! slept, because a recovery goes on while the machine sleeps.
//!
//! The virtual clock is a discrete-event clock. It stands still while any task can run. When no
//! task can run, it jumps to the next deadline. Timings under it are exact to the millisecond at
//! any pace, and do not depend on the speed of the machine.
#![allow(clippy::disallowed_methods, reason = "this module is the program's only clock")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use chrono::{SubsecRound, TimeDelta, Utc};

use crate::duration::Time;

/// A source of time. Clones of one clock agree.
#[derive(Clone)]
pub enum Clock {
    Real { wall: Time, start: Uptime },
    Virtual(Rc<VirtualTime>),
}

impl Clock {
    pub fn real() -> Self {
        Self::real_from(None)
    }

    /// The real clock for a run that is resumed. It starts at `earliest`, the time of the run's
    /// last record, if the wall clock has fallen behind that.
    pub fn real_from(earliest: Option<Time>) -> Self {
        let now = Utc::now().trunc_subsecs(3);
        Self::Real { wall: earliest.map_or(now, |at| at.max(now)), start: Uptime::now() }
    }

    pub fn now(&self) -> Time {
        match self {
            Self::Real { wall, start } => {
                (*wall + TimeDelta::from_std(start.elapsed()).unwrap_or(TimeDelta::MAX)).trunc_subsecs(3)
            }
            Self::Virtual(time) => time.now.get(),
        }
    }

    pub async fn sleep(&self, duration: Duration) {
        let delta = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        match self.now().checked_add_signed(delta) {
            Some(deadline) => self.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    pub async fn sleep_until(&self, deadline: Time) {
        match self {
            Self::Real { .. } => {
                // Tokio's timers stop while the machine sleeps. The loop checks the deadline at
                // least this often.
                const CHECK_EVERY: Duration = Duration::from_secs(5);
                loop {
                    let left = (deadline - self.now()).to_std().unwrap_or(Duration::ZERO);
                    tokio::time::sleep(left.min(CHECK_EVERY)).await;
                    if left <= CHECK_EVERY {
                        return;
                    }
                }
            }
            Self::Virtual(time) => Timer::new(time, deadline, Turn::First).await,
        }
    }

    /// Runs `future` until `deadline`. Returns `None` if the deadline came first.
    ///
    /// If both happen at the same instant, the future wins. Virtual time lets every other task
    /// finish its work of that instant first.
    pub async fn timeout_at<F: Future>(&self, deadline: Time, future: F) -> Option<F::Output> {
        let over = async {
            match self {
                Self::Real { .. } => self.sleep_until(deadline).await,
                Self::Virtual(time) => Timer::new(time, deadline, Turn::Last).await,
            }
        };
        tokio::select! {
            biased;
            output = future => Some(output),
            () = over => None,
        }
    }

    /// Runs a whole program under this clock. The virtual clock advances only inside this call.
    pub async fn drive<F: Future>(&self, pace: Pace, future: F) -> F::Output {
        match self {
            Self::Real { .. } => future.await,
            Self::Virtual(time) => time.drive(pace, future).await,
        }
    }
}

/// How long the machine has been up, including the time that it slept.
#[derive(Debug, Clone, Copy)]
pub struct Uptime(Duration);

impl Uptime {
    /// How long, for those who compare two of them.
    pub fn since_start(self) -> Duration {
        self.0
    }

    pub fn now() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        // Linux's monotonic clock stops while the machine sleeps. On other systems it goes on.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let clock = ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let clock = ClockId::Monotonic;
        // The time since the machine started is never negative.
        Self(Duration::try_from(clock_gettime(clock)).unwrap_or_default())
    }

    fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

/// How fast virtual time passes for a person who watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as the machine can.
    Max,
    /// This many virtual seconds pass in one real second. 1 is real time.
    Times(f64),
}

/// The order in which timers wake at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    First,
    /// After everything else of that instant has run. Time limits use it.
    Last,
}

/// The state of a virtual clock.
pub struct VirtualTime {
    now: Cell<Time>,
    /// Sleepers by deadline and turn, then by the order in which they went to sleep.
    sleepers: RefCell<BTreeMap<(Time, Turn, u64), Waker>>,
    next_key: Cell<u64>,
}

impl VirtualTime {
    pub fn starting_at(start: Time) -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(start.trunc_subsecs(3)),
            sleepers: RefCell::default(),
            next_key: Cell::new(0),
        })
    }

    async fn drive<F: Future>(self: &Rc<Self>, pace: Pace, future: F) -> F::Output {
        // Tokio refills a task's cooperative budget when the task returns to the runtime. This task
        // returns only to pause, so it would starve under a budget.
        let mut future = pin!(tokio::task::coop::unconstrained(future));
        let flag = Arc::new(WakeFlag::default());
        let waker = Waker::from(Arc::clone(&flag));
        // While a person watches, virtual time follows the real clock from this anchor.
        let mut anchor = (self.now.get(), tokio::time::Instant::now());
        let mut pause: Option<Pin<Box<tokio::time::Sleep>>> = None;
        // Whether the runtime's scheduler has had a turn since a task last ran.
        let mut turned = false;
        std::future::poll_fn(move |outer| {
            flag.set_outer(outer.waker());
            loop {
                if flag.woken.swap(false, Ordering::AcqRel) {
                    turned = false;
                }
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Poll::Ready(output);
                }
                if flag.woken.load(Ordering::Acquire) {
                    continue;
                }
                // A task that has used up its cooperative budget is woken only in the scheduler's
                // next turn. Until that turn has passed and woken nothing, a task may still be able
                // to run now.
                if !turned {
                    turned = true;
                    outer.waker().wake_by_ref();
                    return Poll::Pending;
                }
                // No task can run. Only time or an outside event (a signal) can wake one.
                let Some((deadline, turn)) = self.next_deadline() else { return Poll::Pending };
                if let Pace::Times(times) = pace {
                    let ahead = (deadline - anchor.0).to_std().unwrap_or(Duration::ZERO).div_f64(times);
                    let until = anchor.1 + ahead;
                    let sleep = pause.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
                    if sleep.deadline() != until {
                        sleep.as_mut().reset(until);
                    }
                    if sleep.as_mut().poll(outer).is_pending() {
                        return Poll::Pending;
                    }
                    pause = None;
                    anchor = (deadline, until);
                }
                self.advance_to(deadline, turn);
                turned = false;
            }
        })
        .await
    }

    fn next_deadline(&self) -> Option<(Time, Turn)> {
        self.sleepers.borrow().first_key_value().map(|((deadline, turn, _), _)| (*deadline, *turn))
    }

    /// Moves time to `deadline` and wakes every timer that is due by then, up to `turn`.
    fn advance_to(&self, deadline: Time, turn: Turn) {
        self.now.set(deadline.max(self.now.get()));
        loop {
            let due = {
                let mut sleepers = self.sleepers.borrow_mut();
                match sleepers.first_key_value() {
                    Some((key, _)) if (key.0, key.1) <= (deadline, turn) => sleepers.pop_first(),
                    _ => None,
                }
            };
            match due {
                Some((_, waker)) => waker.wake(),
                None => return,
            }
        }
    }
}

/// The waker of the driven program. It notes that a task was woken, and wakes the runtime.
#[derive(Default)]
struct WakeFlag {
    woken: AtomicBool,
    outer: std::sync::Mutex<Option<Waker>>,
}

impl WakeFlag {
    fn set_outer(&self, waker: &Waker) {
        if let Ok(mut outer) = self.outer.lock() {
            match outer.as_mut() {
                Some(known) => known.clone_from(waker),
                None => *outer = Some(waker.clone()),
            }
        }
    }
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        if let Ok(outer) = self.outer.lock()
            && let Some(waker) = outer.as_ref()
        {
            waker.wake_by_ref();
        }
    }
}

struct Timer {
    time: Rc<VirtualTime>,
    deadline: Time,
    turn: Turn,
    key: Option<u64>,
}

impl Timer {
    fn new(time: &Rc<VirtualTime>, deadline: Time, turn: Turn) -> Self {
        Self { time: Rc::clone(time), deadline, turn, key: None }
    }

    /// Whether the deadline has come, and this timer's turn at that instant.
    fn is_due(&self) -> bool {
        let now = self.time.now.get();
        match self.turn {
            Turn::First => now >= self.deadline,
            // `advance_to` removed and woke it when nothing else was left to do at that instant.
            Turn::Last => {
                let woken = |key| !self.time.sleepers.borrow().contains_key(&(self.deadline, self.turn, key));
                now > self.deadline || self.key.is_some_and(woken)
            }
        }
    }
}

impl Future for Timer {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_due() {
            return Poll::Ready(());
        }
        let key = if let Some(key) = self.key {
            key
        } else {
            let key = self.time.next_key.get();
            self.time.next_key.set(key + 1);
            self.key = Some(key);
            key
        };
        self.time.sleepers.borrow_mut().insert((self.deadline, self.turn, key), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.time.sleepers.borrow_mut().remove(&(self.deadline, self.turn, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/proc/uptime` includes the time that the machine slept.
    #[test]
    #[cfg(target_os = "linux")]
    fn the_real_clock_goes_on_while_the_machine_sleeps() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let uptime_now = Uptime::now().0.as_secs_f64();
        assert!((uptime_now - uptime).abs() < 2.0, "{uptime_now} is not {uptime}");
        let clock = Clock::Real { wall: chrono::DateTime::UNIX_EPOCH, start: Uptime(Duration::ZERO) };
        assert!(seconds_of(clock.now()) >= uptime_now);
    }

    #[cfg(target_os = "linux")]
    fn seconds_of(time: Time) -> f64 {
        crate::duration::seconds_between(chrono::DateTime::UNIX_EPOCH, time) + 0.001
    }
    use std::time::Instant;

    fn at(seconds: i64) -> Time {
        chrono::DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn run<F: Future>(pace: Pace, body: impl FnOnce(Clock) -> F) -> F::Output {
        let clock = Clock::Virtual(VirtualTime::starting_at(at(0)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let future = body(clock.clone());
        runtime.block_on(async move {
            let local = tokio::task::LocalSet::new();
            clock.drive(pace, local.run_until(future)).await
        })
    }

    #[test]
    fn three_hours_pass_at_once_and_exactly() {
        let real = Instant::now();
        let ends = run(Pace::Max, |clock| async move {
            let tasks: Vec<_> = [3600.0, 10_800.0, 0.001]
                .map(|s| {
                    let clock = clock.clone();
                    tokio::task::spawn_local(async move {
                        clock.sleep(Duration::from_secs_f64(s)).await;
                        clock.now()
                    })
                })
                .into();
            let mut ends = Vec::new();
            for task in tasks {
                ends.push(task.await.unwrap());
            }
            ends
        });
        assert_eq!(ends, [at(3600), at(10_800), at(0) + TimeDelta::milliseconds(1)]);
        assert!(real.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_pace_changes_nothing_but_the_waiting() {
        let real = Instant::now();
        let end = run(Pace::Times(1000.0), |clock| async move {
            clock.sleep(Duration::from_secs(100)).await;
            clock.sleep(Duration::from_millis(1500)).await;
            clock.now()
        });
        assert_eq!(end, at(101) + TimeDelta::milliseconds(500));
        assert!(real.elapsed() >= Duration::from_millis(100));
    }

    #[test]
    fn at_the_deadline_the_work_wins() {
        let (tie, late) = run(Pace::Max, |clock| async move {
            let tie = clock.timeout_at(at(5), clock.sleep(Duration::from_secs(5))).await;
            let late = clock.timeout_at(at(6), clock.sleep(Duration::from_secs(2))).await;
            (tie, late)
        });
        assert_eq!((tie, late), (Some(()), None));
    }

    #[test]
    fn at_the_deadline_the_work_of_another_task_wins() {
        let tie = run(Pace::Max, |clock| async move {
            let (tell, told) = tokio::sync::oneshot::channel();
            let other = clock.clone();
            let told = clock.timeout_at(at(5), told);
            tokio::task::spawn_local(async move {
                other.sleep_until(at(5)).await;
                tell.send(()).unwrap();
            });
            told.await
        });
        assert_eq!(tie, Some(Ok(())));
    }

    /// Tokio lets a task do 128 operations per turn. Time must not move before the task has done
    /// the rest.
    #[test]
    fn however_much_happens_at_one_instant_time_stands_still() {
        let (seen, now) = run(Pace::Max, |clock| async move {
            let other = clock.clone();
            tokio::task::spawn_local(async move { other.sleep(Duration::from_hours(1)).await });
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            let teller = tokio::task::spawn_local(async move {
                for n in 0..10_000 {
                    tell.send(n).unwrap();
                    if n % 500 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            });
            let mut seen = 0;
            while told.recv().await.is_some() {
                seen += 1;
            }
            teller.await.unwrap();
            (seen, clock.now())
        });
        assert_eq!((seen, now), (10_000, at(0)));
    }

    #[test]
    fn a_deadline_that_has_passed_ends_at_once_what_is_not_ready() {
        let ends = run(Pace::Max, |clock| async move {
            clock.sleep_until(at(9)).await;
            let never = clock.timeout_at(at(9), std::future::pending::<()>()).await;
            let past = clock.timeout_at(at(8), std::future::pending::<()>()).await;
            (never, past, clock.now())
        });
        assert_eq!(ends, (None, None, at(9)));
    }
}
