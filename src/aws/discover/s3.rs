//! S3: buckets, their versions, and where they replicate to.

use std::collections::BTreeMap;
use std::rc::Rc;

use aws_sdk_s3::types::{
    BucketVersioningStatus, MfaDeleteStatus, ObjectLockRetentionMode, ReplicationRule, ReplicationRuleStatus,
};

use super::found::{Found, FoundPoint, empty_point, empty_resource, some};
use super::lag::{self, LagMetric};
use super::{Here, Service, guard, listed};
use crate::access::Clients;
use crate::error::OrCloud as _;
use base::duration::{Span, When};
use base::ids::{AccountId, Region};
use estate::file::DeletionGuard;
use estate::{PointKind, ResourceId};
use port::{CloudError, CloudResult, ErrorKind, Place};

pub const SERVICE: Service = Service {
    name: "s3",
    calls: &[
        "cloudwatch:GetMetricData",
        "s3:GetBucketEncryption",
        "s3:GetBucketPolicy",
        "s3:GetBucketReplication",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetObjectLockConfiguration",
        "s3:HeadBucket",
        "s3:ListBuckets",
    ],
};

/// Buckets on a page: at most 10,000.
const PAGE: i32 = 1_000;

const KIND: &str = "s3:bucket";

/// Reads the buckets of this region. A bucket lies in one region, and its name is global.
pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    let region = here.region().as_str();
    let request = here.clients.s3.list_buckets().bucket_region(region).max_buckets(PAGE);
    let all = listed!(here, "s3:ListBuckets", buckets, continuation_token, request);
    let Some(all) = found.take(all) else { return found };
    let here_only =
        all.into_iter().filter(|bucket| bucket.bucket_region().is_none_or(|other| other == region));
    let names: Vec<String> = here_only.filter_map(|bucket| bucket.name).collect();
    let mut is_whole = true;
    for name in &names {
        here.aws.shared.know_owner(name, here.account());
        let read = bucket(here, &mut found, name).await;
        is_whole &= found.take(read).is_some();
    }
    // A bucket that could not be read is left out: nobody knows whether it belongs to a drill.
    if is_whole {
        found.whole(KIND);
        found.whole_points(PointKind::S3Versions, KIND);
        found.whole_points(PointKind::S3Replica, KIND);
    }
    found
}

/// Something that a bucket may have or not. `None`: it has not.
fn if_any<T>(answer: CloudResult<T>, absent: &str) -> CloudResult<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.message.starts_with(absent) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn bucket(here: &Here<'_>, found: &mut Found, name: &str) -> CloudResult<()> {
    let s3 = &here.clients.s3;
    let mut entry = empty_resource(KIND, name, here.account(), Some(here.region()));
    let tags = here.call("s3:GetBucketTagging", s3.get_bucket_tagging().bucket(name).send()).await;
    let tags = if_any(tags, "NoSuchTagSet")?.map(|answer| answer.tag_set).unwrap_or_default();
    entry.tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if entry.tags.contains_key(port::TAG_RUN) {
        found.resource(entry, None);
        return Ok(());
    }
    let request = s3.get_bucket_encryption().bucket(name).send();
    let encryption = here.call("s3:GetBucketEncryption", request).await;
    let absent = "ServerSideEncryptionConfigurationNotFoundError";
    let encryption = if_any(encryption, absent)?.and_then(|e| e.server_side_encryption_configuration);
    let rules = encryption.map(|encryption| encryption.rules).unwrap_or_default();
    let mut default = rules.iter().filter_map(|rule| rule.apply_server_side_encryption_by_default());
    entry.key = default.find_map(|default| some(default.kms_master_key_id()));
    let key = entry.key.clone().filter(|key| key.starts_with("arn:"));
    let partition = here.region().partition();
    found.resource(entry, Some(format!("arn:{partition}:s3:::{name}")));

    let versioning =
        here.call("s3:GetBucketVersioning", s3.get_bucket_versioning().bucket(name).send()).await?;
    if versioning.status() == Some(&BucketVersioningStatus::Enabled) {
        let mut point = point(name, PointKind::S3Versions, name, here.account(), here.region());
        // Every object can be read as it was at any instant.
        point.taken = Some(When::BeforeT0(Span::from_secs(0)));
        point.kms_key.clone_from(&key);
        point.encrypted = key.is_some();
        let lock = lock(here, name).await?;
        point.vault_locked = lock.is_compliance;
        point.locked_for = lock.retention.filter(|_| lock.is_compliance);
        if !lock.is_compliance {
            let with_device = versioning.mfa_delete() == Some(&MfaDeleteStatus::Enabled);
            let by_policy = if with_device {
                None
            } else {
                policy(here, name, &format!("arn:{partition}:s3:::{name}")).await?
            };
            point.guard = match (with_device, by_policy, lock.is_governance) {
                (true, _, _) => Some(DeletionGuard::Mfa),
                (false, Some(DeletionGuard::Policy), _) => by_policy,
                (false, _, true) => Some(DeletionGuard::Governance),
                (false, other, false) => other,
            };
        }
        found.point(FoundPoint::of_entry(point));
        replicas(here, found, name).await?;
    }
    Ok(())
}

fn point(
    of: &str,
    kind: PointKind,
    id: &str,
    account: &AccountId,
    region: &Region,
) -> estate::file::PointEntry {
    empty_point(ResourceId::new(KIND, of), kind, id.to_owned(), account.clone(), region.clone())
}

/// The object lock that new versions get by default.
struct Lock {
    /// Nobody can delete a version before its time.
    is_compliance: bool,
    /// Some principals can.
    is_governance: bool,
    /// How long each version stays locked after it was written.
    retention: Option<Span>,
}

async fn lock(here: &Here<'_>, name: &str) -> CloudResult<Lock> {
    const DAY: u64 = 86_400;
    let request = here.clients.s3.get_object_lock_configuration().bucket(name).send();
    let answer = here.call("s3:GetObjectLockConfiguration", request).await;
    let lock = if_any(answer, "ObjectLockConfigurationNotFoundError")?;
    let lock = lock.and_then(|answer| answer.object_lock_configuration).and_then(|lock| lock.rule);
    let default = lock.and_then(|rule| rule.default_retention);
    let mode = default.as_ref().and_then(|default| default.mode.as_ref());
    let whole = |number: Option<i32>| number.and_then(|number| u64::try_from(number).ok());
    let days = default
        .as_ref()
        .and_then(|default| whole(default.days).or_else(|| whole(default.years).map(|years| years * 365)));
    Ok(Lock {
        is_compliance: mode == Some(&ObjectLockRetentionMode::Compliance),
        is_governance: mode == Some(&ObjectLockRetentionMode::Governance),
        retention: days.map(|days| Span::from_secs(days * DAY)),
    })
}

/// Whether the bucket's policy denies deletion.
async fn policy(here: &Here<'_>, name: &str, arn: &str) -> CloudResult<Option<DeletionGuard>> {
    let request = here.clients.s3.get_bucket_policy().bucket(name).send();
    let answer = here.call("s3:GetBucketPolicy", request).await;
    let policy = if_any(answer, "NoSuchBucketPolicy")?.and_then(|answer| answer.policy);
    Ok(policy.and_then(|policy| guard::of_policy(&policy, &guard::of_bucket(arn))))
}

/// The buckets that the whole bucket replicates to. A rule for a part of it makes no copy to recover
/// from.
async fn replicas(here: &Here<'_>, found: &mut Found, name: &str) -> CloudResult<()> {
    let request = here.clients.s3.get_bucket_replication().bucket(name).send();
    let answer = here.call("s3:GetBucketReplication", request).await;
    let answer = if_any(answer, "ReplicationConfigurationNotFoundError")?;
    let rules = answer.and_then(|answer| answer.replication_configuration).map(|it| it.rules);
    let rules = rules.unwrap_or_default();
    let mut metrics = BTreeMap::new();
    for rule in rules.iter().filter(|rule| is_whole(rule)) {
        let Some(to) = rule.destination().map(|to| to.bucket().rsplit(':').next().unwrap_or_default()) else {
            continue;
        };
        let metric = LagMetric {
            namespace: "AWS/S3",
            name: "ReplicationLatency",
            dimensions: vec![
                ("SourceBucket", name.to_owned()),
                ("DestinationBucket", to.to_owned()),
                ("RuleId", rule.id().unwrap_or_default().to_owned()),
            ],
            per_second: 1,
        };
        metrics.insert(metric, (to, rule));
    }
    let asked: Vec<LagMetric> = metrics.keys().cloned().collect();
    let lags = found.take(lag::read(here, &asked).await).unwrap_or_default();
    for (metric, (to, rule)) in &metrics {
        let destination = destination(here, to, rule).await?;
        let Some((account, region)) = destination else { continue };
        let mut point = point(name, PointKind::S3Replica, to, &account, &region);
        // Without replication metrics nobody knows how far the copy is behind.
        point.taken = lags.get(metric).copied().map(When::BeforeT0);
        let encryption = rule.destination().and_then(|to| to.encryption_configuration());
        point.kms_key = encryption.and_then(|encryption| some(encryption.replica_kms_key_id()));
        point.encrypted = point.kms_key.is_some();
        let place = (Some(here.account().clone()), Some(here.region().clone()));
        found.point(FoundPoint::of_entry(point).of_place(place.0, place.1));
    }
    Ok(())
}

/// Whether a rule is enabled and means all objects of the bucket.
fn is_whole(rule: &ReplicationRule) -> bool {
    #[expect(deprecated, reason = "rules of the first version of replication still exist")]
    let old = rule.prefix().is_none_or(str::is_empty);
    let filter = rule.filter().is_none_or(|filter| {
        filter.prefix().is_none_or(str::is_empty) && filter.tag().is_none() && filter.and().is_none()
    });
    *rule.status() == ReplicationRuleStatus::Enabled && old && filter
}

/// The owner and the region of a destination. S3 tells the owner only by confirming it, so each
/// account that is read is tried. `None`: the bucket is gone.
async fn destination(
    here: &Here<'_>,
    name: &str,
    rule: &ReplicationRule,
) -> CloudResult<Option<(AccountId, Region)>> {
    let said: Option<AccountId> =
        rule.destination().and_then(|to| to.account()).and_then(|account| account.parse().ok());
    let others = here.accounts.iter().filter(|account| *account != here.account());
    let mut clients = Rc::clone(&here.clients);
    let mut region = here.region().clone();
    for account in said.iter().chain([here.account()]).chain(others) {
        let mut asked = ask(here, &clients, &region, name, account).await?;
        if let Asked::Elsewhere(away) = &asked {
            region = away.clone();
            let place = Place { account: here.account().clone(), region: away.clone() };
            clients = here.aws.clients(&place).await?;
            asked = ask(here, &clients, &region, name, account).await?;
        }
        match asked {
            Asked::Gone => return Ok(None),
            Asked::Confirmed => return Ok(Some((account.clone(), region))),
            // The rule says whom the replicas belong to, and the bucket with them.
            Asked::Refused | Asked::Elsewhere(_) if said.as_ref() == Some(account) => {
                return Ok(Some((account.clone(), region)));
            }
            Asked::Refused | Asked::Elsewhere(_) => {}
        }
    }
    Err(CloudError::new(
        ErrorKind::Forbidden,
        HEAD,
        format!("nobody knows whose bucket {name} is, to which a bucket replicates"),
    )
    .help("read its account as well, or allow s3:ListBucket for it"))
}

const HEAD: &str = "s3:HeadBucket";

/// What S3 says of a bucket and its owner.
enum Asked {
    Confirmed,
    /// It has another owner, or may not be seen.
    Refused,
    Elsewhere(Region),
    Gone,
}

async fn ask(
    here: &Here<'_>,
    clients: &Clients,
    from: &Region,
    name: &str,
    owner: &AccountId,
) -> CloudResult<Asked> {
    here.turn(HEAD).await;
    let head = clients.s3.head_bucket().bucket(name).expected_bucket_owner(owner.as_str()).send().await;
    // S3 names the bucket's region in every answer, also in a 301, 400 or 403.
    let region = head.as_ref().err().and_then(|error| {
        let header = error.raw_response()?.headers().get("x-amz-bucket-region")?;
        header.parse::<Region>().ok()
    });
    match head.or_cloud(HEAD) {
        Ok(_) => Ok(Asked::Confirmed),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Asked::Gone),
        Err(error) => match region.filter(|region| region != from) {
            Some(region) => Ok(Asked::Elsewhere(region)),
            None if error.kind == ErrorKind::Forbidden => Ok(Asked::Refused),
            None => Err(error),
        },
    }
}
