//! Times that real drills measured, by action.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::cli::history::runs_in;
use crate::cli::output::write_stderr;
use base::duration::seconds_between;
use engine::actions::TIMINGS;
use estate::file::Timing;
use insight::forecast::Observation;
use record::journal;
use record::objectives::Record;
use record::report::model::StepStatus;
use twin::timing;

/// The timings of an estate, by action.
pub type Timings = IndexMap<String, Timing>;

/// How far back restore jobs of AWS Backup are read. How long AWS keeps them, it does not say.
#[cfg(feature = "aws")]
pub const JOB_HISTORY_DAYS: u64 = 90;

/// What the drills of some folders measured.
#[derive(Default)]
pub struct History {
    by_action: BTreeMap<String, Vec<Observation>>,
    /// Folders that taught nothing, each with the reason.
    passed_over: Vec<(PathBuf, String)>,
    /// What else is told of what was learned.
    notes: Vec<String>,
}

impl History {
    /// Reads the journals in these folders.
    pub fn read(folders: &[PathBuf], timings: &IndexMap<String, Timing>) -> Result<Self, String> {
        let mut history = Self::default();
        for folder in folders {
            let runs = runs_in(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            if runs.is_empty() {
                return Err(format!(
                    "{}: no run is here: name a folder with journal.ndjson",
                    folder.display()
                ));
            }
            for run in runs {
                if let Err(why) = history.add(&run, timings) {
                    history.passed_over.push((run, why));
                }
            }
        }
        Ok(history)
    }

    fn add(&mut self, run: &Path, timings: &IndexMap<String, Timing>) -> Result<(), String> {
        let contents = journal::read(run).map_err(|error| error.to_string())?;
        let record = Record::from_events(&contents.events);
        let (_, started) = record.started.as_ref().ok_or("its journal is empty")?;
        if started.on.is_simulated() {
            return Err("it is simulated: its times come from an estate, not from a cloud".into());
        }
        for step in &started.steps {
            let Some(done) = record.steps.get(&step.id) else { continue };
            let times = done.started_at.zip(done.finished_at);
            let (Some((from, to)), Some(StepStatus::Succeeded)) = (times, done.status) else { continue };
            let size = done.source.as_ref().map(|point| point.size).unwrap_or_default();
            let Some(calibration) = timing::of(&step.uses, TIMINGS, timings) else { continue };
            self.by_action.entry(step.uses.clone()).or_default().push(Observation {
                measured: seconds_between(from, to),
                calibrated: timing::mean(&calibration, size).as_secs_f64(),
            });
        }
        Ok(())
    }

    /// Adds restore jobs of AWS Backup. They are `backup.restore`, but for what that does after the job.
    /// The restores of the services themselves take another path.
    #[cfg(feature = "aws")]
    pub fn add_jobs(&mut self, jobs: &[aws::history::RestoreJob], timings: &Timings) {
        const ACTION: &str = "backup.restore";
        let Some(calibration) = timing::of(ACTION, TIMINGS, timings) else { return };
        let observed = jobs.iter().map(|job| Observation {
            measured: job.seconds,
            calibrated: timing::mean(&calibration, job.size).as_secs_f64(),
        });
        self.by_action.entry(ACTION.to_owned()).or_default().extend(observed);
        self.notes.push(match jobs.len() {
            0 => format!("AWS Backup has no completed restore job of the last {JOB_HISTORY_DAYS} days of these types"),
            count => format!(
                "{count} restore jobs of AWS Backup of the last {JOB_HISTORY_DAYS} days teach how long `{ACTION}` takes, and nothing of other actions"
            ),
        });
    }

    pub fn of(&self, action: &str) -> &[Observation] {
        self.by_action.get(action).map_or(&[], Vec::as_slice)
    }

    /// Says on stderr what was learned from jobs, and which folders taught nothing.
    pub fn tell(&self) {
        for note in &self.notes {
            write_stderr(&format!("note: {note}\n"));
        }
        for (run, why) in &self.passed_over {
            write_stderr(&format!("note: nothing is learned from {}: {why}\n", run.display()));
        }
    }
}
