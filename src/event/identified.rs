//! Whose credentials a run uses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::ids::AccountId;

/// Who calls in an account, as STS says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Identified {
    pub account: AccountId,
    /// The ARN of a user, or of the session of a role.
    pub arn: String,
    pub purpose: Purpose,
}

/// What a run does in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// It restores there.
    Sandbox,
    /// It starts copies there, and reads.
    CopySource,
    /// It only reads there.
    Read,
}

impl Purpose {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::CopySource => "copy source",
            Self::Read => "only read",
        }
    }
}
