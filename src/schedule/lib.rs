//! When a drill is due: cron expressions, time zones, windows.
//!
//! Expressions follow vixie-cron: of two fields of days, one is enough. Where clocks are put forward
//! or back, a drill at one time of the day is held once: after the gap if its time does not exist,
//! and in the first pass if its time comes twice. An expression with several times of a day leaves
//! out those that do not exist, and takes those that come twice both times.
//!
//! The zones are those of the IANA database at the time of the build.

#![deny(clippy::wildcard_enum_match_arm)]

mod cron;
mod due;
mod fields;
mod said;

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::VariantArray as _;

use base::duration::{Span, Time};
use base::ids::BadName;
use cron::Expression;
use said::Said;

pub use due::{CatchUp, Looked};
pub use fields::{Fields, list};
pub use said::{Calendar, Word};

/// When a drill is due, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    said: Said,
    expression: Expression,
    zone: Tz,
    /// `None`: a drill may begin until the next one is due.
    window: Option<Span>,
}

/// Checks a cron expression.
pub fn check_cron(text: &str) -> Result<(), BadName> {
    Expression::read(text).map(drop)
}

/// Reads the name of a time zone.
pub fn zone(text: &str) -> Result<Tz, BadName> {
    text.parse().map_err(|_| BadName {
        message: format!("`{}` is no time zone", text.escape_debug()),
        help: "write its name in the IANA database: `Europe/Berlin`, `America/New_York`, `UTC`".into(),
    })
}

/// The names of all time zones.
pub fn zones() -> impl Iterator<Item = &'static str> {
    chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
}

/// The names of the schedules that are a word.
pub fn words() -> impl Iterator<Item = String> {
    Word::VARIANTS.iter().map(ToString::to_string)
}

impl TryFrom<Word> for Schedule {
    type Error = BadName;

    fn try_from(word: Word) -> Result<Self, BadName> {
        let expression = Expression::read(word.cron())?;
        Ok(Self { said: Said::Word(word), expression, zone: Tz::UTC, window: None })
    }
}

impl TryFrom<Calendar> for Schedule {
    type Error = BadName;

    fn try_from(calendar: Calendar) -> Result<Self, BadName> {
        let expression = Expression::read(&calendar.cron)?;
        if let Some(window) = calendar.window {
            expression.check_window(window)?;
        }
        let zone = zone(&calendar.timezone)?;
        Ok(Self { expression, zone, window: calendar.window, said: Said::Calendar(calendar) })
    }
}

impl Schedule {
    /// Whether drills of this expression can be given this window. Says nothing of an expression that
    /// is wrong itself.
    pub fn check_window(cron: &str, window: Span) -> Result<(), BadName> {
        Expression::read(cron).map_or(Ok(()), |expression| expression.check_window(window))
    }

    /// The cron expression.
    pub fn cron(&self) -> &str {
        match &self.said {
            Said::Word(word) => word.cron(),
            Said::Calendar(calendar) => &calendar.cron,
        }
    }

    /// Its fields as numbers. `None`: it has days that are no numbers (`L`, `W` and `#`).
    pub fn fields(&self) -> Option<Fields> {
        Fields::of(&self.expression.cron)
    }

    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// How long after it was due a drill may begin. `None`: until the next one is due.
    pub fn window(&self) -> Option<Span> {
        self.window
    }

    /// The expression in English.
    pub fn describe(&self) -> String {
        self.expression.cron.describe()
    }

    /// The shortest and the longest time from one occurrence to the next, by the clock on the wall:
    /// where it is put forward or back, they may differ by the hour.
    pub fn intervals(&self) -> (Span, Span) {
        self.expression.intervals
    }

    /// The occurrences after an instant, in order.
    pub fn after(&self, instant: Time) -> impl Iterator<Item = Time> + '_ {
        let next = |from: Time| {
            let from: DateTime<Tz> = from.with_timezone(&self.zone);
            self.expression.cron.find_next_occurrence(&from, false).ok().map(|next| next.with_timezone(&Utc))
        };
        std::iter::successors(next(instant), move |last| next(*last))
    }

    /// The last occurrence at an instant or before it.
    pub fn last_due(&self, instant: Time) -> Option<Time> {
        let instant: DateTime<Tz> = instant.with_timezone(&self.zone);
        let last = self.expression.cron.find_previous_occurrence(&instant, true).ok()?;
        Some(last.with_timezone(&Utc))
    }

    /// When the window of an occurrence closes: from then on, it was missed.
    pub fn closes(&self, due: Time) -> Option<Time> {
        match self.window {
            Some(window) => due.checked_add_signed(window.delta()),
            None => self.after(due).next(),
        }
    }

    /// The occurrences after the last drill that was held, whose windows have closed by now.
    pub fn missed(&self, held: Time, now: Time) -> impl Iterator<Item = Time> + '_ {
        self.after(held).take_while(move |due| self.closes(*due).is_some_and(|closes| closes <= now))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Said::Word(word) => word.fmt(f),
            Said::Calendar(calendar) => write!(f, "{} ({})", calendar.cron, calendar.timezone),
        }
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = match Said::deserialize(deserializer)? {
            Said::Word(word) => Self::try_from(word),
            Said::Calendar(calendar) => Self::try_from(calendar),
        };
        read.map_err(|e| serde::de::Error::custom(format!("{}; {}", e.message, e.help)))
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said.serialize(serializer)
    }
}

impl JsonSchema for Schedule {
    fn schema_name() -> Cow<'static, str> {
        "Schedule".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Said::json_schema(generator)
    }
}

#[cfg(test)]
mod tests;
