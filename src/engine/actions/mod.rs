//! The actions that steps use, with a folder for each service and a file for each action.

mod action;
mod args;
mod cloudformation;
mod command;
pub mod context;
mod ec2;
mod manual;
mod rds;
mod s3;

use action::entry;
use playbook::action::Catalogue;
use port::ActionTiming;

pub use action::{Entry, Invocation};

/// All actions, in the order of help and schema. There is no other list of them.
pub const ACTIONS: &[Entry] = &[
    entry::<ec2::copy_snapshot::CopySnapshot>(),
    entry::<ec2::copy_image::CopyImage>(),
    entry::<ec2::restore_volume::RestoreVolume>(),
    entry::<ec2::launch::Launch>(),
    entry::<ec2::import_key_pair::ImportKeyPair>(),
    entry::<ec2::allocate_address::AllocateAddress>(),
    entry::<rds::copy_snapshot::CopySnapshot>(),
    entry::<rds::restore::Restore>(),
    entry::<rds::restore_to_time::RestoreToTime>(),
    entry::<rds::restore_cluster::RestoreCluster>(),
    entry::<rds::promote_replica::PromoteReplica>(),
    entry::<s3::restore::Restore>(),
    entry::<s3::verify::Verify>(),
    entry::<cloudformation::deploy::Deploy>(),
    entry::<command::run::Run>(),
    entry::<manual::task::Task>(),
];

pub fn get(name: &str) -> Option<&'static Entry> {
    ACTIONS.iter().find(|action| action.decl.name == name)
}

/// The declarations of the actions, without their work. Validation and `twin` see only these.
pub const CATALOGUE: Catalogue = Catalogue(&{
    let mut declared = [&ACTIONS[0].decl; ACTIONS.len()];
    let mut at = 0;
    while at < ACTIONS.len() {
        declared[at] = &ACTIONS[at].decl;
        at += 1;
    }
    declared
});

/// How long the actions take on the twin.
pub const TIMINGS: &[ActionTiming] = &{
    let mut timings = [ACTIONS[0].timing; ACTIONS.len()];
    let mut at = 0;
    while at < ACTIONS.len() {
        timings[at] = ACTIONS[at].timing;
        at += 1;
    }
    timings
};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ACTIONS, get};
    use playbook::action::{Demands, Machines, ReplicaDemand};

    #[test]
    fn every_action_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ACTIONS.iter().map(|action| action.decl.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ACTIONS.len());
    }

    /// The sandbox is not scanned after these. Adding one needs a reason.
    #[test]
    fn few_actions_open_nothing() {
        let closed = ACTIONS.iter().filter(|action| !action.decl.may_open).map(|action| action.decl.name);
        let known = ["ec2.restore_volume", "ec2.import_key_pair", "s3.restore", "s3.verify"];
        assert_eq!(closed.collect::<Vec<_>>(), known);
    }

    /// Expressions are rendered in the written form of the arguments, which is then parsed again.
    #[test]
    fn arguments_are_written_as_they_were_read() {
        for (name, args) in [
            (
                "ec2.launch",
                json!({ "image": "ami-1", "count": "{{ params.n }}", "type": "t4g.small", "data": true }),
            ),
            ("ec2.copy_image", json!({ "image": { "of": "tag:app=orders", "point": "-2h" } })),
            (
                "rds.restore",
                json!({ "from": { "db": "orders" }, "port": 5433, "multi_az": "{{ params.m }}" }),
            ),
            (
                "s3.restore",
                json!({ "from": { "bucket": "b", "as_of": "-2h", "region": "{{ steps.a.r }}" }, "to": "c" }),
            ),
            (
                "cloudformation.deploy",
                json!({ "name": "x", "template": "x.yaml", "parameters": { "B": 1, "A": ["{{ steps.a.b }}"] } }),
            ),
            ("command.run", json!({ "run": ["make"], "env": { "P": "{{ secret \"file:p\" }}" } })),
            ("manual.task", json!({ "instructions": "do it", "assume": "{{ params.t }}" })),
        ] {
            let written = (get(name).unwrap().read)(&args).unwrap().value();
            assert_eq!((get(name).unwrap().read)(&written).unwrap().value(), written);
            has(&written, &args);
        }
    }

    /// Whether all given values are in the written form, which also has defaults.
    fn has(written: &Value, given: &Value) {
        match given.as_object() {
            Some(fields) => fields.iter().for_each(|(name, field)| has(&written[name], field)),
            None => assert_eq!(written, given),
        }
    }

    #[allow(clippy::needless_pass_by_value)] // `json!` at each call
    fn demands(name: &str, args: Value) -> Demands {
        (get(name).unwrap().read)(&args).unwrap().demands()
    }

    #[test]
    fn databases_are_counted() {
        let cluster = |more: Value| {
            let mut args =
                json!({ "from": { "cluster": "c" }, "engine": "{{ params.e }}", "class": "db.r6g.large" });
            args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            demands("rds.restore_cluster", args)
        };
        let two = Demands { db_instances: 2, ..Demands::default() };
        assert_eq!(cluster(json!({ "instances": 2 })), two);
        assert_eq!(cluster(json!({ "instances": "2" })), two);
        let one = Demands { db_instances: 1, ..two };
        assert_eq!(cluster(json!({ "instances": "{{ steps.a.n }}" })), one);
        let from = json!({ "from": { "db": "orders" } });
        assert_eq!(demands("rds.restore", from.clone()), one);
        assert_eq!(demands("rds.restore_to_time", from.clone()), one);
        assert_eq!(demands("rds.copy_snapshot", from), Demands::default());
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
        let machines = |args| demands("ec2.launch", args).machines.unwrap();
        let three = Machines { count: Some(3), instance_type: Some("t4g.small".into()) };
        assert_eq!(machines(json!({ "image": "ami-1", "count": 3, "type": "t4g.small" })), three);
        let some = Machines { count: Some(1), instance_type: None };
        assert_eq!(machines(json!({ "image": "ami-1", "type": "{{ steps.a.type }}" })), some);
        let bucket = |to: &str| demands("s3.restore", json!({ "from": { "bucket": "b" }, "to": to })).bucket;
        assert_eq!(bucket("uploads").as_deref(), Some("uploads"));
        assert_eq!(bucket("{{ steps.a.b }}"), None);
    }
}
