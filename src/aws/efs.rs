//! File systems of EFS.

use aws_sdk_efs::types::{FileSystemDescription, LifeCycleState, Tag};

use super::access::{EfsReader, Writer};
use super::error::OrCloud;
use super::{observed, pages, tags, with};
use port::{CloudError, CloudResult, ErrorKind, Observed, State, TAG_RUN};

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

pub async fn observe(efs: &EfsReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for id in ids {
        let Some(system) = describe(efs, id).await? else { continue };
        let said = system.life_cycle_state.as_str().to_owned();
        let is = |state: LifeCycleState| system.life_cycle_state == state;
        if is(LifeCycleState::Deleted) {
            continue;
        }
        let state = if is(LifeCycleState::Available) {
            State::Ready
        } else if is(LifeCycleState::Error) {
            State::Failed(said)
        } else {
            State::Pending(said)
        };
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
