//! Cron expressions of five fields, as cron itself reads them.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use base::duration::Span;
use base::ids::BadName;

/// The fields, in their order, and what each may hold.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 7, or SUN to SAT; 0 and 7 are Sunday"),
];

/// How many fields come before those of the days.
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

/// A cron expression that fires again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expression {
    pub(crate) cron: Cron,
    /// The shortest and the longest time from one occurrence to the next, by the clock on the wall.
    pub(crate) intervals: (Span, Span),
}

impl Expression {
    pub(crate) fn read(text: &str) -> Result<Self, BadName> {
        let bad = |why: &str, help: String| BadName {
            message: format!("`{}` is no cron expression{why}", text.escape_debug()),
            help,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let fields: [&str; 5] = fields.as_slice().try_into().map_err(|_| {
            let order = FIELDS.map(|(name, _)| name).join(", ");
            bad(
                &format!(": it has {} fields, and not 5", fields.len()),
                format!("write {order}: `0 6 1 */3 *` is 06:00 on the first day of each quarter"),
            )
        })?;
        for (index, (name, range)) in FIELDS.into_iter().enumerate() {
            let field = fields.get(index).copied().unwrap_or_default();
            if !is_field(index, field) {
                return Err(bad(
                    &format!(": `{}` is no {name}", field.escape_debug()),
                    format!(
                        "a {name} is {range}; lists (`1,4`), ranges (`1-5`), steps (`*/3`) and `*` are possible"
                    ),
                ));
            }
        }
        let (day, weekday) = (fields[DAY_OF_MONTH], fields[DAY_OF_WEEK]);
        let steps = |field: &str| field.starts_with("*/");
        if (steps(day) && weekday != "*") || (steps(weekday) && day != "*") {
            return Err(bad(
                ": schedulers do not agree on a step in one of the two fields of days beside the other",
                "write the days as a list: `1,11,21,31` for `*/10`".into(),
            ));
        }
        let cron = parse(&fields.join(" ")).map_err(|_| bad("", "compare it with `0 6 1 */3 *`".into()))?;
        let intervals = intervals(&cron).ok_or_else(|| BadName {
            message: format!("`{text}` never fires: no such day comes"),
            help: "write a day that exists in the month: `0 6 28 2 *`".into(),
        })?;
        Ok(Self { cron, intervals })
    }

    pub(crate) fn check_window(&self, window: Span) -> Result<(), BadName> {
        let (shortest, _) = self.intervals;
        if window.0.is_zero() {
            return Err(BadName {
                message: "a drill cannot begin within 0s".into(),
                help: "say how long after it was due it may begin: `4h`; without `window` it may begin until the next one is due".into(),
            });
        }
        if window > shortest {
            return Err(BadName {
                message: format!(
                    "the window ({window}) is longer than the time from one drill to the next ({shortest})"
                ),
                help: format!(
                    "write {shortest} or less; without `window` a drill may begin until the next one is due"
                ),
            });
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Cron, croner::errors::CronError> {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(text)
}

/// Whether a text may stand in this field. The parser knows more signs than cron has.
fn is_field(index: usize, text: &str) -> bool {
    let mut fields = ["*"; 5];
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/' | '#');
    let Some(field) = fields.get_mut(index).filter(|_| text.chars().all(known)) else { return false };
    *field = text;
    parse(&fields.join(" ")).is_ok()
}

/// The years that are looked through for intervals. Leap days and weekdays repeat after 28.
const YEARS: std::ops::Range<i32> = 2000..2060;

/// The shortest and the longest interval. `None`: it fires less than twice in a lifetime.
///
/// The times of a day are those of every other day, so the days alone are looked through.
fn intervals(cron: &Cron) -> Option<(Span, Span)> {
    let (hours, minutes) = (cron.pattern.hours.values(), cron.pattern.minutes.values());
    let times: Vec<TimeDelta> = hours
        .iter()
        .flat_map(|hour| minutes.iter().map(move |minute| i64::from(*hour) * 60 + i64::from(*minute)))
        .map(TimeDelta::minutes)
        .collect();
    let (first, last) = (*times.first()?, *times.last()?);
    let midnight = NaiveTime::default();
    let begin = NaiveDate::from_yo_opt(YEARS.start, 1)?;
    let end = NaiveDate::from_yo_opt(YEARS.end, 1)?;
    let fires = |day: &NaiveDate| cron.is_time_matching(&(day.and_time(midnight) + first)).unwrap_or(false);
    let days: Vec<NaiveDate> = begin.iter_days().take_while(|day| *day < end).filter(fires).collect();
    let between_days = days.windows(2).filter_map(|pair| match pair {
        [day, next] => Some(*next - *day + first - last),
        _ => None,
    });
    let within_a_day = times.windows(2).filter_map(|pair| match pair {
        [time, next] => Some(*next - *time),
        _ => None,
    });
    let all: Vec<TimeDelta> = between_days.collect();
    let all = all.iter().copied().chain(within_a_day.filter(|_| !all.is_empty()));
    let span = |delta: TimeDelta| delta.to_std().ok().map(Span);
    Some((span(all.clone().min()?)?, span(all.max()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Expression {
        Expression::read(text).unwrap_or_else(|bad| panic!("{text}: {bad}; {}", bad.help))
    }

    #[test]
    fn intervals_are_those_of_the_calendar() {
        let minutes = |minutes: u64| Span::from_secs(60 * minutes);
        let days = |days: u64| minutes(24 * 60 * days);
        for (text, shortest, longest) in [
            ("0 6 1 */3 *", days(90), days(92)),
            ("0 6 1 * *", days(28), days(31)),
            ("0 6 * * MON", days(7), days(7)),
            ("0 6,18 * * *", minutes(720), minutes(720)),
            ("*/30 2 * * *", minutes(30), minutes(23 * 60 + 30)),
            ("* * * * *", minutes(1), minutes(1)),
            ("0 6 29 2 *", days(1461), days(1461)),
            ("0 6 * * MON#1", days(28), days(35)),
            ("0 6 1 * MON", days(1), days(7)),
        ] {
            assert_eq!(read(text).intervals, (shortest, longest), "{text}");
        }
    }

    #[test]
    fn mistakes_name_the_field() {
        for (text, told) in [
            ("", "it has 0 fields, and not 5"),
            ("@quarterly", "it has 1 fields"),
            ("0 0 6 1 */3 *", "it has 6 fields"),
            ("61 6 1 * *", "`61` is no minute"),
            ("0 24 1 * *", "`24` is no hour"),
            ("0 6 0 * *", "`0` is no day of the month"),
            ("0 6 1 13 *", "`13` is no month"),
            ("0 6 1 * 8", "`8` is no day of the week"),
            ("0 6 ? * 1", "`?` is no day of the month"),
            ("0 6 1 * +1", "`+1` is no day of the week"),
            ("0 6 */2 * 1", "schedulers do not agree"),
            ("0 6 1 * */2", "schedulers do not agree"),
            ("0 6 31 2 *", "never fires"),
            ("0 6 30 FEB *", "never fires"),
            ("0 6 \u{202e} * *", "`\\u{202e}` is no day of the month"),
        ] {
            let bad = Expression::read(text).unwrap_err();
            assert!(bad.message.contains(told) && !bad.help.is_empty(), "{text}: {bad}");
        }
    }
}
