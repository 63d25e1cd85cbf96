//! Compares a bucket with another bucket or with a manifest. Reads two ordered listings side by
//! side, page by page.

use std::cell::RefCell;
use std::cmp::Ordering;

use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use futures_util::{TryStreamExt as _, stream};

use super::PARALLEL;
use super::content::digest;
use super::list::{Entry, Listing};
use crate::Aws;
use crate::access::S3Reader;
use crate::error::OrCloud;
use port::{Against, CloudError, CloudResult, ManifestEntry, Progress, VerifiedObjects, VerifyObjects};

const MOST_EXAMPLES: usize = 10;

pub async fn run(
    aws: &Aws,
    verify: &VerifyObjects,
    progress: &dyn Fn(Progress),
) -> CloudResult<VerifiedObjects> {
    let clients = aws.bucket_clients(&verify.bucket).await?;
    let blame = |error| aws.blame(&verify.bucket.account, error);
    let here = Side { s3: &clients.s3, bucket: &verify.bucket.name, blame: &blame };
    let found = Listing::new(here.s3, here.bucket, &verify.prefix, None);
    match &verify.against {
        Against::Bucket { bucket, as_of } => {
            let blame = |error| aws.blame(&bucket.account, error);
            let clients = aws.bucket_clients(bucket).await.map_err(blame)?;
            let there = Side { s3: &clients.s3, bucket: &bucket.name, blame: &blame };
            let expected =
                Listing::new(there.s3, there.bucket, &verify.prefix, *as_of).not_after(verify.not_after);
            compare(
                Walk { found, expected: ExpectedListing::Bucket(expected, &blame), peeked: None },
                &here,
                Some(&there),
                verify,
                progress,
            )
            .await
        }
        Against::Manifest(entries) => {
            let mut entries: Vec<ManifestEntry> =
                entries.iter().filter(|e| e.key.starts_with(&verify.prefix)).cloned().collect();
            entries.sort_by(|a, b| b.key.cmp(&a.key));
            compare(
                Walk { found, expected: ExpectedListing::Manifest(entries), peeked: None },
                &here,
                None,
                verify,
                progress,
            )
            .await
        }
    }
}

struct Side<'a> {
    s3: &'a S3Reader,
    bucket: &'a str,
    /// Says of an error that it is another provider's.
    blame: &'a dyn Fn(CloudError) -> CloudError,
}

/// The expected objects, in the order of their keys.
enum ExpectedListing<'a> {
    Bucket(Listing<'a>, &'a dyn Fn(CloudError) -> CloudError),
    /// Sorted with the last key first, because entries are taken from the end.
    Manifest(Vec<ManifestEntry>),
}

/// One expected object.
#[derive(Debug, Clone)]
struct Expected {
    entry: Entry,
    sha256: Option<String>,
}

impl ExpectedListing<'_> {
    async fn next(&mut self) -> CloudResult<Option<Expected>> {
        match self {
            Self::Bucket(listing, blame) => {
                let next = listing.next().await.map_err(*blame)?;
                Ok(next.map(|entry| Expected { entry, sha256: None }))
            }
            Self::Manifest(entries) => Ok(entries.pop().map(|e| Expected {
                entry: Entry { key: e.key, size: e.size, ..Entry::default() },
                sha256: e.sha256,
            })),
        }
    }
}

/// Merges the found and the expected listing by key.
struct Walk<'a> {
    found: Listing<'a>,
    expected: ExpectedListing<'a>,
    peeked: Option<(Option<Entry>, Option<Expected>)>,
}

/// The result for one key.
enum KeyMatch {
    Missing(String),
    Extra(String),
    Both(Entry, Expected),
}

impl Walk<'_> {
    async fn next(&mut self) -> CloudResult<Option<KeyMatch>> {
        let (found, expected) = match self.peeked.take() {
            Some((None, expected)) => (self.found.next().await?, expected),
            Some((found, None)) => (found, self.expected.next().await?),
            Some(both) => both,
            None => (self.found.next().await?, self.expected.next().await?),
        };
        let order = match (&found, &expected) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(f), Some(w)) => f.key.cmp(&w.entry.key),
        };
        Ok(Some(match (order, found, expected) {
            (Ordering::Less, Some(found), expected) => {
                self.peeked = Some((None, expected));
                KeyMatch::Extra(found.key)
            }
            (Ordering::Greater, found, Some(expected)) => {
                self.peeked = Some((found, None));
                KeyMatch::Missing(expected.entry.key)
            }
            (_, Some(found), Some(expected)) => KeyMatch::Both(found, expected),
            _ => return Ok(None),
        }))
    }
}

async fn compare(
    walk: Walk<'_>,
    here: &Side<'_>,
    there: Option<&Side<'_>>,
    verify: &VerifyObjects,
    progress: &dyn Fn(Progress),
) -> CloudResult<VerifiedObjects> {
    let result = RefCell::new(VerifiedObjects::default());
    let seen = RefCell::new(Progress {
        of_objects: (verify.objects > 0).then_some(verify.objects),
        ..Progress::default()
    });
    let pairs = stream::try_unfold(walk, async |mut walk| {
        Ok::<_, CloudError>(walk.next().await?.map(|key_match| (key_match, walk)))
    });
    let example = |text: String| {
        let examples = &mut result.borrow_mut().examples;
        if examples.len() < MOST_EXAMPLES {
            examples.push(text);
        }
    };
    pairs
        .map_ok(async |key_match| {
            match key_match {
                KeyMatch::Missing(key) => {
                    example(format!("`{key}` is missing"));
                    result.borrow_mut().missing += 1;
                }
                KeyMatch::Extra(key) => {
                    example(format!("`{key}` is there and should not be"));
                    result.borrow_mut().extra += 1;
                }
                KeyMatch::Both(found, expected) => {
                    match difference(here, there, &found, &expected, verify.checksums).await? {
                        None => result.borrow_mut().matched += 1,
                        Some(how) => {
                            example(format!("`{}` {how}", found.key));
                            result.borrow_mut().different += 1;
                        }
                    }
                    let mut seen = seen.borrow_mut();
                    seen.objects += 1;
                    seen.bytes += found.size;
                    progress(*seen);
                }
            }
            Ok(())
        })
        .try_buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    Ok(result.into_inner())
}

/// Describes how an object differs from the expected one.
async fn difference(
    here: &Side<'_>,
    there: Option<&Side<'_>>,
    found: &Entry,
    expected: &Expected,
    read: bool,
) -> CloudResult<Option<String>> {
    if found.size != expected.entry.size {
        return Ok(Some(format!("has {} bytes instead of {}", found.size, expected.entry.size)));
    }
    let Some(there) = there else {
        // Sizes in a manifest are always compared. Its checksums are compared where content is
        // read.
        return if read { against_manifest(here, found, expected).await } else { Ok(None) };
    };
    if !read {
        if found.etag.is_some() && found.etag == expected.entry.etag {
            return Ok(None);
        }
        // Equal content may have different ETags, by encryption and by part sizes. Only equal ETags
        // prove something.
        if let (Some(a), Some(b)) = (known_sum(here, found).await?, known_sum(there, &expected.entry).await?)
            && a.0 == b.0
        {
            return Ok((a.1 != b.1).then(|| format!("has another {} checksum", a.0)));
        }
    }
    let (a, b) = futures_util::try_join!(digest(here.s3, here.bucket, found), async {
        digest(there.s3, there.bucket, &expected.entry).await.map_err(there.blame)
    },)?;
    Ok((a != b).then(|| format!("has other content (SHA-256 {} instead of {})", short(&a.0), short(&b.0))))
}

async fn against_manifest(
    here: &Side<'_>,
    found: &Entry,
    expected: &Expected,
) -> CloudResult<Option<String>> {
    let (sum, length) = digest(here.s3, here.bucket, found).await?;
    if length != expected.entry.size {
        return Ok(Some(format!("gives {length} bytes instead of {}", expected.entry.size)));
    }
    Ok(match &expected.sha256 {
        Some(sha) if !sha.is_empty() && !sha.eq_ignore_ascii_case(&sum) => {
            Some(format!("has other content (SHA-256 {} instead of {})", short(&sum), short(sha)))
        }
        _ => None,
    })
}

fn short(sum: &str) -> String {
    sum.chars().take(12).chain(['…']).collect()
}

/// Returns a checksum of the whole object that the store keeps, with its algorithm.
async fn known_sum(side: &Side<'_>, entry: &Entry) -> CloudResult<Option<(&'static str, String)>> {
    let head = side
        .s3
        .head_object()
        .bucket(side.bucket)
        .key(&entry.key)
        .set_version_id(entry.version.clone())
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .or_cloud("s3:HeadObject")?;
    if head.checksum_type() != Some(&ChecksumType::FullObject) {
        return Ok(None);
    }
    // Only SHA-256: CRCs can collide by chance or be forged.
    Ok(head.checksum_sha256.map(|sum| ("SHA-256", sum)))
}
