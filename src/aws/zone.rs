//! Private hosted zones of Route 53: they answer names inside the sandbox.
//!
//! Source: API reference of Amazon Route 53.

use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ChangeStatus, HostedZone, HostedZoneConfig, ResourceRecord,
    ResourceRecordSet, RrType, Tag, TagResourceType, Vpc, VpcRegion,
};

use super::access::{Route53Reader, Writer};
use super::error::OrCloud;
use super::once::{follow_up, once};
use super::{At, observed, tags};
use base::duration::Span;
use base::ids::Region;
use port::{CloudError, CloudResult, Created, ErrorKind, Kind, Observed, State, TAG_RUN};

const CREATE: &str = "route53:CreateHostedZone";
const GET: &str = "route53:GetHostedZone";
const DELETE: &str = "route53:DeleteHostedZone";
const CHANGE: &str = "route53:ChangeResourceRecordSets";

/// How long an answer may be kept, in seconds.
const TTL: i64 = 5;
/// How long a change may take to reach all name servers. It is usually 60 seconds (API reference,
/// `ChangeResourceRecordSets`).
const IN_SYNC_WITHIN: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_secs(1);

/// The id, without `/hostedzone/` before it.
fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// What the zone's comment says of its run, and of the region of its network: zones have none. The
/// comment is there as soon as the zone is, and its tags are not.
fn comment(run: &str, region: &Region) -> String {
    format!("{TAG_RUN}={run} {region}")
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives the value")]
fn invalid(error: aws_sdk_route53::error::BuildError) -> CloudError {
    CloudError::new(ErrorKind::Invalid, CREATE, error.to_string())
}

pub async fn create(at: &At<'_>, name: &str, vpc: &str, domain: &str) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let find = async || {
        let wanted = comment(&at.run_tags.run.0, &at.place.region);
        let found = all(&writer.read.route53).await?.into_iter().find(|zone| {
            let said = zone.config.as_ref().and_then(|config| config.comment.as_deref());
            said == Some(&wanted) && zone.name.trim_end_matches('.') == domain
        });
        Ok(found.map(|zone| bare(&zone.id).to_owned()))
    };
    let make = async || {
        let said = comment(&at.run_tags.run.0, &at.place.region);
        let said = HostedZoneConfig::builder().private_zone(true).comment(said).build();
        let network =
            Vpc::builder().vpc_id(vpc).vpc_region(VpcRegion::from(at.place.region.as_str())).build();
        let request =
            writer.route53_once.create_hosted_zone().name(domain).vpc(network).hosted_zone_config(said);
        let made = request.caller_reference(tags::token(at, "")).send().await.or_cloud(CREATE)?;
        Ok(made.hosted_zone.map(|zone| bare(&zone.id).to_owned()).unwrap_or_default())
    };
    let id = once(at, find, make).await?;
    let own: Result<Vec<Tag>, _> = tags::pairs(at, name)
        .into_iter()
        .map(|(key, value)| Ok::<_, CloudError>(Tag::builder().key(key).value(value).build()))
        .collect();
    let own = own?;
    let put = async || {
        let request = writer.route53.change_tags_for_resource().resource_type(TagResourceType::Hostedzone);
        let request = request.resource_id(&id).set_add_tags(Some(own.clone()));
        request.send().await.or_cloud("route53:ChangeTagsForResource").map(drop)
    };
    follow_up(at, put).await?;
    Ok(at.created(Kind::Zone, id, "zone"))
}

/// Answers a name: with an address, or with another name.
pub async fn record(at: &At<'_>, zone: &str, domain: &str, to: &str) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let kind = match to.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => RrType::A,
        Ok(IpAddr::V6(_)) => RrType::Aaaa,
        Err(_) => RrType::Cname,
    };
    let value = ResourceRecord::builder().value(to).build().map_err(invalid)?;
    let record = ResourceRecordSet::builder().name(domain).r#type(kind).ttl(TTL).resource_records(value);
    let record = record.build().map_err(invalid)?;
    let change = change(&writer, zone, ChangeAction::Upsert, record).await?;
    in_sync(at, &writer.read.route53, &change).await?;
    Ok(Created::default())
}

async fn change(
    to: &Writer,
    zone: &str,
    action: ChangeAction,
    record: ResourceRecordSet,
) -> CloudResult<String> {
    let change = Change::builder().action(action).resource_record_set(record).build().map_err(invalid)?;
    let batch = ChangeBatch::builder().changes(change).build().map_err(invalid)?;
    let request = to.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    let answer = request.send().await.or_cloud(CHANGE)?;
    Ok(answer.change_info.map(|info| bare(&info.id).to_owned()).unwrap_or_default())
}

/// Waits until all name servers have a change. Who asks before is told that there is no such name, and
/// may keep that for minutes.
async fn in_sync(at: &At<'_>, route53: &Route53Reader, change: &str) -> CloudResult<()> {
    let clock = &at.aws.config.clock;
    let until = clock.now() + Span(IN_SYNC_WITHIN).delta();
    loop {
        let answer = route53.get_change().id(change).send().await.or_cloud("route53:GetChange")?;
        if answer.change_info.is_some_and(|info| info.status == ChangeStatus::Insync) {
            return Ok(());
        }
        if clock.now() >= until {
            let said = format!("the record is not on all name servers after {}", Span(IN_SYNC_WITHIN));
            return Err(CloudError::new(ErrorKind::Server, CHANGE, said));
        }
        clock.sleep(PAUSE).await;
    }
}

async fn all(route53: &Route53Reader) -> CloudResult<Vec<HostedZone>> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let answer = route53.list_hosted_zones().set_marker(marker).send().await;
        let answer = answer.or_cloud("route53:ListHostedZones")?;
        all.extend(answer.hosted_zones);
        if !answer.is_truncated {
            return Ok(all);
        }
        marker = answer.next_marker;
    }
}

async fn tags_of(route53: &Route53Reader, id: &str) -> CloudResult<Vec<(String, String)>> {
    let request = route53.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id);
    let answer = request.send().await.or_cloud("route53:ListTagsForResource")?;
    let tags = answer.resource_tag_set.and_then(|set| set.tags).unwrap_or_default();
    Ok(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect())
}

/// The run of a zone: by its tag, or by its comment while it has no tag. The outer `None`: there is no
/// such zone.
pub async fn owner(route53: &Route53Reader, id: &str) -> CloudResult<Option<Option<String>>> {
    let zone = match route53.get_hosted_zone().id(id).send().await.or_cloud(GET) {
        Ok(answer) => answer.hosted_zone,
        Err(e) if e.kind == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let tagged = tags_of(route53, id).await?.into_iter().find(|(key, _)| key == TAG_RUN).map(|(_, run)| run);
    Ok(Some(tagged.or_else(|| zone.as_ref().and_then(said).map(|(run, _)| run.to_owned()))))
}

/// The run and the region that a zone's comment tells.
fn said(zone: &HostedZone) -> Option<(&str, Option<&str>)> {
    let said = zone.config.as_ref()?.comment.as_deref()?.strip_prefix(TAG_RUN)?.strip_prefix('=')?;
    Some(said.split_once(' ').map_or((said, None), |(run, region)| (run, Some(region))))
}

/// The zones that runs made for networks in a region, with their tags.
pub async fn made_by_runs(
    route53: &Route53Reader,
    region: &Region,
) -> CloudResult<Vec<(String, Vec<(String, String)>)>> {
    let mut found = Vec::new();
    for zone in all(route53).await? {
        let Some((run, of)) = said(&zone) else { continue };
        if of.is_some_and(|of| of != region.as_str()) {
            continue;
        }
        let id = bare(&zone.id);
        let mut tags = match tags_of(route53, id).await {
            Err(e) if e.kind == ErrorKind::NotFound => continue,
            tags => tags?,
        };
        if !tags.iter().any(|(key, _)| key == TAG_RUN) {
            tags.push((TAG_RUN.to_owned(), run.to_owned()));
        }
        found.push((id.to_owned(), tags));
    }
    Ok(found)
}

pub async fn observe(route53: &Route53Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for id in ids {
        match route53.get_hosted_zone().id(id).send().await.or_cloud(GET) {
            Ok(_) => all.push(observed(id.clone(), State::Ready)),
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

/// Deletes a zone of this run, with its records.
pub async fn delete(to: &Writer, id: &str) -> CloudResult<()> {
    let read = &to.read.route53;
    let Some(owner) = owner(read, id).await? else { return Ok(()) };
    tags::guard(DELETE, id, owner.as_deref(), &to.run_tags)?;
    loop {
        let answer = read.list_resource_record_sets().hosted_zone_id(id).send().await;
        let answer = answer.or_cloud("route53:ListResourceRecordSets")?;
        // These two are the zone's own, and go with it.
        let records = answer.resource_record_sets.into_iter();
        let mut records =
            records.filter(|record| !matches!(record.r#type, RrType::Ns | RrType::Soa)).peekable();
        if records.peek().is_none() {
            break;
        }
        for record in records {
            change(to, id, ChangeAction::Delete, record).await?;
        }
    }
    to.route53.delete_hosted_zone().id(id).send().await.or_cloud(DELETE).map(drop)
}
