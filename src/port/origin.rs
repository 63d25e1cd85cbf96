//! The origin of a call, and the tags of a run.

use base::duration::Time;

/// The origin of a call: who makes it, and under which client token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// A step's id, or `preflight`, `sandbox`, `teardown`.
    pub by: String,
    /// The attempt of the step, counted from 1.
    pub attempt: u32,
    /// The client token. A repeated request with the same token is the same request. It is derived
    /// from the run, the step and the resource. At most 64 printable ASCII characters, the shortest
    /// limit among the APIs in use.
    pub token: String,
    /// An earlier request with this token may have been sent: the runner died, or its answer was
    /// lost. Look for its result before creating anything.
    pub unsure: bool,
    /// When the request was first made, if that was earlier. On the twin the work began then.
    pub since: Option<Time>,
}

impl Origin {
    pub fn new(by: impl Into<String>, attempt: u32, token: impl Into<String>) -> Self {
        Self { by: by.into(), attempt, token: token.into(), unsure: false, since: None }
    }
}

/// The tags of every created resource: `drillmaster:run`, `drillmaster:expires` and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTags {
    pub run: base::ids::RunId,
    pub expires: Time,
    /// The run id in the tags of the standing sandbox that the run uses. Its VPC may be added to.
    pub standing: Option<base::ids::RunId>,
}

impl RunTags {
    pub fn new(run: base::ids::RunId, expires: Time) -> Self {
        Self { run, expires, standing: None }
    }
}

pub const TAG_RUN: &str = "drillmaster:run";
pub const TAG_EXPIRES: &str = "drillmaster:expires";
