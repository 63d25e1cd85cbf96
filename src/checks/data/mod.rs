//! `data`: looks at the data of a database, rung by rung.
//!
//! Each rung has its own read-only transaction, so that one that fails leaves the next untouched. A
//! rung that could not be asked is unknown: no permission, a version without the catalog, no time.
//! Only `write` writes, and only into what the run made.

#[cfg(feature = "live")]
mod compare;
mod judge;
#[cfg(feature = "live")]
mod look;
#[cfg(feature = "live")]
mod mysql;
#[cfg(feature = "live")]
mod postgres;
#[cfg(feature = "live")]
mod snapshot;
#[cfg(feature = "live")]
mod write;

pub use judge::{Saw, volume as judge_volume, volume_since as judge_volume_since};
#[cfg(feature = "live")]
pub use look::data;
#[cfg(feature = "live")]
pub use snapshot::{Snapshot, snapshot};
