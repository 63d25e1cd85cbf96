use super::*;
use chrono::{Datelike as _, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _};
use proptest::prelude::*;

fn of(cron: &str, timezone: &str, window: Option<&str>) -> Schedule {
    let window = window.map(|text| text.parse().unwrap());
    let calendar = Calendar { cron: cron.into(), timezone: timezone.into(), window };
    Schedule::try_from(calendar).unwrap_or_else(|bad| panic!("{cron}: {bad}"))
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

/// The next occurrences on the clock of the zone, with its distance from UTC.
fn next(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let local = |due: Time| due.with_timezone(&schedule.zone()).format("%m-%d %H:%M %:z").to_string();
    schedule.after(time(from)).take(count).map(local).collect()
}

#[test]
fn a_time_that_does_not_exist_is_held_after_the_gap() {
    let daily = of("30 2 * * *", "Europe/Berlin", None);
    assert_eq!(
        next(&daily, "2026-03-27T12:00:00Z", 3),
        ["03-28 02:30 +01:00", "03-29 03:00 +02:00", "03-30 02:30 +02:00"]
    );
    let santiago = of("0 0 * * *", "America/Santiago", None);
    assert_eq!(next(&santiago, "2026-09-05T12:00:00Z", 2), ["09-06 01:00 -03:00", "09-07 00:00 -03:00"]);
}

#[test]
fn a_time_that_comes_twice_is_held_once() {
    let daily = of("30 2 * * *", "Europe/Berlin", None);
    assert_eq!(
        next(&daily, "2026-10-24T12:00:00Z", 3),
        ["10-25 02:30 +02:00", "10-26 02:30 +01:00", "10-27 02:30 +01:00"]
    );
    // From within the second pass, the first one is over.
    assert_eq!(next(&daily, "2026-10-25T01:10:00Z", 1), ["10-26 02:30 +01:00"]);
}

#[test]
fn several_times_of_a_day_follow_the_clock() {
    let often = of("*/30 2 * * *", "Europe/Berlin", None);
    assert_eq!(next(&often, "2026-03-28T12:00:00Z", 1), ["03-30 02:00 +02:00"]);
    assert_eq!(
        next(&often, "2026-10-24T12:00:00Z", 5),
        [
            "10-25 02:00 +02:00",
            "10-25 02:30 +02:00",
            "10-25 02:00 +01:00",
            "10-25 02:30 +01:00",
            "10-26 02:00 +01:00"
        ]
    );
}

#[test]
fn of_two_fields_of_days_one_is_enough() {
    let either = of("0 6 1 * MON", "UTC", None);
    assert_eq!(
        next(&either, "2026-06-30T12:00:00Z", 3),
        ["07-01 06:00 +00:00", "07-06 06:00 +00:00", "07-13 06:00 +00:00"]
    );
}

#[test]
fn a_drill_is_missed_once_its_window_has_closed() {
    let missed = |schedule: &Schedule, held: &str, now: &str| -> Vec<String> {
        schedule.missed(time(held), time(now)).map(|due| due.format("%m-%d %H:%M").to_string()).collect()
    };
    let quarterly = of("0 6 1 */3 *", "UTC", Some("4h"));
    assert!(missed(&quarterly, "2026-01-01T06:00:00Z", "2026-04-01T09:59:59Z").is_empty());
    assert_eq!(missed(&quarterly, "2026-01-01T06:00:00Z", "2026-04-01T10:00:00Z"), ["04-01 06:00"]);
    assert_eq!(missed(&quarterly, "2026-01-01T05:59:59Z", "2026-04-01T09:00:00Z"), ["01-01 06:00"]);
    // Without a window, the whole quarter is left.
    let word = Schedule::try_from(Word::Quarterly).unwrap();
    assert!(missed(&word, "2025-12-31T23:00:00Z", "2026-04-01T05:59:59Z").is_empty());
    assert_eq!(missed(&word, "2025-12-31T23:00:00Z", "2026-04-01T06:00:00Z"), ["01-01 06:00"]);
    assert_eq!(missed(&word, "2026-02-01T00:00:00Z", "2026-12-01T00:00:00Z"), ["04-01 06:00", "07-01 06:00"]);
}

#[test]
fn windows_that_cannot_be_meant_are_refused() {
    let refused = |cron: &str, window: &str| {
        let window = Some(window.parse().unwrap());
        Schedule::try_from(Calendar { cron: cron.into(), timezone: "UTC".into(), window })
            .unwrap_err()
            .message
    };
    assert!(refused("0 6 1 * *", "0").contains("within 0s"));
    assert!(refused("0 6 1 * *", "29d").contains("(28d)"));
    assert!(refused("*/30 2 * * *", "31m").contains("(30m)"));
    of("0 6 1 * *", "UTC", Some("28d"));
}

#[test]
fn what_is_said_is_read_and_written_alike() {
    for text in [
        "\"quarterly\"",
        r#"{"cron":"0 6 1 */3 *","timezone":"Europe/Berlin","window":"4h"}"#,
        r#"{"cron":"0 6 * * MON","timezone":"UTC"}"#,
    ] {
        let schedule: Schedule = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&schedule).unwrap(), text);
    }
    let short: Schedule = serde_json::from_str(r#"{"cron":"0 6 * * MON"}"#).unwrap();
    assert_eq!(short.zone(), Tz::UTC);
    for text in [
        "\"daily\"",
        r#"{"cron":"0 6 * * MON","zone":"UTC"}"#,
        r#"{"cron":"0 6 * * MON","timezone":"Berlin"}"#,
    ] {
        assert!(serde_json::from_str::<Schedule>(text).is_err(), "{text}");
    }
}

#[test]
fn an_expression_of_lists_means_the_same() {
    for (text, lists) in [
        ("0 6 1 */3 *", "0 6 1 1,4,7,10 *"),
        ("*/30 0-2 * JAN,DEC MON-WED", "0,30 0,1,2 * 1,12 1,2,3"),
        ("0 6 * * 7", "0 6 * * 0"),
        ("0 6 1-31 * MON", "0 6 * * *"),
        ("0 6 1 * MON", "0 6 1 * 1"),
        ("* * 1-31 1-12 0-6", "* * * * *"),
    ] {
        let schedule = of(text, "UTC", None);
        let same = schedule.fields().unwrap().cron();
        assert_eq!(same, lists, "{text}");
        let from = time("2026-01-31T08:00:00Z");
        assert!(schedule.after(from).take(50).eq(of(&same, "UTC", None).after(from).take(50)), "{text}");
    }
    for text in ["0 6 L * *", "0 6 15W * *", "0 6 * * MON#1", "0 6 * * FRI#L"] {
        assert_eq!(of(text, "UTC", None).fields(), None, "{text}");
    }
}

#[test]
fn every_word_has_an_expression() {
    for word in Word::VARIANTS {
        let schedule = Schedule::try_from(*word).unwrap();
        assert_eq!(schedule.to_string(), word.to_string());
        assert!(!schedule.describe().is_empty());
    }
}

/// Zones with changes of an hour and of half an hour, on both halves of the Earth, by day and by
/// night, and one without.
const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Asia/Kolkata",
];

/// The instants at which a clock shows a time: two where it is put back, none where put forward.
fn instants(zone: Tz, shown: NaiveDateTime) -> Vec<Time> {
    let found = zone.from_local_datetime(&shown);
    let mut all: Vec<Time> =
        [found.earliest(), found.latest()].into_iter().flatten().map(|at| at.with_timezone(&Utc)).collect();
    all.dedup();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A drill at one time of the day is held on each day, once, at its time if it exists.
    #[test]
    fn each_day_has_its_drill(zone in 0..ZONES.len(), hour in 0_u32..24, minute in 0_u32..60, year in 2024..2032) {
        let schedule = of(&format!("{minute} {hour} * * *"), ZONES[zone], None);
        let from = Utc.with_ymd_and_hms(year, 1, 1, 12, 0, 0).unwrap();
        let due: Vec<Time> = schedule.after(from).take(370).collect();
        prop_assert_eq!(due.len(), 370);
        for pair in due.windows(2) {
            let (day, next) = (pair[0].with_timezone(&schedule.zone()), pair[1].with_timezone(&schedule.zone()));
            prop_assert_eq!(next.date_naive() - day.date_naive(), TimeDelta::days(1));
        }
        for at in due {
            let local = at.with_timezone(&schedule.zone());
            let meant = local.date_naive().and_hms_opt(hour, minute, 0).unwrap();
            if let Some(first) = instants(schedule.zone(), meant).first() {
                // The first pass counts.
                prop_assert_eq!(at, *first);
            } else {
                // The gap ends at this instant: a second before it, the clock showed an earlier time.
                let before = (at - TimeDelta::seconds(1)).with_timezone(&schedule.zone()).naive_local();
                prop_assert!(before < meant && meant < local.naive_local(), "{before} {meant} {local}");
            }
        }
    }

    /// An expression of several times fires exactly when the clock shows one of them.
    #[test]
    fn each_shown_time_fires(zone in 0..ZONES.len(), first in 0_u32..20, step in 7_u32..31, year in 2024..2032, month in 1_u32..13) {
        let schedule = of(&format!("*/{step} {first}-{} * * *", first + 3), ZONES[zone], None);
        let from = Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).unwrap();
        let to = from + TimeDelta::days(32);
        let mut expected = Vec::new();
        let mut at = from + TimeDelta::minutes(1);
        while at < to {
            let local = at.with_timezone(&schedule.zone());
            if local.minute().is_multiple_of(step) && (first..=first + 3).contains(&local.hour()) {
                expected.push(at);
            }
            at += TimeDelta::minutes(1);
        }
        let due: Vec<Time> = schedule.after(from).take_while(|due| *due < to).collect();
        prop_assert_eq!(due, expected);
    }

    /// Looking back finds what looking forward found.
    #[test]
    fn both_directions_agree(
        zone in 0..ZONES.len(),
        cron in prop::sample::select(vec![
            "30 2 * * *", "0 0 * * *", "*/30 2 * * *", "15 1,2,3 * * *", "0 6 1 */3 *", "0 6 * * MON#1", "0 2 L * *",
            "45 1 * * SUN", "* 2 * * *",
        ]),
        days in 0_i64..2500,
        minutes in 0_i64..1440,
    ) {
        let schedule = of(cron, ZONES[zone], None);
        let now = time("2024-01-01T00:00:00Z") + TimeDelta::days(days) + TimeDelta::minutes(minutes);
        let last = schedule.last_due(now).unwrap();
        prop_assert!(last <= now);
        prop_assert!(schedule.after(last).next().unwrap() > now, "{last} {now}");
        // What is due follows what was just before it.
        prop_assert_eq!(schedule.after(last - TimeDelta::seconds(1)).next().unwrap(), last);
        prop_assert_eq!(last.with_timezone(&schedule.zone()).second(), 0);
        prop_assert!(last.year() > 2020);
    }
}
