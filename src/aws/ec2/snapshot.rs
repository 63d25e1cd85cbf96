//! EBS snapshots: copied, observed, deleted.

use aws_sdk_ec2::types::{ResourceType, SnapshotState};

use super::{FILTER_VALUES, filter, made_before};
use crate::access::{Ec2Reader, Writer};
use crate::error::OrCloud;
use crate::once::once;
use crate::{At, missing, observed, pages, presign, tags, with};
use port::{CloudError, CloudResult, Create, Created, ErrorKind, Kind, Observed, State, TAG_RUN};

pub async fn copy(at: &At<'_>, what: &Create) -> CloudResult<Created> {
    const CALL: &str = "ec2:CopySnapshot";
    let Create::CopySnapshot { source, source_region, kms_key, name, .. } = what else {
        return Err(CloudError::new(ErrorKind::Unsupported, CALL, "not a copy of a snapshot"));
    };
    let writer = at.writer().await?;
    // A copy of an encrypted snapshot is always encrypted. A copy of another one is encrypted only
    // on request.
    let url = presign::url(
        writer.credentials.as_ref(),
        presign::Service::Ec2,
        source_region,
        &at.place.region,
        &[("Action", "CopySnapshot"), ("SourceRegion", source_region.as_str()), ("SourceSnapshotId", source)],
    )
    .await?;
    let id = once(
        at,
        async || {
            let found = writer
                .ec2
                .describe_snapshots()
                .owner_ids("self")
                .set_filters(Some(made_before(at)))
                .send()
                .await
                .or_cloud("ec2:DescribeSnapshots")?;
            let alive = found.snapshots().iter().find(|s| s.state() != Some(&SnapshotState::Error));
            Ok(alive.and_then(|s| s.snapshot_id.clone()))
        },
        async || {
            let answer = writer
                .ec2_once
                .copy_snapshot()
                .source_snapshot_id(source)
                .source_region(source_region.as_str())
                .set_encrypted(kms_key.as_ref().map(|_| true))
                .set_kms_key_id(kms_key.clone())
                .set_presigned_url(url.clone())
                .description(format!("Drillmaster copy of {source} from {source_region}"))
                .tag_specifications(tags::ec2_spec(at, name, ResourceType::Snapshot))
                .send()
                .await
                .or_cloud(CALL)?;
            answer.snapshot_id.ok_or_else(|| missing(CALL, "snapshot id"))
        },
    )
    .await?;
    Ok(at.created(Kind::Snapshot, id, "snapshot_id"))
}

pub async fn observe(ec2: &Ec2Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = ec2.describe_snapshots().filters(filter("snapshot-id", ids));
        for snapshot in pages!("ec2:DescribeSnapshots", snapshots, request) {
            let said = snapshot.state_message.clone().unwrap_or_default();
            let state = match snapshot.state() {
                Some(SnapshotState::Completed) => State::Ready,
                // `recoverable`: it was deleted, and lies in the Recycle Bin.
                Some(s @ (SnapshotState::Error | SnapshotState::Recoverable)) => {
                    State::Failed(format!("{s} {said}").trim().to_owned())
                }
                other => State::Pending(other.map_or("pending", SnapshotState::as_str).to_owned()),
            };
            let id = snapshot.snapshot_id.unwrap_or_default();
            let seen = with(observed(id.clone(), state), "snapshot_id", id);
            let seen = with(seen, "size_gib", snapshot.volume_size);
            all.push(with(seen, "progress", snapshot.progress));
        }
    }
    Ok(all)
}

pub async fn delete(to: &Writer, id: &str) -> CloudResult<()> {
    let (ec2, run_tags) = (&to.ec2, &to.run_tags);
    let found = ec2.describe_snapshots().filters(filter("snapshot-id", [id])).send().await;
    let found = found.or_cloud("ec2:DescribeSnapshots")?;
    let Some(snapshot) = found.snapshots().first() else { return Ok(()) };
    tags::guard("ec2:DeleteSnapshot", id, tags::value(snapshot.tags(), TAG_RUN), run_tags)?;
    ec2.delete_snapshot().snapshot_id(id).send().await.or_cloud("ec2:DeleteSnapshot")?;
    Ok(())
}
