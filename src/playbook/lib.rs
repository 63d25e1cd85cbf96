//! Playbooks: the typed model, loading and checking, expressions, and the declarations of actions.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod action;
pub mod address;
pub mod asked;
pub mod check;
pub mod cidr;
pub mod comparison;
pub mod connect_to;
pub mod data;
pub mod decimal;
pub mod document;
mod draft;
mod early;
pub mod endpoint;
pub mod expr;
pub mod expr_value;
mod extends;
mod formats;
pub mod load;
pub mod manifest;
pub mod model;
pub mod notify;
pub mod query;
pub mod reach;
pub mod redis;
pub mod reference;
mod rules;
pub mod schema;
pub mod secret;
pub mod sensitive;
pub mod session;
pub mod stack;
pub mod timestamp;

pub use load::{Loaded, load, load_kept};
pub use model::Playbook;
