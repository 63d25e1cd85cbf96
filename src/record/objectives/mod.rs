//! Judges a run. Its events are folded into a record, RTO and RPO are measured from the record, and
//! then the verdict and the gate follow.

mod build;
mod fold;
pub mod gate;
mod isolation;
mod lookups;
mod measure;
pub mod record;

pub use build::report;
pub use fold::Fold;
pub use record::Record;
