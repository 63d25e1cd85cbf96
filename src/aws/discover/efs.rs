//! EFS: file systems, and the ones that they replicate to.

use std::collections::BTreeMap;

use aws_sdk_efs::types::{FileSystemSize, LifeCycleState, ReplicationStatus};

use super::found::{Found, FoundPoint, empty_point, empty_resource, some};
use super::lag::{self, LagMetric};
use super::{Here, Service, listed};
use crate::time::to_time;
use base::duration::{Size, When, seconds_between};
use base::ids::{AccountId, Region};
use estate::{PointKind, ResourceId};

pub const SERVICE: Service = Service {
    name: "efs",
    calls: &[
        "cloudwatch:GetMetricData",
        "elasticfilesystem:DescribeFileSystems",
        "elasticfilesystem:DescribeReplicationConfigurations",
    ],
};

/// Items on a page: at most 100.
const PAGE: i32 = 100;

const KIND: &str = "efs:file-system";

/// What EFS aims at: "most" file systems are at most 15 minutes behind (EFS user guide, "Replicating
/// file systems"). A last synchronisation that is newer does not make the copy better.
const AIM: f64 = 900.0;

pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    let request = here.clients.efs.describe_file_systems().max_items(PAGE);
    let all = listed!(here, "elasticfilesystem:DescribeFileSystems", file_systems, next_marker, request);
    if let Some(all) = found.take(all) {
        for system in all {
            if matches!(system.life_cycle_state(), LifeCycleState::Deleted | LifeCycleState::Deleting) {
                continue;
            }
            let id = system.file_system_id();
            let mut entry = empty_resource(KIND, id, here.account(), Some(here.region()));
            entry.tags = system.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
            entry.az = system.availability_zone_id().and_then(|zone| zone.parse().ok());
            entry.key = some(system.kms_key_id());
            let arn = format!(
                "arn:{}:elasticfilesystem:{}:{}:file-system/{id}",
                here.region().partition(),
                here.region(),
                here.account()
            );
            // The size moves with every write, so it is rounded up.
            let size = system.size_in_bytes().map_or(0, FileSystemSize::value);
            entry.size = rounded_up(u64::try_from(size).unwrap_or(0));
            found.resource(entry, Some(arn));
        }
        found.whole(KIND);
    }
    replicas(here, &mut found).await;
    found
}

/// Rounds a size up to a power of two in GiB, for what moves all the time.
fn rounded_up(bytes: u64) -> Size {
    if bytes == 0 { Size(0) } else { Size::gib(bytes.div_ceil(1 << 30).next_power_of_two()) }
}

/// File systems of this region that are copied to another one.
async fn replicas(here: &Here<'_>, found: &mut Found) {
    const CALL: &str = "elasticfilesystem:DescribeReplicationConfigurations";
    let request = here.clients.efs.describe_replication_configurations().max_results(PAGE);
    let Some(all) = found.take(listed!(here, CALL, replications, next_token, request)) else { return };
    let mut copies = BTreeMap::new();
    // The list has the copies that come from elsewhere, too.
    for replication in all.iter().filter(|r| r.source_file_system_region() == here.region().as_str()) {
        for to in replication.destinations() {
            if !matches!(to.status(), ReplicationStatus::Enabled | ReplicationStatus::Pausing) {
                continue;
            }
            let metric = LagMetric {
                namespace: "AWS/EFS",
                name: "TimeSinceLastSync",
                dimensions: vec![
                    ("FileSystemId", replication.source_file_system_id().to_owned()),
                    ("DestinationFileSystemId", to.file_system_id().to_owned()),
                ],
                per_second: 1,
            };
            copies.insert(metric, (replication.source_file_system_id(), to));
        }
    }
    let asked: Vec<LagMetric> = copies.keys().cloned().collect();
    let lags = found.take(lag::read(here, &asked).await).unwrap_or_default();
    for (metric, (source, to)) in copies {
        let region = to.region().parse::<Region>();
        let owner: Option<AccountId> = to.owner_id().and_then(|owner| owner.parse().ok());
        let owner = owner.unwrap_or_else(|| here.account().clone());
        let Ok(region) = region else { continue };
        let of = ResourceId::new(KIND, source);
        let mut point = empty_point(of, PointKind::EfsReplica, to.file_system_id().to_owned(), owner, region);
        let synced = to.last_replicated_timestamp().and_then(to_time);
        let behind = synced.map(|at| lag::rounded_up(seconds_between(at, here.now).max(AIM)));
        point.taken = lags.get(&metric).copied().or(behind).map(When::BeforeT0);
        let place = (Some(here.account().clone()), Some(here.region().clone()));
        found.point(FoundPoint::of_entry(point).of_place(place.0, place.1));
    }
    found.whole_points(PointKind::EfsReplica, KIND);
}
