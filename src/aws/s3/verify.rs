//! Comparing a bucket with another or with a manifest: two ordered listings walked side by side, page by page.

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
    let here = Side { s3: &clients.s3, bucket: &verify.bucket.name };
    let found = Listing::new(here.s3, here.bucket, &verify.prefix, None);
    match &verify.against {
        Against::Bucket { bucket, as_of } => {
            let clients = aws.bucket_clients(bucket).await?;
            let there = Side { s3: &clients.s3, bucket: &bucket.name };
            let wanted =
                Listing::new(there.s3, there.bucket, &verify.prefix, *as_of).not_after(verify.not_after);
            compare(
                Walk { found, wanted: Wanted::Bucket(wanted), peeked: None },
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
                Walk { found, wanted: Wanted::Manifest(entries), peeked: None },
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
}

/// What should be there, in the order of the keys.
enum Wanted<'a> {
    Bucket(Listing<'a>),
    /// Last key first.
    Manifest(Vec<ManifestEntry>),
}

/// One thing that should be there.
#[derive(Debug, Clone)]
struct Expected {
    entry: Entry,
    sha256: Option<String>,
}

impl Wanted<'_> {
    async fn next(&mut self) -> CloudResult<Option<Expected>> {
        match self {
            Self::Bucket(listing) => Ok(listing.next().await?.map(|entry| Expected { entry, sha256: None })),
            Self::Manifest(entries) => Ok(entries.pop().map(|e| Expected {
                entry: Entry { key: e.key, size: e.size, ..Entry::default() },
                sha256: e.sha256,
            })),
        }
    }
}

/// The two sides walked together.
struct Walk<'a> {
    found: Listing<'a>,
    wanted: Wanted<'a>,
    peeked: Option<(Option<Entry>, Option<Expected>)>,
}

enum Met {
    Missing(String),
    Extra(String),
    Both(Entry, Expected),
}

impl Walk<'_> {
    async fn next(&mut self) -> CloudResult<Option<Met>> {
        let (found, wanted) = match self.peeked.take() {
            Some((None, wanted)) => (self.found.next().await?, wanted),
            Some((found, None)) => (found, self.wanted.next().await?),
            Some(both) => both,
            None => (self.found.next().await?, self.wanted.next().await?),
        };
        let order = match (&found, &wanted) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(f), Some(w)) => f.key.cmp(&w.entry.key),
        };
        Ok(Some(match (order, found, wanted) {
            (Ordering::Less, Some(found), wanted) => {
                self.peeked = Some((None, wanted));
                Met::Extra(found.key)
            }
            (Ordering::Greater, found, Some(wanted)) => {
                self.peeked = Some((found, None));
                Met::Missing(wanted.entry.key)
            }
            (_, Some(found), Some(wanted)) => Met::Both(found, wanted),
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
        Ok::<_, CloudError>(walk.next().await?.map(|met| (met, walk)))
    });
    let example = |text: String| {
        let examples = &mut result.borrow_mut().examples;
        if examples.len() < MOST_EXAMPLES {
            examples.push(text);
        }
    };
    pairs
        .map_ok(async |met| {
            match met {
                Met::Missing(key) => {
                    example(format!("`{key}` is missing"));
                    result.borrow_mut().missing += 1;
                }
                Met::Extra(key) => {
                    example(format!("`{key}` is there and should not be"));
                    result.borrow_mut().extra += 1;
                }
                Met::Both(found, wanted) => {
                    match difference(here, there, &found, &wanted, verify.checksums).await? {
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

/// How an object differs from what is wanted, in words.
async fn difference(
    here: &Side<'_>,
    there: Option<&Side<'_>>,
    found: &Entry,
    wanted: &Expected,
    read: bool,
) -> CloudResult<Option<String>> {
    if found.size != wanted.entry.size {
        return Ok(Some(format!("has {} bytes instead of {}", found.size, wanted.entry.size)));
    }
    let Some(there) = there else {
        // A manifest's sizes are compared in any case, its checksums where content is read.
        return if read { against_manifest(here, found, wanted).await } else { Ok(None) };
    };
    if !read {
        if found.etag.is_some() && found.etag == wanted.entry.etag {
            return Ok(None);
        }
        // ETags of equal content differ with the encryption and the parts: only equal ones tell something.
        if let (Some(a), Some(b)) = (known_sum(here, found).await?, known_sum(there, &wanted.entry).await?)
            && a.0 == b.0
        {
            return Ok((a.1 != b.1).then(|| format!("has another {} checksum", a.0)));
        }
    }
    let (a, b) = futures_util::try_join!(
        digest(here.s3, here.bucket, found),
        digest(there.s3, there.bucket, &wanted.entry)
    )?;
    Ok((a != b).then(|| format!("has other content (SHA-256 {} instead of {})", short(&a.0), short(&b.0))))
}

async fn against_manifest(here: &Side<'_>, found: &Entry, wanted: &Expected) -> CloudResult<Option<String>> {
    let (sum, length) = digest(here.s3, here.bucket, found).await?;
    if length != wanted.entry.size {
        return Ok(Some(format!("gives {length} bytes instead of {}", wanted.entry.size)));
    }
    Ok(match &wanted.sha256 {
        Some(sha) if !sha.is_empty() && !sha.eq_ignore_ascii_case(&sum) => {
            Some(format!("has other content (SHA-256 {} instead of {})", short(&sum), short(sha)))
        }
        _ => None,
    })
}

fn short(sum: &str) -> String {
    sum.chars().take(12).chain(['…']).collect()
}

/// A checksum of the whole object that the store keeps, with its algorithm.
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
    // Only what nobody can forge or collide by chance: CRCs are left to the transport.
    Ok(head.checksum_sha256.map(|sum| ("SHA-256", sum)))
}
