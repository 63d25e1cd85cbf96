//! Everything that carries a run's tag at a place, of every kind that a drill creates.

use aws_sdk_ec2::types::{InstanceStateName, VolumeState};
use aws_sdk_rds::types::Tag;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::access::Clients;
use super::ec2::filter;
use super::error::OrCloud;
use super::tags::rds_value;
use super::time::some_time;
use super::{Aws, cloudformation, pages, s3};
use crate::cloud::{CloudResult, ErrorKind, Kind, Place, ResourceRef, TAG_RUN};
use crate::duration::Time;
use crate::ids::RunId;

/// Collects what is found at one place.
struct Found<'a> {
    place: &'a Place,
    all: Vec<ResourceRef>,
}

impl Found<'_> {
    fn add(&mut self, kind: Kind, id: Option<String>) {
        let Some(id) = id else { return };
        let (account, region) = (self.place.account.clone(), self.place.region.clone());
        self.all.push(ResourceRef { kind, id, account, region });
    }
}

pub async fn all(aws: &Aws, place: &Place, run: &RunId) -> CloudResult<Vec<ResourceRef>> {
    let clients = aws.s3_clients(place).await?;
    let mut found = Found { place, all: Vec::new() };
    if aws.access(&place.account).endpoint.is_none() {
        ec2(&clients, run, &mut found).await?;
        rds(&clients, run, &mut found).await?;
        for stack in cloudformation::all(&clients.cloudformation).await? {
            if stack.tags().iter().any(|t| t.key() == Some(TAG_RUN) && t.value() == Some(&run.0)) {
                found.add(Kind::Stack, stack.stack_id);
            }
        }
    }
    buckets(&clients, place, run, &mut found).await?;
    found.all.sort();
    found.all.dedup();
    Ok(found.all)
}

async fn ec2(clients: &Clients, run: &RunId, found: &mut Found<'_>) -> CloudResult<()> {
    let ec2 = &clients.ec2;
    let ours = || filter(&format!("tag:{TAG_RUN}"), [run.0.as_str()]);
    for v in pages!("ec2:DescribeVpcs", vpcs, ec2.describe_vpcs().filters(ours())) {
        found.add(Kind::Vpc, v.vpc_id);
    }
    for s in pages!("ec2:DescribeSubnets", subnets, ec2.describe_subnets().filters(ours())) {
        found.add(Kind::Subnet, s.subnet_id);
    }
    let request = ec2.describe_security_groups().filters(ours());
    for g in pages!("ec2:DescribeSecurityGroups", security_groups, request) {
        found.add(Kind::SecurityGroup, g.group_id);
    }
    for s in
        pages!("ec2:DescribeSnapshots", snapshots, ec2.describe_snapshots().owner_ids("self").filters(ours()))
    {
        found.add(Kind::Snapshot, s.snapshot_id);
    }
    for i in pages!("ec2:DescribeImages", images, ec2.describe_images().owners("self").filters(ours())) {
        found.add(Kind::Image, i.image_id);
    }
    for v in pages!("ec2:DescribeVolumes", volumes, ec2.describe_volumes().filters(ours())) {
        if v.state() != Some(&VolumeState::Deleted) {
            found.add(Kind::Volume, v.volume_id);
        }
    }
    for r in pages!("ec2:DescribeInstances", reservations, ec2.describe_instances().filters(ours())) {
        for i in r.instances.unwrap_or_default() {
            // A terminated instance is only remembered for a while.
            if i.state().and_then(|s| s.name()) != Some(&InstanceStateName::Terminated) {
                found.add(Kind::Instance, i.instance_id);
            }
        }
    }
    let keys = ec2.describe_key_pairs().filters(ours()).send().await.or_cloud("ec2:DescribeKeyPairs")?;
    for k in keys.key_pairs.unwrap_or_default() {
        found.add(Kind::KeyPair, k.key_name);
    }
    let addresses =
        ec2.describe_addresses().filters(ours()).send().await.or_cloud("ec2:DescribeAddresses")?;
    for a in addresses.addresses.unwrap_or_default() {
        found.add(Kind::Address, a.allocation_id);
    }
    Ok(())
}

/// RDS has no filter by tag: everything is listed, with its tags.
async fn rds(clients: &Clients, run: &RunId, found: &mut Found<'_>) -> CloudResult<()> {
    let rds = &clients.rds;
    let ours = |tags: &[Tag]| rds_value(tags, TAG_RUN) == Some(run.0.as_str());
    for d in pages!("rds:DescribeDBInstances", db_instances, rds.describe_db_instances()) {
        if ours(d.tag_list()) {
            found.add(Kind::DbInstance, d.db_instance_identifier);
        }
    }
    for c in pages!("rds:DescribeDBClusters", db_clusters, rds.describe_db_clusters()) {
        if ours(c.tag_list()) {
            found.add(Kind::DbCluster, c.db_cluster_identifier);
        }
    }
    for s in
        pages!("rds:DescribeDBSnapshots", db_snapshots, rds.describe_db_snapshots().snapshot_type("manual"))
    {
        if ours(s.tag_list()) {
            found.add(Kind::DbSnapshot, s.db_snapshot_identifier);
        }
    }
    let request = rds.describe_db_cluster_snapshots().snapshot_type("manual");
    for s in pages!("rds:DescribeDBClusterSnapshots", db_cluster_snapshots, request) {
        if ours(s.tag_list()) {
            found.add(Kind::DbClusterSnapshot, s.db_cluster_snapshot_identifier);
        }
    }
    for g in pages!("rds:DescribeDBSubnetGroups", db_subnet_groups, rds.describe_db_subnet_groups()) {
        let Some(arn) = g.db_subnet_group_arn() else { continue };
        match rds_tags(rds, arn).await {
            Ok(tags) if ours(&tags) => found.add(Kind::DbSubnetGroup, g.db_subnet_group_name),
            Err(e) if e.kind != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

pub async fn rds_tags(rds: &aws_sdk_rds::Client, arn: &str) -> CloudResult<Vec<Tag>> {
    let answer = rds.list_tags_for_resource().resource_name(arn).send().await;
    Ok(answer.or_cloud("rds:ListTagsForResource")?.tag_list.unwrap_or_default())
}

/// S3 has no filter by tag either: of the buckets here, those made since the run began are asked for their tags.
async fn buckets(clients: &Clients, place: &Place, run: &RunId, found: &mut Found<'_>) -> CloudResult<()> {
    let began = began(run);
    let all =
        pages!("s3:ListBuckets", buckets, clients.s3.list_buckets().bucket_region(place.region.as_str()));
    let names: Vec<String> = all
        .into_iter()
        .filter(|b| b.bucket_region().is_none_or(|r| r == place.region.as_str()))
        .filter(|b| match (began, some_time(b.creation_date())) {
            (Some(began), Some(made)) => made >= began,
            _ => true,
        })
        .filter_map(|b| b.name)
        .collect();
    let ours: Vec<Option<String>> = stream::iter(names)
        .map(async |name| {
            match s3::bucket::tags_of(&clients.s3, &name).await {
                Ok(tags) if s3::bucket::run_of(&tags) == Some(run.0.as_str()) => {}
                Ok(_) => return Ok(None),
                // Another region's, gone meanwhile, or one whose tags we may not read: we could read our own.
                Err(e)
                    if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden | ErrorKind::Invalid) =>
                {
                    return Ok(None);
                }
                Err(e) => return Err(e),
            }
            let location = clients.s3.get_bucket_location().bucket(&name).send().await;
            let location = location.or_cloud("s3:GetBucketLocation")?;
            let region = location.location_constraint().map_or("us-east-1", |c| c.as_str());
            let region = match region {
                "" => "us-east-1",
                "EU" => "eu-west-1",
                other => other,
            };
            Ok((region == place.region.as_str()).then_some(name))
        })
        .buffer_unordered(16)
        .try_collect()
        .await?;
    for name in ours.into_iter().flatten() {
        found.add(Kind::Bucket, Some(name));
    }
    Ok(())
}

/// When the run began, with an hour of grace for clocks: a run's id starts with it.
fn began(run: &RunId) -> Option<Time> {
    let stamp = run.0.split('-').next()?;
    let began = chrono::NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ").ok()?.and_utc();
    Some(began - chrono::TimeDelta::hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_tells_when_it_began() {
        let run = RunId("20261122T074400Z-orders-region-loss-1f3a".into());
        assert_eq!(began(&run).unwrap().to_rfc3339(), "2026-11-22T06:44:00+00:00");
        assert_eq!(began(&RunId("mine".into())), None);
    }
}
