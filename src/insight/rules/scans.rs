//! Recovery points that a malware scan found infected, or did not look at.

use super::{Entry, Hit};
use base::severity::Severity::{High, Medium};
use estate::file::{PointEntry, Scan};
use port::finding::Rule;

pub const NOT_CLEAN: Entry = Entry {
    rule: Rule::NewestPointNotClean,
    says: "no scan calls the newest recovery point clean",
    fix: "restore the newest clean one, and have AWS Backup scan the points (GuardDuty malware protection)",
    look: |look| {
        let t0 = look.snapshot.t0;
        let mut hits = Vec::new();
        for thing in look.stores() {
            let survives = |point: &&&PointEntry| {
                look.loss.is_none_or(|loss| point.place_survives(loss) && point.lost_key(loss).is_none())
            };
            let points = || look.entries(thing).iter().filter(survives);
            // Without any scan the estate does not say whether points are scanned.
            if points().all(|point| point.scan.is_none()) {
                continue;
            }
            let dated = points().filter_map(|point| Some((point.newest(t0)?, point)));
            let Some((_, newest)) = dated.filter(|(at, _)| *at <= t0).max_by_key(|(at, _)| *at) else {
                continue;
            };
            let (word, severity) = match newest.scan {
                Some(Scan::Clean) => continue,
                Some(Scan::Infected) => ("is infected", High),
                Some(Scan::Unknown) | None => ("was not scanned", Medium),
            };
            hits.push(Hit::new(&thing.entry.id, format!("{} {word}", newest.id), severity));
        }
        hits
    },
};
