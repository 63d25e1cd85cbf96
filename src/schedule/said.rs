//! A schedule as a playbook says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

use base::duration::Span;

/// A schedule in a word, or a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Said {
    Word(Word),
    Calendar(Calendar),
}

/// How often a drill should be held: once in each calendar week, month, quarter or year, in UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema, strum::Display, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schemars(inline, extend("format" = "schedule"))]
pub enum Word {
    Weekly,
    Monthly,
    Quarterly,
    Yearly,
}

impl Word {
    /// The expression that it stands for, in UTC.
    pub fn cron(self) -> &'static str {
        match self {
            Self::Weekly => "0 6 * * 1",
            Self::Monthly => "0 6 1 * *",
            Self::Quarterly => "0 6 1 1,4,7,10 *",
            Self::Yearly => "0 6 1 1 *",
        }
    }
}

/// When a drill is due.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// A cron expression of five fields: minute, hour, day of the month, month, day of the week.
    #[schemars(extend("format" = "cron"))]
    pub cron: String,
    /// The time zone, by its name in the IANA database: `Europe/Berlin`. Default: `UTC`.
    #[serde(default = "utc")]
    #[schemars(extend("format" = "timezone"))]
    pub timezone: String,
    /// How long after it was due a drill may begin. Default: until the next one is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
}

fn utc() -> String {
    "UTC".to_owned()
}
