//! The engine's inputs, and the events that all phases share.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::delivery::ARRIVES_WITHIN;
use super::{Memory, ProbeLog, Stop};
use crate::actions::context::Person;
use crate::plan::Plan;
use crate::sandbox::Provisioner;
use crate::sandbox::teardown::NETWORK_PATIENCE;
use crate::secrets::Secrets;
use base::clock::Clock;
use base::duration::{Span, Time};
use base::ids::{AccountId, RunId};
use base::on::On;
use checks::Observation;
use event::{Body, Bus, Forecast, Identified, Inputs, PastRun, Phase, Purpose};
use playbook::address::Addresses;
use playbook::check::CheckKind;
use port::Finding;
use port::Protected;
use port::gate::LossGate;
use port::{CallerIdentity, Cloud, Grant};

/// Runs checks over the real network. The twin answers checks itself.
#[async_trait(?Send)]
pub trait Prober {
    async fn probe(&self, kind: &CheckKind) -> Observation;

    /// The question of a check for the probe in the sandbox. `None`: the check is asked from here.
    fn question(&self, kind: &CheckKind) -> Option<Result<Vec<u8>, Observation>>;

    /// The question whether the probe answers at all.
    fn greeting(&self) -> Result<Vec<u8>, Observation>;

    /// The question for the probe whether a name leads to an address.
    fn name(&self, name: &str) -> Result<Vec<u8>, Observation>;

    /// Reads what the probe answered.
    ///
    /// # Errors
    /// Why it is no answer.
    fn answer(&self, answer: &[u8]) -> Result<Observation, String>;
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
    /// Whether to spread the pauses before retries, so that many steps do not retry at the same
    /// time.
    pub jitter: bool,
    /// Whether to continue the run only to tear it down.
    pub abort: bool,
    /// The inputs that a resumed run needs again. The first event holds them.
    pub inputs: Inputs,
    /// What a model says of the recovery. It is recorded before T0. The engine makes none itself.
    pub forecast: Option<Forecast>,
    /// Earlier runs of the playbook, for the report.
    pub past: Vec<PastRun>,
    /// SHA-256 of the probe's package. Empty if no cloud is to run it.
    pub probe_sha256: String,
    /// Whether teardown waits for network interfaces that Lambda keeps of the probe.
    pub wait_network: bool,
    /// Accounts that are never changed, whatever a playbook says.
    pub protected: Protected,
    /// The permissions that preflight proves for the role in each account.
    pub grants: BTreeMap<AccountId, Vec<Grant>>,
}

pub struct Engine {
    pub plan: Plan,
    /// The cloud behind the loss gate.
    pub cloud: Rc<dyn Cloud>,
    pub gate: Arc<LossGate>,
    pub clock: Clock,
    pub bus: Rc<Bus>,
    pub config: Config,
    pub prober: Rc<dyn Prober>,
    /// Judges the addresses that checks ask, and those that they are redirected to.
    pub addresses: Rc<Addresses>,
    pub person: Rc<dyn Person>,
    /// The values for `env` and `secret` in expressions.
    pub secrets: Secrets,
    /// Cancelled by the first Ctrl-C. The run then starts no more steps, tears down and reports.
    pub interrupt: CancellationToken,
    /// The progress of a resumed run. Empty for a new run.
    pub memory: Memory,
    pub probe_log: ProbeLog,
}

impl Engine {
    /// Emits why the drill is cut short, as soon as this is known. If the runner dies afterwards,
    /// the run is only torn down.
    pub(super) fn report_stop(&self, stop: Stop) -> Stop {
        self.bus.tell(match stop.clone() {
            Stop::Interrupted => Body::Interrupted {
                by: if self.config.abort { "`drillmaster abort`" } else { "the user" }.to_owned(),
            },
            Stop::Aborted { error, help } => Body::Aborted { error, help, mistake: false },
            Stop::Mistaken { error, help } => Body::Aborted { error, help, mistake: true },
        });
        stop
    }

    /// Begins a phase. Emits nothing if the phase began before the run was resumed.
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

    /// Emits a finding, unless the run has already emitted it.
    pub(super) fn report(&self, finding: Finding) {
        if self.memory.is_new(&finding) {
            self.bus.tell(Body::Finding(finding));
        }
    }

    /// Tells whose credentials the run uses in an account, unless it has told so already.
    pub(super) fn tell_identity(&self, who: &CallerIdentity) {
        let Some(arn) = who.arn.clone() else { return };
        let account = who.account.clone();
        let purpose = if account == self.plan.sandbox_account {
            Purpose::Sandbox
        } else if self.plan.copied_from().contains(&account) {
            Purpose::CopySource
        } else {
            Purpose::Read
        };
        let who = Identified { account, arn, purpose };
        if self.memory.is_new_identity(&who) {
            self.bus.tell(Body::Identified(who));
        }
    }

    /// The end of the sandbox's ttl. Preparing, recovering and verifying share this time.
    pub(super) fn deadline(&self, provisioner: &Provisioner) -> Time {
        provisioner.run_tags().expires - self.after_ttl()
    }

    /// How long a drill may take after its ttl: for its teardown, for the log of names, and until Lambda
    /// lets the probe's network go.
    pub(super) fn after_ttl(&self) -> TimeDelta {
        let sandbox = &self.plan.sandbox;
        let network = sandbox.probe().filter(|_| sandbox.standing.is_none()).map(|_| NETWORK_PATIENCE);
        let patience = network.unwrap_or_default().max(self.config.patience);
        let log = if sandbox.watches_names() { ARRIVES_WITHIN } else { Duration::ZERO };
        Span(patience.saturating_add(log)).delta()
    }
}
