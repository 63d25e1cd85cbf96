//! How grave a finding is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use strum::VariantArray;

/// The gravest first: so they are sorted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    High,
    Medium,
    Low,
}

impl Severity {
    /// Every variant, the gravest first.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// As it stands in journals and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read_and_the_gravest_comes_first() {
        for &severity in Severity::ALL {
            assert_eq!(serde_json::json!(severity), severity.word());
            let read: Severity = serde_json::from_value(severity.word().into()).unwrap();
            assert_eq!(read, severity);
        }
        assert!(Severity::ALL.is_sorted());
        let unknown = serde_json::from_str::<Severity>("\"grave\"").unwrap_err().to_string();
        assert!(unknown.contains("grave") && unknown.contains("`high`"), "{unknown}");
    }
}
