//! S3 and S3-compatible providers: buckets, copies and comparisons.

pub mod bucket;
pub mod content;
pub mod copy;
pub mod job;
pub mod list;
pub mod multipart;
pub mod sample;
pub mod verify;

/// The number of concurrent requests when a whole bucket is copied or compared.
const PARALLEL: usize = 16;
