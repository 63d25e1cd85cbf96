//! The file that `discover` writes.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base::private;
use estate::discovered::Discovered;
use estate::write::{self, Asked, NotWritten, Written};
use yaml::file;
use yaml::{Diagnostics, Source};

/// A file, or stdout.
pub struct Target {
    /// `None`: stdout.
    path: Option<PathBuf>,
}

impl Target {
    pub fn of(out: &Path) -> Self {
        Self { path: (out != Path::new("-")).then(|| out.to_owned()) }
    }

    pub fn is_stdout(&self) -> bool {
        self.path.is_none()
    }

    /// Whether the file can be written: it is an estate, or there is none yet and its folder exists.
    pub fn check(&self) -> Result<(), NotWritten> {
        let Some(path) = &self.path else { return Ok(()) };
        if exists(path)? {
            return write::merged(path, file::read(path, 0), &Discovered::default(), &Asked::default())
                .map(drop);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match folder.metadata() {
            Ok(folder) if folder.is_dir() => Ok(()),
            Ok(_) | Err(_) => {
                Err(wrong(path, "its folder does not exist", "create it, or name another file"))
            }
        }
    }

    /// Writes what was found. The file may have changed while AWS was read, so it is read again.
    pub fn write(&self, found: &Discovered, asked: &Asked) -> Result<Written, NotWritten> {
        let Some(path) = &self.path else { return write::fresh(Path::new("estate.yaml"), found) };
        if !exists(path)? {
            let written = write::fresh(path, found)?;
            save(path, &written.text, None)?;
            return Ok(written);
        }
        let read = file::read(path, 0);
        let before = read.as_ref().ok().map(|read| read.source.text.to_string());
        let written = write::merged(path, read, found, asked)?;
        if before.as_ref() != Some(&written.text) {
            // A link stays a link: the file that it names is replaced.
            let real = path.canonicalize().map_err(|error| not_saved(path, &error))?;
            let mode = fs::metadata(&real).map_err(|error| not_saved(path, &error))?.permissions();
            save(&real, &written.text, Some(mode))?;
        }
        Ok(written)
    }
}

fn exists(path: &Path) -> Result<bool, NotWritten> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(wrong(path, &format!("cannot be read: {}", file::plain(&error)), "check the path")),
    }
}

fn save(path: &Path, text: &str, mode: Option<fs::Permissions>) -> Result<(), NotWritten> {
    private::write_whole(path, text, mode).map_err(|error| not_saved(path, &error))
}

fn not_saved(path: &Path, error: &std::io::Error) -> NotWritten {
    wrong(path, &format!("cannot be written: {}", file::plain(error)), "check the folder and its permissions")
}

fn wrong(path: &Path, message: &str, help: &str) -> NotWritten {
    let source = Source::new(&path.display().to_string(), "", 0);
    let mut found = Diagnostics::default();
    found.push(source.error(yaml::Span::default(), message).help(help).without_line());
    NotWritten::File(found)
}
