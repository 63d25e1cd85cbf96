//! What a model of the playbook said before T0. It is no measurement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long the recovery takes, by a model: a rehearsal on the twin, drawn again and again with
/// other times. Seconds have milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// How many recoveries were drawn. 0: none, and `because` says why.
    pub runs: usize,
    /// The same seed gives the same draws.
    pub seed: u64,
    /// By how much everything is slower because many restore at once (`assume.contention`).
    pub contention: f64,
    /// Why nothing was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    pub workloads: Vec<WorkloadForecast>,
    /// Where the times of each action come from.
    pub learned_from: Vec<ActionModel>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadForecast {
    pub name: String,
    /// `null`: nothing can be forecast.
    pub rto: Option<RtoForecast>,
    /// Why nothing can be forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The distribution of an RTO, assumed detection and decision included. A figure that lies among the
/// recoveries that failed is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RtoForecast {
    pub p50_s: Option<f64>,
    pub p90_s: Option<f64>,
    pub p99_s: Option<f64>,
    /// The share of the draws in which a step failed.
    pub p_failed: f64,
    pub objective_s: Option<f64>,
    /// The share of the draws that meet the objective.
    pub p_met: Option<f64>,
    /// The 95 % interval of `p_met` for this number of draws.
    pub p_met_low: Option<f64>,
    pub p_met_high: Option<f64>,
    pub histogram: Histogram,
}

/// How often the RTO lies in each part of its range. The last part holds all beyond it, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Histogram {
    /// Where the first part begins, in seconds.
    pub from_s: f64,
    /// The width of each part, in seconds. 0: all draws are the same.
    pub width_s: f64,
    pub counts: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionModel {
    pub action: String,
    /// Of `backup.restore`: the type of what it restores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    pub model: TimesFrom,
    /// The measured steps that its times were learned from.
    pub runs: usize,
}

impl ActionModel {
    /// `backup.restore of rds:db`.
    pub fn name(&self) -> String {
        port::timed_name(&self.action, self.of.as_deref())
    }
}

/// Where the times of an action come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimesFrom {
    /// The program's own figures. No drill measured them.
    Calibration,
    /// `timings` of the estate.
    Estate,
    /// Real drills, or restore jobs of AWS Backup.
    Learned,
}
