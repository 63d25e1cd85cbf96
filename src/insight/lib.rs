//! What can be known without a drill: what a loss takes, what protects it, and how long a recovery
//! may take.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod forecast;
pub mod init;
pub mod matrix;
pub mod needs;
pub mod protection;
pub mod rules;
