//! One suite for both clouds: the same assertions, in the port's terms, against the twin under virtual time and (with
//! the feature `aws`) against an AWS API on 127.0.0.1 through the real SDKs. Every action of the catalogue is covered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

#[cfg(feature = "aws")]
#[path = "support/peers.rs"]
mod peers;
#[path = "support/requests.rs"]
mod requests;

#[path = "conformance/compute.rs"]
mod compute;
#[path = "conformance/databases.rs"]
mod databases;
#[path = "conformance/loss.rs"]
mod loss;
#[cfg(feature = "aws")]
#[path = "conformance/moto.rs"]
mod moto;
#[path = "conformance/objects.rs"]
mod objects;
#[path = "conformance/others.rs"]
mod others;
#[path = "conformance/peer.rs"]
mod peer;
#[path = "conformance/port.rs"]
mod port;
#[path = "conformance/production.rs"]
mod production;
#[path = "conformance/stage.rs"]
mod stage;

/// Two tests of each scenario, and the actions that it covers.
macro_rules! scenarios {
    ($($room:ident { $($name:ident [$($action:literal),*])+ })+) => {
        const COVERED: &[&str] = &[$($($($action,)*)+)+];

        mod on_twin {
            $(mod $room { $(
                #[test]
                fn $name() {
                    crate::peer::on_twin(&[$($action),*], crate::$room::$name);
                }
            )+ })+
        }

        #[cfg(feature = "aws")]
        mod on_aws {
            $(mod $room { $(
                #[test]
                fn $name() {
                    crate::peer::on_moto(&[$($action),*], crate::$room::$name);
                }
            )+ })+
        }
    };
}

scenarios! {
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
        a_replica_made_before_is_promoted ["rds.promote_replica"]
        what_is_not_there_or_not_shared_is_not_found []
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
        a_sandbox_is_closed_until_somebody_opens_it []
        what_was_never_there_is_gone []
        what_others_use_is_not_deleted []
        what_another_run_made_is_not_deleted []
        what_is_productions_is_not_changed []
        what_resists_is_left_behind_and_told []
    }
}

#[test]
fn every_action_is_covered() {
    let missing: Vec<&str> = engine::actions::CATALOGUE
        .0
        .iter()
        .map(|action| action.name)
        .filter(|name| !COVERED.contains(name))
        .collect();
    assert!(missing.is_empty(), "add a scenario to tests/conformance for {missing:?}");
}
