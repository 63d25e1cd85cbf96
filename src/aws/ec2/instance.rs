//! Instances. They are launched without a role and without a public address, and they require
//! IMDSv2.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    HttpTokensState, Instance, InstanceBlockDeviceMapping, InstanceMetadataOptionsRequest,
    InstanceNetworkInterfaceSpecification, InstanceStateName, InstanceType, Placement, ResourceType,
    ShutdownBehavior, SummaryStatus,
};
use serde_json::Value;

use super::{FILTER_VALUES, filter, made_before};
use crate::access::{Ec2Reader, Writer};
use crate::error::OrCloud;
use crate::once::{begun, once};
use crate::tags::{TAG_TOKEN, clean};
use crate::{At, observed, pages, tags, with};
use port::wait::DEVICES;
use port::{
    CloudError, CloudResult, Created, ErrorKind, Kind, Observed, RunInstances, State, SubnetRef, TAG_RUN,
    Zone,
};

const CALL: &str = "ec2:RunInstances";

/// Spreads the instances over the subnets in turn. Makes one request for each subnet.
pub async fn run(at: &At<'_>, wanted: &RunInstances) -> CloudResult<Created> {
    if wanted.subnets.is_empty() || wanted.count == 0 {
        return Err(CloudError::new(ErrorKind::Invalid, CALL, "no subnet or no instance to launch"));
    }
    let mut ids = Vec::new();
    for (index, subnet, count) in spread(&wanted.subnets, wanted.count) {
        let more = run_in(at, wanted, index, subnet, count).await;
        // If a later request fails, the instances of the earlier ones still run.
        ids.extend(if ids.is_empty() { more } else { begun(more) }?);
    }
    let resources = ids.iter().map(|id| at.resource(Kind::Instance, id.clone())).collect();
    Ok(Created {
        resources,
        outputs: BTreeMap::from([("instance_ids".into(), ids.into())]),
        restored_to: None,
    })
}

/// Returns how many instances each subnet gets.
fn spread(subnets: &[SubnetRef], count: u32) -> Vec<(usize, &SubnetRef, i32)> {
    let over = u32::try_from(subnets.len()).unwrap_or(u32::MAX).max(1);
    (0_u32..)
        .zip(subnets)
        .enumerate()
        .filter_map(|(index, (turn, subnet))| {
            let share = count / over + u32::from(turn < count % over);
            let share = i32::try_from(share).ok().filter(|n| *n > 0)?;
            Some((index, subnet, share))
        })
        .collect()
}

async fn run_in(
    at: &At<'_>,
    wanted: &RunInstances,
    index: usize,
    subnet: &SubnetRef,
    count: i32,
) -> CloudResult<Vec<String>> {
    let writer = at.writer().await?;
    let zone = at.zone_name(&subnet.az).await?;
    let token = tags::token(at, &index.to_string());
    let spec = |kind| {
        let mut all = tags::ec2(at, &wanted.name);
        all.retain(|t| t.key() != Some(TAG_TOKEN));
        all.push(aws_sdk_ec2::types::Tag::builder().key(TAG_TOKEN).value(token.clone()).build());
        aws_sdk_ec2::types::TagSpecification::builder().resource_type(kind).set_tags(Some(all)).build()
    };
    once(
        at,
        async || {
            let mut filters = made_before(at);
            filters.retain(|f| f.name() != Some(&format!("tag:{TAG_TOKEN}")));
            filters.push(filter(&format!("tag:{TAG_TOKEN}"), [clean(&token, 64)]));
            filters.push(filter("instance-state-name", ["pending", "running"]));
            let found = writer.ec2.describe_instances().set_filters(Some(filters)).send().await;
            let found = found.or_cloud("ec2:DescribeInstances")?;
            let ids =
                ids_of(found.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances));
            Ok((!ids.is_empty()).then_some(ids))
        },
        async || {
            let network = InstanceNetworkInterfaceSpecification::builder()
                .device_index(0)
                .subnet_id(&subnet.id)
                .set_groups(Some(wanted.security_groups.clone()))
                .associate_public_ip_address(false)
                .delete_on_termination(true)
                .build();
            let metadata =
                InstanceMetadataOptionsRequest::builder().http_tokens(HttpTokensState::Required).build();
            let user_data = wanted.user_data.as_ref().map(aws_smithy_types::base64::encode);
            let answer = writer
                .ec2_once
                .run_instances()
                .image_id(&wanted.image)
                .instance_type(InstanceType::from(wanted.instance_type.as_str()))
                .min_count(count)
                .max_count(count)
                // The subnet implies the zone. The request names it as well, so that the gate can
                // see it.
                .placement(Placement::builder().availability_zone(&zone).build())
                .network_interfaces(network)
                .metadata_options(metadata)
                .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
                .set_key_name(wanted.key_name.clone())
                .set_user_data(user_data)
                .client_token(&token)
                .tag_specifications(spec(ResourceType::Instance))
                .tag_specifications(spec(ResourceType::Volume))
                .tag_specifications(spec(ResourceType::NetworkInterface))
                .send()
                .await
                .or_cloud(CALL)?;
            Ok(ids_of(answer.instances().iter()))
        },
    )
    .await
}

fn ids_of<'a>(instances: impl Iterator<Item = &'a Instance>) -> Vec<String> {
    instances.filter_map(|i| i.instance_id.clone()).collect()
}

pub async fn observe(ec2: &Ec2Reader, zones: &[Zone], ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = ec2.describe_instances().filters(filter("instance-id", ids));
        let found = pages!("ec2:DescribeInstances", reservations, request);
        let instances: Vec<&Instance> =
            found.iter().flat_map(aws_sdk_ec2::types::Reservation::instances).collect();
        let running: Vec<String> =
            ids_of(instances.iter().copied().filter(|i| state_of(i) == Some(&InstanceStateName::Running)));
        let healthy = healthy(ec2, &running).await?;
        for instance in instances {
            all.push(seen(instance, zones, &healthy));
        }
    }
    Ok(all)
}

/// "Maximum 100 explicitly specified instance IDs" (EC2 API reference, `DescribeInstanceStatus`).
const STATUSES: usize = 100;

/// Returns the running instances that pass both the system and the instance status check.
async fn healthy(ec2: &Ec2Reader, running: &[String]) -> CloudResult<BTreeSet<String>> {
    let mut passed = BTreeSet::new();
    for ids in running.chunks(STATUSES) {
        passed.extend(healthy_of(ec2, ids).await?);
    }
    Ok(passed)
}

async fn healthy_of(ec2: &Ec2Reader, running: &[String]) -> CloudResult<BTreeSet<String>> {
    let request = ec2.describe_instance_status().set_instance_ids(Some(running.to_vec()));
    let ok = |s: Option<&aws_sdk_ec2::types::InstanceStatusSummary>| {
        s.and_then(|s| s.status()) == Some(&SummaryStatus::Ok)
    };
    let mut passed = BTreeSet::new();
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = match page.or_cloud("ec2:DescribeInstanceStatus") {
            Ok(page) => page,
            // One of them was deleted in between. The next observation will show it.
            Err(e) if e.kind == ErrorKind::NotFound => return Ok(passed),
            Err(e) => return Err(e),
        };
        for status in page.instance_statuses.unwrap_or_default() {
            if ok(status.system_status()) && ok(status.instance_status()) {
                passed.extend(status.instance_id);
            }
        }
    }
    Ok(passed)
}

fn state_of(instance: &Instance) -> Option<&InstanceStateName> {
    instance.state().and_then(|s| s.name())
}

fn seen(instance: &Instance, zones: &[Zone], healthy: &BTreeSet<String>) -> Observed {
    // The code is more reliable than the message, which often begins with it.
    let reason = instance.state_reason().map(|r| match (r.code(), r.message()) {
        (Some(code), Some(message)) if !message.starts_with(code) => format!("{code}: {message}"),
        (code, message) => message.or(code).unwrap_or_default().to_owned(),
    });
    let state = match state_of(instance) {
        Some(InstanceStateName::Running) => State::Ready,
        Some(InstanceStateName::Terminated) => State::Gone,
        // Nothing in a drill stops an instance, and "terminate on shutdown" is set. A stopped
        // instance will not start by waiting.
        Some(InstanceStateName::Stopped) => {
            State::Failed(format!("stopped {}", reason.clone().unwrap_or_default()).trim().to_owned())
        }
        other => State::Pending(other.map_or("pending", InstanceStateName::as_str).to_owned()),
    };
    let id = instance.instance_id.clone().unwrap_or_default();
    let zone = instance.placement().and_then(|p| p.availability_zone());
    let az = zones.iter().find(|z| Some(z.name.as_str()) == zone).map(|z| z.id.to_string());
    let mut seen = observed(id.clone(), state);
    seen.healthy = Some(seen.state == State::Ready && healthy.contains(&id));
    let non_empty =
        |text: &Option<String>| text.clone().filter(|t| !t.is_empty()).map_or(Value::Null, Value::from);
    let seen = with(seen, "instance_id", id);
    let seen = with(seen, "private_ip", non_empty(&instance.private_ip_address));
    let seen = with(seen, "private_dns", non_empty(&instance.private_dns_name));
    let seen = with(seen, "reason", non_empty(&reason));
    let volume = |m: &InstanceBlockDeviceMapping| m.ebs().and_then(|e| e.volume_id()).map(str::to_owned);
    let devices = instance.block_device_mappings().iter();
    let devices: serde_json::Map<String, Value> =
        devices.filter_map(|m| Some((m.device_name()?.to_owned(), volume(m).into()))).collect();
    let seen = with(seen, DEVICES, devices);
    with(seen, "az", az)
}

pub async fn terminate(to: &Writer, id: &str) -> CloudResult<()> {
    let (ec2, run_tags) = (&to.ec2, &to.run_tags);
    let found = ec2.describe_instances().filters(filter("instance-id", [id])).send().await;
    let found = found.or_cloud("ec2:DescribeInstances")?;
    let Some(instance) =
        found.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances).next()
    else {
        return Ok(());
    };
    if matches!(state_of(instance), Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown)) {
        return Ok(());
    }
    tags::guard("ec2:TerminateInstances", id, tags::value(instance.tags(), TAG_RUN), run_tags)?;
    ec2.terminate_instances().instance_ids(id).send().await.or_cloud("ec2:TerminateInstances")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_spread_in_turn() {
        let subnets: Vec<SubnetRef> =
            ["a", "b"].map(|id| SubnetRef { id: id.into(), az: "usw2-az1".parse().unwrap() }).to_vec();
        let shares = |n| spread(&subnets, n).iter().map(|(_, s, n)| (s.id.clone(), *n)).collect::<Vec<_>>();
        assert_eq!(shares(1), [("a".to_owned(), 1)]);
        assert_eq!(shares(3), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    }
}
