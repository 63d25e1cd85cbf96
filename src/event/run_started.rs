//! The first event: what was asked of the run.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::duration::Time;
use base::ids::{AccountId, Region};
use base::on::On;
use estate::Loss;

/// All that judging and rendering need, so that the journal alone is enough.
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
    pub expires: Time,
    pub params: IndexMap<String, String>,
    pub workloads: Vec<WorkloadPlan>,
    pub steps: Vec<NodePlan>,
    pub checks: Vec<NodePlan>,
    pub lost: Vec<String>,
    pub surviving: Vec<String>,
    pub inputs: Inputs,
}

/// What else a run was given, so that its folder is enough to go on with it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Inputs {
    /// The playbook's folder, absolute: programs that it names are run from there.
    pub folder: String,
    /// The texts of the files that the playbook names, as it names them.
    pub files: BTreeMap<String, String>,
    /// `--param NAME=VALUE`, as given.
    pub params: Vec<(String, String)>,
    pub connect_to: Vec<String>,
    /// How many steps may run at once.
    pub jobs: usize,
    pub keep_sandbox: bool,
    /// How long one resource may resist its deletion, in seconds.
    pub patience_s: f64,
    /// So many virtual seconds in a real one; `null`: as many as the machine can.
    pub pace: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PlaybookText {
    pub name: String,
    pub description: String,
    pub path: String,
    pub sha256: String,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadPlan {
    pub name: String,
    pub tier: Option<u32>,
    pub rto_s: Option<f64>,
    pub rpo_s: Option<f64>,
    /// The workload itself sets `rpo` (it is not only a default).
    pub own_rpo: bool,
    /// It lists resources, and none that is lost holds data: a default RPO says nothing of it.
    #[serde(default)]
    pub stateless: bool,
    /// Its lost resources.
    pub lost: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodePlan {
    pub id: String,
    /// A step's action, or a check's kind.
    pub uses: String,
    pub workload: Option<String>,
    /// All that it waits for, the references in expressions included.
    pub needs: Vec<String>,
    /// A check that measures RPO.
    pub measures_rpo: bool,
    /// The steps whose data it measures: the nearest that restore any, along everything that it waits for.
    #[serde(default)]
    pub measures_of: Vec<String>,
    /// A step that restores data whose age counts towards RPO.
    pub restores_data: bool,
}
