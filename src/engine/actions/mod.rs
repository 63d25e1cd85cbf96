//! The actions that steps use, with a folder for each service and a file for each action.

mod action;
mod args;
mod backup;
mod cloudformation;
pub mod command;
pub mod context;
mod dynamodb;
mod ec2;
mod efs;
mod manual;
mod rds;
mod s3;

use action::entry;
use playbook::action::Catalogue;
use port::ActionTiming;

pub use action::{Entry, Invocation};
pub use backup::copy::{KEY_HELP, copy_doubts, why_not_copied};

/// The actions that no cloud carries out, but a program or a person. The drill knows only words of
/// what they make, and no busy region slows them.
pub const WITHOUT_CLOUD: [&str; 2] = ["command.run", "manual.task"];

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
    entry::<rds::restore_cluster_to_time::RestoreClusterToTime>(),
    entry::<rds::promote_replica::PromoteReplica>(),
    entry::<dynamodb::restore::Restore>(),
    entry::<s3::restore::Restore>(),
    entry::<s3::verify::Verify>(),
    entry::<backup::copy::Copy>(),
    entry::<backup::restore::Restore>(),
    entry::<efs::mount::Mount>(),
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
        let known = [
            "ec2.restore_volume",
            "ec2.import_key_pair",
            "dynamodb.restore",
            "s3.restore",
            "s3.verify",
            "backup.copy",
        ];
        assert_eq!(closed.collect::<Vec<_>>(), known);
    }

    /// Whatever a rendered text looks like, no argument of any action takes it for an expression.
    #[test]
    fn what_was_rendered_is_no_expression() {
        let braces = "{{ secret \"command:id\" }}";
        let known = json!({ "params": { "braces": braces, "number": 2 } });
        let with = json!({
            "from": { "db": "{{ params.braces }}" }, "port": "{{ params.number }}",
        });
        let rendered = playbook::expr::render_value(&with, &known).unwrap();
        let read = (get("rds.restore").unwrap().read_rendered)(rendered).unwrap();
        let source = format!("{:?}", read.source());
        assert!(source.contains("command:id"), "{source}");
        let several = json!({ "image": "ami-1", "count": "{{ params.braces }}", "type": "t4g.small" });
        let rendered = playbook::expr::render_value(&several, &known).unwrap();
        assert!((get("ec2.launch").unwrap().read_rendered)(rendered).is_err(), "braces are no number");
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
        assert_eq!(unknown, Demands { replica: None, class: None, ..known });
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
