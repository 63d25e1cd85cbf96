//! What stands in production right now: the resources that a playbook's workloads name.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{InstanceStateName, Tag, VolumeState};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::access::{Clients, S3Reader};
use super::ec2::filter;
use super::{Aws, pages, s3};
use base::duration::Size;
use base::ids::AzId;
use estate::scope;
use estate::{Locus, Resource, ResourceId, Selector};
use port::{CloudResult, ErrorKind, LiveKind, LiveQuery, Place, TAG_RUN, Zone};

/// The number of values that a filter of EC2 may have.
const MOST_VALUES: usize = 200;
/// The number of items on a page.
const PAGE: i32 = 500;
/// How many buckets are asked at once.
const AT_ONCE: usize = 16;

type Tags = BTreeMap<String, String>;

/// Collects the resources of one query.
struct Found<'a> {
    place: &'a Place,
    query: &'a LiveQuery,
    zones: &'a [Zone],
    all: BTreeMap<ResourceId, Resource>,
}

impl Found<'_> {
    /// Adds the resource if the query means it. What a run has made is not production's.
    fn add(&mut self, id: Option<&str>, zone: Option<&str>, has_standby: bool, tags: Tags) {
        let Some(id) = id.filter(|_| !tags.contains_key(TAG_RUN)) else { return };
        let kind = self.query.kind.kind();
        let az: Option<AzId> = zone
            .and_then(|name| self.zones.iter().find(|zone| zone.name == name))
            .map(|zone| zone.id.clone());
        let Some(row) = scope::row_of(kind) else { return };
        let scope = row.scope_of(has_standby, az.is_some());
        let (account, region) = (Some(self.place.account.clone()), Some(self.place.region.clone()));
        let id = ResourceId::new(kind, id);
        let locus = Locus { account, region, az };
        let resource = Resource { id, locus, scope, size: Size(0), objects: 0, one_zone: false, tags };
        if self.query.means(&resource) {
            self.all.insert(resource.id.clone(), resource);
        }
    }
}

pub async fn find(aws: &Aws, place: &Place, query: &LiveQuery) -> CloudResult<Vec<Resource>> {
    let clients = aws.clients(place).await.map_err(|error| aws.blame(&place.account, error))?;
    let zones = match query.kind {
        LiveKind::Instance | LiveKind::Volume | LiveKind::Database => aws.zone_map(place).await?.to_vec(),
        // These lie in no zone.
        LiveKind::Cluster | LiveKind::Bucket => Vec::new(),
    };
    let mut found = Found { place, query, zones: &zones, all: BTreeMap::new() };
    match query.kind {
        LiveKind::Instance => instances(&clients, &mut found).await?,
        LiveKind::Volume => volumes(&clients, &mut found).await?,
        LiveKind::Database => databases(&clients, &mut found).await?,
        LiveKind::Cluster => clusters(&clients, &mut found).await?,
        LiveKind::Bucket => buckets(&clients.s3, &mut found).await?,
    }
    Ok(found.all.into_values().collect())
}

/// EC2's filters for the query: one request for each. A filter by tag has the key alone, since EC2
/// would read `*`, `?` and `\` in a value as a pattern.
fn filters(query: &LiveQuery, id: &str) -> Vec<aws_sdk_ec2::types::Filter> {
    let (mut ids, mut keys) = (Vec::new(), Vec::new());
    for selector in &query.selectors {
        match selector {
            Selector::Id(id) => ids.push(id.name.clone()),
            Selector::Tag { key, .. } => keys.push(key.clone()),
        }
    }
    let by_id = ids.chunks(MOST_VALUES).map(|ids| filter(id, ids.iter().cloned()));
    let by_tag = keys.chunks(MOST_VALUES).map(|keys| filter("tag-key", keys.iter().cloned()));
    by_id.chain(by_tag).collect()
}

fn tags_of_ec2(tags: &[Tag]) -> Tags {
    owned(tags.iter().map(|tag| (tag.key(), tag.value())))
}

fn tags_of_rds(tags: &[aws_sdk_rds::types::Tag]) -> Tags {
    owned(tags.iter().map(|tag| (tag.key(), tag.value())))
}

/// Tags with a key and a value.
fn owned<'a>(tags: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Tags {
    tags.filter_map(|(key, value)| Some((key?.to_owned(), value?.to_owned()))).collect()
}

async fn instances(clients: &Clients, found: &mut Found<'_>) -> CloudResult<()> {
    for filter in filters(found.query, "instance-id") {
        let request = clients.ec2.describe_instances().filters(filter).max_results(PAGE);
        for reservation in pages!("ec2:DescribeInstances", reservations, request) {
            for machine in reservation.instances.unwrap_or_default() {
                // EC2 lists a terminated instance for a while.
                let state = machine.state().and_then(|state| state.name());
                if matches!(state, Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown)) {
                    continue;
                }
                let zone = machine.placement().and_then(|placement| placement.availability_zone());
                found.add(machine.instance_id(), zone, false, tags_of_ec2(machine.tags()));
            }
        }
    }
    Ok(())
}

async fn volumes(clients: &Clients, found: &mut Found<'_>) -> CloudResult<()> {
    for filter in filters(found.query, "volume-id") {
        let request = clients.ec2.describe_volumes().filters(filter).max_results(PAGE);
        for volume in pages!("ec2:DescribeVolumes", volumes, request) {
            if !matches!(volume.state(), Some(VolumeState::Deleted | VolumeState::Deleting)) {
                found.add(volume.volume_id(), volume.availability_zone(), false, tags_of_ec2(volume.tags()));
            }
        }
    }
    Ok(())
}

/// RDS has no filter by tag: all databases are listed with their tags.
async fn databases(clients: &Clients, found: &mut Found<'_>) -> CloudResult<()> {
    for db in pages!("rds:DescribeDBInstances", db_instances, clients.rds.describe_db_instances()) {
        let has_standby = db.multi_az().unwrap_or_default();
        let tags = tags_of_rds(db.tag_list());
        found.add(db.db_instance_identifier(), db.availability_zone(), has_standby, tags);
    }
    Ok(())
}

async fn clusters(clients: &Clients, found: &mut Found<'_>) -> CloudResult<()> {
    for cluster in pages!("rds:DescribeDBClusters", db_clusters, clients.rds.describe_db_clusters()) {
        found.add(cluster.db_cluster_identifier(), None, false, tags_of_rds(cluster.tag_list()));
    }
    Ok(())
}

/// S3 has no filter by tag either: each bucket is asked for its tags, if tags are asked for.
async fn buckets(reader: &S3Reader, found: &mut Found<'_>) -> CloudResult<()> {
    let region = found.place.region.as_str();
    let asks_for_tags = found.query.asks_for_tags();
    let is_named = |name: &str| {
        found.query.selectors.iter().any(|selector| match selector {
            Selector::Id(id) => id.name == name,
            Selector::Tag { .. } => false,
        })
    };
    let names: Vec<String> = pages!("s3:ListBuckets", buckets, reader.list_buckets().bucket_region(region))
        .into_iter()
        .filter(|bucket| bucket.bucket_region().is_none_or(|other| other == region))
        .filter_map(|bucket| bucket.name)
        .filter(|name| asks_for_tags || is_named(name))
        .collect();
    let asked: Vec<Option<(String, Tags)>> = stream::iter(names)
        .map(async |name| match here(reader, region, &name, asks_for_tags).await {
            Ok(tags) => Ok(tags.map(|tags| (name, tags))),
            // It was deleted meanwhile.
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    for (name, tags) in asked.into_iter().flatten() {
        found.add(Some(&name), None, false, tags);
    }
    Ok(())
}

/// The tags of a bucket, if it is in this region. Empty if they are not asked for.
async fn here(s3: &S3Reader, region: &str, name: &str, asks_for_tags: bool) -> CloudResult<Option<Tags>> {
    if s3::bucket::region_of(s3, name).await? != region {
        return Ok(None);
    }
    if !asks_for_tags {
        return Ok(Some(Tags::new()));
    }
    let tags = s3::bucket::tags_of(s3, name).await?;
    Ok(Some(tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()))
}
