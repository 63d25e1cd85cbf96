//! What `plan --output json` prints: `drillmaster/plan/v1` and `drillmaster/matrix/v1`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::live::model::Live;
use super::permissions::Needed;
use base::exit::Exit;
use estate::Loss;
use estate::file::Incomplete;
use insight::matrix::{Matrix, Status, WorkloadRow};
use insight::needs::cost::Cost;
use insight::needs::quotas::Quota;
use insight::rules::{Findings, Grouped, Ignored};
use port::Finding;
use record::report::model::{
    Assumptions, BlastRadius, CheckReport, Coverage, Link, PointRow, StepReport, WorkloadReport,
};

pub const SCHEMA: &str = "drillmaster/plan/v1";

/// A plan, of a playbook or of an estate alone. A key that only a playbook can answer is then
/// absent, empty or `null`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plan<'a> {
    /// `drillmaster/plan/v1`.
    pub schema: &'static str,
    #[serde(flatten)]
    pub rehearsed: Option<Rehearsed>,
    /// `{ "region": "us-east-1" }`
    pub lose: BTreeMap<String, String>,
    pub lost: Vec<String>,
    pub surviving: Vec<String>,
    /// The lost resources of which nothing usable survives.
    pub unprotected: Vec<String>,
    /// What `discover` could not read. Nothing is known of what lies there.
    pub incomplete: Vec<Incomplete>,
    pub workloads: Vec<Workload>,
    pub steps: Vec<Step>,
    pub findings: Vec<PlanFinding>,
    /// The rules that a comment ignores.
    pub ignored: Vec<Ignored>,
    /// The API calls that the drill makes.
    pub calls: Vec<String>,
    /// The permissions that the drill needs. Empty without a playbook.
    pub permissions: &'a [Needed],
    /// What the drill needs of the quotas of the sandbox's region.
    pub quotas: Vec<Quota>,
    pub cost: Cost,
    /// What the live accounts showed. `null` without `--on aws`.
    pub live: Option<&'a Live>,
}

/// What a rehearsal of the playbook showed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rehearsed {
    pub playbook: String,
    pub verdict: CanPass,
    /// The exit code of the command.
    #[schemars(with = "u8")]
    pub exit_code: Exit,
    /// The outcome in one sentence.
    pub headline: String,
    /// Why the drill cannot pass.
    pub reasons: Vec<String>,
    /// `assume.detection` and `assume.decision` in seconds, if given.
    pub assume: Option<Assumptions>,
    pub blast_radius: BlastRadius,
    pub recovery_points: Vec<PointRow>,
    pub checks: Vec<CheckReport>,
    pub coverage: Coverage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CanPass {
    CanPass,
    CannotPass,
}

/// A workload: of the playbook, or of the estate alone.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Workload {
    Rehearsed {
        #[serde(flatten)]
        report: Box<WorkloadReport>,
        #[serde(flatten)]
        expected: Expected,
    },
    OfEstate {
        name: String,
        status: Status,
        #[serde(flatten)]
        expected: Expected,
        /// A lower bound, if `worst_case_s` is unknown.
        worst_case_at_least_s: Option<f64>,
        /// Empty: without a playbook nobody knows the steps.
        critical_path: Vec<Link>,
    },
    /// Of a playbook that names no estate. Nothing is expected of it.
    Unrehearsed {
        name: String,
        #[serde(flatten)]
        expected: Expected,
        /// Empty: without a rehearsal nobody knows the times.
        critical_path: Vec<Link>,
    },
}

/// Expected figures, in seconds. `null`: unknown.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Expected {
    #[serde(rename = "expected_rto_s")]
    pub rto: Option<f64>,
    #[serde(rename = "expected_rpo_s")]
    pub rpo: Option<f64>,
    #[serde(rename = "worst_case_s")]
    pub worst_case: Option<f64>,
}

/// A step as rehearsed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    #[serde(flatten)]
    pub report: StepReport,
    /// The recovery point that it uses.
    pub point: Option<String>,
    /// Why each newer recovery point is not used.
    pub not_newer_because: Vec<String>,
    pub expected_s: Option<f64>,
}

/// A finding. A rule of estates tells how many resources it is about.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanFinding {
    #[serde(flatten)]
    pub finding: Finding,
    /// The first of the resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}

/// The matrix with the findings of its estate.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MatrixWithFindings<'a> {
    #[serde(flatten)]
    pub matrix: &'a Matrix,
    pub findings: &'a [Grouped],
    /// The rules that a comment ignores.
    pub ignored: &'a [Ignored],
}

impl From<Finding> for PlanFinding {
    fn from(finding: Finding) -> Self {
        Self { finding, resources: Vec::new(), count: None }
    }
}

impl From<&Grouped> for PlanFinding {
    fn from(group: &Grouped) -> Self {
        let Grouped { finding, resources, count } = group.clone();
        Self { finding, resources, count: Some(count) }
    }
}

impl Workload {
    pub fn of_estate(name: &str, row: &WorkloadRow) -> Self {
        Self::OfEstate {
            name: name.to_owned(),
            status: row.status,
            expected: Expected { rto: None, rpo: row.rpo_s, worst_case: row.worst_case_s },
            worst_case_at_least_s: row.worst_case_at_least_s,
            critical_path: Vec::new(),
        }
    }

    pub fn unrehearsed(name: &str) -> Self {
        let expected = Expected { rto: None, rpo: None, worst_case: None };
        Self::Unrehearsed { name: name.to_owned(), expected, critical_path: Vec::new() }
    }

    pub fn rehearsed(report: &WorkloadReport) -> Self {
        let expected = Expected {
            rto: report.rto.with_assumptions_s.or(report.rto.measured_s),
            rpo: report.rpo.measured_s,
            worst_case: report.rpo.worst_case_s,
        };
        Self::Rehearsed { report: Box::new(report.clone()), expected }
    }
}

impl<'a> MatrixWithFindings<'a> {
    pub fn new(matrix: &'a Matrix, found: &'a Findings) -> Self {
        Self { matrix, findings: &found.found, ignored: &found.ignored }
    }
}

/// The key `lose`.
pub fn lose(loss: &Loss) -> BTreeMap<String, String> {
    let (kind, name) = loss.key_and_name();
    BTreeMap::from([(kind.to_owned(), name.to_owned())])
}
