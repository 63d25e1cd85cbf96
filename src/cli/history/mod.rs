//! What many runs tell: the list of runs, their figures over time, findings and controls.

pub mod controls;
pub mod finding;
pub mod list;
mod practice;
pub mod trend;

pub use practice::{RUNS, or_here, past, practice, runs_in, tell};

use chrono::Utc;

use super::configuration::ConfigArg;
use super::output::complained;
use super::store::StoreArg;
use crate::config::UserConfig;
use crate::ui::text::{Tone, count};
use base::duration::{Span, Time, human_seconds};
use base::exit::Exit;
use base::on::On;
use history::select::Select;
use history::{History, Store};
use record::report::model::{Status, Verdict};

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

    /// All runs of the store.
    pub fn history(&self) -> Result<(Store, History), Exit> {
        let store = self.store.open(&self.config()?).map_err(complained(Exit::Wrong))?;
        let history = store.history().map_err(|error| complained(Exit::Error)(error.to_string()))?;
        Ok((store, history))
    }
}

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
    notes
}

pub fn date(at: Time) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// The verdict of a run in one word. A rehearsal says so.
fn verdict(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Passed => ("PASSED", Tone::Good),
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
