//! The forecast as `forecast --output json` prints it.

use schemars::JsonSchema;
use serde::Serialize;

use estate::file::Incomplete;

/// A forecast.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Forecast {
    /// `drillmaster/forecast/v1`.
    pub schema: &'static str,
    /// How many recoveries were drawn.
    pub runs: usize,
    pub seed: u64,
    /// By how much everything is slower because many restore at once (`assume.contention`).
    pub contention: f64,
    pub workloads: Vec<WorkloadForecast>,
    pub learned_from: Vec<ActionModel>,
    /// What `discover` could not read. A workload may have resources there that nobody forecasts.
    pub incomplete: Vec<Incomplete>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WorkloadForecast {
    pub name: String,
    /// `null`: the rehearsal did not recover the workload, so nothing can be forecast.
    pub rto: Option<RtoForecast>,
    /// Why nothing can be forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The steps and checks that are critical in some runs, the most frequent first.
    pub critical: Vec<Critical>,
    /// What a faster step would gain, the most first.
    pub gains: Vec<Gain>,
    /// What it would gain if a step did not wait for another, the most first.
    pub cuts: Vec<Cut>,
}

/// The distribution of an RTO, in seconds. With `assume`, the assumptions are in it. A figure that
/// lies among the recoveries that failed is infinite, and `null` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RtoForecast {
    #[schemars(with = "Option<f64>")]
    pub p50_s: f64,
    #[schemars(with = "Option<f64>")]
    pub p90_s: f64,
    #[schemars(with = "Option<f64>")]
    pub p99_s: f64,
    /// The share of the draws in which a step failed: all its attempts took longer than its timeout.
    pub p_failed: f64,
    pub objective_s: Option<f64>,
    /// The share of the runs that meet the objective.
    pub p_met: Option<f64>,
    /// The 95 % interval of `p_met` for this number of runs (Wilson).
    pub p_met_low: Option<f64>,
    pub p_met_high: Option<f64>,
    pub histogram: Histogram,
}

/// How often the RTO lies in each part of its range, for the picture.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Histogram {
    /// Where the first part begins, in seconds.
    pub from_s: f64,
    /// The width of each part, in seconds.
    pub width_s: f64,
    pub counts: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Critical {
    pub id: String,
    /// The share of the runs in which it is on the critical path.
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Gain {
    pub id: String,
    /// The part by which the step is made faster.
    pub faster: f64,
    /// By how much the P90 falls, in seconds.
    pub p90_gain_s: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Cut {
    /// The step or check that waits.
    pub id: String,
    /// What it would no longer wait for.
    pub waits_for: String,
    pub p90_gain_s: f64,
}

/// Where the times of an action come from.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ActionModel {
    pub action: String,
    /// Of `backup.restore`: the type of what it restores. Each has a factor of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The drills, and restore jobs of AWS Backup, that it was learned from.
    pub runs: usize,
    /// `calibration` or `learned`.
    pub model: &'static str,
    /// The median factor against the calibration, if it was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
}

impl ActionModel {
    /// `backup.restore of rds:db`.
    pub fn name(&self) -> String {
        port::timed_name(&self.action, self.of.as_deref())
    }
}
