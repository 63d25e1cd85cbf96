//! The one stream of events that a run is. The journal, the terminal, the NDJSON output and the report are
//! consumers of it that know nothing of each other.
//!
//! A run's state is a fold over its events (`objectives::record`), so what is not an event did not happen.

#![deny(clippy::wildcard_enum_match_arm)]

mod bus;
pub mod legal;
mod redacted;

use std::collections::BTreeMap;

use indexmap::IndexMap;
pub use port::Phase;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::duration::Time;
use estate::point::WorstCase;

pub use bus::{Bus, Consumer, ConsumerError};

/// By whom what the sandbox consists of is made.
pub const SANDBOX: &str = "sandbox";
/// By whom what only its tag has shown is told of.
pub const TEARDOWN: &str = "teardown";

/// The version of the journal's format.
pub const FORMAT: u32 = 3;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 0 without gaps.
    pub seq: u64,
    pub at: Time,
    #[serde(flatten)]
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Body {
    /// Always first.
    RunStarted(Box<RunStarted>),
    PhaseStarted {
        phase: Phase,
    },
    PhaseFinished {
        phase: Phase,
    },
    /// Written and synced before a call that creates or deletes something.
    Intent {
        by: String,
        attempt: u32,
        call: String,
        token: String,
        account: String,
        region: String,
        what: Value,
    },
    /// The call with that token took effect; the resources exist. `outputs` and `restored_to`: what else it answered.
    Created {
        by: String,
        token: String,
        resources: Vec<Value>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restored_to: Option<Time>,
    },
    /// The call failed; `sent` says whether it may have taken effect all the same.
    NotCreated {
        by: String,
        token: String,
        error: String,
        sent: String,
    },
    /// What `by` has made under its present names is given up; its next attempt makes new things under new names.
    Discarded {
        by: String,
        because: String,
    },
    /// `outputs` for people and programs; `ready` is all of it, for a run that is resumed.
    SandboxReady {
        azs: Vec<String>,
        outputs: Value,
        #[serde(default)]
        ready: Value,
    },
    /// A look at the sandbox: what stands open, and what could not be looked at. Nothing of both: it is closed.
    Isolation {
        stage: Stage,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exposures: Vec<Exposed>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<Exposed>,
    },
    /// What there was to restore from just before T0: pairs of what was asked and the points that were seen.
    Surveyed {
        points: Value,
    },
    /// T0: from here on the lost is out of reach.
    DisasterDeclared {
        t0: Time,
    },
    /// A recovery point that was found when a step asked; `why_not`: why it is not the one that the step uses.
    PointSeen {
        point: Value,
        asked_by: String,
        why_not: Option<String>,
    },
    StepStarted {
        step: String,
        attempt: u32,
    },
    /// The step will restore from this point.
    StepSource {
        step: String,
        point: Value,
        #[serde(default)]
        worst_case: WorstCase,
    },
    /// Shown, not kept: how far a step or check is.
    Progress {
        id: String,
        text: String,
        done: Option<f64>,
    },
    StepRetry {
        step: String,
        attempt: u32,
        error: String,
        next_at: Time,
    },
    /// `restored`: production resources that are back; `consistent_at`: of the restored data, where it is known
    /// better than from the recovery point; `made`: copies of recovery points, with what they were copied from.
    StepSucceeded {
        step: String,
        outputs: Value,
        restored: Vec<String>,
        data: bool,
        consistent_at: Option<Time>,
        #[serde(default, skip_serializing_if = "Value::is_null")]
        made: Value,
        /// The outputs held secrets, which do not stand here: a run that is resumed cannot take them from the record.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redacted: bool,
    },
    StepFailed {
        step: String,
        because: String,
        tolerated: bool,
    },
    StepSkipped {
        step: String,
        because: String,
    },
    /// `unwanted`: its `when` is false; otherwise the run was cut short before it.
    StepNotRun {
        step: String,
        because: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unwanted: bool,
    },
    CheckReady {
        check: String,
    },
    /// A try; kept only when what it saw differs from the try before.
    CheckTried {
        check: String,
        healthy: bool,
        observed: String,
        tries: u32,
    },
    CheckHealthy {
        check: String,
        healthy_at: Time,
        observed: String,
        tries: u32,
        data_time: Option<Time>,
    },
    CheckUnhealthy {
        check: String,
        because: String,
        observed: String,
        tries: u32,
    },
    CheckSkipped {
        check: String,
        because: String,
    },
    Denied {
        call: String,
        locus: String,
        step: String,
        why: String,
    },
    Finding {
        rule: String,
        severity: String,
        resource: String,
        message: String,
        fix: String,
    },
    DeleteIntent {
        resource: Value,
    },
    Deleted {
        resource: Value,
    },
    DeleteFailed {
        resource: Value,
        error: String,
    },
    /// `--keep-sandbox`.
    Kept {
        resources: Vec<Value>,
        until: Time,
    },
    /// Teardown looked again and found these still there, or could not look.
    LeftBehind {
        resources: Vec<String>,
        /// In how many places it looked. 0: nothing had been asked for anywhere.
        #[serde(default = "one")]
        places: usize,
    },
    Interrupted {
        by: String,
    },
    /// Another process goes on with the run: after `gap_s` seconds in which none was there. `by`: `resume` or `abort`.
    Resumed {
        by: String,
        gap_s: f64,
    },
    /// The drill could not be carried out.
    Aborted {
        error: String,
        help: Option<String>,
    },
    /// Always last.
    RunFinished {
        api_calls: Value,
    },
}

/// When the sandbox was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The proof without which there is no T0.
    BeforeT0,
    /// After steps that could have opened it.
    AfterT0,
    /// Before the verdict.
    Last,
}

/// One thing that a look found: a finding of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposed {
    pub rule: String,
    /// `high`, `medium` or `low`
    pub severity: String,
    pub resource: String,
    pub message: String,
    pub fix: String,
}

/// Records from before it was told.
fn one() -> usize {
    1
}

/// All that judging and rendering need, so that the journal alone is enough.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunStarted {
    pub format: u32,
    pub version: String,
    pub run_id: String,
    /// `twin` or `aws`
    pub on: String,
    pub seed: Option<u64>,
    pub playbook: PlaybookText,
    /// `{ "region": "us-east-1" }`
    pub lose: IndexMap<String, String>,
    pub detection_s: Option<f64>,
    pub decision_s: Option<f64>,
    pub sandbox_account: String,
    pub sandbox_region: String,
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlaybookText {
    pub name: String,
    pub description: String,
    pub path: String,
    pub sha256: String,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
