//! Drillmaster: disaster-recovery fire drills for AWS.
//!
//! This crate has the command line and the terminal output of a run. ARCHITECTURE.md draws
//! the crates that it uses.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod cli;
pub mod config;
pub mod ui;
