//! Times that real drills measured, by action.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::cli::history::runs_in;
use crate::cli::output::write_stderr;
use base::duration::seconds_between;
use engine::actions::TIMINGS;
use estate::file::Timing;
use event::Body;
use insight::forecast::Observation;
use port::Kind;
use record::journal;
use record::objectives::Record;
use record::report::model::StepStatus;
use twin::timing;

/// The timings of an estate, by action.
pub type Timings = IndexMap<String, Timing>;

/// How far back restore jobs of AWS Backup are read. How long AWS keeps them, it does not say.
#[cfg(feature = "aws")]
pub const JOB_HISTORY_DAYS: u64 = 90;

/// The action whose time depends on the type of what it restores more than on anything else.
const OF_A_TYPE: &str = "backup.restore";

/// What has a factor of its own: an action, and of `backup.restore` the type of what it restores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timed {
    pub action: String,
    pub of: Option<String>,
}

impl Timed {
    /// `of`: the type of the resource that the step restores.
    pub fn new(action: &str, of: Option<&str>) -> Self {
        let of = of.filter(|_| action == OF_A_TYPE).map(str::to_owned);
        Self { action: action.to_owned(), of }
    }
}

/// What the drills of some folders measured.
#[derive(Default)]
pub struct History {
    by_action: BTreeMap<Timed, Vec<Observation>>,
    /// The restore jobs of AWS Backup that these drills began.
    own_jobs: BTreeSet<String>,
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
        for event in &contents.events {
            if let Body::Created { resources, .. } = &event.body {
                let jobs = resources.iter().filter(|resource| resource.kind == Kind::RestoreJob);
                self.own_jobs.extend(jobs.map(|job| job.id.clone()));
            }
        }
        for step in &started.steps {
            let Some(done) = record.steps.get(&step.id) else { continue };
            let times = done.started_at.zip(done.finished_at);
            let (Some((from, to)), Some(StepStatus::Succeeded)) = (times, done.status) else { continue };
            let size = done.source.as_ref().map(|point| point.size).unwrap_or_default();
            let Some(calibration) = timing::of(&step.uses, TIMINGS, timings) else { continue };
            let of = done.source.as_ref().map(|point| point.of.kind.as_str());
            self.by_action.entry(Timed::new(&step.uses, of)).or_default().push(Observation {
                measured: seconds_between(from, to),
                calibrated: timing::mean(&calibration, size).as_secs_f64(),
            });
        }
        Ok(())
    }

    /// Adds restore jobs of AWS Backup. They are `backup.restore`, but for what that does after the job.
    /// The restores of the services themselves take another path. Jobs that drills began are left out:
    /// the journals of the drills tell the whole time of their steps.
    #[cfg(feature = "aws")]
    pub fn add_jobs(&mut self, jobs: &[aws::history::RestoreJob], timings: &Timings) {
        let Some(calibration) = timing::of(OF_A_TYPE, TIMINGS, timings) else { return };
        let is_own = |job: &&aws::history::RestoreJob| job.is_of_a_drill || self.own_jobs.contains(&job.id);
        let (own, others): (Vec<_>, Vec<_>) = jobs.iter().partition(is_own);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for job in others {
            let of = job.restores.row().kind;
            *counts.entry(of).or_default() += 1;
            self.by_action.entry(Timed::new(OF_A_TYPE, Some(of))).or_default().push(Observation {
                measured: job.seconds,
                calibrated: timing::mean(&calibration, job.size).as_secs_f64(),
            });
        }
        for (of, count) in &counts {
            self.notes.push(format!(
                "{count} restore jobs of AWS Backup of the last {JOB_HISTORY_DAYS} days teach how long `{OF_A_TYPE}` of {of} takes, and nothing else"
            ));
        }
        if counts.is_empty() {
            self.notes.push(format!(
                "AWS Backup has no completed restore job of the last {JOB_HISTORY_DAYS} days of these types that teaches anything"
            ));
        }
        if !own.is_empty() {
            self.notes.push(format!(
                "{} restore jobs were left out, because drills began them: their journals teach more, so name the folders with `--learn` too",
                own.len()
            ));
        }
    }

    pub fn of(&self, timed: &Timed) -> &[Observation] {
        self.by_action.get(timed).map_or(&[], Vec::as_slice)
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
