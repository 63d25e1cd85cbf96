//! What people do.

pub mod task;
