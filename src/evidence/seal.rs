//! Signs a run: its files as they lie in its folder.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use base::duration::Time;
use base::private;
use record::report::Report;

use crate::bundle::Bundle;
use crate::folder::{self, FileError};
use crate::statement::{
    DRILL, Evidence, Playbook, REHEARSAL, RanBy, SignedBy, Statement, Subject, TEST_RESULT, TestResult, Tool,
};
use crate::timestamp::{Stamped, TimeAuthority};
use crate::{EVIDENCE, RESULT, Signer};

#[derive(Debug, Error)]
pub enum SealError {
    #[error("{} {source}", .path.display())]
    File { path: PathBuf, source: FileError },
    #[error("cannot write {}: {source}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("the run could not be signed: {0}")]
    Sign(String),
}

/// What is sealed: the report, who ran the drill, and when it was signed.
pub struct Seal<'a> {
    pub report: &'a Report,
    pub ran_by: RanBy,
    pub signed_at: Time,
}

/// Signs the files of a run's folder.
///
/// The second statement has the first as one of its subjects, so neither can be taken from another
/// run.
///
/// `authority`: who stamps the first statement. Returns what it stamped, or why there is no stamp: the
/// run is signed without one.
pub fn seal(
    folder: &Path,
    told: Seal<'_>,
    signer: &dyn Signer,
    authority: Option<&dyn TimeAuthority>,
) -> Result<Option<Result<Stamped, String>>, SealError> {
    let mut files = Vec::new();
    for name in folder::names() {
        match file(folder, name) {
            Ok(file) => files.push(file),
            Err(SealError::File { source, .. }) if source.is_missing() && !folder::is_needed(name) => {}
            Err(error) => return Err(error),
        }
    }
    let signed_by = SignedBy::of(signer);
    let Seal { report, ran_by, signed_at } = told;
    let evidence = Evidence {
        run_id: report.run_id.clone(),
        simulated: report.simulated,
        tool: Tool { name: "drillmaster".into(), version: report.drillmaster_version.clone() },
        playbook: Playbook {
            name: report.playbook.name.clone(),
            path: report.playbook.path.clone(),
            sha256: report.playbook.sha256.clone(),
        },
        journal: report.journal.clone(),
        ran_by,
        identities: report.identities.clone(),
        signed_at,
        signer: signed_by.clone(),
        report,
    };
    let statement = Statement::new(files.clone(), predicate_type(report.simulated), evidence);
    let mut bundle = bundle(&statement, signer)?;
    let stamped = authority.map(|authority| bundle.stamp(authority));
    write(folder, EVIDENCE, &bundle)?;
    files.push(file(folder, EVIDENCE)?);
    let result = Statement::new(files, TEST_RESULT, TestResult::of(report, signed_by));
    write(folder, RESULT, &self::bundle(&result, signer)?)?;
    Ok(stamped)
}

/// The type of the statement about a run.
pub(crate) fn predicate_type(simulated: bool) -> &'static str {
    if simulated { REHEARSAL } else { DRILL }
}

/// A file of the folder as the subject of a statement.
pub(crate) fn file(folder: &Path, name: &str) -> Result<Subject, SealError> {
    folder::subject(folder, name).map_err(|source| SealError::File { path: folder.join(name), source })
}

/// Signs a statement.
pub(crate) fn bundle<P: Serialize>(
    statement: &Statement<P>,
    signer: &dyn Signer,
) -> Result<Bundle, SealError> {
    let text = serde_json::to_vec(statement).map_err(|error| SealError::Sign(error.to_string()))?;
    Bundle::sign(&text, signer).map_err(SealError::Sign)
}

/// Writes a bundle as a file of the folder.
pub(crate) fn write(folder: &Path, name: &str, bundle: &Bundle) -> Result<(), SealError> {
    let path = folder.join(name);
    private::write_whole(&path, bundle.to_text(), None).map_err(|source| SealError::Write { path, source })
}
