//! Drills that were not held.

use super::{Entry, Hit};
use base::duration::seconds_between;
use base::severity::Severity::{Low, Medium};
use port::finding::Rule;

pub const OVERDUE: Entry = Entry {
    rule: Rule::DrillOverdue,
    says: "the drill is overdue",
    fix: "run it: `drillmaster run PLAYBOOK --on aws`. A simulated run does not count",
    look: |look| {
        let Some(practice) = &look.practice else { return Vec::new() };
        let hit = |detail: String, severity| {
            vec![Hit::new(&format!("playbook {}", practice.playbook), detail, severity)]
        };
        let every = practice.every_days;
        let Some(passed) = practice.passed else {
            let detail = format!("{} has no real run of it that passed", practice.looked_in);
            return hit(detail, Medium);
        };
        let days = (seconds_between(passed, look.snapshot.t0) / 86_400.0).floor();
        let detail = format!("it last passed {days} days ago, and is due every {every}");
        match days {
            // One was left out altogether.
            days if days > 2.0 * f64::from(every) => hit(detail, Medium),
            days if days > f64::from(every) => hit(detail, Low),
            _ => Vec::new(),
        }
    },
};
