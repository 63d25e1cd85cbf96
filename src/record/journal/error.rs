use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use crate::plain_file::Refused;

/// An error of a journal: the place, the reason and what to do.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{}: the folder already holds a journal, and a run never writes into another run's journal; choose another folder with --out", path.display())]
    Exists { path: PathBuf },
    #[error("{}: the journal cannot be created: {}; or choose another folder with --out", path.display(), explain(source))]
    Create { path: PathBuf, source: IoError },
    #[error("{}: {who} is writing this run's journal: wait until it has ended, or end it", path.display())]
    Busy { path: PathBuf, who: String },
    #[error("{}: the journal cannot be locked: {source}; the run's folder must lie on a file system that has locks", path.display())]
    Lock { path: PathBuf, source: IoError },
    #[error("{}: the journal cannot be opened for writing: {}", path.display(), explain(source))]
    Reopen { path: PathBuf, source: IoError },
    #[error("{}: the journal cannot be written: {}; the run creates nothing more that it could not record", path.display(), explain(source))]
    Append { path: PathBuf, source: IoError },
    #[error("{}: event {seq} cannot be written: {why}; please report this", path.display())]
    Unwritable { path: PathBuf, seq: u64, why: String },
    #[error("{}: event {found} came where event {expected} was due; please report this", path.display())]
    OutOfOrder { path: PathBuf, expected: u64, found: u64 },
    /// A defect of Drillmaster. The journal never takes a record that no run may write.
    #[error("{}: event {seq} cannot follow the events before it: {why}; please report this", path.display())]
    Illegal { path: PathBuf, seq: u64, why: String },
    #[error("{}: there is no journal; name the folder of a run, such as runs/<run-id>", path.display())]
    Missing { path: PathBuf },
    #[error("{}: the journal is {what}, not a file, so nothing was read from it: restore the file from a copy", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    #[error("{}: the journal cannot be read: {}", path.display(), explain(source))]
    Read { path: PathBuf, source: IoError },
    #[error("{}:{line}: {why}; the journal was damaged or changed, so nothing in it is relied on: restore the file from a copy, or look at the sandbox by hand", path.display())]
    Damaged { path: PathBuf, line: usize, why: String },
    /// The line is intact, and another version wrote it.
    #[error("{}:{line}: this drillmaster ({}) does not know a word of the record ({why}); use the version that wrote the journal ({version})", path.display(), env!("CARGO_PKG_VERSION"))]
    UnknownWord { path: PathBuf, line: usize, why: String, version: String },
    #[error("{}: the journal has format {found}, and this drillmaster reads format {}; use the version that wrote it ({version})", path.display(), event::FORMAT)]
    Format { path: PathBuf, found: u64, version: String },
}

impl JournalError {
    /// The error for a folder that cannot be created.
    pub(super) fn folder(dir: &Path, source: IoError) -> Self {
        Self::Create { path: dir.to_owned(), source }
    }
    pub(super) fn create(path: &Path, source: IoError) -> Self {
        let path = path.to_owned();
        if source.kind() == ErrorKind::AlreadyExists && !path.is_dir() {
            return Self::Exists { path };
        }
        Self::Create { path, source }
    }
    pub(super) fn append(path: &Path, source: IoError) -> Self {
        Self::Append { path: path.to_owned(), source }
    }
    pub(super) fn reopen(path: &Path, refused: Refused) -> Self {
        let source = match refused {
            Refused::Io(source) => source,
            Refused::NotAFile(what) => return Self::NotAFile { path: path.to_owned(), what },
        };
        if source.kind() == ErrorKind::NotFound {
            return Self::Missing { path: path.to_owned() };
        }
        Self::Reopen { path: path.to_owned(), source }
    }

    pub(super) fn open(path: &Path, refused: Refused) -> Self {
        match refused {
            Refused::Io(source) => Self::read(path, source),
            Refused::NotAFile(what) => Self::NotAFile { path: path.to_owned(), what },
        }
    }

    pub(super) fn read(path: &Path, source: IoError) -> Self {
        if source.kind() == ErrorKind::NotFound {
            return Self::Missing { path: path.to_owned() };
        }
        Self::Read { path: path.to_owned(), source }
    }
}

/// Returns the cause in words, with advice where there is any.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds are the standard library's, and may become more"
)]
fn explain(error: &IoError) -> String {
    let what_to_do = match error.kind() {
        ErrorKind::StorageFull => "the disk is full: make room",
        ErrorKind::QuotaExceeded => "the quota is used up: make room",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::PermissionDenied => "this user has no permission: change its mode",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "a file is in the place of the folder",
        ErrorKind::FileTooLarge => "the file may not grow any more: see `ulimit -f`",
        _ => return error.to_string(),
    };
    format!("{what_to_do} ({error})")
}
