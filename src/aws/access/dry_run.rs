//! Whether a call would be allowed: the only use of a client that can change things without a permit, since a dry run
//! changes nothing.

use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification, VolumeType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Clients;
use crate::error::OrCloud;
use port::{CloudError, CloudResult, ErrorKind, Needs, TAG_EXPIRES, TAG_RUN};

/// How much a dry run was like the call that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The very request, or a read that everybody needs.
    AsItWillBe,
    /// What it will be about is not there yet.
    WithMadeUpIds,
}

const ID: &str = "00000000000000000";

/// The tags that the real call will carry: policies may allow it only with them.
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

/// Why a call would be refused. EC2 tells by a dry run; elsewhere a read of the same service tells whether the
/// credentials reach it at all, which is less.
pub async fn refused(clients: &Clients, needs: &Needs, call: &str) -> CloudResult<Option<(String, Asked)>> {
    let Some((service, operation)) = call.split_once(':') else { return Ok(None) };
    let mut asked = Asked::AsItWillBe;
    let answer = match (service, operation) {
        ("ec2", "CreateVpc" | "AllocateAddress") => dry_run(clients, needs, call, operation).await,
        ("ec2", "RunInstances") => {
            asked = Asked::WithMadeUpIds;
            run_instances(clients, needs, call).await
        }
        ("ec2", "CreateSubnet" | "CreateSecurityGroup" | "CopySnapshot" | "CopyImage" | "CreateVolume") => {
            asked = Asked::WithMadeUpIds;
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
        Err(e) if e.kind == ErrorKind::Forbidden => Ok(Some((e.message, asked))),
        // What keeps every call from working is an error of its own.
        Err(e) if matches!(e.kind, ErrorKind::Credentials | ErrorKind::Lost | ErrorKind::Network) => Err(e),
        // `DryRunOperation`, or a complaint about our made-up ids: the permission was not what was missing.
        _ => Ok(None),
    }
}

async fn dry_run(clients: &Clients, needs: &Needs, call: &str, operation: &str) -> CloudResult<()> {
    // With the SDK's retries: a dry run does nothing, however often it is sent.
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

/// Of each type that will be launched: policies may allow some only.
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
