//! The restore jobs that a run may have begun, and what a failed one left half-made.

use std::collections::BTreeMap;

use aws_sdk_backup::operation::describe_restore_job::DescribeRestoreJobOutput;
use aws_sdk_ec2::types::{Instance, Tag};
use aws_smithy_types::DateTime;

use super::landing::is_newer;
use crate::access::{BackupReader, Writer};
use crate::ec2::filter;
use crate::error::OrCloud;
use crate::tagged::{began, is_named};
use crate::time::{from_time, some_time};
use crate::{efs, pages, tags};
use base::ids::RunId;
use port::restorable::Put;
use port::{
    CloudError, CloudResult, ErrorKind, Kind, Place, ResourceRef, Restorable, StartRestore, Started, TAG_RUN,
};

const LIST: &str = "backup:ListRestoreJobs";
const METADATA: &str = "backup:GetRestoreJobMetadata";

/// The metadata of a job by their keys in lower case. AWS Backup does not distinguish the case.
pub async fn metadata(backup: &BackupReader, job: &str) -> CloudResult<BTreeMap<String, String>> {
    let answer = backup.get_restore_job_metadata().restore_job_id(job).send().await.or_cloud(METADATA)?;
    let metadata = answer.metadata.unwrap_or_default();
    Ok(metadata.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect())
}

/// Looks for the job of a request: the same recovery point and role, and the metadata that were asked
/// for.
pub async fn started(
    backup: &BackupReader,
    place: &Place,
    run: &RunId,
    start: &StartRestore,
    known: &[String],
) -> CloudResult<Started> {
    let request = backup.list_restore_jobs().by_resource_type(start.restores.row().word);
    let request = request.set_by_created_after(began(run).map(from_time));
    let (mut fitting, mut unclear) = (Vec::new(), Vec::new());
    for job in pages!(LIST, restore_jobs, request) {
        let Some(id) = job.restore_job_id() else { continue };
        let is_same = job.recovery_point_arn() == Some(start.recovery_point.as_str())
            && job.iam_role_arn() == Some(start.role.as_str());
        if !is_same || known.iter().any(|known| known == id) {
            continue;
        }
        match fits(&metadata(backup, id).await?, start) {
            Some(true) => fitting.push(id.to_owned()),
            Some(false) => {}
            None => unclear.push(id.to_owned()),
        }
    }
    fitting.extend(unclear.iter().cloned());
    Ok(match fitting.as_slice() {
        [] => Started::Nothing,
        _ if !unclear.is_empty() => {
            Started::Unclear(fitting.iter().map(|id| format!("the job {id}")).collect())
        }
        [id] if names_the_run(start.restores) => {
            let (account, region) = (place.account.clone(), place.region.clone());
            Started::Job(ResourceRef { kind: Kind::RestoreJob, id: id.clone(), account, region })
        }
        _ => Started::Unclear(fitting.iter().map(|id| format!("the job {id}")).collect()),
    })
}

/// Whether a job's metadata are those of the request. `None`: only a part is the same, and no other name
/// shows that the job is another's. AWS does not say that it gives metadata back letter by letter.
fn fits(metadata: &BTreeMap<String, String>, start: &StartRestore) -> Option<bool> {
    let given = |key: &str| metadata.get(&key.to_lowercase());
    if start.metadata.iter().all(|(key, wanted)| given(key) == Some(wanted)) {
        return Some(true);
    }
    let mut sets = start.restores.row().sets.iter();
    let is_anothers = sets.any(|(key, put)| {
        let is_name = matches!(put, Put::Name | Put::Bucket);
        let wanted = start.metadata.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        is_name && wanted.zip(given(key)).is_some_and(|((_, wanted), given)| wanted != given)
    });
    is_anothers.then_some(false)
}

/// Whether the metadata of a restore hold something of the run's own: a name, a bucket or a network.
/// Those of a volume do not, so another drill's job may look the same.
fn names_the_run(what: Restorable) -> bool {
    what.row().sets.iter().any(|(_, put)| match put {
        Put::Name | Put::DbSubnetGroup | Put::Groups | Put::Subnet | Put::Bucket => true,
        Put::Zone | Put::Original | Put::Text(_) => false,
    })
}

/// Whether the metadata hold a name that no other request of the run has.
pub fn names_the_request(what: Restorable) -> bool {
    what.row().sets.iter().any(|(_, put)| *put == Put::Name)
}

/// The ARN of what a job has made without saying so: of a job that failed half-way, or that names
/// nothing.
///
/// # Errors
///
/// Something may be of the job, and nothing proves it.
pub async fn half_made(
    to: &Writer,
    place: &Place,
    job: &DescribeRestoreJobOutput,
) -> CloudResult<Option<String>> {
    let Some(what) = job.resource_type().and_then(Restorable::of_word) else { return Ok(None) };
    let id = job.restore_job_id().unwrap_or_default();
    let of_run = |name: &String| name.starts_with(&to.run_tags.run.name_prefix());
    let metadata = metadata(&to.read.backup, id).await?;
    let named = |key: &str| metadata.get(key).filter(|name| of_run(name));
    // What does not say since when it exists may be the job's.
    let may_be_new = |made: Option<&DateTime>| is_newer(some_time(made), job.creation_date()) != Some(false);
    let arn = |service: &str, resource: &str| {
        let Place { account, region } = place;
        format!("arn:{}:{service}:{region}:{account}:{resource}", region.partition())
    };
    Ok(match what {
        Restorable::Database => named("dbinstanceidentifier").map(|name| arn("rds", &format!("db:{name}"))),
        Restorable::Cluster | Restorable::DocumentDb | Restorable::Neptune => {
            named("dbclusteridentifier").map(|name| arn("rds", &format!("cluster:{name}")))
        }
        Restorable::Table => named("targettablename").map(|name| arn("dynamodb", &format!("table/{name}"))),
        Restorable::FileSystem => {
            let Some(token) = named("creationtoken") else { return Ok(None) };
            let systems = efs::all(&to.read.efs).await?;
            let made = systems.into_iter().find(|system| system.creation_token == *token);
            made.map(|made| arn("elasticfilesystem", &format!("file-system/{}", made.file_system_id)))
        }
        Restorable::Instance => {
            let Some(subnet) = metadata.get("subnetid") else { return Ok(None) };
            let request = to.ec2.describe_instances().filters(filter("subnet-id", [subnet]));
            let found = pages!("ec2:DescribeInstances", reservations, request);
            let instances = found.into_iter().flat_map(|one| one.instances.unwrap_or_default());
            let made = instances.filter(|one| !is_tagged(one.tags()) && may_be_new(one.launch_time()));
            let made: Vec<Instance> = made.collect();
            match made.as_slice() {
                [] => None,
                [one] => one.instance_id().map(|id| arn("ec2", &format!("instance/{id}"))),
                _ => return Err(unproved(id, made.iter().filter_map(Instance::instance_id))),
            }
        }
        Restorable::Volume => {
            let point = job.recovery_point_arn().unwrap_or_default();
            let Some((_, snapshot)) = point.rsplit_once("snapshot/") else { return Ok(None) };
            let request = to.ec2.describe_volumes().filters(filter("snapshot-id", [snapshot]));
            let found = pages!("ec2:DescribeVolumes", volumes, request);
            let made = found.iter().filter(|one| !is_tagged(one.tags()) && may_be_new(one.create_time()));
            let made: Vec<&str> = made.filter_map(|one| one.volume_id()).collect();
            if !made.is_empty() {
                return Err(unproved(id, made.into_iter()));
            }
            None
        }
        // The bucket is the run's own.
        Restorable::Bucket => None,
    })
}

fn is_tagged(all: &[Tag]) -> bool {
    tags::value(all, TAG_RUN).is_some()
}

fn unproved<'a>(job: &str, made: impl Iterator<Item = &'a str>) -> CloudError {
    let made: Vec<&str> = made.collect();
    let said =
        format!("the restore job {job} names nothing that it made, and may have made {}", made.join(", "));
    CloudError::new(ErrorKind::Guarded, METADATA, said)
        .help("look at it by hand: whether it is this run's is not proved")
}

/// The drills' jobs that are still at work. Sweep looks for them: what they will make carries no tag.
pub async fn at_work(backup: &BackupReader, place: &Place) -> CloudResult<Vec<String>> {
    let mut found = Vec::new();
    for status in ["PENDING", "RUNNING"] {
        let request = backup.list_restore_jobs().by_status(status.into());
        for job in pages!(LIST, restore_jobs, request) {
            let Some(id) = job.restore_job_id() else { continue };
            let metadata = metadata(backup, id).await?;
            let name = metadata.values().find(|value| is_named(value));
            if let Some(name) = name {
                found.push(format!(
                    "backup:restore-job/{id} ({place}): it is {status} and restores {name} for a drill; no call stops it, and what it makes carries no tag {TAG_RUN} before the drill goes on: end the drill with `drillmaster abort`, or look again when the job has ended"
                ));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::duration::Size;

    /// The job of another drill on the same recovery point has another name, or nothing that tells.
    #[test]
    fn a_job_is_the_runs_if_its_metadata_say_so() {
        let start = StartRestore {
            recovery_point: "arn:aws:backup:us-west-2:9:recovery-point:1".into(),
            restores: Restorable::Table,
            role: "arn:aws:iam::999988887777:role/restore".into(),
            metadata: BTreeMap::from([("targetTableName".into(), "dm-1f3a-carts".into())]),
            az: None,
            kms_key: None,
            name: "dm-1f3a-carts".into(),
            size: Size(0),
        };
        let of = |name: &str| BTreeMap::from([("targettablename".to_owned(), name.to_owned())]);
        assert_eq!(fits(&of("dm-1f3a-carts"), &start), Some(true));
        assert_eq!(fits(&of("dm-2b2b-carts"), &start), Some(false));
        // AWS may not give everything back.
        assert_eq!(fits(&BTreeMap::new(), &start), None);
        for what in Restorable::ALL {
            assert_eq!(names_the_run(*what), *what != Restorable::Volume, "{what:?}");
        }
    }
}
