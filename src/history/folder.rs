//! A store in a folder of this machine.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base::private;
use record::journal;
use record::plain_file::{self, Refused};

use crate::objects::{Listed, Listing, Objects, Put, StoreError, is_part};

pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        // The parent of a bare name is empty, and means the folder that the program runs in.
        Self { root: if root.as_os_str().is_empty() { PathBuf::from(".") } else { root } }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    fn failed(&self, what: &str, key: &str) -> impl Fn(io::Error) -> StoreError {
        let (place, name) = (self.place(), key.to_owned());
        let what = what.to_owned();
        move |error| StoreError::new(place.clone(), format!("{name} cannot be {what}: {error}"))
    }

    /// Writes a file that has no name yet, in the folder of its later name.
    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<(PathBuf, tempfile::NamedTempFile)> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root);
        private::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".").suffix(".tmp").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok((path, file))
    }
}

/// Syncs a folder, so that a new name in it outlasts a loss of power.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

impl Objects for Folder {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    /// The system calls of a local file system are safe. The folder must be one that can be written.
    fn refuse_if_unsafe(&self) -> Result<(), StoreError> {
        let written = private::create_dir_all(&self.root).and_then(|()| {
            tempfile::Builder::new().prefix(".").suffix(".tmp").tempfile_in(&self.root).map(drop)
        });
        written.map_err(|error| {
            StoreError::new(
                self.place(),
                format!("nothing can be kept in this folder: {error}; name another --store"),
            )
        })
    }

    fn create(&self, key: &str, bytes: &[u8]) -> Result<Put, StoreError> {
        let failed = self.failed("written", key);
        let (path, file) = self.write(key, bytes).map_err(&failed)?;
        match file.persist_noclobber(&path) {
            Ok(_) => sync_folder_of(&path).map(|()| Put::Made).map_err(failed),
            Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Ok(Put::Exists),
            Err(refused) => Err(failed(refused.error)),
        }
    }

    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let failed = self.failed("written", key);
        let (path, file) = self.write(key, bytes).map_err(&failed)?;
        file.persist(&path).map_err(|refused| failed(refused.error))?;
        sync_folder_of(&path).map_err(failed)
    }

    fn read(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = self.failed("read", key);
        match plain_file::open(&self.path(key), OpenOptions::new().read(true)) {
            Ok(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(failed)?;
                Ok(Some(bytes))
            }
            Err(Refused::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(Refused::Io(error)) => Err(failed(error)),
            Err(Refused::NotAFile(what)) => Err(StoreError::new(self.place(), format!("{key} is {what}"))),
        }
    }

    fn list(&self, under: &str) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        let folder = if under.is_empty() { self.root.clone() } else { self.path(under) };
        match walk(&folder, under, &mut listing) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::new(self.place(), format!("the folder cannot be read: {error}")));
            }
            Ok(()) | Err(_) => {}
        }
        listing.objects.sort();
        Ok(listing)
    }

    fn digest(&self, key: &str) -> Option<Result<String, StoreError>> {
        let failed = self.failed("read", key);
        let opened = plain_file::open(&self.path(key), OpenOptions::new().read(true));
        Some(match opened {
            Ok(file) => base::digest::sha256_of(file).map_err(failed),
            Err(Refused::Io(error)) => Err(failed(error)),
            Err(Refused::NotAFile(what)) => Err(StoreError::new(self.place(), format!("{key} is {what}"))),
        })
    }

    fn run_folder(&self, run: &str) -> Option<PathBuf> {
        Some(self.path(run))
    }
}

/// How many parts the keys below a folder have at most. Other folders hold runs, and those only files:
/// the folder may be one that holds much else.
fn deepest(top: &str) -> usize {
    if crate::store::RESERVED.contains(&top) { 3 } else { 2 }
}

fn walk(folder: &Path, prefix: &str, listing: &mut Listing) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Other names are not of a store: temporary files, and what people keep beside it.
        let Some(name) = entry.file_name().to_str().filter(|name| is_part(name)).map(str::to_owned) else {
            // But a run must not hide behind its name.
            if prefix.is_empty() && entry.path().join(journal::FILE_NAME).is_file() {
                let why = "its folder's name may hold letters, digits, `.`, `_` and `-` only: rename it";
                listing.unread.push((entry.file_name().to_string_lossy().into_owned(), why.to_owned()));
            }
            continue;
        };
        let key = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let depth = key.split('/').count();
        let top = key.split('/').next().unwrap_or_default();
        // A run's folder may be a link to where it was moved.
        match fs::metadata(entry.path()) {
            Ok(found) if found.is_dir() && depth < deepest(top) => {
                if let Err(error) = walk(&entry.path(), &key, listing) {
                    listing.unread.push((key, error.to_string()));
                }
            }
            Ok(found) if found.is_file() => listing.objects.push(Listed { key, size: found.len() }),
            Ok(_) => {}
            // Somebody removed it just now, or it is a link to nowhere.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => listing.unread.push((key, error.to_string())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path().join("runs"));
        assert_eq!(store.list("").unwrap().objects, []);
        assert_eq!(store.create("a/1.json", b"first").unwrap(), Put::Made);
        assert_eq!(store.create("a/1.json", b"second").unwrap(), Put::Exists);
        assert_eq!(store.read("a/1.json").unwrap().as_deref(), Some(b"first".as_slice()));
        assert_eq!(store.read("a/2.json").unwrap(), None);
        store.replace("index/a.json", b"x").unwrap();
        store.replace("index/a.json", b"yz").unwrap();
        let listed: Vec<_> = store.list("").unwrap().objects.into_iter().map(|o| (o.key, o.size)).collect();
        assert_eq!(listed, [("a/1.json".to_owned(), 5), ("index/a.json".to_owned(), 2)]);
    }

    #[test]
    fn no_temporary_file_is_left_or_listed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        fs::write(folder.path().join(".half.tmp"), "x").unwrap();
        store.create("a/1.json", b"first").unwrap();
        store.create("a/1.json", b"second").unwrap();
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
        assert_eq!(store.list("").unwrap().objects.len(), 1);
    }

    #[test]
    fn a_run_does_not_hide_behind_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("my drill");
        fs::create_dir(&run).unwrap();
        fs::write(run.join(journal::FILE_NAME), "").unwrap();
        let listing = Folder::new(folder.path()).list("").unwrap();
        assert_eq!((listing.objects.len(), listing.unread.len()), (0, 1), "{listing:?}");
    }

    #[test]
    fn a_pipe_and_a_link_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
        assert!(store.read("link").unwrap_err().to_string().contains("a link"));
    }
}
