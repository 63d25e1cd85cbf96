//! Opens the files of a run's folder. Only a plain file is opened: a pipe would hang its reader, and
//! a link or a device would lead somewhere else.

use std::fs::{File, FileType, OpenOptions, symlink_metadata};
use std::io::Error as IoError;
use std::path::Path;

/// Why a file was not opened.
#[derive(Debug)]
pub enum Refused {
    Io(IoError),
    /// It is something else, in words: `a pipe`.
    NotAFile(&'static str),
}

pub fn open(path: &Path, options: &OpenOptions) -> Result<File, Refused> {
    // Looked at before it is opened, because opening a pipe waits for a writer.
    is_plain(symlink_metadata(path).map_err(Refused::Io)?.file_type())?;
    let file = options.open(path).map_err(Refused::Io)?;
    // And afterwards, in case that it was replaced in between.
    is_plain(file.metadata().map_err(Refused::Io)?.file_type())?;
    Ok(file)
}

fn is_plain(kind: FileType) -> Result<(), Refused> {
    if kind.is_file() { Ok(()) } else { Err(Refused::NotAFile(name(kind))) }
}

fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;

        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a link"
    } else {
        "something else"
    }
}
