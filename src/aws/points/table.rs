//! Recovery points of DynamoDB tables: point-in-time recovery, and backups.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{
    BackupStatus, BackupSummary, BackupType, BackupTypeFilter, PointInTimeRecoveryStatus, SseDescription,
};

use super::{MOST_ASKED_ABOUT, Search, Target, named};
use crate::access::DynamoDbReader;
use crate::dynamodb::table::{describe, name_in, names, tags_of, value};
use crate::error::OrCloud;
use crate::time::some_time;
use base::duration::Size;
use estate::{PointKind, RecoveryPoint, Selector};
use port::{CloudResult, ErrorKind};

const TABLE: &str = "dynamodb:table";

/// Returns the names of the tables that the search is about. Tables that are gone have no tags.
async fn tables(dynamodb: &DynamoDbReader, search: &Search<'_>) -> CloudResult<BTreeSet<String>> {
    let (key, wanted) = match search.target {
        Target::Source(Selector::Id(id)) => return Ok(BTreeSet::from([id.name.clone()])),
        Target::Point(id) => return Ok(BTreeSet::from([name_in(id).to_owned()])),
        Target::Source(Selector::Tag { key, value, .. }) => (key, value),
    };
    let mut found = BTreeSet::new();
    for name in names(dynamodb).await? {
        let Some(table) = describe(dynamodb, &name).await? else { continue };
        let tags = tags_of(dynamodb, table.table_arn().unwrap_or_default()).await?;
        if value(&tags, key) == Some(wanted) {
            found.insert(name);
        }
    }
    Ok(found)
}

fn key_of(sse: Option<&SseDescription>) -> Option<String> {
    sse?.kms_master_key_arn().map(str::to_owned)
}

/// Finds point-in-time recovery. Its data lie in the table's own region.
pub async fn continuous(dynamodb: &DynamoDbReader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    const CALL: &str = "dynamodb:DescribeContinuousBackups";
    let (account, region) = (&search.place.account, &search.place.region);
    let mut points = Vec::new();
    for name in tables(dynamodb, search).await? {
        let asked = dynamodb.describe_continuous_backups().table_name(&name).send().await;
        let found = match asked.or_cloud(CALL) {
            Err(e) if e.kind == ErrorKind::NotFound => continue,
            found => found?,
        };
        let known = found.continuous_backups_description();
        let Some(log) = known.and_then(|known| known.point_in_time_recovery_description()) else { continue };
        if log.point_in_time_recovery_status() != Some(&PointInTimeRecoveryStatus::Enabled) {
            continue;
        }
        let Some(latest) = some_time(log.latest_restorable_date_time()) else { continue };
        let Some(table) = describe(dynamodb, &name).await? else { continue };
        let kms_key = key_of(table.sse_description());
        points.push(RecoveryPoint {
            taken: Some(latest),
            // AWS does not say since when the latest restorable time is restorable.
            seen_usable: Some(search.now),
            earliest: some_time(log.earliest_restorable_date_time()),
            size: bytes(table.table_size_bytes()),
            // Every table is encrypted. A key that AWS owns is no key of the account.
            encrypted: true,
            kms_key,
            ..RecoveryPoint::new(
                named(TABLE, &name),
                PointKind::DynamodbPitr,
                &name,
                account.clone(),
                region.clone(),
            )
        });
    }
    Ok(points)
}

/// Finds backups: those on demand, and those that DynamoDB makes of a deleted table. AWS Backup's
/// are restored by AWS Backup only.
pub async fn backups(dynamodb: &DynamoDbReader, search: &Search<'_>) -> CloudResult<Vec<RecoveryPoint>> {
    let (account, region) = (&search.place.account, &search.place.region);
    let mut points = Vec::new();
    for name in tables(dynamodb, search).await? {
        let mut all = summaries(dynamodb, &name).await?;
        all.retain(|b| matches!(b.backup_type(), Some(BackupType::User | BackupType::System)));
        if let Target::Point(id) = search.target {
            all.retain(|b| b.backup_arn() == Some(id));
        }
        all.sort_by_key(|b| {
            std::cmp::Reverse(b.backup_creation_date_time().map(aws_smithy_types::DateTime::secs))
        });
        for (index, backup) in all.iter().enumerate() {
            let (Some(arn), Some(made)) =
                (backup.backup_arn(), some_time(backup.backup_creation_date_time()))
            else {
                continue;
            };
            let ready = backup.backup_status() == Some(&BackupStatus::Available);
            let kms_key = if index < MOST_ASKED_ABOUT { key(dynamodb, arn).await? } else { None };
            points.push(RecoveryPoint {
                taken: Some(made),
                // DynamoDB says when a backup began, and not when it became available.
                seen_usable: ready.then_some(search.now),
                size: bytes(backup.backup_size_bytes()),
                encrypted: true,
                kms_key,
                ..RecoveryPoint::new(
                    named(TABLE, &name),
                    PointKind::DynamodbBackup,
                    arn,
                    account.clone(),
                    region.clone(),
                )
            });
        }
    }
    Ok(points)
}

async fn summaries(dynamodb: &DynamoDbReader, table: &str) -> CloudResult<Vec<BackupSummary>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let request = dynamodb.list_backups().table_name(table).backup_type(BackupTypeFilter::All);
        let page = request.set_exclusive_start_backup_arn(after).send().await;
        let page = page.or_cloud("dynamodb:ListBackups")?;
        all.extend(page.backup_summaries.unwrap_or_default());
        after = page.last_evaluated_backup_arn.filter(|arn| !arn.is_empty());
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Returns the key of the table as the backup knows it.
async fn key(dynamodb: &DynamoDbReader, arn: &str) -> CloudResult<Option<String>> {
    let found = dynamodb.describe_backup().backup_arn(arn).send().await;
    match found.or_cloud("dynamodb:DescribeBackup") {
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Ok(None),
        Err(e) => Err(e),
        Ok(found) => {
            let features = found.backup_description().and_then(|b| b.source_table_feature_details());
            Ok(key_of(features.and_then(|features| features.sse_description())))
        }
    }
}

fn bytes(size: Option<i64>) -> Size {
    Size(size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0))
}
