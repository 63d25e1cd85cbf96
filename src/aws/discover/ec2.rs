//! EC2: machines, volumes, networks, and the snapshots and images to restore from.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ec2::types::{
    Image, InstanceAttributeName, InstanceStateName, NatGatewayState, Snapshot, Tag, VolumeState, VpcState,
};
use base64::Engine as _;

use super::found::{Found, FoundPoint, empty_resource, some, sorted};
use super::{Here, Service, listed};
use crate::points::{ebs, image, search};
use base::duration::Size;
use estate::PointKind;
use estate::file::ResourceEntry;
use estate::mentions;
use port::CloudResult;

pub const SERVICE: Service = Service {
    name: "ec2",
    calls: &[
        "ec2:DescribeAddresses",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceAttribute",
        "ec2:DescribeInstances",
        "ec2:DescribeKeyPairs",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeNatGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSnapshots",
        "ec2:DescribeSubnets",
        "ec2:DescribeTransitGateways",
        "ec2:DescribeVolumes",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
    ],
};

/// Items on a page. EC2 takes up to 1,000, for VPC endpoints and NAT gateways too.
const PAGE: i32 = search::PAGE;

pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    machines(here, &mut found).await;
    volumes(here, &mut found).await;
    networks(here, &mut found).await;
    others(here, &mut found).await;
    points(here, &mut found).await;
    found
}

fn entry(here: &Here<'_>, kind: &str, name: Option<&str>, tags: &[Tag]) -> Option<ResourceEntry> {
    let mut entry = empty_resource(kind, name?, here.account(), Some(here.region()));
    entry.tags = tags
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect();
    Some(entry)
}

/// The ARN of a resource of EC2: `arn:aws:ec2:us-east-1:111122223333:volume/vol-1`.
fn arn(here: &Here<'_>, kind: &str, id: &str) -> String {
    let region = here.region();
    format!("arn:{}:ec2:{region}:{}:{kind}/{id}", region.partition(), here.account())
}

fn add(here: &Here<'_>, found: &mut Found, entry: Option<ResourceEntry>, kind: &str) {
    if let Some(entry) = entry {
        let arn = arn(here, kind, &entry.id.name);
        found.resource(entry, Some(arn));
    }
}

fn gib(size: Option<i32>) -> Size {
    Size::gib(size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0))
}

async fn machines(here: &Here<'_>, found: &mut Found) {
    let ec2 = &here.clients.ec2;
    let request = ec2.describe_instances().max_results(PAGE);
    let Some(all) = found.take(listed!(here, "ec2:DescribeInstances", reservations, next_token, request))
    else {
        return;
    };
    for machine in all.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()) {
        // EC2 lists a terminated instance for a while.
        let state = machine.state().and_then(|state| state.name());
        if matches!(state, Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown)) {
            continue;
        }
        let Some(mut entry) = entry(here, "ec2:instance", machine.instance_id(), machine.tags()) else {
            continue;
        };
        let placement = machine.placement();
        entry.az = here.zone_of(
            placement.and_then(|placement| placement.availability_zone_id()),
            placement.and_then(|placement| placement.availability_zone()),
        );
        entry.class = machine.instance_type().map(|class| class.as_str().to_owned());
        entry.addresses = sorted(
            [
                machine.private_ip_address(),
                machine.public_ip_address(),
                machine.private_dns_name(),
                machine.public_dns_name(),
            ]
            .into_iter()
            .flatten()
            .map(str::to_owned),
        );
        if !entry.tags.contains_key(port::TAG_RUN) {
            let named = named_by_user_data(here, &entry.id.name).await;
            entry.mentions = found.take(named).unwrap_or_default();
        }
        add(here, found, Some(entry), "instance");
    }
    found.whole("ec2:instance");
}

/// The regions and accounts that the user data of a machine name.
async fn named_by_user_data(here: &Here<'_>, id: &str) -> CloudResult<Vec<String>> {
    let request = here.clients.ec2.describe_instance_attribute().instance_id(id);
    let request = request.attribute(InstanceAttributeName::UserData).send();
    let answer = here.call("ec2:DescribeInstanceAttribute", request).await?;
    let encoded = answer.user_data().and_then(|data| data.value()).unwrap_or_default();
    let data = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default();
    Ok(mentions::in_text(&String::from_utf8_lossy(&data)).into_iter().collect())
}

async fn volumes(here: &Here<'_>, found: &mut Found) {
    let request = here.clients.ec2.describe_volumes().max_results(PAGE);
    let all = listed!(here, "ec2:DescribeVolumes", volumes, next_token, request);
    let Some(all) = found.take(all) else { return };
    for volume in all {
        if matches!(volume.state(), Some(VolumeState::Deleted | VolumeState::Deleting)) {
            continue;
        }
        let Some(mut entry) = entry(here, "ec2:volume", volume.volume_id(), volume.tags()) else { continue };
        entry.az = here.zone_of(volume.availability_zone_id(), volume.availability_zone());
        entry.size = gib(volume.size());
        entry.class = volume.volume_type().map(|class| class.as_str().to_owned());
        entry.key = some(volume.kms_key_id());
        add(here, found, Some(entry), "volume");
    }
    found.whole("ec2:volume");
}

async fn networks(here: &Here<'_>, found: &mut Found) {
    let ec2 = &here.clients.ec2;
    let request = ec2.describe_vpcs().max_results(PAGE);
    if let Some(all) = found.take(listed!(here, "ec2:DescribeVpcs", vpcs, next_token, request)) {
        for vpc in all.iter().filter(|vpc| vpc.state() != Some(&VpcState::Pending)) {
            // A VPC that another account shares is that account's.
            if vpc.owner_id().is_none_or(|owner| owner == here.account().as_str()) {
                add(here, found, entry(here, "ec2:vpc", vpc.vpc_id(), vpc.tags()), "vpc");
            }
        }
        found.whole("ec2:vpc");
    }
    let request = ec2.describe_subnets().max_results(PAGE);
    let subnets = listed!(here, "ec2:DescribeSubnets", subnets, next_token, request);
    let subnets = found.take(subnets);
    let mut zone_of = HashMap::new();
    for subnet in subnets.iter().flatten() {
        let az = here.zone_of(subnet.availability_zone_id(), subnet.availability_zone());
        zone_of.insert(subnet.subnet_id().unwrap_or_default().to_owned(), az.clone());
        if subnet.owner_id().is_none_or(|owner| owner == here.account().as_str())
            && let Some(mut entry) = entry(here, "ec2:subnet", subnet.subnet_id(), subnet.tags())
        {
            entry.az = az;
            add(here, found, Some(entry), "subnet");
        }
    }
    if subnets.is_some() {
        found.whole("ec2:subnet");
    }
    let request = ec2.describe_security_groups().max_results(PAGE);
    if let Some(all) =
        found.take(listed!(here, "ec2:DescribeSecurityGroups", security_groups, next_token, request))
    {
        for group in &all {
            add(
                here,
                found,
                entry(here, "ec2:security-group", group.group_id(), group.tags()),
                "security-group",
            );
        }
        found.whole("ec2:security-group");
    }
    let request = ec2.describe_nat_gateways().max_results(PAGE);
    if let Some(all) = found.take(listed!(here, "ec2:DescribeNatGateways", nat_gateways, next_token, request))
    {
        for gateway in &all {
            if matches!(gateway.state(), Some(NatGatewayState::Deleted | NatGatewayState::Deleting)) {
                continue;
            }
            let made = entry(here, "ec2:nat-gateway", gateway.nat_gateway_id(), gateway.tags());
            let Some(mut made) = made else { continue };
            made.az = gateway.subnet_id().and_then(|subnet| zone_of.get(subnet)).cloned().flatten();
            add(here, found, Some(made), "natgateway");
        }
        found.whole("ec2:nat-gateway");
    }
    let request = ec2.describe_network_interfaces().max_results(PAGE);
    if let Some(all) =
        found.take(listed!(here, "ec2:DescribeNetworkInterfaces", network_interfaces, next_token, request))
    {
        for interface in &all {
            let made =
                entry(here, "ec2:network-interface", interface.network_interface_id(), interface.tag_set());
            let Some(mut made) = made else { continue };
            made.az = here.zone_of(interface.availability_zone_id(), interface.availability_zone());
            add(here, found, Some(made), "network-interface");
        }
        found.whole("ec2:network-interface");
    }
    let request = ec2.describe_vpc_endpoints().max_results(PAGE);
    if let Some(all) =
        found.take(listed!(here, "ec2:DescribeVpcEndpoints", vpc_endpoints, next_token, request))
    {
        for endpoint in &all {
            // The states of endpoints are written in several ways.
            let gone = endpoint.state().is_some_and(|state| {
                let state = state.as_str().to_ascii_lowercase();
                state == "deleted" || state == "deleting"
            });
            if !gone {
                let made = entry(here, "ec2:vpc-endpoint", endpoint.vpc_endpoint_id(), endpoint.tags());
                add(here, found, made, "vpc-endpoint");
            }
        }
        found.whole("ec2:vpc-endpoint");
    }
}

async fn others(here: &Here<'_>, found: &mut Found) {
    let ec2 = &here.clients.ec2;
    let request = ec2.describe_launch_templates().max_results(200);
    if let Some(all) =
        found.take(listed!(here, "ec2:DescribeLaunchTemplates", launch_templates, next_token, request))
    {
        for template in &all {
            let made = entry(here, "ec2:launch-template", template.launch_template_id(), template.tags());
            add(here, found, made, "launch-template");
        }
        found.whole("ec2:launch-template");
    }
    let request = ec2.describe_transit_gateways().max_results(PAGE);
    if let Some(all) =
        found.take(listed!(here, "ec2:DescribeTransitGateways", transit_gateways, next_token, request))
    {
        for gateway in &all {
            let gone = gateway.state().is_some_and(|state| state.as_str().starts_with("delet"));
            // A shared transit gateway is its owner's.
            let own = gateway.owner_id().is_none_or(|owner| owner == here.account().as_str());
            if own && !gone {
                let made = entry(here, "ec2:transit-gateway", gateway.transit_gateway_id(), gateway.tags());
                add(here, found, made, "transit-gateway");
            }
        }
        found.whole("ec2:transit-gateway");
    }
    // These two lists have no pages.
    let keys = here.call("ec2:DescribeKeyPairs", ec2.describe_key_pairs().send()).await;
    if let Some(answer) = found.take(keys) {
        for key in answer.key_pairs() {
            add(here, found, entry(here, "ec2:key-pair", key.key_name(), key.tags()), "key-pair");
        }
        found.whole("ec2:key-pair");
    }
    let addresses = here.call("ec2:DescribeAddresses", ec2.describe_addresses().send()).await;
    if let Some(answer) = found.take(addresses) {
        for address in answer.addresses() {
            let id = address.allocation_id().or(address.public_ip());
            let Some(mut made) = entry(here, "ec2:address", id, address.tags()) else { continue };
            made.addresses = sorted(some(address.public_ip()));
            add(here, found, Some(made), "elastic-ip");
        }
        found.whole("ec2:address");
    }
}

/// Snapshots and images: the account's own, and those that other accounts share with it. So the
/// shares among the accounts that are read are known without asking for each snapshot.
async fn points(here: &Here<'_>, found: &mut Found) {
    const SNAPSHOTS: &str = "ec2:DescribeSnapshots";
    const IMAGES: &str = "ec2:DescribeImages";
    let ec2 = &here.clients.ec2;
    let own = ec2.describe_snapshots().owner_ids("self").max_results(PAGE);
    let shared = ec2.describe_snapshots().restorable_by_user_ids("self").max_results(PAGE);
    let own = listed!(here, SNAPSHOTS, snapshots, next_token, own);
    let shared = listed!(here, SNAPSHOTS, snapshots, next_token, shared);
    let mut keys: HashMap<String, String> = HashMap::new();
    let (own, shared) = (found.take(own), found.take(shared));
    let is_whole = own.is_some() && shared.is_some();
    let all: Vec<Snapshot> = own.into_iter().chain(shared).flatten().collect();
    let all: BTreeMap<&str, &Snapshot> = all.iter().filter_map(|s| Some((s.snapshot_id()?, s))).collect();
    for snapshot in all.into_values() {
        if let Some((id, key)) = snapshot.snapshot_id().zip(snapshot.kms_key_id()) {
            keys.insert(id.to_owned(), key.to_owned());
        }
        let run = crate::tags::value(snapshot.tags(), port::TAG_RUN);
        let point = ebs::point(&here.search(), snapshot);
        // A snapshot that is being made, or that lies in the archive, cannot be used now.
        if let Some(mut point) = point.filter(|point| point.seen_usable.is_some() && run.is_none()) {
            if point.account != *here.account() {
                point.shared_with = vec![here.account().clone()];
            }
            found.point(FoundPoint::of(point, here.account()));
        }
    }
    if is_whole {
        found.whole_points(PointKind::EbsSnapshot, "ec2:volume");
    }
    let own =
        listed!(here, IMAGES, images, next_token, ec2.describe_images().owners("self").max_results(PAGE));
    let shared = ec2.describe_images().executable_users("self").max_results(PAGE);
    let shared = listed!(here, IMAGES, images, next_token, shared);
    let (own, shared) = (found.take(own), found.take(shared));
    let is_whole = own.is_some() && shared.is_some();
    let all: Vec<Image> = own.into_iter().chain(shared).flatten().collect();
    let all: BTreeMap<&str, &Image> =
        all.iter().filter_map(|image| Some((image.image_id()?, image))).collect();
    for image in all.into_values() {
        let run = crate::tags::value(image.tags(), port::TAG_RUN);
        let point = image::point(&here.search(), image);
        let Some(mut point) = point.filter(|point| point.seen_usable.is_some() && run.is_none()) else {
            continue;
        };
        // An image that no instance is known of restores itself.
        if point.of.name == point.id {
            point.of = estate::ResourceId::new("ec2:image", &point.id);
        }
        let blocks = image.block_device_mappings().iter();
        let mut of_blocks: Vec<String> =
            blocks.filter_map(|block| keys.get(block.ebs()?.snapshot_id()?).cloned()).collect();
        // One of another account comes first, because it may be lost alone.
        of_blocks.sort_by_key(|key| (search::account_of(key).as_ref() == Some(&point.account), key.clone()));
        point.kms_key = of_blocks.into_iter().next().filter(|_| point.encrypted);
        if point.account == *here.account() {
            let Some(mut entry) = entry(here, "ec2:image", Some(&point.id), image.tags()) else { continue };
            entry.size = point.size;
            entry.key.clone_from(&point.kms_key);
            add(here, found, Some(entry), "image");
        } else {
            point.shared_with = vec![here.account().clone()];
        }
        found.point(FoundPoint::of(point, here.account()));
    }
    if is_whole {
        found.whole("ec2:image");
        found.whole_points(PointKind::Ami, "ec2:instance");
        found.whole_points(PointKind::Ami, "ec2:image");
    }
}
