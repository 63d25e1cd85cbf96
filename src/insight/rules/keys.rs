//! Backups whose key is lost with the data.

use super::look::Thing;
use super::{Entry, Hit, Look};
use crate::protection::survives;
use base::severity::Severity::High;
use estate::{Loss, RecoveryPoint};
use port::finding::Rule;

pub const LOST_WITH_DATA: Entry = Entry {
    rule: Rule::KeyLostWithData,
    says: "backups survive, but the key that encrypts them does not",
    fix: "encrypt each copy with a key of the account and region that it is copied to",
    look: |look| {
        let mut hits = Vec::new();
        for thing in look.stores() {
            let own = [
                thing.entry.region.clone().map(Loss::Region),
                Some(Loss::Account(thing.entry.account.clone())),
            ];
            let losses = look.loss.cloned().map_or_else(|| own.to_vec(), |loss| vec![Some(loss)]);
            if let Some(detail) = losses.iter().flatten().find_map(|loss| lost_key(look, thing, loss)) {
                hits.push(Hit::new(&thing.entry.id, detail, High));
            }
        }
        hits
    },
};

/// The key without which no surviving point can be read.
fn lost_key(look: &Look<'_>, thing: Thing<'_>, loss: &Loss) -> Option<String> {
    let surviving = || look.points(thing).iter().filter(|point| point.survives(loss));
    let is_readable =
        |point: &RecoveryPoint| point.lost_key(loss).is_none() || has_replica(look, point, loss);
    let replicated = thing.entry.replicas.iter().any(|replica| survives(thing.entry, replica, loss));
    if replicated || surviving().any(is_readable) {
        return None;
    }
    surviving().find_map(|point| point.lost_key(loss))
}

/// Whether the point's key is a multi-Region key of which a replica survives.
fn has_replica(look: &Look<'_>, point: &RecoveryPoint, loss: &Loss) -> bool {
    let Some((_, name)) = point.kms_key.as_deref().and_then(|key| key.rsplit_once("key/")) else {
        return false;
    };
    name.starts_with("mrk-")
        && look.keys(name).any(|key| {
            !loss.takes_resource(key.resource)
                || key.entry.replicas.iter().any(|r| survives(key.entry, r, loss))
        })
}
