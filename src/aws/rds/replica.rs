//! Read replicas. They are created in the sandbox before T0, and promoted after it.

use super::instance::{describe, made_or_adopted, pinned_zone, state, with_settings};
use crate::error::OrCloud;
use crate::{At, presign, tags};
use base::ids::Region;
use port::{CloudError, CloudResult, Created, ErrorKind, RestoreDb, State, TAG_RUN};

pub async fn create(
    at: &At<'_>,
    source: &str,
    source_region: &Region,
    kms_key: Option<&str>,
    db: &RestoreDb,
) -> CloudResult<Created> {
    const CALL: &str = "rds:CreateDBInstanceReadReplica";
    if *source_region == at.place.region {
        return Err(same_region_as_source(source, source_region));
    }
    let writer = at.writer().await?;
    let zone = pinned_zone(at, db).await?;
    // A source in another region is named by its ARN. A replica is always made in its source's
    // account.
    let arn = (!source.starts_with("arn:")).then(|| {
        format!("arn:{}:rds:{source_region}:{}:db:{source}", source_region.partition(), at.place.account)
    });
    let source = arn.as_deref().unwrap_or(source);
    let mut parameters = vec![
        ("Action", "CreateDBInstanceReadReplica"),
        ("SourceDBInstanceIdentifier", source),
        ("DBInstanceIdentifier", &db.name),
    ];
    // AWS verifies the signed request against all parameters that the source's region needs.
    parameters.extend(kms_key.map(|key| ("KmsKeyId", key)));
    let url = presign::url(
        writer.credentials.as_ref(),
        presign::Service::Rds,
        source_region,
        &at.place.region,
        &parameters,
    )
    .await?;
    let request = writer.rds.create_db_instance_read_replica().source_db_instance_identifier(source);
    let request = request.db_instance_identifier(&db.name);
    let request = request.set_kms_key_id(kms_key.map(str::to_owned)).set_pre_signed_url(url);
    let made = with_settings!(request, at, db, zone)
        .send()
        .await
        .or_cloud(CALL)
        .map_err(|e| if kms_key.is_none() { with_key_hint(e) } else { e })
        .map_err(|e| with_vpc_hint(e, &at.place.region))
        .map(drop);
    made_or_adopted(at, &writer.read.rds, &db.name, made).await
}

/// The error for a sandbox in the source's region.
///
/// There a replica takes no DB subnet group of another VPC (RDS user guide, "Creating a read
/// replica"). Without one it would be placed in the source's VPC, next to production and outside
/// the sandbox.
fn same_region_as_source(source: &str, region: &Region) -> CloudError {
    let said = format!(
        "{source} is in {region}, and so is the sandbox: a replica would stand in production's VPC, not in the sandbox"
    );
    CloudError::new(ErrorKind::Invalid, "rds:CreateDBInstanceReadReplica", said)
        .help("put the sandbox into another region, or restore with `rds.restore_to_time` or `rds.restore`")
}

/// Adds a hint. The replica of an encrypted source needs a KMS key of its own region (RDS API
/// reference, `KmsKeyId`).
fn with_key_hint(error: CloudError) -> CloudError {
    let about =
        error.kind == ErrorKind::Invalid && ["KmsKey", "ncrypt"].iter().any(|w| error.message.contains(w));
    if about && error.help.is_none() {
        return error.help("the source is encrypted: name a key of the sandbox's region with `kms_key`");
    }
    error
}

/// Adds a hint. All replicas of one database in one region are in the same VPC (RDS API reference,
/// `DBSubnetGroupName`).
fn with_vpc_hint(error: CloudError, region: &Region) -> CloudError {
    if error.kind == ErrorKind::Invalid && error.message.contains("same customer VPC") {
        return error.help(format!(
            "the database has a replica in {region} already, in another VPC than the sandbox's, and AWS wants all of them in \
             one: put the sandbox into another region, or restore with `rds.restore`"
        ));
    }
    error
}

/// Promotes a replica. Refuses any replica that this run did not create: promoting one of
/// production's would break production's replication.
pub async fn promote(at: &At<'_>, id: &str) -> CloudResult<Created> {
    const CALL: &str = "rds:PromoteReadReplica";
    let writer = at.writer().await?;
    let rds = &writer.rds;
    let db = describe(&writer.read.rds, id).await?.ok_or_else(|| {
        CloudError::new(ErrorKind::NotFound, CALL, format!("no database {id} in {}", at.place.region))
    })?;
    tags::guard(CALL, id, tags::rds_value(db.tag_list(), TAG_RUN), at.run_tags)?;
    let promoted_before = db.read_replica_source_db_instance_identifier().is_none_or(str::is_empty);
    if !promoted_before {
        // A replica "cannot be promoted" during `backing-up` (RDS API reference,
        // `PromoteReadReplica`).
        let status = db.db_instance_status().unwrap_or_default();
        match state(Some(status)) {
            State::Failed(why) => {
                return Err(CloudError::new(ErrorKind::Invalid, CALL, format!("the replica {id} is {why}")));
            }
            State::Ready if status != "backing-up" => {}
            State::Ready | State::Pending(_) | State::Gone => {
                return Err(CloudError::new(ErrorKind::Busy, CALL, format!("the replica {id} is {status}")));
            }
        }
        let promoted = rds.promote_read_replica().db_instance_identifier(id).send().await.or_cloud(CALL);
        promoted.map_err(|e| {
            if e.kind == ErrorKind::InUse { CloudError { kind: ErrorKind::Busy, ..e } } else { e }
        })?;
    }
    Ok(Created { outputs: [("id".to_owned(), id.into())].into(), ..Created::default() })
}
