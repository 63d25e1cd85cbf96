//! The files of a run's folder.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::Path;

use thiserror::Error;

use record::plain_file::{self, Refused};
use record::{journal, report::Format};

use crate::statement::{Digest, Subject};

#[derive(Debug, Error)]
pub enum FileError {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
}

impl From<Refused> for FileError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Io(error) => Self::Read(error),
            Refused::NotAFile(what) => Self::NotAFile(what),
        }
    }
}

impl FileError {
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Read(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// As much of a file is read at most. A report of 50,000 steps has 60 MiB.
const LARGEST: u64 = 1 << 29;

/// The files that a run leaves, without the statements about them.
pub fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(journal::FILE_NAME).chain(Format::ALL.iter().map(|format| format.file_name()))
}

/// The files of a run that has ended, and all statements about it, as far as they are there. The journal
/// is the last.
///
/// # Errors
/// The folder cannot be read.
pub fn present(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let is_of_run = |name: &&str| names().any(|known| known == *name) || is_bundle(name);
        found.extend(name.to_str().filter(is_of_run).map(str::to_owned));
    }
    found.sort_by_key(|name| (name == journal::FILE_NAME, name.clone()));
    Ok(found)
}

/// The files without which nothing can be judged.
pub fn is_needed(name: &str) -> bool {
    [journal::FILE_NAME, Format::Json.file_name()].contains(&name)
}

pub fn read(folder: &Path, name: &str) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let file = plain_file::open(&folder.join(name), OpenOptions::new().read(true))?;
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The SHA-256 of a file.
pub fn digest(folder: &Path, name: &str) -> Result<Digest, FileError> {
    let file = plain_file::open(&folder.join(name), OpenOptions::new().read(true))?;
    Ok(Digest { sha256: base::digest::sha256_of(file)? })
}

pub fn subject(folder: &Path, name: &str) -> Result<Subject, FileError> {
    Ok(Subject { name: name.to_owned(), digest: digest(folder, name)? })
}

/// Whether a file holds a statement that is signed.
pub fn is_bundle(name: &str) -> bool {
    name.ends_with(".sigstore.json")
}
