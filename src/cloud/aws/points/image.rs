//! Machine images, our own and those shared with us.

use aws_sdk_ec2::types::{EbsBlockDevice, Image, ImageAttributeName, ImageState};

use super::{MOST_ASKED_ABOUT, Search, TAG_OF, TAG_TAKEN, Want, accounts, named, tagged_time};
use crate::cloud::aws::access::Ec2Reader;
use crate::cloud::aws::ec2::filter;
use crate::cloud::aws::error::OrCloud;
use crate::cloud::aws::{pages, tags};
use crate::cloud::{CloudResult, ErrorKind};
use crate::duration::Size;
use crate::estate::{PointKind, RecoveryPoint, Selector};
use crate::ids::AccountId;

const CALL: &str = "ec2:DescribeImages";

pub async fn find(ec2: &Ec2Reader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let mut found: Vec<Image> = Vec::new();
    for ours in [true, false] {
        let request = ec2.describe_images();
        let request = if ours { request.owners("self") } else { request.executable_users("self") };
        let request = match search.want {
            Want::Id(id) => request.filters(filter("image-id", [id])),
            Want::Of(Selector::Id(id)) if id.kind == "ec2:image" => {
                request.filters(filter("image-id", [&id.name]))
            }
            // No filter tells which instance an image is of.
            Want::Of(Selector::Id(_)) => request,
            Want::Of(Selector::Tag { key, value, .. }) => {
                request.filters(filter(&format!("tag:{key}"), [value]))
            }
        };
        for image in pages!(CALL, images, request) {
            if wanted(search, &image) && !found.iter().any(|i| i.image_id == image.image_id) {
                found.push(image);
            }
        }
    }
    found.sort_by(|a, b| b.creation_date.cmp(&a.creation_date));
    let mut points = Vec::new();
    for (index, image) in found.iter().enumerate() {
        let Some(mut point) = point(search, image) else { continue };
        if point.encrypted && index < MOST_ASKED_ABOUT {
            point.kms_key = key_of(ec2, image, &point.account).await?;
        }
        if point.account != search.place.account {
            point.shared_with = vec![search.place.account.clone()];
        } else if index < MOST_ASKED_ABOUT {
            point.shared_with = shared_with(ec2, &point.id).await?;
        }
        points.push(point);
    }
    Ok(points)
}

/// The instance that an image was made of, where anything tells: the API, a tag, AWS Backup's naming.
fn instance_of(image: &Image) -> Option<String> {
    let tagged = tags::value(image.tags(), TAG_OF).map(|of| named("ec2:instance", of).name);
    let backup = || {
        let name = image.name().filter(|name| name.starts_with("AwsBackup_"))?;
        name.split('_').find(|part| part.starts_with("i-")).map(str::to_owned)
    };
    tagged.or_else(|| image.source_instance_id.clone()).or_else(backup)
}

fn wanted(search: &Search<'_>, image: &Image) -> bool {
    match search.want {
        Want::Of(Selector::Id(id)) if id.kind == "ec2:instance" => {
            instance_of(image).as_deref() == Some(id.name.as_str())
        }
        _ => true,
    }
}

fn point(search: &Search<'_>, image: &Image) -> Option<RecoveryPoint> {
    let id = image.image_id()?.to_owned();
    let of = match search.want {
        Want::Of(Selector::Id(of)) => of.clone(),
        _ => named("ec2:instance", &instance_of(image).unwrap_or_else(|| id.clone())),
    };
    let created = tagged_time(image.creation_date());
    // A copy's creation date is that of the copying, which would flatter.
    let copy = image.source_image_id().is_some_and(|source| source != id);
    let taken = tagged_time(tags::value(image.tags(), TAG_TAKEN)).or(if copy { None } else { created });
    let gib: i32 = image.block_device_mappings().iter().filter_map(|b| b.ebs()?.volume_size()).sum();
    Some(RecoveryPoint {
        of,
        kind: PointKind::Ami,
        id,
        account: match image.owner_id() {
            Some(owner) => owner.parse().ok()?,
            None => search.place.account.clone(),
        },
        region: search.place.region.clone(),
        taken,
        // An image's creation date is that of its beginning: when it was complete, EC2 does not tell.
        usable: None,
        seen_usable: (image.state() == Some(&ImageState::Available)).then_some(search.now),
        size: Size::gib(u64::try_from(gib).unwrap_or(0)),
        objects: 0,
        shared_with: Vec::new(),
        managed_key: false,
        encrypted: image
            .block_device_mappings()
            .iter()
            .any(|b| b.ebs().and_then(EbsBlockDevice::encrypted) == Some(true)),
        // Which key, only its snapshots tell: `keys`.
        kms_key: None,
    })
}

/// The key of an image's snapshots; where they have several, one of another account first: that one may be lost alone.
async fn key_of(ec2: &Ec2Reader, image: &Image, owner: &AccountId) -> CloudResult<Option<String>> {
    const CALL: &str = "ec2:DescribeSnapshots";
    let blocks = image.block_device_mappings().iter();
    let ids: Vec<&str> = blocks.filter_map(|b| b.ebs()?.snapshot_id()).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    // A filter, not the parameter: what may not be seen is left out, and is no error.
    let request = ec2.describe_snapshots().filters(filter("snapshot-id", ids));
    let found = match request.send().await.or_cloud(CALL) {
        Ok(answer) => answer.snapshots.unwrap_or_default(),
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut keys: Vec<String> = found.into_iter().filter_map(|s| s.kms_key_id).collect();
    keys.sort_by_key(|key| super::account_of(key).as_ref() == Some(owner));
    Ok(keys.into_iter().next())
}

async fn shared_with(ec2: &Ec2Reader, id: &str) -> CloudResult<Vec<crate::ids::AccountId>> {
    let answer = ec2
        .describe_image_attribute()
        .image_id(id)
        .attribute(ImageAttributeName::LaunchPermission)
        .send()
        .await
        .or_cloud("ec2:DescribeImageAttribute");
    match answer {
        Ok(answer) => {
            let names: Vec<String> =
                answer.launch_permissions().iter().filter_map(|p| p.user_id.clone()).collect();
            Ok(accounts(&names))
        }
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}
