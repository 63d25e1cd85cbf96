//! EBS snapshots: the account's own, and those shared with it.

use aws_sdk_ec2::types::{Filter, Snapshot, SnapshotAttributeName, SnapshotState, StorageTier};

use super::{MOST_ASKED_ABOUT, PAGE, Search, TAG_OF, TAG_TAKEN, Target, accounts, named, tagged_time};
use crate::access::Ec2Reader;
use crate::ec2::filter;
use crate::error::OrCloud;
use crate::time::some_time;
use crate::{pages, tags};
use base::duration::Size;
use base::ids::AccountId;
use estate::{PointKind, RecoveryPoint, Selector};
use port::{CloudResult, ErrorKind};

const CALL: &str = "ec2:DescribeSnapshots";
/// The volume id that EC2 gives a copy.
const NO_VOLUME: &str = "vol-ffffffff";

pub async fn find(ec2: &Ec2Reader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let queries: Vec<Filter> = match search.target {
        Target::Point(id) => vec![filter("snapshot-id", [id])],
        Target::Source(Selector::Id(id)) if id.kind == "ec2:snapshot" => {
            vec![filter("snapshot-id", [&id.name])]
        }
        // A copy does not name its volume. Only a tag can tell it.
        Target::Source(Selector::Id(id)) => vec![
            filter("volume-id", [&id.name]),
            filter(&format!("tag:{TAG_OF}"), [id.name.clone(), id.to_string()]),
        ],
        Target::Source(Selector::Tag { key, value, .. }) => vec![filter(&format!("tag:{key}"), [value])],
    };
    let mut found: Vec<Snapshot> = Vec::new();
    for query in queries {
        let own = ec2.describe_snapshots().owner_ids("self").filters(query.clone());
        let shared = ec2.describe_snapshots().restorable_by_user_ids("self").filters(query.clone());
        // A public snapshot can be found only by its id.
        let requests = match search.target {
            Target::Point(_) => vec![ec2.describe_snapshots().filters(query)],
            Target::Source(_) => vec![own, shared],
        };
        for request in requests {
            for snapshot in pages!(CALL, snapshots, request.max_results(PAGE)) {
                if !found.iter().any(|s| s.snapshot_id == snapshot.snapshot_id) {
                    found.push(snapshot);
                }
            }
        }
    }
    found.sort_by_key(|s| std::cmp::Reverse(s.start_time.map(|t| t.secs())));
    let mut points = Vec::new();
    for (index, snapshot) in found.iter().enumerate() {
        let Some(mut point) = point(search, snapshot) else { continue };
        if point.account != search.place.account {
            point.shared_with = vec![search.place.account.clone()];
        } else if index < MOST_ASKED_ABOUT {
            (point.shared_with, point.shared_widely) = shared_with(ec2, &point.id).await?;
        }
        points.push(point);
    }
    Ok(points)
}

/// The point that the search sees in it. `None`: it has no id.
pub fn point(search: &Search<'_>, snapshot: &Snapshot) -> Option<RecoveryPoint> {
    let volume = snapshot.volume_id().unwrap_or(NO_VOLUME);
    let tag = |key| tags::value(snapshot.tags(), key);
    let said = snapshot.description().unwrap_or_default();
    let copy = volume == NO_VOLUME
        || snapshot.transfer_type().is_some()
        || said.starts_with("Copied for DestinationSnapshotId")
        || said.starts_with("[Copied snap-");
    let of = match (search.target, tag(TAG_OF)) {
        (Target::Source(Selector::Id(id)), _) => id.clone(),
        (_, Some(of)) => named("ec2:volume", of),
        _ => named("ec2:volume", volume),
    };
    let started = some_time(snapshot.start_time());
    // A snapshot's data are from the time at which it was started. A copy's start is the time of
    // copying, which would report the data as too new.
    let taken = tagged_time(tag(TAG_TAKEN)).or(if copy { None } else { started });
    // An archived snapshot must be restored from the archive first. That takes up to three days
    // (EBS user guide, "Archive Amazon EBS snapshots").
    let archived = snapshot.storage_tier() == Some(&StorageTier::Archive);
    let complete = snapshot.state() == Some(&SnapshotState::Completed) && !archived;
    let usable = if complete { some_time(snapshot.completion_time()) } else { None };
    let encrypted = snapshot.encrypted() == Some(true);
    let id = snapshot.snapshot_id()?;
    let account = match snapshot.owner_id() {
        Some(owner) => owner.parse().ok()?,
        None => search.place.account.clone(),
    };
    Some(RecoveryPoint {
        taken,
        usable,
        seen_usable: complete.then_some(search.now),
        made: started,
        size: Size::gib(u64::try_from(snapshot.volume_size().unwrap_or(0)).unwrap_or(0)),
        // Only KMS knows whether the key is AWS's own. A snapshot with such a key cannot be shared
        // in any case.
        managed_key: false,
        encrypted,
        kms_key: snapshot.kms_key_id().filter(|_| encrypted).map(str::to_owned),
        ..RecoveryPoint::new(of, PointKind::EbsSnapshot, id, account, search.place.region.clone())
    })
}

/// Returns the accounts that may use the snapshot, and whether it is public.
async fn shared_with(ec2: &Ec2Reader, id: &str) -> CloudResult<(Vec<AccountId>, bool)> {
    let answer = ec2
        .describe_snapshot_attribute()
        .snapshot_id(id)
        .attribute(SnapshotAttributeName::CreateVolumePermission)
        .send()
        .await
        .or_cloud("ec2:DescribeSnapshotAttribute");
    match answer {
        Ok(answer) => {
            let all = answer.create_volume_permissions();
            let names: Vec<String> = all.iter().filter_map(|p| p.user_id.clone()).collect();
            Ok((accounts(&names), all.iter().any(|p| p.user_id.is_none())))
        }
        // The snapshot was deleted meanwhile, or the role may not see it. Then no account is known
        // to share it.
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Ok((Vec::new(), false)),
        Err(e) => Err(e),
    }
}
