//! S3 and S3-compatible providers: buckets, copies, comparisons.

pub mod bucket;
pub mod content;
pub mod copy;
pub mod job;
pub mod list;
pub mod multipart;
pub mod verify;

/// Requests in flight at once for one bucket-sized job.
const PARALLEL: usize = 16;
