//! Tells the loss gate what each operation reads and in which zones it creates.
//!
//! Each operation with such inputs has one line below. After a loss, the gate refuses an operation
//! that is on none of the lists in this file.

use aws_sdk_backup::operation as backup;
use aws_sdk_dynamodb::operation as dynamodb;
use aws_sdk_ec2::operation as ec2;
use aws_sdk_rds::operation as rds;
use aws_sdk_s3::operation as s3;
use aws_sdk_sts::operation as sts;
use aws_smithy_runtime_api::client::interceptors::context::Input;

use port::Restorable;

/// Facts about a request for the gate, besides its destination.
#[derive(Debug, Default)]
pub struct Reads {
    pub source: Option<String>,
    pub source_region: Option<String>,
    /// The name of the bucket that the request reads.
    pub bucket: Option<String>,
    /// The KMS key that the request encrypts with.
    pub key: Option<String>,
    /// Zones by name or id.
    pub zones: Vec<String>,
    /// The call that the service makes to carry it out (`Call::leads_to`).
    pub leads_to: Option<(&'static str, &'static str)>,
}

impl Reads {
    fn source(source: Option<&String>) -> Self {
        Self { source: source.cloned(), ..Self::default() }
    }

    fn from(mut self, region: Option<&String>) -> Self {
        self.source_region = region.cloned();
        self
    }

    fn key(mut self, key: Option<&String>) -> Self {
        self.key = key.cloned();
        self
    }

    fn leads_to(mut self, call: Option<(&'static str, &'static str)>) -> Self {
        self.leads_to = call;
        self
    }

    fn zone(mut self, zone: Option<&String>) -> Self {
        self.zones.extend(zone.cloned());
        self
    }

    fn copy_source(source: Option<&String>) -> Self {
        let bucket = source.and_then(|s| s.trim_start_matches('/').split('/').next()).map(str::to_owned);
        Self { bucket, ..Self::default() }
    }
}

/// Lists the operations whose typed input says what they read.
macro_rules! inspected {
    ($($name:literal $module:ident::$operation:ident::$type:ident: |$i:ident| $reads:expr;)*) => {
        /// The operations whose input is inspected.
        const INSPECTED: &[&str] = &[$($name),*];

        fn inspect(operation: &str, input: &Input) -> Option<Reads> {
            match operation {
                $($name => input.downcast_ref::<$module::$operation::$type>().map(|$i| $reads),)*
                _ => None,
            }
        }
    };
}

inspected! {
    "RunInstances" ec2::run_instances::RunInstancesInput: |i| {
        let placement = i.placement.as_ref();
        Reads::source(i.image_id.as_ref())
            .zone(placement.and_then(|p| p.availability_zone.as_ref()))
            .zone(placement.and_then(|p| p.availability_zone_id.as_ref()))
    };
    "CreateVolume" ec2::create_volume::CreateVolumeInput: |i| Reads::source(i.snapshot_id.as_ref())
        .zone(i.availability_zone.as_ref()).zone(i.availability_zone_id.as_ref());
    "CreateSubnet" ec2::create_subnet::CreateSubnetInput: |i| Reads::default()
        .zone(i.availability_zone.as_ref()).zone(i.availability_zone_id.as_ref());
    "CopySnapshot" ec2::copy_snapshot::CopySnapshotInput: |i| Reads::source(i.source_snapshot_id.as_ref())
        .from(i.source_region.as_ref()).key(i.kms_key_id.as_ref());
    "CopyImage" ec2::copy_image::CopyImageInput: |i| Reads::source(i.source_image_id.as_ref())
        .from(i.source_region.as_ref()).key(i.kms_key_id.as_ref());
    "CopyDBSnapshot" rds::copy_db_snapshot::CopyDbSnapshotInput: |i|
        Reads::source(i.source_db_snapshot_identifier.as_ref()).key(i.kms_key_id.as_ref());
    "CopyDBClusterSnapshot" rds::copy_db_cluster_snapshot::CopyDbClusterSnapshotInput: |i|
        Reads::source(i.source_db_cluster_snapshot_identifier.as_ref()).key(i.kms_key_id.as_ref());
    "RestoreDBInstanceFromDBSnapshot"
    rds::restore_db_instance_from_db_snapshot::RestoreDbInstanceFromDbSnapshotInput: |i|
        Reads::source(i.db_snapshot_identifier.as_ref().or(i.db_cluster_snapshot_identifier.as_ref()))
            .zone(i.availability_zone.as_ref());
    "RestoreDBInstanceToPointInTime"
    rds::restore_db_instance_to_point_in_time::RestoreDbInstanceToPointInTimeInput: |i|
        Reads::source(i.source_db_instance_identifier.as_ref()
            .or(i.source_db_instance_automated_backups_arn.as_ref())).zone(i.availability_zone.as_ref());
    "RestoreDBClusterFromSnapshot"
    rds::restore_db_cluster_from_snapshot::RestoreDbClusterFromSnapshotInput: |i| {
        let mut reads = Reads::source(i.snapshot_identifier.as_ref());
        reads.zones.extend(i.availability_zones.iter().flatten().cloned());
        reads
    };
    "RestoreDBClusterToPointInTime"
    rds::restore_db_cluster_to_point_in_time::RestoreDbClusterToPointInTimeInput: |i|
        Reads::source(i.source_db_cluster_identifier.as_ref()
            .or(i.source_db_cluster_resource_id.as_ref())).key(i.kms_key_id.as_ref());
    "CreateDBInstanceReadReplica"
    rds::create_db_instance_read_replica::CreateDbInstanceReadReplicaInput: |i|
        Reads::source(i.source_db_instance_identifier.as_ref())
            .key(i.kms_key_id.as_ref()).zone(i.availability_zone.as_ref());
    "CreateDBInstance" rds::create_db_instance::CreateDbInstanceInput: |i|
        Reads::default().zone(i.availability_zone.as_ref());
    "RestoreTableFromBackup"
    dynamodb::restore_table_from_backup::RestoreTableFromBackupInput: |i|
        Reads::source(i.backup_arn.as_ref()).key(table_key(i.sse_specification_override.as_ref()));
    "RestoreTableToPointInTime"
    dynamodb::restore_table_to_point_in_time::RestoreTableToPointInTimeInput: |i|
        Reads::source(i.source_table_arn.as_ref().or(i.source_table_name.as_ref()))
            .key(table_key(i.sse_specification_override.as_ref()));
    "StartCopyJob" backup::start_copy_job::StartCopyJobInput: |i|
        Reads::source(i.recovery_point_arn.as_ref());
    "CreateBackupVault" backup::create_backup_vault::CreateBackupVaultInput: |i|
        Reads::default().key(i.encryption_key_arn.as_ref());
    "StartRestoreJob" backup::start_restore_job::StartRestoreJobInput: |i| {
        let metadata = i.metadata.iter().flatten();
        let key = metadata.filter(|(key, _)| key.to_lowercase().starts_with("kms")).map(|(_, key)| key).next();
        Reads::source(i.recovery_point_arn.as_ref()).key(key)
            .zone(i.metadata.as_ref().and_then(|metadata| metadata.get("availabilityZone")))
            .leads_to(i.resource_type.as_deref().and_then(Restorable::of_word).and_then(Restorable::leads_to))
    };
    "CopyObject" s3::copy_object::CopyObjectInput: |i| Reads::copy_source(i.copy_source.as_ref());
    "UploadPartCopy" s3::upload_part_copy::UploadPartCopyInput: |i|
        Reads::copy_source(i.copy_source.as_ref());
    // The ARN of the role counts as the source: a role of a lost account is a way into that
    // account.
    "AssumeRole" sts::assume_role::AssumeRoleInput: |i| Reads::source(i.role_arn.as_ref());
}

/// The key that encrypts a restored table.
fn table_key(sse: Option<&aws_sdk_dynamodb::types::SseSpecification>) -> Option<&String> {
    sse?.kms_master_key_id.as_ref()
}

/// Operations that change something and read from nothing but their own endpoint.
const READ_NOTHING: &[&str] = &[
    "AbortMultipartUpload",
    "AddTagsToResource",
    "AllocateAddress",
    "AssociateFirewallRuleGroup",
    "AssociateResolverQueryLogConfig",
    "AttachVolume",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "ChangeResourceRecordSets",
    "ChangeTagsForResource",
    "CompleteMultipartUpload",
    "CreateBucket",
    "CreateDBSubnetGroup",
    "CreateFirewallDomainList",
    "CreateFirewallRule",
    "CreateFirewallRuleGroup",
    "CreateFunction",
    "CreateHostedZone",
    "CreateMountTarget",
    "CreateMultipartUpload",
    "CreateResolverQueryLogConfig",
    "CreateSecurityGroup",
    "CreateStack",
    "CreateTags",
    "CreateVpc",
    "DeleteBackupVault",
    "DeleteBucket",
    "DeleteDBCluster",
    "DeleteDBClusterSnapshot",
    "DeleteDBInstance",
    "DeleteDBSnapshot",
    "DeleteDBSubnetGroup",
    "DeleteFileSystem",
    "DeleteFirewallDomainList",
    "DeleteFirewallRule",
    "DeleteFirewallRuleGroup",
    "DeleteFunction",
    "DeleteHostedZone",
    "DeleteKeyPair",
    "DeleteMountTarget",
    "DeleteObject",
    "DeleteObjects",
    "DeleteRecoveryPoint",
    "DeleteResolverQueryLogConfig",
    "DeleteSecurityGroup",
    "DeleteSnapshot",
    "DeleteStack",
    "DeleteSubnet",
    "DeleteTable",
    "DeleteVolume",
    "DeleteVpc",
    "DeregisterImage",
    "DescribeCopyJob",
    "DescribeRestoreJob",
    "DisassociateAddress",
    "DisassociateFirewallRuleGroup",
    "DisassociateResolverQueryLogConfig",
    "ImportKeyPair",
    "Invoke",
    "ModifyDBCluster",
    "ModifyDBInstance",
    "ModifySubnetAttribute",
    "ModifyVpcAttribute",
    "PromoteReadReplica",
    "PutBackupVaultAccessPolicy",
    "PutBucketEncryption",
    "PutBucketPolicy",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutObject",
    "PutPublicAccessBlock",
    "ReleaseAddress",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "SimulatePrincipalPolicy",
    "TagResource",
    "TerminateInstances",
    "UpdateContinuousBackups",
    "UpdateFirewallDomains",
    "UpdateTable",
    "UpdateTimeToLive",
    "UploadPart",
];

/// Prefixes of operations that only read from their own endpoint.
const READ_PREFIXES: [&str; 5] = ["Describe", "Get", "Head", "List", "Scan"];

/// Returns what an operation reads, or `None` if it is on no list here.
pub fn reads(operation: &str, input: &Input) -> Option<Reads> {
    if INSPECTED.contains(&operation) {
        return inspect(operation, input);
    }
    let nothing =
        READ_NOTHING.contains(&operation) || READ_PREFIXES.iter().any(|verb| operation.starts_with(verb));
    nothing.then(Reads::default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use port::gated::delete_call;
    use port::{CreateCall, Kind};

    /// The gate refuses an operation that is on no list.
    #[test]
    fn every_call_that_changes_something_is_on_one_list() {
        let deletions = Kind::ALL.iter().copied().map(delete_call);
        let calls = CreateCall::ALL.iter().copied().map(CreateCall::name).chain(deletions);
        for (_, operation) in calls.filter_map(|call| call.split_once(':')) {
            let lists = [INSPECTED, READ_NOTHING].map(|list| list.contains(&operation));
            assert_eq!(lists.iter().filter(|listed| **listed).count(), 1, "{operation}");
        }
    }

    #[test]
    fn what_reads_from_somewhere_is_looked_into() {
        let source = aws_sdk_ec2::operation::copy_snapshot::CopySnapshotInput::builder()
            .source_snapshot_id("snap-1")
            .source_region("us-east-1")
            .build()
            .unwrap();
        let found = reads("CopySnapshot", &Input::erase(source)).unwrap();
        assert_eq!(found.source.as_deref(), Some("snap-1"));
        assert_eq!(found.source_region.as_deref(), Some("us-east-1"));
        assert!(reads("DescribeVpcs", &Input::erase(())).is_some());
        assert!(reads("CopySnapshot", &Input::erase(())).is_none());
        assert!(reads("CopyBackup", &Input::erase(())).is_none());
    }
}
