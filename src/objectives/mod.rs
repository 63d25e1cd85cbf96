//! Judging a run: its events folded into a record, RTO and RPO measured from it, and the verdict.

mod build;
mod measure;
pub mod record;

pub use build::report;
pub use record::Record;
