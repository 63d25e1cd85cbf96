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
        Self { kept: &["name"], ..Self::new(vec![id.to_string()], format!("account {id}"), keys(entry)) }
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
        let identity = [account.as_str(), region.as_str(), &kind_name, id].map(str::to_owned).to_vec();
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

    /// The item with what was found of it.
    pub fn with(&self, found: &Self) -> Self {
        let mut keys = self.keys.clone();
        for (key, value) in &found.keys {
            let is_kept = self.kept.contains(&key.as_str());
            if !is_kept || !keys.contains_key(key) {
                keys.insert(key.clone(), value.clone());
            }
        }
        keys.retain(|key, _| found.keys.contains_key(key) || !self.always.contains(&key.as_str()));
        if let (Some(Json::Array(old)), Some(Json::Array(zones))) =
            (self.keys.get("azs"), keys.get_mut("azs"))
        {
            // A zone that `discover` does not list, such as a Local Zone, stays.
            let new: Vec<Json> = zones.iter().filter(|zone| !old.contains(zone)).cloned().collect();
            *zones = old.iter().cloned().chain(new).collect();
        }
        Self { keys, ..self.clone() }
    }
}

/// What `discover` always tells of a type. If it stayed although it is so no longer, a loss would
/// look better than it is.
fn always_of_resource(kind: &str) -> &'static [&'static str] {
    match kind {
        "rds:db" => &["multi_az"],
        "rds:cluster" => &["multi_az", "replicas"],
        "dynamodb:table" => &["replicas"],
        _ => &[],
    }
}

fn always_of_point(kind: PointKind) -> &'static [&'static str] {
    match kind {
        PointKind::EbsSnapshot | PointKind::Ami | PointKind::RdsSnapshot | PointKind::RdsClusterSnapshot => {
            &["shared_with"]
        }
        PointKind::Backup | PointKind::S3Replica | PointKind::S3Versions => &["vault_locked"],
        PointKind::RdsPitr
        | PointKind::RdsReplica
        | PointKind::DynamodbPitr
        | PointKind::DynamodbBackup
        | PointKind::EfsReplica => &[],
    }
}
