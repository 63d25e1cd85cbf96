//! The production estate: its accounts, regions, resources and recovery points, the scope of each
//! resource type, and what a loss takes.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod bucket;
pub mod discovered;
pub mod draft;
pub mod engine;
pub mod file;
mod formats;
pub mod host;
pub mod incomplete;
mod index;
pub mod load;
pub mod locus;
pub mod loss;
pub mod meaning;
pub mod mentions;
pub mod plane;
pub mod point;
pub mod production;
pub mod resource;
mod rules;
pub mod scope;
pub mod series;
pub mod write;

pub use formats::EstateFormats;
pub use index::{PointIndex, ResourceIndex, Selectors};
pub use locus::Locus;
pub use loss::Loss;
pub use point::{PointKind, RecoveryPoint, VaultPolicy};
pub use resource::{IdPlace, Resource, ResourceId, Selector};
