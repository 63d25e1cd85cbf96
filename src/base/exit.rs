//! How the program ends: its exit codes, and what each means.

use std::fmt;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use strum::VariantArray;

/// The exit code of a drill, and of the commands about it. `sweep` has these codes for meanings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, VariantArray)]
#[serde(into = "u8", try_from = "u8")]
pub enum Exit {
    Passed,
    Failed,
    Wrong,
    Error,
    LeftBehind,
    Interrupted,
}

impl Exit {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Wrong => 2,
            Self::Error => 3,
            Self::LeftBehind => 4,
            Self::Interrupted => 130,
        }
    }

    pub fn of(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|exit| exit.code() == code)
    }

    /// `PASSED`
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
            Self::Wrong => "WRONG",
            Self::Error => "ERROR",
            Self::LeftBehind => "LEFT BEHIND",
            Self::Interrupted => "INTERRUPTED",
        }
    }

    /// One line for help, reports and documents.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "recovered, every objective met",
            Self::Failed => {
                "recovery failed, an objective was missed or is unknown, or the sandbox did not stay closed"
            }
            Self::Wrong => "the playbook or the command line is wrong, nothing was touched",
            Self::Error => "the drill could not be carried out",
            Self::LeftBehind => "teardown left something behind",
            Self::Interrupted => "interrupted, after teardown",
        }
    }

    /// The graver of two: what was left behind before what was interrupted, could not be done, was asked wrongly, or
    /// failed.
    #[must_use]
    pub fn graver(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Wrong => 2,
            Self::Error => 3,
            Self::Interrupted => 4,
            Self::LeftBehind => 5,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A number that is no exit code of a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is none of the exit codes 0, 1, 2, 3, 4 and 130")]
pub struct UnknownExit(u8);

impl TryFrom<u8> for Exit {
    type Error = UnknownExit;

    fn try_from(code: u8) -> Result<Self, UnknownExit> {
        Self::of(code).ok_or(UnknownExit(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_one_end() {
        for &exit in Exit::ALL {
            assert_eq!(Exit::try_from(exit.code()), Ok(exit));
            assert!(UnknownExit(7).to_string().contains(&exit.code().to_string()));
            assert_eq!(serde_json::to_string(&exit).unwrap(), exit.code().to_string());
        }
        assert_eq!(serde_json::from_str::<Exit>("130").unwrap(), Exit::Interrupted);
        let unknown = serde_json::from_str::<Exit>("7").unwrap_err().to_string();
        assert!(unknown.contains("7 is none of the exit codes"), "{unknown}");
    }

    #[test]
    fn the_graver_end_counts_in_either_order() {
        let order = ["Passed", "Failed", "Wrong", "Error", "Interrupted", "LeftBehind"];
        let at = |exit: Exit| order.iter().position(|name| *name == format!("{exit:?}"));
        for (a, b) in Exit::ALL.iter().flat_map(|a| Exit::ALL.iter().map(|b| (*a, *b))) {
            assert_eq!(at(a.graver(b)), at(a).max(at(b)));
        }
    }
}
