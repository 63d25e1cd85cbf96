//! Files and folders that only their owner may read. Records and reports may show how to reach
//! production.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Creates a folder, and those above it that are missing, with the mode 0700. A folder that exists
/// keeps its mode.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Options for opening a file. A file that they create has the mode 0600.
pub fn file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Writes a file that appears as a whole or not at all: a temporary file in the same folder, which
/// is then renamed. It has the mode 0600, or the one that is given.
pub fn write_whole(path: &Path, contents: impl AsRef<[u8]>, mode: Option<Permissions>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .and_then(|mut file| {
            if let Some(mode) = mode {
                file.set_permissions(mode)?;
            }
            file.write_all(contents.as_ref())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The temporary file may not exist. Only the error above matters.
        let _ = fs::remove_file(&temporary);
    }
    written
}
