//! The person who answers for a task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who answered, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confirmed {
    /// The name that was given. Nobody checks it.
    pub by: String,
    pub through: Through,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The way in which an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// Typed at the terminal of the run.
    Terminal,
    /// `drillmaster approve`, or the page of `drillmaster serve`.
    Approval,
}
