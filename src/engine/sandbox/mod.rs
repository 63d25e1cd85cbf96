//! The sandbox: created before T0, proved to be closed, and removed.
//!
//! Only `provisioner` creates and deletes resources. It writes an intent first and asks the guard
//! for a permit.

pub mod calls;
pub mod isolation;
pub mod memory;
pub mod names;
pub mod prepare;
pub mod provisioner;
pub mod removal;
pub mod standing;
pub mod sweep;
pub mod teardown;

pub use port::Ready;
pub use prepare::prepare;
pub use provisioner::{ProvisionError, Provisioner};
