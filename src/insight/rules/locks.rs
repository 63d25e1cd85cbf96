//! Backups that production's own principals can delete.

use super::{Entry, Hit};
use base::severity::Severity::{High, Low};
use estate::Loss;
use port::finding::Rule;

pub const UNLOCKED: Entry = Entry {
    rule: Rule::BackupsUnlocked,
    says: "nobody locked a backup, so whoever rules production can delete those in its account",
    fix: "lock the vault (AWS Backup Vault Lock in compliance mode, S3 Object Lock), and say `vault_locked: true`",
    look: |look| {
        let mut hits = Vec::new();
        for thing in look.stores() {
            let entries = look.entries(thing);
            let own = entries.iter().filter(|point| point.account == thing.entry.account).count();
            if own == 0 || entries.iter().any(|point| point.vault_locked) {
                continue;
            }
            let account = Loss::Account(thing.entry.account.clone());
            let severity = if look.snapshot.outlives(thing.entry, &account) { Low } else { High };
            hits.push(Hit::new(&thing.entry.id, "", severity));
        }
        hits
    },
};
