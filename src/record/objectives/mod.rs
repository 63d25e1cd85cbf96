//! Judging a run: its events folded into a record, RTO and RPO measured from it, the verdict, and the gate.

mod build;
pub mod gate;
mod isolation;
mod measure;
pub mod record;

pub use build::report;
pub use record::Record;
