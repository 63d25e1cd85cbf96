//! The engine: carries a plan out, phase by phase, and tells all of it as events.
//!
//! validate → preflight → prepare the sandbox → **T0** → recover and verify → teardown. Everything runs on one
//! thread under one clock, so that on the twin the same plan gives the same events.

mod begin;
mod check;
mod points;
mod schedule;
mod step;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::actions::context::Person;
use crate::checks::Observation;
use crate::clock::Clock;
use crate::cloud::gate::{Enforcement, LossGate};
use crate::cloud::wait::Waiter;
use crate::cloud::{Cloud, CloudError, Marks, Place};
use crate::duration::Time;
use crate::event::{Body, Bus, Phase};
use crate::ids::RunId;
use crate::plan::Plan;
use crate::playbook::check::CheckKind;
use crate::sandbox::teardown::Teardown;
use crate::sandbox::{HandError, Hands, Ready, prepare};

/// Asks what was restored over the real network. The twin answers checks itself.
#[async_trait(?Send)]
pub trait Prober {
    async fn probe(&self, kind: &CheckKind) -> Observation;
}

pub struct Config {
    /// `twin` or `aws`
    pub on: &'static str,
    pub run: RunId,
    /// How many steps may run at once.
    pub jobs: usize,
    pub keep_sandbox: bool,
    /// How long one resource may resist its deletion.
    pub patience: Duration,
    pub seed: Option<u64>,
    /// Spread the pauses before retries, so that many do not knock at once.
    pub jitter: bool,
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
    /// The first Ctrl-C: stop starting steps, tear down, report.
    pub interrupt: CancellationToken,
}

/// What is shared by all that runs between T0 and teardown.
struct Recovery<'a> {
    engine: &'a Engine,
    hands: &'a Rc<Hands>,
    waiter: &'a Rc<Waiter>,
    ready: &'a Ready,
    t0: Time,
    points: points::Points,
    outputs: RefCell<std::collections::HashMap<String, serde_json::Value>>,
}

/// Why the drill could not be carried out.
enum Stop {
    Interrupted,
    Aborted { error: String, help: Option<String> },
}

impl From<CloudError> for Stop {
    fn from(error: CloudError) -> Self {
        Self::Aborted { help: error.help.clone(), error: error.to_string() }
    }
}

impl From<HandError> for Stop {
    fn from(error: HandError) -> Self {
        match error {
            HandError::Cloud(error) => error.into(),
            // It says itself what to do: about the disk, or about who reads stdout.
            HandError::Journal(error) => Self::Aborted { error: error.to_string(), help: None },
        }
    }
}

impl Engine {
    /// Runs the drill to its end. Whatever happens is told as events; the report judges them.
    pub async fn run(&self) {
        let started = self.clock.now();
        let expires = started + self.plan.sandbox.ttl.delta();
        self.bus.tell(Body::RunStarted(Box::new(begin::run_started(&self.plan, &self.config, expires))));
        let marks = Marks { run: self.config.run.clone(), expires };
        let hands = Hands::new(Rc::clone(&self.cloud), Rc::clone(&self.bus), marks);
        let waiter = Waiter::new(Rc::clone(&self.cloud), self.clock.clone());
        match self.carry_out(&hands, &waiter).await {
            Ok(()) => {}
            Err(Stop::Interrupted) => self.bus.tell(Body::Interrupted { by: "the user".into() }),
            Err(Stop::Aborted { error, help }) => self.bus.tell(Body::Aborted { error, help }),
        }
        self.gate.enforce(Enforcement::Teardown);
        if self.config.keep_sandbox {
            hands.settle().await;
            let resources = hands.created().iter().map(|r| json!(r)).collect();
            self.bus.tell(Body::Kept { resources, until: expires });
        } else {
            self.tear_down(&hands, &waiter).await;
        }
        self.bus.tell(Body::RunFinished { api_calls: json!(self.cloud.api_calls()) });
    }

    async fn carry_out(&self, hands: &Rc<Hands>, waiter: &Rc<Waiter>) -> Result<(), Stop> {
        let wanted = begin::wanted(&self.plan);
        self.phase(Phase::Preflight, begin::preflight(self)).await?;
        let ready = self.phase(Phase::Prepare, self.prepare_in_time(hands, waiter, &wanted)).await?;
        if let Some(broken) = self.bus.broken() {
            return Err(HandError::Journal(broken).into());
        }
        let t0 = self.clock.now();
        self.bus.emit(Body::DisasterDeclared { t0 }).map_err(HandError::Journal)?;
        self.cloud.declare(t0);
        self.know_what_is_lost(t0);
        self.gate.enforce(Enforcement::Full);
        let recovery = Recovery {
            engine: self,
            hands,
            waiter,
            ready: &ready,
            t0,
            points: points::Points::default(),
            outputs: RefCell::default(),
        };
        self.bus.tell(Body::PhaseStarted { phase: Phase::Recover });
        let ended = recovery.run().await;
        self.tell_denials();
        self.bus.tell(Body::PhaseFinished { phase: Phase::Recover });
        ended
    }

    /// Runs a phase of the harness; an interruption ends it.
    async fn phase<T, E: Into<Stop>>(
        &self,
        phase: Phase,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Stop> {
        self.bus.tell(Body::PhaseStarted { phase });
        let ended = tokio::select! {
            biased;
            () = self.interrupt.cancelled() => Err(Stop::Interrupted),
            ended = work => ended.map_err(Into::into),
        };
        self.bus.tell(Body::PhaseFinished { phase });
        ended
    }

    /// A sandbox that is not ready when its ttl ends never will be.
    async fn prepare_in_time(
        &self,
        hands: &Rc<Hands>,
        waiter: &Rc<Waiter>,
        wanted: &crate::sandbox::prepare::Wanted,
    ) -> Result<Ready, Stop> {
        let ttl = self.plan.sandbox.ttl;
        let ready = self.prepare(hands, waiter, wanted);
        let ended = self.clock.timeout_at(self.clock.now() + ttl.delta(), ready).await;
        ended.unwrap_or_else(|| {
            Err(Stop::Aborted {
                error: format!("the sandbox was not ready within its ttl of {ttl}"),
                help: Some("see in the journal what it waited for; give it more with `sandbox.ttl`".into()),
            })
        })
    }

    async fn prepare(
        &self,
        hands: &Rc<Hands>,
        waiter: &Rc<Waiter>,
        wanted: &crate::sandbox::prepare::Wanted,
    ) -> Result<Ready, Stop> {
        let ready = prepare(hands, waiter, wanted, &self.plan.loss).await?;
        let azs = ready.subnets.iter().map(|s| s.az.to_string()).collect();
        self.bus.tell(Body::SandboxReady {
            azs,
            outputs: json!({
                "vpc_id": ready.vpc,
                "subnet_ids": ready.subnets.iter().map(|s| &s.id).collect::<Vec<_>>(),
                "security_group_id": ready.security_group,
                "buckets": ready.buckets,
            }),
        });
        let exposures =
            crate::sandbox::prepare::exposures(hands, &ready).await.map_err(|e| Stop::Aborted {
                error: format!("the sandbox could not be proved closed: {e}"),
                help: Some("grant the read-only calls that look at it (ec2:Describe*)".into()),
            })?;
        let open: Vec<String> = exposures.iter().map(|e| format!("{}: {}", e.resource, e.what)).collect();
        self.bus.tell(Body::Isolation { exposures: open.clone() });
        if open.is_empty() {
            return Ok(ready);
        }
        Err(Stop::Aborted {
            error: format!("the sandbox is not isolated: {}", open.join("; ")),
            help: Some("find out what opens new VPCs in this account, and close it".into()),
        })
    }

    /// Recovery points that the estate places in what is lost may not be used by their bare ids either.
    fn know_what_is_lost(&self, t0: Time) {
        let Some(estate) = &self.plan.estate else { return };
        let loss = &self.plan.loss;
        let (surviving, lost): (Vec<_>, Vec<_>) =
            estate.recovery_points(t0).into_iter().partition(|point| point.survives(loss));
        for point in lost {
            // Of two snapshots of one name the bare name means the one that is called for where it lies.
            if !surviving.iter().any(|other| other.id == point.id) {
                self.gate.know_lost_point(&point.id, &format!("{} {}", point.account, point.region));
            }
        }
    }

    fn tell_denials(&self) {
        for denied in self.gate.denied() {
            let crate::cloud::gate::DeniedCall { call, locus, step, why } = denied;
            self.bus.tell(Body::Denied { call, locus, step, why });
        }
    }

    async fn tear_down(&self, hands: &Rc<Hands>, waiter: &Rc<Waiter>) {
        self.bus.tell(Body::PhaseStarted { phase: Phase::Teardown });
        let mut places = hands.places();
        let sandbox =
            Place { account: self.plan.sandbox_account.clone(), region: self.plan.sandbox.region.clone() };
        if !places.is_empty() && !places.contains(&sandbox) {
            places.push(sandbox);
        }
        let teardown = Teardown {
            hands,
            waiter,
            clock: &self.clock,
            bus: &self.bus,
            places,
            patience: self.config.patience,
        };
        teardown.run().await;
        self.bus.tell(Body::PhaseFinished { phase: Phase::Teardown });
    }
}
