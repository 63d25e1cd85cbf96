//! The typed requests and answers of the port.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Place;
use base::duration::{Size, Time};
use base::ids::{AccountId, AzId, Region, RunId};
use estate::{PointKind, Selector};

/// The kinds of resources that a drill creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Vpc,
    Subnet,
    SecurityGroup,
    DbSubnetGroup,
    Bucket,
    /// An EBS snapshot.
    Snapshot,
    Image,
    Volume,
    Instance,
    KeyPair,
    Address,
    DbInstance,
    DbCluster,
    DbSnapshot,
    DbClusterSnapshot,
    Stack,
}

impl Kind {
    pub const ALL: [Self; 16] = [
        Self::Vpc,
        Self::Subnet,
        Self::SecurityGroup,
        Self::DbSubnetGroup,
        Self::Bucket,
        Self::Snapshot,
        Self::Image,
        Self::Volume,
        Self::Instance,
        Self::KeyPair,
        Self::Address,
        Self::DbInstance,
        Self::DbCluster,
        Self::DbSnapshot,
        Self::DbClusterSnapshot,
        Self::Stack,
    ];

    /// `ec2:instance`: the estate's name of the kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vpc => "ec2:vpc",
            Self::Subnet => "ec2:subnet",
            Self::SecurityGroup => "ec2:security-group",
            Self::DbSubnetGroup => "rds:subnet-group",
            Self::Bucket => "s3:bucket",
            Self::Snapshot => "ec2:snapshot",
            Self::Image => "ec2:image",
            Self::Volume => "ec2:volume",
            Self::Instance => "ec2:instance",
            Self::KeyPair => "ec2:key-pair",
            Self::Address => "ec2:address",
            Self::DbInstance => "rds:db",
            Self::DbCluster => "rds:cluster",
            Self::DbSnapshot => "rds:snapshot",
            Self::DbClusterSnapshot => "rds:cluster-snapshot",
            Self::Stack => "cloudformation:stack",
        }
    }
}

/// A resource that exists in the cloud: what teardown is told to remove.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceRef {
    pub kind: Kind,
    /// The cloud's own id: `i-…`, `vpc-…`, a DB instance's identifier, a bucket's name, a stack's id.
    pub id: String,
    pub account: AccountId,
    pub region: Region,
}

impl ResourceRef {
    pub fn place(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone() }
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({} {})", self.kind.name(), self.id, self.account, self.region)
    }
}

/// What is to be created. Names are chosen by the caller, so that a crash can be probed by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Create {
    Vpc {
        cidr: String,
        name: String,
    },
    /// With no route but the VPC's own, and no public addresses.
    Subnet {
        vpc: String,
        cidr: String,
        az: AzId,
        name: String,
    },
    /// Lets traffic flow within the VPC's range, and nothing out of it (the default egress rule is removed).
    SecurityGroup {
        vpc: String,
        vpc_cidr: String,
        name: String,
    },
    DbSubnetGroup {
        name: String,
        subnets: Vec<String>,
    },
    /// Private (all public access blocked), encrypted.
    Bucket {
        name: String,
    },
    CopySnapshot {
        source: String,
        source_region: Region,
        kms_key: Option<String>,
        name: String,
        size: Size,
    },
    CopyImage {
        source: String,
        source_region: Region,
        kms_key: Option<String>,
        name: String,
        size: Size,
    },
    Volume(CreateVolume),
    Instances(RunInstances),
    AttachVolume {
        volume: String,
        instance: String,
        device: String,
    },
    KeyPair {
        name: String,
        public_key: String,
    },
    Address {
        name: String,
    },
    /// `source` is a snapshot's id in the same account and region, else its ARN.
    CopyDbSnapshot {
        source: String,
        source_region: Region,
        kms_key: Option<String>,
        name: String,
        size: Size,
    },
    CopyDbClusterSnapshot {
        source: String,
        source_region: Region,
        kms_key: Option<String>,
        name: String,
        size: Size,
    },
    Db(RestoreDb),
    DbToTime(RestoreDbToTime),
    /// The cluster alone: Aurora's restore creates no instances.
    DbCluster(RestoreCluster),
    DbClusterInstance {
        cluster: String,
        name: String,
        class: String,
        engine: String,
        index: u32,
    },
    /// A read replica of a production database of another region, made in the sandbox before T0. Within one region a
    /// replica lives in its source's VPC, which is production's.
    DbReplica {
        source: String,
        source_region: Region,
        /// In the sandbox's region: an encrypted source needs one there.
        kms_key: Option<String>,
        db: RestoreDb,
    },
    /// Makes a replica that carries this run's tag a database of its own.
    PromoteReplica {
        db: String,
        size: Size,
    },
    Stack(DeployStack),
}

impl Create {
    /// The action whose timing the twin uses, and whose call this is.
    pub fn timing(&self) -> &'static str {
        match self {
            Self::Vpc { .. }
            | Self::Subnet { .. }
            | Self::SecurityGroup { .. }
            | Self::DbSubnetGroup { .. } => "sandbox.network",
            Self::Bucket { .. } => "sandbox.bucket",
            Self::CopySnapshot { .. } => "ec2.copy_snapshot",
            Self::CopyImage { .. } => "ec2.copy_image",
            Self::Volume(_) => "ec2.restore_volume",
            Self::Instances(_) => "ec2.launch",
            Self::AttachVolume { .. } => "ec2.attach_volume",
            Self::KeyPair { .. } => "ec2.import_key_pair",
            Self::Address { .. } => "ec2.allocate_address",
            Self::CopyDbSnapshot { .. } | Self::CopyDbClusterSnapshot { .. } => "rds.copy_snapshot",
            Self::Db(_) => "rds.restore",
            Self::DbToTime(_) => "rds.restore_to_time",
            Self::DbCluster(_) => "rds.restore_cluster",
            Self::DbClusterInstance { .. } => "rds.cluster_instance",
            Self::DbReplica { .. } => "sandbox.replica",
            Self::PromoteReplica { .. } => "rds.promote_replica",
            Self::Stack(_) => "cloudformation.deploy",
        }
    }

    /// The API call that creates it.
    pub fn call(&self) -> &'static str {
        match self {
            Self::Vpc { .. } => "ec2:CreateVpc",
            Self::Subnet { .. } => "ec2:CreateSubnet",
            Self::SecurityGroup { .. } => "ec2:CreateSecurityGroup",
            Self::DbSubnetGroup { .. } => "rds:CreateDBSubnetGroup",
            Self::Bucket { .. } => "s3:CreateBucket",
            Self::CopySnapshot { .. } => "ec2:CopySnapshot",
            Self::CopyImage { .. } => "ec2:CopyImage",
            Self::Volume(_) => "ec2:CreateVolume",
            Self::Instances(_) => "ec2:RunInstances",
            Self::AttachVolume { .. } => "ec2:AttachVolume",
            Self::KeyPair { .. } => "ec2:ImportKeyPair",
            Self::Address { .. } => "ec2:AllocateAddress",
            Self::CopyDbSnapshot { .. } => "rds:CopyDBSnapshot",
            Self::CopyDbClusterSnapshot { .. } => "rds:CopyDBClusterSnapshot",
            Self::Db(_) => "rds:RestoreDBInstanceFromDBSnapshot",
            Self::DbToTime(_) => "rds:RestoreDBInstanceToPointInTime",
            Self::DbCluster(_) => "rds:RestoreDBClusterFromSnapshot",
            Self::DbClusterInstance { .. } => "rds:CreateDBInstance",
            Self::DbReplica { .. } => "rds:CreateDBInstanceReadReplica",
            Self::PromoteReplica { .. } => "rds:PromoteReadReplica",
            Self::Stack(_) => "cloudformation:CreateStack",
        }
    }

    /// The kind to observe while waiting, or `None` where the call's answer is all there is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Vpc { .. } => Kind::Vpc,
            Self::Subnet { .. } => Kind::Subnet,
            Self::SecurityGroup { .. } => Kind::SecurityGroup,
            Self::DbSubnetGroup { .. } => Kind::DbSubnetGroup,
            Self::Bucket { .. } => Kind::Bucket,
            Self::CopySnapshot { .. } => Kind::Snapshot,
            Self::CopyImage { .. } => Kind::Image,
            Self::Volume(_) | Self::AttachVolume { .. } => Kind::Volume,
            Self::Instances(_) => Kind::Instance,
            Self::KeyPair { .. } => Kind::KeyPair,
            Self::Address { .. } => Kind::Address,
            Self::CopyDbSnapshot { .. } => Kind::DbSnapshot,
            Self::CopyDbClusterSnapshot { .. } => Kind::DbClusterSnapshot,
            Self::Db(_)
            | Self::DbToTime(_)
            | Self::DbClusterInstance { .. }
            | Self::DbReplica { .. }
            | Self::PromoteReplica { .. } => Kind::DbInstance,
            Self::DbCluster(_) => Kind::DbCluster,
            Self::Stack(_) => Kind::Stack,
        }
    }

    /// The size that the twin's timing is multiplied with.
    pub fn size(&self) -> Size {
        match self {
            Self::CopySnapshot { size, .. }
            | Self::CopyImage { size, .. }
            | Self::CopyDbSnapshot { size, .. }
            | Self::CopyDbClusterSnapshot { size, .. }
            | Self::PromoteReplica { size, .. } => *size,
            Self::Volume(v) => v.size,
            Self::DbToTime(to) => to.db.size,
            Self::DbCluster(cluster) => cluster.size,
            Self::Db(db) | Self::DbReplica { db, .. } => db.size,
            _ => Size(0),
        }
    }

    /// The zones that the thing is created in, where the request names any.
    pub fn zones(&self) -> Vec<&AzId> {
        match self {
            Self::Volume(v) => vec![&v.az],
            Self::Instances(i) => i.subnets.iter().map(|s| &s.az).collect(),
            Self::Subnet { az, .. }
            | Self::Db(RestoreDb { az: Some(az), .. })
            | Self::DbToTime(RestoreDbToTime { db: RestoreDb { az: Some(az), .. }, .. })
            | Self::DbReplica { db: RestoreDb { az: Some(az), .. }, .. } => vec![az],
            _ => Vec::new(),
        }
    }

    /// What is there already, and would be changed by the request: it must carry this run's tag.
    pub fn changes(&self, place: &Place) -> Vec<ResourceRef> {
        let of = |kind, id: &str| ResourceRef {
            kind,
            id: id.to_owned(),
            account: place.account.clone(),
            region: place.region.clone(),
        };
        match self {
            Self::AttachVolume { volume, instance, .. } => {
                vec![of(Kind::Volume, volume), of(Kind::Instance, instance)]
            }
            Self::PromoteReplica { db, .. } => vec![of(Kind::DbInstance, db)],
            Self::DbClusterInstance { cluster, .. } => vec![of(Kind::DbCluster, cluster)],
            Self::Subnet { vpc, .. } | Self::SecurityGroup { vpc, .. } => vec![of(Kind::Vpc, vpc)],
            _ => Vec::new(),
        }
    }

    /// The region that the request reads from, besides the one it is sent to.
    pub fn source_region(&self) -> Option<&Region> {
        match self {
            Self::CopySnapshot { source_region, .. }
            | Self::CopyImage { source_region, .. }
            | Self::CopyDbSnapshot { source_region, .. }
            | Self::CopyDbClusterSnapshot { source_region, .. }
            | Self::DbReplica { source_region, .. } => Some(source_region),
            _ => None,
        }
    }

    /// The KMS key that what it creates is to be encrypted with: an ARN, an id or an alias.
    pub fn kms_key(&self) -> Option<&str> {
        match self {
            Self::CopySnapshot { kms_key, .. }
            | Self::CopyImage { kms_key, .. }
            | Self::CopyDbSnapshot { kms_key, .. }
            | Self::CopyDbClusterSnapshot { kms_key, .. }
            | Self::DbReplica { kms_key, .. } => kms_key.as_deref(),
            _ => None,
        }
    }

    /// The recovery point that the request uses: an id or an ARN.
    pub fn source(&self) -> Option<&str> {
        match self {
            Self::CopySnapshot { source, .. }
            | Self::CopyImage { source, .. }
            | Self::CopyDbSnapshot { source, .. }
            | Self::CopyDbClusterSnapshot { source, .. }
            | Self::DbReplica { source, .. } => Some(source),
            Self::Volume(v) => Some(&v.snapshot),
            Self::Instances(i) => Some(&i.image),
            Self::Db(db) => Some(&db.source),
            Self::DbToTime(to) => Some(&to.db.source),
            Self::DbCluster(cluster) => Some(&cluster.snapshot),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateVolume {
    pub snapshot: String,
    pub az: AzId,
    /// `gp3` unless the playbook says otherwise.
    pub volume_type: String,
    pub iops: Option<i32>,
    /// MiB/s.
    pub throughput: Option<i32>,
    /// MiB/s, 100–300: how fast the blocks are loaded from the snapshot; absent: lazily.
    pub initialization_rate: Option<i32>,
    pub name: String,
    pub size: Size,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubnetRef {
    pub id: String,
    pub az: AzId,
}

/// Instances come up without a role, with IMDSv2 required, without a public address, terminating on shutdown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInstances {
    pub image: String,
    pub instance_type: String,
    pub count: u32,
    /// Instances are spread over these in turn.
    pub subnets: Vec<SubnetRef>,
    pub security_groups: Vec<String>,
    pub key_name: Option<String>,
    pub user_data: Option<String>,
    pub name: String,
}

/// A database instance restored from a snapshot, explicit where the API's defaults are a classic drill defect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreDb {
    /// A snapshot's id or ARN; for PITR and replicas the source database's identifier or ARN.
    pub source: String,
    pub name: String,
    /// `None`: as the source.
    pub class: Option<String>,
    pub subnet_group: String,
    pub security_groups: Vec<String>,
    /// `None`: as the source where it is in the same region, else the engine's default.
    pub parameter_group: Option<String>,
    pub option_group: Option<String>,
    pub multi_az: bool,
    /// Only where the playbook pins it.
    pub az: Option<AzId>,
    pub port: Option<i32>,
    pub size: Size,
    /// `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreDbToTime {
    pub db: RestoreDb,
    /// `None`: the latest restorable time.
    pub to: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreCluster {
    pub snapshot: String,
    pub name: String,
    pub engine: String,
    pub engine_version: Option<String>,
    pub subnet_group: String,
    pub security_groups: Vec<String>,
    pub parameter_group: Option<String>,
    pub port: Option<i32>,
    /// What instances of the class `db.serverless` need.
    #[serde(default)]
    pub serverless: Option<Serverless>,
    pub size: Size,
}

/// How far Aurora Serverless v2 scales, in Aurora capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Serverless {
    pub min: f64,
    pub max: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployStack {
    pub name: String,
    /// The template's text.
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub capabilities: Vec<String>,
}

/// What a creating call brought into being.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Created {
    /// To be waited for and torn down: for `Instances` one each; empty for `AttachVolume` and `PromoteReplica`.
    pub resources: Vec<ResourceRef>,
    /// What the answer already tells, for a step's outputs.
    pub outputs: BTreeMap<String, Value>,
    /// PITR: the instant that the API said it restores to.
    pub restored_to: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Under way; the cloud's own word for it.
    Pending(String),
    /// It can be used (an instance: running; its status checks are told apart in `healthy`).
    Ready,
    /// It will not become ready by waiting; the cloud's own words.
    Failed(String),
    Gone,
}

/// The state of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    pub id: String,
    pub state: State,
    /// The cloud's own status checks, where the kind has any.
    pub healthy: Option<bool>,
    /// What the resource tells of itself, for a step's outputs: `endpoint`, `port`, `private_ip`, `az`, `outputs`…
    pub attributes: BTreeMap<String, Value>,
    /// When the state will change next, where the cloud knows (the twin does): no need to ask before.
    pub next_change: Option<Time>,
}

/// Of what the recovery points are sought.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointQuery {
    /// Of one resource or all with a tag, of these kinds.
    Of { selector: Selector, kinds: Vec<PointKind> },
    /// One, by its id or ARN.
    Id { id: String, kind: PointKind },
}

/// A bucket, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketRef {
    pub name: String,
    /// The account whose credentials (and endpoint, for a second provider) are used.
    pub account: AccountId,
    pub region: Region,
}

impl BucketRef {
    pub fn place(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone() }
    }

    pub fn resource(&self) -> ResourceRef {
        let (account, region) = (self.account.clone(), self.region.clone());
        ResourceRef { kind: Kind::Bucket, id: self.name.clone(), account, region }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyObjects {
    pub from: BucketRef,
    pub to: BucketRef,
    pub prefix: String,
    /// Restore the versions that were current at that instant; a delete marker then means absent. A bucket that is not
    /// versioned is an error.
    pub as_of: Option<Time>,
    /// T0: what was written after it is no part of a recovery. From a versioned bucket the versions that were current
    /// then are taken; from any other, objects that were modified since are left out, and counted.
    pub not_after: Option<Time>,
    /// The size and count that are expected, where known (the twin's timing; progress).
    pub size: Size,
    pub objects: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub objects: u64,
    pub bytes: u64,
    pub of_objects: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CopiedObjects {
    pub objects: u64,
    pub bytes: u64,
    /// The newest modification among what was copied: no object of the source was lost that is older than this.
    pub newest: Option<Time>,
    /// Objects that were modified after `not_after`, in a bucket that keeps no versions.
    pub left_out: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VerifyObjects {
    pub bucket: BucketRef,
    pub prefix: String,
    pub against: Against,
    /// As with [`CopyObjects::not_after`], for the bucket that is compared with.
    pub not_after: Option<Time>,
    /// Read every object and compare its content's checksum, computed on our side.
    pub checksums: bool,
    pub size: Size,
    pub objects: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Against {
    Bucket {
        bucket: BucketRef,
        as_of: Option<Time>,
    },
    /// `key,size,sha256` (hex, may be empty) by line.
    Manifest(Vec<ManifestEntry>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    pub key: String,
    pub size: u64,
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct VerifiedObjects {
    pub matched: u64,
    pub missing: u64,
    pub extra: u64,
    pub different: u64,
    /// The first few differences, in words.
    pub examples: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct MeasuredObjects {
    pub count: u64,
    pub bytes: u64,
}

/// Which things with the tag `drillmaster:run` are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Run(RunId),
    Any,
}

impl Whose {
    /// Whether something that carries this run's id is meant.
    pub fn means(&self, run: &str) -> bool {
        match self {
            Self::Run(wanted) => wanted.0 == run,
            Self::Any => true,
        }
    }
}

/// What was found by its tag at one place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tagged {
    pub things: Vec<TaggedThing>,
    /// What could not be evaluated, and is therefore not among `things`: each with the reason.
    pub unread: Vec<String>,
}

/// A thing that carries `drillmaster:run`, with what its other tags say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaggedThing {
    pub resource: ResourceRef,
    pub run: RunId,
    /// The value of `drillmaster:expires`, as it stands there.
    pub expires: Option<String>,
    /// Where the API tells it.
    pub created: Option<Time>,
}

/// What the deletion of a stack has left standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// Where its kind is one that a drill knows how to delete.
    pub resource: Option<ResourceRef>,
    /// What it is, and why it stands.
    pub what: String,
}

/// What preflight asks about at one place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Needs {
    /// API calls that the drill will make there (`ec2:RunInstances`).
    pub calls: Vec<String>,
    pub db_instances: u32,
    pub instances: u32,
    /// vCPUs are not known to us by type; the instance types that will be launched, with their count.
    pub instance_types: BTreeMap<String, u32>,
    /// The range of the sandbox's VPC.
    pub cidr: String,
    /// What everything that is created will carry: policies may demand it.
    pub marks: Option<super::Marks>,
    /// What the role must be allowed, to be proved without doing it.
    pub grants: Vec<super::Grant>,
}

/// What the zones of the sandbox should offer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    pub instance_types: Vec<String>,
    /// Engine and class of databases, where both are known before the restore.
    pub db_classes: Vec<(String, String)>,
}

/// By what is wished (an instance type, a DB class): the zones that offer it.
pub type Offers = BTreeMap<String, std::collections::BTreeSet<AzId>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightFinding {
    /// The drill cannot succeed: stop before T0 (exit 3).
    pub fatal: bool,
    /// Not fatal, and worth a look before the drill.
    pub doubtful: bool,
    pub what: String,
    pub fix: String,
}

/// Calls by name, for `report.json`.
pub type ApiCalls = BTreeMap<String, CallCount>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CallCount {
    pub count: u64,
    pub throttled: u64,
}

/// How the twin answers a check.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeAnswer {
    pub healthy: bool,
    pub value: Option<Value>,
    /// When the answer will change next.
    pub next_change: Option<Time>,
}
