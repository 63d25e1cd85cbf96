//! The search for recovery points, and helpers to read their tags and attributes.

use base::duration::Time;
use base::ids::{AccountId, Region};
use estate::{ResourceId, Selector};
use port::Place;

/// Tags that a copy may carry: the time of its data (RFC 3339) and its source (`ec2:volume/vol-1`
/// or `vol-1`). EBS and EC2 keep neither when they copy.
pub const TAG_TAKEN: &str = "drillmaster:taken";
pub const TAG_OF: &str = "drillmaster:of";

/// Asking who shares a point costs one request for each point. Only this many of the newest points
/// of a query are asked about.
pub const MOST_ASKED_ABOUT: usize = 20;

/// The number of items on a page. EC2 throttles callers that ask for everything at once (EC2 API
/// reference, "Use only paginated requests").
pub const PAGE: i32 = 1000;

/// The points to look for.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// Every point of this source.
    Source(&'a Selector),
    /// The point with this id or ARN.
    Point(&'a str),
}

/// The place, the target and the time of a search.
pub struct Search<'a> {
    pub place: &'a Place,
    pub target: Target<'a>,
    /// The account that a step names: whose keys read the bucket, or which the points are copied from.
    pub reader: Option<&'a AccountId>,
    pub now: Time,
}

impl<'a> Search<'a> {
    /// The name of the bucket that is looked for.
    pub fn bucket(&self) -> Option<&'a str> {
        match self.target {
            Target::Point(id) => Some(id),
            Target::Source(Selector::Id(id)) if id.kind == "s3:bucket" => Some(&id.name),
            Target::Source(_) => None,
        }
    }
}

/// Parses `ec2:volume/vol-1` or `vol-1`.
pub fn named(kind: &str, text: &str) -> ResourceId {
    ResourceId::new(kind, text.strip_prefix(&format!("{kind}/")).unwrap_or(text))
}

/// Returns the account in an ARN.
pub fn account_of(arn: &str) -> Option<AccountId> {
    arn.split(':').nth(4)?.parse().ok()
}

/// Returns the account and the region in an ARN.
pub fn place_of(arn: Option<&str>) -> (Option<AccountId>, Option<Region>) {
    let region = arn.and_then(|arn| arn.split(':').nth(3)).and_then(|region| region.parse().ok());
    (arn.and_then(account_of), region)
}

pub fn tagged_time(text: Option<&str>) -> Option<Time> {
    Some(chrono::DateTime::parse_from_rfc3339(text?).ok()?.with_timezone(&chrono::Utc))
}

/// Returns the accounts that an attribute names. `all` (public) names no account.
pub fn accounts(names: &[String]) -> Vec<AccountId> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}
