//! What a request reads from and where it creates, for the loss gate: one line per operation that says so.

use aws_sdk_ec2::operation as ec2;
use aws_sdk_rds::operation as rds;
use aws_sdk_s3::operation as s3;
use aws_smithy_runtime_api::client::interceptors::context::Input;

/// What the gate needs to know about a request, besides where it goes.
#[derive(Debug, Default)]
pub struct Reads {
    pub source: Option<String>,
    pub source_region: Option<String>,
    /// A bucket that is read from, by name.
    pub bucket: Option<String>,
    /// The KMS key that it encrypts with.
    pub key: Option<String>,
    /// Zones by name or id.
    pub zones: Vec<String>,
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

    fn zone(mut self, zone: Option<&String>) -> Self {
        self.zones.extend(zone.cloned());
        self
    }

    fn copy_source(source: Option<&String>) -> Self {
        let bucket = source.and_then(|s| s.trim_start_matches('/').split('/').next()).map(str::to_owned);
        Self { bucket, ..Self::default() }
    }
}

/// Looks into a typed input. Operations that are not named here read nothing but the endpoint they go to.
pub fn reads(input: &Input) -> Reads {
    macro_rules! look {
        ($($module:ident::$operation:ident::$type:ident: |$i:ident| $reads:expr;)*) => {
            $(if let Some($i) = input.downcast_ref::<$module::$operation::$type>() { return $reads; })*
        };
    }
    look! {
        ec2::run_instances::RunInstancesInput: |i| {
            let placement = i.placement.as_ref();
            Reads::source(i.image_id.as_ref())
                .zone(placement.and_then(|p| p.availability_zone.as_ref()))
                .zone(placement.and_then(|p| p.availability_zone_id.as_ref()))
        };
        ec2::create_volume::CreateVolumeInput: |i| Reads::source(i.snapshot_id.as_ref())
            .zone(i.availability_zone.as_ref()).zone(i.availability_zone_id.as_ref());
        ec2::create_subnet::CreateSubnetInput: |i| Reads::default()
            .zone(i.availability_zone.as_ref()).zone(i.availability_zone_id.as_ref());
        ec2::copy_snapshot::CopySnapshotInput: |i| Reads::source(i.source_snapshot_id.as_ref())
            .from(i.source_region.as_ref()).key(i.kms_key_id.as_ref());
        ec2::copy_image::CopyImageInput: |i| Reads::source(i.source_image_id.as_ref())
            .from(i.source_region.as_ref()).key(i.kms_key_id.as_ref());
        rds::copy_db_snapshot::CopyDbSnapshotInput: |i| Reads::source(i.source_db_snapshot_identifier.as_ref())
            .key(i.kms_key_id.as_ref());
        rds::copy_db_cluster_snapshot::CopyDbClusterSnapshotInput: |i|
            Reads::source(i.source_db_cluster_snapshot_identifier.as_ref()).key(i.kms_key_id.as_ref());
        rds::restore_db_instance_from_db_snapshot::RestoreDbInstanceFromDbSnapshotInput: |i|
            Reads::source(i.db_snapshot_identifier.as_ref().or(i.db_cluster_snapshot_identifier.as_ref()))
                .zone(i.availability_zone.as_ref());
        rds::restore_db_instance_to_point_in_time::RestoreDbInstanceToPointInTimeInput: |i|
            Reads::source(i.source_db_instance_identifier.as_ref()
                .or(i.source_db_instance_automated_backups_arn.as_ref())).zone(i.availability_zone.as_ref());
        rds::restore_db_cluster_from_snapshot::RestoreDbClusterFromSnapshotInput: |i| {
            let mut reads = Reads::source(i.snapshot_identifier.as_ref());
            reads.zones.extend(i.availability_zones.iter().flatten().cloned());
            reads
        };
        rds::create_db_instance_read_replica::CreateDbInstanceReadReplicaInput: |i|
            Reads::source(i.source_db_instance_identifier.as_ref()).key(i.kms_key_id.as_ref()).zone(i.availability_zone.as_ref());
        rds::create_db_instance::CreateDbInstanceInput: |i| Reads::default().zone(i.availability_zone.as_ref());
        s3::copy_object::CopyObjectInput: |i| Reads::copy_source(i.copy_source.as_ref());
        s3::upload_part_copy::UploadPartCopyInput: |i| Reads::copy_source(i.copy_source.as_ref());
    }
    // The role of the lost account is its own way in: its ARN is what is used.
    if let Some(i) = input.downcast_ref::<aws_sdk_sts::operation::assume_role::AssumeRoleInput>() {
        return Reads::source(i.role_arn.as_ref());
    }
    Reads::default()
}
