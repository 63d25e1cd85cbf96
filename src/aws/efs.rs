//! File systems of EFS and their mount targets.

use aws_sdk_efs::types::{FileSystemDescription, LifeCycleState, MountTargetDescription, Tag};

use super::access::{EfsReader, Writer};
use super::error::OrCloud;
use super::{At, observed, pages, tags, with};
use port::{CloudError, CloudResult, Created, ErrorKind, Kind, Observed, State, SubnetRef, TAG_RUN};

pub async fn describe(efs: &EfsReader, id: &str) -> CloudResult<Option<FileSystemDescription>> {
    const CALL: &str = "elasticfilesystem:DescribeFileSystems";
    match efs.describe_file_systems().file_system_id(id).send().await.or_cloud(CALL) {
        Ok(answer) => Ok(answer.file_systems.unwrap_or_default().into_iter().next()),
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// All file systems, but for those that are gone.
pub async fn all(efs: &EfsReader) -> CloudResult<Vec<FileSystemDescription>> {
    let mut all = pages!("elasticfilesystem:DescribeFileSystems", file_systems, efs.describe_file_systems());
    all.retain(|system| system.life_cycle_state != LifeCycleState::Deleted);
    Ok(all)
}

/// `None`: it is gone.
fn state(of: &LifeCycleState) -> Option<State> {
    let said = of.as_str().to_owned();
    if *of == LifeCycleState::Available {
        Some(State::Ready)
    } else if *of == LifeCycleState::Error {
        Some(State::Failed(said))
    } else {
        (*of != LifeCycleState::Deleted).then_some(State::Pending(said))
    }
}

pub async fn observe(efs: &EfsReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for id in ids {
        let Some(system) = describe(efs, id).await? else { continue };
        let Some(state) = state(&system.life_cycle_state) else { continue };
        all.push(with(observed(id.clone(), state), "file_system_id", id.as_str()));
    }
    Ok(all)
}

pub fn value<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key() == key).map(Tag::value)
}

pub async fn tag(efs: &aws_sdk_efs::Client, id: &str, pairs: &[(&'static str, String)]) -> CloudResult<()> {
    const CALL: &str = "elasticfilesystem:TagResource";
    let tags = pairs.iter().map(|(key, value)| Tag::builder().key(*key).value(value).build());
    let tags: Result<Vec<Tag>, _> = tags.collect();
    let tags = tags.map_err(|e| CloudError::new(ErrorKind::Invalid, CALL, e.to_string()))?;
    efs.tag_resource().resource_id(id).set_tags(Some(tags)).send().await.or_cloud(CALL)?;
    Ok(())
}

pub async fn delete(to: &Writer, id: &str) -> CloudResult<()> {
    const CALL: &str = "elasticfilesystem:DeleteFileSystem";
    let Some(system) = describe(&to.read.efs, id).await? else { return Ok(()) };
    tags::guard(CALL, id, value(&system.tags, TAG_RUN), &to.run_tags)?;
    if matches!(system.life_cycle_state, LifeCycleState::Deleting | LifeCycleState::Deleted) {
        return Ok(());
    }
    to.efs.delete_file_system().file_system_id(id).send().await.or_cloud(CALL)?;
    Ok(())
}

const TARGETS: &str = "elasticfilesystem:DescribeMountTargets";

/// Makes a mount target. A subnet has one at most for each file system, and the file system is the
/// run's: one that is there already was made by an earlier copy of this request.
pub async fn mount(at: &At<'_>, file_system: &str, subnet: &SubnetRef, group: &str) -> CloudResult<Created> {
    const CALL: &str = "elasticfilesystem:CreateMountTarget";
    let writer = at.writer().await?;
    let request = writer.efs.create_mount_target().file_system_id(file_system).subnet_id(&subnet.id);
    let id = match request.security_groups(group).send().await.or_cloud(CALL) {
        Ok(made) => made.mount_target_id,
        Err(error) => {
            let found = targets_of(&writer.read.efs, file_system).await.unwrap_or_default();
            match found.into_iter().find(|target| target.subnet_id == subnet.id) {
                Some(target) => target.mount_target_id,
                None => return Err(error),
            }
        }
    };
    Ok(at.created(Kind::MountTarget, id, "mount_target_id"))
}

pub async fn targets_of(efs: &EfsReader, file_system: &str) -> CloudResult<Vec<MountTargetDescription>> {
    let request = efs.describe_mount_targets().file_system_id(file_system);
    Ok(pages!(TARGETS, mount_targets, request))
}

async fn target(efs: &EfsReader, id: &str) -> CloudResult<Option<MountTargetDescription>> {
    match efs.describe_mount_targets().mount_target_id(id).send().await.or_cloud(TARGETS) {
        Ok(answer) => Ok(answer.mount_targets.unwrap_or_default().into_iter().next()),
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

pub async fn observe_targets(efs: &EfsReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for id in ids {
        let Some(target) = target(efs, id).await? else { continue };
        let Some(state) = state(&target.life_cycle_state) else { continue };
        all.push(with(observed(id.clone(), state), "address", target.ip_address));
    }
    Ok(all)
}

/// Deletes a mount target whose file system carries the run's tag.
pub async fn delete_target(to: &Writer, id: &str) -> CloudResult<()> {
    const CALL: &str = "elasticfilesystem:DeleteMountTarget";
    let Some(target) = target(&to.read.efs, id).await? else { return Ok(()) };
    let Some(system) = describe(&to.read.efs, &target.file_system_id).await? else { return Ok(()) };
    tags::guard(CALL, id, value(&system.tags, TAG_RUN), &to.run_tags)?;
    if matches!(target.life_cycle_state, LifeCycleState::Deleting | LifeCycleState::Deleted) {
        return Ok(());
    }
    to.efs.delete_mount_target().mount_target_id(id).send().await.or_cloud(CALL)?;
    Ok(())
}
