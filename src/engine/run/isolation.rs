//! Whether the sandbox is closed: proved before T0, looked at again after whatever could have opened it, and once more
//! before the verdict. What is looked at stands in `port::isolation`.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Engine, Stop};
use crate::sandbox::removal::Access;
use crate::sandbox::{Provisioner, Ready, isolation};
use base::duration::{Span, Time};
use event::{Body, Stage};
use port::{Exposure, Finding, Leak};

/// A look that takes longer has failed. The clients try each call for up to five minutes, several at once.
const LONGEST: Duration = Duration::from_mins(10);

/// How often a look is taken whose lists could not all be read: with pauses of 2 s, 4 s, … about two minutes.
const MOST_LOOKS: u32 = 6;

/// The looks of one run.
pub struct IsolationMonitor<'a> {
    engine: &'a Engine,
    provisioner: &'a Rc<Provisioner>,
    ready: &'a Ready,
    /// Holds one wish: however many steps end during one look, one more look follows.
    wanted: Notify,
}

impl<'a> IsolationMonitor<'a> {
    pub fn new(engine: &'a Engine, provisioner: &'a Rc<Provisioner>, ready: &'a Ready) -> Self {
        Self { engine, provisioner, ready, wanted: Notify::new() }
    }

    pub fn ready(&self) -> &'a Ready {
        self.ready
    }

    /// The proof without which there is no T0.
    pub async fn prove(&self) -> Result<(), Stop> {
        let found = self.look(Stage::BeforeT0).await;
        let high = |unknown: bool| {
            let of = found.iter().filter(|e| e.is_high() && (e.leak == Leak::Unknown) == unknown);
            of.map(|e| format!("{}: {}", e.resource, e.what)).collect::<Vec<_>>()
        };
        let (open, unknown) = (high(false), high(true));
        let (said, help) = match (open.is_empty(), unknown.is_empty()) {
            (true, true) => return Ok(()),
            (false, _) => {
                ("the sandbox is not isolated", "find out what opens new VPCs in this account, and close it")
            }
            (true, false) => ("the sandbox could not be proved closed", Leak::Unknown.fix()),
        };
        Err(Stop::Aborted {
            error: format!("{said}: {}", [open, unknown].concat().join("; ")),
            help: Some(help.into()),
        })
    }

    /// A look is due.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    /// Goes on with the recovery, and looks beside it whenever that is due. A look that is under way when the recovery
    /// ends is dropped: the last one follows.
    pub async fn beside<T>(&self, recovery: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            ended = recovery => ended,
            never = self.look_whenever_due() => match never {},
        }
    }

    async fn look_whenever_due(&self) -> Infallible {
        loop {
            self.wanted.notified().await;
            self.look(Stage::AfterT0).await;
        }
    }

    /// Before the verdict, in harness time. The gate is set as for teardown by now, so that all can be looked at.
    pub async fn last(&self) -> Result<(), Stop> {
        if self.engine.memory.looked_last {
            return Ok(());
        }
        let interrupted = async {
            // An abort is an interruption from the beginning, and must look all the same: the drill had been carried out.
            if self.engine.config.abort {
                std::future::pending::<()>().await;
            } else {
                self.engine.interrupt.cancelled().await;
            }
        };
        tokio::select! {
            biased;
            _found = self.look(Stage::Last) => Ok(()),
            () = interrupted => Err(self.engine.told(Stop::Interrupted)),
        }
    }

    fn blind(&self, why: &str) -> Exposure {
        Exposure::new(Leak::Unknown, &self.ready.vpc, format!("it could not be looked at: {why}"))
    }

    /// Looks, and again while what could not be seen may be seen then: one list that is throttled is no reason not to know.
    async fn look_again(&self, stage: Stage, by: Time) -> Vec<Exposure> {
        let clock = &self.engine.clock;
        let access = Access::default();
        let ask = async || isolation::look(self.provisioner, self.ready, stage != Stage::AfterT0).await;
        let (mut pause, mut looks) = (Duration::from_secs(2), 0);
        loop {
            let found = match access.look(clock, LONGEST, &ask).await {
                Ok(found) => found,
                Err(error) => vec![self.blind(&error.to_string())],
            };
            looks += 1;
            let next = clock.now() + Span(pause).delta();
            if looks >= MOST_LOOKS || next >= by || !found.iter().any(|exposure| exposure.may_pass) {
                return found;
            }
            clock.sleep_until(next).await;
            pause *= 2;
        }
    }

    async fn look(&self, stage: Stage) -> Vec<Exposure> {
        let Engine { clock, bus, .. } = self.engine;
        let by = clock.now() + Span(LONGEST).delta();
        let looking = self.look_again(stage, by);
        let found = match clock.timeout_at(by, looking).await {
            Some(found) => found,
            None => vec![self.blind(&format!("no answer within {}", Span(LONGEST)))],
        };
        let (unknown, open): (Vec<_>, Vec<_>) = found.iter().partition(|e| e.leak == Leak::Unknown);
        let told = |list: Vec<&Exposure>| list.into_iter().map(exposed).collect();
        bus.tell(Body::Isolation { stage, exposures: told(open), unknown: told(unknown) });
        found
    }
}

fn exposed(exposure: &Exposure) -> Finding {
    let Exposure { leak, resource, what, may_pass: _ } = exposure;
    Finding::new(leak.rule(), resource, what, leak.fix())
}
