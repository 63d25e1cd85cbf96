//! What was read from live accounts, before it is written into an estate's file.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{AccountEntry, Incomplete, PointEntry, RegionEntry, ResourceEntry};
use super::point::PointKind;
use base::ids::{AccountId, Region};

/// What `discover` read.
#[derive(Debug, Clone, Default)]
pub struct Discovered {
    pub accounts: BTreeMap<AccountId, AccountEntry>,
    pub regions: BTreeMap<Region, RegionEntry>,
    pub resources: Vec<ResourceEntry>,
    pub recovery_points: Vec<PointEntry>,
    /// What was read whole. An entry of an existing file that lies there, and that was not found
    /// again, is gone.
    pub read: BTreeSet<Read>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
}

/// Something that was read whole in one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    pub account: AccountId,
    /// `None` for global services.
    pub region: Option<Region>,
    pub what: What,
}

/// A type of resources, or the recovery points of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// `service:type`.
    Resources(String),
    /// Of resources of one type (`service:type`): `rds_pitr` is known of instances and clusters.
    Points(PointKind, String),
}

impl What {
    /// Stands for every type, where one list holds the points of all.
    pub const ANY: &'static str = "*";
}

impl Discovered {
    /// Whether this was read whole.
    pub fn is_read(&self, read: &Read) -> bool {
        let any = match &read.what {
            What::Points(kind, _) => What::Points(*kind, What::ANY.to_owned()),
            What::Resources(_) => return self.read.contains(read),
        };
        self.read.contains(read) || self.read.contains(&Read { what: any, ..read.clone() })
    }
}
