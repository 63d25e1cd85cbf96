//! What there is (accounts, regions, resources, recovery points), how widely each thing lives, and what a loss takes.

pub mod file;
pub mod loss;
pub mod point;
pub mod resource;
pub mod scope;

pub use loss::{Locus, Loss};
pub use point::{PointKind, RecoveryPoint};
pub use resource::{Resource, ResourceId, Selector};
