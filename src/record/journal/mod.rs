//! The journal of a run: `journal.ndjson`, one event per line, append-only.
//!
//! A record that must survive a crash is on disk before the call that it announces: see
//! [`must_be_kept`]. A line without its newline is incomplete, and the call that it announces was
//! never made. Each record holds the hash of the record before it ([`Hash`]).

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
pub use lock::has_writer;
pub use read::{Contents, FILE_NAME, first, read};

use crate::plain_file;
use base::private;
use event::legal::RunProgress;
use event::{Body, Consumer, ConsumerError, Event};

/// The number of bytes that are buffered before a write, unless something asks for a write earlier.
const BUFFER: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Each record that matters is on disk before the run goes on. For runs on a real cloud.
    Synced,
    /// Each record that matters is handed to the operating system. For the twin, where a crash
    /// leaves nothing behind.
    Buffered,
}

/// Appends every event except [`Body::Progress`]. The file stays locked, so no other process writes
/// to it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    durability: Durability,
    buffer: Vec<u8>,
    /// The number of bytes that are written completely.
    written: u64,
    /// The end of the journal, including the buffer.
    end: End,
    /// The events that may come next.
    progress: RunProgress,
    kept: Rc<Kept>,
}

/// The state of a journal. It outlives the journal.
#[derive(Debug)]
pub struct Kept {
    end: Cell<End>,
    /// The first failure. Nothing is appended after it: a gap in the journal would be worse than a
    /// missing end.
    broken: RefCell<Option<ConsumerError>>,
}

impl Kept {
    /// Returns the end of the journal in the file.
    pub fn end(&self) -> End {
        self.end.get()
    }

    /// Returns the failure, if there was one.
    pub fn broken(&self) -> Option<ConsumerError> {
        self.broken.borrow().clone()
    }
}

impl Journal {
    /// Starts the journal of a new run in the folder `dir`. Creates the folder if it is missing.
    ///
    /// # Errors
    ///
    /// `Exists`: the folder holds a journal. It is not touched.
    pub fn create(dir: &Path, durability: Durability) -> Result<Self, JournalError> {
        let path = dir.join(FILE_NAME);
        let standing = dir.ancestors().find(|folder| folder.is_dir());
        private::create_dir_all(dir).map_err(|source| JournalError::folder(dir, source))?;
        let file = private::file()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| JournalError::create(&path, source))?;
        lock::take(&file, &path)?;
        if durability == Durability::Synced {
            sync_names(dir, standing).map_err(|source| JournalError::append(&path, source))?;
        }
        Ok(Self::at(path, file, durability, 0, End::of_nothing(), RunProgress::default()))
    }

    /// Reopens the journal of a run whose process ended, on this or another machine. Returns its
    /// contents.
    ///
    /// Cuts off a torn last line. Refuses a damaged or changed journal and leaves it unchanged.
    pub fn reopen(dir: &Path, durability: Durability) -> Result<(Self, Contents), JournalError> {
        let path = dir.join(FILE_NAME);
        let file = plain_file::open(&path, OpenOptions::new().read(true).append(true))
            .map_err(|refused| JournalError::reopen(&path, refused))?;
        // Locked before it is read. Otherwise a record that another process appends could be
        // missed.
        lock::take(&file, &path)?;
        let contents = read::read_from(&file, &path)?;
        if contents.torn {
            file.set_len(contents.intact_bytes).map_err(|source| JournalError::append(&path, source))?;
        }
        // The last process may have left records outside the disk. From now on the run relies on
        // them.
        file.sync_all()
            .and_then(|()| sync_names(dir, Some(dir)))
            .map_err(|source| JournalError::append(&path, source))?;
        let progress = contents.progress.clone();
        let journal = Self::at(path, file, durability, contents.intact_bytes, contents.end(), progress);
        Ok((journal, contents))
    }

    fn at(
        path: PathBuf,
        file: File,
        durability: Durability,
        written: u64,
        end: End,
        progress: RunProgress,
    ) -> Self {
        let kept = Rc::new(Kept { end: Cell::new(end), broken: RefCell::default() });
        Self { path, file, durability, buffer: Vec::new(), written, end, progress, kept }
    }

    /// Returns the state of the journal. It outlives the journal.
    pub fn kept(&self) -> Rc<Kept> {
        Rc::clone(&self.kept)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the buffer. Syncs the file if the run is durable.
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
        self.progress.follow(event).map_err(|why| JournalError::Illegal {
            path: self.path.clone(),
            seq: event.seq,
            why,
        })?;
        let start = self.buffer.len();
        // `prev` comes first, where `chain::prev` expects it.
        let prev = ("prev", format!(r#""{}""#, self.end.head));
        if let Err(error) = event.append_line(&mut self.buffer, &[prev]) {
            self.buffer.truncate(start);
            return Err(JournalError::Unwritable {
                path: self.path.clone(),
                seq: event.seq,
                why: error.to_string(),
            });
        }
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
            // Half a record may be in the file. Take it back if possible. If this fails too, it
            // stays as a torn last line, which `read` drops.
            let _ = self.file.set_len(self.written);
            return Err(JournalError::append(&self.path, source));
        }
        self.written += self.buffer.len() as u64;
        self.kept.end.set(self.end);
        self.buffer.clear();
        Ok(())
    }
}

/// Syncs the names of the new files and folders, which must survive a crash like the contents.
///
/// These are the journal's name in its folder, and the names of the new folders above it, up to the
/// first that existed before.
fn sync_names(dir: &Path, standing: Option<&Path>) -> std::io::Result<()> {
    for folder in dir.ancestors() {
        // The parent of `runs` is "".
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
            // Runs only if the run ended without `RunFinished`, which flushes and reports a
            // failure. Here a failure cannot be reported.
            let _ = self.flush();
        }
    }
}

/// Returns whether a crash must not lose this record.
///
/// These are announcements of changes in the cloud, the start times of measures, and the decision
/// to stop the drill.
pub fn must_be_kept(body: &Body) -> bool {
    match body {
        Body::RunStarted(_)
        | Body::Intent { .. }
        | Body::DeleteIntent { .. }
        | Body::Created { .. }
        | Body::DisasterDeclared { .. }
        // Another process looks for it before it takes an answer.
        | Body::TaskAsked { .. }
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
        | Body::Forecast(_)
        | Body::Identified(_)
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
        | Body::CheckRungs { .. }
        | Body::CheckHealthy { .. }
        | Body::CheckUnhealthy { .. }
        | Body::CheckUnknown { .. }
        | Body::CheckSkipped { .. }
        | Body::Denied { .. }
        | Body::Finding(_)
        | Body::Deleted { .. }
        | Body::DeleteFailed { .. }
        | Body::Kept { .. }
        | Body::LeftBehind { .. }
        | Body::DataGone
        | Body::NetworkLeft { .. }
        | Body::Probed(_)
        | Body::LookedUp(_)
        | Body::Resumed { .. } => false,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use event::RunStarted;

    /// `/dev/full` refuses every byte, like a full disk.
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
