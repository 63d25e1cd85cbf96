//! EBS volumes: restored from a snapshot, attached, observed, deleted.

use aws_sdk_ec2::types::{ResourceType, VolumeAttachmentState, VolumeState, VolumeType};

use super::{FILTER_VALUES, filter, made_before};
use crate::access::{Ec2Reader, Writer};
use crate::error::OrCloud;
use crate::once::once;
use crate::{At, missing, observed, pages, tags, with};
use port::wait::ATTACHED_TO;
use port::{CloudResult, CreateVolume, Created, Kind, Observed, State, TAG_RUN, Zone};

pub async fn create(at: &At<'_>, volume: &CreateVolume) -> CloudResult<Created> {
    const CALL: &str = "ec2:CreateVolume";
    let writer = at.writer().await?;
    let zone = at.zone_name(&volume.az).await?;
    let id = once(
        at,
        async || {
            let found = writer.ec2.describe_volumes().set_filters(Some(made_before(at))).send().await;
            let found = found.or_cloud("ec2:DescribeVolumes")?;
            let alive = found.volumes().iter().find(|v| {
                !matches!(v.state(), Some(VolumeState::Error | VolumeState::Deleting | VolumeState::Deleted))
            });
            Ok(alive.and_then(|v| v.volume_id.clone()))
        },
        async || {
            let answer = writer
                .ec2_once
                .create_volume()
                .snapshot_id(&volume.snapshot)
                .availability_zone(&zone)
                .volume_type(VolumeType::from(volume.volume_type.as_str()))
                .set_iops(volume.iops)
                .set_throughput(volume.throughput)
                .set_volume_initialization_rate(volume.initialization_rate)
                .client_token(tags::token(at, ""))
                .tag_specifications(tags::ec2_spec(at, &volume.name, ResourceType::Volume))
                .send()
                .await
                .or_cloud(CALL)?;
            answer.volume_id.ok_or_else(|| missing(CALL, "volume id"))
        },
    )
    .await?;
    Ok(at.created(Kind::Volume, id, "volume_id"))
}

pub async fn attach(at: &At<'_>, volume: &str, instance: &str, device: &str) -> CloudResult<Created> {
    let writer = at.writer().await?;
    once(
        at,
        async || {
            let found = writer.ec2.describe_volumes().filters(filter("volume-id", [volume])).send().await;
            let found = found.or_cloud("ec2:DescribeVolumes")?;
            let attached =
                found.volumes().iter().flat_map(aws_sdk_ec2::types::Volume::attachments).any(|a| {
                    a.instance_id() == Some(instance)
                        && matches!(
                            a.state(),
                            Some(VolumeAttachmentState::Attached | VolumeAttachmentState::Attaching)
                        )
                });
            Ok(attached.then_some(()))
        },
        async || {
            let request =
                writer.ec2_once.attach_volume().volume_id(volume).instance_id(instance).device(device);
            request.send().await.or_cloud("ec2:AttachVolume").map(drop)
        },
    )
    .await?;
    let outputs = [("attached_to".to_owned(), instance.into()), ("device".to_owned(), device.into())];
    Ok(Created { outputs: outputs.into(), ..Created::default() })
}

pub async fn observe(ec2: &Ec2Reader, zones: &[Zone], ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = ec2.describe_volumes().filters(filter("volume-id", ids));
        for volume in pages!("ec2:DescribeVolumes", volumes, request) {
            let attaching =
                volume.attachments().iter().any(|a| a.state() == Some(&VolumeAttachmentState::Attaching));
            let state = match volume.state() {
                _ if attaching => State::Pending("attaching".into()),
                Some(VolumeState::Available | VolumeState::InUse) => State::Ready,
                Some(VolumeState::Error) => State::Failed("error".into()),
                Some(VolumeState::Deleted) => State::Gone,
                other => State::Pending(other.map_or("creating", VolumeState::as_str).to_owned()),
            };
            let az = volume.availability_zone_id.clone().or_else(|| {
                zones
                    .iter()
                    .find(|z| Some(z.name.as_str()) == volume.availability_zone())
                    .map(|z| z.id.to_string())
            });
            let attached =
                volume.attachments().iter().find(|a| a.state() == Some(&VolumeAttachmentState::Attached));
            let attached = attached.and_then(|a| a.instance_id.clone());
            let id = volume.volume_id.unwrap_or_default();
            let seen = with(observed(id.clone(), state), "volume_id", id);
            let seen = with(seen, "size", volume.size.map(|gib| i64::from(gib) << 30));
            let seen = with(seen, ATTACHED_TO, attached);
            all.push(with(seen, "az", az));
        }
    }
    Ok(all)
}

pub async fn delete(to: &Writer, id: &str) -> CloudResult<()> {
    let (ec2, run_tags) = (&to.ec2, &to.run_tags);
    let found = ec2.describe_volumes().filters(filter("volume-id", [id])).send().await;
    let found = found.or_cloud("ec2:DescribeVolumes")?;
    let Some(volume) = found.volumes().first() else { return Ok(()) };
    if matches!(volume.state(), Some(VolumeState::Deleting | VolumeState::Deleted)) {
        return Ok(());
    }
    tags::guard("ec2:DeleteVolume", id, tags::value(volume.tags(), TAG_RUN), run_tags)?;
    ec2.delete_volume().volume_id(id).send().await.or_cloud("ec2:DeleteVolume")?;
    Ok(())
}
