//! One run: what it is given, and what each of its phases tells.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Memory, Stop};
use crate::actions::context::Person;
use crate::plan::Plan;
use crate::sandbox::Provisioner;
use crate::secrets::Secrets;
use base::clock::Clock;
use base::duration::Time;
use base::ids::{AccountId, RunId};
use base::on::On;
use checks::Observation;
use event::{Body, Bus, Inputs, Phase};
use playbook::check::CheckKind;
use port::Finding;
use port::Protected;
use port::gate::LossGate;
use port::{Cloud, Grant};

/// Asks what was restored over the real network. The twin answers checks itself.
#[async_trait(?Send)]
pub trait Prober {
    async fn probe(&self, kind: &CheckKind) -> Observation;
}

pub struct Config {
    pub on: On,
    pub run: RunId,
    /// How many steps may run at once.
    pub jobs: usize,
    pub keep_sandbox: bool,
    /// How long one resource may resist its deletion.
    pub patience: Duration,
    pub seed: Option<u64>,
    /// Spread the pauses before retries, so that many do not knock at once.
    pub jitter: bool,
    /// Go on with a run only to tear it down.
    pub abort: bool,
    /// For the record: what a resumed run needs to be given again.
    pub inputs: Inputs,
    /// Accounts that are never changed, whatever a playbook says.
    pub protected: Protected,
    /// By account: what its role must be allowed, which preflight has proved.
    pub grants: BTreeMap<AccountId, Vec<Grant>>,
}

pub struct Engine {
    pub plan: Plan,
    /// Behind the gate.
    pub cloud: Rc<dyn Cloud>,
    pub gate: Arc<LossGate>,
    pub clock: Clock,
    pub bus: Rc<Bus>,
    pub config: Config,
    pub prober: Rc<dyn Prober>,
    pub person: Rc<dyn Person>,
    /// What expressions name below `env` and `secret`.
    pub secrets: Secrets,
    /// The first Ctrl-C: stop starting steps, tear down, report.
    pub interrupt: CancellationToken,
    /// How far the run had come when its runner died.
    pub memory: Memory,
}

impl Engine {
    /// Tells why the drill is cut short, as soon as that is known: a run whose runner dies after this is only torn down.
    pub(super) fn told(&self, stop: Stop) -> Stop {
        self.bus.tell(match stop.clone() {
            Stop::Interrupted => Body::Interrupted {
                by: if self.config.abort { "`drillmaster abort`" } else { "the user" }.to_owned(),
            },
            Stop::Aborted { error, help } => Body::Aborted { error, help },
        });
        stop
    }

    /// Begins a phase, which it may have done before its runner died.
    pub(super) fn begin(&self, phase: Phase) {
        if !self.memory.has_begun(phase) {
            self.bus.tell(Body::PhaseStarted { phase });
        }
    }

    pub(super) fn end(&self, phase: Phase) {
        if !self.memory.has_ended(phase) {
            self.bus.tell(Body::PhaseFinished { phase });
        }
    }

    /// Tells a finding, once.
    pub(super) fn find(&self, finding: Finding) {
        if self.memory.is_news(&finding) {
            self.bus.tell(Body::Finding(finding));
        }
    }

    /// When the sandbox's ttl ends: preparing it, recovering and verifying have that long together.
    pub(super) fn deadline(&self, provisioner: &Provisioner) -> Time {
        provisioner.run_tags().expires - base::duration::Span(self.config.patience).delta()
    }
}
