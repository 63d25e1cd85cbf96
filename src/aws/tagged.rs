//! Finds every resource at a place that carries a run's tag (or any run's tag), for every kind that
//! a drill creates.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, ImageState, InstanceStateName, Tag as Ec2Tag, VolumeState};
use aws_sdk_rds::types::Tag;
use aws_sdk_s3::types::Tag as BucketTag;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::access::{BackupReader, Clients, DynamoDbReader, RdsReader};
use super::dynamodb::table;
use super::ec2::filter;
use super::error::OrCloud;
use super::preflight::listed;
use super::tags::{TAG_TOKEN, rds_value, value};
use super::time::some_time;
use super::{Aws, backup, cloudformation, efs, function, pages, resolver, s3, zone};
use base::duration::Time;
use base::ids::RunId;
use port::{
    CloudResult, ErrorKind, Kind, Place, ResourceRef, TAG_EXPIRES, TAG_RUN, Tagged, TaggedThing, Whose,
};

/// Collects the resources found at one place.
struct Found<'a> {
    place: &'a Place,
    whose: &'a Whose,
    all: Tagged,
}

impl Found<'_> {
    /// Adds the resource if its tags match. A resource without an id is left out, because it cannot
    /// be deleted.
    fn add(
        &mut self,
        kind: Kind,
        id: Option<String>,
        created: Option<Time>,
        tag: impl Fn(&str) -> Option<String>,
    ) {
        let (Some(id), Some(run)) = (id, tag(TAG_RUN)) else { return };
        if !self.whose.means(&run) {
            return;
        }
        let (account, region) = (self.place.account.clone(), self.place.region.clone());
        let resource = ResourceRef { kind, id, account, region };
        // AWS Backup copies the tags of what it backs up. Only it can delete its backups.
        if tag(TAG_BACKUP).is_some() || is_backup(&resource.id) {
            self.all.held.push(held(&resource));
            return;
        }
        let (run, expires, token) = (RunId(run), tag(TAG_EXPIRES), tag(TAG_TOKEN));
        self.all.things.push(TaggedThing { resource, run, expires, token, created });
    }

    /// Tells of something with the name of a run and without its tag: AWS Backup makes what it restores
    /// without tags, and the drill may have ended before it could set them.
    fn untagged(&mut self, kind: Kind, id: Option<&str>, name: Option<&str>, is_tagged: bool, delete: &str) {
        let (Whose::Any, Some(id), false) = (self.whose, id, is_tagged) else { return };
        if name.is_some_and(is_named) {
            self.all.unread.push(untagged_text(kind, id, self.place, delete));
        }
    }

    fn add_ec2(&mut self, kind: Kind, id: Option<String>, created: Option<Time>, tags: &[Ec2Tag]) {
        self.add(kind, id, created, |key| value(tags, key).map(str::to_owned));
    }

    fn add_rds(&mut self, kind: Kind, id: Option<String>, created: Option<Time>, tags: &[Tag]) {
        self.add(kind, id, created, |key| rds_value(tags, key).map(str::to_owned));
    }

    /// Adds a snapshot of a database. AWS Backup's may lack the tags, and is then known by the name of
    /// the run's database.
    fn add_db_snapshot(
        &mut self,
        kind: Kind,
        id: Option<String>,
        created: Option<Time>,
        of: Option<&str>,
        tags: &[Tag],
    ) {
        if let (Whose::Run(run), Some(id), Some(of)) = (self.whose, &id, of)
            && is_backup(id)
            && of.starts_with(&run.name_prefix())
        {
            let (account, region) = (self.place.account.clone(), self.place.region.clone());
            self.all.held.push(held(&ResourceRef { kind, id: id.clone(), account, region }));
            return;
        }
        self.add_rds(kind, id, created, tags);
    }

    /// Returns how the names of the run's resources begin, or of any run's.
    fn named(&self) -> String {
        self.whose.run().map_or_else(|| NAMED.to_owned(), RunId::name_prefix)
    }

    /// Returns EC2's filter for the tags.
    fn filter(&self) -> Filter {
        match self.whose.run() {
            Some(run) => filter(&format!("tag:{TAG_RUN}"), [run.0.as_str()]),
            None => filter("tag-key", [TAG_RUN]),
        }
    }
}

/// The types of RDS's snapshots that outlive their database. Automated ones end with it.
const SNAPSHOT_TYPES: [&str; 2] = ["manual", "awsbackup"];

/// How the names of every run's resources begin.
const NAMED: &str = "dm-";

/// Whether a run may have given the name: `dm-1f3a5c7e-orders`.
pub fn is_named(name: &str) -> bool {
    let run = name.strip_prefix(NAMED).and_then(|rest| rest.split_once('-'));
    run.is_some_and(|(run, _)| run.len() == 8 && run.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Tells of something with the name of a run and without its tag.
fn untagged_text(kind: Kind, id: &str, place: &Place, delete: &str) -> String {
    format!(
        "{}/{id} ({place}): it has the name of a run, and no tag {TAG_RUN}: look whether a drill restored it, and delete it with `{delete} {id}`",
        kind.name()
    )
}

/// AWS Backup's own tag, with the ARN of what it backed up.
const TAG_BACKUP: &str = "aws:backup:source-resource";

/// Returns whether the id is one that AWS Backup gives to snapshots in RDS.
fn is_backup(id: &str) -> bool {
    id.starts_with("awsbackup:")
}

fn held(resource: &ResourceRef) -> String {
    format!(
        "{resource}: AWS Backup made it of a resource of the run, and only AWS Backup can delete it: delete the recovery point in its vault (AWS Backup console, or `aws backup delete-recovery-point`), and leave resources with the tag {TAG_RUN} out of the backup plan"
    )
}

/// Looks for resources of each kind.
///
/// What a missing permission hides is listed as unread, by the call that is missing. The other kinds
/// are looked for all the same.
pub async fn all(aws: &Aws, place: &Place, whose: &Whose) -> CloudResult<Tagged> {
    let clients = aws.s3_clients(place).await?;
    let has_buckets_only = aws.access(&place.account).endpoint.is_some();
    let mut found = Found { place, whose, all: Tagged::default() };
    let mut forbidden: BTreeMap<String, String> = BTreeMap::new();
    for &kind in Kind::ALL {
        if has_buckets_only && kind != Kind::Bucket || !whose.includes(kind) {
            continue;
        }
        match of_kind(&clients, kind, &mut found).await {
            Err(e) if e.kind == ErrorKind::Forbidden => {
                forbidden.entry(e.call).or_insert(e.message);
            }
            looked => looked?,
        }
    }
    if let Some(why) = forbidden.values().next() {
        let calls = listed(forbidden.keys());
        found.all.unread.push(format!("{place}: {calls} may not be called: {why}"));
    }
    found.all.things.sort();
    found.all.things.dedup();
    for texts in [&mut found.all.unread, &mut found.all.held] {
        texts.sort();
        texts.dedup();
    }
    Ok(found.all)
}

/// Looks for resources of one kind. RDS has no filter by tag: all its resources are listed with
/// their tags.
async fn of_kind(clients: &Clients, kind: Kind, found: &mut Found<'_>) -> CloudResult<()> {
    let (ec2, rds, ours) = (&clients.ec2, &clients.rds, found.filter());
    match kind {
        Kind::Vpc => {
            for v in pages!("ec2:DescribeVpcs", vpcs, ec2.describe_vpcs().filters(ours)) {
                found.add_ec2(kind, v.vpc_id.clone(), None, v.tags());
            }
        }
        Kind::Subnet => {
            for s in pages!("ec2:DescribeSubnets", subnets, ec2.describe_subnets().filters(ours)) {
                found.add_ec2(kind, s.subnet_id.clone(), None, s.tags());
            }
        }
        Kind::SecurityGroup => {
            let request = ec2.describe_security_groups().filters(ours);
            for g in pages!("ec2:DescribeSecurityGroups", security_groups, request) {
                found.add_ec2(kind, g.group_id.clone(), None, g.tags());
            }
        }
        Kind::Snapshot => {
            let request = ec2.describe_snapshots().owner_ids("self").filters(ours);
            for s in pages!("ec2:DescribeSnapshots", snapshots, request) {
                let (id, made) = (s.snapshot_id.clone(), some_time(s.start_time()));
                let by_backup = s.description().is_some_and(|said| said.contains("AWS Backup service"));
                found.add(kind, id, made, |key| match value(s.tags(), key) {
                    None if by_backup && key == TAG_BACKUP => s.description().map(str::to_owned),
                    found => found.map(str::to_owned),
                });
            }
        }
        Kind::Image => {
            let request = ec2.describe_images().owners("self").filters(ours);
            for i in pages!("ec2:DescribeImages", images, request) {
                // EC2 lists a deregistered image for a while.
                if i.state() == Some(&ImageState::Deregistered) {
                    continue;
                }
                let created = i.creation_date().and_then(|d| chrono::DateTime::parse_from_rfc3339(d).ok());
                found.add_ec2(kind, i.image_id.clone(), created.map(|d| d.to_utc()), i.tags());
            }
        }
        Kind::Volume => {
            for v in pages!("ec2:DescribeVolumes", volumes, ec2.describe_volumes().filters(ours)) {
                if v.state() != Some(&VolumeState::Deleted) {
                    found.add_ec2(kind, v.volume_id.clone(), some_time(v.create_time()), v.tags());
                }
            }
        }
        Kind::Instance => {
            for r in pages!("ec2:DescribeInstances", reservations, ec2.describe_instances().filters(ours)) {
                for i in r.instances.unwrap_or_default() {
                    // EC2 lists a terminated instance for a while.
                    if i.state().and_then(|s| s.name()) != Some(&InstanceStateName::Terminated) {
                        found.add_ec2(kind, i.instance_id.clone(), some_time(i.launch_time()), i.tags());
                    }
                }
            }
        }
        Kind::KeyPair => {
            let keys = ec2.describe_key_pairs().filters(ours).send().await;
            for k in keys.or_cloud("ec2:DescribeKeyPairs")?.key_pairs.unwrap_or_default() {
                found.add_ec2(kind, k.key_name.clone(), some_time(k.create_time()), k.tags());
            }
        }
        Kind::Address => {
            let addresses = ec2.describe_addresses().filters(ours).send().await;
            for a in addresses.or_cloud("ec2:DescribeAddresses")?.addresses.unwrap_or_default() {
                found.add_ec2(kind, a.allocation_id.clone(), None, a.tags());
            }
        }
        Kind::DbInstance => {
            for d in pages!("rds:DescribeDBInstances", db_instances, rds.describe_db_instances()) {
                // The instances of a Multi-AZ DB cluster go with it, and cannot be deleted alone.
                if d.db_cluster_identifier().is_some() && !d.engine().is_some_and(|e| e.starts_with("aurora"))
                {
                    continue;
                }
                let created = some_time(d.instance_create_time());
                let (id, is_tagged) =
                    (d.db_instance_identifier(), rds_value(d.tag_list(), TAG_RUN).is_some());
                found.untagged(
                    kind,
                    id,
                    id,
                    is_tagged,
                    "aws rds delete-db-instance --skip-final-snapshot --db-instance-identifier",
                );
                found.add_rds(kind, d.db_instance_identifier.clone(), created, d.tag_list());
            }
        }
        Kind::DbCluster => {
            for c in pages!("rds:DescribeDBClusters", db_clusters, rds.describe_db_clusters()) {
                let created = some_time(c.cluster_create_time());
                let (id, is_tagged) = (c.db_cluster_identifier(), rds_value(c.tag_list(), TAG_RUN).is_some());
                found.untagged(
                    kind,
                    id,
                    id,
                    is_tagged,
                    "aws rds delete-db-cluster --skip-final-snapshot --db-cluster-identifier",
                );
                found.add_rds(kind, c.db_cluster_identifier.clone(), created, c.tag_list());
            }
        }
        Kind::DbSnapshot => {
            for snapshot_type in SNAPSHOT_TYPES {
                let request = rds.describe_db_snapshots().snapshot_type(snapshot_type);
                for s in pages!("rds:DescribeDBSnapshots", db_snapshots, request) {
                    let (id, of) = (s.db_snapshot_identifier.clone(), s.db_instance_identifier());
                    let created = some_time(s.snapshot_create_time());
                    found.add_db_snapshot(kind, id, created, of, s.tag_list());
                }
            }
        }
        Kind::DbClusterSnapshot => {
            for snapshot_type in SNAPSHOT_TYPES {
                let request = rds.describe_db_cluster_snapshots().snapshot_type(snapshot_type);
                for s in pages!("rds:DescribeDBClusterSnapshots", db_cluster_snapshots, request) {
                    let (id, of) = (s.db_cluster_snapshot_identifier.clone(), s.db_cluster_identifier());
                    let created = some_time(s.snapshot_create_time());
                    found.add_db_snapshot(kind, id, created, of, s.tag_list());
                }
            }
        }
        Kind::DbSubnetGroup => {
            for g in pages!("rds:DescribeDBSubnetGroups", db_subnet_groups, rds.describe_db_subnet_groups()) {
                let Some(arn) = g.db_subnet_group_arn() else { continue };
                match rds_tags(rds, arn).await {
                    Ok(tags) => found.add_rds(kind, g.db_subnet_group_name.clone(), None, &tags),
                    Err(e) if e.kind == ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Kind::FileSystem => {
            for system in efs::all(&clients.efs).await? {
                let created = some_time(Some(&system.creation_time));
                let tag = |key: &str| efs::value(&system.tags, key).map(str::to_owned);
                let (id, token) = (system.file_system_id.as_str(), system.creation_token.as_str());
                let is_tagged = tag(TAG_RUN).is_some();
                found.untagged(
                    kind,
                    Some(id),
                    Some(token),
                    is_tagged,
                    "aws efs delete-file-system --file-system-id",
                );
                found.add(kind, Some(system.file_system_id.clone()), created, tag);
            }
        }
        // A mount target has no tags of its own.
        Kind::MountTarget => {
            for system in efs::all(&clients.efs).await? {
                let run = efs::value(&system.tags, TAG_RUN).filter(|run| found.whose.means(run));
                if run.is_none() || system.number_of_mount_targets == 0 {
                    continue;
                }
                for target in efs::targets_of(&clients.efs, &system.file_system_id).await? {
                    let tag = |key: &str| efs::value(&system.tags, key).map(str::to_owned);
                    found.add(kind, Some(target.mount_target_id), None, tag);
                }
            }
        }
        Kind::Table => tables(&clients.dynamodb, found).await?,
        Kind::Vault => vaults(&clients.backup, found).await?,
        // A job carries no tags. A run's journal names it, or that its start got no answer.
        Kind::RestoreJob => {
            if matches!(found.whose, Whose::Any) {
                found.all.held.extend(backup::at_work(&clients.backup, found.place).await?);
            }
        }
        Kind::CopyJob => {}
        Kind::Function => {
            let prefix = found.named();
            for (name, tags) in function::named(&clients.lambda, |name| name.starts_with(&prefix)).await? {
                let tag =
                    |key: &str| tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
                found.add(kind, Some(name), None, tag);
            }
        }
        Kind::DomainList | Kind::RuleGroup | Kind::QueryLog => {
            let prefix = found.named();
            for (id, tags) in
                resolver::tagged(&clients.resolver, kind, |name| name.starts_with(&prefix)).await?
            {
                let tag =
                    |key: &str| tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
                found.add(kind, Some(id), None, tag);
            }
        }
        Kind::Zone => {
            for (id, tags) in zone::made_by_runs(&clients.route53, &found.place.region).await? {
                let tag =
                    |key: &str| tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
                found.add(kind, Some(id), None, tag);
            }
        }
        Kind::Stack => {
            for stack in cloudformation::all(&clients.cloudformation).await? {
                let created = some_time(stack.creation_time());
                let tag = |key: &str| {
                    let tag = stack.tags().iter().find(|t| t.key() == Some(key));
                    tag.and_then(|t| t.value()).map(str::to_owned)
                };
                found.add(kind, stack.stack_id().map(str::to_owned), created, tag);
            }
        }
        Kind::Bucket => buckets(clients, found).await?,
    }
    Ok(())
}

pub async fn rds_tags(rds: &RdsReader, arn: &str) -> CloudResult<Vec<Tag>> {
    let answer = rds.list_tags_for_resource().resource_name(arn).send().await;
    Ok(answer.or_cloud("rds:ListTagsForResource")?.tag_list.unwrap_or_default())
}

/// Looks for vaults. Each vault with a name that a run gives is asked for its tags.
async fn vaults(reader: &BackupReader, found: &mut Found<'_>) -> CloudResult<()> {
    let named = found.named();
    for vault in backup::vault::all(reader).await? {
        let Some(name) = vault.backup_vault_name().filter(|name| name.starts_with(&named)) else { continue };
        let tags = match backup::vault::tags_of(reader, vault.backup_vault_arn().unwrap_or_default()).await {
            Err(e) if e.kind == ErrorKind::NotFound => continue,
            tags => tags?,
        };
        let tag = |key: &str| tags.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone());
        found.add(Kind::Vault, Some(name.to_owned()), some_time(vault.creation_date()), tag);
    }
    Ok(())
}

/// Looks for tables. Each table with a name that a run gives is asked for its tags.
async fn tables(dynamodb: &DynamoDbReader, found: &mut Found<'_>) -> CloudResult<()> {
    let (place, whose) = (found.place, found.whose);
    let named = found.named();
    let names = table::names(dynamodb).await?;
    for name in names.into_iter().filter(|name| name.starts_with(&named)) {
        let Some(known) = table::describe(dynamodb, &name).await? else { continue };
        let tags = match table::tags_of(dynamodb, known.table_arn().unwrap_or_default()).await {
            Err(e) if e.kind == ErrorKind::NotFound => continue,
            tags => tags?,
        };
        let created = some_time(known.creation_date_time());
        let is_tagged = table::value(&tags, TAG_RUN).is_some();
        let may_be_ours = match whose.run() {
            Some(run) => created.is_none_or(|created| began(run).is_none_or(|since| created >= since)),
            None => known.restore_summary().is_some(),
        };
        if !is_tagged && may_be_ours {
            // The runner died, or an answer was lost, between the restore and the tag. The journal may
            // not name the table.
            let delete = "aws dynamodb delete-table --table-name";
            found.all.unread.push(untagged_text(Kind::Table, &name, place, delete));
            continue;
        }
        found.add(Kind::Table, Some(name), created, |key| table::value(&tags, key).map(str::to_owned));
    }
    Ok(())
}

/// A bucket's name, its creation time, and its tags or the reason why they cannot be read.
type AskedBucket = (String, Option<Time>, Result<Vec<BucketTag>, String>);

/// Looks for buckets. S3 has no filter by tag either: each bucket is asked for its tags. For one
/// run, only buckets made since the run began are asked.
async fn buckets(clients: &Clients, found: &mut Found<'_>) -> CloudResult<()> {
    let (place, whose) = (found.place, found.whose);
    let began = whose.run().and_then(began);
    let all =
        pages!("s3:ListBuckets", buckets, clients.s3.list_buckets().bucket_region(place.region.as_str()));
    let names: Vec<(String, Option<Time>)> = all
        .into_iter()
        .filter(|b| b.bucket_region().is_none_or(|r| r == place.region.as_str()))
        .map(|b| (some_time(b.creation_date()), b.name))
        .filter(|(made, _)| match (began, made) {
            (Some(began), Some(made)) => *made >= began,
            _ => true,
        })
        .filter_map(|(made, name)| Some((name?, made)))
        .collect();
    let asked: Vec<Option<AskedBucket>> = stream::iter(names)
        .map(async |(name, made)| {
            let tags = match s3::bucket::tags_of(&clients.s3, &name).await {
                Ok(tags) if is_meant(&name, &tags, whose) => tags,
                Ok(_) => return Ok(None),
                // The bucket is in another region, or it was deleted meanwhile.
                Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Invalid) => return Ok(None),
                // The tags may not be read. Whether the bucket is the run's is unknown.
                Err(e) if e.kind == ErrorKind::Forbidden => {
                    return Ok(Some((name, made, Err(e.to_string()))));
                }
                Err(e) => return Err(e),
            };
            let region = s3::bucket::region_of(&clients.s3, &name).await?;
            Ok((region == place.region.as_str()).then_some((name, made, Ok(tags))))
        })
        .buffer_unordered(16)
        .try_collect()
        .await?;
    for (name, made, tags) in asked.into_iter().flatten() {
        match tags {
            Ok(tags) => {
                let is_tagged = s3::bucket::run_of(&tags).is_some();
                let delete = "aws s3api delete-bucket --bucket";
                found.untagged(Kind::Bucket, Some(&name), Some(&name), is_tagged, delete);
                let own = whose.run().filter(|_| !is_tagged);
                found.add(Kind::Bucket, Some(name), made, |key| match own {
                    Some(run) if key == TAG_RUN => Some(run.0.clone()),
                    _ => tags.iter().find(|t| t.key() == key).map(|t| t.value().to_owned()),
                });
            }
            // A run may read the tags of its own buckets, and knows their names. Another's bucket,
            // made since the run began, is none of its business.
            Err(why) => match whose.run() {
                Some(run) if !name.starts_with(&run.name_prefix()) => {}
                Some(_) | None => {
                    found
                        .all
                        .unread
                        .push(format!("s3:bucket/{name} ({place}): its tags cannot be read: {why}"));
                }
            },
        }
    }
    Ok(())
}

/// Whether a bucket may be of a run that is looked for. Without a tag, its name decides.
fn is_meant(name: &str, tags: &[BucketTag], whose: &Whose) -> bool {
    match whose.run() {
        Some(run) => s3::bucket::owner(name, tags, run).is_some_and(|run| whose.means(run)),
        None => s3::bucket::run_of(tags).map_or_else(|| is_named(name), |run| whose.means(run)),
    }
}

/// Returns when the run began, minus one hour for clocks that differ. The run's id starts with its
/// time.
pub fn began(run: &RunId) -> Option<Time> {
    let stamp = run.0.split('-').next()?;
    let began = chrono::NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ").ok()?.and_utc();
    Some(began - chrono::TimeDelta::hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS Backup takes the tags of what it backs up, and EC2 and RDS refuse to delete its backups.
    #[test]
    fn backups_of_aws_backup_are_held() {
        let run = "20261122T074400Z-orders-1f3a";
        let place = Place { account: "999988887777".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let ec2 = |key: &str, value: &str| Ec2Tag::builder().key(key).value(value).build();
        let rds = [Tag::builder().key(TAG_RUN).value(run).build()];
        let (ours, backed) = (ec2(TAG_RUN, run), ec2(TAG_BACKUP, "arn:aws:ec2:us-west-2:1:volume/vol-1"));
        let theirs = ec2(TAG_RUN, "20261122T074400Z-other-2a2a");
        for whose in [Whose::Run(RunId(run.into())), Whose::Any] {
            let mut found = Found { place: &place, whose: &whose, all: Tagged::default() };
            let id = |id: &str| Some(id.to_owned());
            found.add_ec2(Kind::Snapshot, id("snap-ours"), None, std::slice::from_ref(&ours));
            found.add_ec2(Kind::Snapshot, id("snap-backup"), None, &[ours.clone(), backed.clone()]);
            found.add_ec2(Kind::Image, id("ami-backup"), None, &[backed.clone(), ours.clone()]);
            found.add_ec2(Kind::Snapshot, id("snap-of-nobody"), None, std::slice::from_ref(&backed));
            let name = "dm-1f3a-db".to_owned();
            for (id, of, tags) in [
                ("dm-copy", name.as_str(), rds.as_slice()),
                ("awsbackup:job-tagged", "orders", rds.as_slice()),
                ("awsbackup:job-of-production", "orders", &[]),
            ] {
                found.add_db_snapshot(Kind::DbSnapshot, Some(id.into()), None, Some(of), tags);
            }
            let things: Vec<&str> = found.all.things.iter().map(|t| t.resource.id.as_str()).collect();
            assert_eq!(things, ["snap-ours", "dm-copy"], "{whose:?}");
            let held = found.all.held.join("\n");
            for id in ["snap-backup", "ami-backup", "awsbackup:job-tagged"] {
                assert!(held.contains(id), "{id}: {held}");
            }
            assert_eq!(found.all.held.len(), 3, "{held}");
            assert!(held.contains("aws backup delete-recovery-point"), "{held}");
        }
        // Of one run, the names of its databases tell too.
        let whose = Whose::Run(RunId(run.into()));
        let mut found = Found { place: &place, whose: &whose, all: Tagged::default() };
        let name = "dm-1f3a-db".to_owned();
        let id = Some("awsbackup:job-untagged".to_owned());
        found.add_db_snapshot(Kind::DbSnapshot, id, None, Some(&name), &[]);
        assert_eq!((found.all.held.len(), found.all.things.len()), (1, 0));
        found.add_ec2(Kind::Volume, Some("vol-1".into()), None, &[theirs]);
        assert_eq!(found.all.things, []);
    }

    #[test]
    fn a_run_tells_when_it_began() {
        let run = RunId("20261122T074400Z-orders-region-loss-1f3a".into());
        assert_eq!(began(&run).unwrap().to_rfc3339(), "2026-11-22T06:44:00+00:00");
        assert_eq!(began(&RunId("mine".into())), None);
    }
}
