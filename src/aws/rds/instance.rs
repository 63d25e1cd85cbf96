//! Database instances: restored from a snapshot or to a point in time, observed, and deleted.

use aws_sdk_rds::types::DbInstance;

use super::{FILTER_VALUES, adopt, filter, taken};
use crate::access::{RdsReader, Writer};
use crate::error::OrCloud;
use crate::once::begun;
use crate::time::{from_time, some_time};
use crate::{At, missing, observed, pages, tags, with};
use base::duration::Time;
use base::ids::name_of;
use port::wait::REPLICA_OF;
use port::{
    CloudError, CloudResult, Created, ErrorKind, Kind, Observed, RestoreDb, RestoreDbToTime, State, TAG_RUN,
    Zone,
};

/// Sets the options of every restored database. A macro, because the SDK's builders share no trait.
macro_rules! with_settings {
    ($request:expr, $at:expr, $db:expr, $zone:expr) => {
        $request
            .set_db_instance_class($db.class.clone())
            .db_subnet_group_name(&$db.subnet_group)
            .set_vpc_security_group_ids(Some($db.security_groups.clone()))
            .set_db_parameter_group_name($db.parameter_group.clone())
            .set_option_group_name($db.option_group.clone())
            .set_multi_az($crate::rds::instance::multi_az($db))
            .set_availability_zone($zone)
            .set_port($db.port)
            .publicly_accessible(false)
            .deletion_protection(false)
            .copy_tags_to_snapshot(false)
            .auto_minor_version_upgrade(false)
            .set_tags(Some($crate::tags::for_rds($at, &$db.name)))
    };
}
pub(super) use with_settings;

pub async fn restore(at: &At<'_>, db: &RestoreDb) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let rds = &writer.rds;
    let zone = pinned_zone(at, db).await?;
    let request = rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(&db.source);
    let made = with_settings!(request.db_instance_identifier(&db.name), at, db, zone)
        .send()
        .await
        .or_cloud("rds:RestoreDBInstanceFromDBSnapshot")
        .map_err(with_option_group_hint)
        .map(drop);
    made_or_adopted(at, &writer.read.rds, &db.name, made).await
}

/// Returns the value of `MultiAZ`, which is set explicitly whatever the source has.
///
/// SQL Server is the exception: its engines take it from their option group, and "expect this value
/// set to null" otherwise (the `CloudFormation` provider of RDS, pull request 82).
pub fn multi_az(db: &RestoreDb) -> Option<bool> {
    let by_group = db.engine.as_deref().is_some_and(|engine| engine.starts_with("sqlserver"));
    (db.multi_az || !by_group).then_some(db.multi_az)
}

/// Adds a hint. An option group belongs to one VPC (RDS user guide, "Working with option groups"),
/// and a restore takes over the source's group.
fn with_option_group_hint(error: CloudError) -> CloudError {
    if error.message.contains("option group") && error.message.contains("VPC") {
        return error.help(
            "the source's option group belongs to production's VPC: name one with `option_group`, made for drills, or AWS's \
             own (`default:mysql-8-0`)",
        );
    }
    error
}

/// Returns the zone's name. AWS accepts a zone only for an instance without Multi-AZ.
pub async fn pinned_zone(at: &At<'_>, db: &RestoreDb) -> CloudResult<Option<String>> {
    match &db.az {
        Some(az) if !db.multi_az => at.zone_name(az).await.map(Some),
        _ => Ok(None),
    }
}

pub async fn made_or_adopted(
    at: &At<'_>,
    rds: &RdsReader,
    name: &str,
    made: CloudResult<()>,
) -> CloudResult<Created> {
    let found = if taken(&made) { begun(describe(rds, name).await)? } else { None };
    adopt(at, made, &format!("the database {name}"), found.as_ref().map(DbInstance::tag_list))?;
    Ok(at.created(Kind::DbInstance, name, "id"))
}

pub async fn restore_to_time(at: &At<'_>, to: &RestoreDbToTime) -> CloudResult<Created> {
    const CALL: &str = "rds:RestoreDBInstanceToPointInTime";
    let writer = at.writer().await?;
    let rds = &writer.rds;
    let db = &to.db;
    let zone = pinned_zone(at, db).await?;
    // The latest restorable time is read first and then asked for explicitly, so that the age of
    // the data is known.
    let instant = match to.to {
        Some(instant) => instant,
        None => latest_restorable(&writer.read.rds, &db.source).await?,
    };
    let request = rds.restore_db_instance_to_point_in_time();
    let request = if db.source.contains(":auto-backup:") {
        request.source_db_instance_automated_backups_arn(&db.source)
    } else {
        request.source_db_instance_identifier(name_of(&db.source))
    };
    let request = request.target_db_instance_identifier(&db.name).restore_time(from_time(instant));
    let made = with_settings!(request, at, db, zone)
        .send()
        .await
        .or_cloud(CALL)
        .map_err(with_option_group_hint)
        .map(drop);
    let adopted = taken(&made);
    let mut created = made_or_adopted(at, &writer.read.rds, &db.name, made).await?;
    // An adopted database was restored to the time of an earlier attempt. The current "latest"
    // would report its data as too new.
    created.restored_to = if adopted && to.to.is_none() { None } else { Some(instant) };
    Ok(created)
}

/// Returns the newest time that a restore may name.
///
/// It "must be before the latest restorable time" (RDS API reference, `RestoreTime`), which has
/// whole seconds.
pub fn restorable(latest: Option<Time>) -> Option<Time> {
    latest?.checked_sub_signed(chrono::TimeDelta::seconds(1))
}

async fn latest_restorable(rds: &RdsReader, source: &str) -> CloudResult<Time> {
    let (call, latest) = if source.contains(":auto-backup:") {
        const CALL: &str = "rds:DescribeDBInstanceAutomatedBackups";
        let request = rds.describe_db_instance_automated_backups().db_instance_automated_backups_arn(source);
        let found = request.send().await.or_cloud(CALL)?;
        let window = found.db_instance_automated_backups().first().and_then(|b| b.restore_window());
        (CALL, window.and_then(|w| some_time(w.latest_time())))
    } else {
        const CALL: &str = "rds:DescribeDBInstances";
        let found = rds
            .describe_db_instances()
            .db_instance_identifier(name_of(source))
            .send()
            .await
            .or_cloud(CALL)?;
        (CALL, found.db_instances().first().and_then(|d| some_time(d.latest_restorable_time())))
    };
    restorable(latest).ok_or_else(|| {
        CloudError::new(ErrorKind::Invalid, call, format!("{source} has no latest restorable time"))
            .help("automated backups are off (backup retention 0), or the first one is not complete")
    })
}

pub async fn describe(rds: &RdsReader, id: &str) -> CloudResult<Option<DbInstance>> {
    let found = rds.describe_db_instances().db_instance_identifier(id).send().await;
    match found.or_cloud("rds:DescribeDBInstances") {
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
        Ok(found) => match found.db_instances.unwrap_or_default().into_iter().next() {
            Some(db) => Ok(Some(db)),
            None => Err(missing("rds:DescribeDBInstances", "database")),
        },
    }
}

/// Converts RDS's status of an instance or a cluster (user guide, "Viewing DB instance status" and
/// "Viewing DB cluster status").
///
/// A status is a failure if waiting will not change it. In `storage-initialization`, RDS still
/// loads blocks after a restore, and the database "remains available for operations".
pub fn state(status: Option<&str>) -> State {
    let word = status.unwrap_or("creating").to_owned();
    match word.as_str() {
        // Available, or busy with something that does not keep it from serving.
        "available"
        | "backing-up"
        | "configuring-enhanced-monitoring"
        | "configuring-iam-database-auth"
        | "configuring-log-exports"
        | "storage-initialization"
        | "storage-optimization" => State::Ready,
        "failed"
        | "restore-error"
        | "cloning-failed"
        | "migration-failed"
        | "upgrade_failed"
        | "storage-full"
        | "inaccessible-encryption-credentials"
        | "inaccessible-encryption-credentials-recoverable"
        | "insufficient-capacity"
        | "stopped" => State::Failed(word),
        w if w.starts_with("incompatible-") => State::Failed(word),
        _ => State::Pending(word),
    }
}

pub async fn observe(rds: &RdsReader, zones: &[Zone], ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = rds.describe_db_instances().filters(filter("db-instance-id", ids));
        for db in pages!("rds:DescribeDBInstances", db_instances, request) {
            let status = state(db.db_instance_status());
            let healthy = status == State::Ready;
            let id = db.db_instance_identifier.clone().unwrap_or_default();
            let mut seen = with(observed(id.clone(), status), "id", id);
            seen.healthy = Some(healthy);
            if let Some(endpoint) = db.endpoint()
                && let (Some(address), Some(port)) = (endpoint.address(), endpoint.port())
            {
                seen = with(seen, "endpoint", format!("{address}:{port}"));
                seen = with(seen, "address", address);
                seen = with(seen, "port", port);
            }
            let az = zones
                .iter()
                .find(|z| Some(z.name.as_str()) == db.availability_zone())
                .map(|z| z.id.to_string());
            let seen = with(seen, "az", az);
            let replica_of = db.read_replica_source_db_instance_identifier.filter(|s| !s.is_empty());
            let seen = with(seen, REPLICA_OF, replica_of);
            let seen = with(seen, "arn", db.db_instance_arn);
            all.push(with(seen, "engine", db.engine));
        }
    }
    Ok(all)
}

pub async fn delete(to: &Writer, id: &str) -> CloudResult<()> {
    const CALL: &str = "rds:DeleteDBInstance";
    let (rds, run_tags) = (&to.rds, &to.run_tags);
    let Some(db) = describe(&to.read.rds, id).await? else { return Ok(()) };
    tags::guard(CALL, id, tags::rds_value(db.tag_list(), TAG_RUN), run_tags)?;
    if db.db_instance_status() == Some("deleting") {
        return Ok(());
    }
    if db.deletion_protection() == Some(true) {
        // The restore asks for no deletion protection, but the source may pass its own on.
        rds.modify_db_instance()
            .db_instance_identifier(id)
            .deletion_protection(false)
            .apply_immediately(true)
            .send()
            .await
            .or_cloud("rds:ModifyDBInstance")?;
    }
    let request = rds.delete_db_instance().db_instance_identifier(id).skip_final_snapshot(true);
    let request = if db.db_cluster_identifier().is_some() {
        // Aurora keeps the backups with the cluster.
        request
    } else {
        request.delete_automated_backups(true)
    };
    request.send().await.or_cloud(CALL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::duration::Size;

    #[test]
    fn sql_server_is_not_told_to_do_without_a_mirror() {
        let db = |engine: &str, multi_az| RestoreDb {
            source: "s".into(),
            name: "n".into(),
            class: None,
            subnet_group: "g".into(),
            security_groups: Vec::new(),
            parameter_group: None,
            option_group: None,
            multi_az,
            az: None,
            port: None,
            size: Size(0),
            engine: Some(engine.into()),
        };
        assert_eq!(multi_az(&db("postgres", false)), Some(false));
        assert_eq!(multi_az(&db("sqlserver-se", false)), None);
        assert_eq!(multi_az(&db("sqlserver-se", true)), Some(true));
    }
}
