//! Puts the places together: shares, copies, keys, replicas, backup plans, and names that stand for
//! several resources.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base::duration::Span;
use base::ids::{AccountId, Region};
use estate::discovered::{Discovered, Read};
use estate::file::{AccountEntry, Incomplete, PointEntry, RegionEntry, ReplicaEntry, ResourceEntry};
use estate::{IdPlace, PointKind, ResourceId};
use port::{Place, Zone};

use crate::points::search::account_of;
use crate::selection::{Candidate, Selected};

use super::found::{Copy, Found, FoundPoint, FoundResource, Selection};

pub struct Joined {
    accounts: BTreeMap<AccountId, AccountEntry>,
    regions: BTreeMap<Region, RegionEntry>,
    read: BTreeSet<Read>,
    pub incomplete: Vec<Incomplete>,
    all: Found,
}

impl Joined {
    pub fn new(accounts: &[(AccountId, String)]) -> Self {
        Self {
            accounts: accounts.iter().map(|(id, name)| (id.clone(), AccountEntry::named(name))).collect(),
            regions: BTreeMap::new(),
            read: BTreeSet::new(),
            incomplete: Vec::new(),
            all: Found::default(),
        }
    }

    /// Adds the zones that an account has in a region. Not every account has all of them.
    pub fn region(&mut self, place: &Place, zones: &[Zone]) {
        let entry = self.regions.entry(place.region.clone()).or_default();
        entry.azs.extend(zones.iter().map(|zone| zone.id.clone()));
        entry.azs.sort();
        entry.azs.dedup();
    }

    pub fn add(
        &mut self,
        account: &AccountId,
        region: Option<&Region>,
        service: &'static str,
        mut found: Found,
    ) {
        let place = |what| Read { account: account.clone(), region: region.cloned(), what };
        self.read.extend(std::mem::take(&mut found.whole).into_iter().map(place));
        let why: Vec<String> = std::mem::take(&mut found.failed).into_iter().collect();
        if !why.is_empty() {
            self.incomplete.push(super::incomplete(account, region, Some(service), why.join("; ")));
        }
        self.all.join(found);
    }

    pub fn finish(self) -> Discovered {
        let Self { mut accounts, mut regions, read, mut incomplete, all } = self;
        let Found {
            resources,
            points,
            copies,
            selections,
            lags,
            managed_keys,
            quotas,
            root_keys,
            of_drills,
            whole: _,
            failed: _,
        } = all;
        for (account, region, limits) in quotas {
            if let Some(account) = accounts.get_mut(&account) {
                account.quotas.insert(region, limits);
            }
        }
        for (account, has_keys) in root_keys {
            if let Some(account) = accounts.get_mut(&account) {
                account.root_access_keys = Some(has_keys);
            }
        }
        let mut resources = once(resources);
        let mut points = shared(points);
        points.retain(|point| !is_of_drill(point, &of_drills));
        times_of_copies(&mut points, &copies);
        for point in points.iter_mut().map(|point| &mut point.entry) {
            // Of a key that is named in another way, nobody can tell where it lies.
            point.kms_key = point.kms_key.take().filter(|key| is_key(key));
            point.managed_key |= point.kms_key.as_ref().is_some_and(|key| managed_keys.contains(key));
        }
        let lags: HashMap<&str, Span> = lags.iter().map(|lag| (lag.arn.as_str(), lag.lag)).collect();
        for resource in &mut resources {
            protect(resource, &selections);
            tell_lags(resource, &lags);
        }
        multi_region_keys(&mut resources);
        let names = name_places(&mut resources);
        let mut recovery_points: Vec<PointEntry> =
            points.into_iter().map(|point| placed(point, &names)).collect();
        let mut resources: Vec<_> = resources.into_iter().map(|resource| resource.entry).collect();

        // Whatever an entry names stands in the file, or the file would not be valid. Of these
        // regions nothing more is known. The writer adds accounts, as accounts that were not read.
        let replicas = resources.iter().flat_map(|resource| &resource.replicas);
        let lying = recovery_points.iter().map(|point| &point.region);
        for region in lying.chain(replicas.map(|replica| &replica.region)) {
            regions.entry(region.clone()).or_default();
        }

        // A machine may lie in a Local Zone, which is no zone of the region's own.
        for resource in &resources {
            let region = resource.region.as_ref().and_then(|region| regions.get_mut(region));
            if let (Some(region), Some(az)) = (region, &resource.az)
                && !region.azs.contains(az)
            {
                region.azs.push(az.clone());
                region.azs.sort();
            }
        }

        resources.sort_by(|a, b| (&a.id, &a.account, &a.region).cmp(&(&b.id, &b.account, &b.region)));
        recovery_points.sort_by(|a, b| {
            (&a.of, a.kind, &a.account, &a.region, &a.id).cmp(&(&b.of, b.kind, &b.account, &b.region, &b.id))
        });
        incomplete.sort();
        incomplete.dedup();
        Discovered { accounts, regions, resources, recovery_points, read, incomplete }
    }
}

/// Whether it is the ARN of a KMS key or alias, with its region and account.
fn is_key(key: &str) -> bool {
    key.contains(":kms:") && account_of(key).is_some()
}

/// A resource that two services know is one.
fn once(resources: Vec<FoundResource>) -> Vec<FoundResource> {
    let mut all = BTreeMap::new();
    for resource in resources {
        let entry = &resource.entry;
        let key = (entry.id.clone(), entry.account.clone(), entry.region.clone());
        all.entry(key).or_insert(resource);
    }
    all.into_values().collect()
}

/// Joins what the owner of a point says and what the accounts say that it is shared with.
fn shared(points: Vec<FoundPoint>) -> Vec<FoundPoint> {
    let mut all: BTreeMap<(PointKind, AccountId, Region, String), FoundPoint> = BTreeMap::new();
    for point in points {
        let entry = &point.entry;
        let identity = point.arn.clone().unwrap_or_else(|| entry.id.clone());
        let key = (entry.kind, entry.account.clone(), entry.region.clone(), identity);
        match all.entry(key) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(point);
            }
            std::collections::btree_map::Entry::Occupied(mut occupied) => {
                let known = occupied.get_mut();
                let mut with = std::mem::take(&mut known.entry.shared_with);
                with.extend(point.entry.shared_with.iter().cloned());
                if point.by_owner && !known.by_owner {
                    *known = point;
                }
                known.entry.shared_with = with;
            }
        }
    }
    let mut all: Vec<FoundPoint> = all.into_values().collect();
    for FoundPoint { entry, .. } in &mut all {
        entry.shared_with.sort();
        entry.shared_with.dedup();
        let owner = entry.account.clone();
        entry.shared_with.retain(|account| *account != owner);
    }
    all
}

/// Whether it is a point of a drill's own resource.
fn is_of_drill(point: &FoundPoint, of_drills: &BTreeSet<(ResourceId, AccountId, Option<Region>)>) -> bool {
    let account = point.of_account.as_ref().unwrap_or(&point.entry.account).clone();
    let region = point.of_region.as_ref().unwrap_or(&point.entry.region).clone();
    of_drills.contains(&(point.entry.of.clone(), account, Some(region)))
}

/// Gives each copy of AWS Backup the time of its source. A copy whose source is gone, or whose job
/// AWS Backup has forgotten, keeps an unknown age.
fn times_of_copies(points: &mut [FoundPoint], copies: &[Copy]) {
    let source: HashMap<&str, &str> =
        copies.iter().map(|copy| (copy.to.as_str(), copy.from.as_str())).collect();
    let known: HashMap<String, _> = points
        .iter()
        .filter(|point| point.entry.kind == PointKind::Backup)
        .filter_map(|point| Some((point.arn.clone()?, point.entry.taken)))
        .collect();
    for point in points.iter_mut().filter(|point| point.entry.kind == PointKind::Backup) {
        let Some(arn) = &point.arn else { continue };
        let mut at = arn.as_str();
        // A copy may be copied on. Each step leads to an older point, so nothing goes in circles;
        // the bound is for a list that is wrong.
        for _ in 0..copies.len() {
            let Some(from) = source.get(at) else { break };
            at = from;
        }
        if at != arn {
            point.entry.taken = known.get(at).copied().flatten();
        }
    }
}

/// Names the backup plans that select a resource for certain, so that none passes for protected which
/// is not.
fn protect(resource: &mut FoundResource, selections: &[Selection]) {
    let FoundResource { entry, arn } = resource;
    let Some(arn) = arn else { return };
    let here = |s: &&Selection| s.account == entry.account && Some(&s.region) == entry.region.as_ref();
    let tags = entry.tags.iter().map(|(key, value)| (key.as_str(), Some(value.as_str()))).collect();
    let candidate = Candidate { arn: Some(arn), tags };
    let is_selected = |s: &&Selection| s.what.selects(&candidate) == Selected::Yes;
    let plans = selections.iter().filter(here).filter(is_selected);
    let plans: Vec<String> = plans.map(|selection| selection.plan.clone()).collect();
    entry.protected_by.extend(plans);
    entry.protected_by.sort();
    entry.protected_by.dedup();
}

/// Adds what the place of a replica says of its lag.
fn tell_lags(resource: &mut FoundResource, lags: &HashMap<&str, Span>) {
    let Some(arn) = resource.arn.as_deref() else { return };
    for replica in &mut resource.entry.replicas {
        // The ARN of a replica differs in region and account alone, unless it has its own name:
        // then the service gives the lag itself.
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        if let [scheme, partition, service, _, account, rest] = parts.as_slice() {
            let account = replica.account.as_ref().map_or(*account, AccountId::as_str);
            let other = format!("{scheme}:{partition}:{service}:{}:{account}:{rest}", replica.region);
            replica.lag = replica.lag.or_else(|| lags.get(other.as_str()).copied());
        }
    }
}

/// The keys of one set have one id in all their regions. Any of them decrypts what another encrypted.
fn multi_region_keys(resources: &mut [FoundResource]) {
    let mut sets: BTreeMap<(ResourceId, AccountId), BTreeSet<Region>> = BTreeMap::new();
    let is_one = |entry: &ResourceEntry| entry.id.kind == "kms:key" && entry.id.name.starts_with("mrk-");
    for FoundResource { entry, .. } in resources.iter().filter(|resource| is_one(&resource.entry)) {
        let regions = sets.entry((entry.id.clone(), entry.account.clone())).or_default();
        regions.extend(entry.region.clone());
    }
    for FoundResource { entry, .. } in resources.iter_mut().filter(|resource| is_one(&resource.entry)) {
        let regions = sets.get(&(entry.id.clone(), entry.account.clone())).into_iter().flatten();
        let others = regions.filter(|region| Some(*region) != entry.region.as_ref());
        let replica =
            |region: &Region| ReplicaEntry { region: region.clone(), account: None, az: None, lag: None };
        entry.replicas = others.map(replica).collect();
    }
}

type Places = BTreeSet<(AccountId, Option<Region>)>;

/// Gives the ids that stand for several resources their places. Returns the places of each id.
fn name_places(resources: &mut [FoundResource]) -> HashMap<ResourceId, Places> {
    let mut places: HashMap<ResourceId, Places> = HashMap::new();
    for FoundResource { entry, .. } in resources.iter() {
        let place = (entry.account.clone(), entry.region.clone());
        places.entry(entry.id.clone()).or_default().insert(place);
    }
    for FoundResource { entry, .. } in resources.iter_mut() {
        let place = (entry.account.clone(), entry.region.clone());
        if let Some(all) = places.get(&entry.id) {
            entry.id.place = place_in_id(all, &place);
        }
    }
    places
}

/// What an id has to say so that it means the resource at this place alone.
fn place_in_id(all: &Places, place: &(AccountId, Option<Region>)) -> Option<IdPlace> {
    if all.len() < 2 {
        return None;
    }
    let accounts: BTreeSet<&AccountId> = all.iter().map(|(account, _)| account).collect();
    let regions: BTreeSet<&Region> = all.iter().filter_map(|(_, region)| region.as_ref()).collect();
    let account = (accounts.len() > 1).then(|| place.0.clone());
    let region = place.1.clone().filter(|_| regions.len() > 1);
    Some(IdPlace { account, region })
}

/// The entry of a point, with the id of the resource that it restores. Where nobody knows which of
/// several resources that is, the id has no place, and means none of them.
fn placed(point: FoundPoint, names: &HashMap<ResourceId, Places>) -> PointEntry {
    let FoundPoint { mut entry, of_account, of_region, .. } = point;
    let Some(all) = names.get(&entry.of) else { return entry };
    let bound = entry.kind.is_bound_to_its_account().then(|| entry.account.clone());
    let of_account = of_account.or(bound);
    let account = of_account.as_ref().unwrap_or(&entry.account);
    let region = of_region.as_ref().unwrap_or(&entry.region);
    let here = all.iter().find(|(a, r)| a == account && r.as_ref().is_none_or(|r| r == region));
    // AWS Backup names the resource itself. A copy in RDS names the snapshot that it was copied from,
    // which may be a copy too. What AWS does not tell rules nothing out: of a bucket it tells nothing,
    // and its name stands for one bucket in the world.
    let is_certain = entry.kind == PointKind::Backup || of_region.is_none();
    let may_be = |(account, region): &&(AccountId, Option<Region>)| {
        !is_certain
            || (of_account.as_ref().is_none_or(|of| of == account)
                && of_region.as_ref().zip(region.as_ref()).is_none_or(|(of, region)| of == region))
    };
    let only = || all.iter().next().filter(|_| all.len() == 1).filter(may_be);
    entry.of.place = match here.or_else(only) {
        Some(of) => place_in_id(all, of),
        // It is of a resource that was not read. The only resource of its name is another one.
        None if all.len() == 1 => Some(IdPlace { account: of_account, region: of_region }),
        None => None,
    };
    entry
}

#[cfg(test)]
mod tests {
    use super::super::found::empty_point;
    use super::*;

    /// `orders` of an account that was not read is not the only `orders` that was.
    #[test]
    fn a_namesake_in_another_account_or_region_gets_no_points() {
        let id: ResourceId = "rds:db/orders".parse().unwrap();
        let (own, other): (AccountId, AccountId) =
            ("111122223333".parse().unwrap(), "444455556666".parse().unwrap());
        let (east, west): (Region, Region) = ("us-east-1".parse().unwrap(), "us-west-2".parse().unwrap());
        let names = HashMap::from([(id.clone(), Places::from([(own.clone(), Some(east.clone()))]))]);
        let of = |kind, account: Option<&AccountId>, region: Option<&Region>| {
            let entry = empty_point(id.clone(), kind, "p".into(), other.clone(), west.clone());
            let point = FoundPoint::of_entry(entry).of_place(account.cloned(), region.cloned());
            placed(point, &names).of.to_string()
        };
        let backup = PointKind::Backup;
        assert_eq!(of(backup, Some(&own), Some(&east)), "rds:db/orders");
        assert_eq!(
            of(backup, Some(&other), Some(&east)),
            "rds:db/orders[account=444455556666,region=us-east-1]"
        );
        assert_eq!(
            of(backup, Some(&own), Some(&west)),
            "rds:db/orders[account=111122223333,region=us-west-2]"
        );
        // Of a bucket AWS Backup tells no place.
        assert_eq!(of(backup, None, None), "rds:db/orders");
        // A snapshot that is no copy is of its owner's database.
        assert_eq!(of(PointKind::RdsSnapshot, Some(&other), None), "rds:db/orders[account=444455556666]");
        // The source of a copy may be a copy itself.
        assert_eq!(of(PointKind::RdsSnapshot, Some(&other), Some(&east)), "rds:db/orders");
        assert_eq!(of(PointKind::DynamodbBackup, None, None), "rds:db/orders[account=444455556666]");
    }
}
