//! Buckets to restore objects from: versioned ones, and replicas.

use aws_sdk_s3::types::BucketVersioningStatus;

use super::{Search, Want, named};
use crate::Aws;
use crate::access::S3Reader;
use crate::error::OrCloud;
use base::duration::Size;
use base::ids::AccountId;
use estate::{PointKind, RecoveryPoint, Selector};
use port::{CloudResult, ErrorKind};

/// Both kinds are asked for by the name of the bucket that is read: nothing at a replica says whose replica it is.
pub async fn find(
    aws: &Aws,
    s3: &S3Reader,
    search: &Search<'_>,
    kind: PointKind,
) -> CloudResult<Vec<RecoveryPoint>> {
    let name = match search.want {
        Want::Id(id) => id,
        Want::Of(Selector::Id(id)) if id.kind == "s3:bucket" => &id.name,
        Want::Of(_) => return Ok(Vec::new()),
    };
    let Some(owner) = owner(aws, s3, search, name).await? else { return Ok(Vec::new()) };
    let taken = if kind == PointKind::S3Versions {
        let answer =
            s3.get_bucket_versioning().bucket(name).send().await.or_cloud("s3:GetBucketVersioning")?;
        if answer.status() != Some(&BucketVersioningStatus::Enabled) {
            return Ok(Vec::new());
        }
        // Every object as it is at this moment can be had.
        Some(search.now)
    } else {
        // How far a replica lags behind is not told by S3's API (it stands in CloudWatch).
        None
    };
    Ok(vec![RecoveryPoint {
        // Another account's bucket that these credentials may read is shared with them, by its policy.
        shared_with: if owner == search.place.account {
            Vec::new()
        } else {
            vec![search.place.account.clone()]
        },
        taken,
        // Since when it can be read, S3 does not tell: it is read as of T0.
        usable: None,
        seen_usable: Some(search.now),
        // Counting them may take hours: `measure_objects` does it where it is wanted.
        size: Size(0),
        objects: 0,
        // Each object has a key of its own, or none: reading tells.
        encrypted: false,
        kms_key: None,
        ..RecoveryPoint::new(named("s3:bucket", name), kind, name, owner, search.place.region.clone())
    }])
}

/// Whose the bucket is, among the playbook's accounts. `None`: it is nobody's of them, it does not lie in this region
/// (its name is global), or this account may not read it.
async fn owner(aws: &Aws, s3: &S3Reader, search: &Search<'_>, name: &str) -> CloudResult<Option<AccountId>> {
    let own = &search.place.account;
    let elsewhere = aws.access(own).endpoint.is_some();
    let others = aws
        .config
        .accounts
        .iter()
        .filter(|(id, access)| !elsewhere && *id != own && access.endpoint.is_none());
    // S3 tells an owner only to those who name it.
    for account in std::iter::once(own).chain(others.map(|(id, _)| id)) {
        let head = s3.head_bucket().bucket(name).expected_bucket_owner(account.as_str()).send().await;
        // 301, 400 or 403, by region and owner: S3 says where the bucket is, whatever it answers.
        let region = head.as_ref().err().and_then(|e| e.raw_response()?.headers().get("x-amz-bucket-region"));
        if region.is_some_and(|region| region != search.place.region.as_str()) {
            return Ok(None);
        }
        match head.or_cloud("s3:HeadBucket") {
            Ok(head) => {
                let here = head.bucket_region().is_none_or(|r| r == search.place.region.as_str());
                return Ok(here.then(|| account.clone()));
            }
            // 403: another account's, or not ours to see.
            Err(e) if e.kind == ErrorKind::Forbidden => {}
            // 404: none; 301: another region.
            Err(e) if e.kind == ErrorKind::NotFound || e.message.contains("301") => return Ok(None),
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}
