//! A series of recovery points: `every: 6h, keep: 7d, lag: 40m`.

use super::file::PointEntry;
use super::point::RecoveryPoint;
use base::duration::{Span, Time, When};

/// The most points that a series may have.
pub const MOST: u64 = 100_000;

/// The most points that an estate may have, with those of its series. A million takes some 3 GiB.
pub const MOST_OF_ALL: u64 = 2_000_000;

/// The times of a series. Its points are taken at the same distance.
#[derive(Debug, Clone, Copy)]
pub struct Series {
    every: Span,
    keep: Span,
    lag: Span,
    /// When the newest point was taken. `None`: one interval before T0.
    newest: Option<When>,
}

/// The times of one point.
#[derive(Debug, Clone, Copy)]
pub struct PointTime {
    /// Counted from the newest, which is 1.
    number: u64,
    taken: Time,
    usable: Option<Time>,
}

impl PointTime {
    pub fn taken(self) -> Time {
        self.taken
    }
}

/// The series that an entry describes. `None`: one point.
pub fn of(entry: &PointEntry) -> Option<Series> {
    let (every, keep) = entry.every.zip(entry.keep)?;
    (!every.0.is_zero()).then(|| Series {
        every,
        keep,
        lag: entry.lag.unwrap_or_default(),
        newest: entry.taken,
    })
}

impl Series {
    /// The most points that are kept at once.
    pub fn points(&self) -> u64 {
        let count = self.keep.0.as_nanos() / self.every.0.as_nanos().max(1);
        u64::try_from(count).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// The times of the points that are still kept at T0, the newest first.
    pub fn times(self, t0: Time) -> impl Iterator<Item = PointTime> {
        let newest = match self.newest {
            Some(newest) => Some(newest.resolve(t0)),
            None => t0.checked_sub_signed(self.every.delta()),
        };
        let mut taken = newest;
        (1..=self.points().min(MOST)).map_while(move |number| {
            let now = taken?;
            if now.checked_add_signed(self.keep.delta()).is_some_and(|gone| gone < t0) {
                return None;
            }
            taken = now.checked_sub_signed(self.every.delta());
            Some(PointTime { number, taken: now, usable: now.checked_add_signed(self.lag.delta()) })
        })
    }
}

/// One point of the series of `entry`.
pub fn point(entry: &PointEntry, time: PointTime) -> RecoveryPoint {
    RecoveryPoint {
        id: format!("{}-{}", entry.id, time.number),
        taken: Some(time.taken),
        usable: time.usable,
        ..entry.undated()
    }
}
