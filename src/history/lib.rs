//! The store of runs, and what many runs tell together.
//!
//! A store is a folder, or a prefix of a bucket. All of it is made once and never changed, but for the
//! index:
//!
//! | object | what it is |
//! |---|---|
//! | `<run-id>/<file>` | a file of a run; the journal comes last, so a run is there whole or not at all |
//! | `findings/<finding-id>/<number>.json` | what a person decided about a finding |
//! | `index/<run-id>.json` | what is listed of a run; made from the run alone, so it can be made anew |
//! | `leases/<playbook>/<epoch>.json` | who may run drills of a playbook: [`lease`] |
//! | `due/<playbook>/<instant>.json` | who took the drill that was due then: [`due`] |
//!
//! An object is made only where none is (a conditional write), so two writers never replace what the
//! other wrote, and no lock is needed.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod baseline;
pub mod controls;
pub mod due;
pub mod entry;
pub mod findings;
mod folder;
pub mod keeper;
pub mod lease;
pub mod objects;
#[cfg(feature = "cloud")]
pub mod remote;
pub mod select;
pub mod store;
pub mod trend;

pub use entry::Entry;
pub use folder::Folder;
pub use objects::{Objects, StoreError};
pub use store::{History, Store, Unread};

#[cfg(test)]
mod tests;
