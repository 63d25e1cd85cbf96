//! The permissions that each API call needs. This is the one table that turns calls into IAM
//! actions, resources and conditions.
//!
//! Sources: the Service Authorization Reference ("Actions, resources, and condition keys for Amazon
//! EC2", "… RDS", "… S3", "… CloudFormation", "… Backup", "… DynamoDB", "… Elastic File System",
//! "… Lambda", "… Service Quotas", "… Secrets Manager", "… Key
//! Management Service"). For S3 also the S3 user guide, "Required permissions for Amazon S3 API
//! operations".
//!
//! Resources are ARNs without `arn:PARTITION:`. They hold placeholders: `{r}` is the sandbox's
//! region, `{a}` the account, `{new}` the names of the run's resources, `{b}` the bucket of the
//! call.

use port::Restorable;
use template::operations::operations;

/// The condition of a permission, in addition to the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Restriction {
    /// The action lists or describes, and has no resources.
    Listing,
    /// The call creates the resource, and carries the tag `drillmaster:run` in the request.
    New,
    /// The resource exists and carries the tag `drillmaster:run`.
    OfTheRun,
    /// The resource exists since a restore job of the run made it, and gets the tag `drillmaster:run`
    /// in the request.
    Adopted,
    /// The resource exists, is not the run's own, and is only used: a snapshot, an image, a
    /// parameter group.
    Used,
    /// The name is the only condition. S3 has no conditions on bucket tags that hold for every
    /// bucket.
    Named,
    /// As `Named`, but only in a bucket of the role's own account. Bucket names are global, and
    /// data must not leave the account.
    OwnAccount,
}

/// A permission that a call needs.
pub struct Need {
    pub action: &'static str,
    pub on: &'static [&'static str],
    pub restriction: Restriction,
}

const fn need(action: &'static str, restriction: Restriction, on: &'static [&'static str]) -> Need {
    Need { action, on, restriction }
}

use Restriction::{Adopted, Listing, Named, New, OfTheRun, OwnAccount, Used};

const VPC: &[&str] = &["ec2:{r}:{a}:vpc/*"];
const SUBNET: &[&str] = &["ec2:{r}:{a}:subnet/*"];
const GROUP: &[&str] = &["ec2:{r}:{a}:security-group/*"];
// Snapshots and images have no account in their ARN.
const SNAPSHOT: &[&str] = &["ec2:{r}::snapshot/*"];
const IMAGE: &[&str] = &["ec2:{r}::image/*"];
const VOLUME: &[&str] = &["ec2:{r}:{a}:volume/*"];
const INSTANCE: &[&str] = &["ec2:{r}:{a}:instance/*"];
const KEY_PAIR: &[&str] = &["ec2:{r}:{a}:key-pair/*"];
const ADDRESS: &[&str] = &["ec2:{r}:{a}:elastic-ip/*"];
const DB: &[&str] = &["rds:{r}:{a}:db:{new}"];
const CLUSTER: &[&str] = &["rds:{r}:{a}:cluster:{new}"];
const DB_SNAPSHOT: &[&str] = &["rds:{r}:{a}:snapshot:{new}"];
const CLUSTER_SNAPSHOT: &[&str] = &["rds:{r}:{a}:cluster-snapshot:{new}"];
const SUBNET_GROUP: &[&str] = &["rds:{r}:{a}:subgrp:{new}"];
/// The subnet group and the settings of a restored database. The playbook may name groups that
/// exist in the account.
const DB_SURROUNDINGS: &[&str] = &["rds:{r}:{a}:og:*", "rds:{r}:{a}:pg:*", "rds:{r}:{a}:subgrp:{new}"];
const CLUSTER_SURROUNDINGS: &[&str] =
    &["rds:{r}:{a}:cluster-pg:*", "rds:{r}:{a}:og:*", "rds:{r}:{a}:subgrp:{new}"];
/// The ARN of a shared snapshot holds its owner's account. Copies are taken from any region.
const ANY_DB_SNAPSHOT: &[&str] = &["rds:*:*:snapshot:*"];
const ANY_CLUSTER_SNAPSHOT: &[&str] = &["rds:*:*:cluster-snapshot:*"];
const TABLES: &[&str] = &["dynamodb:{r}:{a}:table/{new}"];
const BUCKET: &[&str] = &["s3:::{b}"];
const OBJECTS: &[&str] = &["s3:::{b}/*"];
/// The ARNs of recovery points are those of the services, or AWS Backup's own.
const RECOVERY_POINTS: &[&str] = &[
    "backup:{r}:*:recovery-point:*",
    "dynamodb:{r}:*:table/*/backup/*",
    "ec2:{r}::image/*",
    "ec2:{r}::snapshot/*",
    "rds:{r}:*:cluster-snapshot:*",
    "rds:{r}:*:snapshot:*",
];
/// The same in the role's own account, in any region.
const OWN_RECOVERY_POINTS: &[&str] = &[
    "backup:*:{a}:recovery-point:*",
    "dynamodb:*:{a}:table/*/backup/*",
    "ec2:*::image/*",
    "ec2:*::snapshot/*",
    "rds:*:{a}:cluster-snapshot:*",
    "rds:*:{a}:snapshot:*",
];
/// Those of one type in the role's own account, or of every type. A point in an air-gapped vault has an
/// ARN of AWS Backup's own.
///
/// Source: AWS Backup guide, "Recovery point ARNs" and "Feature availability by resource".
pub fn recovery_points_of(kind: Option<Restorable>) -> &'static [&'static str] {
    match kind {
        None => OWN_RECOVERY_POINTS,
        Some(Restorable::Database) => &["backup:*:{a}:recovery-point:*", "rds:*:{a}:snapshot:awsbackup:*"],
        Some(Restorable::Cluster | Restorable::DocumentDb | Restorable::Neptune) => {
            &["backup:*:{a}:recovery-point:*", "rds:*:{a}:cluster-snapshot:awsbackup:*"]
        }
        Some(Restorable::Instance) => &["backup:*:{a}:recovery-point:*", "ec2:*::image/*"],
        Some(Restorable::Volume) => &["backup:*:{a}:recovery-point:*", "ec2:*::snapshot/*"],
        Some(Restorable::Table) => &["backup:*:{a}:recovery-point:*", "dynamodb:*:{a}:table/*/backup/*"],
        Some(Restorable::FileSystem | Restorable::Bucket) => &["backup:*:{a}:recovery-point:*"],
    }
}

const VAULT: &[&str] = &["backup:{r}:{a}:backup-vault:{new}"];
const FILE_SYSTEM: &[&str] = &["elasticfilesystem:{r}:{a}:file-system/*"];
const FUNCTION: &[&str] = &["lambda:{r}:{a}:function:{new}"];
const DOMAIN_LIST: &[&str] = &["route53resolver:{r}:{a}:firewall-domain-list/*"];
const RULE_GROUP: &[&str] = &["route53resolver:{r}:{a}:firewall-rule-group/*"];
const GROUP_ASSOCIATION: &[&str] = &["route53resolver:{r}:{a}:firewall-rule-group-association/*"];
const FIREWALL_CONFIG: &[&str] = &["route53resolver:{r}:{a}:firewall-config/*"];
const QUERY_LOG: &[&str] = &["route53resolver:{r}:{a}:resolver-query-log-config/*"];
const ZONE: &[&str] = &["route53:::hostedzone/*"];
const STACK: &[&str] = &["cloudformation:{r}:{a}:stack/{new}/*"];
const BACKUP_PLAN: &[&str] = &["backup:{r}:{a}:backup-plan:*"];

/// The row of a call that restores a DynamoDB table from this source.
macro_rules! restore_of_table {
    ($call:literal, $source:literal) => {
        (
            $call,
            &[
                need($call, Named, TABLES),
                need($call, Named, &[$source]),
                need("dynamodb:BatchWriteItem", Named, TABLES),
                need("dynamodb:DeleteItem", Named, TABLES),
                need("dynamodb:GetItem", Named, TABLES),
                need("dynamodb:PutItem", Named, TABLES),
                need("dynamodb:Query", Named, TABLES),
                need("dynamodb:Scan", Named, TABLES),
                need("dynamodb:UpdateItem", Named, TABLES),
            ],
        )
    };
}

/// The permissions of each call, with one entry for each action. Calls that only describe or list
/// are in [`is_listing`] instead.
#[rustfmt::skip]
pub const TABLE: &[(&str, &[Need])] = &[
    ("ec2:CreateVpc", &[need("ec2:CreateVpc", New, VPC)]),
    ("ec2:ModifyVpcAttribute", &[need("ec2:ModifyVpcAttribute", OfTheRun, VPC)]),
    ("ec2:DeleteVpc", &[need("ec2:DeleteVpc", OfTheRun, VPC)]),
    ("ec2:CreateSubnet", &[need("ec2:CreateSubnet", New, SUBNET), need("ec2:CreateSubnet", OfTheRun, VPC)]),
    ("ec2:ModifySubnetAttribute", &[need("ec2:ModifySubnetAttribute", OfTheRun, SUBNET)]),
    ("ec2:DeleteSubnet", &[need("ec2:DeleteSubnet", OfTheRun, SUBNET)]),
    ("ec2:CreateSecurityGroup", &[need("ec2:CreateSecurityGroup", New, GROUP), need("ec2:CreateSecurityGroup", OfTheRun, VPC)]),
    ("ec2:AuthorizeSecurityGroupIngress", &[need("ec2:AuthorizeSecurityGroupIngress", OfTheRun, GROUP)]),
    ("ec2:AuthorizeSecurityGroupEgress", &[need("ec2:AuthorizeSecurityGroupEgress", OfTheRun, GROUP)]),
    // This covers the default group of every new VPC too. That group cannot be tagged in the call
    // that creates the VPC. A permission to tag existing resources would defeat every condition on
    // the run's tag.
    ("ec2:RevokeSecurityGroupIngress", &[need("ec2:RevokeSecurityGroupIngress", Used, GROUP)]),
    ("ec2:RevokeSecurityGroupEgress", &[need("ec2:RevokeSecurityGroupEgress", Used, GROUP)]),
    ("ec2:DeleteSecurityGroup", &[need("ec2:DeleteSecurityGroup", OfTheRun, GROUP)]),
    // Since 2024, EC2 authorises the source as well as the copy. The copy has no id yet.
    ("ec2:CopySnapshot", &[need("ec2:CopySnapshot", New, SNAPSHOT), need("ec2:CopySnapshot", Used, &["ec2:*:*:snapshot/snap-*"])]),
    ("ec2:DeleteSnapshot", &[need("ec2:DeleteSnapshot", OfTheRun, SNAPSHOT)]),
    ("ec2:CopyImage", &[
        need("ec2:CopyImage", New, &["ec2:{r}::image/*", "ec2:{r}::snapshot/*"]),
        need("ec2:CopyImage", Used, &["ec2:*::image/ami-*", "ec2:*:*:snapshot/snap-*"]),
    ]),
    ("ec2:DeregisterImage", &[need("ec2:DeregisterImage", OfTheRun, IMAGE)]),
    ("ec2:CreateVolume", &[need("ec2:CreateVolume", New, VOLUME), need("ec2:CreateVolume", Used, SNAPSHOT)]),
    ("ec2:DeleteVolume", &[need("ec2:DeleteVolume", OfTheRun, VOLUME)]),
    ("ec2:RunInstances", &[
        need("ec2:RunInstances", New, &["ec2:{r}:{a}:instance/*", "ec2:{r}:{a}:network-interface/*", "ec2:{r}:{a}:volume/*"]),
        need("ec2:RunInstances", OfTheRun, &["ec2:{r}:{a}:subnet/*"]),
        // The playbook may name key pairs and security groups that exist in the account.
        need("ec2:RunInstances", Used, &["ec2:{r}::image/*", "ec2:{r}::snapshot/*", "ec2:{r}:{a}:key-pair/*", "ec2:{r}:{a}:security-group/*"]),
    ]),
    ("ec2:AttachVolume", &[need("ec2:AttachVolume", OfTheRun, VOLUME), need("ec2:AttachVolume", OfTheRun, INSTANCE)]),
    ("ec2:TerminateInstances", &[need("ec2:TerminateInstances", OfTheRun, INSTANCE)]),
    ("ec2:ImportKeyPair", &[need("ec2:ImportKeyPair", New, KEY_PAIR)]),
    ("ec2:DeleteKeyPair", &[need("ec2:DeleteKeyPair", OfTheRun, KEY_PAIR)]),
    ("ec2:AllocateAddress", &[need("ec2:AllocateAddress", New, ADDRESS)]),
    ("ec2:DisassociateAddress", &[
        need("ec2:DisassociateAddress", OfTheRun, ADDRESS),
        need("ec2:DisassociateAddress", Used, &["ec2:{r}:{a}:network-interface/*"]),
    ]),
    ("ec2:ReleaseAddress", &[need("ec2:ReleaseAddress", OfTheRun, ADDRESS)]),

    ("rds:CreateDBSubnetGroup", &[need("rds:CreateDBSubnetGroup", New, SUBNET_GROUP), need("rds:AddTagsToResource", New, SUBNET_GROUP)]),
    ("rds:DeleteDBSubnetGroup", &[need("rds:DeleteDBSubnetGroup", OfTheRun, SUBNET_GROUP)]),
    ("rds:CopyDBSnapshot", &[
        need("rds:CopyDBSnapshot", New, DB_SNAPSHOT),
        need("rds:CopyDBSnapshot", Used, ANY_DB_SNAPSHOT),
        need("rds:CopyDBSnapshot", Used, &["rds:{r}:{a}:og:*"]),
        need("rds:AddTagsToResource", New, DB_SNAPSHOT),
    ]),
    ("rds:DeleteDBSnapshot", &[need("rds:DeleteDBSnapshot", OfTheRun, DB_SNAPSHOT)]),
    ("rds:CopyDBClusterSnapshot", &[
        need("rds:CopyDBClusterSnapshot", New, CLUSTER_SNAPSHOT),
        need("rds:CopyDBClusterSnapshot", Used, ANY_CLUSTER_SNAPSHOT),
        need("rds:AddTagsToResource", New, CLUSTER_SNAPSHOT),
    ]),
    ("rds:DeleteDBClusterSnapshot", &[need("rds:DeleteDBClusterSnapshot", OfTheRun, CLUSTER_SNAPSHOT)]),
    ("rds:RestoreDBInstanceFromDBSnapshot", &[
        need("rds:RestoreDBInstanceFromDBSnapshot", New, DB),
        need("rds:RestoreDBInstanceFromDBSnapshot", Used, &["rds:{r}:*:snapshot:*"]),
        need("rds:RestoreDBInstanceFromDBSnapshot", Used, DB_SURROUNDINGS),
        need("rds:AddTagsToResource", New, DB),
    ]),
    ("rds:RestoreDBInstanceToPointInTime", &[
        need("rds:RestoreDBInstanceToPointInTime", New, DB),
        need("rds:RestoreDBInstanceToPointInTime", Used, &["rds:{r}:{a}:auto-backup:*", "rds:{r}:{a}:db:*"]),
        need("rds:RestoreDBInstanceToPointInTime", Used, DB_SURROUNDINGS),
        need("rds:AddTagsToResource", New, DB),
    ]),
    ("rds:RestoreDBClusterFromSnapshot", &[
        need("rds:RestoreDBClusterFromSnapshot", New, CLUSTER),
        need("rds:RestoreDBClusterFromSnapshot", Used, &["rds:{r}:*:cluster-snapshot:*", "rds:{r}:*:snapshot:*"]),
        need("rds:RestoreDBClusterFromSnapshot", Used, CLUSTER_SURROUNDINGS),
        need("rds:AddTagsToResource", New, CLUSTER),
    ]),
    ("rds:RestoreDBClusterToPointInTime", &[
        need("rds:RestoreDBClusterToPointInTime", New, CLUSTER),
        need("rds:RestoreDBClusterToPointInTime", Used, &["rds:{r}:{a}:cluster-auto-backup:*", "rds:{r}:{a}:cluster:*"]),
        need("rds:RestoreDBClusterToPointInTime", Used, CLUSTER_SURROUNDINGS),
        need("rds:AddTagsToResource", New, CLUSTER),
    ]),
    ("rds:CreateDBInstance", &[
        need("rds:CreateDBInstance", New, DB),
        need("rds:CreateDBInstance", OfTheRun, CLUSTER),
        need("rds:CreateDBInstance", Used, DB_SURROUNDINGS),
        need("rds:AddTagsToResource", New, DB),
    ]),
    ("rds:CreateDBInstanceReadReplica", &[
        need("rds:CreateDBInstanceReadReplica", New, DB),
        need("rds:CreateDBInstanceReadReplica", Used, &["rds:*:{a}:cluster:*", "rds:*:{a}:db:*"]),
        need("rds:CreateDBInstanceReadReplica", Used, DB_SURROUNDINGS),
        need("rds:AddTagsToResource", New, DB),
    ]),
    ("rds:PromoteReadReplica", &[need("rds:PromoteReadReplica", OfTheRun, DB)]),
    ("rds:ModifyDBInstance", &[need("rds:ModifyDBInstance", OfTheRun, DB)]),
    ("rds:DeleteDBInstance", &[need("rds:DeleteDBInstance", OfTheRun, DB)]),
    ("rds:ModifyDBCluster", &[need("rds:ModifyDBCluster", OfTheRun, CLUSTER)]),
    // The final snapshot is among its resources, though teardown does not take one.
    ("rds:DeleteDBCluster", &[need("rds:DeleteDBCluster", OfTheRun, CLUSTER), need("rds:DeleteDBCluster", Used, CLUSTER_SNAPSHOT)]),

    // DynamoDB evaluates the tags of a table only in accounts that have asked for it, so the names
    // are the condition. A restore reads and writes the new table with the caller's permissions
    // (DynamoDB developer guide, "Using IAM with DynamoDB backup and restore").
    restore_of_table!("dynamodb:RestoreTableFromBackup", "dynamodb:*:{a}:table/*/backup/*"),
    restore_of_table!("dynamodb:RestoreTableToPointInTime", "dynamodb:*:{a}:table/*"),
    ("dynamodb:TagResource", &[need("dynamodb:TagResource", Named, TABLES)]),
    ("dynamodb:UpdateTimeToLive", &[need("dynamodb:UpdateTimeToLive", Named, TABLES)]),
    ("dynamodb:UpdateTable", &[need("dynamodb:UpdateTable", Named, TABLES)]),
    ("dynamodb:UpdateContinuousBackups", &[need("dynamodb:UpdateContinuousBackups", Named, TABLES)]),
    ("dynamodb:DeleteTable", &[need("dynamodb:DeleteTable", Named, TABLES)]),
    ("dynamodb:GetItem", &[need("dynamodb:GetItem", Named, TABLES)]),
    ("dynamodb:Scan", &[need("dynamodb:Scan", Named, TABLES)]),

    // The action has another name, and its resource is not a bucket.
    ("s3:ListBuckets", &[need("s3:ListAllMyBuckets", Listing, &["*"])]),
    // A bucket is created with its tags, which S3 authorises separately (`s3:TagResource`).
    ("s3:CreateBucket", &[need("s3:CreateBucket", Named, BUCKET), need("s3:TagResource", Named, BUCKET)]),
    ("s3:DeleteBucket", &[need("s3:DeleteBucket", OwnAccount, BUCKET)]),
    ("s3:HeadBucket", &[need("s3:ListBucket", Named, BUCKET)]),
    ("s3:GetBucketLocation", &[need("s3:GetBucketLocation", Named, BUCKET)]),
    // Covers every bucket, since only the tags show which new buckets belong to the run.
    ("s3:GetBucketTagging", &[need("s3:GetBucketTagging", Named, &["s3:::*"])]),
    ("s3:PutBucketTagging", &[need("s3:PutBucketTagging", OwnAccount, BUCKET)]),
    ("s3:PutPublicAccessBlock", &[need("s3:PutBucketPublicAccessBlock", OwnAccount, BUCKET)]),
    ("s3:PutBucketEncryption", &[need("s3:PutEncryptionConfiguration", OwnAccount, BUCKET)]),
    ("s3:GetPublicAccessBlock", &[need("s3:GetBucketPublicAccessBlock", Named, BUCKET)]),
    ("s3:GetBucketPolicy", &[need("s3:GetBucketPolicy", Named, BUCKET)]),
    ("s3:GetBucketVersioning", &[need("s3:GetBucketVersioning", Named, BUCKET)]),
    ("s3:ListObjectsV2", &[need("s3:ListBucket", Named, BUCKET)]),
    ("s3:ListObjectVersions", &[need("s3:ListBucketVersions", Named, BUCKET)]),
    ("s3:ListMultipartUploads", &[need("s3:ListBucketMultipartUploads", Named, BUCKET)]),
    ("s3:HeadObject", &[need("s3:GetObject", Named, OBJECTS), need("s3:GetObjectVersion", Named, OBJECTS)]),
    ("s3:GetObject", &[need("s3:GetObject", Named, OBJECTS), need("s3:GetObjectVersion", Named, OBJECTS)]),
    ("s3:GetObjectTagging", &[need("s3:GetObjectTagging", Named, OBJECTS), need("s3:GetObjectVersionTagging", Named, OBJECTS)]),
    // The copy keeps the tags of the source.
    ("s3:CopyObject", &[need("s3:PutObject", OwnAccount, OBJECTS), need("s3:PutObjectTagging", OwnAccount, OBJECTS)]),
    ("s3:PutObject", &[need("s3:PutObject", OwnAccount, OBJECTS), need("s3:PutObjectTagging", OwnAccount, OBJECTS)]),
    ("s3:CreateMultipartUpload", &[need("s3:PutObject", OwnAccount, OBJECTS), need("s3:PutObjectTagging", OwnAccount, OBJECTS)]),
    ("s3:UploadPart", &[need("s3:PutObject", OwnAccount, OBJECTS)]),
    ("s3:UploadPartCopy", &[need("s3:PutObject", OwnAccount, OBJECTS)]),
    ("s3:CompleteMultipartUpload", &[need("s3:PutObject", OwnAccount, OBJECTS)]),
    ("s3:AbortMultipartUpload", &[need("s3:AbortMultipartUpload", OwnAccount, OBJECTS)]),
    ("s3:DeleteObject", &[need("s3:DeleteObject", OwnAccount, OBJECTS), need("s3:DeleteObjectVersion", OwnAccount, OBJECTS)]),
    ("s3:DeleteObjects", &[need("s3:DeleteObject", OwnAccount, OBJECTS), need("s3:DeleteObjectVersion", OwnAccount, OBJECTS)]),

    // A stack is created with its tags, which CloudFormation authorises separately.
    ("cloudformation:CreateStack", &[need("cloudformation:CreateStack", New, STACK), need("cloudformation:TagResource", New, STACK)]),
    ("cloudformation:DeleteStack", &[need("cloudformation:DeleteStack", OfTheRun, STACK)]),
    ("cloudformation:DescribeStackEvents", &[need("cloudformation:DescribeStackEvents", Named, STACK)]),
    ("cloudformation:ListStackResources", &[need("cloudformation:ListStackResources", Named, STACK)]),
    ("cloudformation:GetTemplate", &[need("cloudformation:GetTemplate", Named, STACK)]),

    ("backup:ListBackupPlans", &[need("backup:ListBackupPlans", Listing, &["*"])]),
    ("backup:ListBackupSelections", &[need("backup:ListBackupSelections", Named, BACKUP_PLAN)]),
    ("backup:GetBackupSelection", &[need("backup:GetBackupSelection", Named, BACKUP_PLAN)]),
    // AWS Backup makes the resources with the restore role. The drill passes that role, and tags what
    // was made. Machines, volumes and file systems have no name by which they could be told apart.
    ("backup:StartRestoreJob", &[need("backup:StartRestoreJob", Used, RECOVERY_POINTS)]),
    ("backup:DescribeRestoreJob", &[need("backup:DescribeRestoreJob", Listing, &["*"])]),
    ("backup:GetRestoreJobMetadata", &[need("backup:GetRestoreJobMetadata", Listing, &["*"])]),
    ("backup:ListRestoreJobs", &[need("backup:ListRestoreJobs", Listing, &["*"])]),
    ("backup:GetBackupVaultAccessPolicy", &[need("backup:GetBackupVaultAccessPolicy", Used, &["backup:*:{a}:backup-vault:*"])]),
    // AWS Backup tags a new vault in the same call, and authorises the tagging and its storage
    // separately (AWS Backup guide, "API permissions").
    ("backup:CreateBackupVault", &[
        need("backup:CreateBackupVault", New, VAULT),
        need("backup:TagResource", New, VAULT),
        need("backup-storage:MountCapsule", Listing, &["*"]),
    ]),
    ("backup:PutBackupVaultAccessPolicy", &[need("backup:PutBackupVaultAccessPolicy", OfTheRun, VAULT)]),
    ("backup:DeleteBackupVault", &[need("backup:DeleteBackupVault", OfTheRun, VAULT)]),
    // Copies carry the tags of their originals, and their ARNs name no vault.
    ("backup:DeleteRecoveryPoint", &[need("backup:DeleteRecoveryPoint", Used, OWN_RECOVERY_POINTS)]),
    ("backup:ListTags", &[need("backup:ListTags", Named, VAULT)]),
    ("backup:StartCopyJob", &[need("backup:StartCopyJob", Used, OWN_RECOVERY_POINTS)]),
    ("cloudformation:GetResource", &[need("cloudformation:GetResource", Listing, &["*"])]),
    ("kms:ListAliases", &[need("kms:ListAliases", Listing, &["*"])]),
    ("backup:DescribeCopyJob", &[need("backup:DescribeCopyJob", Listing, &["*"])]),
    ("backup:ListBackupVaults", &[need("backup:ListBackupVaults", Listing, &["*"])]),
    ("backup:ListCopyJobs", &[need("backup:ListCopyJobs", Listing, &["*"])]),
    ("backup:ListRecoveryPointsByBackupVault", &[need("backup:ListRecoveryPointsByBackupVault", Used, &["backup:*:*:backup-vault:*"])]),
    ("rds:AddTagsToResource/db", &[need("rds:AddTagsToResource", New, DB)]),
    ("rds:AddTagsToResource/cluster", &[need("rds:AddTagsToResource", New, CLUSTER)]),
    ("ec2:CreateTags/instance", &[need("ec2:CreateTags", Adopted, &["ec2:{r}:{a}:instance/*", "ec2:{r}:{a}:volume/*"])]),
    ("ec2:CreateTags/volume", &[need("ec2:CreateTags", Adopted, VOLUME)]),
    ("elasticfilesystem:DescribeFileSystems", &[need("elasticfilesystem:DescribeFileSystems", Used, FILE_SYSTEM)]),
    ("elasticfilesystem:TagResource", &[need("elasticfilesystem:TagResource", Adopted, FILE_SYSTEM)]),
    ("elasticfilesystem:DeleteFileSystem", &[need("elasticfilesystem:DeleteFileSystem", OfTheRun, FILE_SYSTEM)]),
    // EFS makes and deletes the interface of a mount target with the caller's permissions.
    ("elasticfilesystem:CreateMountTarget", &[
        need("elasticfilesystem:CreateMountTarget", OfTheRun, FILE_SYSTEM),
        need("ec2:CreateNetworkInterface", Used, &["ec2:{r}:{a}:network-interface/*", "ec2:{r}:{a}:security-group/*", "ec2:{r}:{a}:subnet/*"]),
        need("ec2:DescribeNetworkInterfaces", Listing, &["*"]),
        need("ec2:DescribeSubnets", Listing, &["*"]),
    ]),
    ("elasticfilesystem:DescribeMountTargets", &[need("elasticfilesystem:DescribeMountTargets", Used, FILE_SYSTEM)]),
    ("elasticfilesystem:DeleteMountTarget", &[
        need("elasticfilesystem:DeleteMountTarget", OfTheRun, FILE_SYSTEM),
        need("ec2:DeleteNetworkInterface", Used, &["ec2:{r}:{a}:network-interface/*"]),
    ]),
    // Lambda looks at the network with the caller's permissions, and shows tags only to whoever may list
    // them (API reference, `CreateFunction` and `GetFunction`).
    ("lambda:CreateFunction", &[
        need("lambda:CreateFunction", New, FUNCTION),
        need("lambda:TagResource", New, FUNCTION),
        need("ec2:DescribeSecurityGroups", Listing, &["*"]),
        need("ec2:DescribeSubnets", Listing, &["*"]),
        need("ec2:DescribeVpcs", Listing, &["*"]),
    ]),
    ("lambda:GetFunction", &[need("lambda:GetFunction", Named, FUNCTION), need("lambda:ListTags", Named, FUNCTION)]),
    ("lambda:Invoke", &[need("lambda:InvokeFunction", OfTheRun, FUNCTION)]),
    ("lambda:DeleteFunction", &[need("lambda:DeleteFunction", OfTheRun, FUNCTION)]),
    ("lambda:ListFunctions", &[need("lambda:ListFunctions", Listing, &["*"])]),
    ("lambda:ListTags", &[need("lambda:ListTags", Named, FUNCTION)]),
    // A list's names are changed right after it was made, and a rule needs the group alone.
    ("route53resolver:CreateFirewallDomainList", &[
        need("route53resolver:CreateFirewallDomainList", New, DOMAIN_LIST),
        need("route53resolver:TagResource", New, DOMAIN_LIST),
    ]),
    ("route53resolver:UpdateFirewallDomains", &[need("route53resolver:UpdateFirewallDomains", OfTheRun, DOMAIN_LIST)]),
    ("route53resolver:GetFirewallDomainList", &[need("route53resolver:GetFirewallDomainList", Used, DOMAIN_LIST)]),
    ("route53resolver:DeleteFirewallDomainList", &[need("route53resolver:DeleteFirewallDomainList", OfTheRun, DOMAIN_LIST)]),
    ("route53resolver:CreateFirewallRuleGroup", &[
        need("route53resolver:CreateFirewallRuleGroup", New, RULE_GROUP),
        need("route53resolver:TagResource", New, RULE_GROUP),
    ]),
    ("route53resolver:CreateFirewallRule", &[
        need("route53resolver:CreateFirewallRule", OfTheRun, RULE_GROUP),
        need("route53resolver:CreateFirewallRule", OfTheRun, DOMAIN_LIST),
    ]),
    ("route53resolver:ListFirewallRules", &[need("route53resolver:ListFirewallRules", Used, RULE_GROUP)]),
    ("route53resolver:DeleteFirewallRule", &[
        need("route53resolver:DeleteFirewallRule", OfTheRun, RULE_GROUP),
        need("route53resolver:DeleteFirewallRule", OfTheRun, DOMAIN_LIST),
    ]),
    // The resolver looks at the network with the caller's permissions.
    ("route53resolver:AssociateFirewallRuleGroup", &[
        need("route53resolver:AssociateFirewallRuleGroup", New, GROUP_ASSOCIATION),
        need("route53resolver:TagResource", New, GROUP_ASSOCIATION),
        need("ec2:DescribeVpcs", Listing, &["*"]),
    ]),
    ("route53resolver:ListFirewallRuleGroupAssociations", &[need("route53resolver:ListFirewallRuleGroupAssociations", Listing, &["*"])]),
    ("route53resolver:DisassociateFirewallRuleGroup", &[need("route53resolver:DisassociateFirewallRuleGroup", OfTheRun, GROUP_ASSOCIATION)]),
    ("route53resolver:GetFirewallConfig", &[
        need("route53resolver:GetFirewallConfig", Used, FIREWALL_CONFIG),
        need("ec2:DescribeVpcs", Listing, &["*"]),
    ]),
    ("route53resolver:GetFirewallRuleGroup", &[need("route53resolver:GetFirewallRuleGroup", Used, RULE_GROUP)]),
    ("route53resolver:DeleteFirewallRuleGroup", &[need("route53resolver:DeleteFirewallRuleGroup", OfTheRun, RULE_GROUP)]),
    // The delivery is set up with the caller's permissions (CloudWatch Logs user guide, "Enable logging
    // from AWS services").
    ("route53resolver:CreateResolverQueryLogConfig", &[
        need("route53resolver:CreateResolverQueryLogConfig", New, QUERY_LOG),
        need("route53resolver:TagResource", New, QUERY_LOG),
        need("s3:GetBucketPolicy", OwnAccount, BUCKET),
        need("logs:CreateLogDelivery", Listing, &["*"]),
        need("logs:GetLogDelivery", Listing, &["*"]),
        need("logs:UpdateLogDelivery", Listing, &["*"]),
        need("logs:ListLogDeliveries", Listing, &["*"]),
    ]),
    ("route53resolver:AssociateResolverQueryLogConfig", &[
        need("route53resolver:AssociateResolverQueryLogConfig", OfTheRun, QUERY_LOG),
        need("ec2:DescribeVpcs", Listing, &["*"]),
    ]),
    ("route53resolver:ListResolverQueryLogConfigAssociations", &[need("route53resolver:ListResolverQueryLogConfigAssociations", Listing, &["*"])]),
    ("route53resolver:GetResolverQueryLogConfig", &[need("route53resolver:GetResolverQueryLogConfig", Used, QUERY_LOG)]),
    ("route53resolver:DisassociateResolverQueryLogConfig", &[need("route53resolver:DisassociateResolverQueryLogConfig", OfTheRun, QUERY_LOG)]),
    ("route53resolver:DeleteResolverQueryLogConfig", &[
        need("route53resolver:DeleteResolverQueryLogConfig", OfTheRun, QUERY_LOG),
        need("logs:DeleteLogDelivery", Listing, &["*"]),
    ]),
    ("route53resolver:ListFirewallDomainLists", &[need("route53resolver:ListFirewallDomainLists", Listing, &["*"])]),
    ("route53resolver:ListFirewallRuleGroups", &[need("route53resolver:ListFirewallRuleGroups", Listing, &["*"])]),
    ("route53resolver:ListResolverQueryLogConfigs", &[need("route53resolver:ListResolverQueryLogConfigs", Listing, &["*"])]),
    ("route53resolver:ListTagsForResource", &[
        need("route53resolver:ListTagsForResource", Used, DOMAIN_LIST),
        need("route53resolver:ListTagsForResource", Used, RULE_GROUP),
        need("route53resolver:ListTagsForResource", Used, QUERY_LOG),
    ]),
    ("s3:PutBucketPolicy", &[need("s3:PutBucketPolicy", OwnAccount, BUCKET)]),
    // Route 53 knows no condition on the tags of a zone. The zone's own tag and comment are read before
    // each change.
    ("route53:CreateHostedZone", &[
        need("route53:CreateHostedZone", Listing, &["*"]),
        need("ec2:DescribeVpcs", Listing, &["*"]),
    ]),
    ("route53:ChangeTagsForResource", &[need("route53:ChangeTagsForResource", Used, ZONE)]),
    ("route53:GetHostedZone", &[need("route53:GetHostedZone", Used, ZONE)]),
    ("route53:ChangeResourceRecordSets", &[need("route53:ChangeResourceRecordSets", Used, ZONE)]),
    ("route53:GetChange", &[need("route53:GetChange", Used, &["route53:::change/*"])]),
    ("route53:DeleteHostedZone", &[need("route53:DeleteHostedZone", Used, ZONE)]),
    ("s3:PutBucketVersioning", &[need("s3:PutBucketVersioning", OwnAccount, BUCKET)]),

    ("servicequotas:GetServiceQuota/ec2", &[need("servicequotas:GetServiceQuota", Named, &["servicequotas:{r}:{a}:ec2/L-1216C47A"])]),
    // Service Quotas asks RDS with the caller's permissions (Service Quotas user guide, "Security").
    ("servicequotas:GetServiceQuota/rds", &[
        need("servicequotas:GetServiceQuota", Named, &["servicequotas:{r}:{a}:rds/L-7B6409FD"]),
        need("rds:DescribeAccountAttributes", Listing, &["*"]),
    ]),
];

/// Whether a call needs one action of the same name on all resources. EC2's `Describe…` and Route
/// 53's lists have no resources. RDS, CloudFormation and the logs are asked without a name.
/// DynamoDB is asked about each table.
pub fn is_listing(call: &str) -> bool {
    let Some((service, operation)) = call.split_once(':') else { return false };
    matches!(service, "ec2" | "rds" | "dynamodb" | "cloudformation" | "route53" | "logs")
        && (operation.starts_with("Describe") || operation.starts_with("List"))
}

/// Whether a service has no regions. Its requests count as sent to the region of the partition's
/// control plane.
pub fn is_global(call: &str) -> bool {
    call.starts_with("route53:")
}

/// The calls that CloudFormation makes besides creating and deleting a resource, for the types of
/// which they are known. They come from the handlers in the schemas of the resource types.
const BESIDES: &[(&str, &[&str])] = &[
    (
        "AWS::EC2::SecurityGroup",
        &[
            "ec2:DescribeSecurityGroups",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
        ],
    ),
    ("AWS::EC2::SecurityGroupIngress", &["ec2:DescribeSecurityGroups"]),
    ("AWS::EC2::SecurityGroupEgress", &["ec2:DescribeSecurityGroups"]),
];

/// The calls that CloudFormation makes with the caller's permissions to create and delete a
/// resource of this type. The resource gets the tags of the stack. `None`: not all are known.
pub fn of_resource_type(kind: &str) -> Option<Vec<&'static str>> {
    let made_by = operations(kind)?;
    let besides = BESIDES.iter().find(|(known, _)| *known == kind).map(|(_, calls)| *calls);
    match (besides, made_by.all().next()) {
        (Some(besides), _) => Some(made_by.all().chain(besides.iter().copied()).collect()),
        // CloudFormation makes it without any service.
        (None, None) => Some(Vec::new()),
        (None, Some(_)) => None,
    }
}

/// The calls that AWS makes with the caller's permissions for an encryption key: EBS user guide,
/// "Permissions to use AWS KMS keys"; RDS user guide, "Encrypting Amazon RDS resources".
pub const KEY: &[&str] = &[
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// What AWS Backup checks of the caller for the key of a new vault, besides [`KEY`]: AWS Backup guide, "API
/// permissions", `CreateBackupVault`.
pub const KEY_OF_A_VAULT: &[&str] = &["kms:GenerateDataKey", "kms:RetireGrant"];
