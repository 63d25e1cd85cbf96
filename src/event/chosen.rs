//! The recovery point that a step restores from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::duration::Time;
use estate::point::WorstCase;
use estate::{RecoveryPoint, Selector};

/// The source that an action restores from, chosen for this attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreSource {
    pub point: RecoveryPoint,
    /// The point's name in the sandbox's account: its id, or its ARN if another account owns it.
    pub id: String,
    /// For PITR: the requested instant.
    pub at: Option<Time>,
}

/// The source of a step's restore, and the recovery point behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Chosen {
    pub source: RestoreSource,
    /// The recovery point that existed before the disaster.
    pub origin: RecoveryPoint,
    pub worst_case: WorstCase,
    /// The production resources that the point restores.
    pub covers: Vec<String>,
    /// The machines that one image stands for, if the playbook names them by a tag. Each launched
    /// instance restores one of them.
    pub machines: Option<Selector>,
    /// What `latest` would have chosen, where the step asks for another point on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Box<Newest>>,
}

/// The newest point, beside the one that a step asked for: at random, clean, or from before an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Newest {
    /// What the step asked for: `random`, `latest-clean`, `before 2026-01-31T08:00:00Z`.
    pub asked: String,
    /// The id of the newest point.
    pub id: String,
    /// Its consistency time, if it is known.
    pub taken: Option<Time>,
}

/// Copies of recovery points that a step made, and their original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Made {
    pub copies: Vec<RecoveryPoint>,
    pub origin: Chosen,
}
