//! Access keys that invite theft.

use super::{Entry, Hit};
use base::duration::seconds_between;
use base::severity::Severity::{High, Medium};
use port::finding::Rule;

/// AWS Security Hub, control IAM.3: access keys are rotated every 90 days.
const OLDEST_DAYS: f64 = 90.0;

pub const OLD_KEY: Entry = Entry {
    rule: Rule::AccessKeyOld,
    says: "an access key is older than 90 days",
    fix: "use roles instead of keys; rotate the keys that remain, and delete those that nobody uses",
    look: |look| {
        let t0 = look.snapshot.t0;
        let mut hits = Vec::new();
        for thing in look.all() {
            let made = thing.entry.access_keys_made.iter().map(|when| when.resolve(t0)).min();
            let Some(days) = made.map(|made| seconds_between(made, t0) / 86_400.0) else { continue };
            if days > OLDEST_DAYS {
                hits.push(Hit::new(&thing.entry.id, format!("{} days", days.floor()), Medium));
            }
        }
        hits
    },
};

pub const ROOT_KEY: Entry = Entry {
    rule: Rule::RootAccessKey,
    says: "the root user has an access key",
    fix: "delete the key: nothing needs it, and no policy limits it",
    look: |look| {
        let accounts = look.snapshot.file.accounts.iter();
        let with_key = accounts.filter(|(_, entry)| entry.root_access_keys == Some(true));
        with_key.map(|(id, entry)| Hit::new(&format!("account {id}"), &*entry.name, High)).collect()
    },
};
