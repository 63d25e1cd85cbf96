//! When a playbook with a schedule was last drilled.

use std::path::{Path, PathBuf};

use crate::cli::ignores::Ignores;
use crate::cli::output::write_stderr;
use crate::ui::text::clean;
use base::duration::Time;
use base::on::On;
use chrono::Utc;
use engine::plan::Plan;
use estate::file::EstateFile;
use event::{PastRun, PastWorkload};
use history::{Entry, History, Store, StoreError, Unread};
use insight::protection::Snapshot;
use insight::rules::{self, Look, Practice};
use playbook::Loaded;
use playbook::data;
use playbook::reference::{Counted, LastPassed};
use port::finding::Rule;
use record::report::Report;
use record::{journal, run_folder};

/// Where `run` puts its folders.
pub const RUNS: &str = "runs";

/// The parent of a bare name is empty, and stands for the folder that the program runs in.
pub fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// The folders of runs: the folder itself, or those in it, by name.
pub fn runs_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let is_run = |path: &Path| path.join(journal::FILE_NAME).is_file();
    if is_run(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_run(&path) {
            runs.push(path);
        }
    }
    runs.sort();
    Ok(runs)
}

/// The runs of a store, which are listed when they are first asked for, and once: a history may be long.
pub struct Runs {
    store: Store,
    listed: Option<Result<History, StoreError>>,
}

impl Runs {
    pub fn of(store: Store) -> Self {
        Self { store, listed: None }
    }

    fn history(&mut self) -> (&Store, Result<&mut History, &StoreError>) {
        let listed = self.listed.get_or_insert_with(|| self.store.history());
        (&self.store, listed.as_mut().map_err(|error| &*error))
    }
}

/// How often a playbook should be drilled, and when it was. `None`: it has no schedule.
pub fn practice(loaded: &Loaded, runs: &mut Runs) -> Option<Practice> {
    let schedule = loaded.playbook.schedule.clone()?;
    let name = &loaded.playbook.name;
    let mut looked_in = format!("`{}`", runs.store.place());
    let mut passed = None;
    match runs.history() {
        (store, Ok(history)) => {
            let now = Utc::now();
            let wanted =
                |run: &Entry| run.playbook == *name && !run.simulated && run.passed() && run.at() <= now;
            passed = store.confirmed(history, wanted, 1).into_iter().find_map(|run| run.t0);
            if !history.unread.is_empty() {
                let unread = history.unread.len();
                looked_in += &format!(" ({unread} of its runs cannot be read, and count for nothing)");
            }
        }
        (_, Err(error)) => looked_in += &format!(" (which cannot be read: {error})"),
    }
    Some(Practice { playbook: name.clone(), schedule, passed, looked_in })
}

/// The runs that the report of a new one shows.
const SHOWN: usize = 12;

/// The last runs of a playbook on a cloud before an instant, the oldest first, as the runs themselves tell. A
/// store that cannot be read is told, and tells of none: the report is about this run.
pub fn past(runs: &mut Runs, playbook: &str, on: On, before: Time) -> Vec<PastRun> {
    let (store, history) = match runs.history() {
        (store, Ok(history)) => (store, history),
        (_, Err(error)) => {
            write_stderr(&format!("warning: earlier runs are not shown: {error}\n"));
            return Vec::new();
        }
    };
    let wanted =
        |run: &Entry| run.playbook == playbook && run.on == on && run.t0.is_some_and(|t0| t0 < before);
    let mut runs: Vec<PastRun> = store
        .confirmed(history, wanted, SHOWN)
        .into_iter()
        .filter_map(|run| {
            let passed = run.passed();
            let workloads = run.workloads.into_iter().map(|w| PastWorkload {
                name: w.name,
                rto_s: w.rto.measured_s,
                rpo_s: w.rpo.measured_s,
            });
            Some(PastRun { t0: run.t0?, run_id: run.run_id, passed, workloads: workloads.collect() })
        })
        .collect();
    runs.reverse();
    runs
}

/// Keeps, with the files of a plan, what its checks of data counted in the last run that passed, or why
/// that cannot be read.
pub fn keep_counts(plan: &mut Plan, runs: &mut Runs, on: On, before: Time) {
    let wanting: Vec<String> = plan
        .checks()
        .filter(|(_, work)| {
            work.check
                .data
                .as_ref()
                .and_then(|spec| spec.against.as_deref())
                .is_some_and(data::is_last_passed)
        })
        .map(|(node, _)| node.id.clone())
        .collect();
    if wanting.is_empty() {
        return;
    }
    let mut keep = |check: &str, past: &LastPassed| match serde_json::to_string(past) {
        Ok(text) => plan.files.keep(&data::last_passed(check), text),
        Err(error) => write_stderr(&format!("warning: counts of `{check}` are lost: {error}\n")),
    };
    match last_passed(&plan.name, runs, on, before) {
        Ok(None) => {}
        Ok(Some(report)) => {
            for check in report.checks {
                if wanting.contains(&check.id) && !check.rows.is_empty() {
                    let counted = Counted { run_id: report.run_id.clone(), rows: check.rows };
                    keep(&check.id, &LastPassed::Counted(counted));
                }
            }
        }
        Err(why) => {
            write_stderr(&format!("warning: what earlier runs have counted is not known: {why}\n"));
            for check in wanting {
                keep(&check, &LastPassed::Unread(why.clone()));
            }
        }
    }
}

/// The time and the playbook in the name of a run, as `run` makes it. `None`: somebody else named it.
fn time_and_playbook(run: &str) -> Option<(&str, &str)> {
    let (time, rest) = run.split_once('-')?;
    let (playbook, _) = rest.rsplit_once('-')?;
    (time.len() == 16 && time.ends_with('Z')).then_some((time, playbook))
}

/// The report of the last run of a playbook that passed before an instant.
fn last_passed(playbook: &str, runs: &mut Runs, on: On, before: Time) -> Result<Option<Report>, String> {
    let (store, history) = match runs.history() {
        (store, Ok(history)) => (store, history),
        (_, Err(error)) => return Err(error.to_string()),
    };
    let wanted = |run: &Entry| {
        run.playbook == playbook && run.on == on && run.passed() && run.t0.is_some_and(|t0| t0 < before)
    };
    let place = store.place();
    let last = store.confirmed(history, wanted, 1).pop();
    let is_of_another = |run: &str| time_and_playbook(run).is_some_and(|(_, of)| of != playbook);
    let mut unread = history.unread.iter().filter(|unread| !is_of_another(&unread.run)).map(|unread| {
        let Unread { run, why, .. } = unread;
        (run, format!("the run {run} of `{place}`: {why}; mend or remove it (`drillmaster history` tells)"))
    });
    let Some(last) = last else {
        return unread.map(|(_, why)| Err(why)).next().unwrap_or(Ok(None));
    };
    // Nobody knows how old a run is whose name does not tell its time. Two may begin in one second.
    let time = |run| time_and_playbook(run).map(|(time, _)| time);
    let is_newer = |run| time(run).zip(time(&last.run_id)).is_none_or(|(one, last)| one >= last);
    if let Some((_, why)) = unread.find(|(run, _)| is_newer(run)) {
        return Err(why);
    }
    let fetched = store.fetch(history, &last.run_id);
    let read =
        fetched.map_err(|error| error.to_string()).and_then(|fetched| run_folder::read(&fetched.folder));
    let read = read.map_err(|error| format!("the run {}: {error}", last.run_id))?;
    Ok(Some(read.fold.report))
}

/// Says on stderr when a playbook with a schedule last passed, and whether it is overdue.
pub fn tell(loaded: &Loaded, runs: &mut Runs, now: Time) {
    let Some(practice) = practice(loaded, runs) else { return };
    let passed = practice.passed;
    let (file, ignores) = (EstateFile::default(), Ignores::of_playbook(loaded).ignores);
    let snapshot = Snapshot::new(&file, now);
    let mut look = Look::new(&snapshot, None);
    look.practice = Some(practice);
    let found = rules::findings(&look, &ignores).found;
    let overdue = found.iter().map(|group| &group.finding).find(|finding| finding.rule == Rule::DrillOverdue);
    let name = clean(&loaded.playbook.name).into_owned();
    match (overdue, passed) {
        (Some(finding), _) => {
            write_stderr(&format!("{} (drill-overdue): {}\n", finding.severity, clean(&finding.message)));
        }
        (None, Some(passed)) => {
            write_stderr(&format!(
                "note: a real run of {name} last passed on {}\n",
                passed.format("%Y-%m-%d")
            ));
        }
        (None, None) => {}
    }
}
