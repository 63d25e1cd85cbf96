//! Carries a playbook out: plan, sandbox, actions, steps, checks, teardown; and the permissions that all that needs.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod actions;
pub mod plan;
pub mod policy;
pub mod run;
pub mod sandbox;
pub mod secrets;
