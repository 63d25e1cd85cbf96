//! What there is (accounts, regions, resources, recovery points), how widely each thing lives, and what a loss takes.

pub mod file;
mod formats;
mod index;
pub mod load;
pub mod loss;
pub mod point;
pub mod resource;
mod rules;
pub mod scope;

pub use formats::EstateFormats;
pub use index::PointIndex;
pub use loss::{Locus, Loss};
pub use point::{PointKind, RecoveryPoint};
pub use resource::{Resource, ResourceId, Selector};
