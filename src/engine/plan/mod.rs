//! The plan: an ordered graph made from a playbook and an estate, with the lost and the surviving
//! resources and the sources of the steps.

pub mod live;
pub mod namesakes;
pub mod proof;
mod radius;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::actions::{self, Entry};
use base::graph::Graph;
use base::ids::{AccountId, Region};
use estate::file::EstateFile;
use estate::{Locus, Loss, Resource, ResourceId, ResourceIndex, Selector, scope};
use playbook::Loaded;
use playbook::action::{ActionDecl, CopyUse, Demands, FileKind, Prepared, ReplicaDemand, SourceSpec};
use playbook::address::Addresses;
use playbook::check::CheckType;
use playbook::connect_to::ConnectTo;
use playbook::data::DataCheck;
use playbook::expr;
use playbook::model::{Account, Assume, Check, Objectives, Playbook, Sandbox, Step};
use port::{CreateCall, Place, ServiceRole};
use schedule::Schedule;
use yaml::files::Files;

pub use radius::Radius;

/// A playbook, ready to be run.
pub struct Plan {
    pub name: String,
    pub description: String,
    pub path: PathBuf,
    pub sha256: String,
    pub source: String,
    pub controls: Vec<String>,
    pub schedule: Option<Schedule>,
    pub loss: Loss,
    pub assume: Assume,
    pub accounts: IndexMap<String, Account>,
    pub sandbox: Sandbox,
    /// The id of the sandbox's account.
    pub sandbox_account: AccountId,
    pub params: IndexMap<String, Value>,
    /// `--param NAME=VALUE`, as given.
    pub given: Vec<(String, String)>,
    pub workloads: Vec<Workload>,
    pub nodes: Vec<Node>,
    pub graph: Graph,
    pub connect_to: Vec<ConnectTo>,
    pub estate: Option<Arc<EstateFile>>,
    /// The files that the playbook names, with their texts at the time of planning.
    pub files: Files,
    pub radius: Radius,
    /// The surviving regions to search for recovery points: the estate's, the sandbox's, and those
    /// that steps name.
    pub regions: Vec<Region>,
    /// Where the selectors of workloads and the loss stand, by their JSON pointers. Empty with an
    /// estate: validation has judged them.
    pub places: BTreeMap<String, String>,
}

pub struct Workload {
    pub name: String,
    pub tier: Option<u32>,
    pub objectives: Objectives,
    /// The workload sets `rpo` itself.
    pub own_rpo: bool,
    /// The workload lists resources, and no lost one holds data.
    pub stateless: bool,
    pub resources: Vec<Selector>,
    /// The workload's lost resources.
    pub lost: Vec<String>,
}

pub struct Node {
    pub id: String,
    pub workload: Option<String>,
    pub work: Work,
}

pub enum Work {
    Step(Box<StepWork>),
    Check(Box<CheckWork>),
}

pub struct StepWork {
    pub step: Step,
    /// The action of `uses`.
    pub action: &'static Entry,
    /// The files whose texts are stored with the run, if they are known before it.
    kept: Vec<String>,
    /// The source of the restore, as far as it is known before the run.
    pub source: Option<SourceSpec>,
    /// The needs of the step, as far as they are known before the run.
    pub demands: Demands,
    /// The resources that the step says it restores.
    pub claims: Vec<String>,
}

pub struct CheckWork {
    pub check: Check,
    pub kind: CheckType,
    /// The check's own part.
    pub spec: Value,
}

/// An error in a playbook that passed validation.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{0}; this is a defect of Drillmaster: please report it")]
    Defect(String),
    /// A parameter has a value that its argument cannot take.
    #[error("step `{step}`: its arguments do not fit: {error}; see `drillmaster schema`")]
    Arguments { step: String, error: serde_json::Error },
}

fn defect(message: impl Into<String>) -> PlanError {
    PlanError::Defect(message.into())
}

/// The loader's results.
pub struct Input {
    pub playbook: Playbook,
    pub estate: Option<Arc<EstateFile>>,
    pub path: PathBuf,
    pub source: String,
    pub sha256: String,
    pub files: Files,
    pub given: Vec<(String, String)>,
    /// `FILE:LINE:COLUMN` of the loss and of the selectors of workloads, by their JSON pointers.
    pub places: BTreeMap<String, String>,
}

impl From<Loaded> for Input {
    fn from(loaded: Loaded) -> Self {
        let listed = loaded.playbook.workloads.iter().flat_map(|(name, workload)| {
            (0..workload.resources.len()).map(move |index| live::pointer(name, index))
        });
        // Only a drill without an estate looks up what its workloads list (`run::live`).
        let places = listed.chain(["/lose".to_owned()]).filter(|_| loaded.estate.is_none());
        let places = places.map(|pointer| (pointer.clone(), loaded.place_of(&pointer))).collect();
        Self {
            playbook: loaded.playbook,
            estate: loaded.estate.map(|estate| estate.file),
            path: loaded.path,
            source: loaded.source,
            sha256: loaded.sha256,
            files: loaded.files,
            given: loaded.params,
            places,
        }
    }
}

impl Plan {
    /// Whether the account is one of the playbook's.
    pub fn has_account(&self, id: &AccountId) -> bool {
        self.accounts.values().any(|account| account.id == *id)
    }

    /// The accounts from whose vaults steps copy, as far as they are known before the run, survive and
    /// are the playbook's.
    pub fn copied_from(&self) -> BTreeSet<AccountId> {
        let known = self.surviving_accounts();
        let named = self.steps().filter_map(|(_, work)| work.demands.copy.as_ref()?.from.clone());
        named.filter(|account| known.contains(account)).collect()
    }

    /// The steps whose copy does not begin in a lost account, as far as that is known. A copy from what
    /// is lost is denied when its step is due, so that the report shows it.
    pub fn copies(&self) -> impl Iterator<Item = (&Node, &StepWork, &CopyUse)> {
        let copies = self.steps().filter_map(|(node, work)| Some((node, work, work.demands.copy.as_ref()?)));
        copies.filter(|(_, _, copy)| copy.from.is_none() || copy.from.as_ref() != self.loss.account())
    }

    /// The roles that services of AWS need in the sandbox's account to make or delete what steps restore,
    /// and to log what the sandbox looks up, as far as the playbook shows it. Templates, and restores of an unknown type, are not looked at,
    /// nor steps that may be left out or may fail.
    pub fn service_roles(&self) -> BTreeSet<ServiceRole> {
        let mut roles = BTreeSet::new();
        roles.extend(self.sandbox.watches_names().then_some(ServiceRole::Resolver));
        for (_, work) in self.steps() {
            if work.step.when.is_some() || work.step.continue_on_error {
                continue;
            }
            let (decl, demands) = (&work.action.decl, &work.demands);
            let databases = demands.db_instances > 0
                || demands.db_subnet_group
                || decl.needs(Prepared::DbSubnetGroup)
                || decl.needs(Prepared::Replica);
            // What a copy restores may be anything.
            let is_known = demands.backup.as_ref().is_none_or(|backup| backup.restores.is_some());
            roles.extend((databases && is_known).then_some(ServiceRole::Rds));
            roles.extend(demands.copy.is_some().then_some(ServiceRole::Backup));
            let mounts = decl.calls.contains(&CreateCall::CreateMountTarget.name());
            roles.extend(mounts.then_some(ServiceRole::Efs));
        }
        roles
    }

    /// The accounts that are another provider's.
    pub fn accounts_elsewhere(&self) -> Vec<AccountId> {
        self.accounts.values().filter(|a| a.endpoint.is_some()).map(|a| a.id.clone()).collect()
    }

    /// The account and region of the sandbox.
    pub fn sandbox_place(&self) -> Place {
        Place { account: self.sandbox_account.clone(), region: self.sandbox.region.clone() }
    }

    /// The region of the database that a replica is made of, as far as the playbook or the estate
    /// says it.
    pub fn region_of_replicated(&self, replica: &ReplicaDemand) -> Option<Region> {
        let in_arn = replica.source.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)?.parse().ok());
        let named = || replica.source_region.as_ref().and_then(|region| region.parse().ok());
        let id = ResourceId::new("rds:db", &replica.source);
        let in_estate = || self.resources().get(&id)?.locus.region.clone();
        in_arn.or_else(named).or_else(in_estate)
    }

    pub fn new(input: Input) -> Result<Self, PlanError> {
        let Input { playbook, estate, path, source, sha256, mut files, given, places } = input;
        let loss = playbook.lose.loss().ok_or_else(|| defect("`lose` names no single thing"))?;
        let sandbox_account = playbook
            .accounts
            .get(&playbook.sandbox.account)
            .map(|a| a.id.clone())
            .ok_or_else(|| defect("the sandbox's account is none of `accounts`"))?;
        let radius = Radius::new(&loss, estate.as_deref(), &playbook.workloads);
        let statics = statics(&playbook, &sandbox_account);
        let mut nodes = Vec::new();
        for step in playbook.steps {
            let work = StepWork::new(step, &statics, &radius)?;
            work.kept.iter().for_each(|name| files.keep_if_readable(name));
            nodes.push(Node {
                id: work.step.id.clone(),
                workload: work.step.workload.clone(),
                work: Work::Step(Box::new(work)),
            });
        }
        for check in playbook.checks {
            let (kind, spec) =
                check.kind().ok_or_else(|| defect(format!("check `{}` has no kind", check.id)))?;
            let reference = check.data.as_ref().and_then(DataCheck::reference);
            if let Some(name) = reference {
                files.keep_if_readable(name);
            }
            nodes.push(Node {
                id: check.id.clone(),
                workload: check.workload.clone(),
                work: Work::Check(Box::new(CheckWork { check, kind, spec })),
            });
        }
        let graph = edges(&nodes)?;
        if let Err(cycle) = graph.order() {
            let path: Vec<&str> = cycle.iter().map(|i| nodes[*i].id.as_str()).collect();
            return Err(defect(format!("a cycle: {}", path.join(" → "))));
        }
        let regions = regions(&loss, &playbook.sandbox.region, estate.as_deref(), &nodes, |source| {
            let named = source.account.as_deref().and_then(|name| playbook.accounts.get(name));
            named.is_some_and(|account| account.endpoint.is_some())
        });
        let defaults = playbook.objectives;
        let workloads = playbook
            .workloads
            .into_iter()
            .map(|(name, workload)| Workload {
                lost: radius.lost_of(&workload.resources),
                tier: workload.tier,
                own_rpo: workload.objectives.rpo.is_some(),
                stateless: !workload.resources.is_empty()
                    && workload.resources.iter().all(|selector| radius.loses_no_data(selector)),
                objectives: Objectives {
                    rto: workload.objectives.rto.or(defaults.rto),
                    rpo: workload.objectives.rpo.or(defaults.rpo),
                    consistency: workload.objectives.consistency.or(defaults.consistency),
                },
                resources: workload.resources,
                name,
            })
            .collect();
        Ok(Self {
            name: playbook.name,
            description: playbook.description,
            path,
            sha256,
            source,
            controls: playbook.controls,
            schedule: playbook.schedule,
            loss,
            assume: playbook.assume,
            accounts: playbook.accounts,
            sandbox: playbook.sandbox,
            sandbox_account,
            params: playbook.params,
            given,
            workloads,
            nodes,
            graph,
            connect_to: playbook.connect_to,
            estate,
            files,
            radius,
            regions,
            places,
        })
    }

    /// What judges the addresses of checks: the loss, the estate and the tunnels, of which those of
    /// the command line come first.
    pub fn addresses(&self, given: &[ConnectTo]) -> Addresses {
        let cidr = Some(self.sandbox.network.cidr.as_str());
        let tunnels = given.iter().chain(&self.connect_to).cloned().collect();
        Addresses::new(&self.loss, self.estate.as_deref(), cidr, tunnels)
    }

    pub fn resources(&self) -> &ResourceIndex {
        &self.radius.resources
    }

    /// Where this drill's accounts of AWS reach into what will be lost. They are asked before T0 only.
    pub fn lost_places(&self) -> Vec<Place> {
        let at =
            |account: &AccountId, region: &Region| Place { account: account.clone(), region: region.clone() };
        match &self.loss {
            Loss::Region(region) => {
                self.surviving_accounts().iter().map(|account| at(account, region)).collect()
            }
            Loss::Account(account) if self.has_account(account) => {
                self.regions.iter().map(|region| at(account, region)).collect()
            }
            Loss::Az(_) | Loss::Account(_) => Vec::new(),
        }
    }

    /// Where the resources are that a selector means: the lost ones, if it means any.
    pub fn loci(&self, selector: &Selector) -> Vec<&Locus> {
        let all: Vec<&Resource> =
            self.resources().all.iter().filter(|resource| selector.means(resource)).collect();
        let lost = all.iter().copied().filter(|resource| self.loss.takes_resource(resource));
        let lost: Vec<&Locus> = lost.map(|resource| &resource.locus).collect();
        if lost.is_empty() { all.into_iter().map(|resource| &resource.locus).collect() } else { lost }
    }

    /// The accounts whose credentials the drill may use after T0, except those of other providers.
    pub fn surviving_accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<AccountId> = self
            .accounts
            .values()
            .filter(|a| a.endpoint.is_none() && self.loss.account() != Some(&a.id))
            .map(|a| a.id.clone())
            .collect();
        accounts.sort();
        accounts.dedup();
        accounts
    }

    /// The steps whose data a node checks: the nearest steps that restore data, along all
    /// dependencies.
    pub fn nearest_stores(&self, index: usize) -> Vec<String> {
        let mut seen = vec![false; self.nodes.len()];
        let (mut waiting, mut found) = (vec![index], Vec::new());
        while let Some(at) = waiting.pop() {
            for need in self.graph.needs.get(at).into_iter().flatten() {
                let (Some(node), Some(fresh)) = (self.nodes.get(*need), seen.get_mut(*need)) else {
                    continue;
                };
                if std::mem::replace(fresh, true) {
                    continue;
                }
                match &node.work {
                    Work::Step(work) if work.restores_data() => {
                        found.push(*need);
                    }
                    Work::Step(_) | Work::Check(_) => waiting.push(*need),
                }
            }
        }
        found.sort_unstable();
        found.into_iter().filter_map(|at| self.nodes.get(at)).map(|node| node.id.clone()).collect()
    }

    /// Which nodes some others need, directly or through more of them.
    pub fn needed_by(&self, mut waiting: Vec<usize>) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        while let Some(at) = waiting.pop() {
            for need in self.graph.needs.get(at).into_iter().flatten() {
                if let Some(fresh) = needed.get_mut(*need).filter(|needed| !**needed) {
                    *fresh = true;
                    waiting.push(*need);
                }
            }
        }
        needed
    }

    /// Which nodes depend on one of a kind, directly or through more of them.
    pub fn needing(&self, is: impl Fn(&Work) -> bool) -> Vec<bool> {
        let mut needing = vec![false; self.nodes.len()];
        let dependents = self.graph.dependents();
        let nodes = self.nodes.iter().enumerate();
        let mut waiting: Vec<usize> = nodes.filter(|(_, node)| is(&node.work)).map(|(at, _)| at).collect();
        while let Some(at) = waiting.pop() {
            for dependent in dependents.get(at).into_iter().flatten() {
                if let Some(fresh) = needing.get_mut(*dependent).filter(|needing| !**needing) {
                    *fresh = true;
                    waiting.push(*dependent);
                }
            }
        }
        needing
    }

    pub fn steps(&self) -> impl Iterator<Item = (&Node, &StepWork)> {
        self.nodes.iter().filter_map(|node| match &node.work {
            Work::Step(work) => Some((node, &**work)),
            Work::Check(_) => None,
        })
    }

    pub fn checks(&self) -> impl Iterator<Item = (&Node, &CheckWork)> {
        self.nodes.iter().filter_map(|node| match &node.work {
            Work::Check(work) => Some((node, &**work)),
            Work::Step(_) => None,
        })
    }

    /// The names for expressions, except the outputs of steps.
    pub fn expression_base(&self) -> Map<String, Value> {
        let mut base = Map::new();
        base.insert("params".into(), json!(self.params));
        base.insert(
            "accounts".into(),
            json!(self.accounts.iter().map(|(n, a)| (n, json!({ "id": a.id }))).collect::<IndexMap<_, _>>()),
        );
        base
    }
}

fn regions(
    loss: &Loss,
    sandbox: &Region,
    estate: Option<&EstateFile>,
    nodes: &[Node],
    is_elsewhere: impl Fn(&SourceSpec) -> bool,
) -> Vec<Region> {
    let mut regions = vec![sandbox.clone()];
    regions.extend(estate.iter().flat_map(|e| e.regions.keys().cloned()));
    for node in nodes {
        if let Work::Step(work) = &node.work {
            // A region of another provider is none of AWS's, whatever its name.
            let source = work.source.as_ref().filter(|source| !is_elsewhere(source));
            regions.extend(source.and_then(|source| source.region.clone()));
        }
    }
    regions.retain(|region| loss.region() != Some(region));
    regions.sort();
    regions.dedup();
    regions
}

/// Connects each node with its `needs` and with the steps that its expressions name.
fn edges(nodes: &[Node]) -> Result<Graph, PlanError> {
    let index: HashMap<&str, usize> = nodes.iter().enumerate().map(|(i, n)| (n.id.as_str(), i)).collect();
    let mut graph = Graph { needs: Vec::with_capacity(nodes.len()) };
    for node in nodes {
        let mut needs: Vec<usize> = Vec::new();
        let (named, given) = match &node.work {
            Work::Step(work) => {
                let mut given = vec![work.with()];
                given.extend(work.step.when.clone());
                (&work.step.needs, given)
            }
            Work::Check(work) => (&work.check.needs, vec![work.spec.clone()]),
        };
        let mut texts: Vec<&Value> = given.iter().collect();
        for need in named {
            let need = index
                .get(need.as_str())
                .ok_or_else(|| defect(format!("`{}` needs `{need}`, which is nowhere", node.id)))?;
            needs.push(*need);
        }
        while let Some(value) = texts.pop() {
            match value {
                Value::String(text) => {
                    for reference in
                        expr::references(text).map_err(|e| defect(format!("`{}`: {e}", node.id)))?
                    {
                        if reference.path.first().is_some_and(|root| root == "steps")
                            && let Some(need) = reference.path.get(1).and_then(|id| index.get(id.as_str()))
                        {
                            needs.push(*need);
                        }
                    }
                }
                Value::Array(list) => texts.extend(list),
                Value::Object(record) => texts.extend(record.values()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        needs.sort_unstable();
        needs.dedup();
        graph.needs.push(needs);
    }
    Ok(graph)
}

fn statics(playbook: &Playbook, sandbox_account: &AccountId) -> Value {
    json!({
        "params": playbook.params,
        "accounts": playbook.accounts.iter().map(|(n, a)| (n, json!({ "id": a.id }))).collect::<IndexMap<_, _>>(),
        "sandbox": {
            "account": sandbox_account,
            "region": playbook.sandbox.region,
            "cidr": playbook.sandbox.network.cidr,
        },
    })
}

impl StepWork {
    fn new(step: Step, statics: &Value, radius: &Radius) -> Result<Self, PlanError> {
        let action =
            actions::get(&step.uses).ok_or_else(|| defect(format!("`{}` is no action", step.uses)))?;
        let with = expr::render_known(&Value::Object(step.with.clone()), statics);
        let kept = kept(&action.decl, &with).map(str::to_owned).collect();
        let planned =
            (action.read)(&with).map_err(|error| PlanError::Arguments { step: step.id.clone(), error })?;
        let (source, demands) = (planned.source(), planned.demands());
        let claims = radius.named(&step.restores);
        Ok(Self { step, action, kept, source, demands, claims })
    }

    /// Whether it restores data whose age counts towards RPO, by its arguments or by `restores`.
    pub fn restores_data(&self) -> bool {
        self.source.as_ref().is_some_and(SourceSpec::restores_data)
            || self.step.restores.iter().any(|claim| scope::holds_data(claim.kind()))
    }

    /// The arguments as the playbook has them. Only these are ever rendered: what rendering gave
    /// is data.
    pub fn with(&self) -> Value {
        Value::Object(self.step.with.clone())
    }
}

/// The names of files whose texts are stored with the run, if they are known before it.
fn kept<'a>(decl: &'static ActionDecl, with: &'a Value) -> impl Iterator<Item = &'a str> {
    let names = decl.files_of(FileKind::Template).chain(decl.files_of(FileKind::Manifest));
    names.filter_map(|name| with.get(name)?.as_str()).filter(|name| !expr::is_template(name))
}
