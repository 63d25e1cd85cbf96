//! Data without a backup, and backups that share the fate of production.

use super::{Entry, Hit, Look};
use base::severity::Severity::High;
use estate::{Loss, scope};
use port::finding::Rule;

pub const NO_BACKUP: Entry = Entry {
    rule: Rule::NoBackup,
    says: "no usable recovery point and no replica exists",
    fix: "back it up: AWS Backup covers most types, and a copy in another account and region covers most losses",
    look: |look| {
        let stores = look.stores().filter(|thing| scope::holds_data(&thing.entry.id.kind));
        stores.filter(|thing| !look.has_source(*thing)).map(|t| Hit::new(&t.entry.id, "", High)).collect()
    },
};

pub const IN_ONE_ACCOUNT: Entry = Entry {
    rule: Rule::BackupsInOneAccount,
    says: "every backup is lost with the account of production",
    fix: "copy the backups to an account with other users and keys, under a key of that account",
    look: |look| {
        beyond(look, |entry| Some(Loss::Account(entry.account.clone())), |entry| entry.account.to_string())
    },
};

pub const IN_ONE_REGION: Entry = Entry {
    rule: Rule::BackupsInOneRegion,
    says: "every backup is lost with the region",
    fix: "copy the backups to another region, under a key of that region",
    look: |look| {
        let region = |entry: &estate::file::ResourceEntry| entry.region.clone();
        beyond(
            look,
            |entry| region(entry).map(Loss::Region),
            |entry| region(entry).map(|region| region.to_string()).unwrap_or_default(),
        )
    },
};

/// The stores that have backups, none of which outlives the loss of a place.
fn beyond(
    look: &Look<'_>,
    place: impl Fn(&estate::file::ResourceEntry) -> Option<Loss>,
    name: impl Fn(&estate::file::ResourceEntry) -> String,
) -> Vec<Hit> {
    let stores = look.stores().filter(|thing| look.has_source(*thing));
    let alone = stores
        .filter(|thing| place(thing.entry).is_some_and(|loss| !look.snapshot.outlives(thing.entry, &loss)));
    alone.map(|thing| Hit::new(&thing.entry.id, name(thing.entry), High)).collect()
}
