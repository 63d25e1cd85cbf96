//! A sandbox that stays between drills: `sandbox up`, `status`, `down`, and how a drill enters one.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::isolation::IsolationMonitor;
use super::{Engine, Stop, begin};
use crate::sandbox::prepare::SandboxSpec;
use crate::sandbox::removal::Retries;
use crate::sandbox::standing::{self, Holder, Locking};
use crate::sandbox::sweep::Expiry;
use crate::sandbox::{Provisioner, Ready, isolation, memory, prepare};
use event::{Bus, Phase};
use port::wait::Waiter;
use port::{Asking, CloudError, ErrorKind, Exposure, Guard, Kind, Leak, Place, ResourceRef, RunTags, Whose};

/// What stands, and in which state.
pub struct Standing {
    pub name: String,
    pub place: Place,
    /// Its parts.
    pub parts: Vec<ResourceRef>,
    /// What the playbook needs and is not there.
    pub missing: Vec<String>,
    /// The drill that uses it.
    pub holder: Option<Holder>,
    /// What is open, or what is in it already. Empty while a drill uses it: the drill looks itself.
    pub exposures: Vec<Exposure>,
}

impl Standing {
    /// Whether a drill could use it now.
    pub fn is_usable(&self) -> bool {
        self.holder.is_none()
            && !self.parts.is_empty()
            && self.missing.is_empty()
            && !self.exposures.iter().any(Exposure::is_high)
    }
}

impl Engine {
    fn standing_name(&self) -> Result<&str, Stop> {
        self.plan.sandbox.standing.as_deref().ok_or_else(|| Stop::Mistaken {
            error: "the playbook names no standing sandbox".into(),
            help: Some("add `standing: NAME` to its `sandbox`".into()),
        })
    }

    /// Hands out the parts that stand, and makes others unless `is_whole`.
    fn standing_provisioner(
        &self,
        name: &str,
        found: HashMap<String, ResourceRef>,
        is_whole: bool,
    ) -> Rc<Provisioner> {
        let tags = RunTags::new(standing::run_of(name), standing::forever());
        let guard = Guard::new(Rc::clone(&self.cloud), self.sandbox(), tags, self.config.protected.clone());
        guard.enter(Phase::Prepare);
        let (cloud, bus) = (Rc::clone(&self.cloud), Bus::new(self.clock.clone(), 0, Vec::new()));
        let provisioner = Provisioner::new(cloud, bus, guard, memory::RequestLog::default());
        provisioner.stands(found, is_whole);
        provisioner
    }

    fn locking<'a>(&'a self, name: &'a str) -> Locking<'a> {
        let (clock, protected) = (&self.clock, &self.config.protected);
        Locking { name, clock, protected, patience: self.config.patience }
    }

    /// The specification of what stands: no bucket, replica or vault, which belong to a drill.
    fn standing_spec(&self) -> SandboxSpec {
        let mut spec = begin::sandbox_spec(&self.plan, &self.config.probe_sha256);
        spec.buckets.clear();
        spec.replicas.clear();
        spec.vaults.clear();
        spec.answered.clear();
        spec.names = None;
        spec
    }

    /// Takes the standing sandbox of the playbook for this run: its lock, and the proof that nothing is
    /// in it. `None`: the playbook has a sandbox of its own. The twin has no earlier drills.
    pub(super) async fn enter_standing(
        &self,
        provisioner: &Rc<Provisioner>,
        waiter: &Rc<Waiter>,
    ) -> Result<Option<Rc<Provisioner>>, Stop> {
        let Some(name) = self.plan.sandbox.standing.as_deref().filter(|_| !self.config.on.is_simulated())
        else {
            return Ok(None);
        };
        let (place, spec) = (self.sandbox(), self.standing_spec());
        let found = standing::find(&*self.cloud, &place, name).await?;
        let standing = self.standing_provisioner(name, found, true);
        let missing = standing::missing(&standing, &spec);
        if !missing.is_empty() {
            return Err(not_whole(name, &missing));
        }
        // What a process of this run has made before is no stranger.
        let is_first = provisioner.created().iter().all(|made| made.kind == Kind::SecurityGroup);
        self.locking(name).take(provisioner, &standing, waiter, &spec).await?;
        if is_first {
            let ready = self.stood(&standing, waiter, &spec).await?;
            self.prove_empty(name, provisioner, &ready).await?;
        }
        Ok(Some(standing))
    }

    /// Proves that nothing is in the standing sandbox but its probe. What could not be read is not known to
    /// be empty.
    async fn prove_empty(&self, name: &str, provisioner: &Provisioner, ready: &Ready) -> Result<(), Stop> {
        const LOOKS: u32 = 6;
        let (mut looks, mut pause) = (0, Duration::from_secs(2));
        let wrong = loop {
            let found = isolation::scan_empty(provisioner, ready).await?;
            let wrong: Vec<Exposure> =
                found.into_iter().filter(|e| matches!(e.leak, Leak::Occupied | Leak::Unknown)).collect();
            looks += 1;
            if looks >= LOOKS || !wrong.iter().any(|exposure| exposure.may_pass) {
                break wrong;
            }
            self.clock.sleep(pause).await;
            pause *= 2;
        };
        let Some(first) = wrong.first() else { return Ok(()) };
        let told: Vec<String> =
            wrong.iter().map(|exposure| format!("{}: {}", exposure.resource, exposure.what)).collect();
        let is = if wrong.iter().any(|e| e.leak == Leak::Occupied) {
            "is not empty"
        } else {
            "is not known to be empty"
        };
        Err(Stop::Aborted {
            error: format!("the standing sandbox `{name}` {is}: {}", told.join("; ")),
            help: Some(first.leak.fix().into()),
        })
    }

    /// Makes sure that a resumed run still holds its standing sandbox.
    pub(super) async fn still_holds_standing(&self, provisioner: &Provisioner) -> Result<(), Stop> {
        let Some(name) = self.plan.sandbox.standing.as_deref().filter(|_| !self.config.on.is_simulated())
        else {
            return Ok(());
        };
        let place = self.sandbox();
        let ask = async || standing::is_held(provisioner, &place, name, self.clock.now()).await;
        if Retries::default().ask(&self.clock, self.config.patience, ask).await? {
            return Ok(());
        }
        Err(Stop::Aborted {
            error: format!("the run holds the standing sandbox `{name}` no more: it had expired"),
            help: Some("start a new drill".into()),
        })
    }

    async fn stood(
        &self,
        standing: &Rc<Provisioner>,
        waiter: &Rc<Waiter>,
        spec: &SandboxSpec,
    ) -> Result<Ready, Stop> {
        Ok(prepare(standing, Some(standing), waiter, spec, &self.plan.loss).await?)
    }

    /// Makes the standing sandbox of the playbook, or what is missing of it, and proves it closed.
    ///
    /// # Errors
    /// Why it cannot be made. What was made by then stays, for `sandbox down`.
    pub async fn stand_up(&self) -> Result<Standing, Stop> {
        let name = self.standing_name()?;
        let tags = RunTags::new(standing::run_of(name), standing::forever());
        begin::preflight(self, &tags, Asking::ForDrill).await.ended()?;
        let place = self.sandbox();
        self.free(name, &place, Becomes::Made).await?;
        let found = standing::find(&*self.cloud, &place, name).await?;
        let is_new = found.is_empty();
        let provisioner = self.standing_provisioner(name, found, false);
        let waiter = Waiter::new(Rc::clone(&self.cloud), self.clock.clone());
        let (spec, loss) = (self.standing_spec(), &self.plan.loss);
        let base = (!is_new).then_some(&provisioner);
        let mut ready = prepare(&provisioner, base, &waiter, &spec, loss).await?;
        ready.standing = provisioner.created();
        IsolationMonitor::new(self, &provisioner, &ready).prove_closed().await?;
        self.greet_probe(&provisioner, &ready).await?;
        self.look_at_standing().await
    }

    /// Looks at the standing sandbox of the playbook, and changes nothing.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub async fn look_at_standing(&self) -> Result<Standing, Stop> {
        let name = self.standing_name()?;
        let found = standing::find(&*self.cloud, &self.sandbox(), name).await?;
        let provisioner = self.standing_provisioner(name, found, true);
        let waiter = Waiter::new(Rc::clone(&self.cloud), self.clock.clone());
        self.seen(name, &provisioner, &waiter).await
    }

    async fn seen(
        &self,
        name: &str,
        provisioner: &Rc<Provisioner>,
        waiter: &Rc<Waiter>,
    ) -> Result<Standing, Stop> {
        let (place, spec) = (self.sandbox(), self.standing_spec());
        let holder = standing::holder(&*self.cloud, &place, name, self.clock.now()).await?;
        let (parts, missing) = (provisioner.created(), standing::missing(provisioner, &spec));
        let mut exposures = Vec::new();
        if holder.is_none() && missing.is_empty() {
            let ready = self.stood(provisioner, waiter, &spec).await?;
            exposures = isolation::scan_empty(provisioner, &ready).await?;
        }
        Ok(Standing { name: name.to_owned(), place, parts, missing, holder, exposures })
    }

    /// Refuses while a drill uses the standing sandbox. Removes what an expired one has left.
    async fn free(&self, name: &str, place: &Place, becomes: Becomes) -> Result<(), Stop> {
        match standing::holder(&*self.cloud, place, name, self.clock.now()).await? {
            None => Ok(()),
            Some(Holder { run, .. }) if run == standing::run_of(name) => match becomes {
                // A removal that was cut off goes on.
                Becomes::Removed => Ok(()),
                Becomes::Made => Err(Stop::Aborted {
                    error: format!("the standing sandbox `{name}` is being removed"),
                    help: Some(standing::FINISH_REMOVAL.into()),
                }),
            },
            Some(Holder { run, until: Expiry::Expired(_) }) => {
                Ok(self.locking(name).clear(&self.cloud, place, &run).await?)
            }
            Some(Holder { run, until: Expiry::StandsUntil(_) | Expiry::Unknown(_) }) => Err(Stop::Aborted {
                error: format!("the standing sandbox `{name}` is in use by the run {run}"),
                help: Some("wait for its end; if its runner is dead, end it with `drillmaster abort`".into()),
            }),
        }
    }

    /// Removes the standing sandbox of the playbook. Returns what is left of it.
    ///
    /// # Errors
    /// A drill uses it, or it cannot be looked at.
    pub async fn take_down(&self) -> Result<(Vec<ResourceRef>, Vec<String>), Stop> {
        let (name, place) = (self.standing_name()?, self.sandbox());
        self.free(name, &place, Becomes::Removed).await?;
        // Teardown finds the parts by their tag, also those that are there twice.
        let whose = Whose::Network(Some(standing::run_of(name)));
        let found = self.cloud.tagged(&place, &whose).await?.things.into_iter();
        let parts: Vec<ResourceRef> = found.map(|thing| thing.resource).collect();
        let provisioner = self.standing_provisioner(name, HashMap::new(), false);
        let waiter = Waiter::new(Rc::clone(&self.cloud), self.clock.clone());
        // With the lock in hand, no drill begins in what is being removed.
        if let Some(vpc) = parts.iter().find(|part| part.kind == Kind::Vpc) {
            self.locking(name).hold(&provisioner, &waiter, &vpc.id, &self.standing_spec()).await?;
        }
        provisioner.guard().enter(Phase::Teardown);
        let left = self.teardown_in(&provisioner, &waiter, vec![place]).run().await;
        Ok((parts, left))
    }
}

/// What becomes of a standing sandbox that is free.
#[derive(Clone, Copy)]
enum Becomes {
    Made,
    Removed,
}

fn not_whole(name: &str, missing: &[String]) -> Stop {
    let said = format!("the standing sandbox `{name}` has no {}", missing.join(", no "));
    let error = CloudError::new(ErrorKind::NotFound, "ec2:DescribeVpcs", said);
    Stop::from(error.help("make it with `drillmaster sandbox up PLAYBOOK`"))
}
