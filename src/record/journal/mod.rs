//! The record of a run: `journal.ndjson`, one event a line, only ever appended to.
//!
//! What must outlive a crash is on disk before the call that it announces: see [`must_be_kept`]. A line ends with its
//! newline; what has none was never finished, and what it announced was never done. Each record names the hash of the one
//! before it ([`Hash`]).

#![deny(clippy::wildcard_enum_match_arm)]

mod chain;
mod error;
mod lock;
mod read;

use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub use chain::{End, Hash};
pub use error::JournalError;
pub use read::{Contents, FILE_NAME, read};

use event::legal::Course;
use event::{Body, Consumer, ConsumerError, Event};

/// What is buffered before it is written, where nothing asks for it earlier.
const BUFFER: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk itself before the run goes on: for runs that touch a real cloud.
    Synced,
    /// Handed to the operating system: for the twin, where a crash leaves nothing behind.
    Buffered,
}

/// Appends every event but [`Body::Progress`]. Nobody else writes while it lives: the file is locked.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    durability: Durability,
    buffer: Vec<u8>,
    /// The length of what was written whole.
    written: u64,
    /// With what is buffered.
    end: End,
    /// What may follow on the records so far.
    course: Course,
    kept: Rc<Kept>,
}

/// What a journal has kept, for whoever asks when it is closed.
#[derive(Debug)]
pub struct Kept {
    end: Cell<End>,
    /// After a failure nothing is appended any more: a gap in the record would be worse than its end.
    broken: RefCell<Option<ConsumerError>>,
}

impl Kept {
    /// Where the journal in the file ends.
    pub fn end(&self) -> End {
        self.end.get()
    }

    /// Why the journal took nothing more.
    pub fn broken(&self) -> Option<ConsumerError> {
        self.broken.borrow().clone()
    }
}

impl Journal {
    /// Starts the journal of a new run in the folder `dir`, which is created where it is missing.
    ///
    /// A journal that stands there already is never touched.
    pub fn create(dir: &Path, durability: Durability) -> Result<Self, JournalError> {
        let path = dir.join(FILE_NAME);
        let standing = dir.ancestors().find(|folder| folder.is_dir());
        std::fs::create_dir_all(dir).map_err(|source| JournalError::folder(dir, source))?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| JournalError::create(&path, source))?;
        lock::take(&file, &path)?;
        if durability == Durability::Synced {
            sync_names(dir, standing).map_err(|source| JournalError::append(&path, source))?;
        }
        Ok(Self::at(path, file, durability, 0, End::of_nothing(), Course::default()))
    }

    /// Goes on with the journal of a run that was cut short, on this machine or another; returns what it holds.
    ///
    /// A torn last line is cut off. What was damaged or changed is refused, and left as it is.
    pub fn reopen(dir: &Path, durability: Durability) -> Result<(Self, Contents), JournalError> {
        let path = dir.join(FILE_NAME);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&path)
            .map_err(|source| JournalError::reopen(&path, source))?;
        // Before it is read: what another process appends would be missed.
        lock::take(&file, &path)?;
        let contents = read::read_from(&file, &path)?;
        if contents.torn {
            file.set_len(contents.intact_bytes).map_err(|source| JournalError::append(&path, source))?;
        }
        // What the last process handed over has perhaps not reached the disk; from here on it is relied on.
        file.sync_all()
            .and_then(|()| sync_names(dir, Some(dir)))
            .map_err(|source| JournalError::append(&path, source))?;
        let course = contents.course.clone();
        let journal = Self::at(path, file, durability, contents.intact_bytes, contents.end(), course);
        Ok((journal, contents))
    }

    fn at(path: PathBuf, file: File, durability: Durability, written: u64, end: End, course: Course) -> Self {
        let kept = Rc::new(Kept { end: Cell::new(end), broken: RefCell::default() });
        Self { path, file, durability, buffer: Vec::new(), written, end, course, kept }
    }

    /// Outlives the journal.
    pub fn kept(&self) -> Rc<Kept> {
        Rc::clone(&self.kept)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands over all that is buffered, and syncs it where the run is durable.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        self.write_out()?;
        if self.durability == Durability::Synced {
            self.file.sync_data().map_err(|source| JournalError::append(&self.path, source))?;
        }
        Ok(())
    }

    fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        if event.seq != self.end.records {
            return Err(JournalError::OutOfOrder {
                path: self.path.clone(),
                expected: self.end.records,
                found: event.seq,
            });
        }
        self.course.follow(event).map_err(|why| JournalError::Illegal {
            path: self.path.clone(),
            seq: event.seq,
            why,
        })?;
        let start = self.buffer.len();
        // `prev` comes first: `chain::prev` looks for it there.
        let prev = ("prev", format!(r#""{}""#, self.end.head));
        let line = event.to_line(&[prev]).map_err(|error| JournalError::Unwritable {
            path: self.path.clone(),
            seq: event.seq,
            why: error.to_string(),
        })?;
        self.buffer.extend_from_slice(line.as_bytes());
        self.buffer.push(b'\n');
        self.end = self.end.after(self.buffer.get(start..).unwrap_or_default());
        if must_be_kept(&event.body) {
            self.flush()
        } else if self.durability == Durability::Synced || self.buffer.len() >= BUFFER {
            self.write_out()
        } else {
            Ok(())
        }
    }

    fn write_out(&mut self) -> Result<(), JournalError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err(source) = self.file.write_all(&self.buffer) {
            // Half a record may stand there: take it back if that is still possible. If not, it is a torn last line,
            // which `read` drops.
            let _as_good_as_it_gets = self.file.set_len(self.written);
            return Err(JournalError::append(&self.path, source));
        }
        self.written += self.buffer.len() as u64;
        self.kept.end.set(self.end);
        self.buffer.clear();
        Ok(())
    }
}

/// The names have to survive a crash as well as what the file holds: the journal's in its folder, and those of the folders that
/// were made for it, up to the one that stood there before.
fn sync_names(dir: &Path, standing: Option<&Path>) -> std::io::Result<()> {
    for folder in dir.ancestors() {
        // The parent of `runs` is written "".
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(here)?.sync_all()?;
        if standing == Some(folder) {
            break;
        }
    }
    Ok(())
}

impl Consumer for Journal {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        if matches!(event.body, Body::Progress { .. }) {
            return Ok(());
        }
        if let Some(error) = self.kept.broken() {
            return Err(error);
        }
        self.append(event).map_err(|error| {
            let error = ConsumerError { message: error.to_string() };
            self.kept.broken.replace(Some(error.clone()));
            error
        })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.kept.broken().is_none() {
            // Only where the run ended without `RunFinished`, which flushes and tells; here nobody can be told.
            let _nobody_to_tell = self.flush();
        }
    }
}

/// What a crash must not lose: what is about to be done to the cloud, what the measures start from, and that the drill
/// is not to go on.
pub fn must_be_kept(body: &Body) -> bool {
    match body {
        Body::RunStarted(_)
        | Body::Intent { .. }
        | Body::DeleteIntent { .. }
        | Body::Created { .. }
        | Body::DisasterDeclared { .. }
        | Body::Interrupted { .. }
        | Body::Aborted { .. }
        | Body::RunFinished { .. } => true,
        Body::PhaseStarted { .. }
        | Body::PhaseFinished { .. }
        | Body::NotCreated { .. }
        | Body::Discarded { .. }
        | Body::SandboxReady { .. }
        | Body::Isolation { .. }
        | Body::Surveyed { .. }
        | Body::PointSeen { .. }
        | Body::StepStarted { .. }
        | Body::StepSource { .. }
        | Body::Progress { .. }
        | Body::StepRetry { .. }
        | Body::StepSucceeded { .. }
        | Body::StepFailed { .. }
        | Body::StepSkipped { .. }
        | Body::StepNotRun { .. }
        | Body::CheckReady { .. }
        | Body::CheckTried { .. }
        | Body::CheckHealthy { .. }
        | Body::CheckUnhealthy { .. }
        | Body::CheckSkipped { .. }
        | Body::Denied { .. }
        | Body::Finding(_)
        | Body::Deleted { .. }
        | Body::DeleteFailed { .. }
        | Body::Kept { .. }
        | Body::LeftBehind { .. }
        | Body::Resumed { .. } => false,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use event::RunStarted;

    /// `/dev/full` takes no byte: what a full disk answers.
    #[test]
    fn a_full_disk_stops_the_run_and_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(dir.path(), Durability::Synced).unwrap();
        journal.file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let started: RunStarted = serde_json::from_value(serde_json::json!({
            "format": event::FORMAT, "version": "", "run_id": "", "on": "twin", "seed": null,
            "playbook": { "name": "", "description": "", "path": "", "sha256": "", "source": "" },
            "lose": { "region": "us-east-1" }, "detection_s": null, "decision_s": null,
            "sandbox_account": "999988887777", "sandbox_region": "us-west-2",
            "sandbox_cidr": "10.66.0.0/16", "expires": "2026-01-01T00:00:00Z", "params": {},
            "workloads": [], "steps": [], "checks": [], "lost": [], "surviving": [],
            "inputs": {
                "folder": "", "files": {}, "params": [], "connect_to": [], "jobs": 1,
                "keep_sandbox": false, "patience_s": 0.0, "pace": null,
            },
        }))
        .unwrap();
        let at = chrono::DateTime::UNIX_EPOCH;
        let event = |seq| Event { seq, at, body: Body::RunStarted(Box::new(started.clone())) };
        let first = journal.take(&event(0)).unwrap_err().message;
        assert!(first.contains("journal.ndjson") && first.contains("the disk is full: make room"), "{first}");
        let second = journal.take(&event(1)).unwrap_err().message;
        assert_eq!(first, second, "after a failure nothing is appended any more");
    }
}
