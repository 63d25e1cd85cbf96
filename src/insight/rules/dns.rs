//! DNS records that keep clients at the lost place.

use super::{Entry, Hit};
use base::duration::{Span, human_seconds};
use base::severity::Severity::Medium;
use port::finding::Rule;

/// The share of the RTO that a record may live.
const SHARE: f64 = 0.1;

pub const TTL: Entry = Entry {
    rule: Rule::DnsTtlTooLong,
    says: "resolvers keep the record for more than a tenth of the RTO",
    fix: "shorten the record's TTL well before a disaster: caches keep the old one for its old time",
    look: |look| {
        let shortest = look.goals.iter().filter_map(|goal| goal.rto_s).reduce(f64::min);
        let rtos = look.strictest(|goal| goal.rto_s);
        let mut hits = Vec::new();
        for thing in look.all() {
            let ttl = thing.entry.dns_ttl.map(Span::as_secs_f64);
            let (Some(ttl), Some(rto)) = (ttl, rtos.get(&thing.index).copied().or(shortest)) else {
                continue;
            };
            if ttl > rto * SHARE {
                let detail = format!("TTL {}, RTO {}", human_seconds(ttl), human_seconds(rto));
                hits.push(Hit::new(&thing.entry.id, detail, Medium));
            }
        }
        hits
    },
};
