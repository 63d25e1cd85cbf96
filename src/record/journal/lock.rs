//! Allows one writer per run: the journal's file stays locked while a process has it open for
//! writing.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::JournalError;
use crate::plain_file;

/// How long a program that is about to start may hold the lock. Between `fork` and `exec` it has all
/// files of its parent open.
const PASSES: Duration = Duration::from_millis(500);
const TRIES: u32 = 50;

/// Locks the file. The lock ends when `file` is closed, at the latest with the process.
pub(super) fn take(file: &File, path: &Path) -> Result<(), JournalError> {
    let mut tries = 1;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => {
                return Err(JournalError::Lock { path: path.to_owned(), source });
            }
            Err(TryLockError::WouldBlock) if tries == TRIES => {
                return Err(JournalError::Busy { path: path.to_owned(), who: holder(file) });
            }
            Err(TryLockError::WouldBlock) => wait(),
        }
        tries += 1;
    }
}

/// Whether a process writes the journal of this folder now. Only processes of this machine are seen, and
/// of others where the file system shares its locks.
pub fn has_writer(dir: &Path) -> Result<bool, JournalError> {
    let path = dir.join(super::FILE_NAME);
    let file = plain_file::open(&path, OpenOptions::new().read(true))
        .map_err(|refused| JournalError::open(&path, refused))?;
    // Who takes the lock tries for longer than it is held here.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(JournalError::Lock { path, source }),
    }
}

#[expect(clippy::disallowed_methods, reason = "a lock has no event to wait for, and no run has a clock yet")]
fn wait() {
    std::thread::sleep(PASSES / TRIES);
}

#[cfg(target_os = "linux")]
fn holder(file: &File) -> String {
    use std::os::unix::fs::MetadataExt as _;

    let seen = || {
        let inode = file.metadata().ok()?.ino().to_string();
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        // A line of /proc/locks: `1: FLOCK  ADVISORY  WRITE 4711 08:01:123456 0 EOF`.
        //
        // The device is not compared, because some file systems show another one here. If two locks
        // have the same inode, the holder is therefore unknown.
        let mut found = locks.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, "FLOCK", _, _, pid, place, ..] = words[..] else { return None };
            (place.rsplit(':').next()? == inode).then(|| pid.to_owned())
        });
        match (found.next(), found.next()) {
            // A process in another container has no id here.
            (Some(pid), None) if pid.parse::<u32>().is_ok_and(|pid| pid > 0) => Some(pid),
            _ => None,
        }
    };
    seen().map_or_else(elsewhere, |pid| format!("process {pid}"))
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &File) -> String {
    elsewhere()
}

fn elsewhere() -> String {
    "another process, perhaps in a container or on another machine".to_owned()
}
