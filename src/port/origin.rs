//! On whose behalf a call is made, and what it marks.

use base::duration::Time;

/// On whose behalf a call is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// A step's id, or `preflight`, `sandbox`, `teardown`.
    pub by: String,
    /// The attempt of the step, counted from 1.
    pub attempt: u32,
    /// What makes a repeated request the same request: derived from the run, the step and what is created.
    /// At most 64 printable ASCII characters (the shortest limit among the APIs used).
    pub token: String,
    /// The same request may have been sent before, by a runner that died or whose answer was lost: look for what it
    /// made before making anything.
    pub unsure: bool,
    /// When it was first asked for, where that was earlier than now: what only takes time (on the twin) began then.
    pub since: Option<Time>,
}

impl Origin {
    pub fn new(by: impl Into<String>, attempt: u32, token: impl Into<String>) -> Self {
        Self { by: by.into(), attempt, token: token.into(), unsure: false, since: None }
    }
}

/// What everything that is created carries: `drillmaster:run` and `drillmaster:expires`, and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTags {
    pub run: base::ids::RunId,
    pub expires: Time,
}

pub const TAG_RUN: &str = "drillmaster:run";
pub const TAG_EXPIRES: &str = "drillmaster:expires";
