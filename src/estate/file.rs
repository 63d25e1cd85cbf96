//! The schema of an estate's YAML file.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bucket::{self, StorageClass};
use super::locus::Locus;
use super::loss::Loss;
use super::point::{PointKind, RecoveryPoint, key_locus};
use super::resource::{Resource, ResourceId};
use super::scope::{self, Scope};
use super::series;
use base::duration::{Size, Span, Time, When};
use base::ids::{AccountId, AzId, Region};
use base::rung::RungHealth;

/// An estate: the resources of production, their recovery points, and the behaviour of the twin.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EstateFile {
    /// Account ids (texts of 12 digits), and their names.
    #[schemars(extend("propertyNames" = { "type": "string", "format": "account-id" }))]
    pub accounts: BTreeMap<AccountId, AccountEntry>,
    /// The regions, and the ids of their availability zones.
    #[schemars(extend("propertyNames" = { "type": "string", "format": "region" }))]
    pub regions: BTreeMap<Region, RegionEntry>,
    #[serde(default)]
    pub resources: Vec<ResourceEntry>,
    #[serde(default)]
    pub recovery_points: Vec<PointEntry>,
    /// What `discover` could not read. Nothing is known of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Incomplete>,
    /// How long each action takes on the twin. Overrides the built-in calibration.
    #[serde(default)]
    pub timings: IndexMap<String, Timing>,
    /// How restored resources answer the checks, by the id of the check.
    #[serde(default)]
    pub probes: IndexMap<String, Probe>,
    /// The faults to rehearse.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// The names that restored machines look up. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookups: Option<Vec<LookupEntry>>,
}

/// A name that a restored machine looks up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupEntry {
    /// The step that launches the machine.
    pub machine: String,
    /// The name, such as `sqs.us-east-1.amazonaws.com`.
    pub name: String,
    /// How often it is looked up. Default: 1.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    #[schemars(range(min = 1))]
    pub count: u64,
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_once(count: &u64) -> bool {
    *count == once()
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountEntry {
    pub name: String,
    /// The provider that the account is with, if it is not AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whether the root user has access keys. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_access_keys: Option<bool>,
    /// The quotas of the account, by region: how much it may have, whatever is used. Absent: nobody
    /// knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("propertyNames" = { "type": "string", "format": "region" }))]
    pub quotas: BTreeMap<Region, Limits>,
}

impl AccountEntry {
    /// An account of which nothing else is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), provider: None, root_access_keys: None, quotas: BTreeMap::new() }
    }

    /// An account that an entry names, and that was not read. No sandbox may be put there.
    pub fn unread(id: &AccountId) -> Self {
        Self::named(format!("unread-{id}"))
    }

    pub fn is_unread(&self, id: &AccountId) -> bool {
        self.name == Self::unread(id).name
    }
}

#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionEntry {
    /// The ids (not the names) of the region's zones: `use1-az1`. Local Zones and Wavelength Zones
    /// may stand here for resources in them. No sandbox uses them.
    pub azs: Vec<AzId>,
    /// The DB instance classes that the region offers. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_classes: Option<Vec<String>>,
    /// The instance types that the region offers. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_types: Option<Vec<String>>,
    /// The KMS keys that the sandbox's account may use in the region: ids, aliases (`alias/drill`)
    /// or ARNs. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_keys: Option<Vec<String>>,
    /// The parameter groups of DB instances and clusters that the sandbox's account has in the
    /// region, besides the engines' own (`default.postgres17`). Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_parameter_groups: Option<Vec<String>>,
    /// The option groups that the sandbox's account has in the region, besides the engines' own.
    /// Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_option_groups: Option<Vec<String>>,
    /// The quotas of the sandbox's account in the region, less what is used. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
}

/// How much the sandbox's account may still create in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// DB instances. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_instances: Option<u32>,
    /// EC2 instances. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// Elastic IP addresses. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<u32>,
    /// GiB of EBS volumes. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_gib: Option<u64>,
    /// Copies of snapshots and images that may go on at once. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_copies: Option<u32>,
}

/// How much an account may have in a region, whatever is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// DB instances. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_instances: Option<u64>,
    /// DB clusters. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_clusters: Option<u64>,
    /// vCPUs of running On-Demand instances of the standard families. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<u64>,
    /// Elastic IP addresses. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<u64>,
    /// VPCs. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpcs: Option<u64>,
    /// TiB of EBS volumes of the type gp3. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gp3_tib: Option<u64>,
}

impl Limits {
    /// Each quota with its key and its name for people.
    pub fn all(&self) -> [(&'static str, &'static str, Option<u64>); 6] {
        [
            ("db_instances", "DB instances", self.db_instances),
            ("db_clusters", "DB clusters", self.db_clusters),
            ("vcpus", "vCPUs", self.vcpus),
            ("addresses", "addresses", self.addresses),
            ("vpcs", "VPCs", self.vpcs),
            ("gp3_tib", "TiB of gp3 volumes", self.gp3_tib),
        ]
    }
}

/// What an estate knows of something that a step names and that must exist in the sandbox's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    Exists,
    Missing,
    /// The estate does not say what exists.
    NobodyKnows,
}

/// Something that a step names and that no step makes.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// The argument of the step.
    pub argument: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// The key of the region that lists what exists.
    pub listed_in: &'static str,
    list: fn(&RegionEntry) -> Option<&Vec<String>>,
}

/// All of them.
pub const NAMED: [Named; 3] = [
    Named {
        argument: "kms_key",
        what: "KMS key",
        listed_in: "kms_keys",
        list: |region| region.kms_keys.as_ref(),
    },
    Named {
        argument: "parameter_group",
        what: "parameter group",
        listed_in: "db_parameter_groups",
        list: |region| region.db_parameter_groups.as_ref(),
    },
    Named {
        argument: "option_group",
        what: "option group",
        listed_in: "db_option_groups",
        list: |region| region.db_option_groups.as_ref(),
    },
];

impl Named {
    pub fn existence(&self, region: Option<&RegionEntry>, name: &str) -> Existence {
        // RDS makes the default groups of an engine itself.
        let is_default = name.starts_with("default.") || name.starts_with("default:");
        if self.argument != "kms_key" && is_default {
            return Existence::Exists;
        }
        match region.and_then(self.list) {
            None => Existence::NobodyKnows,
            Some(list) if list.iter().any(|known| is_named(known, name)) => Existence::Exists,
            Some(_) => Existence::Missing,
        }
    }

    /// The names that the estate lists.
    pub fn known(self, region: Option<&RegionEntry>) -> &[String] {
        region.and_then(self.list).map_or(&[], Vec::as_slice)
    }
}

/// Whether two names mean one thing: a key has an id, an alias and ARNs of both.
fn is_named(known: &str, name: &str) -> bool {
    let bare = |text: &str| -> String {
        let last = text.splitn(6, ':').nth(5).filter(|_| text.starts_with("arn:")).unwrap_or(text);
        last.strip_prefix("key/").unwrap_or(last).to_owned()
    };
    let both_arns = known.starts_with("arn:") && name.starts_with("arn:");
    if both_arns { known == name } else { bare(known) == bare(name) }
}

/// A resource of production.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceEntry {
    pub id: ResourceId,
    pub account: AccountId,
    /// Absent for a global resource (IAM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The id of the availability zone, for a zonal resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub az: Option<AzId>,
    /// A resource with a standby in another zone. It survives the loss of one zone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_az: bool,
    /// How far the resource reaches. For types that the program does not know, and only for these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub size: Size,
    /// The number of objects in a bucket.
    #[serde(default, skip_serializing_if = "is_default")]
    pub objects: u64,
    /// The engine of a database, as RDS names it: `postgres`, `mysql`, `aurora-postgresql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The host names and IP addresses that production reaches it by. A check that asks one of them
    /// proves nothing, and is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The storage class of a bucket's objects. `ONEZONE_IA` and `EXPRESS_ONEZONE` lie in one zone
    /// and are lost with it. Without `az` that may be any zone of the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<StorageClass>,
    /// The copies that the service itself keeps in step: replicas of a global table, a secret or a
    /// multi-Region key, secondary regions of a global database, a repository's replication.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<ReplicaEntry>,
    /// What backs it up, such as the names of backup plans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_by: Vec<String>,
    /// The CloudFormation stack that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The ARN of the KMS key that encrypts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The instance type, or the class of a database, node or domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The names of the environment variables of a function or task definition. Never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_names: Vec<String>,
    /// The regions and accounts that its configuration names (user data, environment, template).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// The longest time to live of a DNS record, or of the records of a hosted zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_ttl: Option<Span>,
    /// When each active access key of an IAM user was made. Never the keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_keys_made: Vec<When>,
    /// Whether a stack still is what its template says. Absent: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// When `drift` was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_checked: Option<When>,
    /// The parameter group of a DB instance or cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<String>,
    /// The option group of a DB instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option_group: Option<String>,
}

/// Whether a stack still is what its template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    InSync,
    Drifted,
    /// Nobody looked, or CloudFormation could not tell.
    NotChecked,
}

/// A copy that the service itself keeps in step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicaEntry {
    pub region: Region,
    /// Default: the account of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The id of its zone, for a zonal type. Without it, a replica in the region of a lost zone may
    /// be lost with that zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub az: Option<AzId>,
    /// How far it is behind. Absent: unknown, and so is the RPO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Span>,
}

/// A recovery point. Its own account can use it, and so can the accounts in `shared_with`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointEntry {
    /// The resource that it restores.
    pub of: ResourceId,
    pub kind: PointKind,
    pub id: String,
    pub account: AccountId,
    pub region: Region,
    /// The consistency time: the data are as they were then. If absent, the age is unknown, and so
    /// is any RPO measured with this point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<When>,
    /// When the point became usable, that is when its copy was complete. Default: `taken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usable: Option<When>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub size: Size,
    /// The number of objects in a bucket.
    #[serde(default, skip_serializing_if = "is_default")]
    pub objects: u64,
    /// Objects that are written to the bucket after T0, in addition to `objects`. No restore may
    /// count them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late_objects: u64,
    /// How far back a database's log reaches: the retention of its automated backups, for
    /// `rds_pitr`. RDS keeps 35 days at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Span>,
    /// The engine of a database, as RDS names it. Default: that of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<AccountId>,
    /// Whether it is encrypted with an AWS managed key. No other account can be given such a key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed_key: bool,
    /// Whether it is encrypted. RDS does not restore a snapshot that is both shared and encrypted:
    /// copy it first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// The ARN of the KMS key that encrypts it. If the key's account or region is lost, the point
    /// is lost too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// The storage class of a bucket's objects. Those of a one-zone class are lost with any zone of
    /// the region: AWS does not say which zone holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<StorageClass>,
    /// The backup vault of a `backup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Whether nobody can delete it before its time: a locked vault, or object lock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vault_locked: bool,
    /// How long after it was written each object stays locked, where the lock does not last: object
    /// lock with a default retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_for: Option<Span>,
    /// What else keeps production's principals from deleting it. Absent: nothing, as far as anybody
    /// knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<DeletionGuard>,
    /// When the lock of its vault becomes one that nobody can take off, for `cooling_off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locks_on: Option<When>,
    /// What a malware scan said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scan>,
    /// Whether a `backup` lies in cold storage. Its restore takes hours longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cold: bool,
    /// A series instead of one point: one is taken each time that this has passed. With `keep`.
    /// Without `taken` the newest one is `every` old, which is the oldest that it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// How long each point of a series is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Span>,
    /// How long after it was taken each point of a series becomes usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Span>,
}

/// What keeps production's principals from deleting a recovery point, where no lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletionGuard {
    /// A policy of its vault or bucket denies it to everybody, and denies changes of the policy too.
    Policy,
    /// MFA delete: only the root user with its device deletes a version.
    Mfa,
    /// A lock that a principal with the right permission takes off.
    Governance,
    /// A lock that can still be taken off, until `locks_on`.
    CoolingOff,
    /// A policy denies it in some cases. Nobody can tell whether in all.
    Unknown,
}

/// Whether a key can be left out.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a malware scan said of a recovery point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    Clean,
    Infected,
    Unknown,
}

impl PointEntry {
    /// The consistency time of the point, or of the newest one of a series. `None`: unknown.
    pub fn newest(&self, t0: Time) -> Option<Time> {
        match series::of(self) {
            Some(series) => series.times(t0).next().map(series::PointTime::taken),
            None => self.taken.map(|when| when.resolve(t0)),
        }
    }

    /// The key that encrypts the point, if the key is lost and the place of the point is not.
    pub fn lost_key(&self, loss: &Loss) -> Option<&str> {
        let key = self.kms_key.as_deref()?;
        let lost = loss.takes(&key_locus(key)?, Scope::Regional);
        (lost && self.place_survives(loss)).then_some(key)
    }

    /// Whether the place of the point survives. The key that encrypts it is another matter.
    pub fn place_survives(&self, loss: &Loss) -> bool {
        let locus =
            Locus { account: Some(self.account.clone()), region: Some(self.region.clone()), az: None };
        if let (Loss::Az(lost), "s3:bucket") = (loss, self.kind.resource_kind()) {
            let one_zone = self.storage_class.is_some_and(StorageClass::is_one_zone);
            return !bucket::dies_with(lost, &self.id, Some(&self.region), None, one_zone);
        }
        !loss.takes(&locus, Scope::Regional)
    }
}

/// A part of the estate that `discover` could not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incomplete {
    pub account: AccountId,
    /// Absent for global services, and for an account of which nothing could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The service, as `discover --services` names it, or a type that `discover` never reads, such as
    /// `fsx:file-system`. Absent: all of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    pub why: String,
}

/// How long an action takes on the twin: `base + per_gib × size`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    #[serde(default)]
    pub base: Span,
    /// The additional time for each GiB that is restored or copied.
    #[serde(default)]
    pub per_gib: Span,
    /// The standard deviation as a share of the mean (log-normal). Used only with `--seed`.
    #[serde(default)]
    pub spread: f64,
}

/// How a restored resource answers a check. What a check expects and no key answers is assumed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The time from the check's needs being ready until the first healthy answer. Default: 0s.
    #[serde(default)]
    pub healthy_after: Span,
    /// The answer: a number, a text, or a time relative to T0 (`-2h3m`). For `http` a number from
    /// 100 to 599 is the status, and anything else the body; for `s3` the number of objects; for
    /// `state` the status; for `dynamodb` the value of the attribute, or without `attribute` the
    /// number of items; for `redis` the value of the key, or without `key` the number of keys; for `dns` the records, as a list or joined with `, `. For the step of a
    /// `command.run`: what it prints.
    #[serde(default)]
    pub value: Option<serde_json::Value>,
    /// The status of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// Headers of an HTTP answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How long one answer takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Span>,
    /// The number of objects that an `s3` check finds, or of items that a `dynamodb` check finds.
    /// Default for `s3`: what the estate says of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The size of these objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Size>,
    /// What each rung of a `data` check tells: `healthy`, `unhealthy` or `unknown`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rungs: BTreeMap<String, RungHealth>,
    /// The rows that a `data` check counts, by table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, u64>,
    /// The exit code of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// After being healthy for this long, it fails once more, for `down_for`.
    #[serde(default)]
    pub flaps_after: Option<Span>,
    /// How long that failure lasts. Default: 5 s.
    #[serde(default)]
    pub down_for: Option<Span>,
    /// It never becomes healthy.
    #[serde(default)]
    pub never: bool,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The step whose calls have the fault.
    ///
    /// For `will_not_delete`, the step whose resource stays. For `sandbox_open`, the step that
    /// opens the sandbox. If `sandbox_open` has no step, the sandbox is open from the beginning.
    #[serde(default)]
    pub step: Option<String>,
    /// The attempt that has the fault, counted from 1. Absent: every attempt.
    #[serde(default)]
    pub attempt: Option<u32>,
    pub error: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The call is refused at once: too many requests.
    Throttled,
    /// The call is answered with a server error. Nothing was done.
    ServerError,
    /// The call takes effect, but its answer never arrives.
    LostAnswer,
    /// The operation starts, but never completes.
    NeverCompletes,
    /// The resource comes up, but reports itself failed.
    ComesUpUnhealthy,
    /// Teardown cannot delete the resource that the step created.
    WillNotDelete,
    /// The sandbox's network has a way out.
    SandboxOpen,
}

impl FaultKind {
    pub const ALL: [Self; 7] = [
        Self::Throttled,
        Self::ServerError,
        Self::LostAnswer,
        Self::NeverCompletes,
        Self::ComesUpUnhealthy,
        Self::WillNotDelete,
        Self::SandboxOpen,
    ];

    /// Its name in an estate.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::ServerError => "server_error",
            Self::LostAnswer => "lost_answer",
            Self::NeverCompletes => "never_completes",
            Self::ComesUpUnhealthy => "comes_up_unhealthy",
            Self::WillNotDelete => "will_not_delete",
            Self::SandboxOpen => "sandbox_open",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether a call with this fault is refused at once, with nothing done.
    pub fn is_a_refusal(self) -> bool {
        match self {
            Self::Throttled | Self::ServerError => true,
            Self::LostAnswer
            | Self::NeverCompletes
            | Self::ComesUpUnhealthy
            | Self::WillNotDelete
            | Self::SandboxOpen => false,
        }
    }

    /// Whether the fault affects calls that create, copy or compare.
    pub fn meets_calls(self) -> bool {
        match self {
            Self::Throttled
            | Self::ServerError
            | Self::LostAnswer
            | Self::NeverCompletes
            | Self::ComesUpUnhealthy => true,
            Self::WillNotDelete | Self::SandboxOpen => false,
        }
    }
}

impl ResourceEntry {
    /// The scope of this resource. An unknown scope is taken for zonal, so that it is asked for.
    pub fn scope(&self) -> Scope {
        let Some(row) = scope::row_of(&self.id.kind) else { return self.scope.unwrap_or(Scope::Zonal) };
        row.scope_of(self.multi_az, self.az.is_some())
    }
}

impl EstateFile {
    pub fn resources(&self) -> Vec<Resource> {
        self.resources
            .iter()
            .map(|entry| Resource {
                id: entry.id.clone(),
                locus: Locus {
                    account: Some(entry.account.clone()),
                    region: entry.region.clone(),
                    // The name of a directory bucket says its zone.
                    az: entry.az.clone().or_else(|| {
                        (entry.id.kind == "s3:bucket").then(|| bucket::zone(&entry.id.name)).flatten()
                    }),
                },
                scope: entry.scope(),
                size: entry.size,
                objects: entry.objects,
                one_zone: entry.storage_class.is_some_and(StorageClass::is_one_zone),
                tags: entry.tags.clone(),
            })
            .collect()
    }

    /// The engines of the databases, as far as the estate gives them.
    pub fn engines(&self) -> BTreeMap<&ResourceId, &str> {
        let points = self.recovery_points.iter().map(|p| (&p.of, &p.engine));
        let resources = self.resources.iter().map(|r| (&r.id, &r.engine));
        points.chain(resources).filter_map(|(id, engine)| Some((id, engine.as_deref()?))).collect()
    }

    /// The sizes of the buckets, taken from their recovery points or from the resources, as far as the
    /// estate gives them.
    pub fn bucket_sizes(&self) -> HashMap<&str, Size> {
        let points = self.recovery_points.iter().filter(|p| p.kind.resource_kind() == "s3:bucket");
        let points = points.map(|p| (p.id.as_str(), p.size));
        let resources = self.resources.iter().filter(|r| r.id.kind == "s3:bucket");
        let resources = resources.map(|r| (r.id.name.as_str(), r.size));
        let mut sizes = HashMap::new();
        for (name, size) in points.chain(resources).filter(|(_, size)| *size != Size(0)) {
            sizes.entry(name).or_insert(size);
        }
        sizes
    }

    /// The recovery points, with times relative to T0 made absolute and series spelt out.
    pub fn recovery_points(&self, t0: Time) -> Vec<RecoveryPoint> {
        let engines = self.engines();
        let mut points = Vec::with_capacity(self.recovery_points.len());
        for entry in &self.recovery_points {
            let engine = entry.engine.clone().or_else(|| engines.get(&entry.of).map(|&e| e.to_owned()));
            points.extend(entry.points(t0).map(|point| RecoveryPoint { engine: engine.clone(), ..point }));
        }
        points
    }
}

impl PointEntry {
    /// The point at its place, without its times.
    pub fn undated(&self) -> RecoveryPoint {
        RecoveryPoint {
            size: self.size,
            objects: self.objects,
            shared_with: self.shared_with.clone(),
            managed_key: self.managed_key,
            // A key of any kind means encryption, also one that AWS manages.
            encrypted: self.encrypted || self.managed_key || self.kms_key.is_some(),
            kms_key: self.kms_key.clone(),
            one_zone: self.storage_class.is_some_and(StorageClass::is_one_zone),
            infected: self.scan == Some(Scan::Infected),
            clean: self.scan == Some(Scan::Clean),
            cold: self.cold,
            vault: self.vault.clone(),
            ..RecoveryPoint::new(
                self.of.clone(),
                self.kind,
                &self.id,
                self.account.clone(),
                self.region.clone(),
            )
        }
    }

    /// The point, or those of the series, the newest first.
    pub fn points(&self, t0: Time) -> impl Iterator<Item = RecoveryPoint> + '_ {
        let series = series::of(self);
        let one = series.is_none().then(|| self.point(t0));
        let times = series.into_iter().flat_map(move |series| series.times(t0));
        one.into_iter().chain(times.map(|time| series::point(self, time)))
    }

    fn point(&self, t0: Time) -> RecoveryPoint {
        RecoveryPoint {
            taken: self.taken.map(|when| when.resolve(t0)),
            usable: self.usable.or(self.taken).map(|when| when.resolve(t0)),
            earliest: self
                .taken
                .zip(self.retention)
                .and_then(|(latest, retention)| latest.resolve(t0).checked_sub_signed(retention.delta())),
            ..self.undated()
        }
    }
}
