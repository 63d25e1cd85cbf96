//! The twin's buckets: their owners, and the number and size of their objects.
//!
//! The twin models neither keys nor contents, so a comparison compares only counts and sizes.

use std::collections::BTreeMap;

use super::world::World;
use base::duration::Time;
use estate::{PointIndex, PointKind, RecoveryPoint};
use port::{BucketRef, CloudError, CloudResult, ErrorKind, Kind, Place, State, VerifiedObjects};

/// A bucket's objects. An `Option` of it is `None` if the estate does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    pub objects: u64,
    pub bytes: u64,
}

/// Restored objects, by the target bucket and by their source. A repeated copy changes nothing.
#[derive(Default)]
pub struct Restored(BTreeMap<String, BTreeMap<String, Option<Contents>>>);

impl Restored {
    pub fn add(&mut self, bucket: &str, from: &str, contents: Option<Contents>) {
        self.0.entry(bucket.to_owned()).or_default().insert(from.to_owned(), contents);
    }

    fn of(&self, bucket: &str) -> Option<Contents> {
        let mut sum = Contents::default();
        for part in self.0.get(bucket).into_iter().flat_map(BTreeMap::values) {
            let part = (*part)?;
            sum.objects += part.objects;
            sum.bytes += part.bytes;
        }
        Some(sum)
    }
}

/// The buckets of the estate and of the run.
pub struct Buckets<'a> {
    pub points: &'a PointIndex,
    pub world: &'a World,
    pub restored: &'a Restored,
    pub now: Time,
}

impl Buckets<'_> {
    /// Returns the contents of a bucket, if these credentials may read it.
    pub fn read(&self, call: &str, bucket: &BucketRef) -> CloudResult<Option<Contents>> {
        let place = Place { account: bucket.account.clone(), region: bucket.region.clone() };
        let made = self.world.observe(&place, Kind::Bucket, &bucket.name, self.now);
        if made.state != State::Gone {
            return Ok(self.restored.of(&bucket.name));
        }
        let Some(point) = self.points.by_id(&bucket.name).find(|p| is_bucket(p) && p.id == bucket.name)
        else {
            return Err(CloudError::new(
                ErrorKind::NotFound,
                call,
                format!("NoSuchBucket: the estate has no bucket {}", bucket.name),
            )
            .help("check the name, or add the bucket to `resources:` of the estate"));
        };
        if point.account != bucket.account && !point.shared_with.contains(&bucket.account) {
            return Err(CloudError::new(
                ErrorKind::Forbidden,
                call,
                format!("AccessDenied: {} is not shared with account {}", bucket.name, bucket.account),
            )
            .help("read it with its owner's credentials (`account:`), or share it"));
        }
        let contents = Contents { objects: point.objects, bytes: point.size.0 };
        Ok((contents != Contents::default()).then_some(contents))
    }

    pub fn is_versioned(&self, bucket: &BucketRef) -> bool {
        self.points.by_id(&bucket.name).any(|p| p.kind == PointKind::S3Versions && p.id == bucket.name)
    }

    /// Refuses a bucket without versions: it cannot be read as of an earlier time.
    pub fn versioned(&self, call: &str, bucket: &BucketRef) -> CloudResult<()> {
        if self.is_versioned(bucket) {
            return Ok(());
        }
        Err(CloudError::new(
            ErrorKind::Invalid,
            call,
            format!("{} is not versioned: it cannot be read as of an instant", bucket.name),
        )
        .help("leave `as_of` out, or name a versioned bucket"))
    }

    /// Refuses any bucket that the run did not create: a drill writes only to its own.
    pub fn write(&self, call: &str, bucket: &BucketRef) -> CloudResult<()> {
        let place = Place { account: bucket.account.clone(), region: bucket.region.clone() };
        match self.world.observe(&place, Kind::Bucket, &bucket.name, self.now).state {
            State::Gone => Err(CloudError::new(
                ErrorKind::NotFound,
                call,
                format!("NoSuchBucket: the run has made no bucket {}", bucket.name),
            )),
            State::Ready | State::Pending(_) | State::Failed(_) => Ok(()),
        }
    }
}

fn is_bucket(point: &RecoveryPoint) -> bool {
    point.kind.resource_kind() == "s3:bucket"
}

/// Compares counts and sizes.
///
/// A size of 0 means that a manifest gives none. If the estate does not tell the contents of one
/// side, the result says so.
pub fn compare(found: Option<Contents>, expected: Option<Contents>) -> VerifiedObjects {
    let (Some(found), Some(expected)) = (found, expected) else {
        let matched = found.or(expected).unwrap_or_default().objects;
        return VerifiedObjects { matched, unknown: true, ..VerifiedObjects::default() };
    };
    let missing = expected.objects.saturating_sub(found.objects);
    let extra = found.objects.saturating_sub(expected.objects);
    let sizes_differ = missing + extra == 0 && expected.bytes > 0 && found.bytes != expected.bytes;
    let different = u64::from(sizes_differ && found.objects > 0);
    let mut examples = Vec::new();
    if missing + extra + different > 0 {
        examples.push(format!(
            "{} objects of {} bytes, where {} of {} bytes should be (the twin knows no keys)",
            found.objects, found.bytes, expected.objects, expected.bytes
        ));
    }
    let matched = found.objects.min(expected.objects) - different;
    VerifiedObjects { matched, missing, extra, different, examples, unknown: false }
}
