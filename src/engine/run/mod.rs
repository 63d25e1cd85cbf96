//! The engine carries a plan out, phase by phase, and emits everything as events.
//!
//! validate → preflight → prepare the sandbox → **T0** → recover and verify → teardown. Everything
//! runs on one thread under one clock, so that on the twin the same plan gives the same events.

mod answers;
mod background;
mod begin;
mod check;
mod classes;
mod copies;
mod delivery;
mod end;
mod engine;
mod found;
mod isolation;
mod known;
mod live;
pub mod look;
mod lookups;
mod made;
mod memory;
mod names;
mod options;
mod points;
mod probe;
mod recovery;
mod rehearsed;
mod sample;
mod schedule;
mod standing;
mod step;
mod stop;
mod survey;

use std::collections::HashSet;
use std::rc::Rc;

use base::duration::{Time, seconds_between};
pub use begin::{Halt, Identity};
pub use engine::{Config, Engine, Prober};
use estate::RecoveryPoint;
use estate::point::lost_by_id;
use event::{Body, Phase, RunStarted, SandboxOutputs};
use found::SurveyedPoints;
use isolation::IsolationMonitor;
pub use memory::Memory;
use port::gate::Enforcement;
use port::wait::Waiter;
use port::{Asking, Finding, Guard, Place, Rule, RunTags};
pub use probe::ProbeLog;
use recovery::Recovery;
pub use standing::Standing;
pub use stop::Stop;

use crate::sandbox::teardown::Teardown;
use crate::sandbox::{ProvisionError, Provisioner, Ready, prepare};

impl Engine {
    /// Whether the run began with this plan. Another version may read a playbook differently.
    pub fn is_of(&self, started: &RunStarted) -> bool {
        let again = begin::run_started(&self.plan, &self.config, started.expires);
        (
            again.steps,
            again.checks,
            again.lose,
            again.sandbox_account,
            again.sandbox_region,
            again.sandbox_cidr,
        ) == (
            started.steps.clone(),
            started.checks.clone(),
            started.lose.clone(),
            started.sandbox_account.clone(),
            started.sandbox_region.clone(),
            started.sandbox_cidr.clone(),
        )
    }

    /// Runs the drill to its end, from the beginning or from the end of its journal. All results
    /// are events, which the report judges.
    pub async fn run(&self) {
        let started = self.clock.now();
        let mut requests = self.memory.requests.clone();
        // Resources in use must not expire, or a sweep would remove them. The expiry covers the
        // drill's time and teardown's.
        let expires =
            self.memory.expires.unwrap_or_else(|| started + self.plan.sandbox.ttl.delta() + self.after_ttl());
        match self.memory.last_at {
            None => {
                let started = begin::run_started(&self.plan, &self.config, expires);
                self.bus.tell(Body::RunStarted(Box::new(started)));
            }
            Some(last_at) => {
                let by = if self.config.abort { "abort" } else { "resume" }.to_owned();
                let gap_s = seconds_between(last_at, started).max(0.0);
                // A finished drill is torn down once more with the full patience.
                if gap_s > 0.0 || self.memory.finished {
                    requests.forget_deletions();
                }
                self.bus.tell(Body::Resumed { by, gap_s });
                self.identify_again().await;
            }
        }
        let run_tags = RunTags::new(self.config.run.clone(), expires);
        let guard =
            Guard::new(Rc::clone(&self.cloud), self.sandbox(), run_tags, self.config.protected.clone())
                .with_copied_from(self.plan.copied_from())
                .with_standing(self.plan.sandbox.standing.as_deref().map(crate::sandbox::standing::run_of));
        let provisioner = Provisioner::new(Rc::clone(&self.cloud), Rc::clone(&self.bus), guard, requests);
        let waiter = Waiter::new(Rc::clone(&self.cloud), self.clock.clone());
        // The reason for a cut was already emitted.
        let _ = Box::pin(self.carry_out(&provisioner, &waiter)).await;
        self.gate.enforce(Enforcement::Teardown);
        if self.config.keep_sandbox && !self.memory.removes_kept {
            if !self.memory.kept {
                // A kept sandbox includes resources that are not in the journal after a lost answer
                // or a crash.
                let unlooked = self.teardown(&provisioner, &waiter).survey().await;
                for what in unlooked {
                    self.report(Finding::new(
                        Rule::TeardownBlind,
                        "kept sandbox",
                        what,
                        "look for it with `aws backup list-copy-jobs`",
                    ));
                }
                let resources = provisioner.standing();
                self.bus.tell(Body::Kept { resources, until: expires });
            }
        } else {
            Box::pin(self.tear_down(&provisioner, &waiter)).await;
        }
        self.bus.tell(Body::RunFinished { api_calls: self.cloud.api_calls() });
    }

    async fn carry_out(&self, provisioner: &Rc<Provisioner>, waiter: &Rc<Waiter>) -> Result<(), Stop> {
        let memory = &self.memory;
        if memory.has_begun(Phase::Teardown) || memory.kept {
            return Ok(());
        }
        let (t0, ready, surveyed) = match (memory.t0, &memory.ready, &memory.cut) {
            (Some(t0), Some(ready), _) => {
                if let Err(stop) = self.still_holds_standing(provisioner).await {
                    self.end_open_phases();
                    return Err(self.report_stop(stop));
                }
                (t0, ready.clone(), memory.surveyed.clone())
            }
            (_, _, Some(cut)) => {
                self.end_open_phases();
                return Err(cut.clone());
            }
            _ => Box::pin(self.before_the_disaster(provisioner, waiter)).await?,
        };
        self.cloud.declare(t0);
        self.mark_lost_points(t0);
        self.mark_lost_buckets(&surveyed);
        self.gate.enforce(Enforcement::Full);
        let monitor = IsolationMonitor::new(self, provisioner, &ready);
        let recovery = Recovery::new(self, provisioner, waiter, &monitor, t0, surveyed);
        recovery.chooser().recall_lost();
        provisioner.guard().enter(Phase::Recover);
        // A scan may have been due when the runner died.
        if memory.has_begun(Phase::Recover) && !memory.has_ended(Phase::Recover) {
            monitor.request_scan();
        }
        self.begin(Phase::Recover);
        let recovered = monitor.scan_during(Box::pin(recovery.run())).await;
        if recovered.is_ok() {
            Box::pin(recovery.tell_unfound_names()).await;
        }
        self.tell_probed();
        recovered?;
        // The recovery has ended. The harness may now make calls that a real loss would prevent.
        self.gate.enforce(Enforcement::Teardown);
        Box::pin(recovery.tell_lookups()).await;
        monitor.final_scan().await
    }

    /// Runs everything before T0. Returns T0, the sandbox and the recovery points.
    async fn before_the_disaster(
        &self,
        provisioner: &Rc<Provisioner>,
        waiter: &Rc<Waiter>,
    ) -> Result<(Time, Ready, SurveyedPoints), Stop> {
        let spec = begin::sandbox_spec(&self.plan, &self.config.probe_sha256);
        let preflight =
            async { begin::preflight(self, provisioner.run_tags(), Asking::ForDrill).await.ended() };
        self.phase(Phase::Preflight, preflight).await?;
        provisioner.guard().enter(Phase::Prepare);
        let prepare = async {
            let ready = Box::pin(self.prepare_in_time(provisioner, waiter, &spec)).await?;
            // The survey is as late as possible. A point that is not usable by now was not usable
            // at T0.
            let known = names::known_names(self, Some(&ready));
            let surveyed = self.survey(&known).await;
            self.bus.tell(Body::Surveyed { points: surveyed.clone().into_iter().collect() });
            let zones = ready.subnets.iter().map(|subnet| subnet.az.clone()).collect();
            self.require_classes(&known, &zones, &surveyed).await?;
            self.require_option_groups(&known, &surveyed).await?;
            if let Some(halt) = self.points_that_cannot_be_copied(&known, &surveyed).await.into_iter().next()
            {
                return Err(halt.stop);
            }
            if let Some(forecast) = self.config.forecast.as_ref().filter(|_| !self.memory.has_forecast) {
                self.bus.tell(Body::Forecast(Box::new(forecast.clone())));
            }
            Ok::<_, Stop>((ready, surveyed))
        };
        let (ready, surveyed) = self.phase(Phase::Prepare, prepare).await?;
        if let Some(broken) = self.bus.broken() {
            return Err(self.report_stop(ProvisionError::Journal(broken).into()));
        }
        let t0 = self.clock.now();
        let declared = self.bus.emit(Body::DisasterDeclared { t0 }).map_err(ProvisionError::Journal);
        declared.map_err(|error| self.report_stop(error.into()))?;
        Ok((t0, ready, surveyed))
    }

    /// Runs a phase of the harness. An interruption ends it.
    async fn phase<T, E: Into<Stop>>(
        &self,
        phase: Phase,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Stop> {
        self.begin(phase);
        let ended = tokio::select! {
            biased;
            () = self.interrupt.cancelled() => Err(Stop::Interrupted),
            ended = work => ended.map_err(Into::into),
        };
        let ended = ended.map_err(|stop| self.report_stop(stop));
        self.end(phase);
        ended
    }

    fn end_open_phases(&self) {
        for phase in self.memory.phases.keys() {
            self.end(*phase);
        }
    }

    /// Prepares the sandbox within its ttl.
    async fn prepare_in_time(
        &self,
        provisioner: &Rc<Provisioner>,
        waiter: &Rc<Waiter>,
        spec: &crate::sandbox::prepare::SandboxSpec,
    ) -> Result<Ready, Stop> {
        let ttl = self.plan.sandbox.ttl;
        let ready = self.prepare(provisioner, waiter, spec);
        let ended = self.clock.timeout_at(self.deadline(provisioner), ready).await;
        ended.unwrap_or_else(|| {
            Err(Stop::Aborted {
                error: format!("the sandbox was not ready within its ttl of {ttl}"),
                help: Some("see in the journal what it waited for; give it more with `sandbox.ttl`".into()),
            })
        })
    }

    async fn prepare(
        &self,
        provisioner: &Rc<Provisioner>,
        waiter: &Rc<Waiter>,
        spec: &crate::sandbox::prepare::SandboxSpec,
    ) -> Result<Ready, Stop> {
        let standing = Box::pin(self.enter_standing(provisioner, waiter)).await?;
        let prepared = prepare(provisioner, standing.as_ref(), waiter, spec, &self.plan.loss);
        let ready = Box::pin(prepared).await?;
        if self.memory.ready.is_none() {
            self.bus.tell(Body::SandboxReady {
                azs: ready.subnets.iter().map(|s| s.az.clone()).collect(),
                outputs: SandboxOutputs {
                    vpc_id: ready.vpc.clone(),
                    subnet_ids: ready.subnets.iter().map(|s| s.id.clone()).collect(),
                    security_group_id: ready.security_group.clone(),
                    buckets: ready.buckets.clone(),
                },
                ready: Some(Box::new(ready.clone())),
            });
        }
        IsolationMonitor::new(self, provisioner, &ready).prove_closed().await?;
        self.greet_probe(provisioner, &ready).await?;
        self.report_resolver(&ready);
        Ok(ready)
    }

    /// Reports an open resolver. It asks public name servers, so data can leave in the names that are
    /// looked up.
    fn report_resolver(&self, ready: &Ready) {
        if self.config.on.is_simulated() || self.plan.sandbox.watches_names() {
            return;
        }
        self.report(Finding::new(
            Rule::SandboxResolvesNames,
            &ready.vpc,
            "what runs in the sandbox can look up public names through the VPC's own resolver: no traffic leaves, but the \
             names that are asked for do",
            "close it with `sandbox.resolver: closed`: the report then tells what was looked up",
        ));
    }

    /// Marks the estate's lost points in the gate, so that they cannot be used by their bare ids
    /// either.
    fn mark_lost_points(&self, t0: Time) {
        for (id, locus) in lost_by_id(&self.estate_points(t0), &self.plan.loss) {
            self.gate.know_lost_point(id, &locus);
        }
    }

    /// Marks the named buckets whose owner is lost, whoever may read them.
    fn mark_lost_buckets(&self, surveyed: &SurveyedPoints) {
        let buckets = surveyed.values().flatten().filter(|point| point.kind.resource_kind() == "s3:bucket");
        let (surviving, lost): (Vec<_>, Vec<_>) = buckets.partition(|point| point.survives(&self.plan.loss));
        let surviving: HashSet<&str> = surviving.into_iter().map(|point| point.id.as_str()).collect();
        for lost in lost {
            // Another provider may have a bucket of the same name.
            if !surviving.contains(lost.id.as_str()) {
                self.gate.know_lost_point(&lost.id, &format!("{} {}", lost.account, lost.region));
            }
        }
    }

    /// The estate's recovery points. The playbook says which of them are at another provider.
    fn estate_points(&self, t0: Time) -> Vec<RecoveryPoint> {
        let mut points = self.plan.estate.as_ref().map(|e| e.recovery_points(t0)).unwrap_or_default();
        for point in &mut points {
            point.elsewhere = self.gate.is_elsewhere(&point.account);
        }
        points
    }

    fn sandbox(&self) -> Place {
        Place { account: self.plan.sandbox_account.clone(), region: self.plan.sandbox.region.clone() }
    }

    fn teardown<'a>(&'a self, provisioner: &'a Rc<Provisioner>, waiter: &'a Rc<Waiter>) -> Teardown<'a> {
        let mut places = provisioner.places();
        let sandbox = self.sandbox();
        if !places.is_empty() && !places.contains(&sandbox) {
            places.push(sandbox);
        }
        self.teardown_in(provisioner, waiter, places)
    }

    fn teardown_in<'a>(
        &'a self,
        provisioner: &'a Rc<Provisioner>,
        waiter: &'a Rc<Waiter>,
        places: Vec<Place>,
    ) -> Teardown<'a> {
        Teardown {
            provisioner,
            waiter,
            clock: &self.clock,
            bus: &self.bus,
            places,
            patience: self.config.patience,
            wait_network: self.config.wait_network,
        }
    }

    async fn tear_down(&self, provisioner: &Rc<Provisioner>, waiter: &Rc<Waiter>) {
        provisioner.guard().enter(Phase::Teardown);
        self.begin(Phase::Teardown);
        self.teardown(provisioner, waiter).run().await;
        self.end(Phase::Teardown);
    }
}
