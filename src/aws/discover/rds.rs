//! RDS, Aurora, `DocumentDB` and Neptune: one API for all of them.
//!
//! An instance of a cluster is no resource of its own here. The data are the cluster's.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::types::{DbCluster, DbInstance, GlobalCluster, RestoreWindow, Tag};

use super::found::{Found, FoundPoint, LagOf, empty_point, empty_resource, some, sorted};
use super::lag::{self, LagMetric};
use super::{Here, Service, listed};
use crate::points::{database, search};
use crate::time::some_time;
use base::duration::{Size, Time};
use base::ids::name_of;
use estate::file::{PointEntry, ReplicaEntry, ResourceEntry};
use estate::{PointKind, ResourceId};
use port::TAG_RUN;

pub const SERVICE: Service = Service {
    name: "rds",
    calls: &[
        "cloudwatch:GetMetricData",
        "rds:DescribeDBClusterAutomatedBackups",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstanceAutomatedBackups",
        "rds:DescribeDBInstances",
        "rds:DescribeDBParameterGroups",
        "rds:DescribeDBSnapshots",
        "rds:DescribeDBSubnetGroups",
        "rds:DescribeGlobalClusters",
        "rds:DescribeOptionGroups",
    ],
};

/// Records on a page: 20 to 100.
const PAGE: i32 = 100;

/// The types of clusters.
const CLUSTERS: [&str; 3] = ["rds:cluster", "docdb:cluster", "neptune:cluster"];

pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    let instances = instances(here, &mut found).await;
    let clusters = clusters(here, &mut found).await;
    if let Some(instances) = &instances {
        logs(here, &mut found, instances).await;
        replicas(here, &mut found, instances).await;
    }
    if let Some(clusters) = &clusters {
        logs_of_clusters(here, &mut found, clusters).await;
    }
    snapshots(here, &mut found).await;
    groups(here, &mut found).await;
    found
}

/// The type of a cluster with this engine.
fn cluster_kind(engine: Option<&str>) -> &'static str {
    match engine {
        Some("docdb") => "docdb:cluster",
        Some("neptune") => "neptune:cluster",
        Some(_) | None => "rds:cluster",
    }
}

fn tags_of(tags: &[Tag]) -> BTreeMap<String, String> {
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    tags.iter().filter_map(pair).collect()
}

fn gib(size: Option<i32>) -> Size {
    Size::gib(size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0))
}

fn entry(here: &Here<'_>, kind: &str, name: Option<&str>, tags: &[Tag]) -> Option<ResourceEntry> {
    let mut entry = empty_resource(kind, name?, here.account(), Some(here.region()));
    entry.tags = tags_of(tags);
    Some(entry)
}

/// A group of the account's own. The engines' groups are everywhere.
fn own(group: Option<&str>) -> Option<String> {
    some(group).filter(|group| !group.starts_with("default.") && !group.starts_with("default:"))
}

async fn instances(here: &Here<'_>, found: &mut Found) -> Option<Vec<DbInstance>> {
    let request = here.clients.rds.describe_db_instances().max_records(PAGE);
    let mut all: Vec<DbInstance> =
        found.take(listed!(here, "rds:DescribeDBInstances", db_instances, marker, request))?;
    all.retain(|db| db.db_instance_status() != Some("deleting"));
    for db in all.iter().filter(|db| db.db_cluster_identifier().is_none_or(str::is_empty)) {
        let Some(mut entry) = entry(here, "rds:db", db.db_instance_identifier(), db.tag_list()) else {
            continue;
        };
        entry.az = here.zone(db.availability_zone());
        entry.multi_az = db.multi_az().unwrap_or_default();
        entry.size = gib(db.allocated_storage());
        entry.engine = some(db.engine());
        entry.key = some(db.kms_key_id());
        entry.class = some(db.db_instance_class());
        let group = db.db_parameter_groups().iter().find_map(|group| own(group.db_parameter_group_name()));
        entry.parameter_group = group;
        let group = db.option_group_memberships().iter().find_map(|group| own(group.option_group_name()));
        entry.option_group = group;
        entry.addresses = sorted(db.endpoint().and_then(|endpoint| some(endpoint.address())));
        found.resource(entry, db.db_instance_arn.clone());
    }
    found.whole("rds:db");
    Some(all)
}

async fn clusters(here: &Here<'_>, found: &mut Found) -> Option<Vec<DbCluster>> {
    const GLOBAL: &str = "rds:DescribeGlobalClusters";
    let rds = &here.clients.rds;
    let request = rds.describe_db_clusters().max_records(PAGE);
    let mut all: Vec<DbCluster> =
        found.take(listed!(here, "rds:DescribeDBClusters", db_clusters, marker, request))?;
    all.retain(|cluster| cluster.status() != Some("deleting"));
    let request = rds.describe_global_clusters().max_records(PAGE);
    // `None`: nobody knows whether a cluster has replicas.
    let global = found.take(listed!(here, GLOBAL, global_clusters, marker, request));
    for cluster in &all {
        let kind = cluster_kind(cluster.engine());
        let Some(mut entry) = entry(here, kind, cluster.db_cluster_identifier(), cluster.tag_list()) else {
            continue;
        };
        // Aurora and its kin grow by themselves, and give 1 for the size.
        entry.size = gib(cluster.allocated_storage().filter(|gib| *gib > 1));
        entry.engine = some(cluster.engine());
        entry.key = some(cluster.kms_key_id());
        entry.class = some(cluster.db_cluster_instance_class());
        entry.parameter_group = own(cluster.db_cluster_parameter_group());
        let ends = [cluster.endpoint(), cluster.reader_endpoint()].into_iter().flatten().map(str::to_owned);
        entry.addresses = sorted(ends.chain(cluster.custom_endpoints().iter().cloned()));
        let arn = cluster.db_cluster_arn();
        entry.replicas = arn.zip(global.as_deref()).map_or_else(Vec::new, |(arn, all)| secondaries(arn, all));
        found.resource(entry, cluster.db_cluster_arn.clone());
    }
    if let Some(global) = global {
        for kind in CLUSTERS {
            found.whole(kind);
        }
        lags_of_secondaries(here, found, &global).await;
    }
    Some(all)
}

/// The other regions of a global cluster whose writer this is.
fn secondaries(writer: &str, global: &[GlobalCluster]) -> Vec<ReplicaEntry> {
    let is_writer = |cluster: &&GlobalCluster| {
        let mut members = cluster.global_cluster_members().iter();
        members.any(|member| member.is_writer() == Some(true) && member.db_cluster_arn() == Some(writer))
    };
    let mut all = Vec::new();
    for member in global.iter().filter(is_writer).flat_map(GlobalCluster::global_cluster_members) {
        let (account, region) = search::place_of(member.db_cluster_arn());
        if let Some(region) = region.filter(|_| member.is_writer() != Some(true)) {
            let account = account.filter(|account| search::account_of(writer).as_ref() != Some(account));
            all.push(ReplicaEntry { region, account, az: None, lag: None });
        }
    }
    all.sort_by(|a, b| (&a.region, &a.account).cmp(&(&b.region, &b.account)));
    all
}

/// The lag of a secondary cluster is a metric of its own region.
async fn lags_of_secondaries(here: &Here<'_>, found: &mut Found, global: &[GlobalCluster]) {
    let mut metrics = BTreeMap::new();
    for cluster in global {
        let members = cluster.global_cluster_members();
        let Some(writer) = members.iter().find(|member| member.is_writer() == Some(true)) else { continue };
        for arn in members.iter().filter_map(|member| member.db_cluster_arn()) {
            if Some(arn) != writer.db_cluster_arn()
                && search::place_of(Some(arn)).1.as_ref() == Some(here.region())
            {
                let metric = LagMetric {
                    namespace: "AWS/RDS",
                    name: "AuroraGlobalDBReplicationLag",
                    dimensions: vec![("DBClusterIdentifier", name_of(arn).to_owned())],
                    per_second: 1_000,
                };
                // The replica stands at its writer under the writer's name.
                let as_writer = writer.db_cluster_arn().map(|writer| moved(writer, here));
                metrics.insert(metric, as_writer);
            }
        }
    }
    let asked: Vec<LagMetric> = metrics.keys().cloned().collect();
    for (metric, lag) in found.take(lag::read(here, &asked).await).unwrap_or_default() {
        if let Some(Some(arn)) = metrics.get(&metric) {
            found.lags.push(LagOf { arn: arn.clone(), lag });
        }
    }
}

/// The ARN with this place's region and account.
fn moved(arn: &str, here: &Here<'_>) -> String {
    let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let [_, _, _, region, account, _] = parts.as_mut_slice() {
        (*region, *account) = (here.region().as_str(), here.account().as_str());
    }
    parts.join(":")
}

/// A log that a database can be restored from.
struct Log<'a> {
    of: ResourceId,
    id: &'a str,
    days: Option<i32>,
    earliest: Option<Time>,
    latest: Option<Time>,
    size: Option<i32>,
    engine: Option<&'a str>,
    encryption: (bool, Option<String>),
}

impl Log<'_> {
    fn entry(self, here: &Here<'_>) -> Option<PointEntry> {
        let (encrypted, kms_key) = self.encryption;
        let taken = self.latest.map(|latest| lag::of_log(latest, here.now));
        let empty = empty_point(
            self.of,
            PointKind::RdsPitr,
            self.id.to_owned(),
            here.account().clone(),
            here.region().clone(),
        );
        Some(PointEntry {
            taken,
            retention: Some(lag::reach(self.days.unwrap_or(0), self.earliest, self.latest)?),
            size: gib(self.size),
            engine: some(self.engine),
            encrypted,
            kms_key,
            ..empty
        })
    }
}

fn window(window: Option<&RestoreWindow>) -> (Option<Time>, Option<Time>) {
    let earliest = window.and_then(|window| some_time(window.earliest_time()));
    (earliest, window.and_then(|window| some_time(window.latest_time())))
}

/// Automated backups: of the databases here, of deleted ones, and those that are replicated to here.
async fn logs(here: &Here<'_>, found: &mut Found, instances: &[DbInstance]) {
    const CALL: &str = "rds:DescribeDBInstanceAutomatedBackups";
    let request = here.clients.rds.describe_db_instance_automated_backups().max_records(PAGE);
    let all = found.take(listed!(here, CALL, db_instance_automated_backups, marker, request));
    let Some(backups) = all else { return };
    let here_already: BTreeSet<&str> = instances.iter().filter_map(DbInstance::dbi_resource_id).collect();
    let earliest: BTreeMap<&str, Time> =
        backups.iter().filter_map(|b| Some((b.dbi_resource_id()?, window(b.restore_window()).0?))).collect();
    for db in instances.iter().filter(|db| db.db_cluster_identifier().is_none_or(str::is_empty)) {
        let Some(id) = db.db_instance_identifier() else { continue };
        let latest = some_time(db.latest_restorable_time());
        let log = Log {
            of: ResourceId::new("rds:db", id),
            id,
            days: db.backup_retention_period().filter(|_| latest.is_some()),
            earliest: db.dbi_resource_id().and_then(|id| earliest.get(id)).copied(),
            latest,
            size: db.allocated_storage(),
            engine: db.engine(),
            encryption: database::encryption(db.storage_encrypted(), db.kms_key_id()),
        };
        if let Some(entry) = log.entry(here).filter(|_| !is_of_run(db.tag_list())) {
            found.point(FoundPoint::of_entry(entry).arn(db.db_instance_arn()));
        }
    }
    for backup in &backups {
        let source = backup.region().unwrap_or_else(|| here.region().as_str());
        let is_here = source == here.region().as_str()
            && backup.dbi_resource_id().is_some_and(|id| here_already.contains(id));
        let id = backup.db_instance_automated_backups_arn().or(backup.dbi_resource_id());
        let (Some(id), Some(of)) = (id, backup.db_instance_identifier()) else { continue };
        if is_here || is_of_run(backup.tag_list()) {
            continue;
        }
        let (earliest, latest) = window(backup.restore_window());
        let log = Log {
            of: ResourceId::new("rds:db", of),
            id,
            days: backup.backup_retention_period(),
            earliest,
            latest,
            size: backup.allocated_storage(),
            engine: backup.engine(),
            encryption: database::encryption(backup.encrypted(), backup.kms_key_id()),
        };
        let account = backup.db_instance_arn().and_then(search::account_of);
        if let Some(entry) = log.entry(here) {
            let point = FoundPoint::of_entry(entry).arn(Some(id));
            found.point(point.of_place(account, source.parse().ok()));
        }
    }
    found.whole_points(PointKind::RdsPitr, "rds:db");
}

fn is_of_run(tags: &[Tag]) -> bool {
    crate::tags::rds_value(tags, TAG_RUN).is_some()
}

/// Automated backups of clusters, and of deleted clusters.
async fn logs_of_clusters(here: &Here<'_>, found: &mut Found, clusters: &[DbCluster]) {
    const CALL: &str = "rds:DescribeDBClusterAutomatedBackups";
    for cluster in clusters.iter().filter(|cluster| !is_of_run(cluster.tag_list())) {
        let Some(id) = cluster.db_cluster_identifier() else { continue };
        let latest = some_time(cluster.latest_restorable_time());
        let log = Log {
            of: ResourceId::new(cluster_kind(cluster.engine()), id),
            id,
            days: cluster.backup_retention_period().filter(|_| latest.is_some()),
            earliest: some_time(cluster.earliest_restorable_time()),
            latest,
            size: cluster.allocated_storage().filter(|gib| *gib > 1),
            engine: cluster.engine(),
            encryption: database::encryption(cluster.storage_encrypted(), cluster.kms_key_id()),
        };
        if let Some(entry) = log.entry(here) {
            found.point(FoundPoint::of_entry(entry).arn(cluster.db_cluster_arn()));
        }
    }
    let request = here.clients.rds.describe_db_cluster_automated_backups().max_records(PAGE);
    let all = listed!(here, CALL, db_cluster_automated_backups, marker, request);
    let Some(backups) = found.take(all) else { return };
    let here_already: BTreeSet<&str> =
        clusters.iter().filter_map(DbCluster::db_cluster_resource_id).collect();
    for backup in backups {
        let source = backup.region().unwrap_or_else(|| here.region().as_str());
        let is_here = source == here.region().as_str()
            && backup.db_cluster_resource_id().is_some_and(|id| here_already.contains(id));
        let id = backup.db_cluster_automated_backups_arn().or(backup.db_cluster_resource_id());
        let (Some(id), Some(of)) = (id, backup.db_cluster_identifier()) else { continue };
        if is_here || is_of_run(backup.tag_list()) {
            continue;
        }
        let (earliest, latest) = window(backup.restore_window());
        let log = Log {
            of: ResourceId::new(cluster_kind(backup.engine()), of),
            id,
            days: backup.backup_retention_period(),
            earliest,
            latest,
            size: backup.allocated_storage().filter(|gib| *gib > 1),
            engine: backup.engine(),
            encryption: database::encryption(backup.storage_encrypted(), backup.kms_key_id()),
        };
        let account = backup.db_cluster_arn().and_then(search::account_of);
        if let Some(entry) = log.entry(here) {
            let point = FoundPoint::of_entry(entry).arn(Some(id));
            found.point(point.of_place(account, source.parse().ok()));
        }
    }
    for kind in CLUSTERS {
        found.whole_points(PointKind::RdsPitr, kind);
    }
}

/// Read replicas, with their lag.
async fn replicas(here: &Here<'_>, found: &mut Found, instances: &[DbInstance]) {
    let mut all = BTreeMap::new();
    for db in instances.iter().filter(|db| !is_of_run(db.tag_list())) {
        let source = db.read_replica_source_db_instance_identifier().filter(|source| !source.is_empty());
        if let (Some(source), Some(id)) = (source, db.db_instance_identifier()) {
            let metric = LagMetric {
                namespace: "AWS/RDS",
                name: "ReplicaLag",
                dimensions: vec![("DBInstanceIdentifier", id.to_owned())],
                per_second: 1,
            };
            all.insert(metric, (source, id, db));
        }
    }
    let asked: Vec<LagMetric> = all.keys().cloned().collect();
    let lags = found.take(lag::read(here, &asked).await).unwrap_or_default();
    for (metric, (source, id, db)) in all {
        if db.db_instance_status() != Some("available") {
            continue;
        }
        let (encrypted, kms_key) = database::encryption(db.storage_encrypted(), db.kms_key_id());
        let of = ResourceId::new("rds:db", name_of(source));
        let (account, region) = (here.account().clone(), here.region().clone());
        // A replica that has stopped stays `available`.
        let replicates = db.status_infos().iter().all(|status| status.normal() != Some(false));
        let lag = lags.get(&metric).copied().filter(|_| replicates);
        let entry = PointEntry {
            taken: lag.map(base::duration::When::BeforeT0),
            size: gib(db.allocated_storage()),
            engine: some(db.engine()),
            encrypted,
            kms_key,
            ..empty_point(of, PointKind::RdsReplica, id.to_owned(), account, region)
        };
        // A source in another region is named by its ARN.
        let (account, region) = search::place_of(Some(source).filter(|source| source.starts_with("arn:")));
        let point = FoundPoint::of_entry(entry).arn(db.db_instance_arn());
        found.point(point.of_place(account, region));
    }
    found.whole_points(PointKind::RdsReplica, "rds:db");
}

/// The account's own snapshots, AWS Backup's, and those that other accounts share with it.
async fn snapshots(here: &Here<'_>, found: &mut Found) {
    const INSTANCES: &str = "rds:DescribeDBSnapshots";
    const CLUSTER_SNAPSHOTS: &str = "rds:DescribeDBClusterSnapshots";
    let rds = &here.clients.rds;
    let mut whole = (true, true);
    for kind in database::TYPES {
        let kind = kind.map(str::to_owned);
        let request = rds.describe_db_snapshots().set_snapshot_type(kind.clone()).max_records(PAGE);
        let all = found.take(listed!(here, INSTANCES, db_snapshots, marker, request));
        whole.0 &= all.is_some();
        for snapshot in all.unwrap_or_default().iter().filter(|s| !is_of_run(s.tag_list())) {
            let point = database::of_snapshot(&here.search(), snapshot);
            if let Some(point) = point.filter(|point| point.seen_usable.is_some()) {
                let region = snapshot.source_region().and_then(|region| region.parse().ok());
                let owner = point.account.clone();
                let source = search::place_of(
                    snapshot.source_db_snapshot_identifier().filter(|s| s.starts_with("arn:")),
                );
                let account = source.0.or(Some(owner));
                let point = FoundPoint::of(point, here.account()).arn(snapshot.db_snapshot_arn());
                found.point(point.of_place(account, region.or(source.1)));
            }
        }
        let request = rds.describe_db_cluster_snapshots().set_snapshot_type(kind).max_records(PAGE);
        let all = found.take(listed!(here, CLUSTER_SNAPSHOTS, db_cluster_snapshots, marker, request));
        whole.1 &= all.is_some();
        for snapshot in all.unwrap_or_default().iter().filter(|s| !is_of_run(s.tag_list())) {
            let point = database::of_cluster_snapshot(&here.search(), snapshot);
            if let Some(mut point) = point.filter(|point| point.seen_usable.is_some()) {
                cluster_kind(snapshot.engine()).clone_into(&mut point.of.kind);
                let (account, region) = search::place_of(snapshot.source_db_cluster_snapshot_arn());
                let account = account.or_else(|| Some(point.account.clone()));
                let point = FoundPoint::of(point, here.account()).arn(snapshot.db_cluster_snapshot_arn());
                found.point(point.of_place(account, region));
            }
        }
    }
    if whole.0 {
        found.whole_points(PointKind::RdsSnapshot, "rds:db");
    }
    if whole.1 {
        for kind in CLUSTERS {
            found.whole_points(PointKind::RdsClusterSnapshot, kind);
        }
    }
}

/// Subnet, parameter and option groups, besides RDS's own.
async fn groups(here: &Here<'_>, found: &mut Found) {
    let rds = &here.clients.rds;
    let own = |name: &Option<String>| {
        name.clone().filter(|name| !name.starts_with("default.") && !name.starts_with("default:"))
    };
    let request = rds.describe_db_subnet_groups().max_records(PAGE);
    let subnets = listed!(here, "rds:DescribeDBSubnetGroups", db_subnet_groups, marker, request);
    let subnets = subnets.map(|all: Vec<_>| {
        let named = |group: aws_sdk_rds::types::DbSubnetGroup| {
            (group.db_subnet_group_name, group.db_subnet_group_arn)
        };
        all.into_iter().map(named).collect::<Vec<_>>()
    });
    let request = rds.describe_db_parameter_groups().max_records(PAGE);
    let parameters = listed!(here, "rds:DescribeDBParameterGroups", db_parameter_groups, marker, request);
    let parameters = parameters.map(|all: Vec<_>| {
        let named = |group: aws_sdk_rds::types::DbParameterGroup| {
            (own(&group.db_parameter_group_name), group.db_parameter_group_arn)
        };
        all.into_iter().map(named).collect::<Vec<_>>()
    });
    let request = rds.describe_option_groups().max_records(PAGE);
    let options = listed!(here, "rds:DescribeOptionGroups", option_groups_list, marker, request);
    let options = options.map(|all: Vec<_>| {
        let named =
            |group: aws_sdk_rds::types::OptionGroup| (own(&group.option_group_name), group.option_group_arn);
        all.into_iter().map(named).collect::<Vec<_>>()
    });
    for (kind, groups) in
        [("rds:subnet-group", subnets), ("rds:parameter-group", parameters), ("rds:option-group", options)]
    {
        let Some(groups) = found.take(groups) else { continue };
        for (name, arn) in groups {
            // The answer has no tags. A drill's own groups are known by their names.
            let name = name.filter(|name| !is_name_of_run(name));
            if let Some(entry) = entry(here, kind, name.as_deref(), &[]) {
                found.resource(entry, arn);
            }
        }
        found.whole(kind);
    }
}

/// Whether a drill has given the name: `dm-`, eight characters that identify the run, and a purpose.
fn is_name_of_run(name: &str) -> bool {
    let id = name.strip_prefix("dm-").and_then(|rest| rest.split_once('-')).map(|(id, _)| id);
    id.is_some_and(|id| id.len() == 8 && id.chars().all(|c| c.is_ascii_alphanumeric()))
}
