//! Whether a run's journal and its report still tell of the same run.

use std::path::Path;

use record::journal::{self, Contents, End};
use record::report::model::JournalEnd;

/// What the report notes of the journal that it was made from.
pub fn noted(end: End) -> JournalEnd {
    JournalEnd { records: end.records, head: end.head.to_string() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The report was made from all of the journal.
    Whole,
    /// The journal goes on: the run was resumed after the report was made.
    GoesOn,
}

/// Holds the journal to what `report.json` noted of it: a tail that was cut between two lines, or a last record that was
/// changed, cannot be seen in the journal alone.
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
