//! A figure of a workload over its runs: a bar for each, and the objective.
//!
//! Nothing in it is told by colour alone, and the text alternative says all of it.

use std::fmt::Write as _;

use serde::Serialize;

use super::figures::{Mark, length, mark, pct};
use base::duration::Time;

/// Where bars begin and end, in pixels from the top.
const TOP: f64 = 16.0;
const BOTTOM: f64 = 66.0;

/// What a bar takes of its place, and its greatest width in per cent.
const FULL: f64 = 0.7;
const WIDEST: f64 = 10.0;

#[derive(Debug, Serialize)]
pub struct Chart {
    /// `RTO`
    pub measure: &'static str,
    /// The last figure against its objective: `18m2s of 20m`.
    pub last: String,
    /// All of it in one line: `2026-01-01 19m5s, 2026-04-01 not measured, now 18m2s`.
    pub line: String,
    pub bars: Vec<Column>,
    /// Level lines: an objective changes when the playbook does.
    pub objectives: Vec<Level>,
    pub marks: Vec<Mark>,
    /// A description of the picture in words.
    pub alt: String,
}

/// A bar, in per cent of the width and in pixels of the height.
#[derive(Debug, Serialize)]
pub struct Column {
    /// `ok`, `failed` for a run that did not pass, or `unknown` for one that was not measured.
    pub class: &'static str,
    pub x: String,
    pub w: String,
    pub y: String,
    pub h: String,
    /// The run in words.
    pub title: String,
}

/// An objective, from one run to another.
#[derive(Debug, Serialize)]
pub struct Level {
    pub from: String,
    pub to: String,
    pub y: String,
}

/// A run, as far as one figure of one workload goes.
#[derive(Debug, Clone)]
pub struct Run {
    /// `None`: the run that the report is of.
    pub at: Option<Time>,
    pub seconds: Option<f64>,
    pub objective: Option<f64>,
    pub passed: bool,
}

impl Run {
    fn date(&self) -> String {
        self.at.map_or_else(|| "now".to_owned(), |at| at.format("%Y-%m-%d").to_string())
    }

    fn figure(&self) -> String {
        self.seconds.map_or_else(|| "not measured".to_owned(), length)
    }

    fn in_words(&self) -> String {
        let verdict = if self.passed { "" } else { " (did not pass)" };
        format!("{} {}{verdict}", self.date(), self.figure())
    }

    fn is_empty(&self) -> bool {
        self.seconds.is_none() && self.objective.is_none()
    }
}

impl Chart {
    /// `runs`: the oldest first. `None`: there is nothing to draw. `name` is shown as it is.
    pub fn of(measure: &'static str, name: &str, runs: &[Run]) -> Option<Self> {
        if runs.iter().all(Run::is_empty) {
            return None;
        }
        let last = runs.last()?;
        let figures = runs.iter().flat_map(|run| run.seconds.into_iter().chain(run.objective));
        let most = figures.fold(0.0, f64::max).max(0.001);
        let y = |seconds: f64| BOTTOM - (BOTTOM - TOP) * seconds / most;
        let width = 100.0 / runs.len() as f64;
        let bar = (width * FULL).min(WIDEST);
        let middle = |index: usize| width * (index as f64 + 0.5);
        let bars = runs.iter().enumerate().map(|(index, run)| {
            let (class, top) = match run.seconds {
                Some(seconds) if run.passed => ("ok", y(seconds)),
                Some(seconds) => ("failed", y(seconds)),
                None => ("unknown", TOP),
            };
            // A bar that nobody can see shows nothing.
            let top = top.min(BOTTOM - 2.0);
            Column {
                class,
                x: pct(middle(index) - bar / 2.0),
                w: pct(bar),
                y: format!("{top:.1}"),
                h: format!("{:.1}", BOTTOM - top),
                title: run.in_words(),
            }
        });
        let mut marks = vec![mark(middle(0), runs.first()?.date(), "label")];
        if let Some(index @ 1..) = runs.len().checked_sub(1) {
            marks.push(mark(middle(index), last.date(), "label"));
        }
        let line = runs.iter().map(Run::in_words).collect::<Vec<_>>().join(", ");
        let against = last.objective.map(length);
        let mut alt = match runs.len() {
            1 => format!("{measure} of {name} in one run: {line}"),
            count => format!("{measure} of {name} over {count} runs: {line}"),
        };
        if let Some(objective) = &against {
            let _infallible = write!(alt, "; objective {objective}");
        }
        Some(Self {
            measure,
            last: match (&against, last.seconds) {
                (Some(objective), Some(_)) => format!("{} of {objective}", last.figure()),
                (Some(objective), None) => format!("{}, objective {objective}", last.figure()),
                (None, _) => last.figure(),
            },
            line,
            bars: bars.collect(),
            objectives: levels(runs, width, y),
            marks,
            alt,
        })
    }
}

/// The objectives, one line for all neighbours with the same.
fn levels(runs: &[Run], width: f64, y: impl Fn(f64) -> f64) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut index = 0;
    for same in runs.chunk_by(|one, other| one.objective == other.objective) {
        let from = index;
        index += same.len();
        let Some(objective) = same.first().and_then(|run| run.objective) else { continue };
        levels.push(Level {
            from: pct(width * from as f64),
            to: pct(width * index as f64),
            y: format!("{:.1}", y(objective)),
        });
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seconds: Option<f64>, objective: Option<f64>) -> Run {
        Run {
            at: None,
            seconds,
            objective,
            passed: seconds.is_some_and(|s| objective.is_none_or(|o| s <= o)),
        }
    }

    #[test]
    fn a_chart_tells_passed_failed_and_unmeasured_apart() {
        let runs = [run(Some(60.0), Some(120.0)), run(Some(240.0), Some(120.0)), run(None, Some(60.0))];
        let chart = Chart::of("RTO", "orders", &runs).unwrap();
        let bars: Vec<_> = chart.bars.iter().map(|bar| (bar.class, bar.y.as_str())).collect();
        assert_eq!(bars, [("ok", "53.5"), ("failed", "16.0"), ("unknown", "16.0")]);
        let levels: Vec<_> = chart.objectives.iter().map(|l| (l.from.as_str(), l.to.as_str())).collect();
        assert_eq!(levels, [("0%", "66.67%"), ("66.67%", "100%")]);
        assert_eq!(chart.last, "not measured, objective 1m");
        assert_eq!(
            chart.alt,
            "RTO of orders over 3 runs: now 1m, now 4m (did not pass), now not measured (did not pass); objective 1m"
        );
    }

    #[test]
    fn what_says_nothing_is_not_drawn_and_a_nought_is() {
        assert!(Chart::of("RPO", "orders", &[]).is_none());
        assert!(Chart::of("RPO", "orders", &[run(None, None)]).is_none());
        let nought = Chart::of("RPO", "orders", &[run(Some(0.0), None)]).unwrap();
        assert_eq!((nought.bars[0].y.as_str(), nought.bars[0].h.as_str()), ("64.0", "2.0"));
        assert_eq!(nought.marks.len(), 1);
    }
}
