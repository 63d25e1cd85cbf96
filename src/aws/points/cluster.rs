//! Point-in-time recovery of clusters: Aurora's and Multi-AZ DB clusters.

use std::collections::BTreeSet;

use super::database::{encryption, fits, point};
use super::{Search, account_of, named};
use crate::access::RdsReader;
use crate::pages;
use crate::rds::instance::restorable;
use crate::time::some_time;
use estate::{PointKind, RecoveryPoint};
use port::CloudResult;

const CLUSTER: &str = "rds:cluster";

/// Finds clusters here with automated backups, and automated backups without their cluster: those
/// that are kept of a deleted one, and those that were replicated to here.
pub async fn continuous(rds: &RdsReader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let (mut points, mut here) = (Vec::new(), BTreeSet::new());
    let request = rds.describe_db_clusters();
    for cluster in pages!("rds:DescribeDBClusters", db_clusters, request) {
        let is_own = |arn: &str| account_of(arn).is_none_or(|account| account == search.place.account);
        here.extend(cluster.db_cluster_resource_id.clone());
        let ids = [cluster.db_cluster_identifier(), cluster.db_cluster_arn()];
        if !cluster.db_cluster_arn().is_none_or(is_own)
            || !is_of_rds(cluster.engine())
            || !fits(search, CLUSTER, cluster.db_cluster_identifier(), ids, cluster.tag_list())
        {
            continue;
        }
        let Some(latest) = restorable(some_time(cluster.latest_restorable_time())) else { continue };
        let of = named(CLUSTER, cluster.db_cluster_identifier().unwrap_or_default());
        let gib = cluster.allocated_storage().unwrap_or(0);
        let ids = (cluster.db_cluster_identifier(), cluster.db_cluster_arn());
        let found = point(search, PointKind::RdsPitr, of, ids, Some(latest), true, gib);
        let (encrypted, kms_key) = encryption(cluster.storage_encrypted(), cluster.kms_key_id());
        let (engine, earliest) = (cluster.engine.clone(), some_time(cluster.earliest_restorable_time()));
        points.extend(found.map(|found| RecoveryPoint { encrypted, kms_key, engine, earliest, ..found }));
    }
    let request = rds.describe_db_cluster_automated_backups();
    for backup in pages!("rds:DescribeDBClusterAutomatedBackups", db_cluster_automated_backups, request) {
        let (arn, source) = (backup.db_cluster_automated_backups_arn(), backup.db_cluster_arn());
        // A cluster that is here already stands in the list with its backups.
        let is_here = backup.db_cluster_resource_id().is_some_and(|id| here.contains(id));
        if is_here
            || !is_of_rds(backup.engine())
            || !fits(search, CLUSTER, backup.db_cluster_identifier(), [arn, source], backup.tag_list())
        {
            continue;
        }
        let window = backup.restore_window();
        let latest = restorable(some_time(window.and_then(|w| w.latest_time())));
        let earliest = some_time(window.and_then(|w| w.earliest_time()));
        let of = named(CLUSTER, backup.db_cluster_identifier().unwrap_or_default());
        let gib = backup.allocated_storage().unwrap_or(0);
        let found = point(search, PointKind::RdsPitr, of, (arn, arn), latest, latest.is_some(), gib);
        let (encrypted, kms_key) = encryption(backup.storage_encrypted(), backup.kms_key_id());
        let engine = backup.engine.clone();
        points.extend(found.map(|found| RecoveryPoint { encrypted, kms_key, engine, earliest, ..found }));
    }
    Ok(points)
}

/// RDS lists the clusters of `DocumentDB` and Neptune too (RDS API reference, `DescribeDBClusters`).
fn is_of_rds(engine: Option<&str>) -> bool {
    engine.is_none_or(|engine| !["docdb", "neptune"].contains(&engine))
}
