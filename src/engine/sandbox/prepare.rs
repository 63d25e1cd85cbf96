//! Creates the sandbox before T0. The proof that it is closed is in `isolation`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::future::try_join_all;
use ipnet::Ipv4Net;

use super::provisioner::{ProvisionError, Provisioner};
use base::architecture::Architecture;
use base::digest::sha256;
use base::duration::Size;
use base::ids::{AccountId, AzId, Region};
use estate::Loss;
use event::{Body, SANDBOX};
use port::wait::{Until, Waiter};
use port::{
    Cloud, CloudError, Create, CreateFunction, ErrorKind, Finding, Kind, NameRule, NameRules, NamesWatch,
    Offers, Place, Ready, RestoreDb, Rule, State, SubnetRef, Wishes, Zone,
};

/// The parts of the sandbox that the playbook asks for before T0.
#[derive(Debug, Clone)]
pub struct SandboxSpec {
    pub place: Place,
    pub cidr: String,
    pub azs: u32,
    /// The zones that the playbook chooses. If empty, any zones that survive and offer the wishes.
    pub zones: Vec<AzId>,
    pub wishes: Wishes,
    /// The names of the buckets that steps restore into, and whether they keep versions.
    pub buckets: BTreeMap<String, bool>,
    pub replicas: Vec<ReplicaSpec>,
    /// The other accounts that copy into each vault, by the vault's key. No key: AWS Backup's own.
    pub vaults: BTreeMap<String, BTreeSet<AccountId>>,
    /// Whether a step restores a database.
    pub databases: bool,
    pub probe: Option<ProbeSpec>,
    /// What the closed resolver answers. `None`: the resolver stays open.
    pub names: Option<NameRules>,
    /// The private zones that answer names.
    pub answered: BTreeSet<String>,
}

/// The probe that asks checks from inside.
#[derive(Debug, Clone)]
pub struct ProbeSpec {
    pub role: String,
    pub architecture: Architecture,
    /// SHA-256 of its package.
    pub sha256: String,
}

#[derive(Debug, Clone)]
pub struct ReplicaSpec {
    /// The step that will promote it.
    pub step: String,
    /// The production database's identifier or ARN.
    pub source: String,
    pub source_region: Region,
    pub class: Option<String>,
    pub parameter_group: Option<String>,
    /// A key in the sandbox's region.
    pub kms_key: Option<String>,
    pub size: Size,
}

/// Creates the sandbox. After an error, the provisioner knows every resource that was created.
///
/// `standing` hands out the network and the probe if they stay between drills.
pub async fn prepare(
    provisioner: &Rc<Provisioner>,
    standing: Option<&Rc<Provisioner>>,
    waiter: &Rc<Waiter>,
    spec: &SandboxSpec,
    loss: &Loss,
) -> Result<Ready, ProvisionError> {
    let place = &spec.place;
    let cloud = provisioner.cloud();
    let tell = |finding| provisioner.tell(Body::Finding(finding));
    let base = standing.unwrap_or(provisioner);
    let zones = match standing {
        Some(standing) => super::standing::zones(standing, waiter, spec, loss).await?,
        None => choose_zones(&**cloud, spec, loss, &tell).await?.zones?,
    };
    let name = |slot: &str| base.name(SANDBOX, slot);
    let vpc = Create::Vpc { cidr: spec.cidr.clone(), name: name("vpc") };
    let vpc = one(base, waiter, place, VPC, vpc).await?;
    // The probe has the last range.
    let mut ranges = subnet_ranges(&spec.cidr, zones.len() + usize::from(spec.probe.is_some()))?;
    let of_probe = spec.probe.as_ref().zip(ranges.pop_if(|_| spec.probe.is_some()));
    let subnets = try_join_all(zones.iter().zip(ranges).enumerate().map(|(i, (zone, cidr))| {
        let slot = subnet_slot(i);
        let what = Create::Subnet { vpc: vpc.clone(), cidr, az: zone.id.clone(), name: name(&slot) };
        async move {
            let id = one(base, waiter, place, &slot, what).await?;
            Ok::<_, ProvisionError>(SubnetRef { id, az: zone.id.clone() })
        }
    }))
    .await?;
    let group = Create::SecurityGroup {
        vpc: vpc.clone(),
        vpc_cidr: spec.cidr.clone(),
        name: name("sg"),
        only_out: false,
    };
    let security_group = one(base, waiter, place, "sg", group).await?;
    let db_subnet_group = if spec.databases {
        let subnets = subnets.iter().map(|s| s.id.clone()).collect();
        let what = Create::DbSubnetGroup { name: name("db-subnets"), subnets };
        Some(one(base, waiter, place, "db-subnets", what).await?)
    } else {
        None
    };
    let buckets = try_join_all(spec.buckets.iter().map(|(bucket, versioned)| async move {
        let slot = format!("bucket-{bucket}");
        let real = bucket_name(provisioner, bucket);
        let what = Create::Bucket { name: real.clone(), versioned: *versioned };
        one(provisioner, waiter, place, &slot, what).await?;
        Ok::<_, ProvisionError>((bucket.clone(), real))
    }));
    let replicas = try_join_all(spec.replicas.iter().map(|replica| {
        let (subnet_group, security_group) =
            (db_subnet_group.clone().unwrap_or_default(), security_group.clone());
        async move {
            let slot = format!("replica-{}", replica.step);
            let what = Create::DbReplica {
                source: replica.source.clone(),
                source_region: replica.source_region.clone(),
                kms_key: replica.kms_key.clone(),
                db: RestoreDb {
                    source: replica.source.clone(),
                    name: provisioner.name(SANDBOX, &slot),
                    class: replica.class.clone(),
                    subnet_group,
                    security_groups: vec![security_group],
                    parameter_group: replica.parameter_group.clone(),
                    option_group: None,
                    multi_az: false,
                    az: None,
                    port: None,
                    size: replica.size,
                    engine: None,
                },
            };
            Ok::<_, ProvisionError>((
                replica.step.clone(),
                one(provisioner, waiter, place, &slot, what).await?,
            ))
        }
    }));
    let vaults = try_join_all(spec.vaults.iter().map(|(key, admits)| async move {
        let short: String = sha256(key).chars().take(8).collect();
        let slot = if key.is_empty() { "vault".to_owned() } else { format!("vault-{short}") };
        let what = Create::Vault {
            name: provisioner.name(SANDBOX, &slot),
            kms_key: Some(key.clone()).filter(|key| !key.is_empty()),
            admits: admits.iter().cloned().collect(),
        };
        Ok::<_, ProvisionError>((key.clone(), one(provisioner, waiter, place, &slot, what).await?))
    }));
    let network = Network { vpc: &vpc, zones: &zones };
    let probe = async {
        match of_probe {
            Some((probe, range)) => make_probe(base, waiter, spec, probe, &network, range).await.map(Some),
            None => Ok(None),
        }
    };
    let watch = async {
        match &spec.names {
            Some(rules) => watch_names(provisioner, waiter, place, &vpc, rules).await.map(Some),
            None => Ok(None),
        }
    };
    let answered = try_join_all(spec.answered.iter().map(|domain| {
        let slot = format!("zone-{domain}");
        let (name, domain, vpc) = (provisioner.name(SANDBOX, &slot), domain.clone(), vpc.clone());
        async move {
            let what = Create::Zone { name, vpc, domain: domain.clone() };
            Ok::<_, ProvisionError>((domain, one(provisioner, waiter, place, &slot, what).await?))
        }
    }));
    let (buckets, replicas, vaults, probe, watch, answered) =
        tokio::try_join!(buckets, replicas, vaults, probe, watch, answered)?;
    Ok(Ready {
        place: place.clone(),
        cidr: spec.cidr.clone(),
        vpc,
        subnets,
        security_group,
        db_subnet_group,
        buckets: buckets.into_iter().collect(),
        replicas: replicas.into_iter().collect(),
        vaults: vaults.into_iter().collect(),
        probe,
        standing: standing.map(|standing| standing.created()).unwrap_or_default(),
        watch,
        zones: answered.into_iter().collect(),
    })
}

/// Closes the resolver of the network, and has it log what it is asked. The log goes into a bucket of
/// its own, which goes with everything else.
async fn watch_names(
    provisioner: &Rc<Provisioner>,
    waiter: &Rc<Waiter>,
    place: &Place,
    vpc: &str,
    rules: &NameRules,
) -> Result<NamesWatch, ProvisionError> {
    let name = |slot: &str| provisioner.name(SANDBOX, slot);
    let list = async |slot: &str, domains: &[String]| {
        let what = Create::DomainList { name: name(slot), domains: domains.to_vec() };
        one(provisioner, waiter, place, slot, what).await
    };
    let log = async {
        let bucket = bucket_name(provisioner, "names-log");
        let what = Create::Bucket { name: bucket.clone(), versioned: false };
        one(provisioner, waiter, place, "names-log", what).await?;
        let what = Create::QueryLog { name: name("names-log"), vpc: vpc.to_owned(), bucket: bucket.clone() };
        one(provisioner, waiter, place, "query-log", what).await?;
        Ok::<_, ProvisionError>(bucket)
    };
    let group = async {
        let mut in_order = Vec::new();
        if !rules.refuse.is_empty() {
            in_order.push(NameRule { list: list("names-refused", &rules.refuse).await?, blocks: true });
        }
        in_order.push(NameRule { list: list("names-allowed", &rules.allow).await?, blocks: false });
        in_order.push(NameRule { list: list("names-others", &["*".to_owned()]).await?, blocks: true });
        let what = Create::RuleGroup { name: name("names"), vpc: vpc.to_owned(), rules: in_order };
        one(provisioner, waiter, place, "names", what).await
    };
    let (bucket, rule_group) = tokio::try_join!(log, group)?;
    Ok(NamesWatch { rule_group, bucket })
}

/// The range of the probe's subnet, in a sandbox with subnets in so many zones.
pub fn probe_range(cidr: &str, zones: usize) -> Option<Ipv4Net> {
    subnet_ranges(cidr, zones + 1).ok()?.pop()?.parse().ok()
}

/// The slots of the VPC and of its subnets.
pub const VPC: &str = "vpc";

pub fn subnet_slot(index: usize) -> String {
    format!("subnet-{index}")
}

/// What the probe is put into.
struct Network<'a> {
    vpc: &'a str,
    zones: &'a [Zone],
}

/// Creates the probe in a subnet and a group of its own.
async fn make_probe(
    provisioner: &Rc<Provisioner>,
    waiter: &Rc<Waiter>,
    spec: &SandboxSpec,
    probe: &ProbeSpec,
    network: &Network<'_>,
    cidr: String,
) -> Result<String, ProvisionError> {
    let place = &spec.place;
    let name = |slot: &str| provisioner.name(SANDBOX, slot);
    let vpc = network.vpc.to_owned();
    let az = network.zones.first().map(|zone| zone.id.clone()).ok_or_else(|| {
        CloudError::new(ErrorKind::Invalid, "ec2:CreateSubnet", "the sandbox has no zone for the probe")
    })?;
    let group = Create::SecurityGroup {
        vpc: vpc.clone(),
        vpc_cidr: spec.cidr.clone(),
        name: name("probe-sg"),
        only_out: true,
    };
    let subnet = Create::Subnet { vpc, cidr, az: az.clone(), name: name("probe-subnet") };
    let (subnet, group) = tokio::try_join!(
        one(provisioner, waiter, place, "probe-subnet", subnet),
        one(provisioner, waiter, place, "probe-sg", group)
    )?;
    let what = Create::Function(CreateFunction {
        name: name("probe"),
        role: probe.role.clone(),
        subnet: SubnetRef { id: subnet, az },
        group,
        architecture: probe.architecture,
        sha256: probe.sha256.clone(),
    });
    let id = one(provisioner, waiter, place, "probe", what).await?;
    // One that stood already answers every check, and gets the secrets of their questions.
    if provisioner.part(SANDBOX, "probe").is_some() {
        let seen = waiter.wait(place, Kind::Function, &id, Until::Ready).await?;
        let is = |key: &str, wanted: &str| {
            seen.attributes.get(key).and_then(serde_json::Value::as_str).is_some_and(|found| found == wanted)
        };
        if !is("code_sha256", &probe.sha256) || !is("role", &probe.role) {
            let said = "the probe of the standing sandbox has another program or role than this drill's";
            return Err(CloudError::new(ErrorKind::Invalid, "lambda:GetFunction", said)
                .help("make the sandbox anew: `drillmaster sandbox down`, then `up`")
                .into());
        }
    }
    Ok(id)
}

/// The real name of a bucket. Bucket names are global, so the run makes it unique.
fn bucket_name(provisioner: &Provisioner, bucket: &str) -> String {
    provisioner.name(SANDBOX, bucket)
}

/// Creates one resource and waits until it is ready.
pub(super) async fn one(
    provisioner: &Rc<Provisioner>,
    waiter: &Rc<Waiter>,
    place: &Place,
    slot: &str,
    what: Create,
) -> Result<String, ProvisionError> {
    let (call, kind) = (what.call(), what.kind());
    let created = provisioner.create(place, SANDBOX, 1, slot, what).await?;
    let Some(resource) = created.resources.into_iter().find(|r| r.kind == kind) else {
        return Err(
            CloudError::new(ErrorKind::Server, call, "the answer names nothing that was created").into()
        );
    };
    let seen = waiter.wait(place, kind, &resource.id, Until::Ready).await?;
    match seen.state {
        State::Ready => Ok(resource.id),
        State::Failed(why) => {
            Err(CloudError::new(ErrorKind::Server, call, format!("it came up as {why}")).into())
        }
        State::Gone | State::Pending(_) => {
            Err(CloudError::new(ErrorKind::NotFound, call, "it was created, and is not there").into())
        }
    }
}

/// Where the sandbox lies.
pub struct ZoneChoice {
    /// The zones that it takes. An error: too few offer all that the plan launches.
    pub zones: Result<Vec<Zone>, CloudError>,
    /// The zones of the region that offer each wish. `None`: that could not be looked up.
    pub offers: Option<Offers>,
}

/// Chooses the zones of the sandbox.
///
/// `tell` hears that the offers could not be looked up. The drill goes on without them: if a zone
/// does not offer a type, its launch fails later, and the finding says why this was not known.
///
/// # Errors
/// If the region has too few zones, or they cannot be listed.
pub async fn choose_zones(
    cloud: &dyn Cloud,
    spec: &SandboxSpec,
    loss: &Loss,
    tell: &dyn Fn(Finding),
) -> Result<ZoneChoice, CloudError> {
    let place = &spec.place;
    let zones = surviving_zones(cloud.zones(place).await?, loss, spec)?;
    let offers = match cloud.offers(place, &spec.wishes).await {
        Ok(offers) => Some(offers),
        Err(error) => {
            tell(Finding::new(
                Rule::ZonesNotChecked,
                format!("{} {}", place.account, place.region),
                format!("which zones offer what the plan launches could not be looked up: {error}"),
                "allow ec2:DescribeInstanceTypeOfferings and rds:DescribeOrderableDBInstanceOptions, or choose zones with `sandbox.network.zones`",
            ));
            None
        }
    };
    let none = Offers::new();
    let zones = offering_zones(zones, offers.as_ref().unwrap_or(&none), spec);
    Ok(ZoneChoice { zones, offers })
}

/// The surviving zones, sorted by id. If the playbook chooses zones, only those.
fn surviving_zones(mut zones: Vec<Zone>, loss: &Loss, spec: &SandboxSpec) -> Result<Vec<Zone>, CloudError> {
    const CALL: &str = "ec2:DescribeAvailabilityZones";
    let region = &spec.place.region;
    // Local Zones and Wavelength Zones are listed too.
    zones.retain(|zone| zone.id.is_availability_zone());
    if let Some(missing) = spec.zones.iter().find(|id| !zones.iter().any(|zone| zone.id == **id)) {
        let known: Vec<&str> = zones.iter().map(|zone| zone.id.as_str()).collect();
        return Err(CloudError::new(
            ErrorKind::Invalid,
            CALL,
            format!("there is no availability zone {missing} in {region}"),
        )
        .help(format!("name some of {} in `sandbox.network.zones`", known.join(", "))));
    }
    zones.retain(|zone| {
        loss.az() != Some(&zone.id) && (spec.zones.is_empty() || spec.zones.contains(&zone.id))
    });
    zones.sort_by(|a, b| a.id.cmp(&b.id));
    if zones.len() < spec.azs as usize {
        return Err(CloudError::new(
            ErrorKind::Invalid,
            CALL,
            format!("{region} has {} surviving zones, and the sandbox asks for {}", zones.len(), spec.azs),
        )
        .help("lower `sandbox.network.azs`, or choose another region for the sandbox"));
    }
    Ok(zones)
}

/// The first zones that offer all wishes. Every zone must, since instances are spread over them in
/// turn.
fn offering_zones(
    mut zones: Vec<Zone>,
    offers: &Offers,
    spec: &SandboxSpec,
) -> Result<Vec<Zone>, CloudError> {
    zones.retain(|zone| offers.values().all(|ids| ids.contains(&zone.id)));
    if zones.len() < spec.azs as usize {
        let said = offers.iter().map(|(what, ids)| {
            let ids: Vec<&str> = ids.iter().map(AzId::as_str).collect();
            format!("{what} in {}", if ids.is_empty() { "none".to_owned() } else { ids.join(", ") })
        });
        return Err(CloudError::new(
            ErrorKind::Invalid,
            "ec2:DescribeInstanceTypeOfferings",
            format!(
                "the sandbox wants {} zones of {} that offer all that the plan launches, and {} of those that may be used do: {}",
                spec.azs,
                spec.place.region,
                zones.len(),
                said.collect::<Vec<_>>().join("; ")
            ),
        )
        .help("lower `sandbox.network.azs`, name other `zones` there, or launch types that more zones offer"));
    }
    zones.truncate(spec.azs as usize);
    Ok(zones)
}

/// Equal parts of the range, one for each subnet. A /16 in two zones gives two /20, the largest
/// part allowed.
fn subnet_ranges(cidr: &str, count: usize) -> Result<Vec<String>, CloudError> {
    let bad = |why: &str| CloudError::new(ErrorKind::Invalid, "ec2:CreateSubnet", format!("`{cidr}` {why}"));
    let range: Ipv4Net = cidr.parse().map_err(|_| bad("is not a range like 10.66.0.0/16"))?;
    let doublings = count.next_power_of_two().ilog2();
    let part = u8::try_from(u32::from(range.prefix_len()) + doublings).unwrap_or(u8::MAX).max(20);
    if range.prefix_len() > 26 || part > 28 {
        return Err(bad("is too small for that many subnets"));
    }
    let parts = range.subnets(part).map_err(|_| bad("is too small for that many subnets"))?;
    Ok(parts.take(count).map(|part| part.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_equal_parts() {
        assert_eq!(subnet_ranges("10.66.0.0/16", 2).unwrap(), ["10.66.0.0/20", "10.66.16.0/20"]);
        assert_eq!(
            subnet_ranges("10.66.0.0/24", 3).unwrap(),
            ["10.66.0.0/26", "10.66.0.64/26", "10.66.0.128/26"]
        );
        assert!(subnet_ranges("10.66.0.0/27", 1).is_err());
        assert!(subnet_ranges("10.66.0.0/26", 6).is_err());
    }
}
