//! The recovery points that an account sees in a region, one file per service.
//!
//! A point's consistency time always comes from the API. A point without one has an unknown age.

pub mod backup;
mod bucket;
mod cluster;
pub mod database;
pub mod ebs;
pub mod image;
pub mod search;
mod table;

use self::search::{
    MOST_ASKED_ABOUT, PAGE, Search, TAG_OF, TAG_TAKEN, Target, account_of, accounts, named, tagged_time,
};
use super::Aws;
use estate::{PointKind, RecoveryPoint};
use port::{CloudResult, Place, PointQuery, SeenPoints};

pub async fn find(aws: &Aws, place: &Place, query: &PointQuery) -> CloudResult<SeenPoints> {
    let (target, kinds) = match query {
        PointQuery::Of { selector, kinds, reader: _ } => (Target::Source(selector), kinds.clone()),
        PointQuery::Id { id, kind, reader: _ } => (Target::Point(id), vec![*kind]),
    };
    let (PointQuery::Of { reader, .. } | PointQuery::Id { reader, .. }) = query;
    let search = Search { place, target, reader: reader.as_ref(), now: aws.config.clock.now() };
    let elsewhere = aws.access(&place.account).endpoint.is_some();
    let clients = aws.s3_clients(place).await.map_err(|e| aws.blame(&place.account, e))?;
    let (mut all, mut unread): (Vec<RecoveryPoint>, _) = (Vec::new(), Vec::new());
    for kind in kinds {
        all.extend(match kind {
            // Replicas have versions too. The bucket then counts as a replica only, since its lag
            // is unknown.
            PointKind::S3Versions if all.iter().any(|p| p.kind == PointKind::S3Replica) => Vec::new(),
            PointKind::S3Replica | PointKind::S3Versions if elsewhere => {
                bucket::find_elsewhere(aws, &search, kind).await?
            }
            PointKind::S3Replica | PointKind::S3Versions => {
                bucket::find(aws, &clients.s3, &search, kind).await?
            }
            _ if elsewhere => Vec::new(),
            PointKind::EbsSnapshot => ebs::find(&clients.ec2, &search).await?,
            PointKind::Ami => image::find(&clients.ec2, &search).await?,
            PointKind::RdsSnapshot => database::snapshots(&clients.rds, &search).await?,
            PointKind::RdsClusterSnapshot => database::cluster_snapshots(&clients.rds, &search).await?,
            PointKind::RdsPitr if query.is_of("rds:cluster") => {
                cluster::continuous(&clients.rds, &search).await?
            }
            PointKind::RdsPitr => database::continuous(&clients.rds, &search).await?,
            PointKind::RdsReplica => database::replicas(&clients.rds, &search).await?,
            PointKind::DynamodbPitr => table::continuous(&clients.dynamodb, &search).await?,
            PointKind::DynamodbBackup => table::backups(&clients.dynamodb, &search).await?,
            PointKind::Backup => {
                let seen = backup::find(&clients, &search).await?;
                unread.extend(seen.unread);
                seen.points
            }
            // No action restores from these yet.
            PointKind::EfsReplica => Vec::new(),
        });
    }
    Ok(SeenPoints { points: all, unread })
}
