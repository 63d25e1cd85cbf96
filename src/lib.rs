//! Drillmaster: disaster-recovery fire drills for AWS.
//!
//! The command line and what a person sees of a run. The rooms below are crates of their own: ARCHITECTURE.md draws them.

pub mod cli;
pub mod config;
pub mod ui;
