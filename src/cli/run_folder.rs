//! Checks whether a run's journal and its report belong to the same run.

use std::path::Path;

use record::journal::{self, Contents, End};
use record::report::model::JournalEnd;

/// Returns the end of the journal, in the form in which the report stores it.
pub fn noted(end: End) -> JournalEnd {
    JournalEnd { records: end.records, head: end.head.to_string() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The report covers the whole journal.
    Whole,
    /// The journal goes on after the report: the run was resumed later.
    GoesOn,
}

/// Compares the journal with the end that `report.json` stores.
///
/// The journal alone does not show two kinds of changes: whole lines cut from its end, and a
/// changed last record.
pub fn compare(folder: &Path, contents: &Contents, noted: &JournalEnd) -> Result<Reach, String> {
    let file = folder.join(journal::FILE_NAME);
    let (records, found) = (noted.records, contents.end().records);
    let help = "restore both files from a copy, or run the drill again";
    match contents.end_at(records) {
        None => Err(format!(
            "{}: the journal ends after {found} records, and report.json was made from {records}: its end was cut off, so \
             neither is relied on: {help}",
            file.display()
        )),
        Some(end) if end.head.to_string() != noted.head => Err(format!(
            "{}:{records}: this record is not the one that report.json was made from (its SHA-256 is {}, the report says \
             {}): one of the two files was changed, so neither is relied on: {help}",
            file.display(),
            end.head,
            noted.head.escape_debug()
        )),
        Some(_) if found > records => Ok(Reach::GoesOn),
        Some(_) => Ok(Reach::Whole),
    }
}
