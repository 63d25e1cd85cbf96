//! Timestamps in the forms that databases, commands and people write.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// An instant read from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub at: DateTime<Utc>,
    /// The text has no time zone and was read as UTC.
    pub assumed_utc: bool,
}

/// Parses a timestamp in any of these forms:
///
/// - RFC 3339
/// - the text forms of PostgreSQL and MySQL (`2026-01-02 03:04:05.678+00`)
/// - a date, which means its first instant
/// - Unix time in seconds (9 to 11 digits, with or without a fraction) or milliseconds (12 to 14)
///
/// Without a time zone, the timestamp is read as UTC. `None` for anything else, including
/// `infinity` and `0000-00-00`.
pub fn parse_timestamp(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    parse_calendar(text).map(|stamp| stamp.at).or_else(|| parse_epoch(text))
}

/// Like [`parse_timestamp`], but without Unix time. A bare number counts as a number.
pub fn parse_calendar(text: &str) -> Option<Stamp> {
    let text = text.trim();
    let date_text = text.get(..10)?;
    let shaped = date_text.bytes().enumerate().all(|(i, b)| match i {
        4 | 7 => b == b'-',
        _ => b.is_ascii_digit(),
    });
    if !shaped {
        return None;
    }
    let date = NaiveDate::parse_from_str(date_text, "%Y-%m-%d").ok()?;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some(Stamp { at: date.and_time(NaiveTime::MIN).and_utc(), assumed_utc: true });
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(end);
    let time =
        ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(clock, form).ok())?;
    let local = NaiveDateTime::new(date, time);
    let zone = zone.trim_start();
    if zone.is_empty() {
        return Some(Stamp { at: local.and_utc(), assumed_utc: true });
    }
    let offset = parse_zone(zone)?;
    Some(Stamp { at: local.and_local_timezone(offset).single()?.with_timezone(&Utc), assumed_utc: false })
}

/// Parses `Z`, `UTC`, `GMT`, `+00`, `+0530`, `-03:30`, and PostgreSQL's `+05:53:28` for days before
/// standard time.
fn parse_zone(zone: &str) -> Option<FixedOffset> {
    if ["Z", "UTC", "GMT"].iter().any(|name| zone.eq_ignore_ascii_case(name)) {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let compact: String = digits.chars().filter(|c| *c != ':').collect();
    let well_formed = matches!((compact.len(), digits.len()), (2, 2) | (4, 4 | 5) | (6, 6 | 8))
        && compact.bytes().all(|b| b.is_ascii_digit());
    if !well_formed {
        return None;
    }
    let part = |at: usize| compact.get(at..at + 2).map_or(Some(0), |two| two.parse::<i32>().ok());
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    if minutes > 59 || seconds > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60 + seconds))
}

fn parse_epoch(text: &str) -> Option<DateTime<Utc>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    match whole.len() {
        9..=11 => {
            let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
            DateTime::from_timestamp(number, nanos)
        }
        12..=14 if !text.contains('.') => DateTime::from_timestamp_millis(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_one_instant_is_that_instant() {
        let at = "2026-01-02T03:04:05Z".parse::<DateTime<Utc>>().unwrap();
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02t03:04:05z",
            "2026-01-02T03:04:05.000+00:00",
            "2026-01-02 03:04:05+00",
            "2026-01-02 03:04:05.000000+00",
            "2026-01-02 08:34:05+05:30",
            "2026-01-02 08:34:05+0530",
            "2026-01-02 08:57:33+05:53:28",
            "2026-01-01 23:34:05-03:30",
            "2026-01-02 03:04:05 UTC",
            " 2026-01-02 03:04:05 \n",
            "1767323045",
            "1767323045.0",
            "1767323045000",
        ] {
            assert_eq!(parse_timestamp(text), Some(at), "{text}");
        }
        let micros = parse_timestamp("1767323045.678901").unwrap();
        assert_eq!(micros.timestamp_micros(), 1_767_323_045_678_901);
    }

    #[test]
    fn a_missing_zone_is_utc_and_is_said() {
        assert!(parse_calendar("2026-01-02 03:04:05.5").unwrap().assumed_utc);
        assert!(!parse_calendar("2026-01-02 03:04:05+00").unwrap().assumed_utc);
        assert_eq!(parse_timestamp("2026-01-02").unwrap().to_rfc3339(), "2026-01-02T00:00:00+00:00");
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "now",
            "infinity",
            "0000-00-00 00:00:00",
            "2026-13-01",
            "2026-01-02 25:00:00",
            "42",
            "12345678",
            "2026-01-02 03:04:05+99",
            "2026-01-02 03:04:05+05:99",
            "2026-01-02 03:04:05 CET",
            "2026-1-2",
            "0044-03-15 12:00:00 BC",
            "2026-01-02 03:04:05+é",
            "2026-01-0é",
            "1e9",
            "-1767323045",
            "123456789012345678",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}
