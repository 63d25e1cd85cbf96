//! One suite for both clouds. The same assertions, in the port's terms, run against the twin under
//! virtual time and against an AWS API on 127.0.0.1 through the real SDKs. The suite covers every
//! action of the catalogue.
//!
//! Each test binary generates its tests from the scenarios that [`scenarios!`](crate::scenarios)
//! lists.

pub mod backups;
pub mod compute;
pub mod databases;
pub mod loss;
pub mod objects;
pub mod others;
pub mod peer;
pub mod port;
pub mod production;
pub mod stage;
pub mod tables;

/// Passes all scenarios to the macro `$tests`, each with the actions that it covers.
#[macro_export]
macro_rules! scenarios {
    ($tests:ident) => {
        $tests! {
            backups {
                points_of_aws_backup_are_restored_into_the_sandbox ["backup.restore", "efs.mount"]
                a_point_of_another_account_is_copied_and_restored ["backup.copy", "backup.restore"]
                nothing_is_copied_from_where_no_step_copies []
                nothing_is_copied_from_what_is_lost []
                a_role_of_another_account_restores_nothing []
            }
            compute {
                snapshots_are_copied_and_become_volumes ["ec2.copy_snapshot", "ec2.restore_volume"]
                images_are_copied_and_launched ["ec2.copy_image", "ec2.launch"]
                volumes_are_attached_where_they_lie ["ec2.restore_volume", "ec2.launch"]
                keys_and_addresses ["ec2.import_key_pair", "ec2.allocate_address"]
                what_is_not_there_is_not_found []
                what_is_not_shared_is_refused_and_what_is_shared_works ["ec2.restore_volume", "ec2.launch", "ec2.copy_snapshot"]
                what_comes_up_bad_ends_the_waiting []
            }
            databases {
                snapshots_are_copied_and_restored ["rds.copy_snapshot", "rds.restore"]
                a_shared_snapshot_is_restored_in_place ["rds.restore"]
                multi_az_is_only_as_asked ["rds.restore"]
                a_restore_to_time_reports_its_instant ["rds.restore_to_time"]
                a_cluster_is_restored_with_its_instances ["rds.restore_cluster", "rds.copy_snapshot"]
                a_cluster_is_restored_to_an_instant ["rds.restore_cluster_to_time"]
                a_replica_made_before_is_promoted ["rds.promote_replica"]
                what_is_not_there_or_not_shared_is_not_found []
            }
            tables {
                a_table_is_restored_from_a_backup ["dynamodb.restore"]
                a_table_is_restored_to_an_instant ["dynamodb.restore"]
                what_is_not_there_is_not_found []
            }
            objects {
                a_bucket_is_restored_and_verified ["s3.restore", "s3.verify"]
                a_difference_fails_the_comparison ["s3.restore"]
                a_bucket_is_restored_as_of_an_instant ["s3.restore"]
                what_is_not_there_is_not_found []
            }
            others {
                a_stack_gets_the_sandboxs_network ["cloudformation.deploy"]
                a_command_runs_or_is_rehearsed ["command.run"]
                a_task_needs_a_person_or_is_rehearsed ["manual.task"]
            }
            loss {
                the_lost_region []
                the_lost_account []
                the_lost_zone []
            }
            port {
                accounts_and_zones []
                what_stands_in_production_is_seen []
                a_sandbox_is_closed_until_somebody_opens_it []
                what_was_never_there_is_gone []
                what_others_use_is_not_deleted []
                what_another_run_made_is_not_deleted []
                what_is_productions_is_not_changed []
                what_resists_is_left_behind_and_told []
            }
        }
    };
}
