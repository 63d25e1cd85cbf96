//! The AWS calls that the harness makes itself, around a playbook's steps. Each list names the
//! place of its calls. `crate::policy` derives a policy from these lists and from the declarations
//! of actions and checks. Tests run drills against an AWS API that enforces these policies, which
//! keeps the lists complete.

use estate::PointKind;
use port::{CreateCall, LiveKind, Restorable};

/// The lists below. `policy::declared` adds the calls of actions and checks, the survey and the
/// undoing.
pub const ALL: [&[&str]; 19] = [
    PREFLIGHT,
    FOR_INSTANCES,
    FOR_DATABASES,
    FOR_DB_CLASSES,
    NETWORK,
    DB_SUBNET_GROUP,
    BUCKET,
    VERSIONED_BUCKET,
    VAULT,
    PROBE,
    NAMES,
    OVERRIDES,
    ZONES,
    COPY_OUT,
    COPIED_KEY,
    START_COPY,
    ISOLATION,
    CLOSED_RESOLVER,
    TAGGED,
];

/// Before T0, in the sandbox's place: the zones, the free ranges, and the backup plans that may take
/// what the drill restores.
pub const PREFLIGHT: &[&str] = &[
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeVpcs",
    "backup:ListBackupPlans",
    "backup:ListBackupSelections",
    "backup:GetBackupSelection",
];

/// For plans that launch instances: their quota, and the zones that offer their types.
pub const FOR_INSTANCES: &[&str] = &[
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "servicequotas:GetServiceQuota/ec2",
];

/// For plans that restore databases: their quota.
pub const FOR_DATABASES: &[&str] = &["rds:DescribeDBInstances", "servicequotas:GetServiceQuota/rds"];

/// For databases whose engine and class are known before the restore.
pub const FOR_DB_CLASSES: &[&str] = &["rds:DescribeOrderableDBInstanceOptions"];

/// Prepare: the sandbox's network.
pub const NETWORK: &[&str] = &[
    "ec2:CreateVpc",
    "ec2:ModifyVpcAttribute",
    "ec2:DescribeVpcs",
    "ec2:CreateSubnet",
    "ec2:ModifySubnetAttribute",
    "ec2:DescribeSubnets",
    "ec2:CreateSecurityGroup",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:DescribeSecurityGroups",
];

/// Prepare: for databases.
pub const DB_SUBNET_GROUP: &[&str] =
    &["rds:CreateDBSubnetGroup", "rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"];

/// Prepare: a bucket to restore into.
pub const BUCKET: &[&str] = &[
    "s3:CreateBucket",
    "s3:GetBucketTagging",
    "s3:PutBucketTagging",
    "s3:PutPublicAccessBlock",
    "s3:PutBucketEncryption",
    "s3:HeadBucket",
];

/// Prepare: a bucket that keeps versions, besides the calls for every bucket.
pub const VERSIONED_BUCKET: &[&str] = &["s3:PutBucketVersioning"];

/// Prepare: a vault for copies of recovery points.
pub const VAULT: &[&str] =
    &["backup:CreateBackupVault", "backup:PutBackupVaultAccessPolicy", "backup:ListBackupVaults"];

/// Prepare: the probe that asks checks from inside; and its invocations.
pub const PROBE: &[&str] = &["lambda:CreateFunction", "lambda:GetFunction", "lambda:Invoke"];

/// Prepare: the firewall of a closed resolver, and its log; after the recovery: to read it.
pub const NAMES: &[&str] = &[
    "route53resolver:CreateFirewallDomainList",
    "route53resolver:UpdateFirewallDomains",
    "route53resolver:GetFirewallDomainList",
    "route53resolver:CreateFirewallRuleGroup",
    "route53resolver:CreateFirewallRule",
    "route53resolver:ListFirewallRules",
    "route53resolver:AssociateFirewallRuleGroup",
    "route53resolver:ListFirewallRuleGroupAssociations",
    "route53resolver:GetFirewallRuleGroup",
    "s3:PutBucketPolicy",
    "route53resolver:CreateResolverQueryLogConfig",
    "route53resolver:AssociateResolverQueryLogConfig",
    "route53resolver:ListResolverQueryLogConfigAssociations",
    "route53resolver:GetResolverQueryLogConfig",
    "s3:ListObjectsV2",
    "s3:GetObject",
];

/// After T0: a name of the sandbox that the firewall answers.
pub const OVERRIDES: &[&str] = &["route53resolver:CreateFirewallRule"];

/// Prepare: the zones of the names that the sandbox answers; and after T0 their records.
pub const ZONES: &[&str] = &[
    "route53:CreateHostedZone",
    "route53:ChangeTagsForResource",
    "route53:GetHostedZone",
    "route53:ChangeResourceRecordSets",
    "route53:GetChange",
];

/// In the account and region of a recovery point that is copied into the sandbox: to start the copy job,
/// and to look at it.
pub const COPY_OUT: &[&str] = &["backup:DescribeCopyJob", "backup:ListCopyJobs"];

/// The same. The policy allows it for the recovery points that the step may copy.
pub const START_COPY: &[&str] = &["backup:StartCopyJob"];

/// Before T0, where a copy to another account begins: whether AWS manages the key of its original.
pub const COPIED_KEY: &[&str] =
    &["cloudformation:GetResource", "cloudformation:ListResources", "kms:ListAliases"];

/// The isolation scan in the sandbox's place (`Cloud::exposures`).
pub const ISOLATION: &[&str] = port::SCAN_CALLS;

/// The same, where the sandbox's resolver is closed.
pub const CLOSED_RESOLVER: &[&str] = port::RESOLVER_CALLS;

/// Teardown's search for resources with the run's tag, for every kind that a drill may create
/// (`Cloud::tagged`).
pub const TAGGED: &[&str] = &[
    "backup:ListBackupVaults",
    "backup:ListTags",
    // Describing stacks without a name lists all of them (Service Authorization Reference).
    "cloudformation:DescribeStacks",
    "cloudformation:ListStacks",
    "dynamodb:DescribeTable",
    "dynamodb:ListTables",
    "dynamodb:ListTagsOfResource",
    "ec2:DescribeAddresses",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "ec2:DescribeVpcs",
    "elasticfilesystem:DescribeFileSystems",
    "lambda:ListFunctions",
    "lambda:ListTags",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBSubnetGroups",
    "rds:ListTagsForResource",
    "route53:ListHostedZones",
    "route53:ListTagsForResource",
    "route53resolver:ListFirewallDomainLists",
    "route53resolver:ListFirewallRuleGroups",
    "route53resolver:ListResolverQueryLogConfigs",
    "route53resolver:ListTagsForResource",
    "s3:GetBucketLocation",
    "s3:GetBucketTagging",
    "s3:ListBuckets",
];

/// Before T0, in every surviving account and region: the recovery points
/// (`Cloud::recovery_points`). The S3 calls are only for the bucket that a step names.
///
/// `of`: the type of the resource whose points they are, if the step names it.
pub fn survey(kind: PointKind, of: Option<&str>) -> &'static [&'static str] {
    match kind {
        PointKind::EbsSnapshot => &["ec2:DescribeSnapshots", "ec2:DescribeSnapshotAttribute"],
        PointKind::Ami => &["ec2:DescribeImages", "ec2:DescribeImageAttribute", "ec2:DescribeSnapshots"],
        PointKind::RdsSnapshot => {
            &["rds:DescribeDBSnapshots", "rds:DescribeDBSnapshotAttributes", "rds:DescribeOptionGroups"]
        }
        PointKind::RdsClusterSnapshot => {
            &["rds:DescribeDBClusterSnapshots", "rds:DescribeDBClusterSnapshotAttributes"]
        }
        PointKind::RdsPitr if of == Some("rds:cluster") => {
            &["rds:DescribeDBClusters", "rds:DescribeDBClusterAutomatedBackups"]
        }
        PointKind::RdsPitr => &["rds:DescribeDBInstances", "rds:DescribeDBInstanceAutomatedBackups"],
        PointKind::RdsReplica => &["rds:DescribeDBInstances"],
        PointKind::S3Replica => &["s3:HeadBucket"],
        PointKind::S3Versions => &["s3:HeadBucket", "s3:GetBucketVersioning"],
        PointKind::DynamodbPitr => &[
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTable",
            "dynamodb:ListTables",
            "dynamodb:ListTagsOfResource",
        ],
        PointKind::DynamodbBackup => &[
            "dynamodb:DescribeBackup",
            "dynamodb:DescribeTable",
            "dynamodb:ListBackups",
            "dynamodb:ListTables",
            "dynamodb:ListTagsOfResource",
        ],
        PointKind::Backup => &[
            "backup:GetBackupVaultAccessPolicy",
            "backup:ListBackupVaults",
            "backup:ListCopyJobs",
            "backup:ListRecoveryPointsByBackupVault",
        ],
        // No action restores from these yet, so no survey looks for them.
        PointKind::EfsReplica => &[],
    }
}

/// Before T0, where no estate describes production: the resources of one type that workloads list
/// (`Cloud::resources`).
pub fn resources(kind: LiveKind, by_tag: bool) -> &'static [&'static str] {
    match kind {
        LiveKind::Instance => &["ec2:DescribeAvailabilityZones", "ec2:DescribeInstances"],
        LiveKind::Volume => &["ec2:DescribeAvailabilityZones", "ec2:DescribeVolumes"],
        LiveKind::Database => &["ec2:DescribeAvailabilityZones", "rds:DescribeDBInstances"],
        LiveKind::Cluster => &["rds:DescribeDBClusters"],
        LiveKind::Bucket if by_tag => &["s3:ListBuckets", "s3:GetBucketLocation", "s3:GetBucketTagging"],
        LiveKind::Bucket => &["s3:ListBuckets", "s3:GetBucketLocation"],
    }
}

/// The calls about what a restore job of AWS Backup made: to look at it, to tag it, and to delete it.
/// The restore itself is the role's, and not the drill's.
pub fn restored(what: Restorable) -> &'static [&'static str] {
    match what {
        Restorable::Database => &[
            "rds:AddTagsToResource/db",
            "rds:DescribeDBInstances",
            "rds:ModifyDBInstance",
            "rds:DeleteDBInstance",
        ],
        Restorable::Cluster | Restorable::DocumentDb | Restorable::Neptune => &[
            "rds:AddTagsToResource/cluster",
            "rds:DescribeDBClusters",
            "rds:ModifyDBCluster",
            "rds:DeleteDBCluster",
            "rds:CreateDBInstance",
            "rds:DescribeDBInstances",
            "rds:ModifyDBInstance",
            "rds:DeleteDBInstance",
        ],
        Restorable::Instance => &[
            "ec2:CreateTags/instance",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstances",
            "ec2:TerminateInstances",
            "ec2:DeleteVolume",
        ],
        Restorable::Volume => &[
            "ec2:CreateTags/volume",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeVolumes",
            "ec2:DeleteVolume",
        ],
        Restorable::FileSystem => &[
            "elasticfilesystem:TagResource",
            "elasticfilesystem:DescribeFileSystems",
            "elasticfilesystem:DeleteFileSystem",
        ],
        Restorable::Table => &[
            "dynamodb:TagResource",
            "dynamodb:DescribeTable",
            "dynamodb:ListTagsOfResource",
            "dynamodb:DeleteTable",
        ],
        Restorable::Bucket => &["s3:GetBucketTagging", "s3:ListObjectsV2"],
    }
}

/// The calls with which teardown undoes a call, besides the last search. Empty if the call creates
/// nothing.
pub fn undoing(call: &str) -> &'static [&'static str] {
    CreateCall::of(call).map_or(&[], undoing_of)
}

fn undoing_of(call: CreateCall) -> &'static [&'static str] {
    match call {
        CreateCall::CreateVpc => &["ec2:DeleteVpc"],
        CreateCall::CreateSubnet => &["ec2:DeleteSubnet"],
        CreateCall::CreateSecurityGroup => &[
            "ec2:DescribeSecurityGroups",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:DeleteSecurityGroup",
        ],
        CreateCall::CopySnapshot => &["ec2:DeleteSnapshot"],
        CreateCall::CopyImage => &["ec2:DeregisterImage", "ec2:DeleteSnapshot"],
        CreateCall::CreateVolume => &["ec2:DeleteVolume"],
        // Volumes of an image are deleted with the instance if the image says so, otherwise one by
        // one.
        CreateCall::RunInstances => &["ec2:TerminateInstances", "ec2:DeleteVolume"],
        CreateCall::ImportKeyPair => &["ec2:DeleteKeyPair"],
        CreateCall::AllocateAddress => &["ec2:DisassociateAddress", "ec2:ReleaseAddress"],
        CreateCall::CreateDbSubnetGroup => &["rds:DeleteDBSubnetGroup"],
        CreateCall::CopyDbSnapshot => &["rds:DeleteDBSnapshot"],
        CreateCall::CopyDbClusterSnapshot => &["rds:DeleteDBClusterSnapshot"],
        CreateCall::RestoreDb
        | CreateCall::RestoreDbToTime
        | CreateCall::CreateDbReplica
        | CreateCall::CreateDbInstance => {
            &["rds:DescribeDBInstances", "rds:ModifyDBInstance", "rds:DeleteDBInstance"]
        }
        CreateCall::RestoreDbCluster | CreateCall::RestoreDbClusterToTime => {
            &["rds:DescribeDBClusters", "rds:ModifyDBCluster", "rds:DeleteDBCluster"]
        }
        CreateCall::RestoreTableFromBackup | CreateCall::RestoreTableToTime => &[
            "dynamodb:DescribeTable",
            "dynamodb:ListTagsOfResource",
            "dynamodb:UpdateTable",
            "dynamodb:DeleteTable",
        ],
        CreateCall::CreateBucket => &[
            "s3:GetBucketTagging",
            "s3:ListObjectVersions",
            "s3:DeleteObject",
            "s3:DeleteObjects",
            "s3:ListMultipartUploads",
            "s3:AbortMultipartUpload",
            "s3:DeleteBucket",
        ],
        // Resources that a stack retains are looked up. They are deleted if they carry the run's
        // tag and their kind is known. Its buckets are emptied if they carry it. Log groups that
        // services made for its resources are looked up too.
        CreateCall::CreateStack => &[
            "s3:GetBucketTagging",
            "s3:ListObjectVersions",
            "s3:DeleteObjects",
            "s3:ListMultipartUploads",
            "s3:AbortMultipartUpload",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DeleteStack",
            "cloudformation:ListStackResources",
            "cloudformation:GetTemplate",
            "cloudformation:DescribeStacks",
            "logs:DescribeLogGroups",
        ],
        CreateCall::CreateMountTarget => {
            &["elasticfilesystem:DescribeMountTargets", "elasticfilesystem:DeleteMountTarget"]
        }
        // Lambda deletes the network interfaces itself, with the function's role.
        CreateCall::CreateFunction => &["lambda:GetFunction", "lambda:DeleteFunction"],
        CreateCall::CreateBackupVault => &[
            "backup:ListTags",
            "backup:ListRecoveryPointsByBackupVault",
            "backup:DeleteRecoveryPoint",
            "backup:DeleteBackupVault",
        ],
        // The copy goes with its vault. The job is looked at where it runs.
        CreateCall::StartCopyJob => &["backup:DescribeCopyJob"],
        // What the job made is deleted by the calls of its kind (`restored`).
        CreateCall::StartRestoreJob => {
            &["backup:DescribeRestoreJob", "backup:GetRestoreJobMetadata", "backup:ListRestoreJobs"]
        }
        CreateCall::CreateDomainList => &["route53resolver:DeleteFirewallDomainList"],
        CreateCall::CreateRuleGroup => &[
            "route53resolver:DisassociateFirewallRuleGroup",
            "route53resolver:DeleteFirewallRule",
            "route53resolver:DeleteFirewallRuleGroup",
        ],
        CreateCall::CreateQueryLog => &[
            "route53resolver:DisassociateResolverQueryLogConfig",
            "route53resolver:DeleteResolverQueryLogConfig",
        ],
        CreateCall::CreateZone => &["route53:ListResourceRecordSets", "route53:DeleteHostedZone"],
        // These calls change a resource of another call, and are undone with it.
        CreateCall::AdoptRestored
        | CreateCall::AttachVolume
        | CreateCall::CreateOverrideRule
        | CreateCall::CreateRecord
        | CreateCall::PromoteReplica
        | CreateCall::SetTable => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::undoing;
    use port::CreateCall;
    use port::gated::delete_call;

    #[test]
    fn whatever_adds_something_can_be_undone() {
        for &call in CreateCall::ALL {
            assert_eq!(CreateCall::of(call.name()), Some(call), "two calls are called {}", call.name());
            let deletes = undoing(call.name()).contains(&delete_call(call.kind()));
            assert_eq!(deletes, call.adds(), "{call:?}");
        }
    }
}
