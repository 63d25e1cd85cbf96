//! The files that a playbook names, as they were when they were first read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::file::plain;
use super::limits::LARGEST_FILE;

/// Reads files of one folder. Kept files are answered from memory, so that a resumed run does not
/// see changes on disk since it began.
#[derive(Debug, Clone, Default)]
pub struct Files {
    folder: PathBuf,
    kept: BTreeMap<String, String>,
}

impl Files {
    /// The files of a folder, none of them kept.
    pub fn of(folder: &Path) -> Self {
        // The parent of a bare file name is empty, and no command can run in an empty folder name.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        Self { folder: folder.to_owned(), kept: BTreeMap::new() }
    }

    /// The files that a run has kept. All others are read from the folder.
    pub fn kept_by_a_run(folder: &Path, kept: BTreeMap<String, String>) -> Self {
        Self { kept, ..Self::of(folder) }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The kept texts, by the names that the playbook gives the files.
    pub fn kept(&self) -> &BTreeMap<String, String> {
        &self.kept
    }

    /// The file's text. The error says in words why it cannot be read.
    pub fn read(&self, name: &str) -> Result<String, String> {
        match self.kept.get(name) {
            Some(text) => Ok(text.clone()),
            None => match self.unreadable(name) {
                Some(why) => Err(why),
                None => fs::read_to_string(self.path(name)).map_err(|e| e.to_string()),
            },
        }
    }

    /// Why the file cannot be read. `None` if it can.
    pub fn unreadable(&self, name: &str) -> Option<String> {
        if self.kept.contains_key(name) {
            return None;
        }
        // Looked at before it is opened: a pipe waits for its writer, and a device may have no end.
        match fs::metadata(self.path(name)) {
            Err(error) => Some(plain(&error)),
            Ok(meta) if meta.is_dir() => Some("it is a folder".to_owned()),
            Ok(meta) if !meta.is_file() => Some("it is a pipe or a device, and no file".to_owned()),
            Ok(_) => fs::File::open(self.path(name)).err().map(|error| plain(&error)),
        }
    }

    /// The file's size in bytes. `None` if it is not a file, or cannot be accessed.
    pub fn size(&self, name: &str) -> Option<u64> {
        match self.kept.get(name) {
            Some(text) => Some(text.len() as u64),
            None => fs::metadata(self.path(name)).ok().filter(fs::Metadata::is_file).map(|meta| meta.len()),
        }
    }

    pub fn keep(&mut self, name: &str, text: String) {
        self.kept.insert(name.to_owned(), text);
    }

    /// Keeps a file's text if it can be read. Files above the size limit of a playbook are not
    /// kept.
    pub fn keep_if_readable(&mut self, name: &str) {
        let size = fs::metadata(self.path(name)).map_or(0, |meta| meta.len());
        if !self.kept.contains_key(name)
            && size <= LARGEST_FILE as u64
            && let Ok(text) = self.read(name)
        {
            self.keep(name, text);
        }
    }
}
