//! The source and the target of a copy.

use percent_encoding::utf8_percent_encode;

use super::list::Entry;
use crate::access::{S3Reader, S3Writer};
use crate::presign::UNRESERVED;
use port::CloudError;

/// A copy between two buckets.
pub struct Job<'a> {
    pub from: &'a S3Reader,
    /// The target's credentials in the source's region: S3 answers for a bucket only in its own
    /// region.
    pub from_by_target: &'a S3Reader,
    pub to: &'a S3Writer,
    /// The same without limits in time, for what S3 does as one long call.
    pub bulk: &'a S3Writer,
    pub source: &'a str,
    pub target: &'a str,
    /// Whether the target verifies a checksum that we send. AWS does. Other providers may not know
    /// it.
    pub checksums: bool,
}

/// Returns the value of `x-amz-copy-source`: bucket, percent-encoded key and version.
pub fn copy_source(bucket: &str, entry: &Entry) -> String {
    let key = utf8_percent_encode(&entry.key, UNRESERVED);
    match entry.version.as_deref() {
        Some(version) => format!("{bucket}/{key}?versionId={version}"),
        None => format!("{bucket}/{key}"),
    }
}

/// Whether a conditional request found the object overwritten since it was listed.
pub fn is_overwritten(error: &CloudError) -> bool {
    ["PreconditionFailed", "HTTP 412"].iter().any(|said| error.message.starts_with(said))
}
