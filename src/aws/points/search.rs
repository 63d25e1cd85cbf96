//! What recovery points are looked for, and what their tags and attributes say.

use base::duration::Time;
use base::ids::AccountId;
use estate::{ResourceId, Selector};
use port::Place;

/// What a copy may carry to tell when its data were taken (RFC 3339), and of what (`ec2:volume/vol-1` or `vol-1`):
/// EBS and EC2 forget both when they copy.
pub const TAG_TAKEN: &str = "drillmaster:taken";
pub const TAG_OF: &str = "drillmaster:of";

/// Who a point is shared with costs a request per point: only the newest so many of a query are asked about.
pub const MOST_ASKED_ABOUT: usize = 20;

/// How many a page holds: EC2 throttles who asks for all at once (EC2 API reference, "Use only paginated requests").
pub const PAGE: i32 = 1000;

/// What points are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Want<'a> {
    Of(&'a Selector),
    /// A point's own id or ARN.
    Id(&'a str),
}

/// Where the search takes place, and when.
pub struct Search<'a> {
    pub place: &'a Place,
    pub want: Want<'a>,
    pub now: Time,
}

/// `ec2:volume/vol-1` or `vol-1`.
pub fn named(kind: &str, text: &str) -> ResourceId {
    ResourceId::new(kind, text.strip_prefix(&format!("{kind}/")).unwrap_or(text))
}

/// The account in an ARN.
pub fn account_of(arn: &str) -> Option<AccountId> {
    arn.split(':').nth(4)?.parse().ok()
}

pub fn tagged_time(text: Option<&str>) -> Option<Time> {
    Some(chrono::DateTime::parse_from_rfc3339(text?).ok()?.with_timezone(&chrono::Utc))
}

/// Accounts that an attribute names; `all` (public) is nobody's in particular.
pub fn accounts(names: &[String]) -> Vec<AccountId> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}
