//! When a log that comes later is whole: once a mark of its end has arrived, and as much time again has
//! passed. Files of other zones may be as late as the mark.

use std::time::Duration;

use base::duration::{Span, Time};

/// How long the log has to arrive, and the pauses between looks. AWS gives no time for its delivery.
pub(super) const ARRIVES_WITHIN: Duration = Duration::from_mins(15);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often the end of the log is marked until a mark arrives: a lookup may be lost on its way.
const MARKED_EVERY: Duration = Duration::from_mins(1);

pub(super) struct Delivery {
    marked: Time,
    mark_at: Time,
    whole_at: Option<Time>,
    pause: Duration,
}

impl Delivery {
    /// The end of the log was marked at this instant.
    pub(super) fn of_mark(marked: Time) -> Self {
        Self { marked, mark_at: marked + Span(MARKED_EVERY).delta(), whole_at: None, pause: FIRST_PAUSE }
    }

    /// When the log is to be read next.
    pub(super) fn next_look(&self, now: Time) -> Time {
        let next = now + Span(self.pause).delta();
        self.whole_at.map_or(next, |at| at.max(next)).min(self.ends())
    }

    /// Whether a log that is read now is whole.
    pub(super) fn is_whole(&self, now: Time) -> bool {
        self.whole_at.is_some_and(|at| now >= at)
    }

    /// The log was read. `marked` says whether it has a mark.
    pub(super) fn looked(&mut self, now: Time, marked: bool) {
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        if marked && self.whole_at.is_none() {
            self.whole_at = Some(now + (now - self.marked));
            self.pause = FIRST_PAUSE;
        }
    }

    /// Whether nobody waits any longer.
    pub(super) fn is_too_late(&self, now: Time) -> bool {
        now >= self.ends()
    }

    /// Whether the end is to be marked once more, now.
    pub(super) fn wants_mark(&mut self, now: Time) -> bool {
        let wants = self.whole_at.is_none() && now >= self.mark_at;
        if wants {
            self.mark_at = now + Span(MARKED_EVERY).delta();
        }
        wants
    }

    fn ends(&self) -> Time {
        self.marked + Span(ARRIVES_WITHIN).delta()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_log_is_whole_after_twice_the_time_that_its_mark_took() {
        let mut log = Delivery::of_mark(at(0));
        log.looked(at(20), false);
        assert!(!log.is_whole(at(30)));
        log.looked(at(30), true);
        assert!(!log.is_whole(at(59)));
        assert_eq!(log.next_look(at(30)), at(60));
        assert!(log.is_whole(at(60)));
        // The mark is seen again, and changes nothing.
        log.looked(at(45), true);
        assert!(log.is_whole(at(60)));
        assert!(!log.wants_mark(at(100)));
    }

    #[test]
    fn the_end_is_marked_each_minute_until_a_mark_arrives() {
        let mut log = Delivery::of_mark(at(0));
        let marked: Vec<i64> = (0..200).filter(|second| log.wants_mark(at(*second))).collect();
        assert_eq!(marked, [60, 120, 180]);
    }

    #[test]
    fn pauses_grow_to_ten_seconds_and_end_with_the_time() {
        let mut log = Delivery::of_mark(at(0));
        let mut pauses = Vec::new();
        for _ in 0..6 {
            pauses.push((log.next_look(at(0)) - at(0)).num_seconds());
            log.looked(at(0), false);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(log.next_look(at(899)), at(900));
        assert!(!log.is_too_late(at(899)) && log.is_too_late(at(900)));
    }
}
