//! The view of recovery points: their age at T0, their use, and the reasons against the others.

use indexmap::IndexMap;
use serde::Serialize;

use super::figures::{Bar, Mark, instant, length, mark, pct};
use super::{Badge, Limits, List};
use crate::report::model::{PointRow, Report};
use base::duration::seconds_between;

/// The most lanes of the picture. The table has all of them.
const MOST_LANES: usize = 24;

#[derive(Debug, Serialize)]
pub struct Points {
    pub ticks: Vec<Mark>,
    pub lanes: List<Lane>,
    pub table: List<PointView>,
}

/// All recovery points of one resource, on a line that ends at T0.
#[derive(Debug, Serialize)]
pub struct Lane {
    pub of: String,
    /// The time from consistent to usable, while the copy was made.
    pub copying: Vec<Bar>,
    pub points: Vec<Mark>,
    /// The newest data that was found after the restore.
    pub data: Vec<Mark>,
    pub objective: Option<Mark>,
    pub alt: String,
}

#[derive(Debug, Serialize)]
pub struct PointView {
    pub id: String,
    pub of: String,
    pub kind: String,
    pub place: String,
    pub taken: Option<String>,
    pub usable: Option<String>,
    pub age: String,
    pub used: Badge,
    pub used_by: Option<String>,
    pub why_not: Option<String>,
}

/// A logarithmic scale of ages, which shows minutes and days on one line.
struct AgeScale {
    oldest: f64,
}

impl AgeScale {
    /// Ages far below this look alike.
    const UNIT: f64 = 60.0;

    fn at(&self, age: f64) -> f64 {
        let log = |s: f64| (1.0 + s.max(0.0) / Self::UNIT).ln();
        let share = log(age) / log(self.oldest);
        if share.is_finite() { 98.5 - share.clamp(0.0, 1.0) * 97.0 } else { 98.5 }
    }
}

const AGES: [f64; 7] = [300.0, 3600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0, 31_536_000.0];

pub fn of(report: &Report, limits: Limits) -> Points {
    let mut by_resource: IndexMap<&str, Vec<&PointRow>> = IndexMap::new();
    for point in &report.recovery_points {
        by_resource.entry(&point.of).or_default().push(point);
    }
    // Resources with used points come first.
    by_resource.sort_by(|_, a, _, b| {
        let used = |points: &Vec<&PointRow>| points.iter().any(|p| p.used_by.is_some());
        used(b).cmp(&used(a))
    });
    let sources = report.workloads.iter().flat_map(|w| &w.rpo.sources);
    let oldest = report
        .recovery_points
        .iter()
        .filter_map(|p| p.age_s)
        .chain(sources.filter_map(|s| s.data_age_s))
        .chain(report.workloads.iter().filter_map(|w| w.rpo.objective_s))
        .filter(|s| s.is_finite())
        .fold(600.0, f64::max);
    let scale = AgeScale { oldest };
    let lanes = by_resource.iter().map(|(of, points)| lane(of, points, report, &scale, limits));
    let mut ticks: Vec<Mark> = Vec::new();
    let mut last = 100.0;
    ticks.push(mark(scale.at(0.0), "T0".into(), "t0"));
    for age in AGES.into_iter().filter(|age| *age <= oldest) {
        let at = scale.at(age);
        // Labels must not overlap on a narrow screen.
        if last - at >= 11.0 {
            ticks.push(mark(at, format!("−{}", length(age)), "tick"));
            last = at;
        }
    }
    let mut rows: Vec<&PointRow> = by_resource.values().flatten().copied().collect();
    // If there are too many rows, the used ones are kept. The order stays.
    rows.sort_by_key(|p| p.used_by.is_none());
    Points {
        ticks,
        lanes: List::cut(lanes, MOST_LANES),
        table: List::cut(rows.into_iter().map(|p| row(p, limits)), limits.rows),
    }
}

fn lane(of: &str, points: &[&PointRow], report: &Report, scale: &AgeScale, limits: Limits) -> Lane {
    let mut copying = Vec::new();
    let mut marks = Vec::new();
    for point in points {
        let Some(age) = point.age_s else { continue };
        let at = scale.at(age);
        if let (Some(taken), Some(usable)) = (point.taken, point.usable) {
            let end = scale.at((age - seconds_between(taken, usable)).max(0.0));
            if end - at > 0.2 {
                copying.push(Bar { x: pct(at), w: pct(end - at), class: "copying" });
            }
        }
        let (class, word) = match &point.used_by {
            Some(step) => ("used", format!("used by {step}")),
            None => ("unused", point.why_not.clone().unwrap_or_else(|| "not used".into())),
        };
        let label = format!("{}, {} old: {}", limits.name(&point.id), length(age), limits.note(&word));
        marks.push(mark(at, label, class));
    }
    // The used point is drawn last, over its neighbours.
    marks.sort_by_key(|m| m.class == "used");
    let sources = || report.workloads.iter().flat_map(|w| w.rpo.sources.iter().map(move |s| (w, s)));
    let data = sources()
        .filter(|(_, s)| s.of == of)
        .filter_map(|(_, s)| s.data_age_s)
        .map(|age| mark(scale.at(age), format!("newest data restored, {} old", length(age)), "data"))
        .collect();
    let objective = sources()
        .filter(|(_, s)| s.of == of)
        .filter_map(|(w, _)| w.rpo.objective_s)
        .reduce(f64::min)
        .map(|s| mark(scale.at(s), format!("RPO objective {}", length(s)), "objective"));
    let used: Vec<_> = marks.iter().filter(|m| m.class == "used").map(|m| m.label.clone()).collect();
    Lane {
        of: limits.name(of),
        alt: format!(
            "{} recovery points; {}",
            points.len(),
            if used.is_empty() { "none was used".into() } else { used.join("; ") }
        ),
        copying,
        points: marks,
        data,
        objective,
    }
}

fn row(point: &PointRow, limits: Limits) -> PointView {
    PointView {
        id: limits.name(&point.id),
        of: limits.name(&point.of),
        kind: limits.name(&point.kind),
        place: format!("{} {}", limits.name(&point.account), limits.name(&point.region)),
        taken: point.taken.map(instant),
        usable: point.usable.map(instant),
        age: point.age_s.map_or_else(|| "unknown".into(), length),
        used: if point.used_by.is_some() { Badge::ok("used") } else { Badge::plain("not used") },
        used_by: point.used_by.as_deref().map(|s| limits.name(s)),
        why_not: point.why_not.as_deref().map(|s| limits.prose(s)),
    }
}
