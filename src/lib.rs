//! Drillmaster: disaster-recovery fire drills for AWS.
//!
//! The rooms and who may import whom are drawn in ARCHITECTURE.md; `tests/layering.rs` asserts it.

pub mod actions;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod duration;
pub mod engine;
pub mod estate;
pub mod event;
pub mod graph;
pub mod ids;
pub mod journal;
pub mod objectives;
pub mod plan;
pub mod playbook;
pub mod policy;
pub mod process;
pub mod redact;
pub mod report;
pub mod sandbox;
pub mod secrets;
pub mod template;
pub mod ui;
pub mod yaml;
