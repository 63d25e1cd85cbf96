//! A prepared sandbox. It runs actions as the engine does, and is removed with proof.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use base::duration::Size;
use engine::actions::context::{Answer, Context, Outcome, Person, StepError};
use engine::actions::{self, Invocation};
use engine::sandbox::memory::RequestLog;
use engine::sandbox::prepare::{ReplicaSpec, SandboxSpec};
use engine::sandbox::teardown::Teardown;
use engine::sandbox::{ProvisionError, Provisioner, Ready, prepare};
use estate::point::{Use, Wanted as WantedPoint, select};
use estate::{PointKind, RecoveryPoint, Selector};
use event::{Body, Bus, Confirmed, Consumer, ConsumerError, Event, Phase, RestoreSource, Through};
use futures_util::future::LocalBoxFuture;
use playbook::action::{Output, PointSpec, Shape, SourceSpec, SourceWhat};
use port::Guard;
use port::Protected;
use port::wait::Waiter;
use port::{CloudError, ErrorKind, Kind, PointQuery, ResourceRef, State, Whose};
use serde_json::Value;
use yaml::files::Files;

use super::peer::Peer;
use super::production::{EAST, MIRROR, SANDBOX, WEST, account, place, sandbox_place};

/// Whether a person is there to confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Somebody {
    Absent,
    Says(bool),
}

impl Person for Somebody {
    fn confirm(
        &self,
        _step: &str,
        _instructions: &str,
    ) -> Option<LocalBoxFuture<'static, Result<Answer, String>>> {
        let who = Confirmed { by: "ann".into(), through: Through::Terminal, note: None };
        match *self {
            Self::Absent => None,
            Self::Says(done) => Some(Box::pin(std::future::ready(Ok(Answer { done, who })))),
        }
    }
}

#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<Event>>>);

impl Consumer for Log {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        self.0.borrow_mut().push(event.clone());
        Ok(())
    }
}

/// Parses the arguments of a step.
fn read(uses: &str, args: &Value) -> Box<dyn Invocation> {
    let action = actions::get(uses).unwrap_or_else(|| panic!("{uses} is no action"));
    (action.read)(args).unwrap_or_else(|error| panic!("{uses} {args}: {error}"))
}

/// What a sandbox has besides its network.
#[derive(Default)]
pub struct With {
    pub buckets: Vec<&'static str>,
    /// The step that promotes a replica of `mirror`.
    pub replica: Option<&'static str>,
    /// The account from whose vaults steps copy.
    pub copied_from: Option<&'static str>,
}

pub struct Stage<'a> {
    pub peer: &'a Peer,
    pub provisioner: Rc<Provisioner>,
    pub waiter: Rc<Waiter>,
    pub ready: Ready,
    pub person: Somebody,
    bus: Rc<Bus>,
    log: Log,
    /// Copies that steps have made. Later steps restore from them by their ids.
    made: RefCell<BTreeMap<String, RecoveryPoint>>,
}

impl<'a> Stage<'a> {
    pub async fn open(peer: &'a Peer, with: With) -> Self {
        let log = Log::default();
        let bus = Bus::new(peer.clock.clone(), 0, vec![Box::new(log.clone())]);
        let (cloud, run_tags) = (Rc::clone(&peer.cloud), peer.run_tags.clone());
        let copied_from: BTreeSet<_> = with.copied_from.map(account).into_iter().collect();
        let guard = Guard::new(cloud, sandbox_place(), run_tags, Protected::default())
            .with_copied_from(copied_from.clone());
        guard.enter(Phase::Prepare);
        let provisioner =
            Provisioner::new(Rc::clone(&peer.cloud), Rc::clone(&bus), guard, RequestLog::default());
        let waiter = Waiter::new(Rc::clone(&peer.cloud), peer.clock.clone());
        let replica = |step: &str| ReplicaSpec {
            step: step.to_owned(),
            source: MIRROR.to_owned(),
            source_region: EAST.parse().unwrap(),
            class: None,
            parameter_group: None,
            kms_key: None,
            size: Size::gib(5),
        };
        let wanted = SandboxSpec {
            place: sandbox_place(),
            cidr: "10.66.0.0/16".into(),
            azs: 2,
            zones: Vec::new(),
            wishes: port::Wishes::default(),
            buckets: with.buckets.iter().map(|b| ((*b).to_owned(), true)).collect(),
            replicas: with.replica.into_iter().map(replica).collect(),
            databases: true,
            probe: None,
            names: None,
            answered: std::collections::BTreeSet::new(),
            vaults: with.copied_from.map(|_| (String::new(), copied_from)).into_iter().collect(),
        };
        let ready = prepare(&provisioner, None, &waiter, &wanted, peer.gate.loss().unwrap()).await.unwrap();
        provisioner.guard().enter(Phase::Recover);
        let person = Somebody::Absent;
        Self { peer, provisioner, waiter, ready, person, bus, log, made: RefCell::default() }
    }

    /// Runs an action twice, which must succeed. Asserts that the outputs are the declared ones,
    /// that what it made is known, tagged and ready, and that the second run creates nothing new.
    pub async fn does(&self, step: &str, uses: &str, args: Value) -> Outcome {
        let before = self.provisioner.created();
        let source = self.chosen(uses, &args).await;
        let attempt = |number| self.attempt_from(step, number, uses, &args, source.clone());
        let outcome = attempt(1).await.unwrap_or_else(|e| panic!("{uses} {args}: {e}"));
        assert_outputs(uses, &outcome);
        let made: Vec<_> = self.provisioner.created().into_iter().filter(|r| !before.contains(r)).collect();
        self.is_ours_and_ready(&made).await;
        self.was_announced(step);

        let again = attempt(2).await.unwrap_or_else(|e| panic!("{uses} again: {e}"));
        assert_eq!(again.outputs, outcome.outputs, "{uses}: the same request is the same request");
        assert_eq!(self.provisioner.created().len(), before.len() + made.len(), "{uses}: made twice");
        self.remember(&outcome);
        outcome
    }

    /// Runs an action that must be refused, and asserts that nothing was created. Returns the
    /// cloud's error.
    pub async fn refuses(&self, step: &str, uses: &str, args: Value) -> CloudError {
        let before = self.tagged().await;
        let error = match self.attempt(step, 1, uses, &args).await {
            Ok(outcome) => panic!("{uses} {args} gave {:?}", outcome.outputs),
            Err(StepError::Provision(ProvisionError::Cloud(error))) => error,
            Err(other) => panic!("{uses} {args}: {other:?}"),
        };
        assert_eq!(self.tagged().await, before, "{uses} was refused, and made something");
        error
    }

    /// Makes one attempt of a step. The source is chosen as the engine would choose it.
    pub async fn attempt(
        &self,
        step: &str,
        attempt: u32,
        uses: &str,
        args: &Value,
    ) -> Result<Outcome, StepError> {
        let source = self.chosen(uses, args).await;
        self.attempt_from(step, attempt, uses, args, source).await
    }

    /// What a step restores from. A drill looks only once, before T0, so what a step makes is no
    /// source for its next attempt.
    async fn chosen(&self, uses: &str, args: &Value) -> Option<RestoreSource> {
        let read = read(uses, args);
        assert_eq!(read.problems().len(), 0, "{uses} {args}");
        match read.source() {
            Some(spec) => Some(self.source(&spec).await),
            None => None,
        }
    }

    pub async fn attempt_from(
        &self,
        step: &str,
        attempt: u32,
        uses: &str,
        args: &Value,
        source: Option<RestoreSource>,
    ) -> Result<Outcome, StepError> {
        let account = serde_json::from_value(serde_json::json!({ "id": SANDBOX })).unwrap();
        let accounts = [("sandbox".to_owned(), account)].into();
        let files = Files::of(self.peer.folder.path());
        let makers = std::collections::BTreeSet::new();
        let cx = Context {
            written: &serde_json::Value::Null,
            makers: &makers,
            provisioner: &self.provisioner,
            waiter: &self.waiter,
            clock: &self.peer.clock,
            sandbox: &self.ready,
            person: &self.person,
            gate: &self.peer.gate,
            estate: None,
            step,
            attempt,
            began: self.peer.clock.now(),
            timeout: None,
            resumed: false,
            t0: self.peer.clock.now(),
            source,
            files: &files,
            accounts: &accounts,
            progress: &|_, _| {},
            asked: &|_| {},
            bucket_owner: &|_, _| None,
            background: &std::cell::RefCell::default(),
        };
        let outcome = read(uses, args).run(&cx).await?;
        self.peer.ran.borrow_mut().insert(uses.to_owned());
        Ok(outcome)
    }

    pub async fn source_of(&self, uses: &str, args: &Value) -> RestoreSource {
        self.source(&read(uses, args).source().unwrap()).await
    }

    /// The source that the arguments name, as the sandbox's own account sees it.
    pub async fn source(&self, spec: &SourceSpec) -> RestoreSource {
        match &spec.what {
            SourceWhat::Id(id) => {
                let owner = spec.owner.as_ref().map_or(SANDBOX, |owner| owner.as_str());
                self.source_by_id(id, &spec.kinds, owner).await
            }
            SourceWhat::Of { kind, name, point } => {
                let selector = Selector::of_kind(kind, name).unwrap();
                let query = PointQuery::Of { selector, kinds: spec.kinds.clone(), reader: None };
                let mut found = Vec::new();
                for region in if spec.across_regions { &[WEST, EAST][..] } else { &[WEST] } {
                    found.extend(
                        self.peer
                            .cloud
                            .recovery_points(&place(SANDBOX, region), &query)
                            .await
                            .unwrap()
                            .points,
                    );
                }
                let now = self.peer.clock.now();
                let on = Use {
                    // Before T0 nothing is lost yet.
                    loss: &estate::Loss::Az("use1-az6".parse().unwrap()),
                    t0: now,
                    account: &account(SANDBOX),
                    reader: None,
                    region: &WEST.parse().unwrap(),
                    kinds: &spec.kinds,
                    across_regions: spec.across_regions,
                };
                let (wanted, at) = match point {
                    PointSpec::Latest => (WantedPoint::Latest, None),
                    PointSpec::Id(id) => (WantedPoint::Id(id.clone()), None),
                    PointSpec::At(at) => (WantedPoint::AsOf(*at), Some(*at)),
                    PointSpec::BeforeT0(span) => {
                        (WantedPoint::AsOf(now - span.delta()), Some(now - span.delta()))
                    }
                    PointSpec::Before(_) | PointSpec::LatestClean | PointSpec::Random => {
                        unimplemented!(
                            "no test of the port asks for it: the engine chooses among the same points"
                        )
                    }
                };
                let selection = select(&found, &wanted, &on);
                let point = selection
                    .chosen
                    .unwrap_or_else(|| panic!("no point of {name}: {:?}", selection.rejected));
                let at = at.filter(|_| point.kind.is_continuous());
                RestoreSource { id: called(point), point: point.clone(), at }
            }
        }
    }

    async fn source_by_id(&self, id: &str, kinds: &[PointKind], owner: &str) -> RestoreSource {
        if let Some(point) = self.made.borrow().get(id) {
            return RestoreSource { id: called(point), point: point.clone(), at: None };
        }
        for kind in kinds {
            let query = PointQuery::Id { id: id.to_owned(), kind: *kind, reader: None };
            let region = id.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).unwrap_or(WEST);
            let at = if owner == SANDBOX { sandbox_place() } else { place(owner, region) };
            let found = self.peer.cloud.recovery_points(&at, &query).await.unwrap().points;
            if let Some(point) = found.first() {
                return RestoreSource { id: called(point), point: point.clone(), at: None };
            }
        }
        // Only the id is known. The cloud has to say that the recovery point does not exist.
        unknown(id, kinds[0])
    }

    pub fn remember(&self, outcome: &Outcome) {
        let made = outcome.made.iter().map(|point| (point.id.clone(), point.clone()));
        self.made.borrow_mut().extend(made);
    }

    pub async fn tagged(&self) -> BTreeSet<ResourceRef> {
        let whose = Whose::Run(self.peer.run_tags.run.clone());
        let found = self.peer.cloud.tagged(&sandbox_place(), &whose).await.unwrap();
        found.things.into_iter().map(|thing| thing.resource).collect()
    }

    pub async fn state(&self, resource: &ResourceRef) -> State {
        let ids = [resource.id.clone()];
        let mut seen = self.peer.cloud.observe(&resource.place(), resource.kind, &ids).await.unwrap();
        assert_eq!(seen.len(), 1);
        seen.remove(0).state
    }

    pub fn resource(&self, kind: Kind, id: &str) -> ResourceRef {
        let (account, region) = (self.ready.place.account.clone(), self.ready.place.region.clone());
        ResourceRef { kind, id: id.to_owned(), account, region }
    }

    async fn is_ours_and_ready(&self, made: &[ResourceRef]) {
        let tagged = self.tagged().await;
        for resource in made {
            // A job carries no tags. What it made does, or lies in what does.
            let is_job = matches!(resource.kind, Kind::CopyJob | Kind::RestoreJob);
            assert!(is_job || tagged.contains(resource), "{resource} does not carry the run's tag");
            assert_eq!(self.state(resource).await, State::Ready, "{resource}");
        }
    }

    /// Asserts that everything a step made was announced before.
    fn was_announced(&self, step: &str) {
        let mut announced = BTreeSet::new();
        for event in self.log.0.borrow().iter() {
            match &event.body {
                Body::Intent { by, token, .. } if by == step => {
                    announced.insert(token.clone());
                }
                Body::Created { by, token, .. } if by == step => {
                    assert!(announced.contains(token), "{token}");
                }
                _ => {}
            }
        }
    }

    /// Asks for the deletion of one resource, as teardown does.
    pub async fn delete(&self, resource: &ResourceRef) -> Result<(), ProvisionError> {
        self.provisioner.guard().enter(Phase::Teardown);
        let deleted = self.provisioner.delete(resource).await;
        self.provisioner.guard().enter(Phase::Recover);
        deleted
    }

    pub async fn tear_down(&self, patience: Duration) -> Vec<String> {
        self.provisioner.guard().enter(Phase::Teardown);
        let teardown = Teardown {
            provisioner: &self.provisioner,
            waiter: &self.waiter,
            clock: &self.peer.clock,
            bus: &self.bus,
            places: self.provisioner.places(),
            patience,
            wait_network: true,
        };
        teardown.run().await
    }

    /// The resources that were seen to be gone, in that order.
    pub fn deleted(&self) -> Vec<ResourceRef> {
        let log = self.log.0.borrow();
        let deleted = log.iter().filter_map(|event| match &event.body {
            Body::Deleted { resource } => Some(resource.clone()),
            _ => None,
        });
        deleted.collect()
    }

    /// Removes everything, and asserts that nothing is left.
    pub async fn close(self) {
        assert_eq!(self.tear_down(Duration::from_mins(10)).await, Vec::<String>::new());
        // The record of a job stays with AWS.
        let is_job = |r: &&ResourceRef| matches!(r.kind, Kind::CopyJob | Kind::RestoreJob);
        for resource in self.provisioner.created().iter().filter(|r| !is_job(r)) {
            assert_eq!(self.state(resource).await, State::Gone, "{resource}");
        }
        assert_eq!(self.tagged().await, BTreeSet::new());
        assert_eq!(self.peer.leftovers(), Vec::<String>::new());
    }
}

/// The id by which the sandbox's account names a recovery point. Its own points have plain ids.
/// Database snapshots of other accounts and regions have ARNs.
pub fn called(point: &RecoveryPoint) -> String {
    let word = match point.kind {
        PointKind::RdsSnapshot => "snapshot",
        PointKind::RdsClusterSnapshot => "cluster-snapshot",
        _ => return point.id.clone(),
    };
    let here = point.account.as_str() == SANDBOX && point.region.as_str() == WEST;
    if here || point.id.starts_with("arn:") {
        return point.id.clone();
    }
    format!("arn:aws:rds:{}:{}:{word}:{}", point.region, point.account, point.id)
}

pub fn unknown(id: &str, kind: PointKind) -> RestoreSource {
    let of = estate::ResourceId::new(kind.resource_kind(), id);
    let point = RecoveryPoint::new(of, kind, id, account(SANDBOX), WEST.parse().unwrap());
    RestoreSource { id: id.to_owned(), point, at: None }
}

/// Asserts that exactly the declared outputs exist, each in its declared shape.
fn assert_outputs(uses: &str, outcome: &Outcome) {
    let declared = actions::get(uses).unwrap().decl.outputs;
    let names: BTreeSet<&str> = declared.iter().map(|o| o.name).collect();
    let given: BTreeSet<&str> = outcome.outputs.keys().map(String::as_str).collect();
    // What `backup.restore` gives depends on what it restores.
    let all = uses != "backup.restore";
    assert!(given.is_subset(&names) && (!all || given == names), "{uses}: {given:?} is not what is declared");
    for output in declared.iter().filter(|output| given.contains(output.name)) {
        fits(&outcome.outputs[output.name], output, uses);
    }
}

fn fits(value: &Value, output: &Output, uses: &str) {
    let text = |v: &Value| v.as_str().is_some_and(|t| !t.is_empty() || output.name == "stdout");
    let fits_all = match output.shape {
        Shape::Text => text(value),
        Shape::Number => value.is_number(),
        Shape::Texts => value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(text)),
        Shape::Open => value.is_object(),
        Shape::Records(fields) => {
            let list = value.as_array().unwrap_or_else(|| panic!("{uses}: {} is {value}", output.name));
            for record in list {
                let given: BTreeSet<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
                assert_eq!(given, fields.iter().map(|f| f.name).collect(), "{uses}: {}", output.name);
                for field in fields {
                    fits(&record[field.name], field, uses);
                }
            }
            !list.is_empty()
        }
    };
    assert!(fits_all, "{uses}: {} is {value}, which does not fit {:?}", output.name, output.shape);
}

pub fn is(error: &CloudError, kind: ErrorKind) {
    assert_eq!((error.kind, error.sent), (kind, port::Sent::No), "{error:?}");
    assert!(!error.message.is_empty(), "{error:?}");
    assert!(error.help.is_some() || kind != ErrorKind::NotFound, "{error:?}");
}
