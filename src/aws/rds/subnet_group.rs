//! The subnet groups of restored databases.

use super::{adopt, taken};
use crate::access::{RdsReader, Writer};
use crate::error::OrCloud;
use crate::once::{begun, settled};
use crate::{At, observed, pages, tags};
use port::{CloudError, CloudResult, Created, ErrorKind, Kind, Observed, State, TAG_RUN};

pub async fn create(at: &At<'_>, name: &str, subnets: &[String]) -> CloudResult<Created> {
    const CALL: &str = "rds:CreateDBSubnetGroup";
    let writer = at.writer().await?;
    let made = settled(at, async || {
        let request = writer
            .rds
            .create_db_subnet_group()
            .db_subnet_group_name(name)
            .db_subnet_group_description("Drillmaster sandbox")
            .set_subnet_ids(Some(subnets.to_vec()))
            .set_tags(Some(tags::for_rds(at, name)));
        request.send().await.or_cloud(CALL).map(drop).map_err(as_transient)
    })
    .await;
    let found = if taken(&made) { begun(tags_of(&writer.read.rds, name).await)? } else { None };
    adopt(at, made, &format!("the DB subnet group {name}"), found.as_deref())?;
    Ok(at.created(Kind::DbSubnetGroup, name, "db_subnet_group"))
}

/// Marks the errors that pass by themselves.
///
/// The subnets are new and may not be visible yet. In an account that uses RDS for the first time,
/// RDS creates its service-linked role, which it can use some seconds later (RDS user guide, "Using
/// service-linked roles for Amazon RDS").
fn as_transient(error: CloudError) -> CloudError {
    let said = error.message.replace(['-', ' '], "").to_lowercase();
    if said.contains("servicelinkedrole") {
        return CloudError { kind: ErrorKind::InUse, ..error }.help(
            "the account has never used RDS: make its role once, as an administrator, with `aws iam \
             create-service-linked-role --aws-service-name rds.amazonaws.com`",
        );
    }
    if error.message.starts_with("InvalidSubnet") {
        return CloudError { kind: ErrorKind::NotFound, ..error };
    }
    error
}

/// Returns the group's tags, or `None` if no group has this name.
async fn tags_of(rds: &RdsReader, name: &str) -> CloudResult<Option<Vec<aws_sdk_rds::types::Tag>>> {
    let found = rds.describe_db_subnet_groups().db_subnet_group_name(name).send().await;
    let found = match found.or_cloud("rds:DescribeDBSubnetGroups") {
        Err(e) if e.kind == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let Some(arn) = found.db_subnet_groups().first().and_then(|g| g.db_subnet_group_arn()) else {
        return Ok(None);
    };
    super::super::tagged::rds_tags(rds, arn).await.map(Some)
}

pub async fn observe(rds: &RdsReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let request = rds.describe_db_subnet_groups();
    let found = pages!("rds:DescribeDBSubnetGroups", db_subnet_groups, request);
    Ok(found
        .into_iter()
        .filter_map(|g| g.db_subnet_group_name)
        .filter(|name| ids.contains(name))
        .map(|name| observed(name, State::Ready))
        .collect())
}

pub async fn delete(to: &Writer, id: &str) -> CloudResult<()> {
    const CALL: &str = "rds:DeleteDBSubnetGroup";
    let (rds, run_tags) = (&to.rds, &to.run_tags);
    let Some(found) = tags_of(&to.read.rds, id).await? else { return Ok(()) };
    tags::guard(CALL, id, tags::rds_value(&found, TAG_RUN), run_tags)?;
    rds.delete_db_subnet_group().db_subnet_group_name(id).send().await.or_cloud(CALL)?;
    Ok(())
}
