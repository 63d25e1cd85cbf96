//! Looks for openings in the live sandbox, one kind after the other. A list that cannot be read
//! counts as an opening.
//!
//! This file looks at the sandbox's networks. `made` looks at what the run has created, wherever it
//! is.

mod made;
mod vpcs;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    AttachmentStatus, IpPermission, NatGatewayState, NetworkInterface, NetworkInterfaceType,
    TransitGatewayAttachmentState, VpcPeeringConnectionStateReasonCode,
};
use futures_util::future::LocalBoxFuture;
use futures_util::{StreamExt as _, stream};
use ipnet::Ipv4Net;

use self::vpcs::{AT_ONCE, Vpcs, found, way};
use super::access::{Clients, Ec2Reader as Client};
use super::error::OrCloud;
use super::{pages, resolver};
use port::{CloudError, CloudResult, Exposure, IsolationScan, Kind, Leak};

type ListFuture<'a> = LocalBoxFuture<'a, CloudResult<Vec<Exposure>>>;

/// Returns the openings found. `zones`: the loss gate allows a request to Route 53.
pub async fn find(clients: &Clients, scan: &IsolationScan, zones: bool) -> Vec<Exposure> {
    let ec2 = &clients.ec2;
    let mut all = Vec::new();
    let vpcs = match Vpcs::of(ec2, scan).await {
        Ok(vpcs) => vpcs,
        Err(e) => {
            all.push(unread(scan, "the VPC itself", &e));
            Vpcs(BTreeMap::from([(scan.vpc.clone(), Vec::new())]))
        }
    };
    let (vpcs, scope) = (&vpcs, made::RunScope::of(scan));
    let scope = &scope;
    let mut lists: Vec<(&str, ListFuture<'_>)> = vec![
        ("internet gateways", Box::pin(internet(ec2, vpcs))),
        ("egress-only internet gateways", Box::pin(egress_only(ec2, vpcs))),
        ("NAT gateways", Box::pin(nat(ec2, vpcs))),
        ("peering connections", Box::pin(peerings(ec2, vpcs))),
        ("transit gateway attachments", Box::pin(transit(ec2, vpcs))),
        ("VPN gateways", Box::pin(vpn(ec2, vpcs))),
        ("VPC endpoints", Box::pin(endpoints(ec2, vpcs))),
        ("route tables", Box::pin(routes(ec2, vpcs))),
        ("security groups", Box::pin(groups(ec2, vpcs))),
        ("network ACLs", Box::pin(network_acls(ec2, vpcs))),
        ("subnets", Box::pin(subnets(ec2, vpcs))),
        ("network interfaces", Box::pin(interfaces(ec2, scope, vpcs, scan.empty))),
        ("functions", Box::pin(made::functions(&clients.lambda, scope, vpcs))),
        ("instances", Box::pin(made::instances(ec2, scope, vpcs))),
        ("Elastic IPs", Box::pin(made::addresses(ec2, scope))),
        ("snapshots and images", Box::pin(made::shares(ec2, scope))),
        ("databases", Box::pin(made::databases(&clients.rds, scope, vpcs))),
        ("database snapshots", Box::pin(made::db_shares(&clients.rds, scope))),
        ("buckets", Box::pin(made::buckets(&clients.s3, scope))),
    ];
    if let Some(group) = scan.made.iter().find(|made| made.kind == Kind::RuleGroup) {
        lists.push(("names", Box::pin(resolver::openings(&clients.resolver, scan, &group.id))));
    }
    // The last scan is a full one and always asks: the gate allows Route 53 again by then.
    if zones || scan.whole {
        lists.push(("private DNS zones", Box::pin(private_zones(clients, scan, vpcs))));
    }
    let mut answers =
        stream::iter(lists.into_iter().map(async |(what, list)| (what, list.await))).buffered(AT_ONCE);
    while let Some((what, answer)) = answers.next().await {
        match answer {
            Ok(found) => all.extend(found),
            Err(e) => all.push(unread(scan, what, &e)),
        }
    }
    all
}

fn unread(scan: &IsolationScan, what: &str, error: &CloudError) -> Exposure {
    Exposure::unread(&scan.vpc, format!("its {what} could not be verified: {error}"), error)
}

async fn internet(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_internet_gateways().filters(vpcs.filter("attachment.vpc-id"));
    let found = pages!("ec2:DescribeInternetGateways", internet_gateways, request);
    Ok(found
        .into_iter()
        .map(|g| way(g.internet_gateway_id, "an internet gateway is attached to the VPC"))
        .collect())
}

async fn egress_only(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_egress_only_internet_gateways();
    let found = pages!("ec2:DescribeEgressOnlyInternetGateways", egress_only_internet_gateways, request);
    Ok(found
        .into_iter()
        .filter(|g| {
            g.attachments()
                .iter()
                .any(|a| vpcs.has(a.vpc_id()) && a.state() != Some(&AttachmentStatus::Detached))
        })
        .map(|g| {
            way(g.egress_only_internet_gateway_id, "an egress-only internet gateway lets IPv6 out of the VPC")
        })
        .collect())
}

async fn nat(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_nat_gateways().filter(vpcs.filter("vpc-id"));
    let found = pages!("ec2:DescribeNatGateways", nat_gateways, request);
    Ok(found
        .into_iter()
        .filter(|g| !matches!(g.state(), Some(NatGatewayState::Deleted | NatGatewayState::Failed)))
        .map(|g| way(g.nat_gateway_id, "a NAT gateway stands in the VPC"))
        .collect())
}

async fn peerings(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    use VpcPeeringConnectionStateReasonCode as Code;
    let mut all = Vec::new();
    for side in ["requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"] {
        let request = ec2.describe_vpc_peering_connections().filters(vpcs.filter(side));
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

async fn transit(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    use TransitGatewayAttachmentState as State;
    let request = ec2.describe_transit_gateway_vpc_attachments().filters(vpcs.filter("vpc-id"));
    let found = pages!("ec2:DescribeTransitGatewayVpcAttachments", transit_gateway_vpc_attachments, request);
    Ok(found
        .into_iter()
        .filter(|a| a.vpc_id().is_none() || vpcs.has(a.vpc_id()))
        .filter(|a| !matches!(a.state(), Some(State::Deleted | State::Rejected | State::Failed)))
        .map(|a| way(a.transit_gateway_attachment_id, "a transit gateway is attached to the VPC"))
        .collect())
}

async fn vpn(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_vpn_gateways().filters(vpcs.filter("attachment.vpc-id"));
    let found = request.send().await.or_cloud("ec2:DescribeVpnGateways")?.vpn_gateways.unwrap_or_default();
    Ok(found
        .into_iter()
        .filter(|g| {
            g.vpc_attachments()
                .iter()
                .any(|a| vpcs.has(a.vpc_id()) && a.state() != Some(&AttachmentStatus::Detached))
        })
        .map(|g| way(g.vpn_gateway_id, "a VPN gateway is attached to the VPC"))
        .collect())
}

async fn endpoints(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_vpc_endpoints().filters(vpcs.filter("vpc-id"));
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

async fn routes(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_route_tables().filters(vpcs.filter("vpc-id"));
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

async fn groups(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_security_groups().filters(vpcs.filter("vpc-id"));
    let found = pages!("ec2:DescribeSecurityGroups", security_groups, request);
    let ours: Vec<&str> = found.iter().filter_map(|g| g.group_id()).collect();
    let mut all = Vec::new();
    for group in &found {
        let ranges = group.vpc_id().and_then(|vpc| vpcs.0.get(vpc)).map(Vec::as_slice).unwrap_or_default();
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

/// Returns the addresses and groups outside the VPC that a rule names.
fn beyond(rule: &IpPermission, ranges: &[Ipv4Net], groups: &[&str]) -> Vec<String> {
    let v4 = rule.ip_ranges().iter().filter_map(|r| r.cidr_ip());
    let v4 =
        v4.filter(|cidr| !cidr.parse::<Ipv4Net>().is_ok_and(|cidr| ranges.iter().any(|r| r.contains(&cidr))));
    let v6 = rule.ipv6_ranges().iter().filter_map(|r| r.cidr_ipv6());
    let lists = rule.prefix_list_ids().iter().filter_map(|l| l.prefix_list_id());
    let others =
        rule.user_id_group_pairs().iter().filter_map(|p| p.group_id()).filter(|g| !groups.contains(g));
    v4.chain(v6).chain(lists).chain(others).map(str::to_owned).collect()
}

async fn subnets(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_subnets().filters(vpcs.filter("vpc-id"));
    let list = pages!("ec2:DescribeSubnets", subnets, request);
    Ok(list
        .into_iter()
        .filter(|s| {
            s.map_public_ip_on_launch() == Some(true) || s.assign_ipv6_address_on_creation() == Some(true)
        })
        .map(|s| found(Leak::PublicAddress, s.subnet_id, "the subnet gives instances public addresses"))
        .collect())
}

/// Returns what a network interface of this type means.
///
/// Gateways and endpoints have their own lists. An unknown type counts as a way in or out, because
/// some lead traffic without any gateway, as Global Accelerator's do.
#[expect(clippy::wildcard_enum_match_arm, reason = "the types are EC2's, and become more; each is suspected")]
fn of_type(kind: &NetworkInterfaceType) -> Option<(Leak, &'static str)> {
    match kind {
        NetworkInterfaceType::Interface
        | NetworkInterfaceType::Efa
        | NetworkInterfaceType::EfaOnly
        | NetworkInterfaceType::Trunk
        | NetworkInterfaceType::Branch
        | NetworkInterfaceType::Lambda
        | NetworkInterfaceType::LoadBalancer
        | NetworkInterfaceType::NetworkLoadBalancer
        | NetworkInterfaceType::NatGateway
        | NetworkInterfaceType::VpcEndpoint
        | NetworkInterfaceType::GatewayLoadBalancerEndpoint
        | NetworkInterfaceType::TransitGateway => None,
        kind if kind.as_str() == "ec2_instance_connect_endpoint" => {
            Some((Leak::WayIn, "an EC2 Instance Connect Endpoint lets in whom IAM allows to"))
        }
        _ => Some((Leak::Way, "a network interface that AWS manages stands in the VPC")),
    }
}

async fn interfaces(
    ec2: &Client,
    scope: &made::RunScope<'_>,
    vpcs: &Vpcs,
    empty: bool,
) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_network_interfaces().filters(vpcs.filter("vpc-id"));
    let own = scope.ids(Kind::Function);
    let mut all = Vec::new();
    for nic in pages!("ec2:DescribeNetworkInterfaces", network_interfaces, request) {
        let address = nic.association().and_then(|a| a.public_ip()).filter(|ip| !ip.is_empty());
        if let Some(address) = address {
            all.push(found(
                Leak::PublicAddress,
                nic.network_interface_id.clone(),
                format!("the network interface has the public address {address}"),
            ));
        }
        if let Some(kind) = nic.interface_type()
            && let Some((leak, what)) = of_type(kind)
        {
            let what = format!("{what} (type {})", kind.as_str());
            all.push(found(leak, nic.network_interface_id.clone(), what));
        }
        let other = of_another_function(&nic, &own);
        if empty && other.is_none() && function_of(&nic).is_none() {
            let what = match nic.description().filter(|text| !text.is_empty()) {
                Some(text) => format!("a network interface is there already: {text}"),
                None => "a network interface is there already".to_owned(),
            };
            all.push(found(Leak::Occupied, nic.network_interface_id.clone(), what));
        }
        all.extend(other.map(|said| way(nic.network_interface_id, said)));
    }
    Ok(all)
}

/// What is wrong with an interface of AWS Lambda that no function of the run has.
///
/// Lambda gives one interface to all functions with the same subnets and groups, and names the first
/// in its description. `made::functions` finds the others.
fn of_another_function(nic: &NetworkInterface, own: &BTreeSet<String>) -> Option<String> {
    let name = function_of(nic)?;
    (!own.contains(name))
        .then(|| format!("a function of AWS Lambda that is not the run's is in the VPC: {name}"))
}

/// The function of AWS Lambda that an interface was made for. `?`: of one that it does not name.
fn function_of(nic: &NetworkInterface) -> Option<&str> {
    const PREFIX: &str = "AWS Lambda VPC ENI-";
    let described = nic.description().and_then(|text| text.strip_prefix(PREFIX));
    if described.is_none() && nic.interface_type() != Some(&NetworkInterfaceType::Lambda) {
        return None;
    }
    // The name is followed by `-` and a UUID.
    Some(described.and_then(|text| text.get(..text.len().checked_sub(37)?)).unwrap_or("?"))
}

/// Finds network ACLs other than the default.
///
/// The default ACL allows everything, so another ACL shows that somebody changed the sandbox. It is
/// not a leak: an ACL can only restrict what routes, gateways and groups allow.
async fn network_acls(ec2: &Client, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_network_acls().filters(vpcs.filter("vpc-id"));
    let mut all = Vec::new();
    for acl in pages!("ec2:DescribeNetworkAcls", network_acls, request) {
        let subnets: Vec<&str> = acl.associations().iter().filter_map(|a| a.subnet_id()).collect();
        if acl.is_default() != Some(true) && !subnets.is_empty() {
            let what = format!(
                "a network ACL that is not the VPC's default one stands before {}",
                subnets.join(", ")
            );
            all.push(found(Leak::NetworkAcl, acl.network_acl_id.clone(), what));
        }
    }
    Ok(all)
}

/// Finds private zones whose names resolve inside the sandbox.
async fn private_zones(clients: &Clients, scan: &IsolationScan, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let mut all = Vec::new();
    for vpc in vpcs.0.keys() {
        let mut next = None;
        loop {
            let request = clients.route53.list_hosted_zones_by_vpc().vpc_id(vpc);
            let request = request.vpc_region(scan.place.region.as_str().into()).set_next_token(next.take());
            let answer = request.send().await.or_cloud("route53:ListHostedZonesByVPC")?;
            for zone in answer.hosted_zone_summaries {
                // The run's own zone answers names with what was restored.
                if scan.made.iter().any(|made| made.kind == Kind::Zone && made.id == zone.hosted_zone_id) {
                    continue;
                }
                let owner = zone.owner.as_ref();
                let owner = owner.and_then(|o| o.owning_account().or(o.owning_service())).unwrap_or("?");
                let what = format!(
                    "names of the private zone {} ({owner}) resolve in {vpc}",
                    zone.name.trim_end_matches('.')
                );
                all.push(Exposure::new(Leak::Zone, zone.hosted_zone_id, what));
            }
            next = answer.next_token;
            if next.is_none() {
                break;
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
    fn interfaces_that_lead_through_are_told_from_those_that_stand_there() {
        let of = |name: &str| of_type(&NetworkInterfaceType::from(name)).map(|(leak, _)| leak);
        assert_eq!((of("interface"), of("natGateway")), (None, None));
        assert_eq!(of("ec2_instance_connect_endpoint"), Some(Leak::WayIn));
        assert_eq!(of("global_accelerator_managed"), Some(Leak::Way));
        assert_eq!(of("something_of_next_year"), Some(Leak::Way));
    }

    #[test]
    fn interfaces_of_other_functions_are_told_from_the_probes() {
        const UUID: &str = "2f6e3b4c-1111-2222-3333-444455556666";
        let own = BTreeSet::from(["dm-run-probe".to_owned()]);
        let of = |description: &str, kind: &str| {
            let nic =
                NetworkInterface::builder().description(description).interface_type(kind.into()).build();
            of_another_function(&nic, &own)
        };
        assert_eq!(of(&format!("AWS Lambda VPC ENI-dm-run-probe-{UUID}"), "lambda"), None);
        assert_eq!(of("a machine's", "interface"), None);
        let other = of(&format!("AWS Lambda VPC ENI-dm-run-probe-2-{UUID}"), "lambda");
        assert!(other.is_some_and(|said| said.ends_with("dm-run-probe-2")));
        // Detached, it is no longer of Lambda's type.
        assert!(of(&format!("AWS Lambda VPC ENI-theirs-{UUID}"), "interface").is_some());
        assert!(of("AWS Lambda VPC ENI-é", "lambda").is_some());
        assert!(of("", "lambda").is_some());
    }

    #[test]
    fn rules_beyond_the_vpc_are_found() {
        let ranges = ["10.66.0.0/16".parse().unwrap()];
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
