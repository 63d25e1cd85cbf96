//! A word with a class.

use serde::Serialize;

/// A word with a class: `ok`, `bad`, `unknown` or `plain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Badge {
    pub word: String,
    pub class: &'static str,
}

impl Badge {
    pub fn ok(word: &str) -> Self {
        Self { word: word.into(), class: "ok" }
    }
    pub fn bad(word: &str) -> Self {
        Self { word: word.into(), class: "bad" }
    }
    pub fn unknown(word: &str) -> Self {
        Self { word: word.into(), class: "unknown" }
    }
    pub fn plain(word: &str) -> Self {
        Self { word: word.into(), class: "plain" }
    }
}
