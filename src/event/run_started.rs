//! The first event: the inputs and the plan of the run.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::duration::Time;
use base::ids::{AccountId, Region};
use base::on::On;
use estate::Loss;
use schedule::Schedule;

/// Everything that is needed to judge and render the run, so that the journal alone is enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    pub format: u32,
    pub version: String,
    pub run_id: String,
    pub on: On,
    pub seed: Option<u64>,
    pub playbook: PlaybookText,
    pub lose: Loss,
    pub detection_s: Option<f64>,
    pub decision_s: Option<f64>,
    pub sandbox_account: AccountId,
    pub sandbox_region: Region,
    pub sandbox_cidr: String,
    /// The name of the standing sandbox that the drill uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox_standing: Option<String>,
    pub expires: Time,
    pub params: IndexMap<String, String>,
    pub workloads: Vec<WorkloadPlan>,
    pub steps: Vec<NodePlan>,
    pub checks: Vec<NodePlan>,
    pub lost: Vec<String>,
    pub surviving: Vec<String>,
    pub inputs: Inputs,
    /// The sandbox's resolver is closed, so the run tells what restored machines look up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watches_names: bool,
    /// Earlier runs of the playbook on the same cloud, as their store told before this one began. The
    /// oldest is first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastRun>,
}

/// What an earlier run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PastRun {
    pub run_id: String,
    pub t0: Time,
    pub passed: bool,
    pub workloads: Vec<PastWorkload>,
}

/// The figures of a workload in an earlier run. `null`: it was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PastWorkload {
    pub name: String,
    /// Assumed detection and decision included.
    pub rto_s: Option<f64>,
    pub rpo_s: Option<f64>,
}

fn waits() -> bool {
    true
}

/// The other inputs of a run, so that the run can be resumed from its folder alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Inputs {
    /// The playbook's folder, as an absolute path. Programs in the playbook run there.
    pub folder: String,
    /// The texts of the files that the playbook names, by the names in the playbook.
    pub files: BTreeMap<String, String>,
    /// `--param NAME=VALUE`, as given.
    pub params: Vec<(String, String)>,
    pub connect_to: Vec<String>,
    /// How many steps may run at once.
    pub jobs: usize,
    pub keep_sandbox: bool,
    /// How long one resource may resist its deletion, in seconds.
    pub patience_s: f64,
    /// Whether teardown waits until Lambda lets the probe's network go.
    #[serde(default = "waits", skip_serializing_if = "Clone::clone")]
    pub wait_network: bool,
    /// Virtual seconds per real second. `null` means as fast as the machine allows.
    pub pace: Option<f64>,
    /// The store that keeps the run at its end, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// On the twin: people do their tasks, which are otherwise assumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ask_people: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PlaybookText {
    pub name: String,
    pub description: String,
    pub path: String,
    pub sha256: String,
    pub source: String,
    /// The clauses for which the drill is held: `SOC2-A1.3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// When the drill is due, as the playbook says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadPlan {
    pub name: String,
    pub tier: Option<u32>,
    pub rto_s: Option<f64>,
    pub rpo_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency_s: Option<f64>,
    /// The workload itself sets `rpo` (it is not only a default).
    pub own_rpo: bool,
    /// The workload lists resources, and no lost one holds data. A default RPO does not apply to
    /// it.
    #[serde(default)]
    pub stateless: bool,
    /// The workload's lost resources.
    pub lost: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodePlan {
    pub id: String,
    /// A step's action, or a check's kind.
    pub uses: String,
    pub workload: Option<String>,
    /// All dependencies of the node, including references in expressions.
    pub needs: Vec<String>,
    /// For a check that measures RPO.
    pub measures_rpo: bool,
    /// The steps whose data the check measures: the nearest steps that restore data, along all
    /// dependencies.
    #[serde(default)]
    pub measures_of: Vec<String>,
    /// For a step that restores data whose age counts towards RPO.
    pub restores_data: bool,
    /// For a step: the resources that the playbook says it restores. They count only if the checks
    /// that depend on the step are healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
}
