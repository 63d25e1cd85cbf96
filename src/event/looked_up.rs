//! What the restored machines looked up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use estate::meaning::Means;

/// The names that the log of the sandbox's resolver holds, and what is not known of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LookedUp {
    pub lookups: Vec<Lookup>,
    /// Why there may be more names than these. Absent: these are all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A name that a restored machine looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lookup {
    /// The step that launched the machine. For a machine that no step is known to have launched: its
    /// id, or the address that asked.
    pub machine: String,
    /// The id of the machine, where the log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    pub name: String,
    /// How often the log has it. What a cache answered is in no log, so it may have been more often.
    pub count: u64,
    pub answer: Answer,
    pub means: Means,
    /// Why it means that: half a sentence about the name.
    #[serde(default)]
    pub why: String,
}

/// What a machine got that looked a name up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The sandbox's firewall refused to ask anybody.
    Blocked,
    /// The firewall let it pass, whatever came back.
    Answered,
}

impl Answer {
    /// The name, as it stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Answered => "answered",
        }
    }
}
