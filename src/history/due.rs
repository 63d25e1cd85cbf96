//! Drills that were due, and who took them: each is claimed once, over all machines that share a
//! store.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use base::duration::Time;

use crate::lease::Holder;
use crate::objects::{Put, StoreError, is_part};
use crate::store::Store;

/// Where claims lie.
pub const FOLDER: &str = "due";

/// The form of an instant in a key. It has no character that a file system or a URL reads otherwise.
const INSTANT: &str = "%Y%m%dT%H%M%SZ";

/// A drill that somebody took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub due: Time,
    /// The run that holds the drill. Its folder may not be there yet.
    pub run: String,
    /// Where that folder lies, on the holder's machine.
    pub place: String,
    pub holder: Holder,
    /// The epoch of the holder's lease.
    pub epoch: u64,
    pub at: Time,
}

fn key(playbook: &str, due: Time) -> String {
    format!("{FOLDER}/{playbook}/{}.json", due.format(INSTANT))
}

impl Store {
    /// Reads the claims of a playbook that are not known yet. What is known never changes.
    pub fn read_claims(&self, playbook: &str, known: &mut BTreeMap<Time, Claim>) -> Result<(), StoreError> {
        let prefix = format!("{FOLDER}/{playbook}/");
        let old: BTreeSet<String> = known.keys().map(|due| key(playbook, *due)).collect();
        let listing = self.objects().list(&format!("{FOLDER}/{playbook}"))?;
        let keys = listing.objects.into_iter().map(|object| object.key);
        let new: Vec<String> = keys.filter(|key| key.starts_with(&prefix) && !old.contains(key)).collect();
        for (name, read) in new.iter().zip(self.objects().read_all(&new)) {
            let Some(bytes) = read? else { continue };
            // A drill whose claim cannot be read is not begun: it may be running.
            let damaged = |why: &str| {
                let help = "restore it from a copy, or remove it if its drill was not held";
                StoreError::new(self.place(), format!("{name} is damaged: {why}; {help}"))
            };
            let claim: Claim = serde_json::from_slice(&bytes).map_err(|error| damaged(&error.to_string()))?;
            if key(playbook, claim.due) != *name {
                return Err(damaged("it is about another instant"));
            }
            known.insert(claim.due, claim);
        }
        Ok(())
    }

    /// Takes a drill that is due. `false`: somebody took it already.
    pub fn claim(&self, playbook: &str, claim: &Claim) -> Result<bool, StoreError> {
        if !is_part(playbook) {
            let why = format!("`{}` cannot be a part of a name here", playbook.escape_debug());
            return Err(StoreError::new(self.place(), why));
        }
        let key = key(playbook, claim.due);
        let bytes = serde_json::to_vec_pretty(claim).map_err(|error| StoreError::new(self.place(), error))?;
        match self.create(&key, &bytes)? {
            Put::Made => Ok(true),
            // A write whose answer was lost looks like this too.
            Put::Exists => Ok(self.objects().read(&key)?.as_deref() == Some(bytes.as_slice())),
        }
    }
}
