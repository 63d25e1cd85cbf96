//! The typed requests and answers of the port.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::restorable::Restorable;
use super::{Operation, Place};
use base::architecture::Architecture;
use base::duration::{Size, Time};
use base::ids::{AccountId, AzId, Region, RunId};
use base::severity::Severity;
use estate::file::Probe;
use estate::{PointKind, Selector};
use strum::{IntoStaticStr, VariantArray};

/// The kinds of resources that a drill creates.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    VariantArray,
    IntoStaticStr,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    /// An EFS file system.
    FileSystem,
    /// The address of a file system in a subnet. It carries no tags: its file system does.
    MountTarget,
    /// A DynamoDB table.
    Table,
    /// A vault of AWS Backup for copies of recovery points. It goes with the points in it.
    Vault,
    /// A copy by AWS Backup. It runs where its original lies, carries no tags, and cannot be stopped. A
    /// run is done with it when it has ended.
    CopyJob,
    /// A restore by AWS Backup. Its record stays with AWS. A run is done with it when it has ended
    /// and what it made carries the run's tag or is gone.
    RestoreJob,
    /// A function of AWS Lambda: the probe. Its network interfaces outlive it by up to an hour.
    Function,
    /// A list of names for rules of Route 53 Resolver DNS Firewall.
    DomainList,
    /// The rules of DNS Firewall, with their association with the sandbox's network.
    RuleGroup,
    /// The configuration by which a network's resolver logs what it is asked, with its association.
    QueryLog,
    /// A private hosted zone of Route 53.
    Zone,
    Stack,
}

impl Kind {
    /// What an empty network is made of. It holds no data and costs nothing.
    pub const NETWORK: [Self; 4] = [Self::Vpc, Self::Subnet, Self::SecurityGroup, Self::DbSubnetGroup];

    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name for people: `db instance`.
    pub fn words(self) -> String {
        <&str>::from(self).replace('_', " ")
    }

    /// The estate's name of the kind: `ec2:instance`.
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
            Self::FileSystem => "efs:file-system",
            Self::MountTarget => "efs:mount-target",
            Self::Table => "dynamodb:table",
            Self::Vault => "backup:vault",
            Self::CopyJob => "backup:copy-job",
            Self::RestoreJob => "backup:restore-job",
            Self::Function => "lambda:function",
            Self::DomainList => "route53resolver:firewall-domain-list",
            Self::RuleGroup => "route53resolver:firewall-rule-group",
            Self::QueryLog => "route53resolver:query-log-config",
            Self::Zone => "route53:hosted-zone",
            Self::Stack => "cloudformation:stack",
        }
    }
}

/// A resource that exists in the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ResourceRef {
    pub kind: Kind,
    /// The cloud's own id: `i-…`, `vpc-…`, a DB instance's identifier, a bucket's name or a stack's
    /// id.
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

/// A request to create something. The caller chooses the names, so that after a crash the resource
/// can be found by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Create {
    Vpc {
        cidr: String,
        name: String,
    },
    /// A subnet whose only route is the VPC's own. It gives out no public addresses.
    Subnet {
        vpc: String,
        cidr: String,
        az: AzId,
        name: String,
    },
    /// Allows traffic within the VPC's range, and nothing out of it (the default egress rule is
    /// removed).
    SecurityGroup {
        vpc: String,
        vpc_cidr: String,
        name: String,
        /// Whether nothing may connect to what has the group.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        only_out: bool,
    },
    DbSubnetGroup {
        name: String,
        subnets: Vec<String>,
    },
    /// A private bucket: encrypted, with all public access blocked.
    Bucket {
        name: String,
        /// Whether it keeps versions. AWS Backup restores only into such a bucket.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        versioned: bool,
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
    /// `source` is a snapshot's id if it is in the same account and region, otherwise its ARN.
    CopyDbSnapshot {
        source: String,
        source_region: Region,
        kms_key: Option<String>,
        /// Needed between regions, if the snapshot's option group has persistent options: option
        /// groups do not travel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        option_group: Option<String>,
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
    /// The cluster only. Aurora's restore creates no instances.
    DbCluster(RestoreCluster),
    /// As [`Create::DbCluster`]. RDS makes the instances of a Multi-AZ DB cluster itself.
    DbClusterToTime(RestoreClusterToTime),
    DbClusterInstance {
        cluster: String,
        name: String,
        class: String,
        engine: String,
        index: u32,
    },
    /// A read replica of a production database in another region. It is created in the sandbox
    /// before T0. Within one region a replica lives in its source's VPC, which is production's.
    DbReplica {
        source: String,
        source_region: Region,
        /// A key in the sandbox's region. An encrypted source needs one there.
        kms_key: Option<String>,
        db: RestoreDb,
    },
    /// Promotes a replica that carries this run's tag to a database of its own.
    PromoteReplica {
        db: String,
        size: Size,
    },
    /// A DynamoDB table, from a backup.
    Table(RestoreTable),
    TableToTime(RestoreTableToTime),
    /// Tags a restored table, and sets what AWS does not restore.
    SetTable(TableSettings),
    /// A vault of AWS Backup that copies go to.
    Vault {
        name: String,
        /// The key that encrypts what is copied into it. `None`: AWS Backup's own.
        kms_key: Option<String>,
        /// The other accounts that may copy into it.
        admits: Vec<AccountId>,
    },
    CopyPoint(CopyPoint),
    StartRestore(StartRestore),
    AdoptRestored(AdoptRestored),
    MountTarget {
        file_system: String,
        subnet: SubnetRef,
        group: String,
        name: String,
    },
    Function(CreateFunction),
    /// Names for a rule of the firewall: each a name, or `*.` and a name, or `*`.
    DomainList {
        name: String,
        domains: Vec<String>,
    },
    /// Rules for the names that a network looks up, in their order, in force for the network.
    RuleGroup {
        name: String,
        vpc: String,
        rules: Vec<NameRule>,
    },
    /// One more rule, before those of the group: names of the list are answered with another name.
    OverrideRule {
        group: String,
        list: String,
        to: String,
        name: String,
        /// Its place among such rules of the group. No two have the same.
        #[serde(default, skip_serializing_if = "is_first")]
        order: u16,
    },
    /// The log of what a network looks up, into a bucket of the run.
    QueryLog {
        name: String,
        vpc: String,
        bucket: String,
    },
    /// A private zone that only the network sees.
    Zone {
        name: String,
        vpc: String,
        domain: String,
    },
    /// The answer to one name in a zone: an address, or another name.
    Record {
        zone: String,
        domain: String,
        to: String,
    },
    Stack(DeployStack),
}

/// The first place is not written: old journals have none.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_first(order: &u16) -> bool {
    *order == 0
}

/// What the firewall does with the names of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NameRule {
    pub list: String,
    /// Whether nobody is asked for them. Otherwise they are looked up.
    pub blocks: bool,
}

/// The API calls that create a resource, or change one that the run created. There is one for each
/// [`Create`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray)]
pub enum CreateCall {
    CreateVpc,
    CreateSubnet,
    CreateSecurityGroup,
    CreateDbSubnetGroup,
    CreateBucket,
    CopySnapshot,
    CopyImage,
    CreateVolume,
    RunInstances,
    AttachVolume,
    ImportKeyPair,
    AllocateAddress,
    CopyDbSnapshot,
    CopyDbClusterSnapshot,
    RestoreDb,
    RestoreDbToTime,
    RestoreDbCluster,
    RestoreDbClusterToTime,
    CreateDbInstance,
    CreateDbReplica,
    PromoteReplica,
    RestoreTableFromBackup,
    RestoreTableToTime,
    SetTable,
    CreateBackupVault,
    StartCopyJob,
    StartRestoreJob,
    AdoptRestored,
    CreateMountTarget,
    CreateFunction,
    CreateDomainList,
    CreateRuleGroup,
    CreateOverrideRule,
    CreateQueryLog,
    CreateZone,
    CreateRecord,
    CreateStack,
}

/// The facts about a call that hold for all of its requests.
struct CallFacts {
    name: &'static str,
    kind: Kind,
    adds: bool,
}

impl CreateCall {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// `ec2:CreateVpc`
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The call with this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|call| call.name() == name)
    }

    /// The kind that the call creates or changes. It is observed while waiting.
    pub fn kind(self) -> Kind {
        self.facts().kind
    }

    /// Whether the call adds a resource. Otherwise it only changes an existing one.
    pub fn adds(self) -> bool {
        self.facts().adds
    }

    /// Whether the call carries a request that is presigned for the source's region. AWS makes that
    /// request with the caller's permissions.
    pub fn is_presigned(self) -> bool {
        match self {
            Self::CopySnapshot
            | Self::CopyDbSnapshot
            | Self::CopyDbClusterSnapshot
            | Self::CreateDbReplica => true,
            Self::CreateVpc
            | Self::CreateSubnet
            | Self::CreateSecurityGroup
            | Self::CreateDbSubnetGroup
            | Self::CreateBucket
            | Self::CopyImage
            | Self::CreateVolume
            | Self::RunInstances
            | Self::AttachVolume
            | Self::ImportKeyPair
            | Self::AllocateAddress
            | Self::RestoreDb
            | Self::RestoreDbToTime
            | Self::RestoreDbCluster
            | Self::RestoreDbClusterToTime
            | Self::CreateDbInstance
            | Self::PromoteReplica
            | Self::RestoreTableFromBackup
            | Self::RestoreTableToTime
            | Self::SetTable
            | Self::CreateBackupVault
            | Self::StartCopyJob
            | Self::StartRestoreJob
            | Self::AdoptRestored
            | Self::CreateMountTarget
            | Self::CreateFunction
            | Self::CreateDomainList
            | Self::CreateRuleGroup
            | Self::CreateOverrideRule
            | Self::CreateQueryLog
            | Self::CreateZone
            | Self::CreateRecord
            | Self::CreateStack => false,
        }
    }

    fn facts(self) -> CallFacts {
        let adds = |name, kind| CallFacts { name, kind, adds: true };
        let changes = |name, kind| CallFacts { name, kind, adds: false };
        match self {
            Self::CreateVpc => adds("ec2:CreateVpc", Kind::Vpc),
            Self::CreateSubnet => adds("ec2:CreateSubnet", Kind::Subnet),
            Self::CreateSecurityGroup => adds("ec2:CreateSecurityGroup", Kind::SecurityGroup),
            Self::CreateDbSubnetGroup => adds("rds:CreateDBSubnetGroup", Kind::DbSubnetGroup),
            Self::CreateBucket => adds("s3:CreateBucket", Kind::Bucket),
            Self::CopySnapshot => adds("ec2:CopySnapshot", Kind::Snapshot),
            Self::CopyImage => adds("ec2:CopyImage", Kind::Image),
            Self::CreateVolume => adds("ec2:CreateVolume", Kind::Volume),
            Self::RunInstances => adds("ec2:RunInstances", Kind::Instance),
            Self::AttachVolume => changes("ec2:AttachVolume", Kind::Volume),
            Self::ImportKeyPair => adds("ec2:ImportKeyPair", Kind::KeyPair),
            Self::AllocateAddress => adds("ec2:AllocateAddress", Kind::Address),
            Self::CopyDbSnapshot => adds("rds:CopyDBSnapshot", Kind::DbSnapshot),
            Self::CopyDbClusterSnapshot => adds("rds:CopyDBClusterSnapshot", Kind::DbClusterSnapshot),
            Self::RestoreDb => adds("rds:RestoreDBInstanceFromDBSnapshot", Kind::DbInstance),
            Self::RestoreDbToTime => adds("rds:RestoreDBInstanceToPointInTime", Kind::DbInstance),
            Self::RestoreDbCluster => adds("rds:RestoreDBClusterFromSnapshot", Kind::DbCluster),
            Self::RestoreDbClusterToTime => adds("rds:RestoreDBClusterToPointInTime", Kind::DbCluster),
            Self::CreateDbInstance => adds("rds:CreateDBInstance", Kind::DbInstance),
            Self::CreateDbReplica => adds("rds:CreateDBInstanceReadReplica", Kind::DbInstance),
            Self::PromoteReplica => changes("rds:PromoteReadReplica", Kind::DbInstance),
            Self::RestoreTableFromBackup => adds("dynamodb:RestoreTableFromBackup", Kind::Table),
            Self::RestoreTableToTime => adds("dynamodb:RestoreTableToPointInTime", Kind::Table),
            Self::SetTable => changes("dynamodb:TagResource", Kind::Table),
            Self::CreateBackupVault => adds("backup:CreateBackupVault", Kind::Vault),
            Self::StartCopyJob => adds("backup:StartCopyJob", Kind::CopyJob),
            Self::StartRestoreJob => adds("backup:StartRestoreJob", Kind::RestoreJob),
            // The calls that tag what the job made depend on its kind.
            Self::AdoptRestored => changes("backup:DescribeRestoreJob", Kind::RestoreJob),
            Self::CreateMountTarget => adds("elasticfilesystem:CreateMountTarget", Kind::MountTarget),
            Self::CreateFunction => adds("lambda:CreateFunction", Kind::Function),
            Self::CreateDomainList => adds("route53resolver:CreateFirewallDomainList", Kind::DomainList),
            Self::CreateRuleGroup => adds("route53resolver:CreateFirewallRuleGroup", Kind::RuleGroup),
            Self::CreateOverrideRule => changes("route53resolver:CreateFirewallRule", Kind::RuleGroup),
            Self::CreateQueryLog => adds("route53resolver:CreateResolverQueryLogConfig", Kind::QueryLog),
            Self::CreateZone => adds("route53:CreateHostedZone", Kind::Zone),
            Self::CreateRecord => changes("route53:ChangeResourceRecordSets", Kind::Zone),
            Self::CreateStack => adds("cloudformation:CreateStack", Kind::Stack),
        }
    }
}

/// The facts about a request that other code decides by. Only [`Create::facts`] makes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts<'a> {
    pub call: CreateCall,
    /// The size that multiplies the twin's timing. `None` if the request does not say it.
    pub size: Option<Size>,
    /// The zones in which the request creates something, if it names any.
    pub zones: Vec<&'a AzId>,
    /// The existing resources that the request changes, by kind and id. They must carry this run's
    /// tag.
    pub changes: Vec<(Kind, &'a str)>,
    /// The recovery point or database that the request uses: an id or an ARN.
    pub source: Option<&'a str>,
    /// The region that the request reads from, besides the one that it is sent to.
    pub source_region: Option<&'a Region>,
    /// The KMS key that encrypts the new resource: an ARN, an id or an alias.
    pub kms_key: Option<&'a str>,
}

impl<'a> Facts<'a> {
    fn of(call: CreateCall) -> Self {
        Self {
            call,
            size: None,
            zones: Vec::new(),
            changes: Vec::new(),
            source: None,
            source_region: None,
            kms_key: None,
        }
    }

    fn of_copy(
        call: CreateCall,
        (source, source_region): (&'a str, &'a Region),
        kms_key: Option<&'a str>,
        size: Size,
    ) -> Self {
        Self {
            source: Some(source),
            source_region: Some(source_region),
            kms_key,
            size: Some(size),
            ..Self::of(call)
        }
    }
}

impl Create {
    /// All facts about the request. The patterns name every field, so that a new field does not
    /// compile until it is handled here.
    pub fn facts(&self) -> Facts<'_> {
        match self {
            Self::Vpc { cidr: _, name: _ } => Facts::of(CreateCall::CreateVpc),
            Self::Subnet { vpc, cidr: _, az, name: _ } => Facts {
                zones: vec![az],
                changes: vec![(Kind::Vpc, vpc)],
                ..Facts::of(CreateCall::CreateSubnet)
            },
            Self::SecurityGroup { vpc, vpc_cidr: _, name: _, only_out: _ } => {
                Facts { changes: vec![(Kind::Vpc, vpc)], ..Facts::of(CreateCall::CreateSecurityGroup) }
            }
            Self::DbSubnetGroup { name: _, subnets: _ } => Facts::of(CreateCall::CreateDbSubnetGroup),
            Self::Bucket { name: _, versioned: _ } => Facts::of(CreateCall::CreateBucket),
            Self::CopySnapshot { source, source_region, kms_key, name: _, size } => {
                Facts::of_copy(CreateCall::CopySnapshot, (source, source_region), kms_key.as_deref(), *size)
            }
            Self::CopyImage { source, source_region, kms_key, name: _, size } => {
                Facts::of_copy(CreateCall::CopyImage, (source, source_region), kms_key.as_deref(), *size)
            }
            Self::CopyDbSnapshot { source, source_region, kms_key, option_group: _, name: _, size } => {
                Facts::of_copy(CreateCall::CopyDbSnapshot, (source, source_region), kms_key.as_deref(), *size)
            }
            Self::CopyDbClusterSnapshot { source, source_region, kms_key, name: _, size } => {
                let call = CreateCall::CopyDbClusterSnapshot;
                Facts::of_copy(call, (source, source_region), kms_key.as_deref(), *size)
            }
            Self::Volume(volume) => volume.facts(),
            Self::Instances(run) => run.facts(),
            Self::AttachVolume { volume, instance, device: _ } => Facts {
                changes: vec![(Kind::Volume, volume), (Kind::Instance, instance)],
                ..Facts::of(CreateCall::AttachVolume)
            },
            Self::KeyPair { name: _, public_key: _ } => Facts::of(CreateCall::ImportKeyPair),
            Self::Address { name: _ } => Facts::of(CreateCall::AllocateAddress),
            Self::Db(db) => db.facts(CreateCall::RestoreDb),
            Self::DbToTime(RestoreDbToTime { db, to: _ }) => db.facts(CreateCall::RestoreDbToTime),
            Self::DbCluster(cluster) => cluster.facts(),
            Self::DbClusterToTime(cluster) => cluster.facts(),
            Self::DbClusterInstance { cluster, name: _, class: _, engine: _, index: _ } => {
                Facts { changes: vec![(Kind::DbCluster, cluster)], ..Facts::of(CreateCall::CreateDbInstance) }
            }
            Self::DbReplica { source, source_region, kms_key, db } => Facts {
                source: Some(source),
                source_region: Some(source_region),
                kms_key: kms_key.as_deref(),
                ..db.facts(CreateCall::CreateDbReplica)
            },
            Self::PromoteReplica { db, size } => Facts {
                changes: vec![(Kind::DbInstance, db)],
                size: Some(*size),
                ..Facts::of(CreateCall::PromoteReplica)
            },
            Self::Table(table) => table.facts(CreateCall::RestoreTableFromBackup),
            Self::TableToTime(RestoreTableToTime { table, to: _ }) => {
                table.facts(CreateCall::RestoreTableToTime)
            }
            Self::SetTable(TableSettings { table, ttl: _, stream: _, pitr: _, tags: _ }) => {
                Facts { changes: vec![(Kind::Table, table)], ..Facts::of(CreateCall::SetTable) }
            }
            Self::Vault { name: _, kms_key, admits: _ } => {
                Facts { kms_key: kms_key.as_deref(), ..Facts::of(CreateCall::CreateBackupVault) }
            }
            Self::CopyPoint(copy) => copy.facts(),
            Self::StartRestore(start) => start.facts(),
            Self::AdoptRestored(AdoptRestored { job: _, restores: _, landing: _, name: _ }) => {
                Facts::of(CreateCall::AdoptRestored)
            }
            Self::MountTarget { file_system, subnet, group: _, name: _ } => Facts {
                zones: vec![&subnet.az],
                changes: vec![(Kind::FileSystem, file_system)],
                ..Facts::of(CreateCall::CreateMountTarget)
            },
            Self::Function(function) => function.facts(),
            Self::DomainList { name: _, domains: _ } => Facts::of(CreateCall::CreateDomainList),
            Self::RuleGroup { name: _, vpc, rules } => Facts {
                changes: std::iter::once((Kind::Vpc, vpc.as_str()))
                    .chain(rules.iter().map(|rule| (Kind::DomainList, rule.list.as_str())))
                    .collect(),
                ..Facts::of(CreateCall::CreateRuleGroup)
            },
            Self::OverrideRule { group, list, to: _, name: _, order: _ } => Facts {
                changes: vec![(Kind::RuleGroup, group), (Kind::DomainList, list)],
                ..Facts::of(CreateCall::CreateOverrideRule)
            },
            Self::QueryLog { name: _, vpc, bucket } => Facts {
                changes: vec![(Kind::Vpc, vpc), (Kind::Bucket, bucket)],
                ..Facts::of(CreateCall::CreateQueryLog)
            },
            Self::Zone { name: _, vpc, domain: _ } => {
                Facts { changes: vec![(Kind::Vpc, vpc)], ..Facts::of(CreateCall::CreateZone) }
            }
            Self::Record { zone, domain: _, to: _ } => {
                Facts { changes: vec![(Kind::Zone, zone)], ..Facts::of(CreateCall::CreateRecord) }
            }
            Self::Stack(DeployStack { name: _, template: _, parameters: _, capabilities: _ }) => {
                Facts::of(CreateCall::CreateStack)
            }
        }
    }

    /// The name of the API call.
    pub fn call(&self) -> &'static str {
        self.facts().call.name()
    }

    /// The kind to observe while waiting.
    pub fn kind(&self) -> Kind {
        self.facts().call.kind()
    }

    /// Where the request is sent: into the sandbox, but for a copy, which begins where its original
    /// lies.
    pub fn place<'a>(&'a self, sandbox: &'a Place) -> &'a Place {
        if let Self::CopyPoint(copy) = self { &copy.from } else { sandbox }
    }

    /// The operation that a permit for it allows.
    pub fn operation(&self) -> Operation {
        if matches!(self, Self::CopyPoint(_)) { Operation::CopyOut } else { Operation::Create }
    }

    /// The existing resources that the request changes. They must carry this run's tag. `place`: where
    /// it is sent.
    pub fn changes(&self, place: &Place) -> Vec<ResourceRef> {
        // A copy changes the vault that it goes to.
        let place = if let Self::CopyPoint(copy) = self { &copy.to } else { place };
        let of = |(kind, id): (Kind, &str)| ResourceRef {
            kind,
            id: id.to_owned(),
            account: place.account.clone(),
            region: place.region.clone(),
        };
        self.facts().changes.into_iter().map(of).collect()
    }
}

/// The probe: a function of AWS Lambda in a subnet of the sandbox. The program that it runs is the one
/// that the port was given, and this digest tells which one that is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreateFunction {
    pub name: String,
    /// The ARN of the role that Lambda makes its network interfaces with.
    pub role: String,
    pub subnet: SubnetRef,
    pub group: String,
    pub architecture: Architecture,
    /// SHA-256 of the package.
    pub sha256: String,
}

impl CreateFunction {
    fn facts(&self) -> Facts<'_> {
        let Self { subnet, name: _, role: _, group: _, architecture: _, sha256: _ } = self;
        Facts { zones: vec![&subnet.az], ..Facts::of(CreateCall::CreateFunction) }
    }
}

/// The call that invokes a function.
pub const INVOKE: &str = "lambda:Invoke";

/// What a function answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Invoked {
    /// The answer. It may hold secrets.
    pub payload: Vec<u8>,
    /// The function died, or took too long: Lambda's word for it.
    pub failed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreateVolume {
    pub snapshot: String,
    pub az: AzId,
    /// `gp3` unless the playbook gives another type.
    pub volume_type: String,
    pub iops: Option<i32>,
    /// MiB/s.
    pub throughput: Option<i32>,
    /// The rate in MiB/s, 100–300, at which blocks are loaded from the snapshot. Without it they
    /// are loaded lazily.
    pub initialization_rate: Option<i32>,
    pub name: String,
    pub size: Size,
}

impl CreateVolume {
    fn facts(&self) -> Facts<'_> {
        let Self {
            snapshot,
            az,
            size,
            volume_type: _,
            iops: _,
            throughput: _,
            initialization_rate: _,
            name: _,
        } = self;
        Facts {
            source: Some(snapshot),
            zones: vec![az],
            size: Some(*size),
            ..Facts::of(CreateCall::CreateVolume)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubnetRef {
    pub id: String,
    pub az: AzId,
}

/// Instances without a role and without a public address. IMDSv2 is required, and shutdown
/// terminates them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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

impl RunInstances {
    fn facts(&self) -> Facts<'_> {
        let Self {
            image,
            subnets,
            instance_type: _,
            count: _,
            security_groups: _,
            key_name: _,
            user_data: _,
            name: _,
        } = self;
        Facts {
            source: Some(image),
            zones: subnets.iter().map(|subnet| &subnet.az).collect(),
            ..Facts::of(CreateCall::RunInstances)
        }
    }
}

/// A database instance restored from a snapshot. Settings are explicit where the API's defaults
/// often spoil drills.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreDb {
    /// A snapshot's id or ARN. For PITR and replicas: the source database's identifier or ARN.
    pub source: String,
    pub name: String,
    /// `None` means the source's class.
    pub class: Option<String>,
    pub subnet_group: String,
    pub security_groups: Vec<String>,
    /// `None` means the source's group if the source is in the same region, otherwise the engine's
    /// default.
    pub parameter_group: Option<String>,
    pub option_group: Option<String>,
    pub multi_az: bool,
    /// Set only if the playbook pins the zone.
    pub az: Option<AzId>,
    pub port: Option<i32>,
    pub size: Size,
    /// `None` if the engine is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}

impl RestoreDb {
    fn facts(&self, call: CreateCall) -> Facts<'_> {
        let Self {
            source,
            az,
            size,
            name: _,
            class: _,
            subnet_group: _,
            security_groups: _,
            parameter_group: _,
            option_group: _,
            multi_az: _,
            port: _,
            engine: _,
        } = self;
        Facts { source: Some(source), zones: az.iter().collect(), size: Some(*size), ..Facts::of(call) }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreDbToTime {
    pub db: RestoreDb,
    /// `None` means the latest restorable time.
    pub to: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreCluster {
    pub snapshot: String,
    pub name: String,
    pub engine: String,
    pub engine_version: Option<String>,
    pub subnet_group: String,
    pub security_groups: Vec<String>,
    pub parameter_group: Option<String>,
    pub port: Option<i32>,
    /// The capacity range. Instances of the class `db.serverless` need it.
    #[serde(default)]
    pub serverless: Option<Serverless>,
    pub size: Size,
}

impl RestoreCluster {
    fn facts(&self) -> Facts<'_> {
        let Self {
            snapshot,
            size,
            name: _,
            engine: _,
            engine_version: _,
            subnet_group: _,
            security_groups: _,
            parameter_group: _,
            port: _,
            serverless: _,
        } = self;
        Facts { source: Some(snapshot), size: Some(*size), ..Facts::of(CreateCall::RestoreDbCluster) }
    }
}

/// A cluster restored to an instant. The instant is always explicit, so that the age of the data is
/// known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreClusterToTime {
    /// The source cluster's identifier, or the ARN of automated backups that outlived it.
    pub source: String,
    pub to: Time,
    pub name: String,
    /// The source's engine. The API takes none.
    pub engine: String,
    pub subnet_group: String,
    pub security_groups: Vec<String>,
    pub parameter_group: Option<String>,
    pub port: Option<i32>,
    pub serverless: Option<Serverless>,
    pub kms_key: Option<String>,
    pub storage_type: Option<String>,
    /// Set for a Multi-AZ DB cluster, and not for Aurora.
    pub multi_az: Option<MultiAz>,
    pub size: Size,
}

/// The instances of a Multi-AZ DB cluster, which RDS makes with the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MultiAz {
    pub class: String,
    pub iops: Option<i32>,
}

impl RestoreClusterToTime {
    fn facts(&self) -> Facts<'_> {
        let Self {
            source,
            size,
            kms_key,
            to: _,
            name: _,
            engine: _,
            subnet_group: _,
            security_groups: _,
            parameter_group: _,
            port: _,
            serverless: _,
            storage_type: _,
            multi_az: _,
        } = self;
        Facts {
            source: Some(source),
            size: Some(*size),
            kms_key: kms_key.as_deref(),
            ..Facts::of(CreateCall::RestoreDbClusterToTime)
        }
    }
}

/// The capacity range of Aurora Serverless v2, in Aurora capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Serverless {
    pub min: f64,
    pub max: f64,
}

/// A DynamoDB table restored under a new name. `None` means: as the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreTable {
    /// The backup's ARN. For point-in-time recovery: the source table's ARN.
    pub source: String,
    /// The region that holds the data.
    pub source_region: Region,
    pub name: String,
    pub billing: Option<Billing>,
    pub capacity: Option<Capacity>,
    pub without_indexes: bool,
    pub kms_key: Option<String>,
    pub size: Size,
}

impl RestoreTable {
    fn facts(&self, call: CreateCall) -> Facts<'_> {
        let Self {
            source,
            source_region,
            size,
            kms_key,
            name: _,
            billing: _,
            capacity: _,
            without_indexes: _,
        } = self;
        Facts::of_copy(call, (source, source_region), kms_key.as_deref(), *size)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreTableToTime {
    pub table: RestoreTable,
    pub to: Time,
}

/// How a table is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    OnDemand,
    Provisioned,
}

/// The provisioned capacity of a table, in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    pub read: i64,
    pub write: i64,
}

/// What AWS does not restore with a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableSettings {
    pub table: String,
    /// The attribute that holds the time to live.
    pub ttl: Option<String>,
    /// What the stream holds: `NEW_AND_OLD_IMAGES`.
    pub stream: Option<String>,
    pub pitr: bool,
    /// The tags of the playbook, besides those of the run.
    pub tags: BTreeMap<String, String>,
}

/// A copy of a recovery point of AWS Backup into a vault of the run. It is requested in the account
/// and region where the point lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CopyPoint {
    /// The recovery point's ARN.
    pub recovery_point: String,
    /// Where it lies, and the name of its vault there.
    pub from: Place,
    pub source_vault: String,
    /// The sandbox's place, and the name of the run's vault.
    pub to: Place,
    pub vault: String,
    /// The ARN of the role with which AWS Backup copies, in the account of `from`.
    pub role: String,
    pub name: String,
    pub size: Size,
    /// When the original was created, as far as that is known. From then on AWS Backup counts the days
    /// after which it deletes the copy by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Time>,
}

impl CopyPoint {
    fn facts(&self) -> Facts<'_> {
        let Self { recovery_point, from, vault, size, source_vault: _, to: _, role: _, name: _, created: _ } =
            self;
        Facts {
            source: Some(recovery_point),
            source_region: Some(&from.region),
            changes: vec![(Kind::Vault, vault)],
            size: Some(*size),
            ..Facts::of(CreateCall::StartCopyJob)
        }
    }

    /// The ARN of the vault that it goes to.
    pub fn destination(&self) -> String {
        let Place { account, region } = &self.to;
        format!("arn:{}:backup:{region}:{account}:backup-vault:{}", region.partition(), self.vault)
    }
}

/// A restore by AWS Backup, with metadata that keep it inside the sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartRestore {
    /// The recovery point's ARN.
    pub recovery_point: String,
    pub restores: Restorable,
    /// The ARN of the role with which AWS Backup makes the resource.
    pub role: String,
    pub metadata: BTreeMap<String, String>,
    /// The zone of a volume. The cloud knows its name in the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub az: Option<AzId>,
    /// The key that encrypts the new resource, if the playbook names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    pub name: String,
    pub size: Size,
}

impl StartRestore {
    fn facts(&self) -> Facts<'_> {
        let Self { recovery_point, az, kms_key, size, restores: _, role: _, metadata: _, name: _ } = self;
        Facts {
            source: Some(recovery_point),
            zones: az.iter().collect(),
            kms_key: kms_key.as_deref(),
            size: Some(*size),
            ..Facts::of(CreateCall::StartRestoreJob)
        }
    }
}

/// Takes over what a restore job of this run made: reads it from the job, checks that it lies in the
/// sandbox, and gives it the run's tags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptRestored {
    /// The job's id.
    pub job: String,
    pub restores: Restorable,
    pub landing: Landing,
    pub name: String,
}

/// Where a restored resource must lie.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Landing {
    /// Its name, if the run chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub vpc: String,
    pub subnets: Vec<String>,
    pub groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub az: Option<AzId>,
}

/// The output of [`Create::AdoptRestored`] that says why the resource does not lie in the sandbox.
pub const OUTSIDE: &str = "outside";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeployStack {
    pub name: String,
    /// The template's text.
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub capabilities: Vec<String>,
}

/// The answer to a creating call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Created {
    /// The resources to wait for and to tear down. `Instances` has one for each instance.
    /// `AttachVolume` and `PromoteReplica` have none.
    pub resources: Vec<ResourceRef>,
    /// Values of the answer for a step's outputs.
    pub outputs: BTreeMap<String, Value>,
    /// For PITR: the instant that the API says it restores to.
    pub restored_to: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// In progress. Holds the cloud's own word.
    Pending(String),
    /// Usable. For an instance: running. Its status checks are in `healthy`.
    Ready,
    /// Failed for good. Holds the cloud's own words.
    Failed(String),
    Gone,
}

/// The state of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    pub id: String,
    pub state: State,
    /// The result of the cloud's own status checks, if the kind has any.
    pub healthy: Option<bool>,
    /// The resource's attributes for a step's outputs: `endpoint`, `port`, `private_ip`, `az`,
    /// `outputs`…
    pub attributes: BTreeMap<String, Value>,
    /// When the state will change next, if the cloud knows it (the twin does). Polling before is
    /// needless.
    pub next_change: Option<Time>,
}

/// A query for recovery points.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PointQuery {
    /// Points of these kinds for one resource, or for all resources with a tag.
    Of {
        selector: Selector,
        kinds: Vec<PointKind>,
        /// The account whose credentials read the points, if the step names one. Its own points
        /// need not be shared with the sandbox's account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reader: Option<AccountId>,
    },
    /// One point, by its id or ARN.
    Id {
        id: String,
        kind: PointKind,
        /// The account that it is copied from, if a step names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reader: Option<AccountId>,
    },
}

impl PointQuery {
    /// Whether it asks for points of resources of this type.
    pub fn is_of(&self, kind: &str) -> bool {
        match self {
            Self::Of { selector, .. } => selector.kind() == kind,
            Self::Id { .. } => false,
        }
    }
}

/// Whether a start without an answer began a restore job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    Job(ResourceRef),
    /// No job of it is to be seen.
    Nothing,
    /// These jobs may be of it. Nothing proves it.
    Unclear(Vec<String>),
}

/// A bucket and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BucketRef {
    pub name: String,
    /// The account whose credentials are used, and whose endpoint for a second provider.
    pub account: AccountId,
    pub region: Region,
    /// The account that owns it, if it was found before T0. S3 refuses a request to a bucket that
    /// another account owns by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CopyObjects {
    pub from: BucketRef,
    pub to: BucketRef,
    pub prefix: String,
    /// Restores the versions that were current at this instant. A delete marker then means absent.
    /// A bucket without versioning is an error.
    pub as_of: Option<Time>,
    /// T0. Objects written after it are not part of a recovery. A versioned bucket gives the
    /// versions that were current then. In any other bucket, objects modified since are left out
    /// and counted.
    pub not_after: Option<Time>,
    /// The expected size and count, if known. The twin's timing and the progress use them.
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
    /// The newest modification time among the copied objects. No object of the source that is older
    /// was lost.
    pub newest: Option<Time>,
    /// The number of objects modified after `not_after`, in a bucket without versions.
    pub left_out: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VerifyObjects {
    pub bucket: BucketRef,
    pub prefix: String,
    pub against: Against,
    /// As in [`CopyObjects::not_after`], for the bucket that is compared with.
    pub not_after: Option<Time>,
    /// Whether to read every object and compare checksums that Drillmaster computes itself.
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
    /// Lines of `key,size,sha256`. The checksum is hexadecimal and may be empty.
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
    /// The twin's estate does not say what one side holds. Nothing was compared.
    pub unknown: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct MeasuredObjects {
    /// `None`: the twin's estate does not say.
    pub count: Option<u64>,
    /// `None`: the twin's estate does not say.
    pub bytes: Option<u64>,
}

/// The scope of a search by the tag `drillmaster:run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Run(RunId),
    Any,
    /// The parts of a standing sandbox, and locks, alone. `None`: of any run.
    Network(Option<RunId>),
}

impl Whose {
    /// The run whose resources are meant. `None`: those of any run.
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Self::Run(run) => Some(run),
            Self::Network(run) => run.as_ref(),
            Self::Any => None,
        }
    }

    /// Whether the search includes resources with this run's id.
    pub fn means(&self, run: &str) -> bool {
        self.run().is_none_or(|wanted| wanted.0 == run)
    }

    /// Whether the search includes this kind.
    pub fn includes(&self, kind: Kind) -> bool {
        const NETWORK: [Kind; 5] =
            [Kind::Vpc, Kind::Subnet, Kind::SecurityGroup, Kind::DbSubnetGroup, Kind::Function];
        match self {
            Self::Run(_) | Self::Any => true,
            Self::Network(_) => NETWORK.contains(&kind),
        }
    }
}

/// The result of a search by tag in one place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tagged {
    pub things: Vec<TaggedThing>,
    /// What could not be looked at, each with the reason. It is not in `things`.
    pub unread: Vec<String>,
    /// Resources that carry the tag, and that only another service can delete. Each text says where.
    pub held: Vec<String>,
}

/// A resource with the tag `drillmaster:run`, and its other tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaggedThing {
    pub resource: ResourceRef,
    pub run: RunId,
    /// The text of `drillmaster:expires`.
    pub expires: Option<String>,
    /// The client token of the request that made it, if the cloud keeps it.
    pub token: Option<String>,
    /// The creation time, if the API returns it.
    pub created: Option<Time>,
}

/// A resource that a deleted stack left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// Set if a drill knows how to delete this kind.
    pub resource: Option<ResourceRef>,
    /// The resource, and why it still exists.
    pub what: String,
}

/// The subject of preflight in one place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Needs {
    /// The API calls that the drill will make there (`ec2:RunInstances`).
    pub calls: Vec<String>,
    pub db_instances: u32,
    pub instances: u32,
    /// The instance types that will be launched, with their count. Drillmaster does not know their
    /// vCPUs.
    pub instance_types: BTreeMap<String, u32>,
    /// The range of the sandbox's VPC.
    pub cidr: String,
    /// The tags of every new resource. Policies may demand them.
    pub run_tags: Option<super::RunTags>,
    /// The permissions that the role needs. They are proved without making the calls.
    pub grants: Vec<super::Grant>,
    pub asking: super::Asking,
    /// The ARNs of the roles that AWS Backup restores with, as far as they are known before the run,
    /// and what each restores.
    pub restore_roles: BTreeMap<String, std::collections::BTreeSet<Restorable>>,
    /// The roles that services of AWS work with here.
    pub service_roles: std::collections::BTreeSet<super::ServiceRole>,
    /// The ARNs of the roles of this account that AWS Backup copies with, as far as they are known, and
    /// where the copies go.
    pub copy_roles: BTreeMap<String, Place>,
    /// The ARN of the role that Lambda takes for the probe.
    pub probe_role: Option<String>,
}

/// The types and classes that the sandbox's zones should offer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    pub instance_types: Vec<String>,
    /// Engine and class of databases, if both are known before the restore.
    pub db_classes: Vec<(String, String)>,
}

impl Wishes {
    /// The wish for a DB class, as [`Offers`] name it.
    pub fn of_class(engine: &str, class: &str) -> String {
        format!("{class} ({engine})")
    }

    /// All wishes, as [`Offers`] name them.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let classes = self.db_classes.iter().map(|(engine, class)| Self::of_class(engine, class));
        self.instance_types.iter().cloned().chain(classes)
    }
}

/// The zones that offer each wish (an instance type or a DB class).
pub type Offers = BTreeMap<String, std::collections::BTreeSet<AzId>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightFinding {
    /// High: the drill cannot succeed and stops before T0 (exit 3). Medium: worth a look before the
    /// drill.
    pub severity: Severity,
    /// Whether it tells of something that could not be looked at, and that neither the permissions nor
    /// the quotas of [`super::Preflight`] tell.
    pub unknown: bool,
    pub what: String,
    pub fix: String,
}

/// Calls by name, for `report.json`.
pub type ApiCalls = BTreeMap<String, CallCount>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CallCount {
    pub count: u64,
    pub throttled: u64,
}

/// How the twin answers a check.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeAnswer {
    pub healthy: bool,
    /// What the estate says of the answer. `None`: it says nothing about this check.
    pub said: Option<Probe>,
    /// When the answer will change next.
    pub next_change: Option<Time>,
}

/// A database of the twin that answers at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// As RDS names it. `None`: the estate does not say.
    pub engine: Option<String>,
    /// If neither the engine nor the port is known, a guess.
    pub port: i32,
    pub port_is_known: bool,
}
