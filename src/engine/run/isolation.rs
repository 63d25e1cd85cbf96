//! Proves that the sandbox is closed. It is scanned before T0, after every step that could have
//! opened it, and before the verdict. `port::isolation` describes the scan.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Engine, Stop};
use crate::sandbox::removal::Retries;
use crate::sandbox::{Provisioner, Ready, isolation};
use base::duration::{Span, Time};
use event::{Body, Stage};
use port::{Exposure, Finding, Leak};

/// The time limit of a scan. The clients try each call for up to five minutes, several at once.
const SCAN_LIMIT: Duration = Duration::from_mins(10);

/// The most scans in a row while some lists cannot be read. The pauses of 2 s, 4 s, … add up to
/// about two minutes.
const MAX_SCANS: u32 = 6;

/// Runs the isolation scans of one run.
pub struct IsolationMonitor<'a> {
    engine: &'a Engine,
    provisioner: &'a Rc<Provisioner>,
    ready: &'a Ready,
    /// Holds one request. If several steps end during a scan, one more scan follows.
    requested: Notify,
}

impl<'a> IsolationMonitor<'a> {
    pub fn new(engine: &'a Engine, provisioner: &'a Rc<Provisioner>, ready: &'a Ready) -> Self {
        Self { engine, provisioner, ready, requested: Notify::new() }
    }

    pub fn ready(&self) -> &'a Ready {
        self.ready
    }

    /// Scans the sandbox before T0. An error ends the drill.
    pub async fn prove_closed(&self) -> Result<(), Stop> {
        let found = self.scan(Stage::BeforeT0).await;
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

    /// Requests a scan.
    pub fn request_scan(&self) {
        self.requested.notify_one();
    }

    /// Runs the recovery, and scans in parallel on request. A scan that is running when the
    /// recovery ends is dropped, since the final scan follows.
    pub async fn scan_during<T>(&self, recovery: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            ended = recovery => ended,
            never = self.scan_on_request() => match never {},
        }
    }

    async fn scan_on_request(&self) -> Infallible {
        loop {
            self.requested.notified().await;
            self.scan(Stage::AfterT0).await;
        }
    }

    /// Scans before the verdict. The gate is already set for teardown, so that everything can be
    /// read.
    pub async fn final_scan(&self) -> Result<(), Stop> {
        if self.engine.memory.final_scan_done {
            return Ok(());
        }
        let interrupted = async {
            // An aborted run counts as interrupted from the beginning. It must be scanned anyway,
            // because the drill was carried out.
            if self.engine.config.abort {
                std::future::pending::<()>().await;
            } else {
                self.engine.interrupt.cancelled().await;
            }
        };
        tokio::select! {
            biased;
            _ = self.scan(Stage::Last) => Ok(()),
            () = interrupted => Err(self.engine.report_stop(Stop::Interrupted)),
        }
    }

    fn unknown(&self, why: &str) -> Exposure {
        Exposure::new(Leak::Unknown, &self.ready.vpc, format!("it could not be looked at: {why}"))
    }

    /// Scans, and repeats the scan while some parts may become readable. One throttled list must
    /// not make the result unknown.
    async fn scan_with_retries(&self, stage: Stage, by: Time) -> Vec<Exposure> {
        let clock = &self.engine.clock;
        let retries = Retries::default();
        let ask = async || isolation::scan(self.provisioner, self.ready, stage != Stage::AfterT0).await;
        let (mut pause, mut scans) = (Duration::from_secs(2), 0);
        loop {
            let found = match retries.ask(clock, SCAN_LIMIT, &ask).await {
                Ok(found) => found,
                Err(error) => vec![self.unknown(&error.to_string())],
            };
            scans += 1;
            let next = clock.now() + Span(pause).delta();
            if scans >= MAX_SCANS || next >= by || !found.iter().any(|exposure| exposure.may_pass) {
                return found;
            }
            clock.sleep_until(next).await;
            pause *= 2;
        }
    }

    async fn scan(&self, stage: Stage) -> Vec<Exposure> {
        let Engine { clock, bus, .. } = self.engine;
        let by = clock.now() + Span(SCAN_LIMIT).delta();
        let scan = self.scan_with_retries(stage, by);
        let found = match clock.timeout_at(by, scan).await {
            Some(found) => found,
            None => vec![self.unknown(&format!("no answer within {}", Span(SCAN_LIMIT)))],
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
