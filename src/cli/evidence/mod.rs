//! Signed evidence: `keygen`, `verify`, `review`, and the signing at the end of a run.

pub mod keygen;
mod kms;
pub mod review;
pub mod signing;
mod timestamp;
pub mod verify;
