//! Finds what a deleted stack leaves behind: resources that its template retains, final snapshots,
//! and log groups that services made for its resources.
//!
//! CloudFormation takes final snapshots by default in two cases: for an `AWS::RDS::DBCluster`, and
//! for an `AWS::RDS::DBInstance` outside any cluster. Their `DeletionPolicy` is `Snapshot` unless
//! the template sets another (CloudFormation user guide, "`DeletionPolicy` attribute").

use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary, TemplateStage};

use super::access::Clients;
use super::ec2::filter;
use super::error::OrCloud;
use super::pages;
use super::time::some_time;
use base::duration::Time;
use chrono::DateTime;
use port::{CloudError, CloudResult, ErrorKind, Kind, Remains, ResourceRef};
use template::Template;
use template::stays::LogGroups;
use template::types::leaves_a_snapshot;
use yaml::Node;

/// Returns what the stack left behind.
///
/// CloudFormation keeps the resources and the template of a deleted stack for 90 days, by the
/// stack's id.
pub async fn of(clients: &Clients, stack: &ResourceRef) -> CloudResult<Vec<Remains>> {
    let mut found = Vec::new();
    let mut logged = Vec::new();
    // A nested stack is a resource of its parent.
    let mut stacks = vec![stack.id.clone()];
    while let Some(id) = stacks.pop() {
        let request = clients.cloudformation.list_stack_resources().stack_name(&id);
        let listed = pages!("cloudformation:ListStackResources", stack_resource_summaries, request);
        let template = template(clients, &id).await?;
        for one in &listed {
            let declared = one.logical_resource_id().and_then(|name| template.entry("Resources", name));
            if one.resource_status() == Some(&ResourceStatus::DeleteSkipped) {
                found.push(retained(stack, one));
            } else if one.resource_type() == Some("AWS::CloudFormation::Stack") {
                stacks.extend(one.physical_resource_id().map(str::to_owned));
            } else if snapshotted(one, declared) {
                found.extend(snapshots(clients, stack, one).await?);
            }
            logged.extend(log_groups(one, declared).map(|groups| (name(one), groups)));
        }
    }
    if !logged.is_empty() {
        let since = began(clients, &stack.id).await?;
        for (owner, groups) in logged {
            found.extend(written(clients, stack, &owner, &groups, since).await?);
        }
    }
    Ok(found)
}

/// Returns the log groups that a service makes for the resource.
fn log_groups(one: &StackResourceSummary, declared: Option<&Node>) -> Option<LogGroups> {
    let kind = one.resource_type().unwrap_or_default();
    let groups = LogGroups::of(kind, one.physical_resource_id().filter(|id| !id.is_empty())?)?;
    let logging = declared.and_then(|d| d.get("Properties")).and_then(|p| p.get("LoggingConfig"));
    match logging.and_then(|logging| logging.get("LogGroup")) {
        None => Some(groups),
        // Lambda makes a group that its function names, if there is none.
        Some(named) => named.as_str().map(|named| LogGroups { name: named.to_owned(), is_prefix: false }),
    }
}

/// Returns when CloudFormation began to make the stack.
async fn began(clients: &Clients, id: &str) -> CloudResult<Option<Time>> {
    const CALL: &str = "cloudformation:DescribeStacks";
    let answer = clients.cloudformation.describe_stacks().stack_name(id).send().await.or_cloud(CALL)?;
    Ok(some_time(answer.stacks().first().and_then(|stack| stack.creation_time())))
}

/// Returns the log groups that exist and were made since the stack was. They carry no tag of the
/// run, so nobody but a person deletes them.
async fn written(
    clients: &Clients,
    stack: &ResourceRef,
    owner: &str,
    groups: &LogGroups,
    since: Option<Time>,
) -> CloudResult<Vec<Remains>> {
    let request = clients.logs.describe_log_groups().log_group_name_prefix(&groups.name);
    let listed = pages!("logs:DescribeLogGroups", log_groups, request);
    let older = |made: Option<i64>| {
        let made = made.and_then(DateTime::from_timestamp_millis);
        made.zip(since).is_some_and(|(made, since)| made < since)
    };
    let ours = listed.into_iter().filter(|group| !older(group.creation_time));
    let names = ours.filter_map(|group| group.log_group_name).filter(|name| groups.hold(name));
    let remains = names.map(|name| Remains {
        resource: None,
        what: format!(
            "the log group {name} of {owner} of the stack {}: delete it with `aws logs delete-log-group \
             --log-group-name {name} --region {}`",
            stack.id, stack.region
        ),
    });
    Ok(remains.collect())
}

async fn template(clients: &Clients, id: &str) -> CloudResult<Template> {
    const CALL: &str = "cloudformation:GetTemplate";
    // The processed template is the one that was deployed: macros may have added resources.
    let request =
        clients.cloudformation.get_template().stack_name(id).template_stage(TemplateStage::Processed);
    let text = request.send().await.or_cloud(CALL)?.template_body.unwrap_or_default();
    Template::read(id, &text, 0).map_err(|found| {
        let why = found.iter().next().map(|first| first.message.clone()).unwrap_or_default();
        CloudError::new(ErrorKind::Invalid, CALL, format!("the template of {id} cannot be read: {why}"))
    })
}

fn snapshotted(one: &StackResourceSummary, declared: Option<&Node>) -> bool {
    if let Some(policy) = declared.and_then(|d| d.get("DeletionPolicy")).and_then(Node::as_str) {
        return policy == "Snapshot";
    }
    let in_a_cluster =
        declared.is_some_and(|d| d.get("Properties").is_some_and(|p| p.get("DBClusterIdentifier").is_some()));
    leaves_a_snapshot(one.resource_type().unwrap_or_default(), in_a_cluster)
}

/// Returns a name such as `Orders (AWS::S3::Bucket orders-1x2y)`.
fn name(one: &StackResourceSummary) -> String {
    let [logical, kind, id] = [one.logical_resource_id(), one.resource_type(), one.physical_resource_id()];
    format!("{} ({} {})", logical.unwrap_or("?"), kind.unwrap_or("?"), id.unwrap_or("?"))
}

fn resource(stack: &ResourceRef, kind: Kind, id: &str) -> ResourceRef {
    ResourceRef { kind, id: id.to_owned(), account: stack.account.clone(), region: stack.region.clone() }
}

fn retained(stack: &ResourceRef, one: &StackResourceSummary) -> Remains {
    let kind = match one.resource_type().unwrap_or_default() {
        "AWS::EC2::VPC" => Some(Kind::Vpc),
        "AWS::EC2::Subnet" => Some(Kind::Subnet),
        "AWS::EC2::SecurityGroup" => Some(Kind::SecurityGroup),
        "AWS::EC2::Volume" => Some(Kind::Volume),
        "AWS::EC2::Instance" => Some(Kind::Instance),
        "AWS::EC2::KeyPair" => Some(Kind::KeyPair),
        "AWS::RDS::DBSubnetGroup" => Some(Kind::DbSubnetGroup),
        "AWS::RDS::DBInstance" => Some(Kind::DbInstance),
        "AWS::RDS::DBCluster" => Some(Kind::DbCluster),
        "AWS::S3::Bucket" => Some(Kind::Bucket),
        _ => None,
    };
    Remains {
        resource: kind.zip(one.physical_resource_id()).map(|(kind, id)| resource(stack, kind, id)),
        what: format!("{} of the stack {}: its template retains it", name(one), stack.id),
    }
}

/// Returns the final snapshots of one resource. All its snapshots count, because the resource
/// belonged to the stack.
async fn snapshots(
    clients: &Clients,
    stack: &ResourceRef,
    one: &StackResourceSummary,
) -> CloudResult<Vec<Remains>> {
    let Some(id) = one.physical_resource_id().filter(|id| !id.is_empty()) else { return Ok(Vec::new()) };
    let of = format!("of {} of the stack {}", name(one), stack.id);
    let (kind, ids): (Kind, Vec<String>) = match one.resource_type().unwrap_or_default() {
        "AWS::RDS::DBInstance" => {
            let request =
                clients.rds.describe_db_snapshots().db_instance_identifier(id).snapshot_type("manual");
            let found = pages!("rds:DescribeDBSnapshots", db_snapshots, request);
            (Kind::DbSnapshot, found.into_iter().filter_map(|s| s.db_snapshot_identifier).collect())
        }
        "AWS::RDS::DBCluster" => {
            let request = clients.rds.describe_db_cluster_snapshots().db_cluster_identifier(id);
            let request = request.snapshot_type("manual");
            let found = pages!("rds:DescribeDBClusterSnapshots", db_cluster_snapshots, request);
            let ids = found.into_iter().filter_map(|s| s.db_cluster_snapshot_identifier);
            (Kind::DbClusterSnapshot, ids.collect())
        }
        "AWS::EC2::Volume" => {
            let request =
                clients.ec2.describe_snapshots().owner_ids("self").filters(filter("volume-id", [id]));
            let found = pages!("ec2:DescribeSnapshots", snapshots, request);
            (Kind::Snapshot, found.into_iter().filter_map(|s| s.snapshot_id).collect())
        }
        _ => {
            let what =
                format!("unknown: a final snapshot {of}, which this version does not know how to look for");
            return Ok(vec![Remains { resource: None, what }]);
        }
    };
    Ok(ids
        .into_iter()
        .map(|id| Remains {
            what: format!("the final snapshot {id} {of}"),
            resource: Some(resource(stack, kind, &id)),
        })
        .collect())
}
