//! The actions that steps use, one file per service: what each declares of itself, and what it does.

#![deny(clippy::wildcard_enum_match_arm)]

mod action;
pub mod args;
pub mod cloudformation;
pub mod command;
pub mod context;
pub mod ec2;
pub mod manual;
pub mod rds;
pub mod s3;

use playbook::action::Catalogue;

pub use action::{Action, Run};

/// Every action, in the order in which help and schema list them.
pub const ACTIONS: &[Action] = &[
    ec2::COPY_SNAPSHOT,
    ec2::COPY_IMAGE,
    ec2::RESTORE_VOLUME,
    ec2::LAUNCH,
    ec2::IMPORT_KEY_PAIR,
    ec2::ALLOCATE_ADDRESS,
    rds::COPY_SNAPSHOT,
    rds::RESTORE,
    rds::RESTORE_TO_TIME,
    rds::RESTORE_CLUSTER,
    rds::PROMOTE_REPLICA,
    s3::RESTORE,
    s3::VERIFY,
    cloudformation::DEPLOY,
    command::RUN,
    manual::TASK,
];

pub fn get(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.decl.name == name)
}

/// What the actions declare, without what they do: for rooms below, which know no cloud.
pub const CATALOGUE: Catalogue = Catalogue(&{
    let mut declared = [&ACTIONS[0].decl; ACTIONS.len()];
    let mut at = 0;
    while at < ACTIONS.len() {
        declared[at] = &ACTIONS[at].decl;
        at += 1;
    }
    declared
});

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ACTIONS, get};
    use playbook::action::{Demands, ReplicaDemand};

    #[test]
    fn every_action_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ACTIONS.iter().map(|action| action.decl.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ACTIONS.len());
    }

    #[test]
    fn what_opens_nothing_is_an_action() {
        for name in playbook::action::OPENS_NOTHING {
            assert!(!get(name).unwrap().decl.may_open());
        }
        assert!(get("ec2.launch").unwrap().decl.may_open() && get("command.run").unwrap().decl.may_open());
    }

    #[allow(clippy::needless_pass_by_value)] // `json!` at each call
    fn demands(name: &str, args: Value) -> Demands {
        (get(name).unwrap().decl.demands)(&args)
    }

    #[test]
    fn databases_are_counted_and_want_a_subnet_group() {
        let two = Demands { db_subnet_group: true, db_instances: 2, ..Demands::default() };
        assert_eq!(demands("rds.restore_cluster", json!({ "instances": 2 })), two);
        assert_eq!(demands("rds.restore_cluster", json!({ "instances": "2" })), two);
        let one = Demands { db_instances: 1, ..two };
        assert_eq!(demands("rds.restore_cluster", json!({ "instances": "{{ steps.a.n }}" })), one);
        assert_eq!(demands("rds.restore", json!({})), one);
        assert_eq!(demands("rds.restore_to_time", json!({})), one);
        assert_eq!(demands("rds.copy_snapshot", json!({})), Demands::default());
    }

    #[test]
    fn a_replica_is_wanted_where_its_source_is_known_before_the_run() {
        let known =
            demands("rds.promote_replica", json!({ "from": { "db": "orders" }, "class": "db.t4g.micro" }));
        let replica = ReplicaDemand {
            source: "orders".into(),
            source_region: None,
            class: Some("db.t4g.micro".into()),
            parameter_group: None,
            kms_key: None,
        };
        assert_eq!(known.replica, Some(replica));
        let unknown = demands("rds.promote_replica", json!({ "from": { "db": "{{ steps.a.db }}" } }));
        assert_eq!(unknown, Demands { replica: None, ..known });
    }

    #[test]
    fn instances_and_buckets_are_wanted_by_what_is_known_of_them() {
        let three = demands("ec2.launch", json!({ "count": 3, "type": "t4g.small" }));
        assert_eq!((three.instances, three.instance_type.as_deref()), (3, Some("t4g.small")));
        let some = demands("ec2.launch", json!({ "type": "{{ steps.a.type }}" }));
        assert_eq!((some.instances, some.instance_type), (1, None));
        assert_eq!(demands("s3.restore", json!({ "to": "uploads" })).bucket.as_deref(), Some("uploads"));
        assert_eq!(demands("s3.restore", json!({ "to": "{{ steps.a.b }}" })).bucket, None);
    }
}
