//! Evidence into a bucket: in the same way as runs into a store.

use super::Proved;
use evidence::EVIDENCE;
use history::Store;

/// Puts every file of a run under `PREFIX/RUN-ID/`, and reads each back. The evidence comes last: where
/// it lies, all of the run lies.
pub fn push(run: &Proved<'_>, archive: &Store) -> Result<String, String> {
    let rehearsals = if run.report.simulated { "rehearsals/" } else { "" };
    let folder = format!("{rehearsals}{}", run.report.run_id);
    let mut names: Vec<&str> = run.files().collect();
    names.sort_by_key(|name| *name == EVIDENCE);
    let mut new = 0;
    for name in &names {
        let put = archive.hand_over(&format!("{folder}/{name}"), &run.read(name)?);
        new += usize::from(put.map_err(|error| error.to_string())?);
    }
    let (all, same) = (names.len(), names.len() - new);
    let before = if same == 0 { String::new() } else { format!(" ({same} lay there already)") };
    Ok(format!(
        "Pushed: {all} files{before} to {}/{folder}/, each read back and compared.\n{}\n",
        archive.place(),
        run.title()
    ))
}
