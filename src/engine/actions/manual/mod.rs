//! Work of people.

pub mod task;
