//! Read replicas: made in the sandbox before T0, promoted after it.

use super::instance::{describe, made_or_adopted, pinned_zone};
use crate::cloud::aws::error::OrCloud;
use crate::cloud::aws::{At, presign, tags};
use crate::cloud::{CloudError, CloudResult, Created, ErrorKind, RestoreDb, TAG_RUN};
use crate::ids::Region;

pub async fn create(
    at: &At<'_>,
    source: &str,
    source_region: &Region,
    db: &RestoreDb,
) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let zone = pinned_zone(at, db).await?;
    // Another region's database is named by its ARN; a replica is always made in its source's account.
    let arn = (*source_region != at.place.region && !source.starts_with("arn:")).then(|| {
        format!("arn:{}:rds:{source_region}:{}:db:{source}", source_region.partition(), at.place.account)
    });
    let source = arn.as_deref().unwrap_or(source);
    let parameters = [
        ("Action", "CreateDBInstanceReadReplica"),
        ("SourceDBInstanceIdentifier", source),
        ("DBInstanceIdentifier", &db.name),
    ];
    let url = presign::url(
        writer.credentials.as_ref(),
        presign::Service::Rds,
        source_region,
        &at.place.region,
        &parameters,
    )
    .await?;
    // Within one region the subnet group is the source's: the API refuses another one.
    let group =
        (*source_region != at.place.region || source.starts_with("arn:")).then(|| db.subnet_group.clone());
    let made = writer
        .rds
        .create_db_instance_read_replica()
        .source_db_instance_identifier(source)
        .db_instance_identifier(&db.name)
        .set_db_instance_class(db.class.clone())
        .set_db_subnet_group_name(group)
        .set_vpc_security_group_ids(Some(db.security_groups.clone()))
        .set_db_parameter_group_name(db.parameter_group.clone())
        .set_option_group_name(db.option_group.clone())
        .multi_az(db.multi_az)
        .set_availability_zone(zone)
        .set_port(db.port)
        .set_pre_signed_url(url)
        .publicly_accessible(false)
        .deletion_protection(false)
        .copy_tags_to_snapshot(false)
        .auto_minor_version_upgrade(false)
        .set_tags(Some(tags::for_rds(at, &db.name)))
        .send()
        .await
        .or_cloud("rds:CreateDBInstanceReadReplica")
        .map(drop);
    made_or_adopted(at, &writer.read.rds, &db.name, made).await
}

/// Only a replica that this run made: promoting one of production's would cut production's replication.
pub async fn promote(at: &At<'_>, id: &str) -> CloudResult<Created> {
    const CALL: &str = "rds:PromoteReadReplica";
    let writer = at.writer().await?;
    let rds = &writer.rds;
    let db = describe(&writer.read.rds, id).await?.ok_or_else(|| {
        CloudError::new(ErrorKind::NotFound, CALL, format!("no database {id} in {}", at.place.region))
    })?;
    tags::guard(CALL, id, tags::rds_value(db.tag_list(), TAG_RUN), at.marks)?;
    let promoted_before = db.read_replica_source_db_instance_identifier().is_none_or(str::is_empty);
    if !promoted_before {
        rds.promote_read_replica().db_instance_identifier(id).send().await.or_cloud(CALL)?;
    }
    Ok(Created { outputs: [("id".to_owned(), id.into())].into(), ..Created::default() })
}
