//! Route 53 Resolver: the firewall that closes a sandbox's names, and the log of what is asked.
//!
//! Sources: API reference of Amazon Route 53 Resolver; Route 53 Developer Guide, "Resolver query
//! logging" and "Using DNS Firewall to filter outbound DNS traffic".

use std::collections::BTreeMap;
use std::io::Read as _;

use aws_sdk_route53resolver::types::{
    Action, BlockOverrideDnsType, BlockResponse, Filter, FirewallDomainListStatus,
    FirewallDomainUpdateOperation, FirewallFailOpenStatus, FirewallRule, FirewallRuleGroupAssociation,
    FirewallRuleGroupAssociationStatus, ResolverQueryLogConfigAssociation,
    ResolverQueryLogConfigAssociationStatus, ResolverQueryLogConfigStatus, Tag,
};
use serde::Deserialize;

use super::access::{Clients, ResolverReader, Writer};
use super::error::OrCloud;
use super::once::{begun, follow_up, once};
use super::{At, missing, observed, pages, tags};
use base::partition::Partition;
use port::{
    Asker, CloudError, CloudResult, Created, ErrorKind, Exposure, IsolationScan, Kind, Leak, NameRule,
    NameSeen, NamesWatch, Observed, Place, State, TAG_RUN,
};

const CREATE_LIST: &str = "route53resolver:CreateFirewallDomainList";
const CREATE_GROUP: &str = "route53resolver:CreateFirewallRuleGroup";
const CREATE_RULE: &str = "route53resolver:CreateFirewallRule";
const CREATE_LOG: &str = "route53resolver:CreateResolverQueryLogConfig";
const DELETE_LIST: &str = "route53resolver:DeleteFirewallDomainList";
const DELETE_GROUP: &str = "route53resolver:DeleteFirewallRuleGroup";
const DELETE_LOG: &str = "route53resolver:DeleteResolverQueryLogConfig";
const TAGS: &str = "route53resolver:ListTagsForResource";

/// The most names that one call puts into a list (API reference, `UpdateFirewallDomains`).
const MOST_NAMES: usize = 1_000;
/// The priorities of rules. Those of overrides come before: there is room for 999, and a group has 100
/// rules at most unless AWS was asked for more.
const FIRST_RULE: i32 = 1_000;
/// The priority of the association: of 101 to 9900, the first.
const FIRST_GROUP: i32 = 101;
/// How long a name is answered with another one, in seconds.
const OVERRIDE_TTL: i32 = 5;
/// The longest log file that is read, unpacked. A file holds minutes of a network's queries.
const LONGEST_LOG: u64 = 256 * 1024 * 1024;

/// Something of the resolver's, by its name.
struct Named {
    id: String,
    arn: String,
    name: String,
}

fn named(id: Option<String>, arn: Option<String>, name: Option<String>) -> Option<Named> {
    Some(Named { id: id?, arn: arn?, name: name? })
}

async fn lists(resolver: &ResolverReader) -> CloudResult<Vec<Named>> {
    let call = "route53resolver:ListFirewallDomainLists";
    let all = pages!(call, firewall_domain_lists, resolver.list_firewall_domain_lists());
    Ok(all.into_iter().filter_map(|one| named(one.id, one.arn, one.name)).collect())
}

async fn groups(resolver: &ResolverReader) -> CloudResult<Vec<Named>> {
    let call = "route53resolver:ListFirewallRuleGroups";
    let all = pages!(call, firewall_rule_groups, resolver.list_firewall_rule_groups());
    Ok(all.into_iter().filter_map(|one| named(one.id, one.arn, one.name)).collect())
}

async fn logs(resolver: &ResolverReader) -> CloudResult<Vec<Named>> {
    let call = "route53resolver:ListResolverQueryLogConfigs";
    let all = pages!(call, resolver_query_log_configs, resolver.list_resolver_query_log_configs());
    Ok(all.into_iter().filter_map(|one| named(one.id, one.arn, one.name)).collect())
}

async fn all_of(resolver: &ResolverReader, kind: Kind) -> CloudResult<Vec<Named>> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds are no resolver's")]
    match kind {
        Kind::DomainList => lists(resolver).await,
        Kind::RuleGroup => groups(resolver).await,
        Kind::QueryLog => logs(resolver).await,
        _ => Ok(Vec::new()),
    }
}

async fn tags_of(resolver: &ResolverReader, arn: &str) -> CloudResult<Vec<Tag>> {
    Ok(pages!(TAGS, tags, resolver.list_tags_for_resource().resource_arn(arn)))
}

fn run_of(tags: &[Tag]) -> Option<&str> {
    tags.iter().find(|tag| tag.key == TAG_RUN).map(|tag| tag.value.as_str())
}

/// The run in the tag of something of the resolver's. The outer `None`: there is no such thing.
pub async fn owner(resolver: &ResolverReader, kind: Kind, id: &str) -> CloudResult<Option<Option<String>>> {
    let all = all_of(resolver, kind).await?;
    let Some(found) = all.into_iter().find(|one| one.id == id) else { return Ok(None) };
    let tags = tags_of(resolver, &found.arn).await?;
    Ok(Some(run_of(&tags).map(str::to_owned)))
}

/// What the resolver has of a kind, with its tags where `is_of` its name.
pub async fn tagged(
    resolver: &ResolverReader,
    kind: Kind,
    is_of: impl Fn(&str) -> bool,
) -> CloudResult<Vec<(String, Vec<(String, String)>)>> {
    let mut all = Vec::new();
    for one in all_of(resolver, kind).await?.into_iter().filter(|one| is_of(&one.name)) {
        match tags_of(resolver, &one.arn).await {
            Ok(tags) => all.push((one.id, tags.into_iter().map(|tag| (tag.key, tag.value)).collect())),
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

/// The id of what an earlier try of this request made.
async fn found(
    at: &At<'_>,
    resolver: &ResolverReader,
    kind: Kind,
    name: &str,
) -> CloudResult<Option<String>> {
    let all = all_of(resolver, kind).await?;
    let Some(one) = all.into_iter().find(|one| one.name == name) else { return Ok(None) };
    let tags = tags_of(resolver, &one.arn).await?;
    tags::guard("create", name, run_of(&tags), at.run_tags)?;
    Ok(Some(one.id))
}

fn tags(at: &At<'_>, name: &str) -> CloudResult<Vec<Tag>> {
    let pairs = tags::pairs(at, name).into_iter();
    let tags: Result<_, _> = pairs.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    tags.map_err(|e| CloudError::new(ErrorKind::Invalid, "route53resolver:TagResource", e.to_string()))
}

fn no_id(call: &str) -> CloudError {
    CloudError::new(ErrorKind::Server, call, "the answer names nothing that was created")
}

/// Creates a list of names. Its name is found again if an answer is lost.
pub async fn domain_list(at: &At<'_>, name: &str, domains: &[String]) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let (read, tags) = (&writer.read.resolver, tags(at, name)?);
    let make = async || {
        let request = writer.resolver_once.create_firewall_domain_list().name(name);
        let request = request.creator_request_id(tags::token(at, "")).set_tags(Some(tags.clone()));
        let made = request.send().await.or_cloud(CREATE_LIST)?;
        made.firewall_domain_list.and_then(|list| list.id).ok_or_else(|| no_id(CREATE_LIST))
    };
    let id = once(at, async || found(at, read, Kind::DomainList, name).await, make).await?;
    // The first names replace what an earlier try put in, so that a repetition changes nothing.
    let mut operation = FirewallDomainUpdateOperation::Replace;
    for names in domains.chunks(MOST_NAMES) {
        let put = async || {
            let request = writer.resolver.update_firewall_domains().firewall_domain_list_id(&id);
            let request = request.operation(operation.clone()).set_domains(Some(names.to_vec()));
            request.send().await.or_cloud("route53resolver:UpdateFirewallDomains").map(drop)
        };
        follow_up(at, put).await?;
        operation = FirewallDomainUpdateOperation::Add;
    }
    Ok(at.created(Kind::DomainList, id, "domain_list"))
}

/// Creates rules, and puts them in force for a network. DNS Firewall fails closed unless it is told
/// otherwise: if it cannot answer, no name is answered.
pub async fn rule_group(at: &At<'_>, name: &str, vpc: &str, rules: &[NameRule]) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let (read, tags) = (&writer.read.resolver, tags(at, name)?);
    let make = async || {
        let request = writer.resolver_once.create_firewall_rule_group().name(name);
        let request = request.creator_request_id(tags::token(at, "")).set_tags(Some(tags.clone()));
        let made = request.send().await.or_cloud(CREATE_GROUP)?;
        made.firewall_rule_group.and_then(|group| group.id).ok_or_else(|| no_id(CREATE_GROUP))
    };
    let id = once(at, async || found(at, read, Kind::RuleGroup, name).await, make).await?;
    let known = begun(rules_of(read, &id).await)?;
    for (rule, priority) in rules.iter().zip(FIRST_RULE..) {
        if known.contains(&rule.list) {
            continue;
        }
        let put = async || {
            let request = writer.resolver.create_firewall_rule().firewall_rule_group_id(&id);
            let request = request.firewall_domain_list_id(&rule.list).priority(priority).name(name);
            let request = request.creator_request_id(tags::token(at, &priority.to_string()));
            let request = if rule.blocks {
                request.action(Action::Block).block_response(BlockResponse::Nxdomain)
            } else {
                request.action(Action::Allow)
            };
            request.send().await.or_cloud(CREATE_RULE).map(drop)
        };
        follow_up(at, put).await?;
    }
    if begun(associations(read, &id).await)?.is_empty() {
        let associate = async || {
            let request = writer.resolver.associate_firewall_rule_group().firewall_rule_group_id(&id);
            let request = request.vpc_id(vpc).priority(FIRST_GROUP).name(name).set_tags(Some(tags.clone()));
            let request = request.creator_request_id(tags::token(at, "vpc"));
            request.send().await.or_cloud("route53resolver:AssociateFirewallRuleGroup").map(drop)
        };
        follow_up(at, associate).await?;
    }
    Ok(at.created(Kind::RuleGroup, id, "rule_group"))
}

/// Lets the names of a list be answered with another name.
pub async fn override_rule(
    at: &At<'_>,
    group: &str,
    list: &str,
    to: &str,
    (order, name): (u16, &str),
) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let known = rules_of(&writer.read.resolver, group).await?;
    if !known.iter().any(|rule| rule == list) {
        let request = writer.resolver.create_firewall_rule().firewall_rule_group_id(group);
        let request = request.firewall_domain_list_id(list).priority(i32::from(order) + 1).name(name);
        let request = request.action(Action::Block).block_response(BlockResponse::Override);
        let request = request.block_override_dns_type(BlockOverrideDnsType::Cname);
        let request = request.block_override_domain(to).block_override_ttl(OVERRIDE_TTL);
        let request = request.creator_request_id(tags::token(at, "override"));
        request.send().await.or_cloud(CREATE_RULE)?;
    }
    Ok(Created::default())
}

/// The lists of a group's rules.
async fn rules_of(resolver: &ResolverReader, group: &str) -> CloudResult<Vec<String>> {
    let call = "route53resolver:ListFirewallRules";
    let all = pages!(call, firewall_rules, resolver.list_firewall_rules().firewall_rule_group_id(group));
    Ok(all.into_iter().filter_map(|rule| rule.firewall_domain_list_id).collect())
}

/// Finds what lets names out of a sandbox whose resolver is closed. It does not read the names in the
/// lists.
pub async fn openings(
    resolver: &ResolverReader,
    scan: &IsolationScan,
    group: &str,
) -> CloudResult<Vec<Exposure>> {
    use FirewallFailOpenStatus::{Disabled, UseLocalResourceSetting};
    let opened = |what: String| Exposure::new(Leak::Resolver, group, what);
    let mut all = Vec::new();
    // The group with the lowest priority decides first.
    let call = "route53resolver:ListFirewallRuleGroupAssociations";
    let of_vpc = resolver.list_firewall_rule_group_associations().vpc_id(&scan.vpc);
    let mut placed = pages!(call, firewall_rule_group_associations, of_vpc);
    placed.retain(|one| one.status != Some(FirewallRuleGroupAssociationStatus::Deleting));
    placed.sort_by_key(FirewallRuleGroupAssociation::priority);
    let is_ours = |one: &FirewallRuleGroupAssociation| one.firewall_rule_group_id() == Some(group);
    match placed.iter().position(is_ours) {
        None => all.push(opened("the firewall of names is not in force for the VPC".into())),
        Some(place) => {
            for other in placed.iter().take(place) {
                let other = other.firewall_rule_group_id().unwrap_or("another group");
                all.push(opened(format!("the rules of {other} decide before those of the run")));
            }
        }
    }
    let call = "route53resolver:GetFirewallConfig";
    let answer = resolver.get_firewall_config().resource_id(&scan.vpc).send().await.or_cloud(call)?;
    let fails = answer.firewall_config.and_then(|config| config.firewall_fail_open);
    let fails = fails.ok_or_else(|| missing(call, "FirewallFailOpen"))?;
    // The second belongs to Route 53 Profiles, and leaves the decision to the VPC.
    if ![Disabled, UseLocalResourceSetting].contains(&fails) {
        all.push(opened("names are answered where the firewall fails".into()));
    }
    let call = "route53resolver:ListFirewallRules";
    let mut rules =
        pages!(call, firewall_rules, resolver.list_firewall_rules().firewall_rule_group_id(group));
    rules.sort_by_key(FirewallRule::priority);
    let is_own = |list: &str| scan.made.iter().any(|made| made.kind == Kind::DomainList && made.id == list);
    let refuses = |rule: &FirewallRule| {
        rule.action() == Some(&Action::Block) && rule.block_response() != Some(&BlockResponse::Override)
    };
    for (from_last, rule) in (0..rules.len()).rev().zip(&rules).filter(|(_, rule)| !refuses(rule)) {
        let list = rule.firewall_domain_list_id().unwrap_or("another list");
        // What the drill needs is let through by the last rule but one. Others lead names elsewhere.
        let may = if from_last == 1 { Action::Allow } else { Action::Block };
        let is_expected =
            rule.action() == Some(&may) && (is_own(list) || is_of_run(resolver, scan, list).await?);
        if !is_expected {
            all.push(opened(format!("names of {list} are let through")));
        }
    }
    // The last rule refuses all names that no rule before it lets through.
    let ends_well = matches!(&*rules, [.., _, last] if refuses(last)
        && last.firewall_domain_list_id().is_some_and(is_own));
    if !ends_well {
        all.push(opened("the last rule does not refuse all other names".into()));
    }
    Ok(all)
}

/// Whether a list that was made while the scan ran is the run's.
async fn is_of_run(resolver: &ResolverReader, scan: &IsolationScan, list: &str) -> CloudResult<bool> {
    let owner = owner(resolver, Kind::DomainList, list).await?;
    Ok(owner.flatten().is_some_and(|run| run == scan.run.0))
}

async fn associations(
    resolver: &ResolverReader,
    group: &str,
) -> CloudResult<Vec<FirewallRuleGroupAssociation>> {
    let call = "route53resolver:ListFirewallRuleGroupAssociations";
    let request = resolver.list_firewall_rule_group_associations().firewall_rule_group_id(group);
    Ok(pages!(call, firewall_rule_group_associations, request))
}

async fn log_associations(
    resolver: &ResolverReader,
    config: &str,
) -> CloudResult<Vec<ResolverQueryLogConfigAssociation>> {
    let call = "route53resolver:ListResolverQueryLogConfigAssociations";
    let of = Filter::builder().name("ResolverQueryLogConfigId").values(config).build();
    let request = resolver.list_resolver_query_log_config_associations().filters(of);
    Ok(pages!(call, resolver_query_log_config_associations, request))
}

/// Has a network's resolver log what it is asked, into a bucket of the run.
pub async fn query_log(at: &At<'_>, name: &str, vpc: &str, bucket: &str) -> CloudResult<Created> {
    let writer = at.writer().await?;
    let (read, tags) = (&writer.read.resolver, tags(at, name)?);
    let policy = delivery(at.place, bucket);
    let put = async || {
        let request = writer.s3.put_bucket_policy().bucket(bucket).policy(&policy);
        request.send().await.or_cloud("s3:PutBucketPolicy").map(drop)
    };
    super::once::settled(at, put).await?;
    let to = format!("arn:{}:s3:::{bucket}", Partition::of(&at.place.region).id);
    let make = async || {
        let request = writer.resolver_once.create_resolver_query_log_config().name(name);
        let request = request.destination_arn(&to).creator_request_id(tags::token(at, ""));
        let made = request.set_tags(Some(tags.clone())).send().await.or_cloud(CREATE_LOG)?;
        made.resolver_query_log_config.and_then(|config| config.id).ok_or_else(|| no_id(CREATE_LOG))
    };
    let id = once(at, async || found(at, read, Kind::QueryLog, name).await, make).await?;
    let made = async || match state(read, Kind::QueryLog, &id).await? {
        State::Pending(status) if status == ResolverQueryLogConfigStatus::Creating.as_str() => {
            Err(CloudError::new(ErrorKind::InUse, CREATE_LOG, format!("the configuration {id} is {status}")))
        }
        State::Pending(_) | State::Ready | State::Failed(_) | State::Gone => Ok(()),
    };
    follow_up(at, made).await?;
    if begun(log_associations(read, &id).await)?.is_empty() {
        let associate = async || {
            let request = writer.resolver.associate_resolver_query_log_config();
            let request = request.resolver_query_log_config_id(&id).resource_id(vpc);
            request.send().await.or_cloud("route53resolver:AssociateResolverQueryLogConfig").map(drop)
        };
        follow_up(at, associate).await?;
    }
    Ok(at.created(Kind::QueryLog, id, "query_log"))
}

/// Who delivers logs into buckets (Amazon `CloudWatch` Logs user guide, "Logs sent to Amazon S3").
pub const DELIVERY: &str = "delivery.logs.amazonaws.com";

/// The policy of a bucket that logs are delivered into, from this account alone. AWS writes the same
/// where it is missing.
fn delivery(place: &Place, bucket: &str) -> String {
    let (account, region) = (&place.account, &place.region);
    let partition = Partition::of(region).id;
    let from = serde_json::json!({
        "StringEquals": { "aws:SourceAccount": account },
        "ArnLike": { "aws:SourceArn": format!("arn:{partition}:logs:{region}:{account}:*") },
    });
    let mut of_objects = from.clone();
    of_objects["StringEquals"]["s3:x-amz-acl"] = "bucket-owner-full-control".into();
    let bucket = format!("arn:{partition}:s3:::{bucket}");
    serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "AWSLogDeliveryWrite", "Effect": "Allow", "Principal": { "Service": DELIVERY },
          "Action": "s3:PutObject", "Resource": format!("{bucket}/AWSLogs/{account}/*"), "Condition": of_objects },
        { "Sid": "AWSLogDeliveryAclCheck", "Effect": "Allow", "Principal": { "Service": DELIVERY },
          "Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": bucket, "Condition": from },
    ] })
    .to_string()
}

pub async fn observe(resolver: &ResolverReader, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for id in ids {
        let seen = match state(resolver, kind, id).await {
            Ok(seen) => seen,
            Err(e) if e.kind == ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        all.push(observed(id.clone(), seen));
    }
    Ok(all)
}

async fn state(resolver: &ResolverReader, kind: Kind, id: &str) -> CloudResult<State> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds are no resolver's")]
    match kind {
        Kind::DomainList => {
            let answer = resolver.get_firewall_domain_list().firewall_domain_list_id(id).send().await;
            let list = answer.or_cloud("route53resolver:GetFirewallDomainList")?.firewall_domain_list;
            let status = list.and_then(|list| list.status);
            Ok(match status {
                Some(FirewallDomainListStatus::Complete) => State::Ready,
                Some(FirewallDomainListStatus::CompleteImportFailed) => {
                    State::Failed("its import failed".into())
                }
                other => pending(other.as_ref().map(FirewallDomainListStatus::as_str)),
            })
        }
        Kind::RuleGroup => {
            let answer = resolver.get_firewall_rule_group().firewall_rule_group_id(id).send().await;
            answer.or_cloud("route53resolver:GetFirewallRuleGroup")?;
            // Rules that are in force nowhere close nothing.
            let associations = associations(resolver, id).await?;
            let status = associations.first().and_then(|one| one.status.as_ref());
            Ok(match status {
                Some(FirewallRuleGroupAssociationStatus::Complete) => State::Ready,
                other => pending(other.map(FirewallRuleGroupAssociationStatus::as_str)),
            })
        }
        _ => {
            let answer =
                resolver.get_resolver_query_log_config().resolver_query_log_config_id(id).send().await;
            let config =
                answer.or_cloud("route53resolver:GetResolverQueryLogConfig")?.resolver_query_log_config;
            match config.and_then(|config| config.status) {
                Some(ResolverQueryLogConfigStatus::Created) => {}
                Some(ResolverQueryLogConfigStatus::Failed) => {
                    return Ok(State::Failed("the resolver cannot write into the bucket".into()));
                }
                other => return Ok(pending(other.as_ref().map(ResolverQueryLogConfigStatus::as_str))),
            }
            let associations = log_associations(resolver, id).await?;
            let Some(one) = associations.first() else { return Ok(pending(None)) };
            let said = one.error_message.clone().unwrap_or_default();
            Ok(match &one.status {
                Some(ResolverQueryLogConfigAssociationStatus::Active) => State::Ready,
                Some(ResolverQueryLogConfigAssociationStatus::ActionNeeded) => {
                    State::Failed(format!("ACTION_NEEDED ({said})"))
                }
                Some(ResolverQueryLogConfigAssociationStatus::Failed) => {
                    State::Failed(format!("FAILED ({said})"))
                }
                other => pending(other.as_ref().map(ResolverQueryLogConfigAssociationStatus::as_str)),
            })
        }
    }
}

fn pending(status: Option<&str>) -> State {
    State::Pending(status.unwrap_or("not in force yet").to_owned())
}

/// What stands in the way of a deletion. Whoever deletes asks again.
fn in_use(call: &str, what: &str) -> CloudError {
    CloudError::new(ErrorKind::InUse, call, format!("{what} is being taken off the network"))
        .help("Route 53 Resolver takes it off by itself: wait")
}

/// Deletes a list, a group or a log's configuration of this run: first from the network, then itself.
pub async fn delete(to: &Writer, kind: Kind, id: &str) -> CloudResult<()> {
    let read = &to.read.resolver;
    let call = port::gated::delete_call(kind);
    let Some(owner) = owner(read, kind, id).await? else { return Ok(()) };
    tags::guard(call, id, owner.as_deref(), &to.run_tags)?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds are no resolver's")]
    match kind {
        Kind::DomainList => {
            let request = to.resolver.delete_firewall_domain_list().firewall_domain_list_id(id);
            request.send().await.or_cloud(DELETE_LIST).map(drop)
        }
        Kind::RuleGroup => {
            let associations = associations(read, id).await?;
            for one in &associations {
                if one.status == Some(FirewallRuleGroupAssociationStatus::Deleting) {
                    continue;
                }
                let request = to.resolver.disassociate_firewall_rule_group();
                let request = request.set_firewall_rule_group_association_id(one.id.clone());
                request.send().await.or_cloud("route53resolver:DisassociateFirewallRuleGroup")?;
            }
            if !associations.is_empty() {
                return Err(in_use(DELETE_GROUP, id));
            }
            let mut refused = Ok(());
            for list in rules_of(read, id).await? {
                let request = to.resolver.delete_firewall_rule().firewall_rule_group_id(id);
                let request = request.firewall_domain_list_id(list);
                let gone = request.send().await.or_cloud("route53resolver:DeleteFirewallRule");
                refused = refused.and(gone.map(drop));
            }
            refused.map_err(|error| {
                error.help("a rule that somebody added goes by hand; then run `drillmaster abort`")
            })?;
            let request = to.resolver.delete_firewall_rule_group().firewall_rule_group_id(id);
            request.send().await.or_cloud(DELETE_GROUP).map(drop)
        }
        _ => {
            let associations = log_associations(read, id).await?;
            for one in &associations {
                if one.status == Some(ResolverQueryLogConfigAssociationStatus::Deleting) {
                    continue;
                }
                let request = to.resolver.disassociate_resolver_query_log_config();
                let request =
                    request.resolver_query_log_config_id(id).set_resource_id(one.resource_id.clone());
                request.send().await.or_cloud("route53resolver:DisassociateResolverQueryLogConfig")?;
            }
            if !associations.is_empty() {
                return Err(in_use(DELETE_LOG, id));
            }
            let request = to.resolver.delete_resolver_query_log_config().resolver_query_log_config_id(id);
            request.send().await.or_cloud(DELETE_LOG).map(drop)
        }
    }
}

/// A line of the log (Route 53 Developer Guide, "Values that appear in VPC Resolver query logs").
#[derive(Deserialize)]
struct Line {
    vpc_id: String,
    query_name: String,
    srcaddr: String,
    rcode: Option<String>,
    #[serde(default)]
    srcids: Sources,
    firewall_rule_action: Option<String>,
}

#[derive(Default, Deserialize)]
struct Sources {
    instance: Option<String>,
}

/// Reads all that the log of a network holds by now.
pub async fn lookups(clients: &Clients, vpc: &str, watch: &NamesWatch) -> CloudResult<Vec<NameSeen>> {
    let bucket = &watch.bucket;
    let listed =
        pages!("s3:ListObjectsV2", contents, clients.s3.list_objects_v2().bucket(bucket).prefix("AWSLogs/"));
    let mut counts: BTreeMap<(Option<String>, String, String, bool), u64> = BTreeMap::new();
    for key in listed.into_iter().filter_map(|object| object.key) {
        let answer =
            clients.s3.get_object().bucket(bucket).key(&key).send().await.or_cloud("s3:GetObject")?;
        let packed = answer.body.collect().await.map_err(|e| unread(&key, &e.to_string()))?;
        for line in lines(&packed.into_bytes()).map_err(|why| unread(&key, &why))? {
            if line.vpc_id != vpc {
                continue;
            }
            // A rule that answers in its own way blocks too, and answers.
            let is_answered = line.rcode.as_deref() == Some("NOERROR");
            let is_blocked = line.firewall_rule_action.as_deref() == Some("BLOCK") && !is_answered;
            let counted = (line.srcids.instance, line.srcaddr, line.query_name, is_blocked);
            *counts.entry(counted).or_default() += 1;
        }
    }
    let seen = counts.into_iter().map(|((instance, address, name, blocked), count)| NameSeen {
        by: instance.map_or(Asker::Address(address), Asker::Instance),
        name,
        count,
        blocked: Some(blocked),
    });
    Ok(seen.collect())
}

/// A log that cannot be read whole is not read as a shorter one.
fn unread(key: &str, why: &str) -> CloudError {
    CloudError::new(ErrorKind::Server, "s3:GetObject", format!("the log {key} cannot be read: {why}"))
}

/// The lines of a packed log file.
fn lines(packed: &[u8]) -> Result<Vec<Line>, String> {
    let mut text = String::new();
    let mut unpacked = flate2::read::MultiGzDecoder::new(packed).take(LONGEST_LOG + 1);
    unpacked.read_to_string(&mut text).map_err(|e| e.to_string())?;
    if text.len() as u64 > LONGEST_LOG {
        return Err(format!("it is longer than {LONGEST_LOG} bytes"));
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).map_err(|e| e.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(text: &str) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    /// The example of the developer guide, shortened.
    const LINE: &str = r#"{"version":"1.100000","account_id":"111122223333","region":"us-west-2","vpc_id":"vpc-1","query_timestamp":"2026-02-04T17:51:55Z","query_name":"sqs.us-east-1.amazonaws.com.","query_type":"A","query_class":"IN","rcode":"NXDOMAIN","answers":[],"srcaddr":"10.66.0.9","srcport":"56067","transport":"UDP","srcids":{"instance":"i-0d15cd0d3example"},"firewall_rule_action":"BLOCK"}"#;

    #[test]
    fn the_documented_form_is_read() {
        let found = lines(&packed(&format!("{LINE}\n{LINE}\n"))).unwrap();
        assert_eq!(found.len(), 2);
        let line = &found[0];
        assert_eq!(line.srcids.instance.as_deref(), Some("i-0d15cd0d3example"));
        assert_eq!(
            (line.srcaddr.as_str(), line.firewall_rule_action.as_deref()),
            ("10.66.0.9", Some("BLOCK"))
        );
        let bare = r#"{"vpc_id":"v","query_name":"n.","srcaddr":"10.0.0.1","srcids":{}}"#;
        assert_eq!(lines(&packed(bare)).unwrap()[0].srcids.instance, None);
    }

    #[test]
    fn a_log_that_is_cut_is_not_a_shorter_log() {
        let whole = packed(&format!("{LINE}\n"));
        assert!(lines(&whole[..whole.len() - 9]).is_err());
        assert!(lines(&packed("{\"vpc_id\":")).is_err() && lines(b"plain").is_err());
        assert!(lines(&packed("")).unwrap().is_empty());
    }

    #[test]
    fn logs_are_delivered_from_the_sandboxs_account_alone() {
        let place = Place { account: "222222222222".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let policy: serde_json::Value = serde_json::from_str(&delivery(&place, "dm-log")).unwrap();
        for statement in policy["Statement"].as_array().unwrap() {
            assert_eq!(statement["Principal"]["Service"], DELIVERY);
            assert_eq!(statement["Condition"]["StringEquals"]["aws:SourceAccount"], "222222222222");
        }
    }
}
