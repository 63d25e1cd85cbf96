//! Whether a call would be allowed: the only use of a client that can change things without a permit, since a dry run
//! changes nothing.

use aws_sdk_ec2::types::{InstanceType, VolumeType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Clients;
use crate::cloud::aws::error::OrCloud;
use crate::cloud::{CloudResult, ErrorKind};

/// Why a call would be refused. EC2 tells by a dry run; elsewhere a read of the same service tells whether the
/// credentials reach it at all, which is less.
pub async fn refused(clients: &Clients, call: &str) -> CloudResult<Option<String>> {
    const ID: &str = "00000000000000000";
    // With the SDK's retries: a dry run does nothing, however often it is sent.
    let ec2 = &clients.raw.ec2;
    let Some((service, operation)) = call.split_once(':') else { return Ok(None) };
    let answer = match (service, operation) {
        ("ec2", "CreateVpc") => {
            dry(call, ec2.create_vpc().dry_run(true).cidr_block("10.255.0.0/24").send().await)
        }
        ("ec2", "CreateSubnet") => dry(
            call,
            ec2.create_subnet()
                .dry_run(true)
                .vpc_id(format!("vpc-{ID}"))
                .cidr_block("10.255.0.0/24")
                .send()
                .await,
        ),
        ("ec2", "CreateSecurityGroup") => dry(
            call,
            ec2.create_security_group()
                .dry_run(true)
                .group_name("drillmaster-preflight")
                .description("dry run")
                .vpc_id(format!("vpc-{ID}"))
                .send()
                .await,
        ),
        ("ec2", "CopySnapshot") => dry(
            call,
            ec2.copy_snapshot()
                .dry_run(true)
                .source_region("us-east-1")
                .source_snapshot_id(format!("snap-{ID}"))
                .send()
                .await,
        ),
        ("ec2", "CopyImage") => dry(
            call,
            ec2.copy_image()
                .dry_run(true)
                .name("drillmaster-preflight")
                .source_region("us-east-1")
                .source_image_id(format!("ami-{ID}"))
                .send()
                .await,
        ),
        ("ec2", "CreateVolume") => dry(
            call,
            ec2.create_volume()
                .dry_run(true)
                .snapshot_id(format!("snap-{ID}"))
                .volume_type(VolumeType::Gp3)
                .send()
                .await,
        ),
        ("ec2", "RunInstances") => dry(
            call,
            ec2.run_instances()
                .dry_run(true)
                .image_id(format!("ami-{ID}"))
                .instance_type(InstanceType::T3Micro)
                .min_count(1)
                .max_count(1)
                .send()
                .await,
        ),
        ("ec2", "AllocateAddress") => dry(call, ec2.allocate_address().dry_run(true).send().await),
        ("ec2", _) => dry("ec2:DescribeVpcs", ec2.describe_vpcs().dry_run(true).send().await),
        ("rds", _) => {
            let tried = clients.rds.describe_db_instances().max_records(20).send().await;
            tried.or_cloud("rds:DescribeDBInstances").map(drop)
        }
        ("cloudformation", _) => {
            let tried = clients.cloudformation.list_stacks().send().await;
            tried.or_cloud("cloudformation:ListStacks").map(drop)
        }
        ("s3", _) => clients.s3.list_buckets().send().await.or_cloud("s3:ListBuckets").map(drop),
        _ => Ok(()),
    };
    match answer {
        Err(e) if e.kind == ErrorKind::Forbidden => Ok(Some(e.message)),
        // What keeps every call from working is an error of its own.
        Err(e) if matches!(e.kind, ErrorKind::Credentials | ErrorKind::Lost | ErrorKind::Network) => Err(e),
        // `DryRunOperation`, or a complaint about our made-up ids: the permission was not what was missing.
        _ => Ok(None),
    }
}

fn dry<T, E>(call: &str, answer: Result<T, SdkError<E, HttpResponse>>) -> CloudResult<()>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    answer.or_cloud(&format!("{call} (dry run)")).map(drop)
}
