//! What is worth knowing about a drill, besides whether it passed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::severity::Severity;

/// One finding, as it stands in the journal and in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub rule: String,
    pub severity: Severity,
    pub resource: String,
    pub message: String,
    pub fix: String,
}
