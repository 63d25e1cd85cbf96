//! Starts runs, each as a process of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args as _;

use base::duration::Time;
use base::process::Tied;
use history::keeper::{Runner, Standing};
use record::journal::{self, JournalError};

use crate::cli::history::RUNS;
use crate::cli::resume;
use crate::cli::run::run_id;

/// How the runs of one playbook are started.
pub struct Processes {
    pub playbook: PathBuf,
    /// Its name.
    pub name: String,
    /// `--on`, `--store` and `--config`.
    pub of_run: Vec<OsString>,
    /// `--store` and `--config`.
    pub of_both: Vec<OsString>,
    /// What the user gave after `--`.
    pub options: Vec<String>,
    /// The folder of the runs, as other machines would name it.
    pub place: String,
    running: Option<(String, Tied)>,
    /// What became of runs since it was asked last.
    told: Vec<String>,
}

impl Processes {
    pub fn new(playbook: PathBuf, name: String, place: String, options: Vec<String>) -> Self {
        Self {
            playbook,
            name,
            of_run: Vec::new(),
            of_both: Vec::new(),
            options,
            place,
            running: None,
            told: Vec::new(),
        }
    }

    pub fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// The arguments that begin a run.
    pub fn arguments(&self, run: &str) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec!["run".into(), self.playbook.clone().into()];
        all.extend(["--yes".into(), "--run-id".into(), run.into()]);
        all.extend(self.of_run.iter().chain(&self.of_both).cloned());
        all.extend(self.options.iter().map(OsString::from));
        all
    }

    fn spawn(&mut self, run: &str, arguments: &[OsString]) -> Result<(), String> {
        // Several runs share the terminal, so none may redraw it.
        let tied = Tied::start(arguments, &[("TERM", "dumb")]).map_err(|error| error.to_string())?;
        self.running = Some((run.to_owned(), tied));
        Ok(())
    }
}

fn folder(run: &str) -> PathBuf {
    Path::new(RUNS).join(run)
}

impl Runner for Processes {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn name(&mut self, now: Time) -> String {
        run_id(&self.name, now).0
    }

    fn standing(&self, run: &str) -> Result<Standing, String> {
        standing(&folder(run))
    }

    fn start(&mut self, run: &str) -> Result<(), String> {
        let arguments = self.arguments(run);
        self.spawn(run, &arguments)
    }

    fn resume(&mut self, run: &str) -> Result<(), String> {
        let mut arguments: Vec<OsString> = vec!["resume".into(), folder(run).into()];
        arguments.extend(self.of_both.iter().cloned());
        arguments.extend(kept_by_resume(&self.options).into_iter().map(OsString::from));
        self.spawn(run, &arguments)
    }

    fn is_busy(&mut self) -> bool {
        let Some((run, tied)) = &mut self.running else { return false };
        let told = match tied.ended() {
            Ok(None) => return true,
            Ok(Some(status)) => match status.code() {
                Some(code) => format!("{run} ended with exit code {code}"),
                None => format!("{run} was ended ({status})"),
            },
            Err(error) => format!("{run} is lost: {error}"),
        };
        self.told.push(told);
        self.running = None;
        false
    }

    fn interrupt(&mut self) {
        if let Some((_, tied)) = &mut self.running {
            tied.interrupt();
        }
    }

    fn kill(&mut self) {
        if let Some((_, tied)) = &mut self.running {
            tied.kill();
        }
    }
}

/// How far the run of a folder has come.
pub fn standing(folder: &Path) -> Result<Standing, String> {
    let contents = match journal::read(folder) {
        Ok(contents) => contents,
        Err(JournalError::Missing { .. }) => return Ok(Standing::Absent),
        Err(error) => return Err(error.to_string()),
    };
    if contents.finished() {
        return Ok(Standing::Finished);
    }
    if journal::has_writer(folder).map_err(|error| error.to_string())? {
        return Ok(Standing::Running);
    }
    if contents.events.is_empty() {
        // Its process died before the first record, so nothing was done. The run begins anew.
        let file = folder.join(journal::FILE_NAME);
        std::fs::remove_file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        return Ok(Standing::Absent);
    }
    Ok(Standing::Unfinished)
}

/// The options that `resume` takes, with their values.
fn kept_by_resume(options: &[String]) -> Vec<&String> {
    let command = resume::Args::augment_args(clap::Command::new("resume"));
    let taken: Vec<(String, bool)> = command
        .get_arguments()
        .filter_map(|argument| {
            Some((format!("--{}", argument.get_long()?), argument.get_action().takes_values()))
        })
        .collect();
    let mut takes_next = false;
    let is_kept = |option: &&String| {
        let is_value = std::mem::take(&mut takes_next);
        let (name, has_value) =
            option.split_once('=').map_or((option.as_str(), false), |(name, _)| (name, true));
        let found = taken.iter().find(|(known, _)| known == name);
        takes_next = found.is_some_and(|(_, takes_value)| *takes_value && !has_value);
        found.is_some() || is_value
    };
    options.iter().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_gets_the_options_that_it_takes() {
        let given =
            ["--seed", "7", "--param", "a=--pace", "--param=b=2", "--pace", "60", "--sign-with", "env:KEY"];
        let given: Vec<String> = given.map(str::to_owned).into();
        let kept = kept_by_resume(&given);
        assert_eq!(kept, ["--param", "a=--pace", "--param=b=2", "--sign-with", "env:KEY"]);
        // Whatever comes to `resume` is kept too.
        let given = ["--timestamp", "http://tsa", "--ask-people", "--metrics=drills.prom"];
        let given: Vec<String> = given.map(str::to_owned).into();
        assert_eq!(kept_by_resume(&given), ["--timestamp", "http://tsa", "--metrics=drills.prom"]);
    }

    #[test]
    fn a_run_that_died_before_its_first_record_begins_anew() {
        let runs = tempfile::tempdir().unwrap();
        assert_eq!(standing(&runs.path().join("none")), Ok(Standing::Absent));
        let folder = runs.path().join("torn");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(journal::FILE_NAME), "{\"prev\":\"00").unwrap();
        assert_eq!(standing(&folder), Ok(Standing::Absent));
        assert!(!folder.join(journal::FILE_NAME).exists());
    }
}
