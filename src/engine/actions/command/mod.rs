//! Commands of the user's own.

pub mod run;
