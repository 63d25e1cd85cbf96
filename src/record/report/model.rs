//! `report.json`, schema `drillmaster/report/v1`. Other programs rely on the names: add names,
//! never rename one.
//!
//! Times are RFC 3339 in UTC. Fields ending in `_s` and `seconds` hold seconds with millisecond
//! precision. `null` means that the figure does not exist. A `status` of `unknown` means that the
//! figure was required and could not be measured.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::duration::Time;
use base::exit::Exit;
use base::on::On;
use event::{Forecast, PastRun, Probed};
use port::gate::DeniedCall;
use port::request::CallCount;
use schedule::Schedule;

pub use base::rung::{Rung, RungHealth};
pub use base::severity::Severity;
pub use event::{Answer, Identified, Lookup};
pub use port::Finding;

pub const SCHEMA: &str = "drillmaster/report/v1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    pub schema: String,
    pub run_id: String,
    pub on: On,
    /// True on the twin: nothing was really restored.
    pub simulated: bool,
    pub drillmaster_version: String,
    pub playbook: PlaybookRef,
    /// `{ "region": "us-east-1" }`
    pub lose: BTreeMap<String, String>,
    pub started_at: Time,
    /// `null`: the drill ended before the disaster was declared.
    pub t0: Option<Time>,
    pub finished_at: Time,
    pub verdict: Verdict,
    #[schemars(with = "u8")]
    pub exit_code: Exit,
    /// The outcome in one sentence. Every form of the report begins with it.
    #[serde(default)]
    pub headline: String,
    /// The reasons for the verdict, the most important first. Empty if the drill passed.
    pub reasons: Vec<String>,
    /// `assume.detection` and `assume.decision` in seconds, if given.
    pub assume: Option<Assumptions>,
    pub sandbox: SandboxRef,
    pub params: BTreeMap<String, String>,
    pub seed: Option<u64>,
    /// Whose credentials the run used, as STS said. Absent on the twin, where nobody calls, and for
    /// drills of older versions: unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identified>,
    pub workloads: Vec<WorkloadReport>,
    pub steps: Vec<StepReport>,
    pub checks: Vec<CheckReport>,
    /// What asked checks from inside the sandbox. Absent: the runner asked them, or nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeReport>,
    /// The names that restored machines looked up: by machine, the gravest first. Absent: nobody
    /// watched, because the sandbox's resolver was open, or T0 was never reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookups: Option<Vec<Lookup>>,
    /// Why there may be more names than `lookups` has. Absent: these are all, or nobody watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookups_unknown: Option<String>,
    pub phases: Phases,
    pub denied_calls: Vec<DeniedCall>,
    pub blast_radius: BlastRadius,
    /// What a model of the playbook said before T0: no measurement. Absent without an estate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// Earlier runs of the playbook on the same cloud, the oldest first, as their store told before this
    /// run began. Absent if there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastRun>,
    /// Every recovery point that was considered, with its use or the reason against it.
    pub recovery_points: Vec<PointRow>,
    pub coverage: Coverage,
    pub findings: Vec<Finding>,
    pub api_calls: BTreeMap<String, CallCount>,
    pub teardown: Teardown,
    /// What was assumed and not shown. Absent if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<Assumed>,
    /// The times at which another process resumed the run, with the gap before each. Empty for most
    /// runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumption>,
    /// The end of the run's journal when the report was made. `null` for reports of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalEnd>,
}

impl Report {
    /// Whether the drill shows that the recovery works, and left nothing behind.
    pub fn passed(&self) -> bool {
        has_passed(self.verdict, self.exit_code, self.t0)
    }
}

/// The same of a run whose report is not at hand.
pub fn has_passed(verdict: Verdict, exit_code: Exit, t0: Option<Time>) -> bool {
    verdict == Verdict::Passed && exit_code == Exit::Passed && t0.is_some()
}

/// The end of a journal. A journal that was cut or changed later has another end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JournalEnd {
    pub records: u64,
    /// SHA-256 of the last record's line, its newline included.
    pub head: String,
    /// The journal could not be written any further. The report holds what came after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_short: bool,
}

/// The checks and steps that the twin took to be fine, because the estate gives no answer. Each has
/// a finding `assumed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assumed {
    /// Checks that were assumed, at least in part.
    pub checks: usize,
    /// All checks.
    pub of: usize,
    /// Steps that were assumed.
    pub steps: usize,
}

/// Another process resumed the run. The RTO clock did not stop in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resumption {
    pub at: Time,
    /// `resume` or `abort`
    pub by: String,
    /// Seconds since the last record before it.
    pub gap_s: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Passed,
    Failed,
    /// The drill could not be carried out.
    Error,
    Interrupted,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybookRef {
    pub name: String,
    pub description: String,
    pub path: String,
    pub sha256: String,
    /// The playbook's text, as it was run.
    pub source: String,
    /// The clauses for which the drill is held: `SOC2-A1.3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// When the drill is due, as the playbook says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assumptions {
    pub detection_s: Option<f64>,
    pub decision_s: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SandboxRef {
    pub account: String,
    pub region: String,
    pub cidr: String,
    pub azs: Vec<String>,
    /// The isolation was scanned before T0, after every step that could have opened the sandbox,
    /// and before the verdict. The sandbox was closed each time.
    pub isolation_verified: bool,
    /// `--keep-sandbox`: the time until which the sandbox is kept.
    pub kept_until: Option<Time>,
    /// The name of the sandbox that stays between drills, if the drill used one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Met,
    Missed,
    Unknown,
    /// There is no objective.
    None,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadReport {
    pub name: String,
    pub tier: Option<u32>,
    /// Every step succeeded, every check became healthy, and every lost resource was restored.
    pub recovered: bool,
    /// The missing parts, in words. Empty if `recovered`.
    pub incomplete: Vec<String>,
    /// Lost resources of the workload that no step restored.
    pub missing_resources: Vec<String>,
    pub rto: Rto,
    pub rpo: Rpo,
    #[serde(default)]
    pub consistency: Consistency,
    /// The chain of steps and checks that ends with the recovery, first link first. The shares add
    /// up to 1.
    pub critical_path: Vec<Link>,
}

impl WorkloadReport {
    /// The recovery time, assumptions included. `None`: not measured. What a workload that did not
    /// recover measured is no RTO.
    pub fn rto_s(&self) -> Option<f64> {
        self.rto.with_assumptions_s.or(self.rto.measured_s).filter(|_| self.recovered)
    }

    /// The data loss. `None`: not measured, or not for all stores.
    pub fn rpo_s(&self) -> Option<f64> {
        self.rpo.measured_s.filter(|_| self.recovered && !self.rpo.partial)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rto {
    pub objective_s: Option<f64>,
    /// From T0 until the last step has succeeded and the last check is healthy.
    pub measured_s: Option<f64>,
    /// `measured_s` plus the assumed detection and decision, if the playbook assumes any. Then the
    /// objective is compared with this figure.
    pub with_assumptions_s: Option<f64>,
    pub status: Status,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rpo {
    pub objective_s: Option<f64>,
    /// The age of the oldest data store of the workload.
    pub measured_s: Option<f64>,
    /// The workload lists its resources, and none of the lost ones holds data. No data could be
    /// lost, so `measured_s` is 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_lost: bool,
    /// A store was not restored, or its age is unknown. So `measured_s` is a part, and no figure of
    /// the workload, whether there is an objective or not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    pub status: Status,
    /// The age of the oldest store if each had been restored from its newest point. Absent: each was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_s: Option<f64>,
    /// The objective is compared with `newest_s`: a point was drawn at random, to see whether old ones can
    /// be restored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub judged_by_newest: bool,
    /// The loss at the worst possible T0 within the look-back window.
    pub worst_case_s: Option<f64>,
    /// A lower bound, if the worst case is unknown. The cloud does not tell for every recovery
    /// point since when it is usable.
    #[serde(default)]
    pub worst_case_at_least_s: Option<f64>,
    pub sources: Vec<RpoSource>,
}

/// How far apart the instants lie to which the stores of a workload were restored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Consistency {
    pub objective_s: Option<f64>,
    /// The age of the oldest store minus the age of the newest one, as RPO counts their ages.
    pub measured_s: Option<f64>,
    /// As in `rpo`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    pub status: Status,
}

/// For reports of versions that did not measure it.
impl Default for Consistency {
    fn default() -> Self {
        Self { objective_s: None, measured_s: None, partial: false, status: Status::None }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RpoSource {
    pub of: String,
    pub recovery_point: String,
    /// The step that restored it.
    pub step: String,
    /// The place of the recovery point: `account region`.
    pub from: String,
    pub taken: Option<Time>,
    /// T0 − consistency time of the recovery point.
    pub age_s: Option<f64>,
    /// What the step asked for, if not for the newest point: `random`, `latest-clean`, `before TIME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The newest point, which `latest` would have used. Absent: the step asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// T0 − consistency time of the newest point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_age_s: Option<f64>,
    /// T0 − newest timestamp found in the restored data, if a check measured it.
    pub data_age_s: Option<f64>,
    pub worst_case_s: Option<f64>,
    #[serde(default)]
    pub worst_case_at_least_s: Option<f64>,
    /// The number of recovery points behind the worst case (series without gaps left out), and the
    /// part of the look-back window that they cover. One point says little about other days.
    #[serde(default)]
    pub worst_case_points: usize,
    #[serde(default)]
    pub worst_case_span_s: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    pub id: String,
    /// `step` or `check`
    pub kind: String,
    pub seconds: f64,
    /// The share of the measured RTO, 0 to 1.
    pub share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Succeeded,
    Failed,
    /// A step that it depends on failed.
    Skipped,
    /// `when` was false, or the drill ended first.
    NotRun,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    pub id: String,
    pub uses: String,
    pub workload: Option<String>,
    pub needs: Vec<String>,
    pub status: StepStatus,
    /// The reason if it failed, was skipped or was not run.
    pub because: Option<String>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub seconds: Option<f64>,
    pub attempts: u32,
    /// The resources that it created.
    pub resources: Vec<String>,
    /// The recovery points that it restored from.
    pub recovery_points: Vec<String>,
    /// It failed, has `continue_on_error`, and belongs to no workload: the verdict does not count it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tolerated: bool,
    /// The person who confirmed a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmation>,
    /// On the critical path of a workload.
    pub critical: bool,
}

/// Who confirmed a task of a person, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Confirmation {
    /// The name that was given. Nobody checks it.
    pub by: String,
    pub at: Time,
    pub through: event::Through,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    Healthy,
    Unhealthy,
    /// Nobody could be asked. It never passes.
    Unknown,
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    pub id: String,
    /// `http`, `tcp`, `dns`, `sql`, `data`, `redis`, `s3`, `dynamodb`, `command`, `state`
    pub kind: String,
    pub workload: Option<String>,
    pub needs: Vec<String>,
    pub status: CheckStatus,
    pub because: Option<String>,
    /// The time at which everything that it needs was ready.
    pub ready_at: Option<Time>,
    /// The start of the healthy period that held.
    pub healthy_at: Option<Time>,
    /// The time of the outcome: healthy for long enough, or given up.
    #[serde(default)]
    pub settled_at: Option<Time>,
    /// From `ready_at` to `healthy_at`.
    pub seconds: Option<f64>,
    pub observed: Option<String>,
    /// What a check of data saw, rung by rung. Absent for all others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<Rung>,
    /// The rows that it counted, by table. The next run may compare with them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, u64>,
    pub tries: u32,
    pub critical: bool,
}

/// The probe in the sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeReport {
    pub kind: ProbeKind,
    #[serde(flatten)]
    pub probed: Probed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// A function of AWS Lambda.
    Lambda,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Phases {
    pub preflight_s: f64,
    pub prepare_s: f64,
    pub recover_s: f64,
    pub teardown_s: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct BlastRadius {
    pub lost: Vec<String>,
    pub surviving: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PointRow {
    pub id: String,
    pub of: String,
    pub kind: String,
    pub account: String,
    pub region: String,
    pub taken: Option<Time>,
    pub usable: Option<Time>,
    pub age_s: Option<f64>,
    /// The step that used it.
    pub used_by: Option<String>,
    /// The reason why it was not used.
    pub why_not: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Lost resources that a step restored.
    pub covered: Vec<String>,
    /// Lost resources that no step restored.
    pub uncovered: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Teardown {
    /// How far it came. Left out if it came to its end.
    #[serde(default, skip_serializing_if = "TeardownRan::is_whole")]
    pub ran: TeardownRan,
    pub created: usize,
    pub deleted: usize,
    /// Resources that could not be removed, or whose removal could not be verified.
    pub left_behind: Vec<String>,
    /// When everything that holds data or costs money was gone, and had been looked for again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_gone_at: Option<Time>,
    /// When the empty network was gone too, and had been looked for again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_gone_at: Option<Time>,
    /// The empty network, which stays until `drillmaster abort` removes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_left: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TeardownRan {
    #[default]
    Whole,
    /// The runner died during the teardown.
    Partly,
    /// The runner died before the teardown.
    Never,
}

impl TeardownRan {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

impl Teardown {
    /// Returns what is wrong with the teardown, in words.
    pub fn trouble(&self) -> Option<String> {
        let left = match self.left_behind.len() {
            0 => return None,
            1 => "1 resource".to_owned(),
            n => format!("{n} resources"),
        };
        Some(match self.ran {
            TeardownRan::Whole => format!("teardown left {left} behind"),
            TeardownRan::Partly => format!("teardown did not come to its end, and {left} may still stand"),
            TeardownRan::Never => format!("teardown never ran, and {left} may still stand"),
        })
    }
}
