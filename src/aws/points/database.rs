//! Snapshots of databases and clusters, point-in-time recovery, and replicas.

use std::collections::BTreeMap;

use aws_sdk_rds::types::{DbClusterSnapshot, DbInstance, DbSnapshot, OptionGroup, Tag};

use super::{MOST_ASKED_ABOUT, Search, TAG_TAKEN, Target, account_of, accounts, named, tagged_time};
use crate::access::RdsReader;
use crate::error::OrCloud;
use crate::pages;
use crate::rds::filter;
use crate::rds::instance::restorable;
use crate::tags::rds_value;
use crate::time::some_time;
use base::duration::{Size, Time};
use base::ids::{AccountId, name_of};
use estate::{PointKind, RecoveryPoint, Selector};
use port::{CloudResult, ErrorKind};

/// The snapshot types to ask for. `None` stands for manual and automatic ones, RDS's default. The
/// others are shared ones and AWS Backup's.
pub const TYPES: [Option<&str>; 3] = [None, Some("shared"), Some("awsbackup")];

pub async fn snapshots(rds: &RdsReader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let mut found: Vec<DbSnapshot> = Vec::new();
    for kind in TYPES {
        let request = rds.describe_db_snapshots().set_snapshot_type(kind.map(str::to_owned));
        let request = match search.target {
            Target::Source(Selector::Id(id)) if id.kind == "rds:db" && kind != Some("shared") => {
                request.filters(filter("db-instance-id", [&id.name]))
            }
            Target::Source(_) | Target::Point(_) => request,
        };
        for snapshot in pages!("rds:DescribeDBSnapshots", db_snapshots, request) {
            let fits = fits(
                search,
                "rds:db",
                snapshot.db_instance_identifier(),
                [snapshot.db_snapshot_identifier(), snapshot.db_snapshot_arn()],
                snapshot.tag_list(),
            );
            if fits && !found.iter().any(|s| s.db_snapshot_arn == snapshot.db_snapshot_arn) {
                found.push(snapshot);
            }
        }
    }
    found.sort_by_key(|s| std::cmp::Reverse(s.snapshot_create_time.map(|t| t.secs())));
    let (mut points, mut groups) = (Vec::new(), BTreeMap::new());
    for (index, s) in found.iter().enumerate() {
        let Some(mut point) = of_snapshot(search, s) else { continue };
        if point.account == search.place.account {
            point.fixed_options = fixed_options(rds, s.option_group_name(), &mut groups).await?;
        }
        // Only manual snapshots can be shared.
        let ask = s.snapshot_type() == Some("manual") && index < MOST_ASKED_ABOUT;
        if point.account == search.place.account && ask {
            point.shared_with = snapshot_shared_with(rds, s.db_snapshot_identifier()).await?;
        }
        points.push(point);
    }
    Ok(points)
}

/// The point that the search sees in a snapshot. `None`: it has no id.
pub fn of_snapshot(search: &Search<'_>, s: &DbSnapshot) -> Option<RecoveryPoint> {
    let made = some_time(s.snapshot_create_time());
    // RDS: the creation time "changes for the copy when the snapshot is copied", and the original
    // time does not.
    //
    // The data in a snapshot of a replica are as old as the last transaction that the replica had
    // received (RDS API reference, `SnapshotDatabaseTime`).
    let taken = some_time(s.original_snapshot_create_time()).or(made);
    let newest = some_time(s.snapshot_database_time());
    let taken = taken.map(|taken| newest.map_or(taken, |newest| taken.min(newest)));
    let of = named("rds:db", s.db_instance_identifier().unwrap_or_default());
    let ready = s.status() == Some("available");
    let gib = s.allocated_storage().unwrap_or(0);
    let ids = (s.db_snapshot_identifier(), s.db_snapshot_arn());
    let point = point(search, PointKind::RdsSnapshot, of, ids, taken, ready, gib)?;
    let (encrypted, kms_key) = encryption(s.encrypted(), s.kms_key_id());
    Some(RecoveryPoint { encrypted, kms_key, engine: s.engine.clone(), ..point })
}

/// The point that the search sees in a snapshot of a cluster. `None`: it has no id.
pub fn of_cluster_snapshot(search: &Search<'_>, s: &DbClusterSnapshot) -> Option<RecoveryPoint> {
    let made = some_time(s.snapshot_create_time());
    // The API does not say which time the copy of a cluster snapshot carries. It is unknown unless
    // a tag tells it.
    let copy = s.source_db_cluster_snapshot_arn().is_some_and(|arn| !arn.is_empty());
    let taken = tagged_time(rds_value(s.tag_list(), TAG_TAKEN)).or(if copy { None } else { made });
    let of = named("rds:cluster", s.db_cluster_identifier().unwrap_or_default());
    let ready = s.status() == Some("available");
    let gib = s.allocated_storage().unwrap_or(0);
    let ids = (s.db_cluster_snapshot_identifier(), s.db_cluster_snapshot_arn());
    let point = point(search, PointKind::RdsClusterSnapshot, of, ids, taken, ready, gib)?;
    let (encrypted, kms_key) = encryption(s.storage_encrypted(), s.kms_key_id());
    Some(RecoveryPoint { made, encrypted, kms_key, engine: s.engine.clone(), ..point })
}

/// The persistent and permanent options of a group. Each group is asked for once. RDS's own groups
/// (`default:…`) have none.
///
/// Another account's group cannot be asked for. RDS shares no snapshot with such options.
async fn fixed_options(
    rds: &RdsReader,
    group: Option<&str>,
    known: &mut BTreeMap<String, Vec<String>>,
) -> CloudResult<Vec<String>> {
    let Some(group) = group.filter(|name| !name.is_empty() && !name.starts_with("default:")) else {
        return Ok(Vec::new());
    };
    if let Some(options) = known.get(group) {
        return Ok(options.clone());
    }
    let request = rds.describe_option_groups().option_group_name(group).send().await;
    let options = match request.or_cloud("rds:DescribeOptionGroups") {
        Ok(answer) => {
            let options = answer.option_groups_list().iter().flat_map(OptionGroup::options);
            let fixed = options.filter(|o| o.persistent() == Some(true) || o.permanent() == Some(true));
            fixed.filter_map(|option| option.option_name.clone()).collect()
        }
        // The group was deleted, or may not be read. The copy itself shows what RDS wants.
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Vec::new(),
        Err(e) => return Err(e),
    };
    known.insert(group.to_owned(), options);
    Ok(known.get(group).cloned().unwrap_or_default())
}

pub async fn cluster_snapshots(rds: &RdsReader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let mut found: Vec<DbClusterSnapshot> = Vec::new();
    for kind in TYPES {
        let request = rds.describe_db_cluster_snapshots().set_snapshot_type(kind.map(str::to_owned));
        let request = match search.target {
            Target::Source(Selector::Id(id)) if id.kind == "rds:cluster" && kind != Some("shared") => {
                request.filters(filter("db-cluster-id", [&id.name]))
            }
            Target::Source(_) | Target::Point(_) => request,
        };
        for snapshot in pages!("rds:DescribeDBClusterSnapshots", db_cluster_snapshots, request) {
            let fits = fits(
                search,
                "rds:cluster",
                snapshot.db_cluster_identifier(),
                [snapshot.db_cluster_snapshot_identifier(), snapshot.db_cluster_snapshot_arn()],
                snapshot.tag_list(),
            );
            if fits && !found.iter().any(|s| s.db_cluster_snapshot_arn == snapshot.db_cluster_snapshot_arn) {
                found.push(snapshot);
            }
        }
    }
    found.sort_by_key(|s| std::cmp::Reverse(s.snapshot_create_time.map(|t| t.secs())));
    let mut points = Vec::new();
    for (index, s) in found.iter().enumerate() {
        let Some(mut point) = of_cluster_snapshot(search, s) else { continue };
        let ask = s.snapshot_type() == Some("manual") && index < MOST_ASKED_ABOUT;
        if point.account == search.place.account && ask {
            point.shared_with = cluster_snapshot_shared_with(rds, s.db_cluster_snapshot_identifier()).await?;
        }
        points.push(point);
    }
    Ok(points)
}

/// Returns whether the point is encrypted, and with which key.
pub fn encryption(encrypted: Option<bool>, key: Option<&str>) -> (bool, Option<String>) {
    let encrypted = encrypted == Some(true);
    (encrypted, key.filter(|_| encrypted).map(str::to_owned))
}

/// Returns whether a snapshot of `of`, with these ids and tags, matches the search.
pub(super) fn fits(
    search: &Search<'_>,
    kind: &str,
    of: Option<&str>,
    ids: [Option<&str>; 2],
    tags: &[Tag],
) -> bool {
    match search.target {
        Target::Point(id) => ids.contains(&Some(id)),
        Target::Source(Selector::Id(id)) if id.kind == kind => of == Some(id.name.as_str()),
        Target::Source(Selector::Id(id)) => ids.contains(&Some(id.name.as_str())),
        Target::Source(Selector::Tag { key, value, .. }) => rds_value(tags, key) == Some(value),
    }
}

pub(super) fn point(
    search: &Search<'_>,
    kind: PointKind,
    of: estate::ResourceId,
    (id, arn): (Option<&str>, Option<&str>),
    taken: Option<Time>,
    ready: bool,
    gib: i32,
) -> Option<RecoveryPoint> {
    let account = arn.and_then(account_of).unwrap_or_else(|| search.place.account.clone());
    let own = account == search.place.account;
    // A snapshot of another account is named by its ARN.
    let id = if own { id? } else { arn? };
    Some(RecoveryPoint {
        taken,
        // RDS does not say when a snapshot became available, only when its creation began (for a
        // copy: when copying began). For a backup it does not say since when the current restorable
        // time is available.
        usable: None,
        seen_usable: ready.then_some(search.now),
        size: Size::gib(u64::try_from(gib).unwrap_or(0)),
        shared_with: if own { Vec::new() } else { vec![search.place.account.clone()] },
        ..RecoveryPoint::new(of, kind, id, account, search.place.region.clone())
    })
}

async fn snapshot_shared_with(rds: &RdsReader, id: Option<&str>) -> CloudResult<Vec<AccountId>> {
    let request = rds.describe_db_snapshot_attributes().set_db_snapshot_identifier(id.map(str::to_owned));
    match request.send().await.or_cloud("rds:DescribeDBSnapshotAttributes") {
        Ok(answer) => {
            let result = answer.db_snapshot_attributes_result();
            let attributes = result
                .map(aws_sdk_rds::types::DbSnapshotAttributesResult::db_snapshot_attributes)
                .unwrap_or_default();
            let restore = attributes.iter().find(|a| a.attribute_name() == Some("restore"));
            Ok(restore.map(|a| accounts(a.attribute_values())).unwrap_or_default())
        }
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

async fn cluster_snapshot_shared_with(rds: &RdsReader, id: Option<&str>) -> CloudResult<Vec<AccountId>> {
    let request = rds
        .describe_db_cluster_snapshot_attributes()
        .set_db_cluster_snapshot_identifier(id.map(str::to_owned));
    match request.send().await.or_cloud("rds:DescribeDBClusterSnapshotAttributes") {
        Ok(answer) => {
            let result = answer.db_cluster_snapshot_attributes_result();
            let attributes = result
                .map(aws_sdk_rds::types::DbClusterSnapshotAttributesResult::db_cluster_snapshot_attributes)
                .unwrap_or_default();
            let restore = attributes.iter().find(|a| a.attribute_name() == Some("restore"));
            Ok(restore.map(|a| accounts(a.attribute_values())).unwrap_or_default())
        }
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

async fn instances(rds: &RdsReader, search: &Search<'_>) -> CloudResult<Vec<DbInstance>> {
    let request = rds.describe_db_instances();
    Ok(pages!("rds:DescribeDBInstances", db_instances, request)
        .into_iter()
        .filter(|db| db.db_instance_arn().and_then(account_of).is_none_or(|a| a == search.place.account))
        .collect())
}

/// Finds point-in-time recovery: databases here with automated backups, and backups replicated to
/// here.
pub async fn continuous(rds: &RdsReader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let mut points = Vec::new();
    for db in instances(rds, search).await? {
        let ids = [db.db_instance_identifier(), db.db_instance_arn()];
        let kept = db.backup_retention_period().unwrap_or(0) > 0 && db.db_cluster_identifier().is_none();
        if !kept || !fits(search, "rds:db", db.db_instance_identifier(), ids, db.tag_list()) {
            continue;
        }
        let Some(latest) = restorable(some_time(db.latest_restorable_time())) else { continue };
        let of = named("rds:db", db.db_instance_identifier().unwrap_or_default());
        let gib = db.allocated_storage().unwrap_or(0);
        let ids = (db.db_instance_identifier(), db.db_instance_arn());
        let point = point(search, PointKind::RdsPitr, of, ids, Some(latest), true, gib);
        let (encrypted, kms_key) = encryption(db.storage_encrypted(), db.kms_key_id());
        let engine = db.engine.clone();
        points.extend(point.map(|point| RecoveryPoint { encrypted, kms_key, engine, ..point }));
    }
    let request = rds.describe_db_instance_automated_backups();
    for backup in pages!("rds:DescribeDBInstanceAutomatedBackups", db_instance_automated_backups, request) {
        let arn = backup.db_instance_automated_backups_arn();
        // A database that is here already stands in the list with its backups.
        let elsewhere = backup.region().is_some_and(|r| r != search.place.region.as_str());
        let source = backup.db_instance_arn();
        if !elsewhere
            || !fits(search, "rds:db", backup.db_instance_identifier(), [arn, source], backup.tag_list())
        {
            continue;
        }
        let latest = restorable(some_time(backup.restore_window().and_then(|w| w.latest_time())));
        let of = named("rds:db", backup.db_instance_identifier().unwrap_or_default());
        let gib = backup.allocated_storage().unwrap_or(0);
        let point = point(search, PointKind::RdsPitr, of, (arn, arn), latest, latest.is_some(), gib);
        let (encrypted, kms_key) = encryption(backup.encrypted(), backup.kms_key_id());
        let engine = backup.engine.clone();
        points.extend(point.map(|point| RecoveryPoint { encrypted, kms_key, engine, ..point }));
    }
    Ok(points)
}

/// Finds read replicas.
///
/// Only `CloudWatch` has their lag, so the age of their data is unknown here. A check with
/// `measures: rpo` measures it.
pub async fn replicas(rds: &RdsReader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let mut points = Vec::new();
    for db in instances(rds, search).await? {
        let Some(source) = db.read_replica_source_db_instance_identifier().filter(|s| !s.is_empty()) else {
            continue;
        };
        let source = name_of(source);
        let ids = [db.db_instance_identifier(), db.db_instance_arn()];
        if !fits(search, "rds:db", Some(source), ids, db.tag_list()) {
            continue;
        }
        let ready = db.db_instance_status() == Some("available");
        let gib = db.allocated_storage().unwrap_or(0);
        let ids = (db.db_instance_identifier(), db.db_instance_arn());
        points.extend(point(search, PointKind::RdsReplica, named("rds:db", source), ids, None, ready, gib));
    }
    Ok(points)
}
