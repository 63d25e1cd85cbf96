//! The recovery points of a report, indexed by what a plan asks of them.

use std::collections::HashMap;

use record::report::Report;
use record::report::model::PointRow;

/// The points keep the report's order.
pub struct Points<'a> {
    by_user: HashMap<&'a str, &'a PointRow>,
    by_id: HashMap<&'a str, Vec<&'a PointRow>>,
    by_resource: HashMap<&'a str, Vec<&'a PointRow>>,
}

impl<'a> Points<'a> {
    pub fn of(report: &'a Report) -> Self {
        let mut points = Self { by_user: HashMap::new(), by_id: HashMap::new(), by_resource: HashMap::new() };
        for row in &report.recovery_points {
            if let Some(step) = &row.used_by {
                points.by_user.entry(step).or_insert(row);
            }
            points.by_id.entry(&row.id).or_default().push(row);
            points.by_resource.entry(&row.of).or_default().push(row);
        }
        points
    }

    /// The point that a step used.
    pub fn used_by(&self, step: &str) -> Option<&'a PointRow> {
        self.by_user.get(step).copied()
    }

    /// The point that a step means by this id. Snapshots in several places may have the same name:
    /// the one that the step used comes first, then any that was used.
    pub fn meant(&self, step: &str, id: &str) -> Option<&'a PointRow> {
        let named = || self.by_id.get(id).into_iter().flatten().copied();
        let own = named().find(|row| row.used_by.as_deref() == Some(step));
        own.or_else(|| named().find(|row| row.used_by.is_some())).or_else(|| named().next())
    }

    /// The points of a resource.
    pub fn of_resource(&self, id: &str) -> &[&'a PointRow] {
        self.by_resource.get(id).map_or(&[], Vec::as_slice)
    }
}
