//! The one stream of events that a run is. The journal, the terminal, the NDJSON output and the report are
//! consumers of it that know nothing of each other.
//!
//! A run's state is a fold over its events (`record::objectives`), so what is not an event did not happen.

#![deny(clippy::wildcard_enum_match_arm)]

mod bus;
mod chosen;
pub mod legal;
mod line;
mod redacted;
mod request;
mod run_started;
mod schema;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::duration::Time;
use base::ids::{AccountId, AzId, Region};
use estate::RecoveryPoint;
use estate::point::WorstCase;
use port::{ApiCalls, Finding, PointQuery, Ready, ResourceRef, Sent};

pub use bus::{Bus, Consumer, ConsumerError};
pub use chosen::{Chosen, Made, RestoreSource};
pub use port::Phase;
pub use request::Request;
pub use run_started::{Inputs, NodePlan, PlaybookText, RunStarted, WorkloadPlan};
pub use schema::event_schema;

/// By whom what the sandbox consists of is made.
pub const SANDBOX: &str = "sandbox";
/// By whom what only its tag has shown is told of.
pub const TEARDOWN: &str = "teardown";

/// The version of the journal's format.
pub const FORMAT: u32 = 3;

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Counts from 0 without gaps.
    pub seq: u64,
    pub at: Time,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
        account: AccountId,
        region: Region,
        what: Request,
    },
    /// The call with that token took effect; the resources exist. `outputs` and `restored_to`: what else it answered.
    Created {
        by: String,
        token: String,
        resources: Vec<ResourceRef>,
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
        sent: Sent,
    },
    /// What `by` has made under its present names is given up; its next attempt makes new things under new names.
    Discarded {
        by: String,
        because: String,
    },
    /// `outputs` for people and programs; `ready` is all of it, for a run that is resumed.
    SandboxReady {
        azs: Vec<AzId>,
        outputs: SandboxOutputs,
        #[serde(default)]
        ready: Option<Box<Ready>>,
    },
    /// A look at the sandbox: what stands open, and what could not be looked at. Nothing of both: it is closed.
    Isolation {
        stage: Stage,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exposures: Vec<Finding>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<Finding>,
    },
    /// What there was to restore from just before T0: pairs of what was asked and the points that were seen.
    Surveyed {
        points: Vec<(PointQuery, Vec<RecoveryPoint>)>,
    },
    /// T0: from here on the lost is out of reach.
    DisasterDeclared {
        t0: Time,
    },
    /// A recovery point that was found when a step asked; `why_not`: why it is not the one that the step uses.
    PointSeen {
        point: Box<RecoveryPoint>,
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
        point: Box<RecoveryPoint>,
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<Box<Made>>,
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
    Finding(Finding),
    DeleteIntent {
        resource: ResourceRef,
    },
    Deleted {
        resource: ResourceRef,
    },
    DeleteFailed {
        resource: ResourceRef,
        error: String,
    },
    /// `--keep-sandbox`.
    Kept {
        resources: Vec<ResourceRef>,
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
        api_calls: ApiCalls,
    },
}

/// What people and programs need to know of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxOutputs {
    pub vpc_id: String,
    pub subnet_ids: Vec<String>,
    pub security_group_id: String,
    /// The real names of buckets, by the names that steps give them.
    pub buckets: BTreeMap<String, String>,
}

/// When the sandbox was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The proof without which there is no T0.
    BeforeT0,
    /// After steps that could have opened it.
    AfterT0,
    /// Before the verdict.
    Last,
}

/// Records from before it was told.
fn one() -> usize {
    1
}
