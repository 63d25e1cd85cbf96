//! The tag check for creations that change something that already exists.

use aws_sdk_ec2::types::Tag;

use super::access::Clients;
use super::ec2::filter;
use super::error::OrCloud;
use super::tags::{rds_value, value};
use super::{At, backup, dynamodb, efs, rds, resolver, s3, tags, zone};
use port::{CloudError, CloudResult, Create, ErrorKind, Kind, ResourceRef, TAG_RUN};

/// Refuses a creation that would change a resource without this run's tag. Reads the tag now.
pub async fn guard_changed(at: &At<'_>, what: &Create) -> CloudResult<()> {
    let (changed, what_call) = (what.changes(at.place), what.call());
    if changed.is_empty() {
        return Ok(());
    }
    for resource in changed {
        // A copy is requested elsewhere, and changes a vault of the sandbox.
        let clients = at.aws.clients(&resource.place()).await?;
        // A restored table gets its tag only now.
        let owner = if resource.kind == Kind::Table {
            dynamodb::table::owner(&clients.dynamodb, &resource.id, at.run_tags).await?
        } else {
            run_on(&clients, &resource).await?
        };
        let Some(run) = owner else {
            let what = format!("{resource} is not there");
            return Err(CloudError::new(ErrorKind::NotFound, what_call, what)
                .help("check the id, the account and the region that it is looked for in"));
        };
        // The network of a standing sandbox takes in what a drill adds to it.
        let standing = at.run_tags.standing.as_ref().map(|run| run.0.as_str());
        if resource.kind == Kind::Vpc && standing.is_some() && run.as_deref() == standing {
            continue;
        }
        tags::guard(what_call, &resource.to_string(), run.as_deref(), at.run_tags)?;
    }
    Ok(())
}

/// Returns the run in the resource's tag, read now.
///
/// The outer `None` means that the resource does not exist, the inner `None` that it has no such
/// tag. Knows only the kinds that a creation may change.
async fn run_on(clients: &Clients, resource: &ResourceRef) -> CloudResult<Option<Option<String>>> {
    let (ec2, id) = (&clients.ec2, &resource.id);
    let owned = |tags: &[Tag]| value(tags, TAG_RUN).map(str::to_owned);
    let of_rds = |tags: &[aws_sdk_rds::types::Tag]| rds_value(tags, TAG_RUN).map(str::to_owned);
    Ok(match resource.kind {
        Kind::Vpc => {
            let found = ec2.describe_vpcs().filters(filter("vpc-id", [id])).send().await;
            found.or_cloud("ec2:DescribeVpcs")?.vpcs().first().map(|v| owned(v.tags()))
        }
        Kind::Volume => {
            let found = ec2.describe_volumes().filters(filter("volume-id", [id])).send().await;
            found.or_cloud("ec2:DescribeVolumes")?.volumes().first().map(|v| owned(v.tags()))
        }
        Kind::Instance => {
            let found = ec2.describe_instances().filters(filter("instance-id", [id])).send().await;
            let found = found.or_cloud("ec2:DescribeInstances")?;
            let instances = found.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
            instances.map(|i| owned(i.tags())).next()
        }
        Kind::DbInstance => rds::instance::describe(&clients.rds, id).await?.map(|d| of_rds(d.tag_list())),
        Kind::DbCluster => rds::cluster::describe(&clients.rds, id).await?.map(|c| of_rds(c.tag_list())),
        Kind::FileSystem => {
            let found = efs::describe(&clients.efs, id).await?;
            found.map(|system| efs::value(&system.tags, TAG_RUN).map(str::to_owned))
        }
        Kind::Vault => backup::vault::owner_of(&clients.backup, id).await?,
        Kind::DomainList | Kind::RuleGroup | Kind::QueryLog => {
            resolver::owner(&clients.resolver, resource.kind, id).await?
        }
        Kind::Zone => zone::owner(&clients.route53, id).await?,
        Kind::Bucket => match s3::bucket::tags_of(&clients.s3, id).await {
            Ok(tags) => Some(s3::bucket::run_of(&tags).map(str::to_owned)),
            Err(e) if e.kind == ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        },
        Kind::Subnet
        | Kind::SecurityGroup
        | Kind::DbSubnetGroup
        | Kind::Snapshot
        | Kind::Image
        | Kind::KeyPair
        | Kind::Address
        | Kind::DbSnapshot
        | Kind::DbClusterSnapshot
        | Kind::Table
        | Kind::CopyJob
        | Kind::RestoreJob
        | Kind::MountTarget
        | Kind::Function
        | Kind::Stack => Some(None),
    })
}
