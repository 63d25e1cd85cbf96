//! Reads objects and computes the SHA-256 of their content locally.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use sha2::{Digest as _, Sha256};

use super::list::Entry;
use crate::access::S3Reader;
use crate::error::OrCloud;
use port::{CloudError, CloudResult, ErrorKind};

const CALL: &str = "s3:GetObject";

pub async fn get(s3: &S3Reader, bucket: &str, entry: &Entry) -> CloudResult<GetObjectOutput> {
    s3.get_object()
        .bucket(bucket)
        .key(&entry.key)
        .set_version_id(entry.version.clone())
        // A manifest gives no ETag.
        .set_if_match(entry.etag.clone())
        .send()
        .await
        .or_cloud(CALL)
}

/// Returns the SHA-256 (hex) and the length of an object's content. Reads the body in pieces and
/// keeps none.
pub async fn digest(s3: &S3Reader, bucket: &str, entry: &Entry) -> CloudResult<(String, u64)> {
    let mut tries = 1;
    loop {
        match digest_once(s3, bucket, entry).await {
            // The SDK does not retry a connection that breaks in the middle of a body.
            Err(e) if e.may_pass() && tries < 4 => tries += 1,
            other => return other,
        }
    }
}

async fn digest_once(s3: &S3Reader, bucket: &str, entry: &Entry) -> CloudResult<(String, u64)> {
    let mut body = get(s3, bucket, entry).await?.body;
    let mut hash = Sha256::new();
    let mut length = 0_u64;
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|e| broken(&entry.key, &e))?;
        length += bytes.len() as u64;
        hash.update(&bytes);
    }
    Ok((base16ct::lower::encode_string(&hash.finalize()), length))
}

pub fn broken(key: &str, error: &dyn std::error::Error) -> CloudError {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(e) = next {
        said = format!("{said}: {e}");
        next = e.source();
    }
    CloudError::new(ErrorKind::Network, CALL, format!("`{key}` could not be read to its end: {said}"))
}
