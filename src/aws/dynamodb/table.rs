//! DynamoDB tables: restored, set up, observed, and deleted.
//!
//! A restore takes no tags, and DynamoDB refuses them as long as the table is being created. So the
//! run's tag comes after the restore. Until then a table is the run's by its name, which ends no
//! other run's, by its restore and by its creation since the run began.

use aws_sdk_dynamodb::types::{
    BillingMode, GlobalSecondaryIndex, IndexStatus, LocalSecondaryIndex, PointInTimeRecoverySpecification,
    ProvisionedThroughput, RestoreSummary, SseSpecification, SseType, StreamSpecification, StreamViewType,
    TableDescription, TableStatus, Tag, TimeToLiveSpecification, TimeToLiveStatus,
};

use crate::access::{DynamoDbReader, Writer};
use crate::error::OrCloud;
use crate::once::{follow_up, settled};
use crate::rds::taken;
use crate::tagged::began;
use crate::time::{from_time, some_time};
use crate::{At, observed, tags, with};
use base::ids::name_of;
use port::{
    Billing, CloudError, CloudResult, Created, ErrorKind, Kind, Observed, RestoreTable, RestoreTableToTime,
    RunTags, State, TAG_RUN, TableSettings,
};

const RESTORE: &str = "dynamodb:RestoreTableFromBackup";
const RESTORE_TO_TIME: &str = "dynamodb:RestoreTableToPointInTime";
const TAG: &str = "dynamodb:TagResource";

/// Sets what both restores have in common. A macro, because the SDK's builders share no trait.
macro_rules! with_overrides {
    ($request:expr, $table:expr) => {{
        let none = $table.without_indexes;
        $request
            .target_table_name(&$table.name)
            .set_billing_mode_override($table.billing.map(billing_mode))
            .set_provisioned_throughput_override(throughput($table)?)
            .set_global_secondary_index_override(none.then(Vec::<GlobalSecondaryIndex>::new))
            .set_local_secondary_index_override(none.then(Vec::<LocalSecondaryIndex>::new))
            .set_sse_specification_override($table.kms_key.as_deref().map(encryption))
    }};
}

pub async fn restore(at: &At<'_>, table: &RestoreTable) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let request = writer.dynamodb.restore_table_from_backup().backup_arn(&table.source);
    let made = with_overrides!(request, table).send().await.or_cloud(RESTORE).map(drop);
    made_or_adopted(at, &writer, table, made).await
}

pub async fn restore_to_time(at: &At<'_>, to: &RestoreTableToTime) -> CloudResult<Created> {
    let (writer, table) = (at.writer().await?, &to.table);
    let request = writer.dynamodb.restore_table_to_point_in_time().source_table_arn(&table.source);
    let request = request.restore_date_time(from_time(to.to));
    let made = with_overrides!(request, table).send().await.or_cloud(RESTORE_TO_TIME).map(drop);
    let mut created = made_or_adopted(at, &writer, table, made).await?;
    created.restored_to = Some(to.to);
    Ok(created)
}

fn billing_mode(billing: Billing) -> BillingMode {
    match billing {
        Billing::OnDemand => BillingMode::PayPerRequest,
        Billing::Provisioned => BillingMode::Provisioned,
    }
}

fn throughput(table: &RestoreTable) -> CloudResult<Option<ProvisionedThroughput>> {
    let Some(units) = table.capacity else { return Ok(None) };
    let built = ProvisionedThroughput::builder().read_capacity_units(units.read);
    let built = built.write_capacity_units(units.write).build();
    built.map(Some).map_err(|e| CloudError::new(ErrorKind::Invalid, RESTORE, e.to_string()))
}

fn encryption(key: &str) -> SseSpecification {
    SseSpecification::builder().enabled(true).sse_type(SseType::Kms).kms_master_key_id(key).build()
}

async fn made_or_adopted(
    at: &At<'_>,
    writer: &Writer,
    table: &RestoreTable,
    made: CloudResult<()>,
) -> CloudResult<Created> {
    if taken(&made) {
        // The name ends in this run's id. Only an earlier copy of the same request can have taken
        // it, and that is looked at all the same.
        let owner = owner(&writer.read.dynamodb, &table.name, at.run_tags).await?;
        match owner.flatten() {
            Some(run) if run == at.run_tags.run.0 => {}
            other => {
                return tags::guard(
                    RESTORE,
                    &format!("the table {}", table.name),
                    other.as_deref(),
                    at.run_tags,
                )
                .map(|()| Created::default());
            }
        }
    } else {
        made?;
    }
    Ok(at.created(Kind::Table, &table.name, "name"))
}

/// Sets the run's tags, and what AWS does not restore.
pub async fn set(at: &At<'_>, settings: &TableSettings) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let (dynamodb, read, name) = (&writer.dynamodb, &writer.read.dynamodb, &settings.table);
    let Some(table) = describe(read, name).await? else {
        return Err(CloudError::new(ErrorKind::NotFound, TAG, format!("there is no table {name}")));
    };
    tag(at, &writer, &table, settings).await?;
    if let Some(attribute) = &settings.ttl {
        let known = read.describe_time_to_live().table_name(name).send().await;
        let known = known.or_cloud("dynamodb:DescribeTimeToLive")?;
        let status = known.time_to_live_description().and_then(|ttl| ttl.time_to_live_status()).cloned();
        if !matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
            let wanted = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();
            let wanted = wanted.map_err(|e| {
                CloudError::new(ErrorKind::Invalid, "dynamodb:UpdateTimeToLive", e.to_string())
            })?;
            follow_up(at, async || {
                let request = dynamodb.update_time_to_live().table_name(name);
                let request = request.time_to_live_specification(wanted.clone());
                request.send().await.or_cloud("dynamodb:UpdateTimeToLive")
            })
            .await?;
        }
    }
    let has_stream = table.stream_specification().is_some_and(StreamSpecification::stream_enabled);
    if let Some(view) = settings.stream.as_deref().filter(|_| !has_stream) {
        let wanted = StreamSpecification::builder().stream_enabled(true);
        let wanted = wanted.stream_view_type(StreamViewType::from(view)).build();
        let wanted =
            wanted.map_err(|e| CloudError::new(ErrorKind::Invalid, "dynamodb:UpdateTable", e.to_string()))?;
        follow_up(at, async || {
            let request = dynamodb.update_table().table_name(name).stream_specification(wanted.clone());
            request.send().await.or_cloud("dynamodb:UpdateTable")
        })
        .await?;
    }
    if settings.pitr {
        let wanted = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build();
        let wanted = wanted.map_err(|e| {
            CloudError::new(ErrorKind::Invalid, "dynamodb:UpdateContinuousBackups", e.to_string())
        })?;
        follow_up(at, async || {
            let request = dynamodb.update_continuous_backups().table_name(name);
            let request = request.point_in_time_recovery_specification(wanted.clone());
            request.send().await.or_cloud("dynamodb:UpdateContinuousBackups")
        })
        .await?;
    }
    Ok(Created::default())
}

async fn tag(
    at: &At<'_>,
    writer: &Writer,
    table: &TableDescription,
    settings: &TableSettings,
) -> CloudResult<()> {
    let pairs = tags::pairs(at, &settings.table).into_iter().map(|(k, v)| (k.to_owned(), v));
    let pairs = pairs.chain(settings.tags.clone());
    let tags = tags_of_pairs(pairs)?;
    let arn = table.table_arn().unwrap_or_default();
    settled(at, async || {
        let request = writer.dynamodb.tag_resource().resource_arn(arn).set_tags(Some(tags.clone()));
        request.send().await.or_cloud(TAG).map(drop)
    })
    .await
}

fn tags_of_pairs(pairs: impl Iterator<Item = (String, String)>) -> CloudResult<Vec<Tag>> {
    pairs
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|e| CloudError::new(ErrorKind::Invalid, TAG, e.to_string()))
}

/// Gives the tags to a table that a restore job of AWS Backup made.
pub async fn tag_as(
    dynamodb: &aws_sdk_dynamodb::Client,
    arn: &str,
    pairs: &[(&'static str, String)],
) -> CloudResult<()> {
    let tags = tags_of_pairs(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())))?;
    dynamodb.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.or_cloud(TAG).map(drop)
}

pub async fn describe(dynamodb: &DynamoDbReader, name: &str) -> CloudResult<Option<TableDescription>> {
    let found = dynamodb.describe_table().table_name(name).send().await;
    match found.or_cloud("dynamodb:DescribeTable") {
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
        Ok(found) => Ok(found.table),
    }
}

/// Returns the tags of a table.
pub async fn tags_of(dynamodb: &DynamoDbReader, arn: &str) -> CloudResult<Vec<Tag>> {
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let request = dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(next);
        let page = request.send().await.or_cloud("dynamodb:ListTagsOfResource")?;
        all.extend(page.tags.unwrap_or_default());
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(all);
        }
    }
}

pub fn value<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key() == key).map(Tag::value)
}

/// Whether the table can only be this run's, though it has no tag yet.
pub fn is_untagged_of(table: &TableDescription, run_tags: &RunTags) -> bool {
    let name = table.table_name().unwrap_or_default();
    let since = began(&run_tags.run);
    let created = some_time(table.creation_date_time());
    name.starts_with(&run_tags.run.name_prefix())
        && table.restore_summary().is_some()
        && created.is_some_and(|created| since.is_some_and(|since| created >= since))
}

/// Returns the run that a table belongs to, read now. The outer `None` means that there is no such
/// table.
pub async fn owner(
    dynamodb: &DynamoDbReader,
    name: &str,
    run_tags: &RunTags,
) -> CloudResult<Option<Option<String>>> {
    let Some(table) = describe(dynamodb, name).await? else { return Ok(None) };
    let tags = tags_of(dynamodb, table.table_arn().unwrap_or_default()).await?;
    Ok(Some(match value(&tags, TAG_RUN) {
        Some(run) => Some(run.to_owned()),
        None => is_untagged_of(&table, run_tags).then(|| run_tags.run.0.clone()),
    }))
}

fn state(table: &TableDescription) -> State {
    let Some(status) = table.table_status() else { return State::Pending("CREATING".into()) };
    let word = status.as_str().to_owned();
    match word.as_str() {
        "ACTIVE" => {
            if table.restore_summary().is_some_and(RestoreSummary::restore_in_progress) {
                return State::Pending("RESTORING".into());
            }
            let mut indexes = table.global_secondary_indexes().iter();
            let building = indexes.find(|i| i.index_status() == Some(&IndexStatus::Creating));
            match building.and_then(|index| index.index_name()) {
                Some(index) => State::Pending(format!("ACTIVE, and its index {index} is being built")),
                None => State::Ready,
            }
        }
        "INACCESSIBLE_ENCRYPTION_CREDENTIALS" | "ARCHIVED" | "ARCHIVING" => State::Failed(word),
        _ => State::Pending(word),
    }
}

pub async fn observe(dynamodb: &DynamoDbReader, names: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for name in names {
        let Some(table) = describe(dynamodb, name).await? else { continue };
        let state = state(&table);
        let healthy = state == State::Ready;
        let mut seen = with(observed(name.clone(), state), "name", name.clone());
        seen.healthy = Some(healthy);
        let region = table.table_arn().and_then(|arn| arn.split(':').nth(3)).map(str::to_owned);
        let seen = with(seen, "region", region);
        all.push(with(seen, "arn", table.table_arn));
    }
    Ok(all)
}

pub async fn delete(to: &Writer, name: &str) -> CloudResult<()> {
    const CALL: &str = "dynamodb:DeleteTable";
    let (dynamodb, run_tags) = (&to.dynamodb, &to.run_tags);
    let Some(table) = describe(&to.read.dynamodb, name).await? else { return Ok(()) };
    let Some(run) = owner(&to.read.dynamodb, name, run_tags).await? else { return Ok(()) };
    tags::guard(CALL, &format!("the table {name}"), run.as_deref(), run_tags)?;
    if table.table_status() == Some(&TableStatus::Deleting) {
        return Ok(());
    }
    if table.deletion_protection_enabled() == Some(true) {
        let request = dynamodb.update_table().table_name(name).deletion_protection_enabled(false);
        request.send().await.or_cloud("dynamodb:UpdateTable")?;
    }
    dynamodb.delete_table().table_name(name).send().await.or_cloud(CALL)?;
    Ok(())
}

/// Returns the names of all tables.
pub async fn names(dynamodb: &DynamoDbReader) -> CloudResult<Vec<String>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let request = dynamodb.list_tables().set_exclusive_start_table_name(after);
        let page = request.send().await.or_cloud("dynamodb:ListTables")?;
        all.extend(page.table_names.unwrap_or_default());
        after = page.last_evaluated_table_name.filter(|name| !name.is_empty());
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// The name of a table in its ARN.
pub fn name_in(arn: &str) -> &str {
    let resource = name_of(arn);
    let named = resource.strip_prefix("table/").unwrap_or(resource);
    named.split('/').next().unwrap_or(named)
}
