//! The files of a run's folder.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::Path;

use ring::digest::{Context, SHA256};
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

/// The files that a run leaves, but what is signed about them.
pub fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(journal::FILE_NAME).chain(Format::ALL.iter().map(|format| format.file_name()))
}

pub fn read(folder: &Path, name: &str) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    plain_file::open(&folder.join(name), OpenOptions::new().read(true))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The SHA-256 of a file.
pub fn digest(folder: &Path, name: &str) -> Result<Digest, FileError> {
    let mut file = plain_file::open(&folder.join(name), OpenOptions::new().read(true))?;
    let mut context = Context::new(&SHA256);
    let mut part = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut part)?;
        let Some(read) = part.get(..length).filter(|read| !read.is_empty()) else { break };
        context.update(read);
    }
    Ok(Digest { sha256: base16ct::lower::encode_string(context.finish().as_ref()) })
}

pub fn subject(folder: &Path, name: &str) -> Result<Subject, FileError> {
    Ok(Subject { name: name.to_owned(), digest: digest(folder, name)? })
}

/// Whether a file holds a statement that is signed.
pub fn is_bundle(name: &str) -> bool {
    name.ends_with(".sigstore.json")
}
