//! The report: what templates see (`model`), and its renderings.

pub mod model;
