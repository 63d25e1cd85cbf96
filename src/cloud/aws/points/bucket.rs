//! Buckets to restore objects from: versioned ones, and replicas.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::BucketVersioningStatus;

use super::{Search, Want, named};
use crate::cloud::aws::error::OrCloud;
use crate::cloud::{CloudResult, ErrorKind};
use crate::duration::Size;
use crate::estate::{PointKind, RecoveryPoint, Selector};

/// Both kinds are asked for by the name of the bucket that is read: nothing at a replica says whose replica it is.
pub async fn find(s3: &Client, search: &Search<'_>, kind: PointKind) -> CloudResult<Vec<RecoveryPoint>> {
    let name = match search.want {
        Want::Id(id) => id,
        Want::Of(Selector::Id(id)) if id.kind == "s3:bucket" && kind == PointKind::S3Versions => &id.name,
        Want::Of(_) => return Ok(Vec::new()),
    };
    // A bucket's name is global: it counts here only if it lies in this region and belongs to this account.
    let head =
        s3.head_bucket().bucket(name).expected_bucket_owner(search.place.account.as_str()).send().await;
    match head.or_cloud("s3:HeadBucket") {
        Ok(head) if head.bucket_region().is_some_and(|r| r != search.place.region.as_str()) => {
            return Ok(Vec::new());
        }
        Ok(_) => {}
        // 301: another region; 403: another account's, or not ours to see; 404: none.
        Err(e)
            if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) || e.message.contains("301") =>
        {
            return Ok(Vec::new());
        }
        Err(e) => return Err(e),
    }
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
        of: named("s3:bucket", name),
        kind,
        id: name.to_owned(),
        account: search.place.account.clone(),
        region: search.place.region.clone(),
        taken,
        usable: Some(search.now),
        // Counting them may take hours: `measure_objects` does it where it is wanted.
        size: Size(0),
        objects: 0,
        shared_with: Vec::new(),
        managed_key: false,
    }])
}
