//! Machine images: the account's own, and those shared with it.

use aws_sdk_ec2::types::{EbsBlockDevice, Image, ImageAttributeName, ImageState};

use super::{MOST_ASKED_ABOUT, PAGE, Search, TAG_OF, TAG_TAKEN, Target, accounts, named, tagged_time};
use crate::access::Ec2Reader;
use crate::ec2::filter;
use crate::error::OrCloud;
use crate::{pages, tags};
use base::duration::Size;
use base::ids::AccountId;
use estate::{PointKind, RecoveryPoint, Selector};
use port::{CloudResult, ErrorKind};

const CALL: &str = "ec2:DescribeImages";

pub async fn find(ec2: &Ec2Reader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let mut found: Vec<Image> = Vec::new();
    let ours = ec2.describe_images().owners("self");
    // Images shared with this account by name. An image shared with an organization can be found
    // only by its id.
    let shared = ec2.describe_images().executable_users("self");
    let requests = match search.target {
        Target::Point(_) => vec![ec2.describe_images()],
        Target::Source(_) => vec![ours, shared],
    };
    for request in requests {
        let request = match search.target {
            Target::Point(id) => request.filters(filter("image-id", [id])),
            Target::Source(Selector::Id(id)) if id.kind == "ec2:image" => {
                request.filters(filter("image-id", [&id.name]))
            }
            // No filter selects images by their instance.
            Target::Source(Selector::Id(_)) => request,
            Target::Source(Selector::Tag { key, value, .. }) => {
                request.filters(filter(&format!("tag:{key}"), [value]))
            }
        };
        for image in pages!(CALL, images, request.max_results(PAGE)) {
            if matches(search, &image) && !found.iter().any(|i| i.image_id == image.image_id) {
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
            (point.shared_with, point.shared_widely) = shared_with(ec2, &point.id).await?;
        }
        points.push(point);
    }
    Ok(points)
}

/// Returns the instance that an image was made from, as far as the API, a tag or AWS Backup's
/// naming tells.
fn instance_of(image: &Image) -> Option<String> {
    let tagged = tags::value(image.tags(), TAG_OF).map(|of| named("ec2:instance", of).name);
    let backup = || {
        let name = image.name().filter(|name| name.starts_with("AwsBackup_"))?;
        name.split('_').find(|part| part.starts_with("i-")).map(str::to_owned)
    };
    tagged.or_else(|| image.source_instance_id.clone()).or_else(backup)
}

fn matches(search: &Search<'_>, image: &Image) -> bool {
    match search.target {
        Target::Source(Selector::Id(id)) if id.kind == "ec2:instance" => {
            instance_of(image).as_deref() == Some(id.name.as_str())
        }
        Target::Source(_) | Target::Point(_) => true,
    }
}

/// The point that the search sees in it. `None`: it has no id.
pub fn point(search: &Search<'_>, image: &Image) -> Option<RecoveryPoint> {
    let id = image.image_id()?.to_owned();
    let of = match search.target {
        Target::Source(Selector::Id(of)) => of.clone(),
        Target::Source(_) | Target::Point(_) => {
            named("ec2:instance", &instance_of(image).unwrap_or_else(|| id.clone()))
        }
    };
    let created = tagged_time(image.creation_date());
    // The creation date of a copy is the time of copying, which would report the data as too new.
    //
    // Only an image made from an instance names that instance (EC2 API reference,
    // `SourceInstanceId`). Its source image is the image that the instance was launched from, so it
    // is no copy.
    let said = image.description().unwrap_or_default();
    let copy = image.source_instance_id().is_none()
        && (image.source_image_id().is_some_and(|source| source != id) || said.starts_with("[Copied ami-"));
    let taken = tagged_time(tags::value(image.tags(), TAG_TAKEN)).or(if copy { None } else { created });
    let gib: i32 = image.block_device_mappings().iter().filter_map(|b| b.ebs()?.volume_size()).sum();
    let account = match image.owner_id() {
        Some(owner) => owner.parse().ok()?,
        None => search.place.account.clone(),
    };
    Some(RecoveryPoint {
        taken,
        // EC2 returns when the image's creation began, not when the image was complete.
        usable: None,
        seen_usable: (image.state() == Some(&ImageState::Available)).then_some(search.now),
        made: created,
        size: Size::gib(u64::try_from(gib).unwrap_or(0)),
        encrypted: image
            .block_device_mappings()
            .iter()
            .any(|b| b.ebs().and_then(EbsBlockDevice::encrypted) == Some(true)),
        // Only the snapshots tell the key. `find` adds it from them.
        kms_key: None,
        ..RecoveryPoint::new(of, PointKind::Ami, id, account, search.place.region.clone())
    })
}

/// Returns the KMS key of an image's snapshots. If they have several keys, one of another account
/// comes first, because it may be lost alone.
async fn key_of(ec2: &Ec2Reader, image: &Image, owner: &AccountId) -> CloudResult<Option<String>> {
    const CALL: &str = "ec2:DescribeSnapshots";
    let blocks = image.block_device_mappings().iter();
    let ids: Vec<&str> = blocks.filter_map(|b| b.ebs()?.snapshot_id()).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    // A filter leaves out the snapshots that may not be seen. The id parameter would be an error.
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

/// Returns the accounts that may use the image, and whether it is shared with others that the API
/// does not list.
async fn shared_with(ec2: &Ec2Reader, id: &str) -> CloudResult<(Vec<AccountId>, bool)> {
    let answer = ec2
        .describe_image_attribute()
        .image_id(id)
        .attribute(ImageAttributeName::LaunchPermission)
        .send()
        .await
        .or_cloud("ec2:DescribeImageAttribute");
    match answer {
        Ok(answer) => {
            let all = answer.launch_permissions();
            let names: Vec<String> = all.iter().filter_map(|p| p.user_id.clone()).collect();
            Ok((accounts(&names), all.iter().any(|p| p.user_id.is_none())))
        }
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Ok((Vec::new(), false)),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::Image;

    use super::*;
    use port::Place;

    #[test]
    fn images_of_instances_are_as_old_as_they_are_and_copies_of_unknown_age() {
        let place = Place { account: "111122223333".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        let search = Search { place: &place, target: Target::Point("ami-1"), reader: None, now };
        let image = || Image::builder().image_id("ami-1").creation_date("2026-01-02T03:04:05.000Z");
        let age = |image: Image| {
            let point = point(&search, &image).unwrap();
            assert!(point.made.is_some());
            point.taken.is_some()
        };
        // The instance was launched from the source image, so its own image is no copy.
        assert!(age(image().source_image_id("ami-0").source_instance_id("i-1").build()));
        assert!(age(image().build()));
        assert!(!age(image().source_image_id("ami-0").build()));
        assert!(!age(image().description("[Copied ami-0 from us-east-1] web").build()));
    }
}
