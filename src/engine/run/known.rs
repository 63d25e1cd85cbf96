//! The recovery points that a run knows.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use tokio::sync::OnceCell;

use super::Memory;
use super::found::{FoundPoints, SurveyedPoints};
use estate::{PointIndex, RecoveryPoint};
use event::{Chosen, Made};
use port::PointQuery;

/// The cached result of a query. Each query is made once, for all steps.
type CachedResult = OnceCell<Rc<FoundPoints>>;

#[derive(Default)]
pub struct Points {
    /// The points that existed just before T0.
    pub(super) surveyed: SurveyedPoints,
    /// The result of each query over all surviving accounts and regions.
    pub(super) found: RefCell<HashMap<PointQuery, Rc<CachedResult>>>,
    /// The lost points of the estate.
    pub(super) lost: RefCell<Option<PointIndex>>,
    /// The points that were already reported.
    pub(super) reported: RefCell<HashSet<(String, String)>>,
    /// The ids of the estate's surviving points.
    pub(super) surviving: RefCell<Option<HashSet<String>>>,
    /// Copies that steps of this run made, with their originals.
    pub(super) made: RefCell<HashMap<String, (RecoveryPoint, Chosen)>>,
}

impl Points {
    /// Restores the points of a resumed run.
    pub fn of(memory: &Memory, surveyed: SurveyedPoints) -> Self {
        let points = Self { surveyed, ..Self::default() };
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

/// The key under which a point is reported once. It includes the place, because snapshots in
/// several places may have the same name.
pub(super) fn report_key(point: &RecoveryPoint, why_not: Option<&str>) -> (String, String) {
    let place = format!("{} {} {}", point.id, point.account, point.region);
    (place, why_not.unwrap_or_default().to_owned())
}
