//! A playbook: its typed model, the expressions in it, and what an action declares of itself.

pub mod action;
pub mod model;

pub use model::Playbook;
