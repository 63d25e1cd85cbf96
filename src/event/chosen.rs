//! The recovery point that a step restores from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::duration::Time;
use estate::point::WorstCase;
use estate::{RecoveryPoint, Selector};

/// Where an action restores from, chosen for this attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreSource {
    pub point: RecoveryPoint,
    /// What the sandbox's account calls it: its id, or its ARN where it belongs to another account.
    pub id: String,
    /// For PITR: the instant that was asked for.
    pub at: Option<Time>,
}

/// What a step restores from, and the recovery point that it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Chosen {
    pub source: RestoreSource,
    /// The recovery point that existed before the disaster.
    pub origin: RecoveryPoint,
    pub worst_case: WorstCase,
    /// The production resources that it restores.
    pub covers: Vec<String>,
    /// The machines that one image stands for, if the playbook names them by a tag: as many as are
    /// launched of it.
    pub machines: Option<Selector>,
}

/// Copies of recovery points that a step made, and what it copied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Made {
    pub copies: Vec<RecoveryPoint>,
    pub origin: Chosen,
}
