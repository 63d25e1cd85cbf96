//! The report's files in a run's folder.

use std::iter;
use std::path::Path;

use base::{parallel, private};

use super::{Format, Report, ReportError, Templates, render};

/// Writes every format into `dir`. Creates the folder if it is missing. Each file appears as a
/// whole or not at all.
///
/// If one format fails, for example because of a mistake in a template, the others are still
/// written. Returns the first error.
pub fn write_all(report: &Report, dir: &Path, templates: &Templates) -> Result<(), ReportError> {
    private::create_dir_all(dir).map_err(|source| ReportError::Write { path: dir.to_owned(), source })?;
    let write = |format: &Format| {
        let text = render(report, *format, templates)?;
        write_one(&dir.join(format.file_name()), &text)
    };
    // The others can be made again from the first.
    let [first, others @ ..] = Format::ALL else { return Ok(()) };
    let written = write(first);
    iter::once(written).chain(parallel::map(others, write)).collect()
}

fn write_one(path: &Path, text: &str) -> Result<(), ReportError> {
    private::write_whole(path, text, None)
        .map_err(|source| ReportError::Write { path: path.to_owned(), source })
}
