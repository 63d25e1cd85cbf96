//! What AWS Backup restores: the metadata that keep a restore inside the sandbox, and those that
//! would lead out of it. One row for each type of resource.
//!
//! Sources: AWS Backup developer guide, "Restoring a backup" with a page for each type, and "Restore
//! testing inferred metadata"; AWS Backup API reference, `StartRestoreJob`. AWS Backup does not
//! distinguish upper and lower case in keys.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

use super::Kind;

/// A type of resource that AWS Backup restores into the sandbox.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum Restorable {
    Database,
    Cluster,
    DocumentDb,
    Neptune,
    Instance,
    Volume,
    FileSystem,
    Table,
    Bucket,
}

/// What the value of a metadata key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The run's name for the new resource.
    Name,
    DbSubnetGroup,
    /// The sandbox's security group, as a JSON list.
    Groups,
    /// A subnet of the sandbox.
    Subnet,
    /// The name of a zone of the sandbox. The account's own names decide, so the cloud fills it in.
    Zone,
    /// The run's bucket.
    Bucket,
    /// The id of the resource that was backed up.
    Original,
    Text(&'static str),
}

/// A key that the playbook may add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct May {
    pub key: &'static str,
    /// The value if the playbook gives none.
    pub default: Option<&'static str>,
}

const fn may(key: &'static str) -> May {
    May { key, default: None }
}

const fn or(key: &'static str, default: &'static str) -> May {
    May { key, default: Some(default) }
}

/// A row of the table.
pub struct Isolation {
    pub restorable: Restorable,
    /// The estate's name of the type.
    pub kind: &'static str,
    /// The type in AWS Backup's API.
    pub word: &'static str,
    /// The kind of what the job makes.
    pub makes: Kind,
    /// The keys that Drillmaster sets. A playbook may not.
    pub sets: &'static [(&'static str, Put)],
    pub may: &'static [May],
    /// Keys that would lead out of the sandbox, or have no effect, and why.
    pub refuses: &'static [(&'static str, &'static str)],
    pub source: &'static str,
}

const PUBLIC: &str = "it would give what is restored an address outside the sandbox";
const ROLE: &str = "what is restored gets no role";
const DIRECTORY: &str = "it would join production's directory";
const LOGS: &str = "its logs would leave the sandbox";
const IGNORED: &str = "AWS Backup accepts it and ignores it";

const DATABASE: Isolation = Isolation {
    restorable: Restorable::Database,
    kind: "rds:db",
    word: "RDS",
    makes: Kind::DbInstance,
    sets: &[
        ("dbInstanceIdentifier", Put::Name),
        ("dbSubnetGroupName", Put::DbSubnetGroup),
        ("vpcSecurityGroupIds", Put::Groups),
        ("publiclyAccessible", Put::Text("false")),
        ("deletionProtection", Put::Text("false")),
    ],
    may: &[
        or("multiAZ", "false"),
        may("allocatedStorage"),
        may("autoMinorVersionUpgrade"),
        may("dbInstanceClass"),
        may("dbParameterGroupName"),
        may("iops"),
        may("licenseModel"),
        may("optionGroupName"),
        may("port"),
        may("storageThroughput"),
        may("storageType"),
    ],
    refuses: &[
        ("domain", DIRECTORY),
        ("domainIAMRoleName", DIRECTORY),
        ("enableCloudwatchLogsExports", LOGS),
        ("tdeCredentialArn", ROLE),
        ("availabilityZone", "the subnet group decides on the zone"),
        ("engineVersion", IGNORED),
        ("encrypted", IGNORED),
        ("kmsKeyId", IGNORED),
        ("vpcId", IGNORED),
    ],
    source: "\"Restoring an RDS database\"",
};

const CLUSTER_SETS: &[(&str, Put)] = &[
    ("dbClusterIdentifier", Put::Name),
    ("dbSubnetGroupName", Put::DbSubnetGroup),
    ("vpcSecurityGroupIds", Put::Groups),
    ("deletionProtection", Put::Text("false")),
];
const CLUSTER_REFUSES: &[(&str, &str)] = &[
    ("publiclyAccessible", PUBLIC),
    ("enableCloudwatchLogsExports", LOGS),
    ("domain", DIRECTORY),
    ("domainIAMRoleName", DIRECTORY),
    ("availabilityZones", "the subnet group decides on the zones"),
    ("vpcId", IGNORED),
    ("encrypted", IGNORED),
    ("kmsKeyId", IGNORED),
];

const CLUSTER: Isolation = Isolation {
    restorable: Restorable::Cluster,
    kind: "rds:cluster",
    word: "Aurora",
    makes: Kind::DbCluster,
    sets: CLUSTER_SETS,
    may: &[
        may("dbClusterParameterGroupName"),
        may("engine"),
        may("engineVersion"),
        may("port"),
        may("serverlessV2ScalingConfiguration"),
    ],
    refuses: CLUSTER_REFUSES,
    source: "\"Restoring an Amazon Aurora cluster\"",
};

const DOCUMENT_DB: Isolation = Isolation {
    restorable: Restorable::DocumentDb,
    kind: "docdb:cluster",
    word: "DocumentDB",
    makes: Kind::DbCluster,
    sets: CLUSTER_SETS,
    may: &[or("engine", "docdb"), may("dbClusterParameterGroupName"), may("engineVersion"), may("port")],
    refuses: CLUSTER_REFUSES,
    source: "\"Restoring a DocumentDB cluster\"",
};

const NEPTUNE: Isolation = Isolation {
    restorable: Restorable::Neptune,
    kind: "neptune:cluster",
    word: "Neptune",
    makes: Kind::DbCluster,
    sets: CLUSTER_SETS,
    may: &[or("engine", "neptune"), may("dbClusterParameterGroupName"), may("engineVersion"), may("port")],
    refuses: CLUSTER_REFUSES,
    source: "\"Restoring a Neptune cluster\"",
};

const INSTANCE: Isolation = Isolation {
    restorable: Restorable::Instance,
    kind: "ec2:instance",
    word: "EC2",
    makes: Kind::Instance,
    sets: &[
        ("subnetId", Put::Subnet),
        ("securityGroupIds", Put::Groups),
        ("requireImdsV2", Put::Text("true")),
        ("disableApiTermination", Put::Text("false")),
        ("instanceInitiatedShutdownBehavior", Put::Text("terminate")),
    ],
    may: &[may("creditSpecification"), may("ebsOptimized"), may("instanceType"), may("monitoring")],
    refuses: &[
        ("iamInstanceProfileName", ROLE),
        ("networkInterfaces", "it would replace the subnet and the group of the sandbox"),
        ("placement", "it would name a zone, a host or a group of production"),
        ("capacityReservationSpecification", "it would take capacity that is reserved for production"),
        ("userData", "it would run what production starts with"),
        ("vpcId", "the subnet decides on the VPC"),
    ],
    source: "\"Restoring an Amazon EC2 instance\"",
};

const VOLUME: Isolation = Isolation {
    restorable: Restorable::Volume,
    kind: "ec2:volume",
    word: "EBS",
    makes: Kind::Volume,
    sets: &[("availabilityZone", Put::Zone)],
    may: &[
        may("encrypted"),
        may("iops"),
        may("kmsKeyId"),
        may("throughput"),
        may("volumeSize"),
        may("volumeType"),
    ],
    refuses: &[("outpostArn", "it would leave the sandbox's region")],
    source: "\"Restoring an Amazon EBS volume\"",
};

const FILE_SYSTEM: Isolation = Isolation {
    restorable: Restorable::FileSystem,
    kind: "efs:file-system",
    word: "EFS",
    makes: Kind::FileSystem,
    sets: &[
        ("newFileSystem", Put::Text("true")),
        ("file-system-id", Put::Original),
        ("creationToken", Put::Name),
        ("encrypted", Put::Text("true")),
    ],
    may: &[
        or("kmsKeyId", "alias/aws/elasticfilesystem"),
        or("performanceMode", "generalPurpose"),
        may("availabilityZoneName"),
        may("itemsToRestore"),
    ],
    refuses: &[],
    source: "`StartRestoreJob`, `Metadata`; \"Restore testing inferred metadata\"",
};

const TABLE_OF_DYNAMODB: Isolation = Isolation {
    restorable: Restorable::Table,
    kind: "dynamodb:table",
    word: "DynamoDB",
    makes: Kind::Table,
    sets: &[("targetTableName", Put::Name), ("deletionProtection", Put::Text("false"))],
    may: &[or("encryptionType", "Default"), may("kmsMasterKeyArn")],
    refuses: &[],
    source: "\"Restoring an Amazon DynamoDB table\"",
};

const BUCKET: Isolation = Isolation {
    restorable: Restorable::Bucket,
    kind: "s3:bucket",
    word: "S3",
    makes: Kind::Bucket,
    sets: &[("destinationBucketName", Put::Bucket), ("newBucket", Put::Text("false"))],
    may: &[
        or("encryptionType", "SSE-S3"),
        may("kmsKey"),
        may("itemsToRestore"),
        may("restoreTime"),
        may("restoreLatestVersionsUpTo"),
    ],
    refuses: &[("restoreACLs", "production's access lists may let others read the objects")],
    source: "\"Restoring S3 data\"",
};

/// Every type that can be restored into the sandbox.
pub const TABLE: &[Isolation] =
    &[DATABASE, CLUSTER, DOCUMENT_DB, NEPTUNE, INSTANCE, VOLUME, FILE_SYSTEM, TABLE_OF_DYNAMODB, BUCKET];

/// A type that AWS Backup restores and Drillmaster does not.
pub struct NotIsolated {
    /// The estate's name of the type.
    pub kind: &'static str,
    /// The type in AWS Backup's API.
    pub word: &'static str,
    pub why: &'static str,
}

/// All of them.
pub const NOT_ISOLATED: &[NotIsolated] = &[
    NotIsolated {
        kind: "fsx:file-system",
        word: "FSx",
        why: "a restored file system needs a directory or a storage virtual machine that exists, and Drillmaster cannot delete it",
    },
    NotIsolated {
        kind: "eks:cluster",
        word: "EKS",
        why: "its pods call AWS and pull images from outside, and its restore makes resources that no job names",
    },
    NotIsolated {
        kind: "redshift:cluster",
        word: "Redshift",
        why: "its external schemas and roles lead home, and Drillmaster cannot delete it",
    },
    NotIsolated {
        kind: "timestream:table",
        word: "Timestream",
        why: "it lies in no network of the sandbox's, and Drillmaster cannot delete it",
    },
    NotIsolated {
        kind: "storagegateway:volume",
        word: "Storage Gateway",
        why: "it is restored to a gateway that exists, which is not the sandbox's",
    },
    NotIsolated {
        kind: "cloudformation:stack",
        word: "CloudFormation",
        why: "its restore makes resources that no job names: restore its parts, or use `cloudformation.deploy`",
    },
];

/// The types that AWS Backup backs up: its own word, and the estate's name.
pub fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let restored = TABLE.iter().map(|row| (row.word, row.kind));
    restored.chain(NOT_ISOLATED.iter().map(|row| (row.word, row.kind)))
}

/// Whether a recovery point is continuous: it holds many instants, and is never copied.
///
/// Source: AWS Backup API reference, `StartCopyJob`: "Does not support continuous backups".
pub fn is_continuous(arn: &str) -> bool {
    arn.contains(":continuous:")
}

/// The estate's name of the type that AWS Backup calls by this word.
pub fn kind_of(word: &str) -> Option<&'static str> {
    words().find(|(known, _)| *known == word).map(|(_, kind)| kind)
}

impl Restorable {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    pub fn row(self) -> &'static Isolation {
        match self {
            Self::Database => &DATABASE,
            Self::Cluster => &CLUSTER,
            Self::DocumentDb => &DOCUMENT_DB,
            Self::Neptune => &NEPTUNE,
            Self::Instance => &INSTANCE,
            Self::Volume => &VOLUME,
            Self::FileSystem => &FILE_SYSTEM,
            Self::Table => &TABLE_OF_DYNAMODB,
            Self::Bucket => &BUCKET,
        }
    }

    /// The call with which AWS Backup makes it, if that needs the control plane of one region.
    pub fn leads_to(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Neptune => Some(("neptune", "CreateDBCluster")),
            Self::Database
            | Self::Cluster
            | Self::DocumentDb
            | Self::Instance
            | Self::Volume
            | Self::FileSystem
            | Self::Table
            | Self::Bucket => None,
        }
    }

    /// Whether AWS Backup manages the backups of this type fully. Only those are copied from another
    /// account into a vault without a key of its own.
    ///
    /// Source: AWS Backup guide, "Creating backup copies across AWS accounts" and "Feature availability by
    /// resource". A table counts, because other backups of tables are never copied to another account.
    pub fn is_fully_managed(self) -> bool {
        match self {
            Self::FileSystem | Self::Table | Self::Bucket => true,
            Self::Database
            | Self::Cluster
            | Self::DocumentDb
            | Self::Neptune
            | Self::Instance
            | Self::Volume => false,
        }
    }

    /// How much longer a restore from cold storage takes at most. `None`: AWS Backup keeps the type's
    /// recovery points warm.
    ///
    /// Sources: EBS user guide, "Considerations and limitations for archiving Amazon EBS snapshots";
    /// for the others AWS's figure of about four hours.
    pub fn thaws_in(self) -> Option<Duration> {
        match self {
            Self::Volume => Some(Duration::from_hours(72)),
            Self::FileSystem | Self::Table => Some(Duration::from_hours(4)),
            Self::Database
            | Self::Cluster
            | Self::DocumentDb
            | Self::Neptune
            | Self::Instance
            | Self::Bucket => None,
        }
    }

    /// The row of the type in AWS Backup's API.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|restorable| restorable.row().word == word)
    }

    /// The row of the estate's type.
    pub fn of(kind: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|restorable| restorable.row().kind == kind)
    }

    /// The type that a recovery point's ARN names. AWS Backup's own ARNs (`…:recovery-point:…`) name
    /// none.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':').skip(1);
        let (service, resource) = (parts.next()?, parts.nth(2)?);
        match service {
            "ec2" if resource.starts_with("snapshot/") => Some(Self::Volume),
            "ec2" if resource.starts_with("image/") => Some(Self::Instance),
            "rds" if resource.starts_with("snapshot:") => Some(Self::Database),
            "rds" if resource.starts_with("cluster-snapshot:") => Some(Self::Cluster),
            "dynamodb" => Some(Self::Table),
            _ => None,
        }
    }

    /// Whether what is restored stands in a network.
    pub fn is_database(self) -> bool {
        self.row().sets.iter().any(|(_, put)| *put == Put::DbSubnetGroup)
    }

    /// Whether the restore makes a cluster without instances.
    pub fn is_cluster(self) -> bool {
        self.row().makes == Kind::DbCluster
    }

    /// What is wrong with a key that a playbook adds, and what to do.
    pub fn refusal(self, key: &str) -> Option<(String, String)> {
        let row = self.row();
        let is = |other: &&str| other.eq_ignore_ascii_case(key);
        if let Some((known, why)) = row.refuses.iter().find(|(known, _)| is(known)) {
            return Some((format!("`{known}` is refused: {why}"), "leave it out".to_owned()));
        }
        if let Some((known, _)) = row.sets.iter().find(|(known, _)| is(known)) {
            return Some((
                format!("`{known}` decides whether the restore lands in the sandbox, so Drillmaster sets it"),
                "leave it out".to_owned(),
            ));
        }
        if row.may.iter().any(|may| is(&may.key)) {
            return None;
        }
        let may: Vec<&str> = row.may.iter().map(|may| may.key).collect();
        Some((
            format!("whether `{key}` leads out of the sandbox is not known for {}", row.kind),
            format!("leave it out; the keys for {} are: {}", row.kind, may.join(", ")),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_type_and_no_key_stands_twice() {
        for (restorable, row) in Restorable::ALL.iter().zip(TABLE) {
            assert_eq!((row.restorable, Restorable::of(row.kind)), (*restorable, Some(*restorable)));
            let sets = row.sets.iter().map(|(key, _)| key.to_lowercase());
            let may = row.may.iter().map(|may| may.key.to_lowercase());
            let refuses = row.refuses.iter().map(|(key, _)| key.to_lowercase());
            let mut keys: Vec<String> = sets.chain(may).chain(refuses).collect();
            let count = keys.len();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), count, "{}", row.kind);
            assert!(!row.source.is_empty());
            assert!(NOT_ISOLATED.iter().all(|refused| refused.kind != row.kind));
        }
    }

    /// AWS Backup restores these (`estate::scope` says so of their points), and each has a verdict.
    #[test]
    fn every_type_that_aws_backup_protects_is_judged() {
        for row in
            estate::scope::TABLE.iter().filter(|row| row.protected_by.contains(&estate::PointKind::Backup))
        {
            let refused = NOT_ISOLATED.iter().any(|refused| refused.kind == row.kind);
            assert!(Restorable::of(row.kind).is_some() != refused, "{}", row.kind);
        }
    }

    #[test]
    fn keys_that_lead_out_are_refused_in_any_case() {
        for (restorable, key) in [
            (Restorable::Database, "PubliclyAccessible"),
            (Restorable::Instance, "IamInstanceProfileName"),
            (Restorable::FileSystem, "NewFileSystem"),
            (Restorable::Bucket, "DestinationBucketName"),
            (Restorable::Table, "somethingNew"),
        ] {
            assert!(restorable.refusal(key).is_some(), "{key}");
        }
        assert_eq!(Restorable::Instance.refusal("InstanceType"), None);
    }

    #[test]
    fn the_arn_of_a_point_tells_its_type_if_it_is_a_services_own() {
        let of = Restorable::of_arn;
        assert_eq!(of("arn:aws:ec2:us-west-2::snapshot/snap-1"), Some(Restorable::Volume));
        assert_eq!(of("arn:aws:ec2:us-west-2::image/ami-1"), Some(Restorable::Instance));
        assert_eq!(of("arn:aws:rds:us-west-2:9:snapshot:awsbackup:job-1"), Some(Restorable::Database));
        assert_eq!(of("arn:aws:rds:us-west-2:9:cluster-snapshot:awsbackup:job-1"), Some(Restorable::Cluster));
        assert_eq!(of("arn:aws:dynamodb:us-west-2:9:table/t/backup/1"), Some(Restorable::Table));
        assert_eq!(of("arn:aws:backup:us-west-2:9:recovery-point:1"), None);
    }
}
