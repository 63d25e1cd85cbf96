//! What a rung saw, and whether the rows are as many as they were.

use std::collections::BTreeMap;

use base::rung::{Rung, RungHealth};
use playbook::data::{DataRung, Tolerance};
use playbook::reference::LastPassed;

use crate::printable;

/// What a rung saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saw {
    pub health: RungHealth,
    pub observed: String,
    pub why: Option<String>,
}

impl Saw {
    pub fn fine(observed: impl Into<String>) -> Self {
        Self { health: RungHealth::Healthy, observed: observed.into(), why: None }
    }

    pub fn wrong(observed: impl Into<String>, why: impl Into<String>) -> Self {
        Self { health: RungHealth::Unhealthy, observed: observed.into(), why: Some(why.into()) }
    }

    /// Nobody could look.
    pub fn unknown(observed: impl Into<String>, why: impl Into<String>) -> Self {
        Self { health: RungHealth::Unknown, observed: observed.into(), why: Some(why.into()) }
    }

    #[must_use]
    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self { why: Some(note.into()), ..self }
    }

    /// Healthy if nothing was found. `total` says what was looked at.
    pub fn unless(found: &[String], total: impl Into<String>, advice: &str) -> Self {
        match found {
            [] => Self::fine(total),
            found => Self::wrong(few(found), format!("{}; {advice}", few(found))),
        }
    }

    /// The rung in its form for reports.
    pub fn of(self, rung: DataRung) -> Rung {
        Rung {
            name: rung.name().to_owned(),
            health: self.health,
            observed: printable(&self.observed, 200),
            why: self.why.map(|why| printable(&why, 600)),
        }
    }
}

/// The first few of many, and how many there are.
pub(super) fn few(found: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = found.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match found.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// `1 table`, `3 tables`.
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Compares the rows of tables with what was counted before. `whose` says by whom. `past` is `None`
/// if nobody has counted yet.
///
/// A table that was empty is not compared: nothing of it can be lost.
pub fn volume(
    now: &BTreeMap<String, u64>,
    past: Option<&BTreeMap<String, u64>>,
    tolerance: Tolerance,
    whose: &str,
) -> Saw {
    let all: u64 = now.values().sum();
    let total = format!("{} in {}", rows(all), counted(now.len(), "table"));
    if all == 0 {
        return Saw::wrong(
            total,
            "nothing is there: is this the right database, and did the restore fill it?",
        );
    }
    let Some(past) = past else {
        return Saw::fine(total).with_note(format!("nothing to compare with yet: {whose}"));
    };
    let compared: Vec<_> = past.iter().filter(|(_, rows)| **rows > 0).collect();
    if compared.is_empty() {
        return Saw::unknown(total, format!("nothing to compare with: {whose} counted no row"));
    }
    let off = compared.iter().filter_map(|(table, before)| {
        let before = **before;
        let Some(now) = now.get(*table).copied() else { return Some(format!("{table} is missing")) };
        #[expect(clippy::cast_precision_loss, reason = "a share needs no exact rows")]
        let share = now.abs_diff(before) as f64 / before as f64;
        (now == 0 || share > tolerance.share())
            .then(|| format!("{table} has {}, and had {before}", rows(now)))
    });
    Saw::unless(
        &off.collect::<Vec<_>>(),
        total,
        &format!("compared with {whose}, with a tolerance of {tolerance}"),
    )
}

/// Compares the rows of tables with what the last run that passed has counted. `past` is `None` if no
/// run that counted them has passed.
pub fn volume_since(now: &BTreeMap<String, u64>, past: Option<&LastPassed>, tolerance: Tolerance) -> Saw {
    match past {
        Some(LastPassed::Counted(past)) => {
            volume(now, Some(&past.rows), tolerance, &format!("the run {}", past.run_id))
        }
        Some(LastPassed::Unread(why)) => {
            Saw::unknown("not compared", format!("what earlier runs have counted cannot be read: {why}"))
        }
        None => volume(now, None, tolerance, "no run of this playbook that counted them has passed"),
    }
}

fn rows(number: u64) -> String {
    format!("{number} row{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(all: &[(&str, u64)]) -> BTreeMap<String, u64> {
        all.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect()
    }

    #[test]
    fn rows_may_differ_within_the_tolerance() {
        let past = map(&[("orders", 1000), ("queue", 0)]);
        for (now, tolerance, health) in [
            (map(&[("orders", 1000)]), "0%", RungHealth::Healthy),
            (map(&[("orders", 950), ("queue", 7)]), "5%", RungHealth::Healthy),
            (map(&[("orders", 1050)]), "5%", RungHealth::Healthy),
            (map(&[("orders", 949)]), "5%", RungHealth::Unhealthy),
            (map(&[("orders", 1051)]), "5%", RungHealth::Unhealthy),
            (map(&[("orders", 0), ("queue", 1)]), "100%", RungHealth::Unhealthy),
            (map(&[("other", 1000)]), "100%", RungHealth::Unhealthy),
        ] {
            let saw = volume(&now, Some(&past), tolerance.parse().unwrap(), "the reference");
            assert_eq!(saw.health, health, "{now:?} {tolerance}: {saw:?}");
        }
    }

    #[test]
    fn counts_without_a_past_prove_no_more_than_that_something_is_there() {
        let saw = volume(&map(&[("orders", 3)]), None, Tolerance::default(), "no run has passed");
        assert_eq!((saw.health, saw.why.unwrap().contains("no run has passed")), (RungHealth::Healthy, true));
        let empty = volume(&map(&[("orders", 0)]), None, Tolerance::default(), "no run has passed");
        assert_eq!(empty.health, RungHealth::Unhealthy);
        let none =
            volume(&map(&[("orders", 3)]), Some(&map(&[("orders", 0)])), Tolerance::default(), "run 1");
        assert_eq!(none.health, RungHealth::Unknown);
    }

    #[test]
    fn of_many_differences_the_first_are_told() {
        let names: Vec<String> = (0..9).map(|n| format!("t{n}")).collect();
        assert_eq!(few(&names), "t0, t1, t2, t3 and 5 more");
        assert_eq!(few(&names[..2]), "t0, t1");
    }
}
