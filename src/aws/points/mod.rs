//! Recovery points as an account sees them in a region, one file per service. Consistency times are only ever what the
//! API tells: a point whose age it does not tell has none.

mod bucket;
mod database;
mod ebs;
mod image;

use super::Aws;
use base::duration::Time;
use base::ids::AccountId;
use estate::{PointKind, RecoveryPoint, ResourceId, Selector};
use port::{CloudResult, Place, PointQuery};

/// What a copy may carry to tell when its data were taken (RFC 3339), and of what (`ec2:volume/vol-1` or `vol-1`):
/// EBS and EC2 forget both when they copy.
const TAG_TAKEN: &str = "drillmaster:taken";
const TAG_OF: &str = "drillmaster:of";

/// Who a point is shared with costs a request per point: only the newest so many of a query are asked about.
const MOST_ASKED_ABOUT: usize = 20;

/// How many a page holds: EC2 throttles who asks for all at once (EC2 API reference, "Use only paginated requests").
const PAGE: i32 = 1000;

/// What points are wanted.
#[derive(Debug, Clone, Copy)]
enum Want<'a> {
    Of(&'a Selector),
    /// A point's own id or ARN.
    Id(&'a str),
}

/// Where the search takes place, and when.
struct Search<'a> {
    place: &'a Place,
    want: Want<'a>,
    now: Time,
}

pub async fn find(aws: &Aws, place: &Place, query: &PointQuery) -> CloudResult<Vec<RecoveryPoint>> {
    let (want, kinds) = match query {
        PointQuery::Of { selector, kinds } => (Want::Of(selector), kinds.clone()),
        PointQuery::Id { id, kind } => (Want::Id(id), vec![*kind]),
    };
    let search = Search { place, want, now: aws.config.clock.now() };
    let clients = aws.s3_clients(place).await?;
    let mut all: Vec<RecoveryPoint> = Vec::new();
    for kind in kinds {
        all.extend(match kind {
            // Replicas are versioned too: what counts of one that may be a replica is its unknown lag.
            PointKind::S3Versions if all.iter().any(|p| p.kind == PointKind::S3Replica) => Vec::new(),
            PointKind::S3Replica | PointKind::S3Versions => {
                bucket::find(aws, &clients.s3, &search, kind).await?
            }
            _ if aws.access(&place.account).endpoint.is_some() => Vec::new(),
            PointKind::EbsSnapshot => ebs::find(&clients.ec2, &search).await?,
            PointKind::Ami => image::find(&clients.ec2, &search).await?,
            PointKind::RdsSnapshot => database::snapshots(&clients.rds, &search).await?,
            PointKind::RdsClusterSnapshot => database::cluster_snapshots(&clients.rds, &search).await?,
            PointKind::RdsPitr => database::continuous(&clients.rds, &search).await?,
            PointKind::RdsReplica => database::replicas(&clients.rds, &search).await?,
        });
    }
    Ok(all)
}

/// `ec2:volume/vol-1` or `vol-1`.
fn named(kind: &str, text: &str) -> ResourceId {
    ResourceId::new(kind, text.strip_prefix(&format!("{kind}/")).unwrap_or(text))
}

/// The account in an ARN.
fn account_of(arn: &str) -> Option<AccountId> {
    arn.split(':').nth(4)?.parse().ok()
}

fn tagged_time(text: Option<&str>) -> Option<Time> {
    Some(chrono::DateTime::parse_from_rfc3339(text?).ok()?.with_timezone(&chrono::Utc))
}

/// Accounts that an attribute names; `all` (public) is nobody's in particular.
fn accounts(names: &[String]) -> Vec<AccountId> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}
