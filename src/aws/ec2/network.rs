//! The sandbox's network: VPC, subnets and security groups. None of them leads out.

use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, IpPermission, IpRange, NetworkInterfaceType, ResourceType, SubnetState,
    VpcState,
};

use super::{FILTER_VALUES, filter, made_before};
use crate::access::{Ec2Reader, Writer};
use crate::error::OrCloud;
use crate::once::{follow_up, once, settled};
use crate::{At, missing, observed, pages, tags, with};
use base::ids::AzId;
use port::{CloudError, CloudResult, Created, ErrorKind, Kind, Observed, State, TAG_RUN};

pub async fn vpc(at: &At<'_>, cidr: &str, name: &str) -> CloudResult<Created> {
    const CALL: &str = "ec2:CreateVpc";
    const MODIFY: &str = "ec2:ModifyVpcAttribute";
    let writer = at.writer().await?;
    let id = once(
        at,
        async || {
            let found = writer.ec2.describe_vpcs().set_filters(Some(made_before(at))).send().await;
            Ok(found.or_cloud("ec2:DescribeVpcs")?.vpcs().iter().find_map(|v| v.vpc_id.clone()))
        },
        async || {
            let answer = writer
                .ec2_once
                .create_vpc()
                .cidr_block(cidr)
                .tag_specifications(tags::ec2_spec(at, name, ResourceType::Vpc))
                .send()
                .await
                .or_cloud(CALL)?;
            answer.vpc.and_then(|v| v.vpc_id).ok_or_else(|| missing(CALL, "VPC id"))
        },
    )
    .await?;
    // Databases and instances are reached by name. The API accepts one attribute in each call.
    let yes = AttributeBooleanValue::builder().value(true).build();
    let modify = || writer.ec2.modify_vpc_attribute().vpc_id(&id);
    follow_up(at, async || modify().enable_dns_support(yes.clone()).send().await.or_cloud(MODIFY)).await?;
    follow_up(at, async || modify().enable_dns_hostnames(yes.clone()).send().await.or_cloud(MODIFY)).await?;
    // The default security group of a new VPC allows all outgoing traffic. A request that names no
    // group gets this one.
    let default = [filter("vpc-id", [&id]), filter("group-name", ["default"])];
    revoke_all(at, &writer, &default, &format!("the default security group of {id}")).await?;
    Ok(at.created(Kind::Vpc, id, "vpc_id"))
}

/// Removes all rules of the one group that `filters` finds.
///
/// The group is new: if it is not visible yet, the call is repeated.
async fn revoke_all(at: &At<'_>, to: &Writer, filters: &[Filter], what: &str) -> CloudResult<()> {
    const CALL: &str = "ec2:DescribeSecurityGroups";
    let group = follow_up(at, async || {
        let found = to.ec2.describe_security_groups().set_filters(Some(filters.to_vec())).send().await;
        let found = found.or_cloud(CALL)?.security_groups.unwrap_or_default().into_iter().next();
        found.ok_or_else(|| CloudError::new(ErrorKind::NotFound, CALL, format!("{what} is not seen")))
    })
    .await?;
    let id = group.group_id().unwrap_or_default();
    if !group.ip_permissions_egress().is_empty() {
        let rules = Some(group.ip_permissions_egress().to_vec());
        follow_up(at, async || {
            let request =
                to.ec2.revoke_security_group_egress().group_id(id).set_ip_permissions(rules.clone());
            gone_is_fine(request.send().await.or_cloud("ec2:RevokeSecurityGroupEgress"))
        })
        .await?;
    }
    if !group.ip_permissions().is_empty() {
        let rules = Some(group.ip_permissions().to_vec());
        follow_up(at, async || {
            let request =
                to.ec2.revoke_security_group_ingress().group_id(id).set_ip_permissions(rules.clone());
            gone_is_fine(request.send().await.or_cloud("ec2:RevokeSecurityGroupIngress"))
        })
        .await?;
    }
    Ok(())
}

/// Accepts a rule that is already gone.
///
/// This happens when an answer was lost and the call is repeated. In a VPC other than the default
/// one, AWS then answers `InvalidPermission.NotFound`.
fn gone_is_fine<T>(answer: CloudResult<T>) -> CloudResult<()> {
    match answer {
        Err(e) if e.message.starts_with("InvalidPermission.NotFound") => Ok(()),
        other => other.map(drop),
    }
}

pub async fn subnet(at: &At<'_>, vpc: &str, cidr: &str, az: &AzId, name: &str) -> CloudResult<Created> {
    const CALL: &str = "ec2:CreateSubnet";
    let zone = at.zone_name(az).await?;
    let writer = at.writer().await?;
    let id = once(
        at,
        async || {
            let found = writer.ec2.describe_subnets().set_filters(Some(made_before(at))).send().await;
            Ok(found.or_cloud("ec2:DescribeSubnets")?.subnets().iter().find_map(|s| s.subnet_id.clone()))
        },
        async || {
            // The VPC is new and may not be visible yet.
            let answer = settled(at, async || {
                let request = writer.ec2_once.create_subnet().vpc_id(vpc).cidr_block(cidr);
                let request = request.availability_zone(&zone);
                let request = request.tag_specifications(tags::ec2_spec(at, name, ResourceType::Subnet));
                request.send().await.or_cloud(CALL)
            })
            .await?;
            answer.subnet.and_then(|s| s.subnet_id).ok_or_else(|| missing(CALL, "subnet id"))
        },
    )
    .await?;
    follow_up(at, async || {
        let no = AttributeBooleanValue::builder().value(false).build();
        let request = writer.ec2.modify_subnet_attribute().subnet_id(&id).map_public_ip_on_launch(no);
        request.send().await.or_cloud("ec2:ModifySubnetAttribute")
    })
    .await?;
    Ok(at.created(Kind::Subnet, id, "subnet_id"))
}

pub async fn security_group(
    at: &At<'_>,
    vpc: &str,
    vpc_cidr: &str,
    name: &str,
    only_out: bool,
) -> CloudResult<Created> {
    const CALL: &str = "ec2:CreateSecurityGroup";
    let writer = at.writer().await?;
    let find = async || {
        let found = writer.ec2.describe_security_groups().set_filters(Some(made_before(at))).send().await;
        Ok(found
            .or_cloud("ec2:DescribeSecurityGroups")?
            .security_groups()
            .iter()
            .find_map(|g| g.group_id.clone()))
    };
    let id = once(at, find, async || {
        let answer = settled(at, async || {
            let request = writer.ec2_once.create_security_group().group_name(name).vpc_id(vpc);
            let request = request.description("Drillmaster sandbox: traffic within the VPC only");
            let request = request.tag_specifications(tags::ec2_spec(at, name, ResourceType::SecurityGroup));
            request.send().await.or_cloud(CALL)
        })
        .await?;
        answer.group_id.ok_or_else(|| missing(CALL, "group id"))
    })
    .await?;
    revoke_all(at, &writer, &[filter("group-id", [&id])], &format!("the security group {id}")).await?;
    let within = IpPermission::builder()
        .ip_protocol("-1")
        .ip_ranges(IpRange::builder().cidr_ip(vpc_cidr).description("within the sandbox").build())
        .build();
    if !only_out {
        follow_up(at, async || {
            let request = writer.ec2.authorize_security_group_ingress().group_id(&id);
            let allowed = request.ip_permissions(within.clone()).send().await;
            present_is_fine(allowed.or_cloud("ec2:AuthorizeSecurityGroupIngress"))
        })
        .await?;
    }
    follow_up(at, async || {
        let request = writer.ec2.authorize_security_group_egress().group_id(&id);
        let allowed = request.ip_permissions(within.clone()).send().await;
        present_is_fine(allowed.or_cloud("ec2:AuthorizeSecurityGroupEgress"))
    })
    .await?;
    Ok(at.created(Kind::SecurityGroup, id, "security_group_id"))
}

/// Accepts a rule that already exists.
fn present_is_fine<T>(answer: CloudResult<T>) -> CloudResult<()> {
    match answer {
        Err(e) if e.kind != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

pub async fn observe_vpcs(ec2: &Ec2Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = ec2.describe_vpcs().filters(filter("vpc-id", ids));
        for vpc in pages!("ec2:DescribeVpcs", vpcs, request) {
            let state = match vpc.state() {
                Some(VpcState::Available) => State::Ready,
                other => State::Pending(other.map_or("pending", VpcState::as_str).to_owned()),
            };
            let id = vpc.vpc_id.unwrap_or_default();
            all.push(with(with(observed(id.clone(), state), "vpc_id", id), "cidr", vpc.cidr_block));
        }
    }
    Ok(all)
}

pub async fn observe_subnets(ec2: &Ec2Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = ec2.describe_subnets().filters(filter("subnet-id", ids));
        for subnet in pages!("ec2:DescribeSubnets", subnets, request) {
            let state = match subnet.state() {
                Some(SubnetState::Available) => State::Ready,
                Some(
                    s @ (SubnetState::Failed
                    | SubnetState::FailedInsufficientCapacity
                    | SubnetState::Unavailable),
                ) => State::Failed(s.to_string()),
                other => State::Pending(other.map_or("pending", SubnetState::as_str).to_owned()),
            };
            let seen = observed(subnet.subnet_id.unwrap_or_default(), state);
            all.push(with(seen, "az", subnet.availability_zone_id));
        }
    }
    Ok(all)
}

pub async fn observe_groups(ec2: &Ec2Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = ec2.describe_security_groups().filters(filter("group-id", ids));
        for group in pages!("ec2:DescribeSecurityGroups", security_groups, request) {
            all.push(observed(group.group_id.unwrap_or_default(), State::Ready));
        }
    }
    Ok(all)
}

/// Adds the network interfaces that block the deletion of a network to its error. AWS or somebody
/// else may have put them there.
async fn with_blocking_interfaces<T>(to: &Writer, deleted: CloudResult<T>, there: Filter) -> CloudResult<()> {
    let Err(mut error) = deleted else { return Ok(()) };
    if error.kind != ErrorKind::InUse {
        return Err(error);
    }
    let found = to.ec2.describe_network_interfaces().filters(there).send().await;
    // If they cannot be listed, the error stays as it is.
    if let Ok(found) = found {
        let shown = found.network_interfaces().iter().map(|interface| {
            let kind = interface.interface_type().map_or("interface", NetworkInterfaceType::as_str);
            let said = interface.description().filter(|said| !said.is_empty()).unwrap_or(kind);
            format!("{} ({said})", interface.network_interface_id().unwrap_or("?"))
        });
        let shown: Vec<String> = shown.take(5).collect();
        if !shown.is_empty() {
            error.message = format!("{}; on it still hangs {}", error.message, shown.join(", "));
        }
    }
    Err(error)
}

pub async fn delete_vpc(to: &Writer, id: &str) -> CloudResult<()> {
    let ec2 = &to.ec2;
    let vpcs = ec2.describe_vpcs().filters(filter("vpc-id", [id])).send().await;
    let vpcs = vpcs.or_cloud("ec2:DescribeVpcs")?;
    let Some(vpc) = vpcs.vpcs().first() else { return Ok(()) };
    tags::guard("ec2:DeleteVpc", id, tags::value(vpc.tags(), TAG_RUN), &to.run_tags)?;
    let deleted = ec2.delete_vpc().vpc_id(id).send().await.or_cloud("ec2:DeleteVpc");
    with_blocking_interfaces(to, deleted, filter("vpc-id", [id])).await
}

pub async fn delete_subnet(to: &Writer, id: &str) -> CloudResult<()> {
    let ec2 = &to.ec2;
    let subnets = ec2.describe_subnets().filters(filter("subnet-id", [id])).send().await;
    let subnets = subnets.or_cloud("ec2:DescribeSubnets")?;
    let Some(subnet) = subnets.subnets().first() else { return Ok(()) };
    tags::guard("ec2:DeleteSubnet", id, tags::value(subnet.tags(), TAG_RUN), &to.run_tags)?;
    let deleted = ec2.delete_subnet().subnet_id(id).send().await.or_cloud("ec2:DeleteSubnet");
    with_blocking_interfaces(to, deleted, filter("subnet-id", [id])).await
}

pub async fn delete_group(to: &Writer, id: &str) -> CloudResult<()> {
    let ec2 = &to.ec2;
    let groups = ec2.describe_security_groups().filters(filter("group-id", [id])).send().await;
    let groups = groups.or_cloud("ec2:DescribeSecurityGroups")?;
    let Some(group) = groups.security_groups().first() else { return Ok(()) };
    tags::guard("ec2:DeleteSecurityGroup", id, tags::value(group.tags(), TAG_RUN), &to.run_tags)?;
    let deleted = ec2.delete_security_group().group_id(id).send().await;
    with_blocking_interfaces(to, deleted.or_cloud("ec2:DeleteSecurityGroup"), filter("group-id", [id])).await
}
