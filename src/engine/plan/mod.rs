//! The plan: a playbook and an estate made into an ordered graph, what is lost and what survives, and what each
//! step will be restored from.

#![deny(clippy::wildcard_enum_match_arm)]

mod radius;

use std::collections::HashMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::actions::{self, Action};
use base::graph::Graph;
use base::ids::{AccountId, Region};
use estate::file::EstateFile;
use estate::{Loss, Resource, Selector};
use playbook::action::{SourceSpec, SourceWhat};
use playbook::expr;
use playbook::model::{Account, Assume, Check, Objectives, Playbook, Sandbox, Step};
use port::Place;
use yaml::files::Files;

pub use radius::Radius;

/// A playbook, ready to be run.
pub struct Plan {
    pub name: String,
    pub description: String,
    pub path: PathBuf,
    pub sha256: String,
    pub source: String,
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
    pub connect_to: Vec<String>,
    pub estate: Option<EstateFile>,
    /// The files that the playbook names; their texts, as they were when it was planned.
    pub files: Files,
    pub radius: Radius,
    /// The surviving regions in which recovery points are looked for: the estate's, the sandbox's, and those that
    /// steps name.
    pub regions: Vec<Region>,
}

pub struct Workload {
    pub name: String,
    pub tier: Option<u32>,
    pub objectives: Objectives,
    /// The workload sets `rpo` itself.
    pub own_rpo: bool,
    /// It lists resources, and none of them is lost and holds data.
    pub stateless: bool,
    pub resources: Vec<Selector>,
    /// What of it is lost.
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
    /// What it `uses`.
    pub action: &'static Action,
    /// `with`, in which expressions that need no run are rendered.
    pub with: Value,
    /// What it restores from, as far as it can be told before the run.
    pub source: Option<SourceSpec>,
}

pub struct CheckWork {
    pub check: Check,
    pub kind: &'static str,
    /// The check's own part.
    pub spec: Value,
}

/// What is still wrong with a playbook that validation has passed. Defects of Drillmaster, not of the playbook.
#[derive(Debug, thiserror::Error)]
#[error("{0}; this is a defect of Drillmaster: please report it")]
pub struct PlanError(String);

/// What the loader hands over.
pub struct Input {
    pub playbook: Playbook,
    pub estate: Option<EstateFile>,
    pub path: PathBuf,
    pub source: String,
    pub sha256: String,
    pub files: Files,
    pub given: Vec<(String, String)>,
}

impl Plan {
    /// Whether it is one of the playbook's.
    pub fn has_account(&self, id: &AccountId) -> bool {
        self.accounts.values().any(|account| account.id == *id)
    }

    /// Account and region of the sandbox.
    pub fn sandbox_place(&self) -> Place {
        Place { account: self.sandbox_account.clone(), region: self.sandbox.region.clone() }
    }

    pub fn new(input: Input) -> Result<Self, PlanError> {
        let Input { playbook, estate, path, source, sha256, mut files, given } = input;
        let loss = playbook.lose.loss().ok_or_else(|| PlanError("`lose` names no single thing".into()))?;
        let sandbox_account = playbook
            .accounts
            .get(&playbook.sandbox.account)
            .map(|a| a.id.clone())
            .ok_or_else(|| PlanError("the sandbox's account is none of `accounts`".into()))?;
        let radius = Radius::new(&loss, estate.as_ref(), &playbook.workloads);
        let statics = statics(&playbook, &sandbox_account);
        let mut nodes = Vec::new();
        for step in playbook.steps {
            let with = render_known(&Value::Object(step.with.clone()), &statics);
            let action =
                actions::get(&step.uses).ok_or_else(|| PlanError(format!("`{}` is no action", step.uses)))?;
            let source = (action.decl.source)(&with);
            if let Some(name) = (action.decl.demands)(&with).file {
                files.keep_if_readable(&name);
            }
            nodes.push(Node {
                id: step.id.clone(),
                workload: step.workload.clone(),
                work: Work::Step(Box::new(StepWork { step, action, with, source })),
            });
        }
        for check in playbook.checks {
            let (kind, spec) =
                check.kind().ok_or_else(|| PlanError(format!("check `{}` has no kind", check.id)))?;
            nodes.push(Node {
                id: check.id.clone(),
                workload: check.workload.clone(),
                work: Work::Check(Box::new(CheckWork { check, kind, spec })),
            });
        }
        let graph = edges(&nodes)?;
        if let Err(cycle) = graph.order() {
            let path: Vec<&str> = cycle.iter().map(|i| nodes[*i].id.as_str()).collect();
            return Err(PlanError(format!("a cycle: {}", path.join(" → "))));
        }
        let regions = regions(&loss, &playbook.sandbox.region, estate.as_ref(), &nodes);
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
        })
    }

    pub fn resources(&self) -> &[Resource] {
        &self.radius.resources
    }

    /// The accounts whose credentials the drill may use after T0, without other providers'.
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

    /// The steps whose data a node looks at: along everything that it waits for, the nearest that restore any.
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
                    Work::Step(work) if work.source.as_ref().is_some_and(SourceSpec::restores_data) => {
                        found.push(*need);
                    }
                    Work::Step(_) | Work::Check(_) => waiting.push(*need),
                }
            }
        }
        found.sort_unstable();
        found.into_iter().filter_map(|at| self.nodes.get(at)).map(|node| node.id.clone()).collect()
    }

    pub fn steps(&self) -> impl Iterator<Item = (&Node, &StepWork)> {
        self.nodes.iter().filter_map(|node| match &node.work {
            Work::Step(work) => Some((node, &**work)),
            Work::Check(_) => None,
        })
    }

    /// What expressions may name, besides the outputs of steps.
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

fn regions(loss: &Loss, sandbox: &Region, estate: Option<&EstateFile>, nodes: &[Node]) -> Vec<Region> {
    let mut regions = vec![sandbox.clone()];
    regions.extend(estate.iter().flat_map(|e| e.regions.keys().cloned()));
    for node in nodes {
        if let Work::Step(work) = &node.work
            && let Some(region) = work.with.pointer("/from/region").and_then(Value::as_str)
            && let Ok(region) = region.parse()
        {
            regions.push(region);
        }
    }
    regions.retain(|region| loss.region() != Some(region));
    regions.sort();
    regions.dedup();
    regions
}

/// Every node after what it `needs` and after the steps that its expressions name.
fn edges(nodes: &[Node]) -> Result<Graph, PlanError> {
    let index: HashMap<&str, usize> = nodes.iter().enumerate().map(|(i, n)| (n.id.as_str(), i)).collect();
    let mut graph = Graph { needs: Vec::with_capacity(nodes.len()) };
    for node in nodes {
        let mut needs: Vec<usize> = Vec::new();
        let (named, mut texts) = match &node.work {
            Work::Step(work) => {
                let mut texts = vec![&work.with];
                texts.extend(&work.step.when);
                (&work.step.needs, texts)
            }
            Work::Check(work) => (&work.check.needs, vec![&work.spec]),
        };
        for need in named {
            let need = index
                .get(need.as_str())
                .ok_or_else(|| PlanError(format!("`{}` needs `{need}`, which is nowhere", node.id)))?;
            needs.push(*need);
        }
        while let Some(value) = texts.pop() {
            match value {
                Value::String(text) => {
                    for reference in
                        expr::references(text).map_err(|e| PlanError(format!("`{}`: {e}", node.id)))?
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

/// Renders the expressions that name only what is known already; the others stay as they are.
pub fn render_known(value: &Value, statics: &Value) -> Value {
    match value {
        Value::String(text) if expr::is_template(text) => {
            expr::render(text, statics).map_or_else(|_| value.clone(), Value::String)
        }
        Value::Array(list) => list.iter().map(|v| render_known(v, statics)).collect(),
        Value::Object(record) => {
            Value::Object(record.iter().map(|(k, v)| (k.clone(), render_known(v, statics))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

impl StepWork {
    /// What its source names, copies included: the step that restores from the copy covers it.
    pub fn selects(&self, spec: &SourceSpec) -> Option<Selector> {
        match &spec.what {
            SourceWhat::Of { kind: "s3:bucket", name, .. } => {
                let of = self.with.pointer("/from/of").and_then(Value::as_str).unwrap_or(name);
                Selector::of_kind("s3:bucket", of).ok()
            }
            SourceWhat::Of { kind, name, .. } => Selector::of_kind(kind, name).ok(),
            SourceWhat::Id(_) => None,
        }
    }
}
