//! The results of a run: the journal, the measures, the verdict and the report.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod approval;
pub mod journal;
pub mod objectives;
pub mod plain_file;
pub mod report;
pub mod run_folder;
