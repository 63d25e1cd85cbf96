//! What a run leaves: the journal, what it measured and how it is judged, and the report.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod journal;
pub mod objectives;
pub mod report;
