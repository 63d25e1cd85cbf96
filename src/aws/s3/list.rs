//! Ordered listings of a bucket, page by page: its current state, or its state at an earlier time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use aws_sdk_s3::types::{BucketVersioningStatus, EncodingType};

use crate::access::S3Reader;
use crate::error::OrCloud;
use crate::time::some_time;
use base::duration::Time;
use port::{CloudError, CloudResult, ErrorKind, MeasuredObjects};

/// An object, or one version of it, in a listing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    pub key: String,
    pub size: u64,
    pub modified: Option<Time>,
    pub etag: Option<String>,
    pub version: Option<String>,
}

/// Decodes a key. A store may percent-encode keys, because XML cannot carry all of them. Some
/// stores do not.
pub fn decode(key: &str, encoding: Option<&EncodingType>) -> String {
    if encoding != Some(&EncodingType::Url) {
        return key.to_owned();
    }
    let spaced = key.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

const VERSIONING: &str = "s3:GetBucketVersioning";

/// The objects under a prefix, in the order of their keys' UTF-8 bytes. Keeps one page in memory.
pub struct Listing<'a> {
    s3: &'a S3Reader,
    bucket: &'a str,
    prefix: &'a str,
    as_of: Option<Time>,
    not_after: Option<Time>,
    /// The number of objects left out because they were modified after `not_after`.
    left_out: Rc<Cell<u64>>,
    page: VecDeque<Entry>,
    next: Next,
    /// For a listing as of an earlier time: the current key, and whether its version is already
    /// chosen. A newer version of it may be on the next page.
    decided: Option<String>,
}

enum Next {
    Start,
    Token(String),
    Marker(Option<String>, Option<String>),
    End,
}

impl<'a> Listing<'a> {
    pub fn new(s3: &'a S3Reader, bucket: &'a str, prefix: &'a str, as_of: Option<Time>) -> Self {
        Self {
            s3,
            bucket,
            prefix,
            as_of,
            not_after: None,
            left_out: Rc::default(),
            page: VecDeque::new(),
            next: Next::Start,
            decided: None,
        }
    }

    /// Leaves out objects that were modified after `at`.
    ///
    /// If the bucket keeps versions, lists the versions that were current at `at`. An earlier time
    /// that was already set stays.
    #[must_use]
    pub fn not_after(mut self, at: Option<Time>) -> Self {
        self.not_after = at;
        self.as_of = match (self.as_of, at) {
            (Some(as_of), Some(at)) => Some(as_of.min(at)),
            (as_of, _) => as_of,
        };
        self
    }

    /// Returns the count of the objects left out. It grows while the listing goes on.
    pub fn left_out(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.left_out)
    }

    pub async fn next(&mut self) -> CloudResult<Option<Entry>> {
        loop {
            if let Some(entry) = self.page.pop_front() {
                return Ok(Some(entry));
            }
            if matches!(self.next, Next::End) {
                return Ok(None);
            }
            let undecided = matches!(self.next, Next::Start) && self.as_of.is_none();
            if undecided
                && let Some(at) = self.not_after
                && self.keeps_versions().await?
            {
                self.as_of = Some(at);
            }
            match self.as_of {
                None => self.load_current().await?,
                Some(at) => self.load_as_of(at).await?,
            }
        }
    }

    async fn load_current(&mut self) -> CloudResult<()> {
        let mut request = self
            .s3
            .list_objects_v2()
            .bucket(self.bucket)
            .prefix(self.prefix)
            .encoding_type(EncodingType::Url);
        if let Next::Token(token) = &self.next {
            request = request.continuation_token(token);
        }
        let answer = request.send().await.or_cloud("s3:ListObjectsV2")?;
        self.next = match answer.next_continuation_token {
            Some(token) if answer.is_truncated == Some(true) => Next::Token(token),
            _ => Next::End,
        };
        let encoding = answer.encoding_type;
        for object in answer.contents.unwrap_or_default() {
            let entry = Entry {
                key: decode(object.key().unwrap_or_default(), encoding.as_ref()),
                size: size(object.size()),
                modified: some_time(object.last_modified()),
                etag: object.e_tag,
                version: None,
            };
            // An object without a modification time may be newer, so it is left out.
            if self.not_after.is_some_and(|at| entry.modified.is_none_or(|modified| modified > at)) {
                self.left_out.set(self.left_out.get() + 1);
            } else {
                self.page.push_back(entry);
            }
        }
        Ok(())
    }

    async fn load_as_of(&mut self, at: Time) -> CloudResult<()> {
        const CALL: &str = "s3:ListObjectVersions";
        if matches!(self.next, Next::Start) {
            self.require_versioning().await?;
        }
        let mut request = self
            .s3
            .list_object_versions()
            .bucket(self.bucket)
            .prefix(self.prefix)
            .encoding_type(EncodingType::Url);
        if let Next::Marker(key, version) = &self.next {
            request = request.set_key_marker(key.clone()).set_version_id_marker(version.clone());
        }
        let answer = request.send().await.or_cloud(CALL)?;
        let encoding = answer.encoding_type.clone();
        let decode = |key: &str| decode(key, encoding.as_ref());
        self.next = if answer.is_truncated == Some(true) && answer.next_key_marker.is_some() {
            Next::Marker(answer.next_key_marker().map(decode), answer.next_version_id_marker.clone())
        } else {
            Next::End
        };
        // Versions and delete markers come in two lists. Each is sorted by key, newest first.
        let mut all: Vec<(Entry, bool, bool)> = Vec::new();
        for v in answer.versions.unwrap_or_default() {
            let entry = Entry {
                key: decode(v.key().unwrap_or_default()),
                size: size(v.size()),
                modified: some_time(v.last_modified()),
                etag: v.e_tag,
                version: v.version_id,
            };
            all.push((entry, false, v.is_latest == Some(true)));
        }
        for m in answer.delete_markers.unwrap_or_default() {
            let entry = Entry {
                key: decode(m.key().unwrap_or_default()),
                modified: some_time(m.last_modified()),
                ..Entry::default()
            };
            all.push((entry, true, m.is_latest == Some(true)));
        }
        // Times have whole seconds. If an object was written and deleted within one second and
        // neither entry is the latest, the stable order keeps the object.
        all.sort_by(|(a, _, a_latest), (b, _, b_latest)| {
            (&a.key, b.modified, b_latest).cmp(&(&b.key, a.modified, a_latest))
        });
        for (entry, deleted, _) in all {
            if self.decided.as_ref() == Some(&entry.key) {
                continue;
            }
            let Some(modified) = entry.modified else {
                let what = format!("a version of `{}` has no modification time", entry.key);
                return Err(CloudError::new(ErrorKind::Server, CALL, what));
            };
            if modified > at {
                continue;
            }
            self.decided = Some(entry.key.clone());
            if !deleted {
                self.page.push_back(entry);
            }
        }
        Ok(())
    }

    /// Returns whether the store lists versions. `false` also for a store that does not know
    /// versions, and for one that does not let us ask.
    async fn keeps_versions(&self) -> CloudResult<bool> {
        match is_versioned(self.s3, self.bucket).await {
            Err(e) if matches!(e.kind, ErrorKind::Forbidden | ErrorKind::Invalid) => Ok(false),
            other => other,
        }
    }

    async fn require_versioning(&self) -> CloudResult<()> {
        if is_versioned(self.s3, self.bucket).await? {
            return Ok(());
        }
        Err(CloudError::new(
            ErrorKind::Invalid,
            VERSIONING,
            format!("bucket {} is not versioned: how it was at an earlier instant is not known", self.bucket),
        )
        .help("leave `as_of` out, or restore from a bucket with versioning"))
    }
}

/// Whether the bucket keeps versions. A provider that does not know versions keeps none.
pub async fn is_versioned(s3: &S3Reader, bucket: &str) -> CloudResult<bool> {
    match s3.get_bucket_versioning().bucket(bucket).send().await.or_cloud(VERSIONING) {
        Ok(answer) => Ok(answer.status() == Some(&BucketVersioningStatus::Enabled)),
        Err(e) if e.kind == ErrorKind::Unsupported => Ok(false),
        Err(e) => Err(e),
    }
}

fn size(size: Option<i64>) -> u64 {
    size.and_then(|s| u64::try_from(s).ok()).unwrap_or(0)
}

pub async fn measure(s3: &S3Reader, bucket: &str, prefix: &str) -> CloudResult<MeasuredObjects> {
    let mut listing = Listing::new(s3, bucket, prefix, None);
    let (mut count, mut bytes) = (0, 0);
    while let Some(entry) = listing.next().await? {
        count += 1;
        bytes += entry.size;
    }
    Ok(MeasuredObjects { count: Some(count), bytes: Some(bytes) })
}

/// Measures the object with exactly this key. It comes first among all keys that begin with it.
pub async fn measure_one(s3: &S3Reader, bucket: &str, key: &str) -> CloudResult<MeasuredObjects> {
    let mut listing = Listing::new(s3, bucket, key, None);
    let first = listing.next().await?.filter(|entry| entry.key == key);
    let (count, bytes) = first.map_or((0, 0), |entry| (1, entry.size));
    Ok(MeasuredObjects { count: Some(count), bytes: Some(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded() {
        assert_eq!(decode("a+b%2Bc%20d%2F%C3%A9%01", Some(&EncodingType::Url)), "a b+c d/é\u{1}");
        assert_eq!(decode("a+b%2B", None), "a+b%2B");
    }
}
