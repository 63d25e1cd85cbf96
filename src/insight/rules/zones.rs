//! Data that lie in one zone.

use super::{Entry, Hit};
use base::severity::Severity::{High, Low};
use estate::scope::{self, Differs, Scope};
use estate::{Loss, scope::holds_data};
use port::finding::Rule;

pub const IN_ONE_ZONE: Entry = Entry {
    rule: Rule::InOneZone,
    says: "the data lie in one zone",
    fix: "give it a standby in another zone (Multi-AZ), or recovery points that outlive the zone",
    look: |look| {
        let mut hits = Vec::new();
        for thing in look.stores().filter(|thing| holds_data(&thing.entry.id.kind)) {
            // The objects of a one-zone class may lie in any zone of the region.
            let any = || thing.entry.region.as_ref().and_then(|r| look.snapshot.file.regions.get(r));
            let zone = thing.resource.locus.az.clone();
            let Some(zone) = zone.or_else(|| any().and_then(|region| region.azs.first().cloned())) else {
                continue;
            };
            let loss = Loss::Az(zone);
            if thing.resource.scope != Scope::Zonal && !loss.takes_resource(thing.resource) {
                continue;
            }
            let may_have_standby =
                scope::row_of(&thing.entry.id.kind).is_some_and(|row| row.differs == Differs::WithStandby);
            if !look.snapshot.outlives(thing.entry, &loss) {
                hits.push(Hit::new(&thing.entry.id, "and nothing usable outlives it", High));
            } else if may_have_standby {
                hits.push(Hit::new(&thing.entry.id, "without a standby: losing it means a restore", Low));
            }
        }
        hits
    },
};
