//! The output of a run: consumers of events while it runs, and the result at its end.
//!
//! stdout carries the result, and stderr the progress. A drill goes on if stderr cannot be written
//! to, because the journal is its record. If stdout cannot be written to, the run fails.
#![allow(clippy::disallowed_methods, reason = "what a terminal sees, and when it was drawn last")]

pub mod lines;
pub mod live;
pub mod narrator;
pub mod ndjson;
pub mod out;
pub mod summary;
pub mod text;

use std::collections::BTreeMap;
use std::env;

use clap::ValueEnum;

use base::clock::{Clock, Pace};
use base::visible::Form;
use event::Consumer;
pub use text::TextStyle;

/// The value of `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputMode {
    /// For people: progress on stderr, the result on stdout.
    #[default]
    Text,
    /// For programs: NDJSON on stdout.
    Json,
}

impl OutputMode {
    /// The form of a result on stdout.
    pub fn form(self) -> Form {
        match self {
            Self::Text => out::text(),
            Self::Json => Form::Json,
        }
    }
}

/// The environment of the process. A value, so that tests can choose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    pub stderr_is_terminal: bool,
    pub stdout_is_terminal: bool,
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub no_color: bool,
    /// `TERM` is `dumb` or not set.
    pub dumb: bool,
    /// `CI` is set.
    pub ci: bool,
    /// The locale's encoding is UTF-8.
    pub utf8: bool,
}

impl Surroundings {
    pub fn detect() -> Self {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self {
            stderr_is_terminal: out::stderr_is_terminal(),
            stdout_is_terminal: out::stdout_is_terminal(),
            no_color: set("NO_COLOR"),
            dumb: text("TERM").is_none_or(|term| term == "dumb"),
            ci: text("CI").is_some_and(|ci| ci != "false" && ci != "0"),
            utf8: locale.ends_with("utf-8") || locale.ends_with("utf8"),
        }
    }

    /// Returns the style for stderr.
    pub fn stderr_look(&self) -> TextStyle {
        TextStyle { color: self.stderr_is_terminal && !self.no_color && !self.dumb, unicode: self.utf8 }
    }

    /// Returns the width of stdout. `None` if it is no terminal.
    pub fn stdout_columns(&self) -> Option<usize> {
        let columns = || usize::from(console::Term::stdout().size().1);
        self.stdout_is_terminal.then(columns)
    }

    /// Returns the style for stdout.
    pub fn stdout_look(&self) -> TextStyle {
        TextStyle { color: self.stdout_is_terminal && !self.no_color && !self.dumb, unicode: self.utf8 }
    }
}

/// The display of a run while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Writes events to stdout.
    Ndjson,
    /// Writes a line for each event to stderr.
    Lines(TextStyle),
    /// Redraws a frame in place on stderr.
    Live(TextStyle),
}

/// Chooses the display of a run.
pub fn choose(output: OutputMode, around: &Surroundings) -> Display {
    match output {
        OutputMode::Json => Display::Ndjson,
        OutputMode::Text if around.stderr_is_terminal && !around.dumb && !around.ci => {
            Display::Live(around.stderr_look())
        }
        OutputMode::Text => Display::Lines(around.stderr_look()),
    }
}

/// Returns the consumer for a display. The shown time advances with the run's `clock` and `pace`
/// between two events.
///
/// `expected`: the seconds that each workload is expected to take, by its name.
pub fn consumer(
    display: Display,
    clock: &Clock,
    pace: Pace,
    expected: BTreeMap<String, f64>,
) -> Box<dyn Consumer> {
    let speed = match (clock, pace) {
        (Clock::Real { .. }, _) => 1.0,
        (Clock::Virtual(_), Pace::Times(times)) => times,
        (Clock::Virtual(_), Pace::Max) => 0.0,
    };
    match display {
        Display::Ndjson => Box::new(ndjson::Ndjson::new(out::stdout(Form::Json))),
        Display::Lines(style) => Box::new(lines::Lines::new(out::stderr(), style)),
        Display::Live(style) => Box::new(live::Live::on_stderr(style, speed).expecting(expected)),
    }
}
