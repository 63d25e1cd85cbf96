//! Builds a run from its parts: plan, cloud, gate, clock and consumers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::person::People;
use super::rehearsal::JOBS;
use crate::config::UserConfig;
#[cfg(feature = "aws")]
use ::aws::function::Package;
use async_trait::async_trait;
use chrono::{SubsecRound as _, Utc};
use tokio_util::sync::CancellationToken;

use base::clock::{Clock, Pace};
use base::duration::Time;
use base::ids::{AccountId, Region, RunId};
use base::on::On;
#[cfg(feature = "live")]
use checks::remote::{self, Answer, Question};
use checks::{ConnectTo, Observation};
use engine::actions::TIMINGS;
use engine::plan::{Input, Plan};
use engine::policy;
use engine::run::look::Look;
use engine::run::{Config, Engine, Memory, ProbeLog, Prober};
use engine::sandbox::teardown::PATIENCE;
use engine::secrets::Secrets;
use event::{Body, Bus, Consumer, Event, Forecast, Inputs, PastRun};
use playbook::Loaded;
use playbook::address::Addresses;
use playbook::check::CheckKind;
use playbook::model::Account;
use port::Protected;
use port::gated::Gated;
use port::{ApiCalls, Cloud, Grant, LossGate, Place};
use record::journal::Kept;
use record::objectives::record::Recorder;
use record::objectives::{self, Record};
use record::report::Report;
use record::report::model::JournalEnd;
use twin::{Twin, Unanswered};

pub struct Options {
    pub on: On,
    pub run: RunId,
    pub seed: Option<u64>,
    pub pace: Pace,
    pub jobs: usize,
    pub keep_sandbox: bool,
    /// Whether teardown waits until Lambda lets the probe's network go.
    pub wait_network: bool,
    pub patience: Duration,
    pub connect_to: Vec<ConnectTo>,
    /// On the twin: people do their tasks.
    pub ask_people: bool,
    /// The folder of the run, where answers of people to other processes are found. `None`: nobody is
    /// asked.
    pub folder: Option<PathBuf>,
    /// The time at which the twin's clock starts.
    pub start: Time,
    pub protected: Protected,
    /// What a model says of the recovery, for a run that has not come to T0.
    pub forecast: Option<Forecast>,
    /// Earlier runs of the playbook, for the report.
    pub past: Vec<PastRun>,
    /// The store that was named, for a process that resumes the run.
    pub store: Option<String>,
    /// Resume the run only to tear it down.
    pub abort: bool,
    /// Whether a probe may have to be made, or compared with its program. Who removes things needs no
    /// program.
    pub needs_program: bool,
}

impl Options {
    /// Those for something else than a drill in the live accounts.
    pub fn live(run: &str, config: &UserConfig) -> Self {
        Self {
            on: On::Aws,
            run: RunId(run.into()),
            seed: None,
            pace: Pace::Max,
            jobs: JOBS,
            ask_people: false,
            folder: None,
            keep_sandbox: false,
            wait_network: true,
            patience: PATIENCE,
            connect_to: Vec::new(),
            start: Utc::now().trunc_subsecs(0),
            abort: false,
            needs_program: false,
            forecast: None,
            past: Vec::new(),
            store: None,
            protected: config.protected(),
        }
    }

    /// Returns the inputs that a resumed run needs again.
    fn inputs(&self, plan: &Plan) -> Inputs {
        let folder = plan.files.folder();
        Inputs {
            // A folder that cannot be made absolute keeps its name.
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string(),
            files: plan.files.kept().clone(),
            params: plan.given.clone(),
            connect_to: self.connect_to.iter().map(ToString::to_string).collect(),
            jobs: self.jobs,
            keep_sandbox: self.keep_sandbox,
            wait_network: self.wait_network,
            ask_people: self.ask_people,
            patience_s: self.patience.as_secs_f64(),
            pace: match self.pace {
                Pace::Max => None,
                Pace::Times(times) => Some(times),
            },
            store: self.store.clone(),
        }
    }
}

pub fn plan_of(loaded: Loaded) -> Result<Plan, String> {
    Plan::new(Input::from(loaded)).map_err(|e| e.to_string())
}

/// A drill that is ready to run.
pub struct Drill {
    engine: Engine,
    pace: Pace,
    record: Rc<RefCell<Record>>,
}

impl Drill {
    /// Builds a drill. `consumers` get every event, in this order. The journal should come first.
    /// `before` holds the events of a resumed run.
    pub fn new(
        plan: Plan,
        options: &Options,
        before: &[Event],
        interrupt: CancellationToken,
        consumers: impl FnOnce(&Clock) -> Vec<Box<dyn Consumer>>,
    ) -> Result<Self, String> {
        let memory = Memory::of(before);
        let from = memory.last_at.unwrap_or(options.start);
        let clock = match options.on {
            On::Twin => Clock::Virtual(base::clock::VirtualTime::starting_at(from)),
            // The clock never runs behind the last record: no duration may be negative.
            On::Aws => Clock::real_from(memory.last_at),
        };
        let gate = Arc::new(LossGate::new(plan.loss.clone()).with_elsewhere(plan.accounts_elsewhere()));
        let mut probe_sha256 = String::new();
        let cloud: Rc<dyn Cloud> = match options.on {
            On::Twin => {
                let Some(estate) = &plan.estate else {
                    return Err(format!(
                        "{}: the twin simulates an estate, and the playbook names none: add `estate: FILE`, or run it --on aws",
                        plan.path.display()
                    ));
                };
                let twin = if before.is_empty() {
                    Twin::new(estate.clone(), clock.clone(), options.seed, TIMINGS)
                } else {
                    // Requests without a recorded answer count as done: this is the harder case to
                    // resume.
                    Twin::rebuild(
                        estate.clone(),
                        clock.clone(),
                        options.seed,
                        TIMINGS,
                        &plan.loss,
                        before,
                        Unanswered::Done,
                    )?
                };
                Rc::new(twin.with_standing(plan.sandbox.standing.is_some()))
            }
            On::Aws => {
                let package = if options.needs_program { package(&plan)? } else { None };
                probe_sha256 = package.as_ref().map(|package| package.sha256.clone()).unwrap_or_default();
                let region = Some(&plan.sandbox.region);
                aws(plan.accounts.values(), &options.run.0, region, &clock, &gate, package)?
            }
        };
        let addresses = Rc::new(plan.addresses(&options.connect_to));
        let connect_to = options.connect_to.iter().chain(&plan.connect_to).cloned().collect();
        let prober = prober(connect_to, &plan, &addresses);
        let record = Rc::new(RefCell::new(Record::default()));
        let mut all = consumers(&clock);
        all.push(Box::new(Recorder(Rc::clone(&record))));
        for event in before {
            for consumer in &mut all {
                consumer.recall(event);
            }
        }
        let bus = Bus::new(clock.clone(), before.len() as u64, all);
        let config = Config {
            on: options.on,
            run: options.run.clone(),
            jobs: options.jobs,
            keep_sandbox: options.keep_sandbox,
            wait_network: options.wait_network,
            probe_sha256,
            patience: options.patience,
            seed: options.seed,
            jitter: !options.on.is_simulated(),
            abort: options.abort,
            inputs: options.inputs(&plan),
            protected: options.protected.clone(),
            forecast: options.forecast.clone(),
            past: options.past.clone(),
            // Only the preflight on AWS, before T0, uses the grants.
            grants: if options.on == On::Aws && !options.abort && memory.t0.is_none() {
                grants(&plan)?
            } else {
                BTreeMap::new()
            },
        };
        if options.abort {
            interrupt.cancel();
        }
        let cloud: Rc<dyn Cloud> = Rc::new(Gated::new(cloud, Arc::clone(&gate)));
        let person = Rc::new(People::new(options.folder.clone(), clock.clone(), options.ask_people));
        let sandbox = Place { account: plan.sandbox_account.clone(), region: plan.sandbox.region.clone() };
        let secrets = Secrets::new(
            Rc::clone(&cloud),
            clock.clone(),
            Rc::clone(&bus),
            plan.files.folder().to_owned(),
            sandbox,
            options.on.is_simulated(),
        );
        let engine = Engine {
            plan,
            cloud,
            gate,
            clock,
            bus,
            config,
            prober,
            addresses,
            person,
            secrets,
            interrupt,
            memory,
            probe_log: ProbeLog::default(),
        };
        if let Some(Body::RunStarted(started)) = before.first().map(|first| &first.body)
            && !engine.is_of(started)
        {
            return Err(format!(
                "this version reads the playbook in another way than version {}, which began the run: go on with that one",
                started.version
            ));
        }
        Ok(Self { engine, pace: options.pace, record })
    }

    /// Looks at the live accounts, and changes nothing. Returns what it saw, the fold of what it told
    /// on the way, and the calls that it made.
    pub async fn look(self) -> (Look, Record, ApiCalls) {
        self.with_engine(async |engine| engine.look().await).await
    }

    /// Does something else with the engine than a drill. Returns what came of it, the fold of what it
    /// told on the way, and the calls that it made.
    pub async fn with_engine<T>(self, work: impl AsyncFnOnce(&Engine) -> T) -> (T, Record, ApiCalls) {
        let Self { engine, pace, record } = self;
        let clock = engine.clock.clone();
        let local = tokio::task::LocalSet::new();
        let done = Box::pin(clock.drive(pace, local.run_until(work(&engine)))).await;
        let calls = engine.cloud.api_calls();
        drop((engine, local));
        let record = record.borrow().clone();
        (done, record, calls)
    }

    /// The fold of the drill's events, as far as it has come.
    pub fn record(&self) -> Rc<RefCell<Record>> {
        Rc::clone(&self.record)
    }

    /// Runs the drill to its end. `None` if the journal does not even hold the run's beginning.
    /// `kept`: the state of the journal among the consumers, if there is one.
    pub async fn run(self, kept: Option<&Kept>) -> Option<Report> {
        let Self { engine, pace, record } = self;
        let clock = engine.clock.clone();
        let local = tokio::task::LocalSet::new();
        Box::pin(clock.drive(pace, local.run_until(engine.run()))).await;
        // Dropping the engine closes the journal.
        drop((engine, local));
        let broken = kept.and_then(Kept::broken);
        let cut_short = broken.is_some();
        if let Some(error) = broken {
            // The teardown goes on after the journal failed, and the run ends after it.
            record.borrow_mut().aborted.get_or_insert(error.message);
        }
        let mut report = objectives::report(&record.borrow())?;
        report.journal = kept.map(|kept| JournalEnd { cut_short, ..super::run_folder::noted(kept.end()) });
        Some(report)
    }
}

/// Returns the permissions that preflight proves for each account's role.
fn grants(plan: &Plan) -> Result<BTreeMap<AccountId, Vec<Grant>>, String> {
    let policies = policy::required(plan).map_err(|error| error.to_string())?;
    Ok(policies.accounts.into_iter().map(|policy| (policy.account.clone(), policy.grants())).collect())
}

/// Returns a runtime for one drill. Everything runs on one thread.
pub fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("the runtime cannot start: {e}"))
}

/// The program of the probe, packed, if the playbook has one.
#[cfg(feature = "aws")]
fn package(plan: &Plan) -> Result<Option<Package>, String> {
    plan.sandbox.probe().map(super::probe::package).transpose()
}

/// Returns the real cloud for these accounts. `session` names the sessions of roles without a
/// session name.
#[cfg(feature = "aws")]
pub fn aws<'a>(
    accounts: impl Iterator<Item = &'a Account>,
    session: &str,
    region: Option<&Region>,
    clock: &Clock,
    gate: &Arc<LossGate>,
    probe: Option<Package>,
) -> Result<Rc<dyn Cloud>, String> {
    Ok(Rc::new(connect(accounts, session, region, clock, gate, probe)?))
}

/// The way into an account.
#[cfg(feature = "aws")]
pub fn access_of(account: &Account, session: &str) -> aws::Access {
    aws::Access {
        profile: account.profile.clone(),
        role: account.role.clone(),
        session_name: account.session_name.clone().or_else(|| Some(session.to_owned())),
        external_id: account.external_id.clone(),
        endpoint: account.endpoint.clone(),
        access_key_env: account.access_key_env.clone(),
        secret_key_env: account.secret_key_env.clone(),
    }
}

/// The same as [`aws`], as more than a port.
#[cfg(feature = "aws")]
pub fn connect<'a>(
    accounts: impl Iterator<Item = &'a Account>,
    session: &str,
    region: Option<&Region>,
    clock: &Clock,
    gate: &Arc<LossGate>,
    probe: Option<Package>,
) -> Result<aws::Aws, String> {
    use aws::{Aws, AwsConfig};
    let accounts = accounts.map(|account| (account.id.clone(), access_of(account, session)));
    let region = region.cloned();
    let (accounts, clock) = (accounts.collect(), clock.clone());
    let config = AwsConfig { accounts, endpoint_url: None, region, clock, probe };
    Aws::connect(config, Arc::clone(gate)).map_err(|e| e.to_string())
}

/// Why a build without the feature `aws` cannot do something.
#[cfg(not(feature = "aws"))]
pub const WITHOUT_AWS: &str =
    "this build cannot reach AWS: build it with the cargo feature `aws` (it is on by default)";

#[cfg(not(feature = "aws"))]
pub struct Package {
    sha256: String,
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unnecessary_wraps, reason = "a build with AWS may find no program")]
fn package(_: &Plan) -> Result<Option<Package>, String> {
    Ok(None)
}

#[cfg(not(feature = "aws"))]
pub fn aws<'a>(
    _: impl Iterator<Item = &'a Account>,
    _: &str,
    _: Option<&Region>,
    _: &Clock,
    _: &Arc<LossGate>,
    _: Option<Package>,
) -> Result<Rc<dyn Cloud>, String> {
    Err(WITHOUT_AWS.into())
}

#[cfg(feature = "live")]
fn prober(connect_to: Vec<ConnectTo>, plan: &Plan, addresses: &Rc<Addresses>) -> Rc<dyn Prober> {
    struct Live(checks::Net);
    #[async_trait(?Send)]
    impl Prober for Live {
        async fn probe(&self, kind: &CheckKind) -> Observation {
            checks::probe(kind, &self.0).await
        }

        fn question(&self, kind: &CheckKind) -> Option<Result<Vec<u8>, Observation>> {
            remote::is_asked_inside(kind, &self.0).then(|| written(&Question::of(Some(kind), &self.0)?))
        }

        fn greeting(&self) -> Result<Vec<u8>, Observation> {
            written(&Question::of(None, &self.0)?)
        }

        fn name(&self, name: &str) -> Result<Vec<u8>, Observation> {
            written(&Question::of_name(name))
        }

        fn answer(&self, answer: &[u8]) -> Result<Observation, String> {
            Answer::read(answer)
        }
    }
    fn written(question: &Question) -> Result<Vec<u8>, Observation> {
        serde_json::to_vec(question).map_err(|error| Observation::unknown("not asked", error.to_string()))
    }
    let addresses = Rc::clone(addresses);
    // References as they were when the run began, and what the last run has counted.
    let net = checks::Net::new(connect_to, plan.files.folder()).with_files(plan.files.kept().clone());
    let made = Rc::clone(&addresses);
    let net = net.writing_to(Box::new(move |host| made.is_made(host)));
    Rc::new(Live(net.refusing(Box::new(move |url| addresses.url(url).map(|found| found.why)))))
}

#[cfg(not(feature = "live"))]
fn prober(_: Vec<ConnectTo>, _: &Plan, _: &Rc<Addresses>) -> Rc<dyn Prober> {
    struct NoProber;
    #[async_trait(?Send)]
    impl Prober for NoProber {
        async fn probe(&self, _: &CheckKind) -> Observation {
            Observation::unknown(
                "not asked",
                "this build has no network checks: build it with the feature `live`",
            )
        }

        fn question(&self, _: &CheckKind) -> Option<Result<Vec<u8>, Observation>> {
            None
        }

        fn greeting(&self) -> Result<Vec<u8>, Observation> {
            Err(Observation::unknown("not asked", "this build has no network checks"))
        }

        fn name(&self, _: &str) -> Result<Vec<u8>, Observation> {
            Err(Observation::unknown("not asked", "this build has no network checks"))
        }

        fn answer(&self, _: &[u8]) -> Result<Observation, String> {
            Err("this build has no network checks".into())
        }
    }
    Rc::new(NoProber)
}
