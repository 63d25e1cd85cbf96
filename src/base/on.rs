//! Which cloud a drill runs on.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use strum::VariantArray;

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// The default: nothing touches a real cloud unless the user says so.
    #[default]
    Twin,
    Aws,
}

impl On {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// As it stands on the command line, in journals and in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Twin => "twin",
            Self::Aws => "aws",
        }
    }

    /// One line for help.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Twin => "The digital twin: the estate file under virtual time. Nothing real is touched",
            Self::Aws => "The real AWS APIs",
        }
    }

    /// Whether nothing is really restored.
    pub const fn is_simulated(self) -> bool {
        match self {
            Self::Twin => true,
            Self::Aws => false,
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `twin` nor `aws`")]
pub struct UnknownOn(String);

impl FromStr for On {
    type Err = UnknownOn;

    fn from_str(text: &str) -> Result<Self, UnknownOn> {
        Self::ALL.iter().copied().find(|on| on.word() == text).ok_or_else(|| UnknownOn(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read() {
        for &on in On::ALL {
            assert_eq!(on.word().parse(), Ok(on));
            assert_eq!(serde_json::json!(on), on.word());
            assert!("azure".parse::<On>().unwrap_err().to_string().contains(on.word()));
        }
        assert!(serde_json::from_str::<On>("\"azure\"").is_err());
    }
}
