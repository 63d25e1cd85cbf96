//! Drillmaster: disaster-recovery fire drills for AWS.
//!
//! This crate has the command line and the terminal output of a run. The rooms below are crates of
//! their own, which ARCHITECTURE.md draws.

pub mod cli;
pub mod config;
pub mod ui;
