//! Copies with another provider.

use std::collections::HashSet;

use super::{Entry, Hit};
use base::severity::Severity::{Low, Medium};
use port::finding::Rule;

pub const ONE_PROVIDER: Entry = Entry {
    rule: Rule::OneProvider,
    says: "no copy lies with another provider",
    fix: "keep a copy of the most important data with another provider, under other credentials",
    look: |look| {
        let accounts = look.snapshot.file.accounts.iter();
        let others: HashSet<_> =
            accounts.filter(|(_, entry)| entry.provider.is_some()).map(|(id, _)| id).collect();
        // Where another provider is used, what lies with AWS alone was forgotten.
        let severity = if others.is_empty() { Low } else { Medium };
        let stores = look.stores().filter(|thing| {
            look.has_source(*thing)
                && !others.contains(&thing.entry.account)
                && !look
                    .points(*thing)
                    .iter()
                    .any(|point| others.contains(&point.account) && look.snapshot.is_usable(point, None))
        });
        stores.map(|thing| Hit::new(&thing.entry.id, "", severity)).collect()
    },
};
