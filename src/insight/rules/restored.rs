//! What a playbook restores otherwise than it was.

use std::collections::{BTreeMap, BTreeSet};

use super::look::Thing;
use super::{Entry, Hit, Look, Restored, RestoredStep};
use base::ids::AzId;
use base::severity::Severity::Medium;
use port::finding::Rule;

pub const DEFAULTS: Entry = Entry {
    rule: Rule::RestoredWithDefaults,
    says: "a restored database comes up with the default groups of its engine",
    fix: "make equal groups in the sandbox's region before the disaster, and name them at the step: `parameter_group`, `option_group`",
    look: |look| {
        let mut hits = Vec::new();
        for step in &look.restored {
            let Restored::Database { parameter_group, option_group, .. } = &step.what else { continue };
            let Some(original) = original(look, step) else { continue };
            let named = [
                ("parameter group", &original.entry.parameter_group, parameter_group),
                ("option group", &original.entry.option_group, option_group),
            ];
            let own = |group: &Option<String>| group.clone().filter(|group| !is_default(group));
            let missing: Vec<String> = named
                .into_iter()
                .filter(|(_, _, restored)| own(restored).is_none())
                .filter_map(|(what, was, _)| Some(format!("its {what} was {}", own(was)?)))
                .collect();
            if !missing.is_empty() {
                let detail = format!("step {} names none, and {}", step.id, missing.join(" and "));
                hits.push(Hit::new(&original.entry.id, detail, Medium));
            }
        }
        hits
    },
};

pub const IN_ONE_ZONE: Entry = Entry {
    rule: Rule::RestoredInOneZone,
    says: "what lay in several zones is restored in one",
    fix: "restore it in several zones: `multi_az: true`, a second instance of the cluster, or a `count` of 2 in a network of 2 zones",
    look: |look| {
        let mut hits = Vec::new();
        for step in &look.restored {
            let Restored::Database { in_one_zone: true, .. } = &step.what else { continue };
            if let Some(original) = original(look, step).filter(|original| original.entry.multi_az) {
                let detail = format!("step {} makes it without a standby", step.id);
                hits.push(Hit::new(&original.entry.id, detail, Medium));
            }
        }
        // One image stands for many machines, so machines are compared by workload.
        let mut zones: BTreeMap<&str, BTreeSet<&AzId>> = BTreeMap::new();
        for step in &look.restored {
            if let (Restored::Machines { zones: made }, Some(workload)) = (&step.what, &step.workload) {
                zones.entry(workload).or_default().extend(made);
            }
        }
        for goal in &look.goals {
            let made = zones.get(goal.workload.as_str()).filter(|made| made.len() == 1);
            let Some(zone) = made.and_then(BTreeSet::first) else { continue };
            let lost = look.lost_of(goal).filter(|thing| thing.entry.id.kind == "ec2:instance");
            let were: BTreeSet<AzId> = lost.filter_map(|thing| thing.resource.locus.az.clone()).collect();
            if were.len() > 1 {
                let detail = format!("its machines lay in {} zones, and come up in {zone}", were.len());
                hits.push(Hit::new(&format!("workload {}", goal.workload), detail, Medium));
            }
        }
        hits
    },
};

/// RDS makes these groups itself.
fn is_default(group: &str) -> bool {
    group.starts_with("default.") || group.starts_with("default:")
}

/// The resource that a step restores.
fn original<'a>(look: &Look<'a>, step: &RestoredStep) -> Option<Thing<'a>> {
    let of = step.of.as_deref()?;
    look.things().find(|thing| thing.entry.id.to_string() == of)
}
