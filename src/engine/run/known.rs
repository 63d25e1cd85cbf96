//! What a run knows of recovery points.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use tokio::sync::OnceCell;

use super::Memory;
use super::found::{Found, Frozen};
use estate::{PointIndex, RecoveryPoint};
use event::{Chosen, Made};
use port::PointQuery;

/// What a query found: asked once, however many steps want to know.
type Answer = OnceCell<Rc<Found>>;

#[derive(Default)]
pub struct Points {
    /// What was seen just before T0.
    pub(super) frozen: Frozen,
    /// What each query found, over all surviving accounts and regions.
    pub(super) found: RefCell<HashMap<PointQuery, Rc<Answer>>>,
    /// The estate's points that lie in what is lost.
    pub(super) lost: RefCell<Option<PointIndex>>,
    /// Points told of already.
    pub(super) told: RefCell<HashSet<(String, String)>>,
    /// The ids of the estate's points that survive.
    pub(super) surviving: RefCell<Option<HashSet<String>>>,
    /// Copies that steps of this run made, with what they were copied from.
    pub(super) made: RefCell<HashMap<String, (RecoveryPoint, Chosen)>>,
}

impl Points {
    /// Those that a run knows which goes on.
    pub fn of(memory: &Memory, frozen: Frozen) -> Self {
        let points = Self { frozen, ..Self::default() };
        for (point, why_not) in &memory.points {
            points.told.borrow_mut().insert(telling(point, why_not.as_deref()));
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

/// By what a telling is told from another: snapshots of one name may lie in several places.
pub(super) fn telling(point: &RecoveryPoint, why_not: Option<&str>) -> (String, String) {
    let place = format!("{} {} {}", point.id, point.account, point.region);
    (place, why_not.unwrap_or_default().to_owned())
}
