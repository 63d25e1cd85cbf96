//! The phases of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A phase of a run. Each phase begins once, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Preflight,
    Prepare,
    Recover,
    Teardown,
}

impl Phase {
    /// The word that the journal and messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Prepare => "prepare",
            Self::Recover => "recover",
            Self::Teardown => "teardown",
        }
    }
}
