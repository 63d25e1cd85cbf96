//! What many runs tell: the list of runs, their figures over time, findings and controls.

pub mod controls;
pub mod finding;
pub mod list;
mod practice;
pub mod trend;

pub use practice::{RUNS, Runs, keep_counts, or_here, past, practice, runs_in, tell};

use chrono::Utc;

use std::path::PathBuf;

use super::configuration::{ConfigArg, load_or_complain};
use super::output::{complain, complained};
use super::store::StoreArg;
use crate::config::UserConfig;
use crate::ui::text::{Tone, count};
use base::duration::{Span, Time, human_seconds};
use base::exit::Exit;
use base::on::On;
use history::select::Select;
use history::store::{Unfinished, Unread};
use history::{History, Store};
use playbook::Loaded;
use record::report::model::{Status, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

/// Which runs are looked at.
#[derive(Debug, Clone, clap::Args)]
pub struct Chosen {
    /// Only runs of this playbook, by its `name`
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    /// Only runs with this workload
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// Only runs on this cloud: `aws` for real drills, `twin` for rehearsals
    #[arg(long, value_parser = super::on())]
    on: Option<On>,
    /// Only runs of the last DURATION, such as 365d
    #[arg(long, value_name = "DURATION")]
    since: Option<Span>,
}

impl Chosen {
    fn select(&self) -> Select {
        let since = self.since.and_then(|since| chrono::Duration::from_std(since.0).ok());
        Select {
            playbook: self.playbook.clone(),
            workload: self.workload.clone(),
            on: self.on,
            passed: None,
            since: since.and_then(|since| Utc::now().checked_sub_signed(since)),
        }
    }
}

/// Where the runs lie.
#[derive(clap::Args)]
pub struct Place {
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    config: ConfigArg,
}

impl Place {
    pub fn config(&self) -> Result<UserConfig, Exit> {
        self.config.load_or_complain()
    }

    pub fn store(&self, config: &UserConfig) -> Result<Store, Exit> {
        self.store.open_to_read(config).map_err(complained(Exit::Wrong))
    }

    /// All runs of the store.
    pub fn history(&self, config: &UserConfig) -> Result<(Store, History), Exit> {
        let store = self.store(config)?;
        let history = store.history().map_err(|error| complained(Exit::Error)(error.to_string()))?;
        Ok((store, history))
    }
}

/// Loads playbooks whose runs can be told apart: each has a name of its own.
pub fn load_all(paths: &[PathBuf], config: &UserConfig) -> Result<Vec<Loaded>, Exit> {
    let mut all: Vec<Loaded> = Vec::new();
    for path in paths {
        let loaded = load_or_complain(path, &[], config)?;
        let name = &loaded.playbook.name;
        if all.iter().any(|other| other.playbook.name == *name) {
            complain(&format!(
                "{}: another of these playbooks is called {} too, and their runs cannot be told apart: rename one",
                path.display(),
                name.escape_debug()
            ));
            return Err(Exit::Wrong);
        }
        all.push(loaded);
    }
    Ok(all)
}

/// What a history leaves out, as it stands in JSON.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Runs that did not come to their end.
    unfinished: Vec<Unfinished>,
    /// What could not be read, and counts for nothing.
    unread: Vec<Unread>,
    notes: Vec<String>,
}

impl LeftOut {
    pub fn of(history: &History) -> Self {
        Self {
            unfinished: history.unfinished.clone(),
            unread: history.unread.clone(),
            notes: history.notes.clone(),
        }
    }
}

/// The exit code of a judgement over a history. What could not be read may say otherwise, so nothing passes
/// beside it.
pub fn judged(is_good: bool, history: &History) -> Exit {
    match (is_good, history.unread.is_empty()) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Passed,
        (true, false) => {
            complain("a run cannot be read, so nothing passes: see the notes");
            Exit::Error
        }
    }
}

/// Runs that are read whole without a word.
const MANY: usize = 20;

/// What is to be known of runs that are not in the table.
pub fn notes(history: &History) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(first) = history.unfinished.first() {
        notes.push(format!(
            "{} did not come to an end, such as {}: `drillmaster resume` goes on, `drillmaster abort` tears down",
            count(history.unfinished.len(), "run"),
            first.run
        ));
    }
    for unread in &history.unread {
        notes.push(format!("{} cannot be read, and counts for nothing: {}", unread.run, unread.why));
    }
    notes.extend(history.notes.iter().cloned());
    if history.not_indexed > MANY {
        notes.push(format!(
            "{} are not in the index and were read whole: `drillmaster store rebuild` makes the next list fast",
            count(history.not_indexed, "run")
        ));
    }
    notes
}

/// In UTC.
pub fn date(at: Time) -> String {
    at.format("%Y-%m-%d %H:%MZ").to_string()
}

/// The verdict of a run in a word. `passed`: it passed, and left nothing behind.
fn verdict(verdict: Verdict, passed: bool) -> (&'static str, Tone) {
    match verdict {
        Verdict::Passed if passed => ("PASSED", Tone::Good),
        Verdict::Passed => ("PASSED, NOT CLEAN", Tone::Bad),
        Verdict::Failed => ("FAILED", Tone::Bad),
        Verdict::Error => ("ERROR", Tone::Bad),
        Verdict::Interrupted => ("INTERRUPTED", Tone::Bad),
    }
}

/// `51m53s of 1h`.
fn figure(figure: &history::entry::Figure) -> (String, Tone) {
    let measured = figure.measured_s.map_or_else(|| "unknown".to_owned(), human_seconds);
    let text = match figure.objective_s {
        Some(objective) => format!("{measured} of {}", human_seconds(objective)),
        None => measured,
    };
    let tone = match figure.status {
        Status::Met => Tone::Good,
        Status::Missed | Status::Unknown => Tone::Bad,
        Status::None => Tone::Plain,
    };
    (text, tone)
}
