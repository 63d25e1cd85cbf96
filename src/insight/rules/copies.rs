//! Recovery points that are too old, too rare or too late.

use super::{Entry, Hit};
use base::duration::{human_seconds, seconds_between};
use base::severity::Severity::{High, Medium};
use estate::scope::holds_data;
use port::finding::Rule;

pub const TOO_SPARSE: Entry = Entry {
    rule: Rule::PointsTooSparse,
    says: "the recovery points are older or rarer than the RPO allows",
    fix: "back up or copy more often than the RPO, less the time that a copy takes; or use continuous backups",
    look: |look| {
        let mut hits = Vec::new();
        for goal in &look.goals {
            let Some(rpo) = goal.rpo_s else { continue };
            for thing in look.stores_of(goal).filter(|thing| holds_data(&thing.entry.id.kind)) {
                let Some(loss) = look.snapshot.data_loss(thing.entry, look.loss) else { continue };
                let worst = loss.worst.seconds.or(loss.worst.at_least);
                let bound = if loss.worst.seconds.is_none() { "at least " } else { "" };
                let found = match (loss.seconds, worst) {
                    (Some(age), _) if age > rpo => format!("the newest is {} old", human_seconds(age)),
                    (_, Some(worst)) if worst > rpo => format!("worst case {bound}{}", human_seconds(worst)),
                    (_, _) => continue,
                };
                let detail = format!("{found}, and {} may lose {}", goal.workload, human_seconds(rpo));
                hits.push(Hit::new(&thing.entry.id, detail, High));
            }
        }
        hits
    },
};

pub const TOO_LATE: Entry = Entry {
    rule: Rule::CopiesTooLate,
    says: "recovery points become usable too late",
    fix: "copy smaller increments more often, or restore from a replica or a continuous backup",
    look: |look| {
        let t0 = look.snapshot.t0;
        let rpos = look.strictest(|goal| goal.rpo_s);
        let mut hits = Vec::new();
        for thing in look.stores().filter(|thing| holds_data(&thing.entry.id.kind)) {
            let points = look.points(thing).iter().filter(|point| {
                let there = |loss| point.survives(loss) && point.lost_key(loss).is_none();
                look.loss.is_none_or(there) && !point.kind.is_continuous()
            });
            let known: Vec<_> = points.filter_map(|point| Some((point.taken?, point.usable?))).collect();
            let Some((taken, usable)) = known.iter().max() else { continue };
            let slowest = known.iter().map(|(taken, usable)| seconds_between(*taken, *usable));
            let slowest = slowest.reduce(f64::max).unwrap_or(0.0);
            let detail = match rpos.get(&thing.index).copied() {
                Some(rpo) if slowest > rpo => format!(
                    "one took {} to become usable, and the RPO is {}",
                    human_seconds(slowest),
                    human_seconds(rpo)
                ),
                _ if *usable > t0 => format!(
                    "the newest, {} old, is usable only {} later",
                    human_seconds(seconds_between(*taken, t0)),
                    human_seconds(seconds_between(t0, *usable))
                ),
                _ => continue,
            };
            hits.push(Hit::new(&thing.entry.id, detail, Medium));
        }
        hits
    },
};
