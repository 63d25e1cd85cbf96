//! A run is one stream of events. The journal, the terminal, the NDJSON output and the report are
//! consumers of it. They do not know each other.
//!
//! A run's state is a fold over its events (`record::objectives`), so anything that is not an event
//! did not happen.

#![deny(clippy::wildcard_enum_match_arm)]

mod bus;
mod chosen;
mod confirmed;
pub mod forecast;
mod identified;
pub mod legal;
mod line;
mod looked_up;
mod probed;
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
use base::rung::Rung;
use estate::RecoveryPoint;
use estate::point::WorstCase;
use port::{ApiCalls, Finding, PointQuery, Ready, ResourceRef, Sent};

pub use bus::{Bus, Consumer, ConsumerError};
pub use chosen::{Chosen, Made, Newest, RestoreSource};
pub use confirmed::{Confirmed, Through};
pub use forecast::Forecast;
pub use identified::{Identified, Purpose};
pub use looked_up::{Answer, LookedUp, Lookup};
pub use port::Phase;
pub use probed::Probed;
pub use request::Request;
pub use run_started::{Inputs, NodePlan, PastRun, PastWorkload, PlaybookText, RunStarted, WorkloadPlan};
pub use schema::event_schema;

/// The origin of the sandbox's own resources.
pub const SANDBOX: &str = "sandbox";
/// The origin of resources that were found only by their tag.
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
    /// The call with this token took effect, and the resources exist. `outputs` and `restored_to`
    /// are the rest of the answer.
    Created {
        by: String,
        token: String,
        resources: Vec<ResourceRef>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restored_to: Option<Time>,
    },
    /// The call failed. `sent` says whether it may have taken effect anyway.
    NotCreated {
        by: String,
        token: String,
        error: String,
        sent: Sent,
    },
    /// The resources that `by` made under the current names are discarded. The next attempt makes
    /// new ones under new names.
    Discarded {
        by: String,
        because: String,
    },
    /// `outputs` is for people and programs. `ready` is complete, for a resumed run.
    SandboxReady {
        azs: Vec<AzId>,
        outputs: SandboxOutputs,
        #[serde(default)]
        ready: Option<Box<Ready>>,
    },
    /// What the probe in the sandbox did until here. A resumed run tells it again for its own part.
    Probed(Probed),
    /// What the restored machines looked up, where the sandbox's resolver is closed.
    LookedUp(LookedUp),
    /// The result of an isolation scan: the leaks, and the parts that could not be scanned. If both
    /// are empty, the sandbox is closed.
    Isolation {
        stage: Stage,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exposures: Vec<Finding>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<Finding>,
    },
    /// The recovery points that existed just before T0, as pairs of a query and its result.
    Surveyed {
        points: Vec<(PointQuery, Vec<RecoveryPoint>)>,
    },
    /// Whose credentials the run uses in an account, as STS says. Nobody calls on the twin.
    Identified(Identified),
    /// What a model of the playbook says of the recovery. It is no measurement.
    Forecast(Box<Forecast>),
    /// T0. Lost resources are out of reach from here on.
    DisasterDeclared {
        t0: Time,
    },
    /// A recovery point that a step's query found. `why_not` says why the step does not use it.
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        newest: Option<Box<Newest>>,
    },
    /// The progress of a step or check, or of the deletion of a resource. Shown, but not stored.
    Progress {
        id: String,
        text: String,
        done: Option<f64>,
    },
    /// The step waits for a person, who is shown these instructions.
    TaskAsked {
        step: String,
        instructions: String,
    },
    StepRetry {
        step: String,
        attempt: u32,
        error: String,
        next_at: Time,
    },
    /// `restored`: the production resources that are back. `consistent_at`: the consistency time of
    /// the restored data, if it is known better than from the recovery point. `made`: copies of
    /// recovery points, with their originals.
    StepSucceeded {
        step: String,
        outputs: Value,
        restored: Vec<String>,
        data: bool,
        consistent_at: Option<Time>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<Box<Made>>,
        /// Who confirmed a task.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confirmed: Option<Box<Confirmed>>,
        /// The outputs held secrets, which are not stored here. A resumed run cannot take the
        /// outputs from the journal.
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
    /// `unwanted` means that the step's `when` is false. Otherwise the run was cut short before the
    /// step.
    StepNotRun {
        step: String,
        because: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unwanted: bool,
    },
    CheckReady {
        check: String,
    },
    /// A try of a check. Stored only if its result differs from the try before.
    CheckTried {
        check: String,
        healthy: bool,
        observed: String,
        tries: u32,
        /// Nobody could be asked. Never with `healthy`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unknown: bool,
    },
    /// What a check of data saw at its end, rung by rung.
    CheckRungs {
        check: String,
        rungs: Vec<Rung>,
        /// The rows that it counted, by table.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        rows: BTreeMap<String, u64>,
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
    /// Whether it is healthy is not known: at the end of its time nobody could be asked.
    CheckUnknown {
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
    /// Everything that holds data or costs money is gone, and was looked for again. Only the empty
    /// network is left, which AWS Lambda keeps its interfaces in.
    DataGone,
    /// The empty network stays for now: `drillmaster abort` removes it.
    NetworkLeft {
        resources: Vec<ResourceRef>,
    },
    /// The last look of teardown found these resources, or could not look for them.
    LeftBehind {
        resources: Vec<String>,
        /// The number of places where teardown looked. 0 if nothing had been requested anywhere.
        #[serde(default = "one")]
        places: usize,
    },
    Interrupted {
        by: String,
    },
    /// Another process continues the run, after a gap of `gap_s` seconds without a process. `by` is
    /// `resume` or `abort`.
    Resumed {
        by: String,
        gap_s: f64,
    },
    /// The drill could not be carried out.
    Aborted {
        error: String,
        help: Option<String>,
        /// The playbook is wrong, and nothing was touched: the exit code is 2.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        mistake: bool,
    },
    /// Always last.
    RunFinished {
        api_calls: ApiCalls,
    },
}

/// The sandbox's outputs for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxOutputs {
    pub vpc_id: String,
    pub subnet_ids: Vec<String>,
    pub security_group_id: String,
    /// The real names of buckets, by their names in the steps.
    pub buckets: BTreeMap<String, String>,
}

/// The time of an isolation scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The scan that has to succeed before T0.
    BeforeT0,
    /// After steps that could have opened the sandbox.
    AfterT0,
    /// Before the verdict.
    Last,
}

/// The default for journals from before the field existed.
fn one() -> usize {
    1
}
