//! Output for GitHub Actions: the Markdown report in the job's summary, and annotations for misses.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::caveats::{CaveatKind, caveats};
use super::escape::{clip, visible};
use super::junit::figures;
use super::model::{CheckStatus, Report, Severity, Status, StepStatus};
use super::{Format, ReportError, Templates, headline, render};
use base::exit::Exit;
use base::visible::{Form, printed};

/// GitHub shows ten errors and ten warnings for each step, and silently drops the rest.
const MOST: usize = 10;

/// Publishes the report in GitHub Actions. Does nothing elsewhere.
///
/// Appends the Markdown report to the file in `GITHUB_STEP_SUMMARY`. If `GITHUB_ACTIONS` is `true`,
/// returns the annotations to print on stdout. `env` reads the environment.
pub fn publish(
    report: &Report,
    templates: &Templates,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, ReportError> {
    publish_texts(|| render(report, Format::Markdown, templates), || annotations(report), env)
}

/// Like [`publish`], for a summary and annotations that are not those of a report.
pub fn publish_texts(
    summary: impl FnOnce() -> Result<String, ReportError>,
    annotations: impl FnOnce() -> Vec<String>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, ReportError> {
    if let Some(path) = env("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        append(&PathBuf::from(path), &summary()?)?;
    }
    if env("GITHUB_ACTIONS").as_deref() == Some("true") { Ok(annotations()) } else { Ok(Vec::new()) }
}

fn append(path: &Path, text: &str) -> Result<(), ReportError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()))
        .map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

/// Returns the workflow commands, the most important first: at most ten errors, then at most ten
/// warnings. If some are left out, the last one says how many.
pub fn annotations(report: &Report) -> Vec<String> {
    let path = &report.playbook.path;
    commands(errors(report), warnings(report), path, "See report.html for all of them.")
}

/// The title and the message of an annotation.
pub type Note = (String, String);

/// Returns the workflow commands of notes about the file `path`. `rest` says where to find those
/// that are left out.
pub fn commands(errors: Vec<Note>, warnings: Vec<Note>, path: &str, rest: &str) -> Vec<String> {
    let of = |notes: Vec<Note>| {
        let placed = |(title, message)| Placed {
            title: Some(title),
            message,
            place: Some(Place { file: path.to_owned(), at: None }),
        };
        notes.into_iter().map(placed).collect()
    };
    placed_commands(of(errors), of(warnings), rest)
}

/// A note with its place.
#[derive(Debug, Clone)]
pub struct Placed {
    pub title: Option<String>,
    pub message: String,
    /// `None`: it is about no file.
    pub place: Option<Place>,
}

#[derive(Debug, Clone)]
pub struct Place {
    pub file: String,
    /// The line and the column, counted from 1. `None`: the whole file.
    pub at: Option<(usize, usize)>,
}

/// Like [`commands`], for notes about several places.
pub fn placed_commands(errors: Vec<Placed>, warnings: Vec<Placed>, rest: &str) -> Vec<String> {
    let mut lines = level("error", errors, rest);
    lines.extend(level("warning", warnings, rest));
    lines
}

fn level(level: &str, mut notes: Vec<Placed>, rest: &str) -> Vec<String> {
    if notes.len() > MOST {
        let left = notes.len() - (MOST - 1);
        notes.truncate(MOST - 1);
        // The rest may be in several files, or in one.
        let file = |place: &Place| Place { file: place.file.clone(), at: None };
        let place = notes.first().and_then(|note| note.place.as_ref()).map(file);
        notes.push(Placed { title: Some(format!("{left} more")), message: rest.to_owned(), place });
    }
    notes.into_iter().map(|note| command(level, &note)).collect()
}

fn command(level: &str, note: &Placed) -> String {
    let mut properties = Vec::new();
    if let Some(Place { file, at }) = &note.place {
        properties.push(format!("file={}", property(file)));
        properties.extend(at.map(|(line, column)| format!("line={line},col={column}")));
    }
    properties.extend(note.title.as_ref().map(|title| format!("title={}", property(&clip(title, 200)))));
    let space = if properties.is_empty() { "" } else { " " };
    format!("::{level}{space}{}::{}", properties.join(","), data(&clip(&note.message, 1000)))
}

fn errors(report: &Report) -> Vec<Note> {
    let mut notes = Vec::new();
    let simulated = if report.simulated { "Simulated: " } else { "" };
    let title = |text: String| format!("{simulated}{text}");
    // The first error says how the drill ended, so that there is one whenever the exit code is not 0.
    let ended = match report.exit_code {
        Exit::Passed => None,
        Exit::Failed => Some("The drill failed"),
        Exit::Wrong | Exit::Error => Some("The drill could not be carried out"),
        Exit::Interrupted => Some("The drill was interrupted"),
        Exit::LeftBehind => Some("Teardown left something behind"),
    };
    notes.extend(ended.map(|ended| (title(ended.into()), headline::of(report))));
    for w in &report.workloads {
        for figure in figures(w) {
            let word = match figure.status {
                Status::Met | Status::None => continue,
                Status::Missed => "missed",
                Status::Unknown => "unknown",
            };
            let what =
                if figure.name == "consistency" { figure.name.into() } else { figure.name.to_uppercase() };
            notes.push((title(format!("{what} of {} {word}", w.name)), figure.message()));
        }
        if !w.recovered {
            let mut missing = w.incomplete.clone();
            missing.extend(w.missing_resources.iter().map(|r| format!("{r} is lost and was not restored")));
            notes.push((title(format!("{} did not recover", w.name)), missing.join("; ")));
        }
    }
    if let Some(trouble) = report.teardown.trouble() {
        let message = format!("{trouble}: {}", report.teardown.left_behind.join(", "));
        notes.push((title("Not everything was torn down".into()), message));
    }
    let reason =
        |because: &Option<String>| because.clone().unwrap_or_else(|| "no reason was recorded".into());
    for step in report.steps.iter().filter(|s| s.status == StepStatus::Failed && !s.tolerated) {
        notes.push((title(format!("Step {} failed", step.id)), reason(&step.because)));
    }
    for check in &report.checks {
        let how = match check.status {
            CheckStatus::Healthy | CheckStatus::Skipped => continue,
            CheckStatus::Unhealthy => "unhealthy",
            CheckStatus::Unknown => "unknown",
        };
        notes.push((title(format!("Check {} is {how}", check.id)), reason(&check.because)));
    }
    notes
}

fn warnings(report: &Report) -> Vec<Note> {
    let denied =
        report.denied_calls.iter().map(|d| (format!("{} denied", d.call), format!("{}: {}", d.step, d.why)));
    let findings = report.findings.iter().filter(|f| f.severity == Severity::High);
    // That a run is simulated stands in the titles.
    let caveats = caveats(report).into_iter().filter(|caveat| caveat.kind != CaveatKind::Simulated);
    let caveats = caveats.map(|caveat| ("Beside the verdict".to_owned(), caveat.text));
    denied
        .chain(caveats)
        .chain(findings.map(|f| (format!("{}: {}", f.rule, f.resource), format!("{} {}", f.message, f.fix))))
        .collect()
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    // A command inside the text would be one for other runners.
    printed(&visible(text), Form::Text { colour: false })
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_cannot_be_broken_out_of() {
        assert_eq!(data("50%\r\n::error::x\r"), "50%25%0A:\\u{3a}error::x\\u{d}");
        assert_eq!(property("a:b,c%\nd"), "a%3Ab%2Cc%25%0Ad");
    }

    #[test]
    fn only_ten_are_shown_so_the_tenth_counts_the_rest() {
        let notes = |n| (0..n).map(|i| (i.to_string(), "m".to_owned())).collect::<Vec<_>>();
        assert_eq!(commands(notes(10), Vec::new(), "p", "See all.").len(), 10);
        let lines = commands(notes(25), Vec::new(), "p", "See all.");
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[0], "::error file=p,title=0::m");
        assert_eq!(lines[9], "::error file=p,title=16 more::See all.");
    }

    #[test]
    fn a_note_without_a_file_has_none() {
        let note = |place| Placed { title: None, message: "m".to_owned(), place };
        let place = Some(Place { file: "a,b".to_owned(), at: Some((2, 3)) });
        let lines = placed_commands(vec![note(None)], vec![note(place)], "");
        assert_eq!(lines, ["::error::m", "::warning file=a%2Cb,line=2,col=3::m"]);
    }
}
