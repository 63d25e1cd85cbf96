//! What an API call needs to be allowed: the one table that turns calls into IAM actions, resources and conditions.
//!
//! Sources: the Service Authorization Reference ("Actions, resources, and condition keys for Amazon EC2", "… RDS",
//! "… S3", "… CloudFormation", "… Service Quotas", "… Secrets Manager", "… Key Management Service"); for S3 also the S3 user guide,
//! "Required permissions for Amazon S3 API operations".
//!
//! Resources are ARNs after `arn:PARTITION:`. In them stand `{r}` for the sandbox's region, `{a}` for the account, `{new}` for the
//! names of what a run makes, `{b}` for the bucket that the call is about.

/// Under which conditions, besides the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Only {
    /// Reads and lists.
    Look,
    /// It is made, and carries `drillmaster:run` in the request.
    Born,
    /// It is there, and carries `drillmaster:run`.
    Ours,
    /// It is there, belongs to whoever made it, and is only used: a snapshot, an image, a parameter group.
    Used,
    /// It is known by its name alone: S3 has no conditions on a bucket's tags that hold for every bucket.
    Named,
    /// The same, in a bucket of the role's own account: names of buckets are everybody's, and data must not leave.
    Mine,
}

pub struct Need {
    pub action: &'static str,
    pub on: &'static [&'static str],
    pub only: Only,
}

const fn need(action: &'static str, only: Only, on: &'static [&'static str]) -> Need {
    Need { action, on, only }
}

use Only::{Born, Look, Mine, Named, Ours, Used};

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
/// Where a restored database comes up, and with which settings: the playbook may name groups of the account's own.
const DB_SURROUNDINGS: &[&str] = &["rds:{r}:{a}:og:*", "rds:{r}:{a}:pg:*", "rds:{r}:{a}:subgrp:{new}"];
const CLUSTER_SURROUNDINGS: &[&str] =
    &["rds:{r}:{a}:cluster-pg:*", "rds:{r}:{a}:og:*", "rds:{r}:{a}:subgrp:{new}"];
/// Shared snapshots have their owner's account in the ARN, and copies are taken from any region.
const ANY_DB_SNAPSHOT: &[&str] = &["rds:*:*:snapshot:*"];
const ANY_CLUSTER_SNAPSHOT: &[&str] = &["rds:*:*:cluster-snapshot:*"];
const BUCKET: &[&str] = &["s3:::{b}"];
const OBJECTS: &[&str] = &["s3:::{b}/*"];
const STACK: &[&str] = &["cloudformation:{r}:{a}:stack/{new}/*"];

/// What a call needs; one entry for each action. Calls that only describe or list are in [`is_listing`] instead.
#[rustfmt::skip]
pub const TABLE: &[(&str, &[Need])] = &[
    ("ec2:CreateVpc", &[need("ec2:CreateVpc", Born, VPC)]),
    ("ec2:ModifyVpcAttribute", &[need("ec2:ModifyVpcAttribute", Ours, VPC)]),
    ("ec2:DeleteVpc", &[need("ec2:DeleteVpc", Ours, VPC)]),
    ("ec2:CreateSubnet", &[need("ec2:CreateSubnet", Born, SUBNET), need("ec2:CreateSubnet", Ours, VPC)]),
    ("ec2:ModifySubnetAttribute", &[need("ec2:ModifySubnetAttribute", Ours, SUBNET)]),
    ("ec2:DeleteSubnet", &[need("ec2:DeleteSubnet", Ours, SUBNET)]),
    ("ec2:CreateSecurityGroup", &[need("ec2:CreateSecurityGroup", Born, GROUP), need("ec2:CreateSecurityGroup", Ours, VPC)]),
    ("ec2:AuthorizeSecurityGroupIngress", &[need("ec2:AuthorizeSecurityGroupIngress", Ours, GROUP)]),
    ("ec2:AuthorizeSecurityGroupEgress", &[need("ec2:AuthorizeSecurityGroupEgress", Ours, GROUP)]),
    // Also of the group that every new VPC has by default: nothing can tag that one in the call that makes it, and the
    // permission to tag what is there would open everything that the run's tag protects.
    ("ec2:RevokeSecurityGroupIngress", &[need("ec2:RevokeSecurityGroupIngress", Used, GROUP)]),
    ("ec2:RevokeSecurityGroupEgress", &[need("ec2:RevokeSecurityGroupEgress", Used, GROUP)]),
    ("ec2:DeleteSecurityGroup", &[need("ec2:DeleteSecurityGroup", Ours, GROUP)]),
    // Since 2024 the source is authorised as well as the copy; the copy has no id yet.
    ("ec2:CopySnapshot", &[need("ec2:CopySnapshot", Born, SNAPSHOT), need("ec2:CopySnapshot", Used, &["ec2:*:*:snapshot/snap-*"])]),
    ("ec2:DeleteSnapshot", &[need("ec2:DeleteSnapshot", Ours, SNAPSHOT)]),
    ("ec2:CopyImage", &[
        need("ec2:CopyImage", Born, &["ec2:{r}::image/*", "ec2:{r}::snapshot/*"]),
        need("ec2:CopyImage", Used, &["ec2:*::image/ami-*", "ec2:*:*:snapshot/snap-*"]),
    ]),
    ("ec2:DeregisterImage", &[need("ec2:DeregisterImage", Ours, IMAGE)]),
    ("ec2:CreateVolume", &[need("ec2:CreateVolume", Born, VOLUME), need("ec2:CreateVolume", Used, SNAPSHOT)]),
    ("ec2:DeleteVolume", &[need("ec2:DeleteVolume", Ours, VOLUME)]),
    ("ec2:RunInstances", &[
        need("ec2:RunInstances", Born, &["ec2:{r}:{a}:instance/*", "ec2:{r}:{a}:network-interface/*", "ec2:{r}:{a}:volume/*"]),
        need("ec2:RunInstances", Ours, &["ec2:{r}:{a}:subnet/*"]),
        // The playbook may name key pairs and security groups of the account's own.
        need("ec2:RunInstances", Used, &["ec2:{r}::image/*", "ec2:{r}::snapshot/*", "ec2:{r}:{a}:key-pair/*", "ec2:{r}:{a}:security-group/*"]),
    ]),
    ("ec2:AttachVolume", &[need("ec2:AttachVolume", Ours, VOLUME), need("ec2:AttachVolume", Ours, INSTANCE)]),
    ("ec2:TerminateInstances", &[need("ec2:TerminateInstances", Ours, INSTANCE)]),
    ("ec2:ImportKeyPair", &[need("ec2:ImportKeyPair", Born, KEY_PAIR)]),
    ("ec2:DeleteKeyPair", &[need("ec2:DeleteKeyPair", Ours, KEY_PAIR)]),
    ("ec2:AllocateAddress", &[need("ec2:AllocateAddress", Born, ADDRESS)]),
    ("ec2:DisassociateAddress", &[
        need("ec2:DisassociateAddress", Ours, ADDRESS),
        need("ec2:DisassociateAddress", Used, &["ec2:{r}:{a}:network-interface/*"]),
    ]),
    ("ec2:ReleaseAddress", &[need("ec2:ReleaseAddress", Ours, ADDRESS)]),

    ("rds:CreateDBSubnetGroup", &[need("rds:CreateDBSubnetGroup", Born, SUBNET_GROUP), need("rds:AddTagsToResource", Born, SUBNET_GROUP)]),
    ("rds:DeleteDBSubnetGroup", &[need("rds:DeleteDBSubnetGroup", Ours, SUBNET_GROUP)]),
    ("rds:CopyDBSnapshot", &[
        need("rds:CopyDBSnapshot", Born, DB_SNAPSHOT),
        need("rds:CopyDBSnapshot", Used, ANY_DB_SNAPSHOT),
        need("rds:AddTagsToResource", Born, DB_SNAPSHOT),
    ]),
    ("rds:DeleteDBSnapshot", &[need("rds:DeleteDBSnapshot", Ours, DB_SNAPSHOT)]),
    ("rds:CopyDBClusterSnapshot", &[
        need("rds:CopyDBClusterSnapshot", Born, CLUSTER_SNAPSHOT),
        need("rds:CopyDBClusterSnapshot", Used, ANY_CLUSTER_SNAPSHOT),
        need("rds:AddTagsToResource", Born, CLUSTER_SNAPSHOT),
    ]),
    ("rds:DeleteDBClusterSnapshot", &[need("rds:DeleteDBClusterSnapshot", Ours, CLUSTER_SNAPSHOT)]),
    ("rds:RestoreDBInstanceFromDBSnapshot", &[
        need("rds:RestoreDBInstanceFromDBSnapshot", Born, DB),
        need("rds:RestoreDBInstanceFromDBSnapshot", Used, &["rds:{r}:*:snapshot:*"]),
        need("rds:RestoreDBInstanceFromDBSnapshot", Used, DB_SURROUNDINGS),
        need("rds:AddTagsToResource", Born, DB),
    ]),
    ("rds:RestoreDBInstanceToPointInTime", &[
        need("rds:RestoreDBInstanceToPointInTime", Born, DB),
        need("rds:RestoreDBInstanceToPointInTime", Used, &["rds:{r}:{a}:auto-backup:*", "rds:{r}:{a}:db:*"]),
        need("rds:RestoreDBInstanceToPointInTime", Used, DB_SURROUNDINGS),
        need("rds:AddTagsToResource", Born, DB),
    ]),
    ("rds:RestoreDBClusterFromSnapshot", &[
        need("rds:RestoreDBClusterFromSnapshot", Born, CLUSTER),
        need("rds:RestoreDBClusterFromSnapshot", Used, &["rds:{r}:*:cluster-snapshot:*", "rds:{r}:*:snapshot:*"]),
        need("rds:RestoreDBClusterFromSnapshot", Used, CLUSTER_SURROUNDINGS),
        need("rds:AddTagsToResource", Born, CLUSTER),
    ]),
    ("rds:CreateDBInstance", &[
        need("rds:CreateDBInstance", Born, DB),
        need("rds:CreateDBInstance", Ours, CLUSTER),
        need("rds:CreateDBInstance", Used, DB_SURROUNDINGS),
        need("rds:AddTagsToResource", Born, DB),
    ]),
    ("rds:CreateDBInstanceReadReplica", &[
        need("rds:CreateDBInstanceReadReplica", Born, DB),
        need("rds:CreateDBInstanceReadReplica", Used, &["rds:*:{a}:cluster:*", "rds:*:{a}:db:*"]),
        need("rds:CreateDBInstanceReadReplica", Used, DB_SURROUNDINGS),
        need("rds:AddTagsToResource", Born, DB),
    ]),
    ("rds:PromoteReadReplica", &[need("rds:PromoteReadReplica", Ours, DB)]),
    ("rds:ModifyDBInstance", &[need("rds:ModifyDBInstance", Ours, DB)]),
    ("rds:DeleteDBInstance", &[need("rds:DeleteDBInstance", Ours, DB)]),
    ("rds:ModifyDBCluster", &[need("rds:ModifyDBCluster", Ours, CLUSTER)]),
    // The last snapshot, which a teardown does not take, is among its resources.
    ("rds:DeleteDBCluster", &[need("rds:DeleteDBCluster", Ours, CLUSTER), need("rds:DeleteDBCluster", Used, CLUSTER_SNAPSHOT)]),

    // The action has another name, and buckets are not its only resource.
    ("s3:ListBuckets", &[need("s3:ListAllMyBuckets", Look, &["*"])]),
    // A bucket is made with its tags, which S3 authorises apart (`s3:TagResource`).
    ("s3:CreateBucket", &[need("s3:CreateBucket", Named, BUCKET), need("s3:TagResource", Named, BUCKET)]),
    ("s3:DeleteBucket", &[need("s3:DeleteBucket", Mine, BUCKET)]),
    ("s3:HeadBucket", &[need("s3:ListBucket", Named, BUCKET)]),
    ("s3:GetBucketLocation", &[need("s3:GetBucketLocation", Named, BUCKET)]),
    // Of every bucket that was made since the run began: which of them are its own only their tags tell.
    ("s3:GetBucketTagging", &[need("s3:GetBucketTagging", Named, &["s3:::*"])]),
    ("s3:PutBucketTagging", &[need("s3:PutBucketTagging", Mine, BUCKET)]),
    ("s3:PutPublicAccessBlock", &[need("s3:PutBucketPublicAccessBlock", Mine, BUCKET)]),
    ("s3:PutBucketEncryption", &[need("s3:PutEncryptionConfiguration", Mine, BUCKET)]),
    ("s3:GetPublicAccessBlock", &[need("s3:GetBucketPublicAccessBlock", Named, BUCKET)]),
    ("s3:GetBucketPolicy", &[need("s3:GetBucketPolicy", Named, BUCKET)]),
    ("s3:GetBucketVersioning", &[need("s3:GetBucketVersioning", Named, BUCKET)]),
    ("s3:ListObjectsV2", &[need("s3:ListBucket", Named, BUCKET)]),
    ("s3:ListObjectVersions", &[need("s3:ListBucketVersions", Named, BUCKET)]),
    ("s3:ListMultipartUploads", &[need("s3:ListBucketMultipartUploads", Named, BUCKET)]),
    ("s3:HeadObject", &[need("s3:GetObject", Named, OBJECTS), need("s3:GetObjectVersion", Named, OBJECTS)]),
    ("s3:GetObject", &[need("s3:GetObject", Named, OBJECTS), need("s3:GetObjectVersion", Named, OBJECTS)]),
    ("s3:GetObjectTagging", &[need("s3:GetObjectTagging", Named, OBJECTS), need("s3:GetObjectVersionTagging", Named, OBJECTS)]),
    // The copy takes the source's tags along.
    ("s3:CopyObject", &[need("s3:PutObject", Mine, OBJECTS), need("s3:PutObjectTagging", Mine, OBJECTS)]),
    ("s3:PutObject", &[need("s3:PutObject", Mine, OBJECTS), need("s3:PutObjectTagging", Mine, OBJECTS)]),
    ("s3:CreateMultipartUpload", &[need("s3:PutObject", Mine, OBJECTS), need("s3:PutObjectTagging", Mine, OBJECTS)]),
    ("s3:UploadPart", &[need("s3:PutObject", Mine, OBJECTS)]),
    ("s3:UploadPartCopy", &[need("s3:PutObject", Mine, OBJECTS)]),
    ("s3:CompleteMultipartUpload", &[need("s3:PutObject", Mine, OBJECTS)]),
    ("s3:AbortMultipartUpload", &[need("s3:AbortMultipartUpload", Mine, OBJECTS)]),
    ("s3:DeleteObjects", &[need("s3:DeleteObject", Mine, OBJECTS), need("s3:DeleteObjectVersion", Mine, OBJECTS)]),

    // A stack is made with its tags, which CloudFormation authorises apart.
    ("cloudformation:CreateStack", &[need("cloudformation:CreateStack", Born, STACK), need("cloudformation:TagResource", Born, STACK)]),
    ("cloudformation:DeleteStack", &[need("cloudformation:DeleteStack", Ours, STACK)]),
    ("cloudformation:DescribeStackEvents", &[need("cloudformation:DescribeStackEvents", Named, STACK)]),
    ("cloudformation:ListStackResources", &[need("cloudformation:ListStackResources", Named, STACK)]),
    ("cloudformation:GetTemplate", &[need("cloudformation:GetTemplate", Named, STACK)]),

    ("servicequotas:GetServiceQuota/ec2", &[need("servicequotas:GetServiceQuota", Named, &["servicequotas:{r}:{a}:ec2/L-1216C47A"])]),
    ("servicequotas:GetServiceQuota/rds", &[need("servicequotas:GetServiceQuota", Named, &["servicequotas:{r}:{a}:rds/L-7B6409FD"])]),
];

/// What is allowed by the same action, of everything there is: EC2's `Describe…` and Route 53's lists know no resources;
/// RDS and CloudFormation are asked without a name.
pub fn is_listing(call: &str) -> bool {
    let Some((service, operation)) = call.split_once(':') else { return false };
    matches!(service, "ec2" | "rds" | "cloudformation" | "route53")
        && (operation.starts_with("Describe") || operation.starts_with("List"))
}

/// Calls that carry a request presigned for the source's region: AWS makes it there, with the caller's permissions.
pub fn is_presigned(call: &str) -> bool {
    matches!(
        call,
        "ec2:CopySnapshot"
            | "rds:CopyDBSnapshot"
            | "rds:CopyDBClusterSnapshot"
            | "rds:CreateDBInstanceReadReplica"
    )
}

/// Services without regions: their requests count as sent to wherever the partition's control plane is.
pub fn is_global(call: &str) -> bool {
    call.starts_with("route53:")
}

/// What CloudFormation calls with the caller's own permissions for a resource of this type, to make and to delete it;
/// from the handlers of the resource types' schemas. The tags of the stack are put on what is made.
pub fn of_resource_type(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "AWS::EC2::SecurityGroup" => &[
            "ec2:CreateSecurityGroup",
            "ec2:DescribeSecurityGroups",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:DeleteSecurityGroup",
        ],
        "AWS::EC2::SecurityGroupIngress" => &[
            "ec2:DescribeSecurityGroups",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupIngress",
        ],
        "AWS::EC2::SecurityGroupEgress" => &[
            "ec2:DescribeSecurityGroups",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupEgress",
        ],
        "AWS::CloudFormation::WaitConditionHandle" => &[],
        _ => return None,
    })
}

/// What AWS calls with the caller's permissions for a key that something is encrypted with: EBS user guide, "Permissions
/// to use AWS KMS keys"; RDS user guide, "Encrypting Amazon RDS resources".
pub const KEY: &[&str] = &[
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];
