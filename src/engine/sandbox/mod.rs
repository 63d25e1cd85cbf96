//! The sandbox: made before T0, proved closed, and removed with proof.
//!
//! `provisioner` is the only way in which anything is created or deleted: it writes the intent first, and asks the `guard`
//! for leave.

pub mod calls;
pub mod isolation;
pub mod memory;
pub mod prepare;
pub mod provisioner;
pub mod removal;
pub mod sweep;
pub mod teardown;

pub use port::Ready;
pub use prepare::prepare;
pub use provisioner::{ProvisionError, Provisioner};
