//! Whether the drill can succeed, as far as AWS tells without doing anything: permissions and quotas.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{InstanceType, VolumeType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::access::Clients;
use super::ec2::filter;
use super::error::OrCloud;
use super::pages;
use crate::cloud::{CloudResult, ErrorKind, Needs, Place, PreflightFinding};

/// "DB instances" of RDS, and "Running On-Demand Standard instances" (in vCPUs) of EC2: the Service Quotas console.
const DB_INSTANCES: (&str, &str) = ("rds", "L-7B6409FD");
const STANDARD_VCPUS: (&str, &str) = ("ec2", "L-1216C47A");

pub async fn findings(clients: &Clients, place: &Place, needs: &Needs) -> CloudResult<Vec<PreflightFinding>> {
    let mut findings = Vec::new();
    for call in &needs.calls {
        if let Some(why) = refused(clients, call).await? {
            findings.push(PreflightFinding {
                fatal: true,
                what: format!("account {} may not call {call} in {}: {why}", place.account, place.region),
                fix: format!("allow `{call}` in the policy of the role or user that the playbook names"),
            });
        }
    }
    if needs.db_instances > 0 {
        db_quota(clients, place, needs.db_instances, &mut findings).await?;
    }
    if !needs.instance_types.is_empty() {
        vcpu_quota(clients, place, &needs.instance_types, &mut findings).await?;
    }
    Ok(findings)
}

/// Why a call would be refused. EC2 tells by a dry run; elsewhere a read of the same service tells whether the
/// credentials reach it at all, which is less.
async fn refused(clients: &Clients, call: &str) -> CloudResult<Option<String>> {
    const ID: &str = "00000000000000000";
    // With the SDK's retries: a dry run does nothing, however often it is sent.
    let ec2 = &clients.ec2;
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

/// A quota's value, or the finding that says that it could not be read.
async fn quota(
    clients: &Clients,
    (service, code): (&str, &str),
    findings: &mut Vec<PreflightFinding>,
) -> Option<f64> {
    let answer = clients.quotas.get_service_quota().service_code(service).quota_code(code).send().await;
    let value = answer.or_cloud("servicequotas:GetServiceQuota").map(|a| a.quota.and_then(|q| q.value));
    match value {
        Ok(Some(value)) => return Some(value),
        Ok(None) => findings.push(unread(service, code, "Service Quotas tells no value")),
        Err(e) => findings.push(unread(service, code, &e.to_string())),
    }
    None
}

fn unread(service: &str, code: &str, why: &str) -> PreflightFinding {
    PreflightFinding {
        fatal: false,
        what: format!("the quota {service}/{code} was not checked: {why}"),
        fix: "allow `servicequotas:GetServiceQuota`, or check it in the Service Quotas console".into(),
    }
}

async fn db_quota(
    clients: &Clients,
    place: &Place,
    needed: u32,
    findings: &mut Vec<PreflightFinding>,
) -> CloudResult<()> {
    let Some(limit) = quota(clients, DB_INSTANCES, findings).await else { return Ok(()) };
    let there = pages!("rds:DescribeDBInstances", db_instances, clients.rds.describe_db_instances()).len();
    if there as f64 + f64::from(needed) > limit {
        findings.push(PreflightFinding {
            fatal: true,
            what: format!(
                "{there} DB instances are there, {needed} are needed, and account {} may have {limit} in {}",
                place.account, place.region
            ),
            fix: "raise the quota `rds/L-7B6409FD`, or drill fewer databases at once".into(),
        });
    }
    Ok(())
}

/// The quota of the standard families (A, C, D, H, I, M, R, T, Z), which are counted in vCPUs.
async fn vcpu_quota(
    clients: &Clients,
    place: &Place,
    wanted: &BTreeMap<String, u32>,
    findings: &mut Vec<PreflightFinding>,
) -> CloudResult<()> {
    let standard: BTreeMap<&String, u32> =
        wanted.iter().filter(|(name, _)| is_standard(name)).map(|(name, count)| (name, *count)).collect();
    if standard.is_empty() {
        return Ok(());
    }
    let Some(limit) = quota(clients, STANDARD_VCPUS, findings).await else { return Ok(()) };
    let types = standard.keys().map(|name| InstanceType::from(name.as_str())).collect();
    let request = clients.ec2.describe_instance_types().set_instance_types(Some(types));
    let known = pages!("ec2:DescribeInstanceTypes", instance_types, request);
    let mut needed = 0;
    for (name, count) in &standard {
        let vcpus = known
            .iter()
            .find(|t| t.instance_type().map(InstanceType::as_str) == Some(name.as_str()))
            .and_then(|t| t.v_cpu_info()?.default_v_cpus());
        match vcpus {
            Some(vcpus) => needed += i64::from(vcpus) * i64::from(*count),
            None => findings.push(PreflightFinding {
                fatal: true,
                what: format!("{} does not offer the instance type {name}", place.region),
                fix: "choose a type that the sandbox's region offers".into(),
            }),
        }
    }
    let running =
        clients.ec2.describe_instances().filters(filter("instance-state-name", ["pending", "running"]));
    let running = pages!("ec2:DescribeInstances", reservations, running);
    let used: i64 = running
        .iter()
        .flat_map(aws_sdk_ec2::types::Reservation::instances)
        .filter(|i| i.instance_type().is_some_and(|t| is_standard(t.as_str())))
        .filter_map(|i| i.cpu_options())
        .map(|c| i64::from(c.core_count().unwrap_or(0)) * i64::from(c.threads_per_core().unwrap_or(1)))
        .sum();
    if (used + needed) as f64 > limit {
        findings.push(PreflightFinding {
            fatal: true,
            what: format!(
                "{used} vCPUs run, {needed} are needed, and account {} may run {limit} in {}",
                place.account, place.region
            ),
            fix: "raise the quota `ec2/L-1216C47A`, or launch fewer or smaller instances".into(),
        });
    }
    Ok(())
}

fn is_standard(instance_type: &str) -> bool {
    let family: String = instance_type.chars().take_while(char::is_ascii_alphabetic).collect();
    let first = family.chars().next();
    first.is_some_and(|c| "acdhimrtz".contains(c))
        && !["dl", "hpc", "mac", "trn", "inf"].contains(&family.as_str())
}

#[cfg(test)]
mod tests {
    use super::is_standard;

    #[test]
    fn families_have_quotas_of_their_own() {
        for name in ["t4g.small", "m7i.large", "c7gn.xlarge", "r6id.metal", "im4gn.large"] {
            assert!(is_standard(name), "{name}");
        }
        for name in [
            "p5.48xlarge",
            "g5.xlarge",
            "trn1.2xlarge",
            "inf2.xlarge",
            "mac2.metal",
            "hpc7g.4xlarge",
            "x2gd.large",
        ] {
            assert!(!is_standard(name), "{name}");
        }
    }
}
