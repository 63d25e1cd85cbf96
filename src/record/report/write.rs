//! The report's files in a run's folder.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use base::private;

use super::{Format, Report, ReportError, Templates, render};

/// Writes every format into `dir`. Creates the folder if it is missing. Each file appears as a
/// whole or not at all.
///
/// If one format fails, for example because of a mistake in a template, the others are still
/// written. Returns the first error.
pub fn write_all(report: &Report, dir: &Path, templates: &Templates) -> Result<(), ReportError> {
    private::create_dir_all(dir).map_err(|source| ReportError::Write { path: dir.to_owned(), source })?;
    let mut first = Ok(());
    for &format in Format::ALL {
        let written = render(report, format, templates)
            .and_then(|text| write_whole(&dir.join(format.file_name()), &text));
        if first.is_ok() {
            first = written;
        }
    }
    first
}

/// Writes a temporary file in the same folder, then renames it.
fn write_whole(path: &Path, text: &str) -> Result<(), ReportError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = private::file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // The temporary file may not exist. Only the error above matters.
        let _ = fs::remove_file(&temporary);
        ReportError::Write { path: path.to_owned(), source }
    })
}
