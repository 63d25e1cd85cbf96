//! Evidence into a bucket of S3.

use super::Proved;

#[cfg(not(feature = "aws"))]
pub fn push(_: &Proved<'_>, _: &str, _: &str) -> Result<String, String> {
    Err(crate::cli::wire::WITHOUT_AWS.to_owned())
}

/// Puts every file of a run under `PREFIX/RUN-ID/`, and reads each back. The evidence comes last: where
/// it lies, all of the run lies.
#[cfg(feature = "aws")]
pub fn push(run: &Proved<'_>, bucket: &str, prefix: &str) -> Result<String, String> {
    use ::aws::archive::{Archive, Kept};
    use evidence::EVIDENCE;

    let rehearsals = if run.report.simulated { "rehearsals/" } else { "" };
    let place = format!("{prefix}{rehearsals}{}/", run.report.run_id);
    let mut names: Vec<&str> = run.files().collect();
    names.sort_by_key(|name| *name == EVIDENCE);
    let runtime = crate::cli::wire::runtime()?;
    runtime.block_on(async {
        let told = |error: port::CloudError| super::super::told(&error);
        let archive = Archive::open(bucket).await.map_err(told)?;
        let mut new = 0;
        for name in &names {
            let kept = archive.keep(&format!("{place}{name}"), &run.read(name)?).await;
            let kept = kept.map_err(|error| format!("s3://{bucket}/{place}{name}: {}", told(error)))?;
            new += usize::from(kept == Kept::New);
        }
        let (all, same) = (names.len(), names.len() - new);
        let before = if same == 0 { String::new() } else { format!(" ({same} lay there already)") };
        Ok(format!(
            "Pushed: {all} files{before} to s3://{bucket}/{place}, each read back and compared.\n{}\n",
            run.title()
        ))
    })
}
