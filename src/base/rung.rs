//! One rung of a check that looks at data in several ways: its name, and what it saw.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a rung tells of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RungHealth {
    Healthy,
    Unhealthy,
    /// It was not asked, or could not be.
    Unknown,
}

impl RungHealth {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for RungHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rung {
    /// `structure`, `volume` and the like.
    pub name: String,
    pub health: RungHealth,
    /// What it saw, in a few words.
    pub observed: String,
    /// The reason and advice, where it is not healthy. Else an optional note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
