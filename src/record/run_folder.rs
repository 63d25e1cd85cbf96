//! Reads a finished run: the fold of its journal, compared with the report beside it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::journal::{self, Contents, End, JournalError};
use crate::objectives::Fold;
use crate::report::compare::Difference;
use crate::report::model::JournalEnd;
use crate::report::{self, ReportError, Written};
use event::{Body, Inputs};

/// Differences that are shown with both values. The others are named.
const SHOWN: usize = 8;

/// A run as its journal tells it.
pub struct Told {
    pub folder: PathBuf,
    pub fold: Fold,
    /// Why report.json could not be compared. `None` as well if there is none.
    pub unread: Option<ReportError>,
    /// What the run was given beside its playbook, as its first record holds it.
    pub inputs: Inputs,
}

impl Told {
    /// What to do about a run that did not come to its end.
    pub fn next(&self) -> Option<String> {
        let folder = self.folder.display();
        (!self.fold.finished).then(|| {
            format!(
                "the run did not come to its end: `drillmaster resume {folder}` goes on with it, `drillmaster abort {folder}` \
                 tears it down"
            )
        })
    }
}

/// Returns the end of the journal, in the form in which the report stores it.
pub fn noted(end: End) -> JournalEnd {
    JournalEnd { records: end.records, head: end.head.to_string(), cut_short: false }
}

/// The folder of a run that is named by its folder or by a file in it.
pub fn folder_of(run: &Path) -> PathBuf {
    if run.is_dir() { run.to_owned() } else { run.parent().map(Path::to_owned).unwrap_or_default() }
}

/// Returns the error with its help.
pub fn with_help(error: &ReportError) -> String {
    format!("{error}; {}", error.help())
}

/// Reads the run of a folder, or of a report whose journal lies beside it. Refuses a report that
/// differs from its journal.
pub fn read(path: &Path) -> Result<Told, String> {
    if let Err(error) = path.symlink_metadata()
        && error.kind() == ErrorKind::NotFound
    {
        return Err(with_help(&ReportError::NoRun(path.to_owned())));
    }
    let folder = folder_of(path);
    let contents = journal::read(&folder).map_err(|error| {
        if let JournalError::Missing { path } = &error {
            return format!(
                "{}: there is no journal, and no report is relied on without the journal that it was made from; copy \
                 the whole folder of the run, or run the drill again",
                path.display()
            );
        }
        error.to_string()
    })?;
    let mut fold = Fold::of(&contents.events)
        .ok_or_else(|| format!("{}: the journal does not tell of a run", folder.display()))?;
    let end = contents.end();
    fold.report.journal = Some(noted(end));
    let (asked, file) = if path.is_dir() || path.file_name() == Some(journal::FILE_NAME.as_ref()) {
        (folder.as_path(), folder.join(report::Format::Json.file_name()))
    } else {
        (path, path.to_owned())
    };
    let unread = match report::read(asked) {
        Ok(written) if !contents.finished() && written.is_cut_short() => Some(ReportError::CutShort(file)),
        Ok(written) => {
            hold_to_journal(&file, &folder, &written, &contents)?;
            None
        }
        // The run was cut short before it was written. Or somebody removed it, which changes nothing.
        Err(ReportError::NoRun(_) | ReportError::NoReport(_)) => None,
        Err(error) => Some(error),
    };
    let inputs = match contents.events.into_iter().next().map(|event| event.body) {
        Some(Body::RunStarted(started)) => started.inputs,
        // No fold is made of such a journal.
        Some(_) | None => Inputs::default(),
    };
    Ok(Told { folder, fold, unread, inputs })
}

/// Compares a report with the journal, as far as it went when the report was made.
fn hold_to_journal(file: &Path, folder: &Path, written: &Written, contents: &Contents) -> Result<(), String> {
    let end = match &written.report.journal {
        Some(noted) => reached(folder, contents, noted)?,
        None => contents.end(),
    };
    let events = contents.events.iter().take(usize::try_from(end.records).unwrap_or(usize::MAX));
    let mut then = Fold::of(events)
        .ok_or_else(|| format!("{}: the report was made from an empty journal", file.display()))?
        .report;
    then.journal = Some(noted(end));
    let differences = written.differences(&then).map_err(|error| with_help(&error))?;
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}: the report is not what its journal says, so neither is relied on: {}; restore report.json from a copy, or \
         remove it: the journal is enough. If the run ended, `drillmaster resume {}` writes its reports anew",
        file.display(),
        listed(&differences),
        folder.display()
    ))
}

fn listed(differences: &[Difference]) -> String {
    let shown: Vec<String> = differences.iter().take(SHOWN).map(ToString::to_string).collect();
    let more: Vec<String> = differences.iter().skip(SHOWN).map(|d| format!("`{}`", d.path)).collect();
    let mut text = shown.join("; ");
    if !more.is_empty() {
        text += &format!("; also {}", more.join(", "));
    }
    text
}

/// Returns the end of the journal that `report.json` stores.
///
/// The journal alone does not show two kinds of changes: whole lines cut from its end, and a
/// changed last record. The journal may go on after it: the run was resumed later.
fn reached(folder: &Path, contents: &Contents, noted: &JournalEnd) -> Result<End, String> {
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
        Some(end) => Ok(end),
    }
}
