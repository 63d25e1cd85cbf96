//! Figures in readable form, and their positions in pictures.

use chrono::SecondsFormat;
use serde::Serialize;

use crate::report::model::Report;
use base::duration::{Time, human_seconds, seconds_between};

/// Returns a length of time, rounded to a second from one minute on, and to a tenth of a second
/// below. report.json has the exact figure.
pub fn length(seconds: f64) -> String {
    let rounded = if seconds.abs() >= 60.0 { seconds.round() } else { (seconds * 10.0).round() / 10.0 };
    // Avoids `-0`, which would look like a negative length.
    human_seconds(if rounded == 0.0 { 0.0 } else { rounded })
}

/// Returns a length next to another one. It is exact if rounding would make two different figures
/// look equal.
pub fn length_beside(seconds: f64, other: Option<f64>) -> String {
    let same = other.is_some_and(|o| {
        #[expect(clippy::float_cmp, reason = "asks whether the figures differ at all")]
        let differs = o != seconds;
        differs && length(o) == length(seconds)
    });
    if same { human_seconds(seconds) } else { length(seconds) }
}

/// The time from which other times are counted: T0, or the start of a run that ended before the
/// disaster was declared.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    pub time: Time,
    /// `T0` or `start`
    pub name: &'static str,
}

impl Origin {
    pub fn of(report: &Report) -> Self {
        match report.t0 {
            Some(time) => Self { time, name: "T0" },
            None => Self { time: report.started_at, name: "start" },
        }
    }

    pub fn seconds(self, time: Time) -> f64 {
        seconds_between(self.time, time)
    }

    /// Returns `T0 + 14m`, `T0 − 5s` or `T0`.
    pub fn offset_of(self, time: Time) -> String {
        self.offset(self.seconds(time))
    }

    /// Like [`offset_of`](Self::offset_of), for seconds since the origin.
    pub fn offset(self, seconds: f64) -> String {
        match length(seconds.abs()) {
            text if text == "0s" => self.name.into(),
            text if seconds < 0.0 => format!("{} − {text}", self.name),
            text => format!("{} + {text}", self.name),
        }
    }
}

/// `2026-01-31 08:00:00 UTC`
pub fn instant(time: Time) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Returns the time for `<time datetime>`.
pub fn iso(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Returns `47 %`. A share above zero never reads as zero.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if !percent.is_finite() {
        return "unknown".into();
    }
    if percent > 0.0 && percent < 1.0 {
        return "< 1 %".into();
    }
    format!("{percent:.0} %")
}

/// A bar in a picture, in per cent of its width.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    pub x: String,
    pub w: String,
    /// The class in the style sheet.
    pub class: &'static str,
}

/// A point in a picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    pub x: String,
    pub label: String,
    /// `start`, `middle` or `end`. A label near an edge grows inwards.
    pub anchor: &'static str,
    pub class: &'static str,
}

/// A linear scale from seconds to per cent.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub from: f64,
    pub to: f64,
}

impl Scale {
    pub fn at(&self, seconds: f64) -> f64 {
        let span = self.to - self.from;
        let share = if span > 0.0 { (seconds - self.from) / span } else { 0.0 };
        if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 0.0 }
    }

    /// Returns a bar that is wide enough to be seen.
    pub fn bar(&self, from: f64, to: f64, class: &'static str) -> Bar {
        const LEAST: f64 = 0.5;
        let (start, end) = (self.at(from), self.at(to));
        let width = (end - start).max(LEAST);
        Bar { x: pct(start.min(100.0 - width)), w: pct(width), class }
    }

    pub fn mark(&self, at: f64, label: String, class: &'static str) -> Mark {
        mark(self.at(at), label, class)
    }
}

pub fn mark(at: f64, label: String, class: &'static str) -> Mark {
    let anchor = match at {
        x if x < 6.0 => "start",
        x if x > 94.0 => "end",
        _ => "middle",
    };
    Mark { x: pct(at), label, anchor, class }
}

pub fn pct(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}%", if text == "-0" { "0" } else { text })
}

/// The distances between ticks in seconds, as on a clock.
const TICKS: [f64; 22] = [
    0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
];

/// Returns at most seven ticks at round distances from the origin, which is 0.
pub fn ticks(scale: Scale, origin: &str) -> Vec<Mark> {
    let span = scale.to - scale.from;
    let step = TICKS.into_iter().find(|step| span / step <= 6.0).unwrap_or(span / 6.0);
    if !(step.is_finite() && step > 0.0) {
        return vec![scale.mark(0.0, origin.into(), "t0")];
    }
    let mut marks = Vec::new();
    let mut n = (scale.from / step).ceil();
    while n * step <= scale.to && marks.len() < 16 {
        let at = n * step;
        let (label, class) = match at {
            at if at < 0.0 => (format!("−{}", length(-at)), "tick"),
            at if at > 0.0 => (format!("+{}", length(at)), "tick"),
            _ => (origin.into(), "t0"),
        };
        marks.push(scale.mark(at, label, class));
        n += 1.0;
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well_and_never_lie_by_rounding() {
        assert_eq!(length(1805.4), "30m5s");
        assert_eq!(length(0.04), "0s");
        assert_eq!(length(12.34), "12.3s");
        assert_eq!(length_beside(2700.3, Some(2700.0)), "45m0.3s");
        assert_eq!(length_beside(2700.0, Some(2700.0)), "45m");
        assert_eq!(percent(0.004), "< 1 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(f64::NAN), "unknown");
    }

    #[test]
    fn positions_stay_inside_the_picture() {
        let scale = Scale { from: 0.0, to: 100.0 };
        assert_eq!(scale.bar(50.0, 75.0, "a"), Bar { x: "50%".into(), w: "25%".into(), class: "a" });
        assert_eq!(scale.bar(100.0, 100.0, "a"), Bar { x: "99.5%".into(), w: "0.5%".into(), class: "a" });
        assert_eq!(scale.bar(-9.0, 1e9, "a"), Bar { x: "0%".into(), w: "100%".into(), class: "a" });
        let nothing = Scale { from: 0.0, to: 0.0 };
        assert_eq!(nothing.bar(0.0, 0.0, "a").x, "0%");
        assert_eq!(nothing.bar(f64::NAN, f64::INFINITY, "a").x, "0%");
        assert_eq!(ticks(nothing, "T0").len(), 1);
    }

    #[test]
    fn ticks_are_round_and_few() {
        let labels =
            |from, to| ticks(Scale { from, to }, "T0").into_iter().map(|m| m.label).collect::<Vec<_>>();
        assert_eq!(labels(-70.0, 1000.0), ["T0", "+5m", "+10m", "+15m"]);
        assert_eq!(labels(-3600.0, 10_800.0), ["−1h", "T0", "+1h", "+2h", "+3h"]);
        for to in [0.3, 7.0, 65.0, 905.0, 5_000.0, 90_000.0, 3e6, 9e9] {
            let count = ticks(Scale { from: 0.0, to }, "T0").len();
            assert!((2..=8).contains(&count), "{to}: {count}");
        }
    }
}
