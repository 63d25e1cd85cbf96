//! What AWS Backup backs up: the resource of a recovery point, as an estate names it, and whether the
//! point is cold.

use aws_sdk_backup::types::{Lifecycle, RecoveryPointByBackupVault};

use crate::time::some_time;
use base::duration::Time;
use estate::ResourceId;
use port::Restorable;
use port::restorable::kind_of;

/// The resource that was backed up, by AWS Backup's word for its type and its ARN. A type that the
/// table does not know keeps AWS's own name for it.
pub fn resource(word: Option<&str>, arn: &str) -> ResourceId {
    let last = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    let (first, rest) = last.split_once(['/', ':']).unwrap_or(("resource", last));
    match word.and_then(kind_of) {
        // `db:orders`, `cluster:ledger`, `instance/i-1`, `table/carts`; a bucket's name alone.
        Some("s3:bucket") => id("s3:bucket", last),
        Some(kind) => id(kind, rest),
        None => {
            let service = arn.split(':').nth(2).unwrap_or_default();
            let name = rest.rsplit(['/', ':']).next().unwrap_or(rest);
            id(&format!("{service}:{first}"), name)
        }
    }
}

/// The id of a resource. Brackets hold the place of an id, so those of a name are written as in a
/// URL.
pub fn id(kind: &str, name: &str) -> ResourceId {
    ResourceId::new(kind, &name.replace('[', "%5B").replace(']', "%5D"))
}

/// Whether the point lies in cold storage at this time. The list of points does not tell it, but
/// when the point moves there.
///
/// AWS Backup ignores that date for types that have no cold storage. EBS needs a consent, and
/// DynamoDB a point of AWS Backup's own.
pub fn is_cold(point: &RecoveryPointByBackupVault, now: Time) -> bool {
    let moves =
        point.calculated_lifecycle().and_then(|lifecycle| some_time(lifecycle.move_to_cold_storage_at()));
    let Some(kind) = point.resource_type().and_then(Restorable::of_word) else { return false };
    let own = point.recovery_point_arn().is_some_and(|arn| arn.contains(":backup:"));
    let archives = point.lifecycle().and_then(Lifecycle::opt_in_to_archive_for_supported_resources);
    let may = match kind {
        Restorable::Volume => archives == Some(true),
        Restorable::Table => own,
        Restorable::Database
        | Restorable::Cluster
        | Restorable::DocumentDb
        | Restorable::Neptune
        | Restorable::Instance
        | Restorable::FileSystem
        | Restorable::Bucket => true,
    };
    may && kind.thaws_in().is_some() && moves.is_some_and(|moves| moves <= now)
}

#[cfg(test)]
mod tests {
    use aws_sdk_backup::types::{CalculatedLifecycle, Lifecycle};
    use aws_smithy_types::DateTime;

    use super::*;

    #[test]
    fn resources_are_read_from_arns() {
        for (word, arn, wanted) in [
            ("RDS", "arn:aws:rds:us-east-1:111122223333:db:orders", "rds:db/orders"),
            ("Aurora", "arn:aws:rds:us-east-1:111122223333:cluster:ledger", "rds:cluster/ledger"),
            ("EC2", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", "ec2:instance/i-1"),
            ("EBS", "arn:aws:ec2:us-east-1:111122223333:volume/vol-1", "ec2:volume/vol-1"),
            (
                "EFS",
                "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-1",
                "efs:file-system/fs-1",
            ),
            ("DynamoDB", "arn:aws:dynamodb:us-east-1:111122223333:table/carts", "dynamodb:table/carts"),
            ("S3", "arn:aws:s3:::receipts", "s3:bucket/receipts"),
            ("FSx", "arn:aws:fsx:us-east-1:111122223333:file-system/fs-2", "fsx:file-system/fs-2"),
            (
                "Storage Gateway",
                "arn:aws:storagegateway:us-east-1:111122223333:gateway/sgw-1/volume/vol-1",
                "storagegateway:volume/sgw-1/volume/vol-1",
            ),
            (
                "Timestream",
                "arn:aws:timestream:us-east-1:111122223333:database/d/table/t",
                "timestream:table/d/table/t",
            ),
            ("New", "arn:aws:new:us-east-1:111122223333:thing/a/b", "new:thing/b"),
        ] {
            assert_eq!(resource(Some(word), arn).to_string(), wanted);
        }
    }

    #[test]
    fn a_point_is_cold_from_its_date_on_if_its_type_has_cold_storage() {
        let now = chrono::DateTime::from_timestamp(1_000, 0).unwrap();
        let cold = |word: &str, arn: &str, moves: i64, archives: bool| {
            let moves = CalculatedLifecycle::builder().move_to_cold_storage_at(DateTime::from_secs(moves));
            let lifecycle = Lifecycle::builder().opt_in_to_archive_for_supported_resources(archives);
            let point = RecoveryPointByBackupVault::builder().resource_type(word).recovery_point_arn(arn);
            let point = point.calculated_lifecycle(moves.build()).lifecycle(lifecycle.build());
            is_cold(&point.build(), now)
        };
        let own = "arn:aws:backup:us-east-1:9:recovery-point:1";
        assert!(cold("EFS", own, 999, false) && !cold("EFS", own, 1_001, false));
        assert!(cold("DynamoDB", own, 999, false));
        assert!(!cold("DynamoDB", "arn:aws:dynamodb:us-east-1:9:table/t/backup/1", 999, false));
        assert!(cold("EBS", "arn:aws:ec2:us-east-1::snapshot/snap-1", 999, true));
        assert!(!cold("EBS", "arn:aws:ec2:us-east-1::snapshot/snap-1", 999, false));
        assert!(!cold("RDS", "arn:aws:rds:us-east-1:9:snapshot:awsbackup:1", 999, true));
    }
}
