//! Aurora clusters. A restored cluster has no instances: they are added afterwards.

use aws_sdk_rds::types::{DbCluster, ServerlessV2ScalingConfiguration};

use super::instance::{self, state};
use super::{FILTER_VALUES, adopt, filter, taken};
use crate::access::{RdsReader, Writer};
use crate::error::OrCloud;
use crate::once::begun;
use crate::time::from_time;
use crate::{At, missing, observed, pages, tags, with};
use port::{
    CloudError, CloudResult, Created, ErrorKind, Kind, Observed, RestoreCluster, RestoreClusterToTime,
    Serverless, State, TAG_RUN,
};

pub async fn restore(at: &At<'_>, cluster: &RestoreCluster) -> CloudResult<Created> {
    const CALL: &str = "rds:RestoreDBClusterFromSnapshot";
    let writer = at.writer().await?;
    let rds = &writer.rds;
    let version = match &cluster.engine_version {
        Some(version) => Some(version.clone()),
        None => version_of(&writer.read.rds, &cluster.snapshot).await?,
    };
    let made = rds
        .restore_db_cluster_from_snapshot()
        .snapshot_identifier(&cluster.snapshot)
        .db_cluster_identifier(&cluster.name)
        .engine(&cluster.engine)
        .set_engine_version(version)
        .db_subnet_group_name(&cluster.subnet_group)
        .set_vpc_security_group_ids(Some(cluster.security_groups.clone()))
        .set_db_cluster_parameter_group_name(cluster.parameter_group.clone())
        .set_port(cluster.port)
        .set_serverless_v2_scaling_configuration(cluster.serverless.map(scaling))
        .deletion_protection(false)
        .copy_tags_to_snapshot(false)
        .set_tags(Some(tags::for_rds(at, &cluster.name)))
        .send()
        .await
        .or_cloud(CALL)
        .map(drop);
    made_or_adopted(at, &writer.read.rds, &cluster.name, made).await
}

/// Returns the engine version of a snapshot.
///
/// Without a version, RDS takes the region's newest default (RDS API reference,
/// `RestoreDBClusterFromSnapshot`, `EngineVersion`). If that differs from the data's version, RDS
/// refuses the restore or upgrades the data.
async fn version_of(rds: &RdsReader, snapshot: &str) -> CloudResult<Option<String>> {
    let request = rds.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(snapshot);
    // RDS finds a shared snapshot by its ARN only if shared snapshots are included.
    let request = request.include_shared(snapshot.starts_with("arn:"));
    let found = match request.send().await.or_cloud("rds:DescribeDBClusterSnapshots") {
        // This may be a snapshot of an instance. A cluster can be restored from one as well.
        Err(e) if e.kind == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    Ok(found.db_cluster_snapshots().first().and_then(|s| s.engine_version.clone()))
}

pub async fn restore_to_time(at: &At<'_>, to: &RestoreClusterToTime) -> CloudResult<Created> {
    const CALL: &str = "rds:RestoreDBClusterToPointInTime";
    let writer = at.writer().await?;
    let rds = &writer.rds;
    let request = rds.restore_db_cluster_to_point_in_time();
    let request = if to.source.contains(":cluster-auto-backup:") {
        request.source_db_cluster_resource_id(resource_id(&writer.read.rds, &to.source).await?)
    } else {
        request.source_db_cluster_identifier(&to.source)
    };
    let multi_az = to.multi_az.as_ref();
    let made = request
        .db_cluster_identifier(&to.name)
        .restore_type("full-copy")
        .restore_to_time(from_time(to.to))
        .db_subnet_group_name(&to.subnet_group)
        .set_vpc_security_group_ids(Some(to.security_groups.clone()))
        .set_db_cluster_parameter_group_name(to.parameter_group.clone())
        .set_port(to.port)
        .set_serverless_v2_scaling_configuration(to.serverless.map(scaling))
        .set_kms_key_id(to.kms_key.clone())
        .set_storage_type(to.storage_type.clone())
        .set_db_cluster_instance_class(multi_az.map(|m| m.class.clone()))
        .set_iops(multi_az.and_then(|m| m.iops))
        // Aurora takes this for its instances only.
        .set_publicly_accessible(multi_az.map(|_| false))
        .deletion_protection(false)
        .copy_tags_to_snapshot(false)
        .set_tags(Some(tags::for_rds(at, &to.name)))
        .send()
        .await
        .or_cloud(CALL)
        .map(drop);
    let mut created = made_or_adopted(at, &writer.read.rds, &to.name, made).await?;
    created.restored_to = Some(to.to);
    Ok(created)
}

/// Returns the id of a deleted cluster whose automated backups are kept. The restore names it, and
/// not the ARN of the backups.
async fn resource_id(rds: &RdsReader, backups: &str) -> CloudResult<String> {
    const CALL: &str = "rds:DescribeDBClusterAutomatedBackups";
    let request = rds.describe_db_cluster_automated_backups();
    let found = pages!(CALL, db_cluster_automated_backups, request);
    let found = found.into_iter().find(|b| b.db_cluster_automated_backups_arn() == Some(backups));
    found.and_then(|backup| backup.db_cluster_resource_id).ok_or_else(|| {
        CloudError::new(ErrorKind::NotFound, CALL, format!("there are no automated backups {backups}"))
            .help("check that they are kept in the sandbox's account and region, and for how long")
    })
}

fn scaling(range: Serverless) -> ServerlessV2ScalingConfiguration {
    ServerlessV2ScalingConfiguration::builder().min_capacity(range.min).max_capacity(range.max).build()
}

async fn made_or_adopted(
    at: &At<'_>,
    rds: &RdsReader,
    name: &str,
    made: CloudResult<()>,
) -> CloudResult<Created> {
    let found = if taken(&made) { begun(describe(rds, name).await)? } else { None };
    adopt(at, made, &format!("the cluster {name}"), found.as_ref().map(DbCluster::tag_list))?;
    Ok(at.created(Kind::DbCluster, name, "cluster_id"))
}

pub async fn add_instance(
    at: &At<'_>,
    cluster: &str,
    name: &str,
    class: &str,
    engine: &str,
) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let rds = &writer.rds;
    let made = rds
        .create_db_instance()
        .db_instance_identifier(name)
        .db_cluster_identifier(cluster)
        .db_instance_class(class)
        .engine(engine)
        .publicly_accessible(false)
        .auto_minor_version_upgrade(false)
        .set_tags(Some(tags::for_rds(at, name)))
        .send()
        .await
        .or_cloud("rds:CreateDBInstance")
        .map(drop);
    instance::made_or_adopted(at, &writer.read.rds, name, made).await
}

pub async fn describe(rds: &RdsReader, id: &str) -> CloudResult<Option<DbCluster>> {
    let found = rds.describe_db_clusters().db_cluster_identifier(id).send().await;
    match found.or_cloud("rds:DescribeDBClusters") {
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
        Ok(found) => match found.db_clusters.unwrap_or_default().into_iter().next() {
            Some(cluster) => Ok(Some(cluster)),
            None => Err(missing("rds:DescribeDBClusters", "cluster")),
        },
    }
}

pub async fn observe(rds: &RdsReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = rds.describe_db_clusters().filters(filter("db-cluster-id", ids));
        for cluster in pages!("rds:DescribeDBClusters", db_clusters, request) {
            let status = state(cluster.status());
            let healthy = status == State::Ready;
            let id = cluster.db_cluster_identifier.clone().unwrap_or_default();
            let mut seen = with(observed(id.clone(), status), "id", id);
            seen.healthy = Some(healthy);
            if let (Some(address), Some(port)) = (cluster.endpoint(), cluster.port()) {
                seen = with(seen, "endpoint", format!("{address}:{port}"));
                seen = with(seen, "address", address);
                seen = with(seen, "port", port);
            }
            if let (Some(address), Some(port)) = (cluster.reader_endpoint(), cluster.port()) {
                seen = with(seen, "reader_endpoint", format!("{address}:{port}"));
            }
            let members = i64::try_from(cluster.db_cluster_members().len()).unwrap_or(i64::MAX);
            let seen = with(seen, "members", members);
            let ids = cluster.db_cluster_members().iter();
            let ids: Vec<String> = ids.filter_map(|m| m.db_instance_identifier.clone()).collect();
            let seen = with(seen, "member_ids", ids);
            let seen = with(seen, "arn", cluster.db_cluster_arn);
            all.push(with(seen, "engine", cluster.engine));
        }
    }
    Ok(all)
}

pub async fn delete(to: &Writer, id: &str) -> CloudResult<()> {
    const CALL: &str = "rds:DeleteDBCluster";
    let (rds, run_tags) = (&to.rds, &to.run_tags);
    let Some(cluster) = describe(&to.read.rds, id).await? else { return Ok(()) };
    tags::guard(CALL, id, tags::rds_value(cluster.tag_list(), TAG_RUN), run_tags)?;
    if cluster.status() == Some("deleting") {
        return Ok(());
    }
    if cluster.deletion_protection() == Some(true) {
        rds.modify_db_cluster()
            .db_cluster_identifier(id)
            .deletion_protection(false)
            .apply_immediately(true)
            .send()
            .await
            .or_cloud("rds:ModifyDBCluster")?;
    }
    rds.delete_db_cluster()
        .db_cluster_identifier(id)
        .skip_final_snapshot(true)
        .delete_automated_backups(true)
        .send()
        .await
        .or_cloud(CALL)?;
    Ok(())
}
