//! Findings: facts about a drill that matter besides its verdict.

mod of_estates;
mod rule;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::severity::Severity;

pub use rule::Rule;

/// One finding, as it stands in the journal and in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    pub resource: String,
    pub message: String,
    pub fix: String,
}

impl Finding {
    /// A finding with the severity of its rule. If the rule has several, the gravest.
    pub fn new(
        rule: Rule,
        resource: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity: rule.severity(),
            resource: resource.into(),
            message: message.into(),
            fix: fix.into(),
        }
    }

    /// The same with another severity, for rules that have several.
    #[must_use]
    pub fn graded(self, severity: Severity) -> Self {
        debug_assert!(self.rule.explanation().severities.contains(&severity), "{} {severity}", self.rule);
        Self { severity, ..self }
    }
}
