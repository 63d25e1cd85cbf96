//! The recovery points that a run knows.

use std::cell::{self, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use tokio::sync::OnceCell;

use super::Memory;
use super::found::{FoundPoints, SurveyedPoints};
use base::ids::AccountId;
use estate::{Loss, PointIndex, PointKind, RecoveryPoint, ResourceId};
use event::{Chosen, Made};
use port::PointQuery;

/// The cached result of a query. Each query is made once, for all steps.
type CachedResult = OnceCell<Rc<FoundPoints>>;

#[derive(Default)]
pub struct Points {
    /// The points that existed just before T0, of the queries that no step has asked again.
    pub(super) surveyed: RefCell<SurveyedPoints>,
    /// The result of each query over all surviving accounts and regions.
    pub(super) found: RefCell<HashMap<PointQuery, Rc<CachedResult>>>,
    /// The owner of each bucket among them. Another provider's buckets have none.
    pub(super) owners: HashMap<String, AccountId>,
    /// What the estate says of its points.
    pub(super) estate: cell::OnceCell<EstatePoints>,
    /// The points that were already reported.
    pub(super) reported: RefCell<HashSet<(String, String)>>,
    /// Copies that steps of this run made, with their originals.
    pub(super) made: RefCell<HashMap<String, (RecoveryPoint, Chosen)>>,
}

impl Points {
    /// Restores the points of a resumed run.
    pub fn of(memory: &Memory, surveyed: SurveyedPoints) -> Self {
        let mut owners = HashMap::new();
        for point in surveyed.values().flatten() {
            if point.kind.resource_kind() == "s3:bucket" && !point.elsewhere {
                owners.entry(point.id.clone()).or_insert_with(|| point.account.clone());
            }
        }
        let points = Self { surveyed: RefCell::new(surveyed), owners, ..Self::default() };
        for (point, why_not) in &memory.points {
            points.reported.borrow_mut().insert(report_key(point, why_not.as_deref()));
        }
        memory.made.iter().for_each(|made| points.remember(made));
        points
    }

    /// Remembers the copies that a step made.
    pub fn remember(&self, made: &Made) {
        for copy in &made.copies {
            self.made.borrow_mut().insert(copy.id.clone(), (copy.clone(), made.origin.clone()));
        }
    }
}

/// The points of the estate, indexed once: it may have tens of thousands, and as many steps.
pub(super) struct EstatePoints {
    pub lost: PointIndex,
    /// The automated backups of databases.
    pub logs: PointIndex,
    /// The ids of the surviving points.
    pub surviving: HashSet<String>,
    /// What each bucket is a copy of, or itself.
    pub buckets: HashMap<String, ResourceId>,
}

impl EstatePoints {
    pub fn new(points: Vec<RecoveryPoint>, loss: &Loss) -> Self {
        let (mut lost, mut logs) = (Vec::new(), Vec::new());
        let (mut surviving, mut buckets) = (HashSet::new(), HashMap::new());
        for point in points {
            if point.of.kind == "s3:bucket" {
                buckets.entry(point.id.clone()).or_insert_with(|| point.of.clone());
            }
            if point.kind == PointKind::RdsPitr {
                logs.push(point.clone());
            }
            if point.survives(loss) {
                surviving.insert(point.id);
            } else {
                lost.push(point);
            }
        }
        Self { lost: PointIndex::new(lost), logs: PointIndex::new(logs), surviving, buckets }
    }
}

/// The key under which a point is reported once. It includes the place, because snapshots in
/// several places may have the same name.
pub(super) fn report_key(point: &RecoveryPoint, why_not: Option<&str>) -> (String, String) {
    let place = format!("{} {} {}", point.id, point.account, point.region);
    (place, why_not.unwrap_or_default().to_owned())
}
