//! Durations, sizes and instants as people write them in playbooks: `1h30m`, `200GiB`, `-2h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::BadName;

/// An instant of the drill. All times are UTC.
pub type Time = DateTime<Utc>;

/// A length of time, to the millisecond, written as `90s`, `15m`, `1h30m`, `2d`, `1.5s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Span(pub Duration);

impl Span {
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
    pub fn delta(self) -> TimeDelta {
        TimeDelta::from_std(self.0).unwrap_or(TimeDelta::MAX)
    }
}

/// Milliseconds per unit, longest first.
const UNITS: [(&str, f64); 6] = [
    ("w", 604_800_000.0),
    ("d", 86_400_000.0),
    ("h", 3_600_000.0),
    ("m", 60_000.0),
    ("s", 1000.0),
    ("ms", 1.0),
];

/// A hundred years, in milliseconds. No drill takes longer, and any instant can be moved by it
/// without overflow.
const LONGEST_MS: f64 = 100.0 * 365.25 * 86_400_000.0;

impl FromStr for Span {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = |why: &str| BadName {
            message: format!("`{text}` is not a duration{why}"),
            help: "write it like `90s`, `15m`, `1h30m` or `2d`".into(),
        };
        let mut total = 0.0_f64;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad(""));
        }
        if rest == "0" {
            return Ok(Self(Duration::ZERO));
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let number: f64 = number.parse().map_err(|_| bad(""))?;
            if unit.is_empty() {
                return Err(bad(": it has no unit"));
            }
            let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(bad(&format!(": `{unit}` is no unit")));
            };
            total += number * factor;
            rest = tail.trim_start();
        }
        if !total.is_finite() || total > LONGEST_MS {
            return Err(bad(": it is longer than 100 years"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded just above, never negative"
        )]
        Ok(Self(Duration::from_millis(total.round() as u64)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.pad("0s");
        }
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m")];
        let mut text = String::new();
        for (count, unit) in parts {
            if count > 0 {
                text += &format!("{count}{unit}");
            }
        }
        match (seconds % 60, millis) {
            (0, 0) => {}
            (s, 0) => text += &format!("{s}s"),
            (s, ms) => text += format!("{s}.{ms:03}").trim_end_matches('0').trim_end_matches('.'),
        }
        if millis != 0 {
            text.push('s');
        }
        f.pad(&text)
    }
}

/// Seconds for people: `1h30m`, `2m5s`. Shows milliseconds where there are any.
pub fn human_seconds(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    format!("{sign}{}", Span(Duration::try_from_secs_f64(round_ms(seconds.abs())).unwrap_or(Duration::MAX)))
}

fn round_ms(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// `later - earlier` in seconds, to the millisecond. Negative if `later` comes first.
pub fn seconds_between(earlier: Time, later: Time) -> f64 {
    (later - earlier).num_milliseconds() as f64 / 1000.0
}

/// A size in bytes, written as `200GiB`, `1.5TiB`, `512MB` or a plain number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Size(pub u64);

/// Bytes per unit. `B` stands last, since every other unit ends in it.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("B", 1),
];

impl Size {
    pub const fn gib(n: u64) -> Self {
        Self(n << 30)
    }
    pub fn as_gib(self) -> f64 {
        self.0 as f64 / (1_u64 << 30) as f64
    }
}

impl FromStr for Size {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName {
            message: format!("`{text}` is not a size"),
            help: "write it like `200GiB`, `1.5TiB` or `512MB`".into(),
        };
        let trimmed = text.trim();
        let (number, factor) = SIZES
            .iter()
            .find_map(|(unit, factor)| Some((trimmed.strip_suffix(unit)?, *factor)))
            .unwrap_or((trimmed, 1));
        let number: f64 = number.trim().parse().map_err(|_| bad())?;
        let bytes = number * factor as f64;
        if !(0.0..1e18).contains(&bytes) {
            return Err(bad());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just above")]
        Ok(Self(bytes.round() as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, factor) in &SIZES[..4] {
            if self.0 >= *factor {
                let text = format!("{:.1}", self.0 as f64 / *factor as f64);
                return f.pad(&format!("{}{unit}", text.trim_end_matches(".0")));
            }
        }
        f.pad(&format!("{}B", self.0))
    }
}

/// An instant, either absolute (RFC 3339) or relative to T0: `-2h` is before T0, `10m` after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    At(Time),
    BeforeT0(Span),
    AfterT0(Span),
}

impl When {
    pub fn resolve(self, t0: Time) -> Time {
        match self {
            Self::At(time) => time,
            Self::BeforeT0(span) => t0 - span.delta(),
            Self::AfterT0(span) => t0 + span.delta(),
        }
    }
}

impl FromStr for When {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let trimmed = text.trim();
        if let Ok(time) = DateTime::parse_from_rfc3339(trimmed) {
            return Ok(Self::At(time.with_timezone(&Utc)));
        }
        let relative = match trimmed.strip_prefix('-') {
            Some(rest) => rest.parse().map(Self::BeforeT0),
            None => trimmed.strip_prefix('+').unwrap_or(trimmed).parse().map(Self::AfterT0),
        };
        relative.map_err(|_| {
            let other = BadName {
                message: format!("`{text}` is not a time"),
                help: "write it relative to T0 (`-2h`) or as RFC 3339 (`2026-01-31T08:00:00Z`)".into(),
            };
            dated(trimmed).unwrap_or(other)
        })
    }
}

/// What is wrong with a time that begins with a date, but is not RFC 3339.
fn dated(text: &str) -> Option<BadName> {
    let digits = |count: usize| text.bytes().take_while(u8::is_ascii_digit).count() == count;
    let is_dated = match text.as_bytes() {
        [_, _, _, _, b'-' | b'/', a, b, b'-' | b'/', ..] => {
            digits(4) && a.is_ascii_digit() && b.is_ascii_digit()
        }
        [_, _, _, _, _, _, _, _, b'T' | b't', ..] => digits(8),
        _ => false,
    };
    let is_day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
    let what =
        if is_day { "is a day, not an instant" } else { "is a time without a zone, or in another form" };
    is_dated.then(|| BadName {
        message: format!("`{text}` {what}"),
        help: "write it as RFC 3339, with its zone: `2026-01-31T08:00:00Z`, or `+01:00` instead of `Z`"
            .into(),
    })
}

/// Whether a text is a time that was written wrongly where `-2h` or RFC 3339 is expected, or a name:
/// `2h` without its sign, `2026-01-31`, or a time without a zone. No cloud's ids look like these.
pub fn mistaken_time(text: &str) -> Option<BadName> {
    let text = text.trim();
    if text.parse::<When>().is_ok_and(|when| !matches!(when, When::AfterT0(_))) {
        return None;
    }
    let bad = |what: &str, help: String| Some(BadName { message: format!("`{text}` {what}"), help });
    let bare = text.trim_start_matches('+');
    if bare.parse::<Span>().is_ok() {
        let what = if bare == text { "is a time without its sign" } else { "lies after T0" };
        return bad(what, format!("write `-{bare}` for the time {bare} before T0"));
    }
    if let Some(dated) = dated(text) {
        return Some(dated);
    }
    if text.strip_prefix(['-', '+']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return bad("is not a time", "write it relative to T0, such as `-2h` or `-1h30m`".into());
    }
    None
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => f.pad(&time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            Self::BeforeT0(span) => f.pad(&format!("-{span}")),
            Self::AfterT0(span) => span.fmt(f),
        }
    }
}

impl Size {
    /// The shortest text that reads back as this size. `Display` rounds.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as `ToString::to_string` of the other types")]
    fn exact(&self) -> String {
        let text = self.to_string();
        if text.parse().is_ok_and(|read: Self| read == *self) { text } else { format!("{}B", self.0) }
    }
}

/// `$stored` gives the text that is stored. It must read back as the same value.
macro_rules! text_form {
    ($type:ident, $stored:path, $format:literal, $schema_types:tt, $description:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Raw {
                    Text(String),
                    Number(serde_json::Number),
                }
                let text = match Raw::deserialize(deserializer)? {
                    Raw::Text(text) => text,
                    Raw::Number(number) => number.to_string(),
                };
                text.parse().map_err(|e: BadName| serde::de::Error::custom(format!("{}; {}", e.message, e.help)))
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&$stored(self))
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $schema_types, "format": $format, "description": $description })
            }
        }
    };
}

text_form!(Span, ToString::to_string, "duration", "string", "A duration: `90s`, `15m`, `1h30m`, `2d`.");
text_form!(
    Size,
    Size::exact,
    "size",
    ["string", "integer"],
    "A size: `200GiB`, `1.5TiB`, `512MB`, or a number of bytes."
);
text_form!(When, ToString::to_string, "when", "string", "A time: relative to T0 (`-2h`) or RFC 3339.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, seconds, printed) in [
            ("90s", 90.0, "1m30s"),
            ("15m", 900.0, "15m"),
            ("1h30m", 5400.0, "1h30m"),
            ("2d", 172_800.0, "2d"),
            ("1.5s", 1.5, "1.5s"),
            ("0.1s", 0.1, "0.1s"),
            ("1m0.25s", 60.25, "1m0.25s"),
            ("0", 0.0, "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert!((span.as_secs_f64() - seconds).abs() < 1e-9, "{text}");
            assert_eq!(span.to_string(), printed);
            assert_eq!(printed.parse::<Span>().unwrap(), span);
        }
        for text in ["", "15", "m", "1x", "-5m", "1h 30", "1e9d", "5 minutes", "..s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_stored_reads_back_as_it_was() {
        for text in ["1100GiB", "500GB", "2000GiB", "1B", "0B", "1.5TiB", "1023KiB", "999999999999999B"] {
            let size: Size = text.parse().unwrap();
            let stored = serde_json::to_string(&size).unwrap();
            assert_eq!(serde_json::from_str::<Size>(&stored).unwrap(), size, "{text} as {stored}");
        }
        for millis in [0, 1, 999, 1000, 1001, 59_999, 3_600_000, 86_400_001, 604_800_000] {
            let span = Span(Duration::from_millis(millis));
            let stored = serde_json::to_string(&span).unwrap();
            assert_eq!(serde_json::from_str::<Span>(&stored).unwrap(), span, "{stored}");
        }
        for text in ["-2h", "10m", "2026-01-31T08:00:00.123456789Z"] {
            let when: When = text.parse().unwrap();
            let stored = serde_json::to_string(&when).unwrap();
            assert_eq!(serde_json::from_str::<When>(&stored).unwrap(), when, "{stored}");
        }
    }

    #[test]
    fn sizes_and_times_read_and_print() {
        assert_eq!("200GiB".parse::<Size>().unwrap(), Size::gib(200));
        assert_eq!("1.5TiB".parse::<Size>().unwrap().to_string(), "1.5TiB");
        assert!("lots".parse::<Size>().is_err());
        let t0 = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap().with_timezone(&Utc);
        assert!((seconds_between("-2h3m".parse::<When>().unwrap().resolve(t0), t0) - 7380.0).abs() < 1e-9);
        assert!((seconds_between(t0, "10m".parse::<When>().unwrap().resolve(t0)) - 600.0).abs() < 1e-9);
        assert!("yesterday".parse::<When>().is_err());
    }
}
