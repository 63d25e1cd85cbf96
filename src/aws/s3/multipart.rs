//! Copies objects that need several requests: part by part on the server's side, or through this
//! process.

use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::get_object_tagging::builders::GetObjectTaggingFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use percent_encoding::utf8_percent_encode;
use sha2::{Digest as _, Sha256};

use super::PARALLEL;
use super::content::{broken, get};
use super::job::{Job, copy_source};
use super::list::Entry;
use crate::error::OrCloud;
use crate::missing;
use crate::presign::UNRESERVED;
use port::{CloudError, CloudResult, ErrorKind};

const CREATE: &str = "s3:CreateMultipartUpload";
/// The size of a part that passes through this process.
const STREAM_PART: u64 = 16 << 20;
/// The size of a part that the server copies.
const COPY_PART: u64 = 256 << 20;
const MOST_PARTS: u64 = 10_000;

/// Returns a part size at which 10,000 parts hold the whole object.
fn part_size(size: u64, least: u64) -> u64 {
    least.max(size.div_ceil(MOST_PARTS))
}

/// Copies a large object on the server's side. Sets its metadata and tags explicitly, which
/// `CopyObject` would keep by itself.
pub async fn copy(job: &Job<'_>, entry: &Entry) -> CloudResult<()> {
    let head = job
        .from_by_target
        .head_object()
        .bucket(job.source)
        .key(&entry.key)
        .set_version_id(entry.version.clone())
        .send()
        .await
        .or_cloud("s3:HeadObject")?;
    let create = job
        .to
        .create_multipart_upload()
        .set_content_type(head.content_type)
        .set_content_encoding(head.content_encoding)
        .set_content_language(head.content_language)
        .set_content_disposition(head.content_disposition)
        .set_cache_control(head.cache_control)
        .set_metadata(head.metadata)
        .set_tagging(tagging(job.from_by_target.get_object_tagging(), job.source, entry).await?);
    let upload = begin(job, entry, create).await?;
    let parts = copy_parts(job, entry, &upload).await;
    finish(job, entry, &upload, parts).await
}

async fn copy_parts(job: &Job<'_>, entry: &Entry, upload: &str) -> CloudResult<Vec<CompletedPart>> {
    const CALL: &str = "s3:UploadPartCopy";
    let step = part_size(entry.size, COPY_PART);
    let count = i32::try_from(entry.size.div_ceil(step)).map_err(|_| missing(CALL, "sensible size"))?;
    let parts: Vec<CompletedPart> = stream::iter((0..count).zip(1..))
        .map(async |(index, number): (i32, i32)| {
            let first = u64::try_from(index).unwrap_or(0) * step;
            let last = (first + step).min(entry.size) - 1;
            let answer = job
                .bulk
                .upload_part_copy()
                .bucket(job.target)
                .key(&entry.key)
                .upload_id(upload)
                .part_number(number)
                .copy_source(copy_source(job.source, entry))
                .copy_source_range(format!("bytes={first}-{last}"))
                // All parts must come from the same version of the object.
                .set_copy_source_if_match(entry.etag.clone())
                .send()
                .await
                .or_cloud(CALL)?;
            let etag = answer.copy_part_result.and_then(|r| r.e_tag).ok_or_else(|| missing(CALL, "ETag"))?;
            Ok::<_, CloudError>(CompletedPart::builder().part_number(number).e_tag(etag).build())
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(parts)
}

/// Reads the object and writes it in parts of 16 MiB (larger for very large objects).
pub async fn stream(job: &Job<'_>, entry: &Entry) -> CloudResult<()> {
    let mut source = get(job.from, job.source, entry).await?;
    if let (Some(listed), Some(read)) = (entry.etag.as_deref(), source.e_tag())
        && listed.trim_matches('"') != read.trim_matches('"')
    {
        return Err(overwritten(entry));
    }
    let tags = tagging(job.from.get_object_tagging(), job.source, entry).await?;
    let step = part_size(entry.size, STREAM_PART);
    let mut body = Body { stream: std::mem::take(&mut source.body), left: Vec::new(), read: 0 };
    let first = body.part(step, &entry.key).await?;
    if entry.size <= step {
        check_length(entry, body.read)?;
        let sum = job.checksums.then(|| sha256(&first));
        job.to
            .put_object()
            .bucket(job.target)
            .key(&entry.key)
            .set_content_type(source.content_type)
            .set_content_encoding(source.content_encoding)
            .set_content_language(source.content_language)
            .set_content_disposition(source.content_disposition)
            .set_cache_control(source.cache_control)
            .set_metadata(source.metadata)
            .set_tagging(tags)
            .set_checksum_sha256(sum)
            .body(ByteStream::from(first))
            .send()
            .await
            .or_cloud("s3:PutObject")?;
        return Ok(());
    }
    let create = job
        .to
        .create_multipart_upload()
        .set_content_type(source.content_type)
        .set_content_encoding(source.content_encoding)
        .set_content_language(source.content_language)
        .set_content_disposition(source.content_disposition)
        .set_cache_control(source.cache_control)
        .set_metadata(source.metadata)
        .set_tagging(tags);
    let create = if job.checksums {
        create.checksum_algorithm(aws_sdk_s3::types::ChecksumAlgorithm::Sha256)
    } else {
        create
    };
    let upload = begin(job, entry, create).await?;
    let parts = stream_parts(job, entry, &upload, first, step, &mut body).await;
    finish(job, entry, &upload, parts).await
}

async fn stream_parts(
    job: &Job<'_>,
    entry: &Entry,
    upload: &str,
    mut part: Vec<u8>,
    step: u64,
    body: &mut Body,
) -> CloudResult<Vec<CompletedPart>> {
    const CALL: &str = "s3:UploadPart";
    let mut done = Vec::new();
    let mut number = 1;
    while !part.is_empty() {
        let sum = job.checksums.then(|| sha256(&part));
        let answer = job
            .to
            .upload_part()
            .bucket(job.target)
            .key(&entry.key)
            .upload_id(upload)
            .part_number(number)
            .set_checksum_sha256(sum.clone())
            .body(ByteStream::from(part))
            .send()
            .await
            .or_cloud(CALL)?;
        let etag = answer.e_tag.ok_or_else(|| missing(CALL, "ETag"))?;
        done.push(CompletedPart::builder().part_number(number).e_tag(etag).set_checksum_sha256(sum).build());
        number += 1;
        part = body.part(step, &entry.key).await?;
    }
    check_length(entry, body.read)?;
    Ok(done)
}

/// Some providers ignore `If-Match`, so the answer itself is looked at too.
fn overwritten(entry: &Entry) -> CloudError {
    let what = format!("PreconditionFailed: `{}` was overwritten since it was listed", entry.key);
    CloudError::new(ErrorKind::Invalid, "s3:GetObject", what)
}

fn check_length(entry: &Entry, read: u64) -> CloudResult<()> {
    if read == entry.size {
        return Ok(());
    }
    Err(CloudError::new(
        ErrorKind::Server,
        "s3:GetObject",
        format!("`{}` has {} bytes by the listing, and {read} came", entry.key, entry.size),
    )
    .help("it was overwritten in between, or the store is damaged"))
}

fn sha256(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(Sha256::digest(bytes))
}

/// A body that is read in parts.
struct Body {
    stream: ByteStream,
    left: Vec<u8>,
    read: u64,
}

impl Body {
    async fn part(&mut self, size: u64, key: &str) -> CloudResult<Vec<u8>> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        while self.left.len() < size {
            match self.stream.next().await {
                Some(bytes) => {
                    let bytes = bytes.map_err(|e| broken(key, &e))?;
                    self.read += bytes.len() as u64;
                    self.left.extend_from_slice(&bytes);
                }
                None => break,
            }
        }
        let rest = if self.left.len() > size { self.left.split_off(size) } else { Vec::new() };
        Ok(std::mem::replace(&mut self.left, rest))
    }
}

/// Returns the object's tags in the form of a request header. `None` for a provider without object
/// tags.
async fn tagging(
    request: GetObjectTaggingFluentBuilder,
    bucket: &str,
    entry: &Entry,
) -> CloudResult<Option<String>> {
    let request = request.bucket(bucket).key(&entry.key).set_version_id(entry.version.clone());
    let tags = match request.send().await.or_cloud("s3:GetObjectTagging") {
        Ok(answer) => answer.tag_set,
        Err(e) if e.kind == ErrorKind::Unsupported => return Ok(None),
        Err(e) => return Err(e),
    };
    let text: Vec<String> = tags
        .iter()
        .map(|t| {
            format!(
                "{}={}",
                utf8_percent_encode(t.key(), UNRESERVED),
                utf8_percent_encode(t.value(), UNRESERVED)
            )
        })
        .collect();
    Ok((!text.is_empty()).then(|| text.join("&")))
}

async fn begin(
    job: &Job<'_>,
    entry: &Entry,
    create: CreateMultipartUploadFluentBuilder,
) -> CloudResult<String> {
    let answer = create.bucket(job.target).key(&entry.key).send().await.or_cloud(CREATE)?;
    answer.upload_id.ok_or_else(|| missing(CREATE, "upload id"))
}

/// Completes the upload. If that fails, aborts it, so that no parts stay behind.
async fn finish(
    job: &Job<'_>,
    entry: &Entry,
    upload: &str,
    parts: CloudResult<Vec<CompletedPart>>,
) -> CloudResult<()> {
    let done = match parts {
        Ok(parts) => {
            let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
            let request = job.bulk.complete_multipart_upload().bucket(job.target).key(&entry.key);
            let request = request.upload_id(upload).multipart_upload(all);
            match request.send().await.or_cloud("s3:CompleteMultipartUpload") {
                Ok(_) => Ok(()),
                // An attempt whose answer was lost may have completed it.
                Err(e) if e.message.starts_with("NoSuchUpload") && is_there(job, entry).await? => Ok(()),
                Err(e) => Err(e),
            }
        }
        Err(e) => Err(e),
    };
    if let Err(error) = &done
        && error.kind != ErrorKind::Lost
    {
        let abort = job.to.abort_multipart_upload().bucket(job.target).key(&entry.key).upload_id(upload);
        // If this fails too, the teardown removes the bucket's unfinished uploads.
        let _ = abort.send().await;
    }
    done
}

/// Whether the target has the object in its size.
async fn is_there(job: &Job<'_>, entry: &Entry) -> CloudResult<bool> {
    let head = job.to.head_object().bucket(job.target).key(&entry.key).send().await;
    match head.or_cloud("s3:HeadObject") {
        Ok(head) => Ok(head.content_length().and_then(|size| u64::try_from(size).ok()) == Some(entry.size)),
        Err(e) if e.kind == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_the_largest_object() {
        assert_eq!(part_size(1, STREAM_PART), STREAM_PART);
        let largest = 5_u64 << 40;
        assert!(largest.div_ceil(part_size(largest, STREAM_PART)) <= MOST_PARTS);
    }
}
