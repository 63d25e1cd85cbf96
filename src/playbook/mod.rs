//! A playbook: its typed model, the expressions in it, and what an action declares of itself.

pub mod action;
pub mod check;
pub mod comparison;
pub mod decimal;
pub mod expr;
pub mod expr_value;
pub mod model;
pub mod timestamp;

pub use model::Playbook;
