//! The user's own commands.

pub mod run;
