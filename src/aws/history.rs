//! How long AWS Backup's own restores took, as its jobs tell.

use aws_sdk_backup::types::RestoreJobStatus;
use aws_smithy_types::DateTime;

use crate::tagged::is_named;
use crate::time::some_time;
use crate::{Aws, pages};
use base::duration::{Size, Time, seconds_between};
use port::{CloudResult, Place, Restorable};

/// The calls of [`restores`].
pub const CALLS: &[&str] = &["backup:ListRestoreJobs"];

/// A restore that completed.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreJob {
    pub id: String,
    /// Whether what it made has a name that a drill gives: `dm-1f3a5c7e-orders`.
    pub is_of_a_drill: bool,
    pub restores: Restorable,
    /// From the creation of the job to its completion.
    pub seconds: f64,
    pub size: Size,
}

/// The restore jobs of a place that were created since then and completed, of the types that Drillmaster
/// restores. A job without a size or a time is left out: its speed is not known.
pub async fn restores(aws: &Aws, place: &Place, since: Time) -> CloudResult<Vec<RestoreJob>> {
    let clients = aws.clients(place).await?;
    let request = clients.backup.list_restore_jobs().by_status(RestoreJobStatus::Completed);
    let request = request.by_created_after(DateTime::from_secs(since.timestamp()));
    let jobs = pages!("backup:ListRestoreJobs", restore_jobs, request);
    let known =
        jobs.iter().filter(|job| job.status() == Some(&RestoreJobStatus::Completed)).filter_map(|job| {
            let restores = Restorable::of_word(job.resource_type()?)?;
            let (began, ended) = (some_time(job.creation_date())?, some_time(job.completion_date())?);
            let bytes = u64::try_from(job.backup_size_in_bytes()?).ok().filter(|bytes| *bytes > 0)?;
            let made = job.created_resource_arn().unwrap_or_default();
            let is_of_a_drill = made.rsplit([':', '/']).next().is_some_and(is_named);
            let id = job.restore_job_id()?.to_owned();
            Some(RestoreJob {
                id,
                is_of_a_drill,
                restores,
                seconds: seconds_between(began, ended),
                size: Size(bytes),
            })
        });
    Ok(known.filter(|job| job.seconds > 0.0).collect())
}
