//! Copies objects between buckets. One server copies by itself. Between two servers the objects
//! pass through this process, in bounded memory.

use std::cell::{Cell, RefCell};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::job::{Job, copy_source, is_overwritten};
use super::list::{Entry, Listing};
use super::{PARALLEL, bucket, multipart};
use crate::error::OrCloud;
use crate::{Aws, tags};
use port::{
    CloudError, CloudResult, CopiedObjects, CopyObjects, ErrorKind, Operation, Permit, Place, Progress,
};

/// From this size on, S3 copies an object part by part. `CopyObject` could take 5 GiB, but a single
/// call copies about 100 MiB in a second or less, and a lost answer costs all of it.
const IN_PARTS: u64 = 256 << 20;
/// The copy ends after this many failed objects: most causes concern all objects.
const MOST_FAILURES: usize = 20;
/// The number of objects that pass through this process at once. Each holds up to one part in
/// memory.
const STREAMS: usize = 4;
const TRIES: u32 = 4;

/// The calls that read the source. All others go to the target.
const READS: [&str; 5] = [
    "s3:GetBucketVersioning",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:ListObjectVersions",
    "s3:ListObjectsV2",
];

pub async fn run(
    aws: &Aws,
    permit: &Permit,
    copy: &CopyObjects,
    progress: &dyn Fn(Progress),
) -> CloudResult<CopiedObjects> {
    let copied = objects(aws, permit, copy, progress).await;
    copied.map_err(|e| if READS.contains(&e.call.as_str()) { aws.blame(&copy.from.account, e) } else { e })
}

async fn objects(
    aws: &Aws,
    permit: &Permit,
    copy: &CopyObjects,
    progress: &dyn Fn(Progress),
) -> CloudResult<CopiedObjects> {
    const CALL: &str = "s3:PutObject";
    let from = aws.bucket_clients(&copy.from).await?;
    let to = aws.bucket_clients(&copy.to).await?;
    if aws.access(&copy.to.account).endpoint.is_none() {
        aws.shared.know_owner(&copy.to.name, &copy.to.account);
    }
    let there = Place { account: copy.to.account.clone(), region: copy.from.region.clone() };
    let there = aws.s3_clients(&there).await?;
    let writer = to.writer(permit, Operation::Write, CALL)?;
    let carried = bucket::tags_of(&writer.read.s3, &copy.to.name).await?;
    tags::guard(CALL, &copy.to.name, bucket::run_of(&carried), &writer.run_tags)?;
    let job = Job {
        from: &from.s3,
        from_by_target: &there.s3,
        to: &writer.s3,
        bulk: &writer.s3_bulk,
        source: &copy.from.name,
        target: &copy.to.name,
        checksums: aws.access(&copy.to.account).endpoint.is_none(),
    };
    let one_server = from.s3_endpoint == to.s3_endpoint
        && aws.access(&copy.from.account).endpoint == aws.access(&copy.to.account).endpoint;
    // If the target's credentials may not read the source, the source's own credentials read it.
    let through_here = Cell::new(!one_server);
    let may_fall_back = copy.from.account != copy.to.account;
    let failures: RefCell<Vec<(String, CloudError)>> = RefCell::default();
    let done = RefCell::new(CopiedObjects::default());
    let of_objects = (copy.objects > 0).then_some(copy.objects);
    let listing = Listing::new(&from.s3, &copy.from.name, &copy.prefix, copy.as_of).not_after(copy.not_after);
    let left_out = listing.left_out();
    let entries = stream::try_unfold(listing, async |mut listing| {
        Ok::<_, CloudError>(listing.next().await?.map(|entry| (entry, listing)))
    });
    let copied = entries
        .take_while(|_| std::future::ready(failures.borrow().len() < MOST_FAILURES))
        .map(async |entry: CloudResult<Entry>| {
            let entry = entry?;
            // A refusal of the first object concerns all of them.
            let first = done.borrow().objects == 0;
            match one(&job, &entry, &through_here, may_fall_back, first).await {
                Ok(()) => {
                    let mut done = done.borrow_mut();
                    done.objects += 1;
                    done.bytes += entry.size;
                    done.newest = done.newest.max(entry.modified);
                    let now = Progress { objects: done.objects, bytes: done.bytes, of_objects };
                    drop(done);
                    progress(now);
                }
                Err(e) if e.kind == ErrorKind::Lost => return Err(e),
                // The listing was made after T0, so the object was overwritten after it.
                Err(e) if is_overwritten(&e) => left_out.set(left_out.get() + 1),
                Err(e) => failures.borrow_mut().push((entry.key, e)),
            }
            Ok(())
        })
        .buffer_unordered(if one_server { PARALLEL } else { STREAMS });
    copied.try_collect::<()>().await?;
    report(&failures.take(), CopiedObjects { left_out: left_out.get(), ..done.into_inner() })
}

fn report(failures: &[(String, CloudError)], done: CopiedObjects) -> CloudResult<CopiedObjects> {
    let Some((_, first)) = failures.first() else { return Ok(done) };
    let keys: Vec<&str> = failures.iter().take(5).map(|(key, _)| key.as_str()).collect();
    let more = if failures.len() >= MOST_FAILURES { " (given up)" } else { "" };
    let mut error = first.clone();
    error.message = format!(
        "{} objects were copied and {} failed{more}: {}; the first: {}",
        done.objects,
        failures.len(),
        keys.join(", "),
        first.message,
    );
    Err(error)
}

async fn one(
    job: &Job<'_>,
    entry: &Entry,
    through_here: &Cell<bool>,
    may_fall_back: bool,
    first: bool,
) -> CloudResult<()> {
    let (mut tries, mut here) = (1, false);
    loop {
        here |= through_here.get();
        let done = if here {
            multipart::stream(job, entry).await
        } else if entry.size >= IN_PARTS {
            multipart::copy(job, entry).await
        } else {
            let request = job.bulk.copy_object().bucket(job.target).key(&entry.key);
            request
                .copy_source(copy_source(job.source, entry))
                .set_copy_source_if_match(entry.etag.clone())
                .send()
                .await
                .or_cloud("s3:CopyObject")
                .map(drop)
        };
        match done {
            Err(e) if !here && may_fall_back && e.kind == ErrorKind::Forbidden => {
                here = true;
                if first {
                    through_here.set(true);
                }
            }
            Err(e) if e.may_pass() && tries < TRIES => tries += 1,
            other => return other,
        }
    }
}
