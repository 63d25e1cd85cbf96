//! Where objects are copied from and to.

use percent_encoding::utf8_percent_encode;

use super::list::Entry;
use crate::access::{S3Reader, S3Writer};
use crate::presign::UNRESERVED;

/// The job: where objects are read and written.
pub struct Job<'a> {
    pub from: &'a S3Reader,
    /// With the target's credentials, where the source lies: S3 answers for a bucket in its own region only.
    pub from_by_target: &'a S3Reader,
    pub to: &'a S3Writer,
    pub source: &'a str,
    pub target: &'a str,
    /// Whether the target's client can be told to verify our checksum (AWS does; other providers may not know it).
    pub checksums: bool,
}

/// What `x-amz-copy-source` names: bucket, percent-encoded key, version.
pub fn copy_source(bucket: &str, entry: &Entry) -> String {
    let key = utf8_percent_encode(&entry.key, UNRESERVED);
    match entry.version.as_deref() {
        Some(version) => format!("{bucket}/{key}?versionId={version}"),
        None => format!("{bucket}/{key}"),
    }
}
