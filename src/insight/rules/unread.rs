//! Parts of the estate that `discover` could not read.

use super::{Entry, Hit};
use port::finding::Rule;

pub const INCOMPLETE: Entry = Entry {
    rule: Rule::EstateIncomplete,
    says: "the estate was not read whole, so nothing is known of what lies there",
    fix: "give `discover` the permissions that it lacks, and run it again",
    look: |look| {
        let places = look.snapshot.file.incomplete.iter();
        places.map(|one| Hit::new(&one.place(), one.why.clone(), one.severity())).collect()
    },
};
