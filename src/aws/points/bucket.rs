//! Buckets as recovery points: buckets with versions, and replicas.

use super::{Search, named};
use crate::Aws;
use crate::access::S3Reader;
use crate::error::OrCloud;
use crate::s3::list::is_versioned;
use base::duration::{Size, Time};
use base::ids::{AccountId, Region};
use estate::{Loss, PointKind, RecoveryPoint};
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
    let Some(name) = search.bucket() else { return Ok(Vec::new()) };
    let Some(owner) = owner(aws, s3, search, name).await? else { return Ok(Vec::new()) };
    aws.shared.know_owner(name, &owner);
    let taken = if kind == PointKind::S3Versions {
        if !is_versioned(s3, name).await? {
            return Ok(Vec::new());
        }
        // Every object can be read as it was at this time.
        Some(search.now)
    } else {
        // S3's API does not return the lag of a replica. Only CloudWatch has it.
        None
    };
    Ok(vec![point(search, kind, name, owner, search.place.region.clone(), taken)])
}

/// Returns the bucket of another provider as a recovery point. A region of another name is the
/// provider's own: it is followed there.
pub async fn find_elsewhere(
    aws: &Aws,
    search: &Search<'_>,
    kind: PointKind,
) -> CloudResult<Vec<RecoveryPoint>> {
    let Some(name) = search.bucket() else { return Ok(Vec::new()) };
    let account = &search.place.account;
    let blame = |error| aws.blame(account, error);
    let mut place = search.place.clone();
    let mut clients = aws.s3_clients(&place).await.map_err(blame)?;
    let mut head = clients.s3.head_bucket().bucket(name).send().await;
    let told = match &head {
        Ok(head) => head.bucket_region().map(str::to_owned),
        Err(e) => e.raw_response().and_then(|r| r.headers().get("x-amz-bucket-region")).map(str::to_owned),
    };
    if let Some(region) = told.and_then(|region| region.parse().ok()).filter(|region| *region != place.region)
    {
        place.region = region;
        clients = aws.s3_clients(&place).await.map_err(blame)?;
        head = clients.s3.head_bucket().bucket(name).send().await;
    }
    match head.or_cloud("s3:HeadBucket") {
        Ok(_) => {}
        Err(e) if e.kind == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) if matches!(e.kind, ErrorKind::Network | ErrorKind::Lost) => return Err(blame(e)),
        // The answer to a HEAD request has no body. A listing says what is wrong.
        Err(_) => {
            let listing = clients.s3.list_objects_v2().bucket(name).max_keys(1).send().await;
            match listing.or_cloud("s3:ListObjectsV2") {
                Err(e) if e.message.starts_with("NoSuchBucket") => return Ok(Vec::new()),
                other => other.map(drop).map_err(blame)?,
            }
        }
    }
    let taken = if kind == PointKind::S3Versions {
        if !is_versioned(&clients.s3, name).await.map_err(blame)? {
            return Ok(Vec::new());
        }
        Some(search.now)
    } else {
        None
    };
    Ok(vec![point(search, kind, name, account.clone(), place.region, taken)])
}

/// A bucket as a recovery point. It is read as of T0.
fn point(
    search: &Search<'_>,
    kind: PointKind,
    name: &str,
    owner: AccountId,
    region: Region,
    taken: Option<Time>,
) -> RecoveryPoint {
    RecoveryPoint {
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
        ..RecoveryPoint::new(named("s3:bucket", name), kind, name, owner, region)
    }
}

/// Returns which of the playbook's accounts owns the bucket.
///
/// `None`: none of them owns it, it is in another region (its name is global), or this account may
/// not read it.
async fn owner(aws: &Aws, s3: &S3Reader, search: &Search<'_>, name: &str) -> CloudResult<Option<AccountId>> {
    let own = &search.place.account;
    let others = aws.config.accounts.iter().filter(|(id, access)| *id != own && access.endpoint.is_none());
    // An account that is lost may be none of the playbook's.
    let lost = aws.shared.gate.loss().and_then(Loss::account).filter(|lost| *lost != own);
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
