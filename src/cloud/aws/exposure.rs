//! The ways out of a VPC, looked for one by one. A list that cannot be read counts as a way out.

use std::net::Ipv4Addr;

use aws_sdk_ec2::types::{
    AttachmentStatus, IpPermission, NatGatewayState, TransitGatewayAttachmentState,
    VpcPeeringConnectionStateReasonCode,
};

use super::access::Ec2Reader as Client;
use super::ec2::filter;
use super::pages;
use crate::cloud::{CloudResult, Exposure};

pub async fn find(ec2: &Client, vpc: &str) -> Vec<Exposure> {
    let mut all = Found { vpc, exposures: Vec::new() };
    let ranges = match ranges(ec2, vpc).await {
        Ok(ranges) => ranges,
        Err(e) => {
            all.unread("the VPC itself", &e);
            Vec::new()
        }
    };
    let read = |what, list: CloudResult<Vec<Exposure>>, all: &mut Found<'_>| match list {
        Ok(list) => all.exposures.extend(list),
        Err(e) => all.unread(what, &e),
    };
    read("internet gateways", internet(ec2, vpc).await, &mut all);
    read("egress-only internet gateways", egress_only(ec2, vpc).await, &mut all);
    read("NAT gateways", nat(ec2, vpc).await, &mut all);
    read("peering connections", peerings(ec2, vpc).await, &mut all);
    read("transit gateway attachments", transit(ec2, vpc).await, &mut all);
    read("VPN gateways", vpn(ec2, vpc).await, &mut all);
    read("VPC endpoints", endpoints(ec2, vpc).await, &mut all);
    read("route tables", routes(ec2, vpc).await, &mut all);
    read("security groups", groups(ec2, vpc, &ranges).await, &mut all);
    read("subnets", subnets(ec2, vpc).await, &mut all);
    read("network interfaces", interfaces(ec2, vpc).await, &mut all);
    read("instances", instances(ec2, vpc).await, &mut all);
    all.exposures
}

struct Found<'a> {
    vpc: &'a str,
    exposures: Vec<Exposure>,
}

impl Found<'_> {
    fn unread(&mut self, what: &str, error: &crate::cloud::CloudError) {
        let what = format!("its {what} could not be verified: {error}");
        self.exposures.push(Exposure { resource: self.vpc.to_owned(), what });
    }
}

fn way(resource: Option<String>, what: impl Into<String>) -> Exposure {
    Exposure { resource: resource.unwrap_or_else(|| "?".to_owned()), what: what.into() }
}

/// The VPC's own IPv4 ranges.
async fn ranges(ec2: &Client, vpc: &str) -> CloudResult<Vec<(u32, u8)>> {
    let vpcs = pages!("ec2:DescribeVpcs", vpcs, ec2.describe_vpcs().filters(filter("vpc-id", [vpc])));
    let Some(found) = vpcs.into_iter().next() else {
        let what = format!("there is no VPC {vpc}");
        return Err(crate::cloud::CloudError::new(
            crate::cloud::ErrorKind::NotFound,
            "ec2:DescribeVpcs",
            what,
        ));
    };
    let more = found.cidr_block_association_set().iter().filter_map(|a| a.cidr_block());
    Ok(found.cidr_block().into_iter().chain(more).filter_map(range).collect())
}

async fn internet(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_internet_gateways().filters(filter("attachment.vpc-id", [vpc]));
    let found = pages!("ec2:DescribeInternetGateways", internet_gateways, request);
    Ok(found
        .into_iter()
        .map(|g| way(g.internet_gateway_id, "an internet gateway is attached to the VPC"))
        .collect())
}

async fn egress_only(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_egress_only_internet_gateways();
    let found = pages!("ec2:DescribeEgressOnlyInternetGateways", egress_only_internet_gateways, request);
    Ok(found
        .into_iter()
        .filter(|g| {
            g.attachments()
                .iter()
                .any(|a| a.vpc_id() == Some(vpc) && a.state() != Some(&AttachmentStatus::Detached))
        })
        .map(|g| {
            way(g.egress_only_internet_gateway_id, "an egress-only internet gateway lets IPv6 out of the VPC")
        })
        .collect())
}

async fn nat(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_nat_gateways().filter(filter("vpc-id", [vpc]));
    let found = pages!("ec2:DescribeNatGateways", nat_gateways, request);
    Ok(found
        .into_iter()
        .filter(|g| !matches!(g.state(), Some(NatGatewayState::Deleted | NatGatewayState::Failed)))
        .map(|g| way(g.nat_gateway_id, "a NAT gateway stands in the VPC"))
        .collect())
}

async fn peerings(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    use VpcPeeringConnectionStateReasonCode as Code;
    let mut all = Vec::new();
    for side in ["requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"] {
        let request = ec2.describe_vpc_peering_connections().filters(filter(side, [vpc]));
        for p in pages!("ec2:DescribeVpcPeeringConnections", vpc_peering_connections, request) {
            let over = matches!(
                p.status().and_then(|s| s.code()),
                Some(Code::Deleted | Code::Rejected | Code::Expired | Code::Failed)
            );
            if !over {
                all.push(way(p.vpc_peering_connection_id, "a peering connection joins the VPC to another"));
            }
        }
    }
    Ok(all)
}

async fn transit(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    use TransitGatewayAttachmentState as State;
    let request = ec2.describe_transit_gateway_vpc_attachments().filters(filter("vpc-id", [vpc]));
    let found = pages!("ec2:DescribeTransitGatewayVpcAttachments", transit_gateway_vpc_attachments, request);
    Ok(found
        .into_iter()
        .filter(|a| a.vpc_id().is_none_or(|v| v == vpc))
        .filter(|a| !matches!(a.state(), Some(State::Deleted | State::Rejected | State::Failed)))
        .map(|a| way(a.transit_gateway_attachment_id, "a transit gateway is attached to the VPC"))
        .collect())
}

async fn vpn(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    use super::error::OrCloud;
    let request = ec2.describe_vpn_gateways().filters(filter("attachment.vpc-id", [vpc]));
    let found = request.send().await.or_cloud("ec2:DescribeVpnGateways")?.vpn_gateways.unwrap_or_default();
    Ok(found
        .into_iter()
        .filter(|g| {
            g.vpc_attachments()
                .iter()
                .any(|a| a.vpc_id() == Some(vpc) && a.state() != Some(&AttachmentStatus::Detached))
        })
        .map(|g| way(g.vpn_gateway_id, "a VPN gateway is attached to the VPC"))
        .collect())
}

async fn endpoints(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_vpc_endpoints().filters(filter("vpc-id", [vpc]));
    let found = pages!("ec2:DescribeVpcEndpoints", vpc_endpoints, request);
    Ok(found
        .into_iter()
        .filter(|e| !e.state().is_some_and(|s| s.as_str().eq_ignore_ascii_case("deleted")))
        .map(|e| {
            let service = e.service_name.unwrap_or_default();
            way(e.vpc_endpoint_id, format!("a VPC endpoint leads to {service}"))
        })
        .collect())
}

async fn routes(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_route_tables().filters(filter("vpc-id", [vpc]));
    let mut all = Vec::new();
    for table in pages!("ec2:DescribeRouteTables", route_tables, request) {
        for route in table.routes() {
            if route.gateway_id() == Some("local") {
                continue;
            }
            let to = route
                .destination_cidr_block()
                .or(route.destination_ipv6_cidr_block())
                .or(route.destination_prefix_list_id())
                .unwrap_or("?");
            let through = [
                route.gateway_id(),
                route.nat_gateway_id(),
                route.egress_only_internet_gateway_id(),
                route.transit_gateway_id(),
                route.vpc_peering_connection_id(),
                route.network_interface_id(),
                route.local_gateway_id(),
                route.carrier_gateway_id(),
                route.core_network_arn(),
            ];
            let through = through.into_iter().flatten().next().unwrap_or("something else than the VPC");
            all.push(way(table.route_table_id.clone(), format!("a route leads to {to} through {through}")));
        }
    }
    Ok(all)
}

async fn groups(ec2: &Client, vpc: &str, ranges: &[(u32, u8)]) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_security_groups().filters(filter("vpc-id", [vpc]));
    let found = pages!("ec2:DescribeSecurityGroups", security_groups, request);
    let ours: Vec<&str> = found.iter().filter_map(|g| g.group_id()).collect();
    let mut all = Vec::new();
    for group in &found {
        for (rules, how) in [
            (group.ip_permissions_egress(), "lets traffic out to"),
            (group.ip_permissions(), "lets traffic in from"),
        ] {
            for place in rules.iter().flat_map(|rule| beyond(rule, ranges, &ours)) {
                all.push(way(group.group_id.clone(), format!("the security group {how} {place}")));
            }
        }
    }
    Ok(all)
}

/// What a rule names outside the VPC.
fn beyond(rule: &IpPermission, ranges: &[(u32, u8)], groups: &[&str]) -> Vec<String> {
    let v4 = rule.ip_ranges().iter().filter_map(|r| r.cidr_ip());
    let v4 = v4.filter(|cidr| range(cidr).is_none_or(|r| !ranges.iter().any(|outer| holds(*outer, r))));
    let v6 = rule.ipv6_ranges().iter().filter_map(|r| r.cidr_ipv6());
    let lists = rule.prefix_list_ids().iter().filter_map(|l| l.prefix_list_id());
    let others =
        rule.user_id_group_pairs().iter().filter_map(|p| p.group_id()).filter(|g| !groups.contains(g));
    v4.chain(v6).chain(lists).chain(others).map(str::to_owned).collect()
}

/// `10.0.0.0/16` as its first address and its length.
fn range(cidr: &str) -> Option<(u32, u8)> {
    let (address, length) = cidr.split_once('/')?;
    let length: u8 = length.parse().ok().filter(|l| *l <= 32)?;
    Some((u32::from(address.parse::<Ipv4Addr>().ok()?) & mask(length), length))
}

fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn holds((outer, length): (u32, u8), (inner, inner_length): (u32, u8)) -> bool {
    inner_length >= length && inner & mask(length) == outer
}

async fn subnets(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_subnets().filters(filter("vpc-id", [vpc]));
    let found = pages!("ec2:DescribeSubnets", subnets, request);
    Ok(found
        .into_iter()
        .filter(|s| {
            s.map_public_ip_on_launch() == Some(true) || s.assign_ipv6_address_on_creation() == Some(true)
        })
        .map(|s| way(s.subnet_id, "the subnet gives instances public addresses"))
        .collect())
}

async fn interfaces(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_network_interfaces().filters(filter("vpc-id", [vpc]));
    let mut all = Vec::new();
    for nic in pages!("ec2:DescribeNetworkInterfaces", network_interfaces, request) {
        let address = nic.association().and_then(|a| a.public_ip()).filter(|ip| !ip.is_empty());
        if let Some(address) = address {
            all.push(way(
                nic.network_interface_id.clone(),
                format!("the network interface has the public address {address}"),
            ));
        }
    }
    Ok(all)
}

async fn instances(ec2: &Client, vpc: &str) -> CloudResult<Vec<Exposure>> {
    let request = ec2
        .describe_instances()
        .filters(filter("vpc-id", [vpc]))
        .filters(filter("instance-state-name", ["pending", "running", "stopping", "stopped"]));
    let mut all = Vec::new();
    for reservation in pages!("ec2:DescribeInstances", reservations, request) {
        for instance in reservation.instances.unwrap_or_default() {
            if let Some(profile) = instance.iam_instance_profile().and_then(|p| p.arn()) {
                all.push(way(
                    instance.instance_id.clone(),
                    format!("the instance runs with the role of {profile}"),
                ));
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{IpRange, UserIdGroupPair};

    #[test]
    fn rules_beyond_the_vpc_are_found() {
        let ranges = [range("10.66.0.0/16").unwrap()];
        let to =
            |cidr: &str| IpPermission::builder().ip_ranges(IpRange::builder().cidr_ip(cidr).build()).build();
        for inside in ["10.66.0.0/16", "10.66.7.0/24", "10.66.1.2/32"] {
            assert!(beyond(&to(inside), &ranges, &[]).is_empty(), "{inside}");
        }
        for outside in ["0.0.0.0/0", "10.67.0.0/16", "10.0.0.0/8", "10.66.0.0/15", "nonsense"] {
            assert_eq!(beyond(&to(outside), &ranges, &[]), [outside]);
        }
        let pair = UserIdGroupPair::builder().group_id("sg-1").build();
        let rule = IpPermission::builder().user_id_group_pairs(pair).build();
        assert!(beyond(&rule, &ranges, &["sg-1"]).is_empty());
        assert_eq!(beyond(&rule, &ranges, &["sg-2"]), ["sg-1"]);
    }
}
