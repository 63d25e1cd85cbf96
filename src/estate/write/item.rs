//! One entry of a section: what it is called, and its keys.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::discovered::{Read, What};
use crate::file::{AccountEntry, Incomplete, PointEntry, RegionEntry, ResourceEntry};
use crate::point::PointKind;
use base::ids::{AccountId, Region};

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What tells it from all others of its section.
    pub identity: Vec<String>,
    /// Where it stands among them.
    pub order: Vec<String>,
    /// Its name for people.
    pub told: String,
    pub keys: Map<String, Json>,
    /// What must have been read whole, so that it is gone if it was not found. `None`: it never is.
    pub read: Option<Read>,
    /// The keys that `discover` always tells of it. Without them it is not so.
    pub always: &'static [&'static str],
    /// The keys that a person may have written, and that `discover` never changes.
    pub kept: &'static [&'static str],
}

/// Lists whose order means nothing.
const SETS: [&str; 7] =
    ["shared_with", "protected_by", "addresses", "env_names", "mentions", "access_keys_made", "replicas"];

fn keys(entry: &impl Serialize) -> Map<String, Json> {
    // The entries have text keys only, so they can be written. The text is read again in any case.
    let Ok(Json::Object(mut keys)) = serde_json::to_value(entry) else { return Map::new() };
    for (key, value) in &mut keys {
        if let Json::Array(items) = value
            && SETS.contains(&key.as_str())
        {
            items.sort_by_cached_key(ToString::to_string);
            items.dedup();
        }
    }
    keys
}

fn place(region: Option<&Region>) -> String {
    region.map_or(String::new(), |region| format!(" in {region}"))
}

impl Item {
    pub fn account(id: &AccountId, entry: &AccountEntry) -> Self {
        // Once it is read, it has a name.
        let kept: &[&str] = if entry.is_unread(id) { &[] } else { &["name"] };
        Self { kept, ..Self::new(vec![id.to_string()], format!("account {id}"), keys(entry)) }
    }

    pub fn region(region: &Region, entry: &RegionEntry) -> Self {
        Self::new(vec![region.to_string()], format!("region {region}"), keys(entry))
    }

    pub fn resource(entry: &ResourceEntry) -> Self {
        let ResourceEntry { id, account, region, .. } = entry;
        let at = region.as_ref().map_or("", Region::as_str);
        let identity = [account.as_str(), at, &id.kind, &id.name].map(str::to_owned).to_vec();
        let what = What::Resources(id.kind.clone());
        Self {
            read: Some(Read { account: account.clone(), region: region.clone(), what }),
            always: always_of_resource(&id.kind),
            ..Self::new(identity, format!("{}{}", id.without_place(), place(region.as_ref())), keys(entry))
        }
    }

    pub fn point(entry: &PointEntry) -> Self {
        let PointEntry { of, kind, id, account, region, .. } = entry;
        let keys = keys(entry);
        let kind_name = keys.get("kind").and_then(Json::as_str).unwrap_or_default().to_owned();
        let name = name_of_point(*kind, id);
        let identity = [account.as_str(), region.as_str(), &kind_name, name].map(str::to_owned).to_vec();
        let order = [account.as_str(), region.as_str(), &of.kind, &of.name, &kind_name, id];
        let read = Read {
            account: account.clone(),
            region: Some(region.clone()),
            what: What::Points(*kind, of.kind.clone()),
        };
        Self {
            order: order.map(str::to_owned).to_vec(),
            read: Some(read),
            always: always_of_point(*kind),
            ..Self::new(identity, format!("{id} of {}{}", of.without_place(), place(Some(region))), keys)
        }
    }

    pub fn incomplete(entry: &Incomplete) -> Self {
        let region = entry.region.as_ref().map_or("", Region::as_str);
        let service = entry.service.as_deref().unwrap_or("");
        let identity = [entry.account.as_str(), region, service].map(str::to_owned).to_vec();
        Self::new(identity, format!("{} {region} {service}", entry.account), keys(entry))
    }

    fn new(identity: Vec<String>, told: String, keys: Map<String, Json>) -> Self {
        let order = identity.clone();
        Self { identity, order, told, keys, read: None, always: &[], kept: &[] }
    }

    /// The item with what was found of it. `is_read` tells what was read whole.
    pub fn with(&self, found: &Self, is_read: &dyn Fn(&Read) -> bool) -> Self {
        let mut keys = self.keys.clone();
        for (key, value) in &found.keys {
            let is_kept = self.kept.contains(&key.as_str());
            if !is_kept || !keys.contains_key(key) {
                keys.insert(key.clone(), value.clone());
            }
        }
        if let (Some(old), Some(new)) = (self.keys.get("id"), found.keys.get("id"))
            && let Some(What::Points(..)) = self.read.as_ref().map(|read| &read.what)
        {
            // The owner names a point by its name, all others by its ARN.
            let is_arn = |id: &Json| id.as_str().is_some_and(|id| id.starts_with("arn:"));
            keys.insert("id".to_owned(), if is_arn(old) { new } else { old }.clone());
        }
        let is_whole = self.read.as_ref().is_some_and(is_read);
        let is_told = |key: &str| self.always.contains(&key) && (is_whole || !self.needs_another_call(key));
        keys.retain(|key, _| found.keys.contains_key(key) || !is_told(key));
        if let (Some(Json::Object(old)), Some(Json::Object(new))) =
            (self.keys.get("quotas"), keys.get_mut("quotas"))
        {
            // Those of a region that was not read stay.
            for (region, limits) in old {
                new.entry(region.clone()).or_insert_with(|| limits.clone());
            }
        }
        for key in OF_OTHER_PLACES {
            self.keep_unread(key, &mut keys, found, is_read);
        }
        if let (Some(Json::Array(old)), Some(Json::Array(zones))) =
            (self.keys.get("azs"), keys.get_mut("azs"))
        {
            // A zone that `discover` does not list, such as a Local Zone, stays.
            let new: Vec<Json> = zones.iter().filter(|zone| !old.contains(zone)).cloned().collect();
            *zones = old.iter().cloned().chain(new).collect();
        }
        Self { keys, ..self.clone() }
    }

    /// The item if it was not found, and its own place was not read. An account that was read, and
    /// that does not see the point, does not share it any more.
    pub fn unfound(&self, is_read: &dyn Fn(&Read) -> bool) -> Self {
        let mut keys = self.keys.clone();
        if let Some(Json::Array(accounts)) = keys.get_mut("shared_with") {
            accounts.retain(|account| !self.told_by("shared_with", account).as_ref().is_some_and(is_read));
            if accounts.is_empty() {
                keys.remove("shared_with");
            }
        }
        Self { keys, ..self.clone() }
    }

    /// Keeps those members of a list that only a place tells which was not read.
    fn keep_unread(
        &self,
        key: &str,
        keys: &mut Map<String, Json>,
        found: &Self,
        is_read: &dyn Fn(&Read) -> bool,
    ) {
        let array = |keys: &Map<String, Json>| keys.get(key).and_then(Json::as_array).cloned();
        let (Some(old), mut all) = (array(&self.keys), array(&found.keys).unwrap_or_default()) else {
            return;
        };
        if old.iter().all(|member| self.told_by(key, member).is_none()) {
            return;
        }
        let name = |member: &Json| member.get("region").unwrap_or(member).clone();
        for member in old {
            let is_known = all.iter().any(|known| name(known) == name(&member));
            if !is_known && !self.told_by(key, &member).as_ref().is_some_and(is_read) {
                all.push(member);
            }
        }
        all.sort_by_cached_key(ToString::to_string);
        if all.is_empty() {
            keys.remove(key);
        } else {
            keys.insert(key.to_owned(), Json::Array(all));
        }
    }

    /// Whether a call of its own tells the key: of global clusters, of the registry, of a user's keys
    /// or of a zone's records. If that call failed, the type is not read whole, and the key stays.
    fn needs_another_call(&self, key: &str) -> bool {
        let kinds: &[&str] = match key {
            "replicas" => &["rds:cluster", "docdb:cluster", "neptune:cluster", "ecr:repository"],
            "access_keys_made" => &["iam:user"],
            "dns_ttl" => &["route53:hosted-zone"],
            _ => &[],
        };
        let own = self.read.as_ref().map(|read| &read.what);
        matches!(own, Some(What::Resources(kind)) if kinds.contains(&kind.as_str()))
    }

    /// The reading that tells a member of a list, if it is not the reading of the item itself: a
    /// share is seen by the account that it is for, and a copy of a key in its own region.
    fn told_by(&self, key: &str, member: &Json) -> Option<Read> {
        let own = self.read.as_ref()?;
        match (&own.what, key) {
            (What::Points(kind, _), "shared_with") if is_shared(*kind) => {
                Some(Read { account: member.as_str()?.parse().ok()?, ..own.clone() })
            }
            (What::Resources(kind), "replicas") if kind == "kms:key" => {
                Some(Read { region: Some(member.get("region")?.as_str()?.parse().ok()?), ..own.clone() })
            }
            (What::Points(..) | What::Resources(_), _) => None,
        }
    }
}

/// Lists whose members may be told by other places than the item.
const OF_OTHER_PLACES: [&str; 2] = ["shared_with", "replicas"];

/// What `discover` always tells of a type. If it stayed although it is so no longer, a loss would
/// look better than it is.
fn always_of_resource(kind: &str) -> &'static [&'static str] {
    match kind {
        "rds:db" => &["multi_az", "parameter_group", "option_group", "tags"],
        "elasticache:replication-group" | "redshift:cluster" | "mq:broker" => &["multi_az"],
        "rds:cluster" | "docdb:cluster" | "neptune:cluster" => &["replicas", "parameter_group", "tags"],
        "dynamodb:table" | "secretsmanager:secret" | "ecr:repository" => &["replicas"],
        "ec2:instance" | "ec2:volume" | "efs:file-system" => &["tags"],
        "cloudformation:stack" => &["drift", "drift_checked", "tags"],
        "iam:user" => &["access_keys_made"],
        "route53:hosted-zone" => &["dns_ttl"],
        _ => &[],
    }
}

/// Whether `discover` tells this key of all resources of a type, so that without it, it is not so.
pub fn always_tells(kind: &str, key: &str) -> bool {
    always_of_resource(kind).contains(&key)
}

/// Whether an account that a point of this kind is shared with sees it.
fn is_shared(kind: PointKind) -> bool {
    match kind {
        PointKind::EbsSnapshot
        | PointKind::Ami
        | PointKind::RdsSnapshot
        | PointKind::RdsClusterSnapshot
        | PointKind::Backup => true,
        PointKind::S3Replica
        | PointKind::S3Versions
        | PointKind::RdsPitr
        | PointKind::RdsReplica
        | PointKind::DynamodbPitr
        | PointKind::DynamodbBackup
        | PointKind::EfsReplica => false,
    }
}

/// What tells a point from others of its kind and place. The owner of a snapshot of RDS knows it by
/// its name, and an account that it is shared with by its ARN.
fn name_of_point(kind: PointKind, id: &str) -> &str {
    let is_snapshot = matches!(kind, PointKind::RdsSnapshot | PointKind::RdsClusterSnapshot);
    let name = id.strip_prefix("arn:").filter(|_| is_snapshot).and_then(|rest| rest.splitn(6, ':').nth(5));
    name.unwrap_or(id)
}

fn always_of_point(kind: PointKind) -> &'static [&'static str] {
    match kind {
        PointKind::Backup | PointKind::S3Replica | PointKind::S3Versions => {
            &["vault_locked", "locked_for", "guard", "locks_on"]
        }
        PointKind::EbsSnapshot
        | PointKind::Ami
        | PointKind::RdsSnapshot
        | PointKind::RdsClusterSnapshot
        | PointKind::RdsPitr
        | PointKind::RdsReplica
        | PointKind::DynamodbPitr
        | PointKind::DynamodbBackup
        | PointKind::EfsReplica => &[],
    }
}
