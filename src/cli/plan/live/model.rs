//! The key `live` of `drillmaster/plan/v1`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use base::duration::Time;
use base::exit::Exit;
use base::ids::{AccountId, AzId, Region};
use port::{CallCount, Finding};

/// What the live accounts showed. The look only reads.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Live {
    /// Recovery points are judged as if the disaster were declared now.
    pub looked_at: Time,
    pub verdict: Verdict,
    /// What the look alone would make the exit code.
    #[schemars(with = "u8")]
    pub exit_code: Exit,
    /// Why the drill cannot pass.
    pub reasons: Vec<Trouble>,
    /// What could not be looked at.
    pub unknown: Vec<Trouble>,
    pub identities: Vec<Identity>,
    /// For each step that restores something.
    pub points: Vec<StepPoint>,
    pub permissions: Vec<Permissions>,
    /// Those that the drill needs something of and that can be looked up.
    pub quotas: Vec<Quota>,
    /// The zones that the sandbox would take. Empty: unknown, or there are too few.
    pub zones: Vec<AzId>,
    pub offers: Vec<Offer>,
    pub findings: Vec<Finding>,
    /// The calls that the look made.
    pub calls: BTreeMap<String, CallCount>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was looked at, and nothing stands in the way.
    Clear,
    /// The drill cannot pass.
    Blocked,
    /// Nothing stands in the way as far as could be looked at, and that was not all.
    Unknown,
}

/// Something that is wrong or unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trouble {
    pub what: String,
    /// What to do. `null`: unknown.
    pub fix: Option<String>,
}

/// Whose the credentials for an account are.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Identity {
    pub account: AccountId,
    /// The playbook's names for it.
    pub names: Vec<String>,
    pub status: IdentityStatus,
    pub because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityStatus {
    Confirmed,
    /// They belong to another account.
    OfAnother,
    Unknown,
}

/// What a step would restore from now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StepPoint {
    pub step: String,
    pub uses: String,
    pub status: PointStatus,
    /// `null`: none would be used, or it is unknown.
    pub point: Option<UsedPoint>,
    /// Why each newer recovery point would not be used.
    pub not_newer_because: Vec<String>,
    /// Why there is none.
    pub because: Option<String>,
    pub fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PointStatus {
    Found,
    None,
    Unknown,
    /// Only the drill can know, such as a copy that another step makes.
    Later,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct UsedPoint {
    pub id: String,
    pub of: String,
    pub account: AccountId,
    pub region: Region,
    /// The time of its data. `null`: unknown.
    pub taken: Option<Time>,
    pub age_s: Option<f64>,
}

/// What IAM's simulation says of the actions that the drill needs in an account.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Permissions {
    pub account: AccountId,
    pub names: Vec<String>,
    /// Whose policies were simulated. `null`: nobody's.
    pub principal: Option<String>,
    pub allowed: Vec<String>,
    pub denied: Vec<NotAllowed>,
    pub unknown: Vec<NotAllowed>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct NotAllowed {
    pub action: String,
    pub because: String,
    pub fix: String,
}

/// A quota of the sandbox's account and region.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Quota {
    pub account: AccountId,
    pub region: Region,
    pub what: String,
    /// `rds/L-7B6409FD`, as in Service Quotas.
    pub code: String,
    pub needed: Option<u64>,
    pub used: Option<u64>,
    pub limit: Option<f64>,
    pub status: Sufficiency,
    pub because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sufficiency {
    Enough,
    TooFew,
    /// Unknown is not enough.
    Unknown,
}

impl Sufficiency {
    pub fn of(is_enough: Option<bool>) -> Self {
        match is_enough {
            Some(true) => Self::Enough,
            Some(false) => Self::TooFew,
            None => Self::Unknown,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::TooFew => "too few",
            Self::Unknown => "unknown, so not enough",
        }
    }
}

/// A machine type or a database class.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Offer {
    pub what: String,
    /// The zones that offer it. `null`: unknown.
    pub zones: Option<Vec<AzId>>,
    pub status: Sufficiency,
}
