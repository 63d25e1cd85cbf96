//! Where a restored resource has landed. Looks at the resource itself, whatever the request said.

use std::collections::BTreeSet;

use aws_sdk_ec2::operation::create_tags::builders::CreateTagsFluentBuilder;
use aws_smithy_types::DateTime;

use crate::access::Writer;
use crate::dynamodb::table;
use crate::ec2::filter;
use crate::efs;
use crate::error::OrCloud;
use crate::rds;
use crate::time::some_time;
use base::duration::Time;
use port::{CloudError, CloudResult, ErrorKind, Kind, Landing, Place, ResourceRef};

/// Where it must lie.
pub struct Lands<'a> {
    pub landing: &'a Landing,
    /// The zone of a volume, by the account's name for it.
    pub zone: Option<&'a str>,
}

/// What the job made, as it is now.
#[derive(Default)]
pub struct Found {
    /// Set if it exists and is proved to be made by the job. A bucket was there before.
    pub resource: Option<ResourceRef>,
    /// Whether it is not seen: it is gone again, or not yet visible.
    pub unseen: bool,
    /// The volumes of a machine, which are tagged with it.
    pub parts: Vec<String>,
    /// Why it does not lie in the sandbox, or is not proved to be the job's.
    pub outside: Option<String>,
}

/// How much older than its job a new resource may look: the services' times have whole seconds.
const ROUNDING: chrono::TimeDelta = chrono::TimeDelta::seconds(2);

/// What is seen of a resource.
#[derive(Default)]
struct Seen {
    made: Option<Time>,
    /// The name that the run has chosen for it, if it has one.
    name: Option<String>,
    outside: Vec<String>,
    parts: Vec<String>,
}

impl Seen {
    fn says(&mut self, wrong: bool, why: impl FnOnce() -> String) {
        if wrong {
            self.outside.push(why());
        }
    }

    fn all_in<'a>(&mut self, what: &str, found: impl IntoIterator<Item = &'a str>, own: &[String]) {
        for one in found {
            self.says(!own.iter().any(|known| known == one), || format!("its {what} is {one}"));
        }
    }
}

/// Looks at the resource with this ARN. Without `lands` only whether it is the job's is judged.
pub async fn found(
    to: &Writer,
    place: &Place,
    arn: &str,
    started: Option<&DateTime>,
    lands: Option<&Lands<'_>>,
) -> CloudResult<Found> {
    let not = |why: String| Ok(Found { outside: Some(why), ..Found::default() });
    let Some((kind, id)) = named(arn) else {
        return not(format!("the type of {arn} is not known"));
    };
    let mut parts = arn.splitn(6, ':').skip(3);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if kind != Kind::Bucket && (region != place.region.as_str() || account != place.account.as_str()) {
        return not(format!(
            "{arn} lies in account {account} and region {region}, and the sandbox is {place}"
        ));
    }
    // The request has named these. A resource of another name was not asked for, and the drill's role
    // may not even look at it.
    let has_chosen_name = matches!(kind, Kind::DbInstance | Kind::DbCluster | Kind::Table);
    if has_chosen_name && !id.starts_with(&to.run_tags.run.name_prefix()) {
        return not(format!("{arn} has a name that the run did not ask for"));
    }
    let seen = match kind {
        Kind::DbInstance => database(to, &id, lands).await?,
        Kind::DbCluster => cluster(to, &id, lands).await?,
        Kind::Instance => machine(to, &id, lands).await?,
        Kind::Volume => volume(to, &id, lands).await?,
        Kind::FileSystem => file_system(to, &id, lands).await?,
        Kind::Table => of_table(to, &id, lands).await?,
        Kind::Bucket => {
            // It is one of the run's own buckets, or it is not this run's to delete.
            return match lands.and_then(|lands| lands.landing.name.as_deref()) {
                Some(wanted) if wanted != id => not(format!("objects were restored into the bucket {id}")),
                Some(_) | None => Ok(Found::default()),
            };
        }
        Kind::Vpc
        | Kind::Subnet
        | Kind::SecurityGroup
        | Kind::DbSubnetGroup
        | Kind::Snapshot
        | Kind::Image
        | Kind::KeyPair
        | Kind::Address
        | Kind::DbSnapshot
        | Kind::DbClusterSnapshot
        | Kind::Vault
        | Kind::CopyJob
        | Kind::RestoreJob
        | Kind::MountTarget
        | Kind::Function
        | Kind::DomainList
        | Kind::RuleGroup
        | Kind::QueryLog
        | Kind::Zone
        | Kind::Stack => None,
    };
    let Some(mut seen) = seen else {
        return match lands {
            None => Ok(Found { unseen: true, ..Found::default() }),
            Some(_) => Err(CloudError::new(
                ErrorKind::NotFound,
                "backup:DescribeRestoreJob",
                format!("the job says that it made {arn}, which is not there"),
            )
            .help("it may not be visible yet, or was deleted: CloudTrail tells by whom")),
        };
    };
    if is_newer(seen.made, started) != Some(true) {
        return not(format!("{arn} existed before the job, or does not say since when it exists"));
    }
    if seen.name.as_ref().is_some_and(|name| !name.starts_with(&to.run_tags.run.name_prefix())) {
        return not(format!("{arn} existed before the job: its creation token is not the run's"));
    }
    if let Some(wanted) = lands.and_then(|lands| lands.landing.name.as_deref()) {
        seen.says(has_chosen_name && wanted != id, || format!("its name is {id}, and not {wanted}"));
    }
    let (account, region) = (place.account.clone(), place.region.clone());
    Ok(Found {
        resource: Some(ResourceRef { kind, id, account, region }),
        unseen: false,
        parts: seen.parts,
        outside: (!seen.outside.is_empty()).then(|| format!("{arn}: {}", seen.outside.join("; "))),
    })
}

/// Whether something was made after its job had started. `None`: one of the times is not told.
pub fn is_newer(made: Option<Time>, started: Option<&DateTime>) -> Option<bool> {
    Some(made? + ROUNDING >= some_time(started)?)
}

/// The kind and the id in the ARN of a restored resource.
fn named(arn: &str) -> Option<(Kind, String)> {
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':').skip(1);
    let (service, resource) = (parts.next()?, parts.nth(2)?);
    let (kind, id) = match service {
        "s3" => (Kind::Bucket, resource),
        "rds" => match resource.split_once(':')? {
            ("db", id) => (Kind::DbInstance, id),
            ("cluster", id) => (Kind::DbCluster, id),
            _ => return None,
        },
        "ec2" => match resource.split_once('/')? {
            ("instance", id) => (Kind::Instance, id),
            ("volume", id) => (Kind::Volume, id),
            _ => return None,
        },
        "elasticfilesystem" => (Kind::FileSystem, resource.strip_prefix("file-system/")?),
        "dynamodb" => (Kind::Table, resource.strip_prefix("table/")?),
        _ => return None,
    };
    Some((kind, id.to_owned()))
}

async fn database(to: &Writer, id: &str, lands: Option<&Lands<'_>>) -> CloudResult<Option<Seen>> {
    let Some(db) = rds::instance::describe(&to.read.rds, id).await? else { return Ok(None) };
    let mut seen = Seen { made: some_time(db.instance_create_time()), ..Seen::default() };
    if let Some(Lands { landing, .. }) = lands {
        let group = db.db_subnet_group();
        let name = group.and_then(|g| g.db_subnet_group_name()).unwrap_or("the default one");
        seen.says(landing.subnet_group.as_deref() != Some(name), || format!("its subnet group is {name}"));
        seen.all_in("VPC", group.and_then(|g| g.vpc_id()), std::slice::from_ref(&landing.vpc));
        let groups = db.vpc_security_groups().iter().filter_map(|g| g.vpc_security_group_id());
        seen.all_in("security group", groups, &landing.groups);
        seen.says(db.publicly_accessible() == Some(true), || "it is publicly accessible".to_owned());
        seen.says(!db.associated_roles().is_empty(), || "it has a role".to_owned());
    }
    Ok(Some(seen))
}

async fn cluster(to: &Writer, id: &str, lands: Option<&Lands<'_>>) -> CloudResult<Option<Seen>> {
    let Some(cluster) = rds::cluster::describe(&to.read.rds, id).await? else { return Ok(None) };
    let mut seen = Seen { made: some_time(cluster.cluster_create_time()), ..Seen::default() };
    if let Some(Lands { landing, .. }) = lands {
        let name = cluster.db_subnet_group().unwrap_or("the default one");
        seen.says(landing.subnet_group.as_deref() != Some(name), || format!("its subnet group is {name}"));
        let groups = cluster.vpc_security_groups().iter().filter_map(|g| g.vpc_security_group_id());
        seen.all_in("security group", groups, &landing.groups);
        seen.says(cluster.publicly_accessible() == Some(true), || "it is publicly accessible".to_owned());
        seen.says(!cluster.associated_roles().is_empty(), || "it has a role".to_owned());
    }
    Ok(Some(seen))
}

async fn machine(to: &Writer, id: &str, lands: Option<&Lands<'_>>) -> CloudResult<Option<Seen>> {
    let found = to.ec2.describe_instances().filters(filter("instance-id", [id])).send().await;
    let found = found.or_cloud("ec2:DescribeInstances")?;
    let instances = found.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
    let Some(instance) = instances.into_iter().next() else { return Ok(None) };
    let volumes = instance.block_device_mappings().iter().filter_map(|block| block.ebs()?.volume_id());
    let mut seen = Seen {
        made: some_time(instance.launch_time()),
        parts: volumes.map(str::to_owned).collect(),
        ..Seen::default()
    };
    if let Some(Lands { landing, .. }) = lands {
        seen.all_in("VPC", instance.vpc_id(), std::slice::from_ref(&landing.vpc));
        seen.all_in("subnet", instance.subnet_id(), &landing.subnets);
        let groups = instance.security_groups().iter().filter_map(|g| g.group_id());
        seen.all_in("security group", groups, &landing.groups);
        seen.says(instance.iam_instance_profile().is_some(), || "it runs with a role".to_owned());
        let address = instance.public_ip_address().filter(|ip| !ip.is_empty());
        seen.says(address.is_some(), || format!("its public address is {}", address.unwrap_or_default()));
    }
    Ok(Some(seen))
}

async fn volume(to: &Writer, id: &str, lands: Option<&Lands<'_>>) -> CloudResult<Option<Seen>> {
    let found = to.ec2.describe_volumes().filters(filter("volume-id", [id])).send().await;
    let found = found.or_cloud("ec2:DescribeVolumes")?;
    let Some(volume) = found.volumes().first() else { return Ok(None) };
    let mut seen = Seen { made: some_time(volume.create_time()), ..Seen::default() };
    if let Some(zone) = lands.and_then(|lands| lands.zone) {
        seen.all_in("zone", volume.availability_zone(), &[zone.to_owned()]);
        let to: BTreeSet<&str> = volume.attachments().iter().filter_map(|a| a.instance_id()).collect();
        seen.says(!to.is_empty(), || format!("it is attached to {to:?}"));
    }
    Ok(Some(seen))
}

async fn file_system(to: &Writer, id: &str, lands: Option<&Lands<'_>>) -> CloudResult<Option<Seen>> {
    let Some(system) = efs::describe(&to.read.efs, id).await? else { return Ok(None) };
    let name = Some(system.creation_token.clone());
    let mut seen = Seen { made: some_time(Some(&system.creation_time)), name, ..Seen::default() };
    if let Some(Lands { landing, .. }) = lands {
        let token = system.creation_token.as_str();
        seen.says(landing.name.as_deref() != Some(token), || format!("its creation token is {token}"));
        let targets = system.number_of_mount_targets;
        seen.says(targets > 0, || format!("it has {targets} mount targets that the drill did not make"));
    }
    Ok(Some(seen))
}

async fn of_table(to: &Writer, id: &str, lands: Option<&Lands<'_>>) -> CloudResult<Option<Seen>> {
    let Some(table) = table::describe(&to.read.dynamodb, id).await? else { return Ok(None) };
    let mut seen = Seen { made: some_time(table.creation_date_time()), ..Seen::default() };
    if lands.is_some() {
        seen.says(!table.replicas().is_empty(), || "it is replicated to other regions".to_owned());
    }
    Ok(Some(seen))
}

/// Gives the resource the run's tags.
pub async fn tag(
    to: &Writer,
    resource: &ResourceRef,
    arn: &str,
    parts: &[String],
    pairs: &[(&'static str, String)],
) -> CloudResult<()> {
    match resource.kind {
        Kind::DbInstance | Kind::DbCluster => {
            let tags = pairs
                .iter()
                .map(|(key, value)| aws_sdk_rds::types::Tag::builder().key(*key).value(value).build());
            let request = to.rds.add_tags_to_resource().resource_name(arn);
            request.set_tags(Some(tags.collect())).send().await.or_cloud("rds:AddTagsToResource")?;
        }
        Kind::Instance | Kind::Volume => {
            let tags = pairs
                .iter()
                .map(|(key, value)| aws_sdk_ec2::types::Tag::builder().key(*key).value(value).build());
            let request = to.ec2.create_tags().resources(&resource.id).set_tags(Some(tags.collect()));
            let request = parts.iter().fold(request, CreateTagsFluentBuilder::resources);
            request.send().await.or_cloud("ec2:CreateTags")?;
        }
        Kind::FileSystem => efs::tag(&to.efs, &resource.id, pairs).await?,
        Kind::Table => table::tag_as(&to.dynamodb, arn, pairs).await?,
        Kind::Bucket
        | Kind::Vpc
        | Kind::Subnet
        | Kind::SecurityGroup
        | Kind::DbSubnetGroup
        | Kind::Snapshot
        | Kind::Image
        | Kind::KeyPair
        | Kind::Address
        | Kind::DbSnapshot
        | Kind::DbClusterSnapshot
        | Kind::Vault
        | Kind::CopyJob
        | Kind::RestoreJob
        | Kind::MountTarget
        | Kind::Function
        | Kind::DomainList
        | Kind::RuleGroup
        | Kind::QueryLog
        | Kind::Zone
        | Kind::Stack => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The services' times have whole seconds, and a job's has milliseconds.
    #[test]
    fn what_was_made_by_a_job_is_newer_than_it() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let started = crate::time::from_time(at("2026-11-30T10:00:00.900Z"));
        for (made, newer) in [
            (Some("2026-11-30T10:00:00Z"), Some(true)),
            (Some("2026-11-30T09:59:58.900Z"), Some(true)),
            (Some("2026-11-30T09:59:58Z"), Some(false)),
            (Some("2026-11-30T10:05:00Z"), Some(true)),
            (None, None),
        ] {
            assert_eq!(is_newer(made.map(at), Some(&started)), newer, "{made:?}");
        }
        assert_eq!(is_newer(Some(at("2026-11-30T10:00:00Z")), None), None);
    }

    #[test]
    fn the_arn_of_what_was_made_tells_its_kind() {
        for (arn, wanted) in [
            ("arn:aws:rds:us-west-2:9:db:orders", Some((Kind::DbInstance, "orders"))),
            ("arn:aws:rds:us-west-2:9:cluster:c", Some((Kind::DbCluster, "c"))),
            ("arn:aws:ec2:us-west-2:9:instance/i-1", Some((Kind::Instance, "i-1"))),
            ("arn:aws:ec2:us-west-2:9:volume/vol-1", Some((Kind::Volume, "vol-1"))),
            ("arn:aws:elasticfilesystem:us-west-2:9:file-system/fs-1", Some((Kind::FileSystem, "fs-1"))),
            ("arn:aws:dynamodb:us-west-2:9:table/t", Some((Kind::Table, "t"))),
            ("arn:aws:s3:::receipts", Some((Kind::Bucket, "receipts"))),
            ("arn:aws:fsx:us-west-2:9:file-system/fs-1", None),
            ("nonsense", None),
        ] {
            assert_eq!(named(arn), wanted.map(|(kind, id)| (kind, id.to_owned())), "{arn}");
        }
    }
}
