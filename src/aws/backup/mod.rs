//! Copies and restores by AWS Backup. Of a restore a job is started, and what it made is taken over.
//!
//! A job carries no tags and cannot be stopped. So its id in the journal is what proves that the
//! resource is this run's.

pub mod copy;
mod jobs;
pub mod kinds;
mod landing;
pub mod vault;
pub mod vault_policy;

pub use self::jobs::{at_work, started};

use aws_sdk_backup::operation::describe_restore_job::DescribeRestoreJobOutput;
use aws_sdk_backup::types::RestoreJobStatus;
use serde_json::json;

use crate::access::{BackupReader, Writer};
use crate::error::OrCloud;
use crate::time::some_time;
use crate::{At, missing, observed, tags, with};
use base::duration::{Span, Time};
use port::request::OUTSIDE;
use port::wait::CONSISTENT_AFTER;
use port::{
    AdoptRestored, CloudError, CloudResult, Created, ErrorKind, Kind, Observed, StartRestore, Started, State,
};

const DESCRIBE: &str = "backup:DescribeRestoreJob";

/// Starts a restore job. The token makes a repeated request the same job.
pub async fn start(at: &At<'_>, start: &StartRestore) -> CloudResult<Created> {
    const CALL: &str = "backup:StartRestoreJob";
    let writer = at.writer().await?;
    // How long AWS Backup remembers a token, it does not say. A job without a name of its own may be
    // another step's.
    if at.origin.unsure
        && jobs::names_the_request(start.restores)
        && let Started::Job(job) =
            started(&writer.read.backup, at.place, &at.run_tags.run, start, &[]).await?
    {
        return Ok(at.created(Kind::RestoreJob, job.id, "job"));
    }
    let mut metadata = start.metadata.clone();
    if let Some(az) = &start.az {
        metadata.insert("availabilityZone".into(), at.zone_name(az).await?);
    }
    let request = writer
        .backup
        .start_restore_job()
        .recovery_point_arn(&start.recovery_point)
        .iam_role_arn(&start.role)
        .resource_type(start.restores.row().word)
        .idempotency_token(tags::token(at, ""))
        .copy_source_tags_to_restored_resource(false)
        .set_metadata(Some(metadata.into_iter().collect()));
    let started = request.send().await.or_cloud(CALL)?;
    let id = started.restore_job_id.ok_or_else(|| missing(CALL, "restore job"))?;
    Ok(at.created(Kind::RestoreJob, id, "job"))
}

/// Takes over what a job of this run made.
pub async fn adopt(at: &At<'_>, adopt: &AdoptRestored) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let job = describe(&writer.read.backup, &adopt.job).await?.ok_or_else(|| {
        CloudError::new(ErrorKind::NotFound, DESCRIBE, format!("there is no restore job {}", adopt.job))
            .help("AWS Backup forgets old jobs: look for what it made in the vault's account, by hand")
    })?;
    if job.status != Some(RestoreJobStatus::Completed) {
        let said = format!("the restore job {} is {}", adopt.job, status(&job));
        return Err(CloudError::new(ErrorKind::InUse, DESCRIBE, said));
    }
    let word = adopt.restores.row().word;
    let mut created = Created::default();
    let mut tell = |why: String| drop(created.outputs.insert(OUTSIDE.to_owned(), json!(why)));
    let Some(arn) = job.created_resource_arn() else {
        // A job for S3 completes also when nothing matched. The objects in the bucket will tell.
        if adopt.restores.row().makes == Kind::Bucket {
            return Ok(created);
        }
        let said = format!("the restore job {} completed, and names nothing that it made", adopt.job);
        return Err(CloudError::new(ErrorKind::Invalid, DESCRIBE, said)
            .help("look for it in AWS Backup's console: `Jobs`, `Restore jobs`"));
    };
    if job.resource_type().is_some_and(|kind| kind != word) {
        tell(format!("{arn} is of the type {}, and not of {word}", job.resource_type().unwrap_or_default()));
        return Ok(created);
    }
    let zone = match &adopt.landing.az {
        Some(az) => Some(at.zone_name(az).await?),
        None => None,
    };
    let lands = landing::Lands { landing: &adopt.landing, zone: zone.as_deref() };
    let pairs = tags::pairs(at, &adopt.name);
    let found = landing::found(&writer, at.place, arn, job.creation_date(), Some(&lands)).await?;
    if let Some(why) = found.outside {
        tell(why);
    }
    if let Some(resource) = found.resource {
        landing::tag(&writer, &resource, arn, &found.parts, &pairs).await?;
        created.resources.push(resource);
    }
    Ok(created)
}

/// Ends with a job in teardown: what it made gets the run's tag, so that it is found and deleted.
///
/// # Errors
///
/// The job may still be at work, or what it made may not be visible yet. Without the time of the
/// job's end, that is not known to have passed.
pub async fn finish(to: &Writer, now: Time, place: &port::Place, id: &str) -> CloudResult<()> {
    let Some(job) = describe(&to.read.backup, id).await? else {
        // Not seen is not gone: its start was answered with this id.
        let said = format!("the restore job {id} is not seen, so what it made is not known");
        return Err(CloudError::new(ErrorKind::InUse, DESCRIBE, said)
            .help("it may not be visible yet; AWS Backup forgets old jobs: look for what it made by hand"));
    };
    if !has_ended(&job) {
        let said = format!(
            "the restore job {id} is {}, and no call stops it: run `drillmaster abort` on the run's folder again once it has ended",
            status(&job)
        );
        return Err(CloudError::new(ErrorKind::InUse, DESCRIBE, said));
    }
    let arn = match job.created_resource_arn() {
        Some(arn) => arn.to_owned(),
        None => match jobs::half_made(to, place, &job).await? {
            Some(arn) => arn,
            None => return Ok(()),
        },
    };
    let (arn, is_told) = (arn.as_str(), job.created_resource_arn().is_some());
    let found = landing::found(to, place, arn, job.creation_date(), None).await?;
    let pairs = tags::of_run(&to.run_tags);
    let unseen = || {
        // A name that a failed job was given. It made nothing under it.
        if !is_told
            || some_time(job.completion_date()).is_some_and(|at| at + Span(CONSISTENT_AFTER).delta() < now)
        {
            return Ok(());
        }
        let said = format!("the restore job {id} made {arn}, which is not seen yet");
        Err(CloudError::new(ErrorKind::InUse, DESCRIBE, said))
    };
    match (found.resource, found.outside) {
        (Some(resource), _) => match landing::tag(to, &resource, arn, &found.parts, &pairs).await {
            Err(e) if e.kind == ErrorKind::NotFound => unseen(),
            tagged => tagged,
        },
        (None, None) if found.unseen => unseen(),
        (None, None) => Ok(()),
        (None, Some(why)) => Err(CloudError::new(
            ErrorKind::Guarded,
            DESCRIBE,
            format!("the restore job {id} made {arn}, which is not deleted: {why}"),
        )
        .help("look at it by hand: whether it is this run's is not proved")),
    }
}

/// Whether the job does nothing more. A status that is not known here may still be at work.
fn has_ended(job: &DescribeRestoreJobOutput) -> bool {
    matches!(
        job.status,
        Some(RestoreJobStatus::Completed | RestoreJobStatus::Aborted | RestoreJobStatus::Failed)
    )
}

pub async fn observe(backup: &BackupReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for id in ids {
        let Some(job) = describe(backup, id).await? else { continue };
        let said = status(&job);
        let state = match &job.status {
            Some(RestoreJobStatus::Completed) => State::Ready,
            Some(RestoreJobStatus::Aborted | RestoreJobStatus::Failed) => State::Failed(said),
            Some(_) | None => State::Pending(said),
        };
        all.push(with(observed(id.clone(), state), "created", job.created_resource_arn));
    }
    Ok(all)
}

/// The status of a job, with its message and progress.
fn status(job: &DescribeRestoreJobOutput) -> String {
    let word = job.status().map_or("of unknown status", RestoreJobStatus::as_str);
    match (job.status_message(), job.percent_done()) {
        (Some(message), _) if !message.is_empty() => format!("{word} ({message})"),
        (_, Some(done)) if !done.is_empty() => format!("{word} ({done})"),
        _ => word.to_owned(),
    }
}

async fn describe(backup: &BackupReader, id: &str) -> CloudResult<Option<DescribeRestoreJobOutput>> {
    match backup.describe_restore_job().restore_job_id(id).send().await.or_cloud(DESCRIBE) {
        Ok(job) => Ok(Some(job)),
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
