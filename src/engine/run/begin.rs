//! Before T0: the first event, the sandbox's specification, and preflight.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::{Config, Engine, Stop};
use crate::plan::{Plan, Work, namesakes, proof};
use crate::sandbox::names;
use crate::sandbox::prepare::{ProbeSpec, ReplicaSpec, SandboxSpec};
use crate::secrets::{Asked, Keys};
use base::duration::{Size, Time};
use base::ids::AccountId;
use base::severity::Severity;
use estate::{PointKind, ResourceId, Selector, incomplete};
use event::{FORMAT, NodePlan, Phase, PlaybookText, RunStarted, WorkloadPlan};
use playbook::action::Prepared;
use playbook::expr::is_template;
use playbook::model::Measures;
use port::{
    Asking, CallerIdentity, CloudError, CloudResult, ErrorKind, Finding, Grant, Needs, Place, PointQuery,
    Preflight, PreflightFinding, Restorable, Rule, RunTags, Wishes,
};

pub fn run_started(plan: &Plan, config: &Config, expires: Time) -> RunStarted {
    let (mut steps, mut checks) = (Vec::new(), Vec::new());
    for (index, (node, needs)) in plan.nodes.iter().zip(&plan.graph.needs).enumerate() {
        let needs = needs.iter().map(|i| plan.nodes[*i].id.clone()).collect();
        let (id, workload) = (node.id.clone(), node.workload.clone());
        match &node.work {
            Work::Step(work) => steps.push(NodePlan {
                id,
                workload,
                needs,
                uses: work.step.uses.clone(),
                measures_rpo: false,
                measures_of: Vec::new(),
                restores_data: work.restores_data(),
                claims: work.claims.clone(),
            }),
            Work::Check(work) => checks.push(NodePlan {
                id,
                workload,
                needs,
                uses: work.kind.key().to_owned(),
                measures_rpo: work.check.measures == Some(Measures::Rpo),
                measures_of: match work.check.measures {
                    Some(Measures::Rpo) => plan.nearest_stores(index),
                    None => Vec::new(),
                },
                restores_data: false,
                claims: Vec::new(),
            }),
        }
    }
    RunStarted {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: config.run.to_string(),
        on: config.on,
        seed: config.seed,
        playbook: PlaybookText {
            name: plan.name.clone(),
            description: plan.description.clone(),
            path: plan.path.display().to_string(),
            sha256: plan.sha256.clone(),
            source: plan.source.clone(),
            controls: plan.controls.clone(),
            schedule: plan.schedule.clone(),
        },
        lose: plan.loss.clone(),
        detection_s: plan.assume.detection.map(base::duration::Span::as_secs_f64),
        decision_s: plan.assume.decision.map(base::duration::Span::as_secs_f64),
        sandbox_account: plan.sandbox_account.clone(),
        sandbox_region: plan.sandbox.region.clone(),
        sandbox_cidr: plan.sandbox.network.cidr.clone(),
        sandbox_standing: plan.sandbox.standing.clone(),
        expires,
        params: plan
            .params
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
            .collect(),
        workloads: plan
            .workloads
            .iter()
            .map(|w| WorkloadPlan {
                name: w.name.clone(),
                tier: w.tier,
                rto_s: w.objectives.rto.map(base::duration::Span::as_secs_f64),
                rpo_s: w.objectives.rpo.map(base::duration::Span::as_secs_f64),
                consistency_s: w.objectives.consistency.map(base::duration::Span::as_secs_f64),
                own_rpo: w.own_rpo,
                stateless: w.stateless,
                lost: w.lost.clone(),
            })
            .collect(),
        steps,
        checks,
        lost: plan.radius.lost.clone(),
        surviving: plan.radius.surviving.clone(),
        inputs: config.inputs.clone(),
        watches_names: plan.sandbox.watches_names(),
        past: config.past.clone(),
    }
}

/// The parts of the sandbox that must exist before T0.
pub fn sandbox_spec(plan: &Plan, probe_sha256: &str) -> SandboxSpec {
    let mut spec = SandboxSpec {
        place: plan.sandbox_place(),
        cidr: plan.sandbox.network.cidr.clone(),
        azs: plan.sandbox.network.zone_count(),
        zones: plan.sandbox.network.zones.clone(),
        wishes: Wishes::default(),
        buckets: BTreeMap::new(),
        replicas: Vec::new(),
        vaults: BTreeMap::new(),
        databases: false,
        names: plan.sandbox.watches_names().then(|| names::rules(plan)),
        answered: names::zones(plan),
        probe: plan.sandbox.probe().map(|probe| ProbeSpec {
            role: probe.role.clone(),
            architecture: probe.architecture.unwrap_or_default(),
            sha256: probe_sha256.to_owned(),
        }),
    };
    for (node, work) in plan.steps() {
        let demands = work.demands.clone();
        spec.databases |= work.action.decl.needs(Prepared::DbSubnetGroup) || demands.db_subnet_group;
        if let Some(bucket) = demands.bucket {
            *spec.buckets.entry(bucket).or_default() |= demands.versioned;
        }
        if let Some(copy) = demands.copy {
            let vault = spec.vaults.entry(copy.kms_key.unwrap_or_default()).or_default();
            let others = plan.copied_from().into_iter().filter(|from| *from != plan.sandbox_account);
            vault.extend(others.filter(|from| copy.from.as_ref() == Some(from)));
        }
        spec.wishes.instance_types.extend(demands.machines.and_then(|machines| machines.instance_type));
        spec.wishes.db_classes.extend(demands.db_class);
        spec.replicas.extend(demands.replica.map(|replica| {
            let source_region = plan.region_of_replicated(&replica);
            let id = ResourceId::new("rds:db", &replica.source);
            let resource = plan.resources().get(&id);
            ReplicaSpec {
                step: node.id.clone(),
                source_region: source_region.unwrap_or_else(|| plan.sandbox.region.clone()),
                source: replica.source,
                class: replica.class,
                parameter_group: replica.parameter_group,
                kms_key: replica.kms_key,
                size: resource.map_or(Size(0), |r| r.size),
            }
        }));
    }
    spec.wishes.instance_types.sort();
    spec.wishes.instance_types.dedup();
    spec.wishes.db_classes.sort();
    spec.wishes.db_classes.dedup();
    spec
}

/// Whose the credentials for an account are.
pub struct Identity {
    pub account: AccountId,
    pub belongs_to: CloudResult<CallerIdentity>,
}

impl Identity {
    pub fn is_confirmed(&self) -> bool {
        self.belongs_to.as_ref().is_ok_and(|found| found.account == self.account)
    }
}

/// Why the drill cannot begin.
pub struct Halt {
    pub stop: Stop,
    /// The cloud could not be asked, so nothing is known to be wrong.
    pub unseen: bool,
}

/// What is known before anything is created.
#[derive(Default)]
pub struct Preflighted {
    pub identities: Vec<Identity>,
    pub seen: Vec<(Place, CloudResult<Preflight>)>,
    /// The first one ends the drill.
    pub halts: Vec<Halt>,
}

impl Preflighted {
    /// Whether a drill may begin.
    pub fn ended(self) -> Result<(), Stop> {
        self.halts.into_iter().next().map_or(Ok(()), |halt| Err(halt.stop))
    }

    fn known(&mut self, stop: Stop) {
        self.halts.push(Halt { stop, unseen: false });
    }

    fn unseen(&mut self, error: CloudError) {
        self.halts.push(Halt { stop: error.into(), unseen: true });
    }
}

/// Checks credentials, permissions and quotas before anything is created. A drill goes no further
/// once it cannot reach its accounts, or its playbook is wrong.
///
/// `run_tags`: the tags of everything that the run will create. A policy may allow a call only with
/// them.
pub async fn preflight(engine: &Engine, run_tags: &RunTags, asking: Asking) -> Preflighted {
    let plan = &engine.plan;
    let mut all = Preflighted { identities: identities(engine).await, ..Preflighted::default() };
    let mut reached = Vec::new();
    for Identity { account, belongs_to } in &all.identities {
        match belongs_to {
            Ok(found) if found.account == *account => reached.push(account.clone()),
            Ok(_) | Err(_) => {}
        }
    }
    judge_identities(engine, &mut all);
    let place = plan.sandbox_place();
    let is_drill = asking == Asking::ForDrill;
    if !reached.contains(&place.account) || (is_drill && !all.halts.is_empty()) {
        return all;
    }
    if let Err(mistaken) = engine.require_listed(&reached).await {
        all.known(mistaken);
        if is_drill {
            return all;
        }
    }
    let (cidr, run_tags) = (plan.sandbox.network.cidr.clone(), Some(run_tags.clone()));
    let grants = engine.grants_in(&place.account);
    let copy_roles = engine.copy_roles(&place.account);
    let needs = Needs { cidr, run_tags, grants, asking, copy_roles, ..needs(plan) };
    all.seen.push((place.clone(), engine.cloud.preflight(&place, &needs).await));
    if let Some((_, Err(error))) = all.seen.last() {
        let error = error.clone();
        all.unseen(error);
        if is_drill {
            return all;
        }
    }
    for account in reached.into_iter().filter(|account| *account != place.account) {
        // Nothing is created outside the sandbox. There the drill reads, and starts copy jobs.
        let (grants, copy_roles) = (engine.grants_in(&account), engine.copy_roles(&account));
        let needs = Needs { grants, asking, copy_roles, ..Needs::default() };
        let there = Place { account, region: place.region.clone() };
        let seen = engine.cloud.preflight(&there, &needs).await;
        if let Err(error) = &seen {
            out_of_reach(engine, &there.account, error);
        }
        all.seen.push((there, seen));
    }
    report_seen(engine, &mut all);
    if let Some(wrong) = unreadable_elsewhere(engine).await {
        all.halts.push(wrong);
    }
    if let Some(missing) = missing_secrets(engine).await {
        all.known(missing);
    }
    if let Some(wrong) = engine.copies_that_cannot_begin(&all) {
        all.halts.push(wrong);
    }
    shared_account(engine);
    unread(engine);
    for finding in proof::findings(plan, &engine.addresses).into_iter().chain(namesakes::findings(plan)) {
        engine.report(finding);
    }
    all
}

async fn identities(engine: &Engine) -> Vec<Identity> {
    let accounts = engine.plan.surviving_accounts();
    let asked = accounts.iter().map(|account| engine.cloud.identity(account));
    let answers = join_all(asked).await;
    let all = accounts.into_iter().zip(answers);
    all.map(|(account, belongs_to)| Identity { account, belongs_to }).collect()
}

impl Engine {
    /// Tells whose credentials a process uses that goes on after preflight. What STS does not answer
    /// stays unknown: the first call that needs it says why.
    pub(super) async fn identify_again(&self) {
        if self.config.on.is_simulated() || !self.memory.has_ended(Phase::Preflight) {
            return;
        }
        for Identity { belongs_to, .. } in identities(self).await {
            if let Ok(found) = belongs_to {
                self.tell_identity(&found);
            }
        }
    }
}

/// A drill needs the sandbox's account. Without another account, only its recovery points are
/// unknown. Credentials of a third account are a mistake.
fn judge_identities(engine: &Engine, all: &mut Preflighted) {
    let mut halts = Vec::new();
    for Identity { account, belongs_to } in &all.identities {
        match belongs_to {
            Ok(found) if found.account == *account => engine.tell_identity(found),
            Ok(CallerIdentity { account: found, .. }) => {
                let error = CloudError::new(
                    ErrorKind::Credentials,
                    "sts:GetCallerIdentity",
                    format!("the credentials for account {account} belong to account {found}"),
                )
                .help("check the profile, the role and the environment that the playbook's `accounts` names");
                halts.push(Halt { stop: error.into(), unseen: false });
            }
            Err(error) if *account != engine.plan.sandbox_account => out_of_reach(engine, account, error),
            Err(error) => halts.push(Halt { stop: error.clone().into(), unseen: true }),
        }
    }
    all.halts.extend(halts);
}

fn report_seen(engine: &Engine, all: &mut Preflighted) {
    let mut stops = Vec::new();
    for (place, seen) in &all.seen {
        let Ok(seen) = seen else { continue };
        let resource = format!("{} {}", place.account, place.region);
        for PreflightFinding { severity, unknown: _, what, fix } in &seen.findings {
            let found = Finding::new(Rule::Preflight, &resource, what, fix);
            engine.report(found.graded(*severity));
            if *severity == Severity::High {
                let (error, help) = (what.clone(), Some(fix.clone()));
                stops.push(Stop::Aborted { error, help });
            }
        }
    }
    for stop in stops {
        all.known(stop);
    }
}

impl Engine {
    fn grants_in(&self, account: &AccountId) -> Vec<Grant> {
        self.config.grants.get(account).cloned().unwrap_or_default()
    }
}

/// Asks other providers for the buckets that steps read there. What is wrong with them is known now,
/// and not an hour after T0.
async fn unreadable_elsewhere(engine: &Engine) -> Option<Halt> {
    // The twin's estate says of each bucket who may read it, and the step asks for it.
    if engine.cloud.tells_changes() {
        return None;
    }
    let plan = &engine.plan;
    let mut asked = BTreeSet::new();
    for read in plan.steps().flat_map(|(_, work)| &work.demands.reads) {
        let named = read.account.as_deref().and_then(|name| plan.accounts.get(name));
        let there =
            named.filter(|account| account.endpoint.is_some() && plan.loss.account() != Some(&account.id));
        let Some(there) = there.filter(|_| !is_template(&read.name)) else { continue };
        if !asked.insert((there.id.clone(), read.name.clone())) {
            continue;
        }
        let place = engine.place_of_reader(&there.id, read.region.as_ref());
        let query = PointQuery::Of {
            selector: Selector::Id(ResourceId::new("s3:bucket", &read.name)),
            kinds: vec![PointKind::S3Replica],
            reader: Some(there.id.clone()),
        };
        match engine.cloud.recovery_points(&place, &query).await {
            Ok(found) if found.points.is_empty() => {
                let stop = Stop::Aborted {
                    error: format!("there is no bucket {}: {}", read.name, engine.looked_in(&[place])),
                    help: Some("check the bucket's name and the account's `endpoint`".into()),
                };
                return Some(Halt { stop, unseen: false });
            }
            Ok(_) => {}
            Err(error) => return Some(Halt { stop: error.into(), unseen: true }),
        }
    }
    None
}

/// Reads every secret and variable now. A drill that misses a password after forty minutes proves
/// nothing.
async fn missing_secrets(engine: &Engine) -> Option<Stop> {
    if engine.secrets.is_rehearsal() {
        return None;
    }
    let mut given = Vec::new();
    for node in &engine.plan.nodes {
        match &node.work {
            Work::Step(work) => {
                let secret = Keys::These(work.action.decl.secrets);
                given.push((Cow::Owned(work.with()), secret));
                given.extend(work.step.when.iter().map(|when| (Cow::Borrowed(when), secret)));
            }
            Work::Check(work) => given.push((Cow::Borrowed(&work.spec), Keys::All)),
        }
    }
    let asked = given.iter().map(|(value, secret)| Asked { value, secret: *secret });
    let wrong = engine.secrets.look_up(asked).await;
    let help = wrong.first()?.help.clone();
    let all: Vec<String> = wrong.into_iter().map(|wrong| wrong.message).collect();
    Some(Stop::Aborted { error: all.join("; "), help: Some(help) })
}

fn out_of_reach(engine: &Engine, account: &AccountId, error: &CloudError) {
    let message = format!("its recovery points cannot be looked at: {error}");
    let fix = error.help.clone().unwrap_or_else(|| "give the drill credentials that may read there".into());
    engine.report(Finding::new(Rule::AccountOutOfReach, account.as_str(), message, fix));
}

/// Reports a sandbox in an account that holds production. This is allowed, but worth knowing.
fn shared_account(engine: &Engine) {
    let plan = &engine.plan;
    let shared = plan.resources().all.iter().any(|r| r.locus.account.as_ref() == Some(&plan.sandbox_account));
    if shared {
        engine.report(Finding::new(
            Rule::SandboxSharesAccount,
            plan.sandbox_account.as_str(),
            "the sandbox lies in an account that holds production: one stolen key reaches both",
            "restore into an account of its own where the recovery points allow it (PITR does not)",
        ));
    }
}

/// Reports what `discover` could not read: neither the blast radius nor coverage knows of it.
fn unread(engine: &Engine) {
    let Some(file) = &engine.plan.estate else { return };
    let incomplete = &file.incomplete;
    if let (Some(told), Some(first)) = (incomplete::told(incomplete), incomplete.first()) {
        let message = format!("{told}; nothing is known of what lies there");
        let severity = incomplete::severity(incomplete);
        let fix = match severity {
            // Only types that `discover` never reads.
            Severity::Low => "write those that you have into the estate by hand",
            Severity::High | Severity::Medium => {
                "give `discover` the permissions that it lacks, and run it again"
            }
        };
        let finding = Finding::new(Rule::EstateIncomplete, first.place(), message, fix);
        engine.report(finding.graded(severity));
    }
}

fn needs(plan: &Plan) -> Needs {
    let mut needs = Needs {
        service_roles: plan.service_roles(),
        probe_role: plan.sandbox.probe().map(|probe| probe.role.clone()),
        ..Needs::default()
    };
    let mut calls =
        BTreeSet::from(["ec2:CreateVpc", "ec2:CreateSubnet", "ec2:CreateSecurityGroup", "ec2:CreateTags"]);
    for (_, work) in plan.steps() {
        let (decl, demands) = (&work.action.decl, &work.demands);
        calls.extend(decl.calls);
        if decl.needs(Prepared::DbSubnetGroup) || demands.db_subnet_group {
            calls.insert("rds:CreateDBSubnetGroup");
        }
        if let Some(backup) = demands.backup.as_ref().filter(|backup| !is_template(&backup.role)) {
            let restores = backup.restores.and_then(Restorable::of);
            needs.restore_roles.entry(backup.role.clone()).or_default().extend(restores);
        }
        needs.db_instances += demands.db_instances;
        if let Some(machines) = &demands.machines {
            let count = machines.count.unwrap_or(1);
            needs.instances += count;
            if let Some(kind) = &machines.instance_type {
                *needs.instance_types.entry(kind.clone()).or_default() += count;
            }
        }
    }
    needs.calls = calls.into_iter().map(str::to_owned).collect();
    needs
}
