//! Snapshots of databases and clusters: copied, observed, and deleted.

use aws_sdk_rds::types::Tag;

use super::{FILTER_VALUES, adopt, filter, taken};
use crate::access::{RdsReader, Writer};
use crate::error::OrCloud;
use crate::once::begun;
use crate::{At, observed, pages, presign, tags, with};
use port::{
    CloudError, CloudResult, Create, Created, ErrorKind, Kind, Observed, ResourceRef, State, TAG_RUN,
};

pub async fn copy(at: &At<'_>, what: &Create) -> CloudResult<Created> {
    let (Create::CopyDbSnapshot { source, source_region, kms_key, name, .. }
    | Create::CopyDbClusterSnapshot { source, source_region, kms_key, name, .. }) = what
    else {
        return Err(CloudError::new(ErrorKind::Unsupported, what.call(), "not a copy of a snapshot"));
    };
    let option_group =
        if let Create::CopyDbSnapshot { option_group, .. } = what { option_group } else { &None };
    let writer = at.writer().await?;
    let of_cluster = matches!(what, Create::CopyDbClusterSnapshot { .. });
    let action = if of_cluster { "CopyDBClusterSnapshot" } else { "CopyDBSnapshot" };
    let word = if of_cluster { "DBClusterSnapshotIdentifier" } else { "DBSnapshotIdentifier" };
    let (from, target) = (format!("Source{word}"), format!("Target{word}"));
    let mut parameters =
        vec![("Action", action), (from.as_str(), source.as_str()), (target.as_str(), name.as_str())];
    parameters.extend(kms_key.as_deref().map(|key| ("KmsKeyId", key)));
    parameters.extend(option_group.as_deref().map(|group| ("OptionGroupName", group)));
    let url = presign::url(
        writer.credentials.as_ref(),
        presign::Service::Rds,
        source_region,
        &at.place.region,
        &parameters,
    )
    .await?;
    let (made, kind) = if of_cluster {
        let request = writer
            .rds
            .copy_db_cluster_snapshot()
            .source_db_cluster_snapshot_identifier(source)
            .target_db_cluster_snapshot_identifier(name)
            .set_kms_key_id(kms_key.clone())
            .set_pre_signed_url(url)
            .copy_tags(false)
            .set_tags(Some(tags::for_rds(at, name)));
        (request.send().await.or_cloud(what.call()).map(drop), Kind::DbClusterSnapshot)
    } else {
        let request = writer
            .rds
            .copy_db_snapshot()
            .source_db_snapshot_identifier(source)
            .target_db_snapshot_identifier(name)
            .set_option_group_name(option_group.clone())
            .set_kms_key_id(kms_key.clone())
            .set_pre_signed_url(url)
            .copy_tags(false)
            .set_tags(Some(tags::for_rds(at, name)));
        (request.send().await.or_cloud(what.call()).map(drop), Kind::DbSnapshot)
    };
    let found = if taken(&made) { begun(tags_of(&writer.read.rds, kind, name).await)? } else { None };
    adopt(at, made, &format!("the snapshot {name}"), found.as_deref())?;
    Ok(at.created(kind, name, "snapshot_id"))
}

async fn tags_of(rds: &RdsReader, kind: Kind, id: &str) -> CloudResult<Option<Vec<Tag>>> {
    if kind == Kind::DbClusterSnapshot {
        let found = rds.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(id).send().await;
        return match found.or_cloud("rds:DescribeDBClusterSnapshots") {
            Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
            other => Ok(other?.db_cluster_snapshots().first().map(|s| s.tag_list().to_vec())),
        };
    }
    let found = rds.describe_db_snapshots().db_snapshot_identifier(id).send().await;
    match found.or_cloud("rds:DescribeDBSnapshots") {
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        other => Ok(other?.db_snapshots().first().map(|s| s.tag_list().to_vec())),
    }
}

pub async fn observe(rds: &RdsReader, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        if kind == Kind::DbClusterSnapshot {
            let request = rds.describe_db_cluster_snapshots().filters(filter("db-cluster-snapshot-id", ids));
            for s in pages!("rds:DescribeDBClusterSnapshots", db_cluster_snapshots, request) {
                all.push(seen(
                    s.db_cluster_snapshot_identifier,
                    s.db_cluster_snapshot_arn,
                    s.status.as_deref(),
                    s.percent_progress,
                ));
            }
        } else {
            let request = rds.describe_db_snapshots().filters(filter("db-snapshot-id", ids));
            for s in pages!("rds:DescribeDBSnapshots", db_snapshots, request) {
                all.push(seen(
                    s.db_snapshot_identifier,
                    s.db_snapshot_arn,
                    s.status.as_deref(),
                    s.percent_progress,
                ));
            }
        }
    }
    Ok(all)
}

fn seen(id: Option<String>, arn: Option<String>, status: Option<&str>, progress: Option<i32>) -> Observed {
    let state = match status {
        Some("available") => State::Ready,
        Some(status) if status == "failed" || is_final(status) => State::Failed(status.to_owned()),
        other => State::Pending(other.unwrap_or("creating").to_owned()),
    };
    let id = id.unwrap_or_default();
    let seen = with(observed(id.clone(), state), "snapshot_id", id);
    with(with(seen, "arn", arn), "progress", progress)
}

/// Returns whether a status stays until somebody gives back what is missing, such as a KMS key.
fn is_final(status: &str) -> bool {
    ["incompatible-", "inaccessible-"].iter().any(|start| status.starts_with(start))
}

pub async fn delete(to: &Writer, resource: &ResourceRef) -> CloudResult<()> {
    let (rds, run_tags) = (&to.rds, &to.run_tags);
    let id = &resource.id;
    let Some(found) = tags_of(&to.read.rds, resource.kind, id).await? else { return Ok(()) };
    let carried = tags::rds_value(&found, TAG_RUN);
    if resource.kind == Kind::DbClusterSnapshot {
        const CALL: &str = "rds:DeleteDBClusterSnapshot";
        tags::guard(CALL, id, carried, run_tags)?;
        rds.delete_db_cluster_snapshot().db_cluster_snapshot_identifier(id).send().await.or_cloud(CALL)?;
    } else {
        const CALL: &str = "rds:DeleteDBSnapshot";
        tags::guard(CALL, id, carried, run_tags)?;
        rds.delete_db_snapshot().db_snapshot_identifier(id).send().await.or_cloud(CALL)?;
    }
    Ok(())
}
