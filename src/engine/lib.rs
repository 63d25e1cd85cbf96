//! Carries a playbook out: plan, sandbox, actions, steps, checks and teardown. Also derives the
//! permissions for it.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod actions;
pub mod plan;
pub mod policy;
pub mod run;
pub mod sandbox;
pub mod secrets;
