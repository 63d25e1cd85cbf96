//! The runs that were held, as the folders of runs tell them. A store of history may replace this.

use std::path::{Path, PathBuf};

use super::ignores::Ignores;
use super::output::write_stderr;
use super::run_folder;
use crate::ui::text::clean;
use base::duration::Time;
use estate::file::EstateFile;
use event::Body;
use insight::protection::Snapshot;
use insight::rules::{self, Look, Practice};
use playbook::Loaded;
use port::finding::Rule;
use record::journal;
use record::report::model::Verdict;

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

/// How often a playbook should be drilled, and when it was. `None`: it has no schedule.
pub fn practice(loaded: &Loaded, folder: &Path) -> Option<Practice> {
    let schedule = loaded.playbook.schedule.clone()?;
    let name = &loaded.playbook.name;
    let mut looked_in = format!("`{}`", folder.display());
    let runs = match runs_in(folder) {
        Ok(runs) => runs,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            looked_in += &format!(" (which cannot be read: {error})");
            Vec::new()
        }
    };
    let mut passed = None;
    let mut unread = 0;
    for run in runs {
        match passed_at(&run, name) {
            Ok(at) => passed = passed.max(at),
            Err(_) => unread += 1,
        }
    }
    if unread > 0 {
        looked_in += &format!(" ({unread} of its runs cannot be read, and count for nothing)");
    }
    Some(Practice { playbook: name.clone(), schedule, passed, looked_in })
}

/// T0 of a run, if it was a real run of this playbook, came to its end and passed.
fn passed_at(run: &Path, playbook: &str) -> Result<Option<Time>, String> {
    // Most runs are rehearsals. Their first record tells, and the rest is not read.
    let first = journal::first(run).map_err(|error| error.to_string())?;
    let Some(Body::RunStarted(started)) = first.map(|first| first.body) else { return Ok(None) };
    if started.on.is_simulated() || started.playbook.name != playbook {
        return Ok(None);
    }
    let fold = run_folder::read(run)?.fold;
    let passed = fold.finished && fold.report.verdict == Verdict::Passed;
    Ok(fold.report.t0.filter(|_| passed))
}

/// Says on stderr when a playbook with a schedule last passed, and whether it is overdue.
pub fn tell(loaded: &Loaded, folder: &Path, now: Time) {
    let Some(practice) = practice(loaded, folder) else { return };
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
