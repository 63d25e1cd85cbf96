//! What the probe in the sandbox did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The probe's invocations, as the runner saw them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Probed {
    /// Invocations for checks.
    pub invocations: u32,
    /// Those that gave no answer of the probe: throttled, too slow, dead.
    pub unanswered: u32,
    /// The time of the first invocation, which starts the function, in milliseconds. It counts in
    /// preparing the sandbox.
    pub cold_ms: Option<f64>,
    /// The median time of an invocation in milliseconds, with the check's own. After a resume: of those
    /// of the last process.
    pub p50_ms: Option<f64>,
}
