//! Machine images: copied, observed, and deregistered together with the snapshots of the copy.

use aws_sdk_ec2::types::{Image, ImageState, ResourceType};

use super::{FILTER_VALUES, filter, made_before};
use crate::access::{Ec2Reader, Writer};
use crate::error::OrCloud;
use crate::once::once;
use crate::{At, missing, observed, pages, tags, with};
use port::{CloudError, CloudResult, Create, Created, ErrorKind, Kind, Observed, State, TAG_RUN};

pub async fn copy(at: &At<'_>, what: &Create) -> CloudResult<Created> {
    const CALL: &str = "ec2:CopyImage";
    let Create::CopyImage { source, source_region, kms_key, name, .. } = what else {
        return Err(CloudError::new(ErrorKind::Unsupported, CALL, "not a copy of an image"));
    };
    let writer = at.writer().await?;
    let id = once(
        at,
        async || {
            let found =
                writer.ec2.describe_images().owners("self").set_filters(Some(made_before(at))).send().await;
            let found = found.or_cloud("ec2:DescribeImages")?;
            let alive = found
                .images()
                .iter()
                .find(|i| !matches!(i.state(), Some(ImageState::Failed | ImageState::Error)));
            Ok(alive.and_then(|i| i.image_id.clone()))
        },
        async || {
            let answer = writer
                .ec2_once
                .copy_image()
                .source_image_id(source)
                .source_region(source_region.as_str())
                .name(name)
                .description(format!("Drillmaster copy of {source} from {source_region}"))
                .set_encrypted(kms_key.as_ref().map(|_| true))
                .set_kms_key_id(kms_key.clone())
                .client_token(tags::token(at, ""))
                .tag_specifications(tags::ec2_spec(at, name, ResourceType::Image))
                .tag_specifications(tags::ec2_spec(at, name, ResourceType::Snapshot))
                .send()
                .await
                .or_cloud(CALL)
                .map_err(with_disk_hint)?;
            answer.image_id.ok_or_else(|| missing(CALL, "image id"))
        },
    )
    .await?;
    Ok(at.created(Kind::Image, id, "image_id"))
}

/// Adds a hint. An account that may launch an image may still lack the right to copy it (EC2 API
/// reference, `CopyImage`).
fn with_disk_hint(error: CloudError) -> CloudError {
    if error.message.contains("permission to access the storage") {
        return error.help(
            "the image is shared, and the snapshots of its disks are not: let its owner share those with the sandbox's account",
        );
    }
    error
}

pub async fn observe(ec2: &Ec2Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let request = ec2.describe_images().filters(filter("image-id", ids));
        for image in pages!("ec2:DescribeImages", images, request) {
            let said = image.state_reason().and_then(|r| r.message()).unwrap_or_default().to_owned();
            let state = match image.state() {
                Some(ImageState::Available) => State::Ready,
                Some(ImageState::Deregistered) => State::Gone,
                // Only its owner can enable a disabled image again.
                Some(
                    s @ (ImageState::Failed | ImageState::Error | ImageState::Invalid | ImageState::Disabled),
                ) => State::Failed(format!("{s} {said}").trim().to_owned()),
                other => State::Pending(other.map_or("pending", ImageState::as_str).to_owned()),
            };
            let id = image.image_id.unwrap_or_default();
            all.push(with(observed(id.clone(), state), "image_id", id));
        }
    }
    Ok(all)
}

/// Returns the snapshots of an image's disks.
pub fn snapshots_of(image: &Image) -> Vec<String> {
    image.block_device_mappings().iter().filter_map(|b| b.ebs()?.snapshot_id.clone()).collect()
}

pub async fn delete(to: &Writer, id: &str) -> CloudResult<()> {
    let (ec2, run_tags) = (&to.ec2, &to.run_tags);
    let found = ec2.describe_images().filters(filter("image-id", [id])).send().await;
    let found = found.or_cloud("ec2:DescribeImages")?;
    let Some(image) = found.images().first() else { return Ok(()) };
    tags::guard("ec2:DeregisterImage", id, tags::value(image.tags(), TAG_RUN), run_tags)?;
    let snapshots = snapshots_of(image);
    ec2.deregister_image().image_id(id).send().await.or_cloud("ec2:DeregisterImage")?;
    for snapshot in snapshots {
        // Only copies with this run's tag are ours to delete. An image may share its snapshots with
        // others.
        match super::snapshot::delete(to, &snapshot).await {
            Err(e) if matches!(e.kind, ErrorKind::Guarded | ErrorKind::NotFound) => {}
            other => other?,
        }
    }
    Ok(())
}
