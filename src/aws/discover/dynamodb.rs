//! DynamoDB: tables, global tables, point-in-time recovery and backups.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    BackupStatus, BackupType, BackupTypeFilter, PointInTimeRecoveryStatus, ReplicaStatus, SseDescription,
    TableDescription, TableStatus,
};

use super::found::{Found, FoundPoint, bytes, empty_point, empty_resource, some};
use super::lag;
use super::{Here, Service, listed};
use crate::answer::missing;
use crate::error::OrCloud as _;
use crate::time::some_time;
use base::duration::When;
use estate::file::ReplicaEntry;
use estate::{PointKind, ResourceId};
use port::{CloudResult, TAG_RUN};

pub const SERVICE: Service = Service {
    name: "dynamodb",
    calls: &[
        "dynamodb:DescribeBackup",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:ListBackups",
        "dynamodb:ListTables",
        "dynamodb:ListTagsOfResource",
    ],
};

/// Items on a page: at most 100.
const PAGE: i32 = 100;

const KIND: &str = "dynamodb:table";

pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    let request = here.clients.dynamodb.list_tables().limit(PAGE);
    let all = listed!(here, "dynamodb:ListTables", table_names, last_evaluated_table_name, request);
    if let Some(names) = found.take(all) {
        let mut is_whole = true;
        for name in &names {
            let read = table(here, &mut found, name).await;
            is_whole &= found.take(read).is_some();
        }
        // A table that could not be read is left out: nobody knows whether it belongs to a drill.
        if is_whole {
            found.whole(KIND);
            found.whole_points(PointKind::DynamodbPitr, KIND);
        }
    }
    let backups = backups(here, &mut found).await;
    if found.take(backups).is_some() {
        found.whole_points(PointKind::DynamodbBackup, KIND);
    }
    found
}

/// The key of a table or backup. Without one, DynamoDB encrypts with a key of its own.
fn key(encryption: Option<&SseDescription>) -> Option<String> {
    encryption.and_then(|encryption| some(encryption.kms_master_key_arn()))
}

async fn table(here: &Here<'_>, found: &mut Found, name: &str) -> CloudResult<()> {
    const CALL: &str = "dynamodb:DescribeTable";
    let dynamodb = &here.clients.dynamodb;
    let answer = here.call(CALL, dynamodb.describe_table().table_name(name).send()).await?;
    let table = answer.table.ok_or_else(|| missing(CALL, "table"))?;
    if table.table_status() == Some(&TableStatus::Deleting) {
        return Ok(());
    }
    let arn = table.table_arn().ok_or_else(|| missing(CALL, "ARN"))?;
    let mut entry = empty_resource(KIND, name, here.account(), Some(here.region()));
    entry.tags = tags(here, arn).await?;
    if entry.tags.contains_key(TAG_RUN) {
        found.resource(entry, None);
        return Ok(());
    }
    entry.key = key(table.sse_description());
    entry.replicas = replicas(here, &table);
    let class = table.table_class_summary().and_then(|summary| summary.table_class());
    entry.class = class.map(|class| class.as_str().to_owned());
    let key = entry.key.clone();
    found.resource(entry, Some(arn.to_owned()));

    let request = dynamodb.describe_continuous_backups().table_name(name).send();
    let answer = here.call("dynamodb:DescribeContinuousBackups", request).await?;
    let continuous = answer.continuous_backups_description;
    let recovery = continuous.and_then(|continuous| continuous.point_in_time_recovery_description);
    let is_on = |r: &aws_sdk_dynamodb::types::PointInTimeRecoveryDescription| {
        r.point_in_time_recovery_status() == Some(&PointInTimeRecoveryStatus::Enabled)
    };
    if let Some(recovery) = recovery.filter(is_on) {
        let earliest = some_time(recovery.earliest_restorable_date_time());
        let latest = some_time(recovery.latest_restorable_date_time());
        let of = ResourceId::new(KIND, name);
        let (account, region) = (here.account().clone(), here.region().clone());
        let mut point = empty_point(of, PointKind::DynamodbPitr, name.to_owned(), account, region);
        point.taken = latest.map(|latest| lag::of_log(latest, here.now));
        point.retention = lag::reach(recovery.recovery_period_in_days().unwrap_or(35), earliest, latest);
        point.encrypted = key.is_some();
        point.kms_key = key;
        found.point(FoundPoint::of_entry(point));
    }
    Ok(())
}

async fn tags(here: &Here<'_>, arn: &str) -> CloudResult<BTreeMap<String, String>> {
    let (mut all, mut token) = (BTreeMap::new(), None);
    loop {
        let request = here.clients.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(token);
        let answer = here.call("dynamodb:ListTagsOfResource", request.send()).await?;
        all.extend(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

/// The other regions of a global table. DynamoDB does not tell their lag for a table without
/// writes, so it is unknown.
fn replicas(here: &Here<'_>, table: &TableDescription) -> Vec<ReplicaEntry> {
    let active = table.replicas().iter().filter(|replica| {
        matches!(replica.replica_status(), None | Some(ReplicaStatus::Active | ReplicaStatus::Updating))
    });
    let regions = active.filter_map(|replica| replica.region_name()?.parse().ok());
    let mut all: Vec<ReplicaEntry> = regions
        .filter(|region| region != here.region())
        .map(|region| ReplicaEntry { region, account: None, az: None, lag: None })
        .collect();
    all.sort_by(|a, b| a.region.cmp(&b.region));
    all
}

/// On-demand backups, and those that DynamoDB makes when a table is deleted. AWS Backup's own stand
/// in its vaults.
async fn backups(here: &Here<'_>, found: &mut Found) -> CloudResult<()> {
    const CALL: &str = "dynamodb:ListBackups";
    const DETAILS: &str = "dynamodb:DescribeBackup";
    let dynamodb = &here.clients.dynamodb;
    let mut from = None;
    loop {
        let request = dynamodb.list_backups().limit(PAGE).backup_type(BackupTypeFilter::All);
        here.turn(CALL).await;
        let page = request.set_exclusive_start_backup_arn(from).send().await.or_cloud(CALL)?;
        for backup in page.backup_summaries() {
            let is_usable = backup.backup_status() == Some(&BackupStatus::Available)
                && backup.backup_type() != Some(&BackupType::AwsBackup);
            let (Some(arn), Some(table)) = (backup.backup_arn(), backup.table_name()) else { continue };
            if !is_usable {
                continue;
            }
            let of = ResourceId::new(KIND, table);
            let (account, region) = (here.account().clone(), here.region().clone());
            let mut point = empty_point(of, PointKind::DynamodbBackup, arn.to_owned(), account, region);
            point.taken = some_time(backup.backup_creation_date_time()).map(When::At);
            point.size = bytes(backup.backup_size_bytes());
            let answer = here.call(DETAILS, dynamodb.describe_backup().backup_arn(arn).send()).await;
            let description = found.take(answer).and_then(|answer| answer.backup_description);
            let details = description.and_then(|it| it.source_table_feature_details);
            point.kms_key = key(details.as_ref().and_then(|details| details.sse_description()));
            point.encrypted = point.kms_key.is_some();
            found.point(FoundPoint::of_entry(point).arn(Some(arn)));
        }
        from = page.last_evaluated_backup_arn.filter(|arn| !arn.is_empty());
        if from.is_none() {
            return Ok(());
        }
    }
}
