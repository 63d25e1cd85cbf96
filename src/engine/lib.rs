//! Carries a playbook out: plan, sandbox, actions, steps, checks, teardown; and the permissions that all that needs.

pub mod actions;
pub mod plan;
pub mod policy;
pub mod run;
pub mod sandbox;
pub mod secrets;
