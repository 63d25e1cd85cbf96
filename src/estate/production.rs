//! Whether an address is production's own, or lies in what is lost. What answers there proves
//! nothing about a recovery.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::bucket;
use super::file::EstateFile;
use super::host::Host;
use super::locus::Locus;
use super::loss::Loss;
use super::resource::{Resource, ResourceId};
use base::ids::{AccountId, AzId};

/// Why an address proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The place: a region, an account, a zone, or account and region of production's resource.
    pub locus: String,
    pub why: String,
    /// It lies in what is lost. Otherwise it is production's and survives.
    pub lost: bool,
}

/// The addresses of production, and what is lost of it.
pub struct Production {
    loss: Loss,
    resources: Vec<Resource>,
    by_id: HashMap<ResourceId, Vec<usize>>,
    /// The `addresses` of resources: names in lower case, and IP addresses.
    by_address: HashMap<String, usize>,
    /// For each bucket that the estate has: the lost place, if no bucket of the name survives.
    buckets: HashMap<String, Option<String>>,
    /// The sandbox's range. An IP address in it is a restored one, even if production has it too.
    sandbox: Option<IpNet>,
    /// The hosts of what the run made.
    made: RefCell<HashSet<String>>,
    /// The zones by the names that the sandbox's account has for them. `None`: they were not asked
    /// for yet.
    zones: RefCell<Option<HashMap<String, AzId>>>,
}

impl Production {
    pub fn new(loss: &Loss, estate: Option<&EstateFile>, sandbox: Option<IpNet>) -> Self {
        let resources = estate.map(EstateFile::resources).unwrap_or_default();
        let (mut by_id, mut by_address) = (HashMap::<_, Vec<usize>>::new(), HashMap::new());
        let mut buckets: HashMap<String, Option<String>> = HashMap::new();
        let mut bucket = |name: &str, lost: bool, locus: &Locus| {
            let known = buckets.entry(name.to_owned()).or_insert_with(|| Some(locus.place()));
            if !lost {
                *known = None;
            }
        };
        for (index, resource) in resources.iter().enumerate() {
            by_id.entry(resource.id.without_place()).or_default().push(index);
            if resource.id.kind == "s3:bucket" {
                bucket(&resource.id.name, loss.takes_resource(resource), &resource.locus);
            }
        }
        for (index, entry) in estate.iter().flat_map(|estate| estate.resources.iter().enumerate()) {
            for address in &entry.addresses {
                by_address.entry(canonical(address)).or_insert(index);
            }
        }
        for point in estate.iter().flat_map(|estate| &estate.recovery_points) {
            if point.kind.resource_kind() == "s3:bucket" {
                let locus = Locus {
                    account: Some(point.account.clone()),
                    region: Some(point.region.clone()),
                    az: None,
                };
                bucket(&point.id, !point.place_survives(loss), &locus);
            }
        }
        Self {
            loss: loss.clone(),
            resources,
            by_id,
            by_address,
            buckets,
            sandbox,
            made: RefCell::default(),
            zones: RefCell::default(),
        }
    }

    /// Takes in a host that AWS gave to something that the run made. In the sandbox's account, a
    /// resource may have the name that production's has in its own: only the provenance of the host
    /// tells them apart.
    pub fn made(&self, host: &str) {
        self.made.borrow_mut().insert(canonical(host));
    }

    /// Whether AWS gave this host to something that the run made.
    pub fn is_made(&self, host: &str) -> bool {
        self.made.borrow().contains(&canonical(host))
    }

    /// Takes in the names of zones in the sandbox's account. From now on, a host is refused if it
    /// names a zone of which nobody knows whether it is the lost one.
    pub fn name_zones(&self, zones: impl IntoIterator<Item = (String, AzId)>) {
        *self.zones.borrow_mut() = Some(zones.into_iter().collect());
    }

    /// What speaks against the zone that a host names.
    fn named_zone(&self, host: &str, aws: &Host) -> Option<Objection> {
        let (Loss::Az(lost), Some(name)) = (&self.loss, &aws.zone_name) else { return None };
        let zones = self.zones.borrow();
        let region = aws.region.as_ref().filter(|region| region.holds(lost))?;
        let why = match zones.as_ref()?.get(name) {
            Some(zone) if zone == lost => format!("`{host}` lies in {}, which is lost ({name})", self.loss),
            Some(_) => return None,
            None => format!(
                "`{host}` names the zone {name} of {region}: whether that is {lost}, which is lost, is unknown"
            ),
        };
        Some(Objection { locus: lost.to_string(), why, lost: true })
    }

    /// Judges a host and the path of its URL. `own_names` says whether the names that production
    /// goes by count: a check of DNS asks for them, since a cut-over leads them to what is restored.
    pub fn host(&self, host: &str, path: &str, own_names: bool) -> Option<Objection> {
        let host = canonical(host);
        let aws = Host::read(&host).map(|aws| aws.with_path(path));
        if let Some(aws) = &aws
            && let Some(locus) = self.lost_of(aws)
        {
            let why = format!("`{host}` lies in {}, which is lost", self.loss);
            return Some(Objection { locus, why, lost: true });
        }
        if let Some(found) = aws.as_ref().and_then(|aws| self.named_zone(&host, aws)) {
            return Some(found);
        }
        if let Some(found) =
            aws.as_ref().and_then(|aws| aws.bucket.as_deref()).and_then(|name| self.bucket(name))
        {
            return Some(found);
        }
        let named = aws.as_ref().filter(|_| !self.made.borrow().contains(&host));
        let resource = named.and_then(|aws| self.resource_of(aws)).or_else(|| {
            let ip = host.parse().ok().or_else(|| aws.as_ref()?.address);
            let known = match ip {
                Some(ip) if self.sandbox.is_some_and(|sandbox| sandbox.contains(&ip)) => None,
                Some(ip) => self.by_address.get(&ip.to_string()),
                None => self.by_address.get(&host).filter(|_| own_names),
            };
            self.resources.get(*known?)
        })?;
        Some(self.own(resource, &host))
    }

    pub(super) fn is_in_sandbox(&self, ip: IpAddr) -> bool {
        self.sandbox.is_some_and(|sandbox| sandbox.contains(&ip))
    }

    /// Whether the estate has a bucket of this name.
    pub(super) fn has_bucket(&self, name: &str) -> bool {
        self.buckets.contains_key(name)
    }

    /// Whether a resource of production lies in the account.
    pub(super) fn has_account(&self, account: &AccountId) -> bool {
        self.resources.iter().any(|resource| resource.locus.account.as_ref() == Some(account))
    }

    /// What a name is that production goes by. `name` is canonical.
    pub(super) fn named(&self, name: &str) -> Option<Objection> {
        Some(self.own(self.resources.get(*self.by_address.get(name)?)?, name))
    }

    fn own(&self, resource: &Resource, host: &str) -> Objection {
        let lost = self.loss.takes_resource(resource);
        let why = format!(
            "`{host}` is production's own {}{}",
            resource.id,
            if lost { format!(", which is lost with {}", self.loss) } else { String::new() }
        );
        Objection { locus: resource.locus.place(), why, lost }
    }

    /// Judges a bucket. A bucket that survives may be read: it may be a replica that the recovery
    /// goes on with.
    pub fn bucket(&self, name: &str) -> Option<Objection> {
        let zone = bucket::zone(name);
        let lost_by_name = zone.as_ref().is_some_and(|zone| match &self.loss {
            Loss::Az(lost) => lost == zone,
            Loss::Region(lost) => lost.holds(zone),
            Loss::Account(_) => false,
        });
        let locus = match (lost_by_name, zone) {
            (true, Some(zone)) => zone.to_string(),
            _ => self.buckets.get(name)?.clone()?,
        };
        let why = format!("the bucket `{name}` ({locus}) is lost with {}", self.loss);
        Some(Objection { locus, why, lost: true })
    }

    /// The lost place, if the host name says that it leads there.
    fn lost_of(&self, aws: &Host) -> Option<String> {
        let lost = match &self.loss {
            Loss::Region(region) => aws.is_in(region),
            Loss::Account(account) => aws.account.as_ref() == Some(account),
            Loss::Az(zone) => aws.zone.as_ref() == Some(zone),
        };
        lost.then(|| self.loss.key_and_name().1.to_owned())
    }

    /// Production's resource of that name in that region.
    fn resource_of(&self, aws: &Host) -> Option<&Resource> {
        let found =
            self.by_id.get(aws.resource.as_ref()?)?.iter().filter_map(|index| self.resources.get(*index));
        found.into_iter().find(|resource| {
            resource.locus.region.as_ref().is_none_or(|region| aws.region.is_none() || aws.is_in(region))
        })
    }
}

/// A host as it is dialled, whatever its spelling: names in lower case, in ASCII and without the
/// final dot, and IP addresses as they are commonly written. `0xcb007107`, `3405803783` and
/// `%32%303.0.113.7` are all 203.0.113.7 (WHATWG URL Standard, "Host parsing"; `inet_aton` reads
/// numbers alike).
pub fn canonical(host: &str) -> String {
    let host = host.trim().trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = host.parse::<IpAddr>() {
        return of_ipv4(ip).to_string();
    }
    match url::Host::parse(host) {
        Ok(url::Host::Ipv4(ip)) => ip.to_string(),
        Ok(url::Host::Ipv6(ip)) => of_ipv4(ip.into()).to_string(),
        Ok(url::Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
        // It is no host that can be asked. Whoever asks it says so.
        Err(_) => host.trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// The IPv4 address that an IPv6 address stands for, if it does: `::ffff:…`, and the translation
/// prefix `64:ff9b::/96` (RFC 6052).
fn of_ipv4(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => match v6.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                IpAddr::from(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
            }
            _ => IpAddr::V6(v6),
        },
        v4 @ IpAddr::V4(_) => v4,
    }
}
