//! Asks whether a call would be allowed.
//!
//! Only this file uses a client that can change things without a permit: a dry run changes nothing.

use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification, VolumeType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Clients;
use crate::error::OrCloud;
use port::{CloudError, CloudResult, ErrorKind, Needs, TAG_EXPIRES, TAG_RUN};

/// How closely a dry run resembles the real call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// The same request, or a read that every caller needs.
    Exact,
    /// The resource of the real call does not exist yet, so the dry run names a made-up id.
    MadeUpIds,
}

const ID: &str = "00000000000000000";

/// Returns the tags of the real call. A policy may allow the call only with them.
fn spec(needs: &Needs, kind: ResourceType) -> Option<Vec<TagSpecification>> {
    let run_tags = needs.run_tags.as_ref()?;
    let tag = |key: &str, value: String| Tag::builder().key(key).value(value).build();
    let expires = run_tags.expires.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let tags = vec![
        tag("Name", "drillmaster-preflight".into()),
        tag(TAG_RUN, run_tags.run.to_string()),
        tag(TAG_EXPIRES, expires),
        tag(crate::tags::TAG_TOKEN, "preflight".into()),
    ];
    Some(vec![TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()])
}

/// Returns why a call would be refused, or `None`.
///
/// EC2 answers a dry run. In other services a read shows only whether the credentials reach the
/// service at all.
pub async fn refused(
    clients: &Clients,
    needs: &Needs,
    call: &str,
) -> CloudResult<Option<(String, Fidelity)>> {
    let Some((service, operation)) = call.split_once(':') else { return Ok(None) };
    let mut fidelity = Fidelity::Exact;
    let answer = match (service, operation) {
        ("ec2", "CreateVpc" | "AllocateAddress") => dry_run(clients, needs, call, operation).await,
        ("ec2", "RunInstances") => {
            fidelity = Fidelity::MadeUpIds;
            run_instances(clients, needs, call).await
        }
        ("ec2", "CreateSubnet" | "CreateSecurityGroup" | "CopySnapshot" | "CopyImage" | "CreateVolume") => {
            fidelity = Fidelity::MadeUpIds;
            dry_run(clients, needs, call, operation).await
        }
        ("ec2", _) => dry("ec2:DescribeVpcs", clients.raw.ec2.describe_vpcs().dry_run(true).send().await),
        ("rds", _) => {
            let tried = clients.rds.describe_db_instances().max_records(20).send().await;
            tried.or_cloud("rds:DescribeDBInstances").map(drop)
        }
        ("cloudformation", _) => {
            let tried = clients.cloudformation.describe_stacks().send().await;
            tried.or_cloud("cloudformation:DescribeStacks").map(drop)
        }
        ("s3", _) => clients.s3.list_buckets().send().await.or_cloud("s3:ListBuckets").map(drop),
        _ => Ok(()),
    };
    match answer {
        Err(e) if e.kind == ErrorKind::Forbidden => Ok(Some((e.message, fidelity))),
        // These errors make every call fail, so they end the preflight.
        Err(e) if matches!(e.kind, ErrorKind::Credentials | ErrorKind::Lost | ErrorKind::Network) => Err(e),
        // `DryRunOperation`, or a complaint about the made-up ids: the permission exists.
        _ => Ok(None),
    }
}

async fn dry_run(clients: &Clients, needs: &Needs, call: &str, operation: &str) -> CloudResult<()> {
    // With the SDK's retries: a repeated dry run does no harm.
    let ec2 = &clients.raw.ec2;
    let range = if needs.cidr.is_empty() { "10.255.0.0/24" } else { needs.cidr.as_str() };
    match operation {
        "CreateVpc" => {
            let request = ec2.create_vpc().dry_run(true).cidr_block(range);
            dry(call, request.set_tag_specifications(spec(needs, ResourceType::Vpc)).send().await)
        }
        "CreateSubnet" => {
            let request = ec2.create_subnet().dry_run(true).vpc_id(format!("vpc-{ID}")).cidr_block(range);
            dry(call, request.set_tag_specifications(spec(needs, ResourceType::Subnet)).send().await)
        }
        "CreateSecurityGroup" => {
            let request = ec2.create_security_group().dry_run(true).vpc_id(format!("vpc-{ID}"));
            let request = request.group_name("drillmaster-preflight").description("dry run");
            dry(call, request.set_tag_specifications(spec(needs, ResourceType::SecurityGroup)).send().await)
        }
        "CopySnapshot" => {
            let request = ec2.copy_snapshot().dry_run(true).source_region("us-east-1");
            let request = request.source_snapshot_id(format!("snap-{ID}"));
            dry(call, request.set_tag_specifications(spec(needs, ResourceType::Snapshot)).send().await)
        }
        "CopyImage" => {
            let request = ec2.copy_image().dry_run(true).name("drillmaster-preflight");
            let request = request.source_region("us-east-1").source_image_id(format!("ami-{ID}"));
            dry(call, request.set_tag_specifications(spec(needs, ResourceType::Image)).send().await)
        }
        "CreateVolume" => {
            let request = ec2.create_volume().dry_run(true).snapshot_id(format!("snap-{ID}"));
            let request = request.volume_type(VolumeType::Gp3);
            dry(call, request.set_tag_specifications(spec(needs, ResourceType::Volume)).send().await)
        }
        _ => {
            let request = ec2.allocate_address().dry_run(true);
            dry(call, request.set_tag_specifications(spec(needs, ResourceType::ElasticIp)).send().await)
        }
    }
}

/// Tries each instance type of the drill: a policy may allow only some of them.
async fn run_instances(clients: &Clients, needs: &Needs, call: &str) -> CloudResult<()> {
    let types: Vec<&str> = needs.instance_types.keys().map(String::as_str).collect();
    for kind in if types.is_empty() { &["t3.micro"][..] } else { &types[..] } {
        let specs = [ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface];
        let specs: Vec<TagSpecification> =
            specs.into_iter().filter_map(|k| spec(needs, k)).flatten().collect();
        let request = clients.raw.ec2.run_instances().dry_run(true).image_id(format!("ami-{ID}"));
        let request = request.instance_type(InstanceType::from(*kind)).min_count(1).max_count(1);
        let request = request.set_tag_specifications((!specs.is_empty()).then_some(specs));
        match dry(call, request.send().await) {
            Err(e) if e.kind == ErrorKind::Forbidden => {
                let message = format!("{kind}: {}", e.message);
                return Err(CloudError { message, ..e });
            }
            Err(e) if matches!(e.kind, ErrorKind::Credentials | ErrorKind::Lost | ErrorKind::Network) => {
                return Err(e);
            }
            _ => {}
        }
    }
    Ok(())
}

fn dry<T, E>(call: &str, answer: Result<T, SdkError<E, HttpResponse>>) -> CloudResult<()>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    answer.or_cloud(&format!("{call} (dry run)")).map(drop)
}
