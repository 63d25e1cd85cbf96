//! Which drills are to be begun now.

use std::fmt;

use strum::VariantArray;

use base::duration::Time;

use crate::Schedule;

/// What happens with drills that were due while nobody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, VariantArray)]
pub enum CatchUp {
    /// The last one is held, if it may still begin.
    #[default]
    Last,
    /// All are held, one after the other, even those that should have begun long ago.
    All,
    /// None is held.
    None,
}

impl CatchUp {
    pub fn word(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Drills that are looked at, at most. A schedule of each minute has as many in a week.
const MOST: usize = 10_000;

/// What is known of the drills of a schedule.
pub struct Looked<'a> {
    pub now: Time,
    /// Since when somebody looks. What was due before was due while nobody did.
    pub since: Time,
    /// The last drill that somebody took.
    pub last_taken: Option<Time>,
    /// Whether somebody took the drill of this instant.
    pub is_taken: &'a dyn Fn(Time) -> bool,
    /// When the last drill that passed was held, whoever began it.
    pub held: Option<Time>,
}

impl Schedule {
    /// The instants of the drills that are to be begun now, the oldest first.
    pub fn to_begin(&self, looked: &Looked<'_>, catch_up: CatchUp) -> Vec<Time> {
        let Some(last) = self.last_due(looked.now) else { return Vec::new() };
        // A drill is held in its turn if it was held at any time since.
        let is_open = |due: Time| {
            !(looked.is_taken)(due)
                && looked.held.is_none_or(|held| held < due)
                && self.closes(due).is_none_or(|closes| looked.now < closes)
        };
        match catch_up {
            CatchUp::None if last < looked.since => Vec::new(),
            CatchUp::None | CatchUp::Last => Some(last).filter(|due| is_open(*due)).into_iter().collect(),
            CatchUp::All => {
                // Without a drill that was taken, nobody says since when there should have been some.
                let Some(from) = looked.last_taken.filter(|taken| *taken <= last) else {
                    return Some(last).filter(|due| is_open(*due)).into_iter().collect();
                };
                let missed = self.after(from).take(MOST).take_while(|due| *due <= last);
                let is_left =
                    |due: &Time| !(looked.is_taken)(*due) && looked.held.is_none_or(|held| held < *due);
                missed.filter(is_left).collect()
            }
        }
    }
}
