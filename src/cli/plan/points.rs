//! The recovery points of a report, indexed by what a plan asks of them.

use std::collections::HashMap;

use record::report::Report;
use record::report::model::PointRow;

/// The points keep the report's order.
pub struct Points<'a> {
    users: HashMap<&'a str, &'a PointRow>,
    ids: HashMap<&'a str, Vec<&'a PointRow>>,
    resources: HashMap<&'a str, Vec<&'a PointRow>>,
}

impl<'a> Points<'a> {
    pub fn of(report: &'a Report) -> Self {
        let mut points = Self { users: HashMap::new(), ids: HashMap::new(), resources: HashMap::new() };
        for row in &report.recovery_points {
            if let Some(step) = &row.used_by {
                points.users.entry(step).or_insert(row);
            }
            points.ids.entry(&row.id).or_default().push(row);
            points.resources.entry(&row.of).or_default().push(row);
        }
        points
    }

    /// The point that a step used.
    pub fn used_by(&self, step: &str) -> Option<&'a PointRow> {
        self.users.get(step).copied()
    }

    /// The point that a step means by this id. Snapshots in several places may have the same name:
    /// the one that the step used comes first, then any that was used.
    pub fn meant(&self, step: &str, id: &str) -> Option<&'a PointRow> {
        let named = || self.ids.get(id).into_iter().flatten().copied();
        let own = named().find(|row| row.used_by.as_deref() == Some(step));
        own.or_else(|| named().find(|row| row.used_by.is_some())).or_else(|| named().next())
    }

    /// The points of a resource.
    pub fn of_resource(&self, id: &str) -> &[&'a PointRow] {
        self.resources.get(id).map_or(&[], Vec::as_slice)
    }
}
