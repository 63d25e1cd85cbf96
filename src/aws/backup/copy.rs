//! Copies by AWS Backup. A copy job is started where its original lies, and writes into a vault of the
//! run. No call stops it.

use aws_sdk_backup::types::{CopyJob, CopyJobState, Lifecycle};

use crate::access::BackupReader;
use crate::error::OrCloud;
use crate::time::some_time;
use crate::{At, Aws, missing, observed, pages, tags, with};
use base::duration::Time;
use port::{
    CloudError, CloudResult, CopyPoint, Create, Created, ErrorKind, Kind, Observed, ResourceRef, State,
};

const START: &str = "backup:StartCopyJob";
const DESCRIBE: &str = "backup:DescribeCopyJob";
const LIST: &str = "backup:ListCopyJobs";

/// How much older than its request a job may look: this machine's clock may differ from AWS's.
const ROUNDING: chrono::TimeDelta = chrono::TimeDelta::minutes(1);

/// The most days after which AWS Backup deletes a point (its answer to more: "`DeleteAfterDays` cannot be
/// less than 1 or more than 36500 days").
const MOST_DAYS: i64 = 36_500;

/// After how many days AWS Backup deletes the copy by itself, if teardown and sweep could not: at least
/// a day after the run expires. `None`: it is not known when the original was created.
///
/// The days count from the creation of the original: "Copies retain their source configuration,
/// including creation dates and retention period. The creation date refers to when the source was
/// created, not when the copy was created. You can override the retention period" (AWS Backup guide,
/// "Backup and tag copy"). If they counted from the copy, it would only stay longer.
fn delete_after_days(created: Option<Time>, expires: Time) -> Option<i64> {
    // The part of a day that has begun, and a whole one.
    let days = (expires - created?).num_days() + 2;
    (1..=MOST_DAYS).contains(&days).then_some(days)
}

/// Starts a copy job. The token makes a repeated request the same job, and a job whose answer was lost is
/// looked for first.
pub async fn start(at: &At<'_>, what: &Create, copy: &CopyPoint) -> CloudResult<Created> {
    let clients = at.aws.clients(at.place).await?;
    if copy.source_vault.is_empty() {
        let said = format!("in which vault {} lies is not known", copy.recovery_point);
        return Err(CloudError::new(ErrorKind::Invalid, START, said)
            .help("let the role of the account list its vaults, so that the recovery point is found there"));
    }
    if at.origin.unsure
        && let Some(job) = jobs(&clients.backup, copy, at.origin.since).await?.into_iter().next_back()
        && let Some(id) = job.copy_job_id
    {
        return Ok(at.created(Kind::CopyJob, id, "job"));
    }
    let days = delete_after_days(copy.created, at.run_tags.expires);
    let lifecycle = days.map(|days| Lifecycle::builder().delete_after_days(days).build());
    let request = clients
        .copy_job(at.permit, what)?
        .recovery_point_arn(&copy.recovery_point)
        .source_backup_vault_name(&copy.source_vault)
        .destination_backup_vault_arn(copy.destination())
        .iam_role_arn(&copy.role)
        .set_lifecycle(lifecycle)
        .idempotency_token(tags::token(at, ""));
    let id = request.send().await.or_cloud(START)?.copy_job_id.ok_or_else(|| missing(START, "copy job"))?;
    Ok(at.created(Kind::CopyJob, id, "job"))
}

/// The jobs that a request has started.
pub async fn started(aws: &Aws, copy: &CopyPoint) -> CloudResult<Vec<ResourceRef>> {
    let clients = aws.clients(&copy.from).await?;
    let found = jobs(&clients.backup, copy, None).await?;
    let resource = |id: String| ResourceRef {
        kind: Kind::CopyJob,
        id,
        account: copy.from.account.clone(),
        region: copy.from.region.clone(),
    };
    Ok(found.into_iter().filter_map(|job| job.copy_job_id).map(resource).collect())
}

/// The jobs that copy this point into this vault, the oldest first. The vault is of this run alone.
async fn jobs(backup: &BackupReader, copy: &CopyPoint, since: Option<Time>) -> CloudResult<Vec<CopyJob>> {
    let since = since.map(|since| aws_smithy_types::DateTime::from_secs((since - ROUNDING).timestamp()));
    let request = backup.list_copy_jobs().by_destination_vault_arn(copy.destination());
    let request = request.set_by_created_after(since);
    let mut found: Vec<CopyJob> = pages!(LIST, copy_jobs, request);
    found.retain(|job| {
        job.source_recovery_point_arn() == Some(&copy.recovery_point)
            && job.destination_backup_vault_arn() == Some(copy.destination().as_str())
    });
    found.sort_by_key(|job| some_time(job.creation_date()));
    Ok(found)
}

pub async fn observe(backup: &BackupReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for id in ids {
        let described = backup.describe_copy_job().copy_job_id(id).send().await.or_cloud(DESCRIBE);
        let job = match described {
            Ok(described) => described.copy_job,
            Err(e) if e.kind == ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let Some(job) = job else { continue };
        let said = status(&job);
        let state = match job.state() {
            Some(CopyJobState::Completed) => State::Ready,
            Some(CopyJobState::Failed | CopyJobState::Partial) => State::Failed(said),
            Some(_) | None => State::Pending(said),
        };
        let seen = observed(id.clone(), state);
        all.push(with(seen, "recovery_point", job.destination_recovery_point_arn));
    }
    Ok(all)
}

/// The state of a job, with its message.
fn status(job: &CopyJob) -> String {
    let word = job.state().map_or("of unknown state", CopyJobState::as_str);
    match job.status_message() {
        Some(message) if !message.is_empty() => format!("{word} ({message})"),
        Some(_) | None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However old the original is, the copy outlives the run, and not for long.
    #[test]
    fn a_copy_stays_until_the_run_has_expired_and_not_for_ever() {
        let expires: Time = "2026-03-01T04:30:00Z".parse().unwrap();
        for age in ["0h", "1h", "23h", "24h", "30d", "10000d"] {
            let (number, unit) = age.split_at(age.len() - 1);
            let number: i64 = number.parse().unwrap();
            let hours = chrono::TimeDelta::hours(if unit == "d" { number * 24 } else { number });
            let created = expires - hours;
            let days = delete_after_days(Some(created), expires).unwrap();
            let deleted = created + chrono::TimeDelta::days(days);
            let stays = deleted - expires;
            assert!(
                stays > chrono::TimeDelta::days(1) && stays <= chrono::TimeDelta::days(2),
                "{age}: {days}"
            );
        }
        assert_eq!(delete_after_days(None, expires), None);
        // AWS Backup takes no such number.
        assert_eq!(delete_after_days(Some(expires - chrono::TimeDelta::days(40_000)), expires), None);
        assert_eq!(delete_after_days(Some(expires + chrono::TimeDelta::days(9)), expires), None);
    }
}
