//! Drillmaster: disaster-recovery fire drills for AWS.
//!
//! This crate has the command line and the terminal output of a run. ARCHITECTURE.md draws
//! the crates that it uses.

pub mod cli;
pub mod config;
pub mod ui;
