//! A run as its journal tells it: what the gate judges.

use std::collections::BTreeMap;

use super::build;
use super::record::Record;
use crate::report::model::Report;
use event::Event;

#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    pub report: Report,
    /// The lost resources of each workload.
    pub lost: BTreeMap<String, Vec<String>>,
    /// The journal holds the run's end.
    pub finished: bool,
}

impl Fold {
    /// `None` if not even the first event is in the journal.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        let record = Record::from_events(events);
        let report = build::report(&record)?;
        let (_, started) = record.started.as_ref()?;
        let lost = started.workloads.iter().map(|w| (w.name.clone(), w.lost.clone())).collect();
        Some(Self { report, lost, finished: record.finished })
    }
}
