//! Buckets as recovery points: buckets with versions, and replicas.

use aws_sdk_s3::types::BucketVersioningStatus;

use super::{Search, Target, named};
use crate::Aws;
use crate::access::S3Reader;
use crate::error::OrCloud;
use base::duration::Size;
use base::ids::AccountId;
use estate::{Loss, PointKind, RecoveryPoint, Selector};
use port::{CloudResult, ErrorKind};

/// Returns the bucket as a recovery point.
///
/// Both kinds are asked for by the bucket's own name: nothing at a replica names its source.
pub async fn find(
    aws: &Aws,
    s3: &S3Reader,
    search: &Search<'_>,
    kind: PointKind,
) -> CloudResult<Vec<RecoveryPoint>> {
    let name = match search.target {
        Target::Point(id) => id,
        Target::Source(Selector::Id(id)) if id.kind == "s3:bucket" => &id.name,
        Target::Source(_) => return Ok(Vec::new()),
    };
    let Some(owner) = owner(aws, s3, search, name).await? else { return Ok(Vec::new()) };
    if aws.access(&search.place.account).endpoint.is_none() {
        aws.shared.know_owner(name, &owner);
    }
    let taken = if kind == PointKind::S3Versions {
        let answer =
            s3.get_bucket_versioning().bucket(name).send().await.or_cloud("s3:GetBucketVersioning")?;
        if answer.status() != Some(&BucketVersioningStatus::Enabled) {
            return Ok(Vec::new());
        }
        // Every object can be read as it was at this time.
        Some(search.now)
    } else {
        // S3's API does not return the lag of a replica. Only CloudWatch has it.
        None
    };
    Ok(vec![RecoveryPoint {
        // A bucket of another account that these credentials can read is shared by its policy.
        shared_with: if owner == search.place.account {
            Vec::new()
        } else {
            vec![search.place.account.clone()]
        },
        taken,
        // S3 does not say since when the bucket can be read, so it is read as of T0.
        usable: None,
        seen_usable: Some(search.now),
        // Counting the objects may take hours. `measure_objects` does it on request.
        size: Size(0),
        objects: 0,
        // Each object has its own key or none. Only reading it tells.
        encrypted: false,
        kms_key: None,
        ..RecoveryPoint::new(named("s3:bucket", name), kind, name, owner, search.place.region.clone())
    }])
}

/// Returns which of the playbook's accounts owns the bucket.
///
/// `None`: none of them owns it, it is in another region (its name is global), or this account may
/// not read it.
async fn owner(aws: &Aws, s3: &S3Reader, search: &Search<'_>, name: &str) -> CloudResult<Option<AccountId>> {
    let own = &search.place.account;
    let elsewhere = aws.access(own).endpoint.is_some();
    let others = aws
        .config
        .accounts
        .iter()
        .filter(|(id, access)| !elsewhere && *id != own && access.endpoint.is_none());
    // An account that is lost may be none of the playbook's.
    let lost = aws.shared.gate.loss().and_then(Loss::account).filter(|lost| !elsewhere && *lost != own);
    // S3 does not name the owner. It only confirms the account in the request.
    for account in std::iter::once(own).chain(others.map(|(id, _)| id)).chain(lost) {
        let head = s3.head_bucket().bucket(name).expected_bucket_owner(account.as_str()).send().await;
        // S3 names the bucket's region in every answer, also in a 301, 400 or 403.
        let region = head.as_ref().err().and_then(|e| e.raw_response()?.headers().get("x-amz-bucket-region"));
        if region.is_some_and(|region| region != search.place.region.as_str()) {
            return Ok(None);
        }
        match head.or_cloud("s3:HeadBucket") {
            Ok(head) => {
                let here = head.bucket_region().is_none_or(|r| r == search.place.region.as_str());
                return Ok(here.then(|| account.clone()));
            }
            // 403: the bucket belongs to another account, or these credentials may not see it.
            Err(e) if e.kind == ErrorKind::Forbidden => {}
            // 404: no such bucket. 301: it is in another region.
            Err(e) if e.kind == ErrorKind::NotFound || e.message.contains("301") => return Ok(None),
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}
