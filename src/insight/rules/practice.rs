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
        let Some(passed) = practice.passed else {
            let detail = format!("{} has no real run of it that passed", practice.looked_in);
            return hit(detail, Medium);
        };
        let now = look.snapshot.t0;
        let mut missed = practice.schedule.missed(passed, now);
        let Some(due) = missed.next() else { return Vec::new() };
        let days = (seconds_between(passed, now) / 86_400.0).floor();
        let detail = format!(
            "it last passed {days} days ago, and was due on {} ({})",
            due.with_timezone(&practice.schedule.zone()).format("%Y-%m-%d"),
            practice.schedule
        );
        hit(detail, if missed.next().is_some() { Medium } else { Low })
    },
};
