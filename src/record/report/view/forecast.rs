//! The view of a forecast: the distribution of a workload's RTO, its objective, and what the run
//! measured.

use std::fmt::Write as _;

use serde::Serialize;

use super::figures::{Mark, Scale, length, percent, ticks};
use super::{Badge, Limits};
use event::Forecast;
use event::forecast::{Histogram, RtoForecast, TimesFrom, WorkloadForecast};

/// The height of the highest bar, in the units of the picture's own coordinates. Its width is 100.
const HEIGHT: f64 = 48.0;

#[derive(Debug, Serialize)]
pub struct ForecastView {
    /// `1h2m`, or `never` among the recoveries that fail.
    pub p50: String,
    pub p90: String,
    pub p99: String,
    /// How often the objective is met. Absent without an objective.
    pub met: Option<Badge>,
    /// The interval of `met`: `92.6 to 93.6 %`
    pub between: Option<String>,
    pub objective: Option<String>,
    /// How many of the recoveries fail. Absent if none does.
    pub failed: Option<String>,
    /// What the run measured, beside the forecast.
    pub measured: Option<String>,
    /// All of it in one line.
    pub line: String,
    pub picture: Option<Picture>,
}

/// Bars of a distribution, with upright lines and an axis.
#[derive(Debug, Serialize)]
pub struct Picture {
    pub areas: Vec<Area>,
    pub objective: Option<Mark>,
    pub measured: Option<Mark>,
    pub ticks: Vec<Mark>,
    /// A description in words.
    pub alt: String,
}

/// Bars of one colour, as a path.
#[derive(Debug, Serialize)]
pub struct Area {
    /// `half`, `most`, `nearly` or `beyond`: up to P50, P90, P99, and the rest.
    pub class: &'static str,
    pub path: String,
}

/// `measured`: the RTO of the run, assumptions included.
pub fn of(workload: &WorkloadForecast, measured: Option<f64>, limits: Limits) -> ForecastView {
    let name = limits.name(&workload.name);
    let Some(rto) = &workload.rto else {
        let because = workload.because.as_deref().unwrap_or("nothing is known");
        return ForecastView {
            p50: "unknown".into(),
            p90: "unknown".into(),
            p99: "unknown".into(),
            met: None,
            between: None,
            objective: None,
            failed: None,
            measured: None,
            line: limits.prose(&format!("unknown: {because}")),
            picture: None,
        };
    };
    let figure = |seconds: Option<f64>| seconds.map_or_else(|| "never".to_owned(), length);
    let (p50, p90, p99) = (figure(rto.p50_s), figure(rto.p90_s), figure(rto.p99_s));
    let met = rto.p_met.map(|share| {
        let words = format!("met in {}", nearly(share));
        match share {
            share if share >= 0.95 => Badge::ok(&words),
            share if share >= 0.5 => Badge::unknown(&words),
            _ => Badge::bad(&words),
        }
    });
    let between = rto.p_met_low.zip(rto.p_met_high);
    let between = between.map(|(low, high)| format!("{:.1} to {:.1} %", low * 100.0, high * 100.0));
    let failed = (rto.p_failed > 0.0).then(|| nearly(rto.p_failed));
    let compared = measured.map(|seconds| compared(rto, seconds));
    let objective = rto.objective_s.map(length);
    let mut line = format!("P50 {p50}, P90 {p90}, P99 {p99}");
    if let (Some(met), Some(objective)) = (&met, &objective) {
        let _infallible = write!(line, "; the objective of {objective} {}", met.word);
    }
    if let Some(failed) = &failed {
        let _infallible = write!(line, "; {failed} of the recoveries fail");
    }
    if let Some(compared) = &compared {
        let _infallible = write!(line, "; {compared}");
    }
    let picture = picture(rto, measured, format!("Forecast RTO of {name}: {line}"));
    ForecastView { p50, p90, p99, met, between, objective, failed, measured: compared, line, picture }
}

/// What a forecast is, and what it is made from.
pub fn caption(forecast: &Forecast, limits: Limits) -> String {
    if let Some(because) = &forecast.because {
        return limits.prose(&format!("There is no forecast: {because}."));
    }
    let mut text = format!(
        "A forecast is a model, not a measurement: the playbook was rehearsed on the twin, and its graph drawn {} times \
         with other times (seed {}).",
        forecast.runs, forecast.seed
    );
    let of = |model: TimesFrom| {
        let actions = forecast.learned_from.iter().filter(|action| action.model == model);
        actions.map(|action| limits.name(&action.name())).collect::<Vec<_>>()
    };
    let learned = forecast.learned_from.iter().filter(|action| action.model == TimesFrom::Learned);
    let learned: Vec<String> = learned
        .map(|action| format!("{} (from {} measured times)", limits.name(&action.name()), action.runs))
        .collect();
    let sources = [
        ("Learned are the times of", learned),
        ("The estate gives the times of", of(TimesFrom::Estate)),
        ("No drill measured those of the built-in calibration:", of(TimesFrom::Calibration)),
    ];
    for (words, actions) in sources {
        if !actions.is_empty() {
            let _infallible = write!(text, " {words} {}.", actions.join(", "));
        }
    }
    if forecast.contention > 1.0 {
        let _infallible = write!(
            text,
            " Everything that AWS does takes {} times as long: assume.contention.",
            forecast.contention
        );
    }
    limits.prose(&text)
}

/// A share. One that is not whole never reads as whole.
fn nearly(share: f64) -> String {
    if share > 0.99 && share < 1.0 {
        format!("{:.2} %", (share * 1e4).floor() / 100.0)
    } else {
        percent(share)
    }
}

/// Where the measured RTO lies among the draws.
fn compared(rto: &RtoForecast, measured: f64) -> String {
    // The figures of the picture have milliseconds.
    const LEAST: f64 = 0.001;
    let Histogram { from_s, width_s, counts } = &rto.histogram;
    let all: usize = counts.iter().sum();
    let end = from_s + width_s * counts.len() as f64;
    let told = length(measured);
    if all == 0 || (*width_s <= 0.0 && (measured - from_s).abs() <= LEAST) {
        return format!("measured {told}");
    }
    if measured < from_s - LEAST {
        return format!("measured {told}, faster than all draws");
    }
    if measured > end + LEAST {
        return format!("measured {told}, slower than nearly all draws");
    }
    let mut below = 0.0;
    for (part, count) in counts.iter().enumerate() {
        let inside = ((measured - from_s) / width_s - part as f64).clamp(0.0, 1.0);
        below += inside * *count as f64;
    }
    format!("measured {told}, slower than {} of the draws", percent(below / all as f64))
}

fn picture(rto: &RtoForecast, measured: Option<f64>, alt: String) -> Option<Picture> {
    let Histogram { from_s, width_s, counts } = &rto.histogram;
    let most = counts.iter().copied().max().filter(|most| *most > 0)?;
    let end = from_s + width_s * counts.len() as f64;
    let others = || rto.objective_s.into_iter().chain(measured);
    let low = others().fold(*from_s, f64::min);
    let high = others().fold(end, f64::max);
    // Some room beside the outermost, and some width if all are the same.
    let room = ((high - low) * 0.04).max(high * 0.01).max(1.0);
    let scale = Scale { from: (low - room).max(0.0), to: high + room };
    let classes = [("half", rto.p50_s), ("most", rto.p90_s), ("nearly", rto.p99_s), ("beyond", None)];
    let class_of = |seconds: f64| {
        let within = classes.iter().position(|(_, up_to)| up_to.is_none_or(|up_to| seconds <= up_to));
        within.unwrap_or(classes.len() - 1)
    };
    let mut paths = [const { String::new() }; 4];
    // A bar that nobody can see shows nothing.
    let least = 0.4_f64;
    for (part, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let start = from_s + width_s * part as f64;
        let (left, right) = (scale.at(start), scale.at(start + width_s));
        let width = ((right - left) * 0.9).max(least);
        let top = HEIGHT - (HEIGHT * *count as f64 / most as f64).max(0.8);
        let class = if *width_s > 0.0 { class_of(start + width_s / 2.0) } else { 0 };
        let _infallible = write!(paths[class], "M{left:.2} {HEIGHT}V{top:.1}H{:.2}V{HEIGHT}z", left + width);
    }
    let areas = classes.iter().zip(paths).filter(|(_, path)| !path.is_empty());
    let mut ticks = ticks(scale, "0s");
    for tick in &mut ticks {
        tick.label = tick.label.trim_start_matches('+').to_owned();
    }
    Some(Picture {
        areas: areas.map(|((class, _), path)| Area { class, path }).collect(),
        objective: rto.objective_s.map(|s| scale.mark(s, format!("objective {}", length(s)), "objective")),
        measured: measured.map(|s| scale.mark(s, format!("measured {}", length(s)), "measured")),
        ticks,
        alt,
    })
}
