//! What a plan needs, and what it leaves.

use std::collections::HashSet;

use super::{Entry, Hit};
use base::duration::human_seconds;
use base::severity::Severity::{High, Medium};
use estate::Loss;
use estate::plane::control_plane;
use port::finding::Rule;

/// The share of the objective that a plan should leave.
const HEADROOM_SHARE: f64 = 0.2;

pub const HEADROOM: Entry = Entry {
    rule: Rule::Headroom,
    says: "the plan leaves less than 20 % of the RTO",
    fix: "shorten the critical path, or agree on a longer objective: a real day is slower than a rehearsal",
    look: |look| {
        let mut hits = Vec::new();
        for goal in &look.goals {
            let (Some(expected), Some(rto)) = (goal.expected_rto_s, goal.rto_s) else { continue };
            // One that misses its objective is no matter of headroom.
            if expected <= rto && expected > rto * (1.0 - HEADROOM_SHARE) {
                let detail = format!("{} of {}", human_seconds(expected), human_seconds(rto));
                hits.push(Hit::new(&format!("workload {}", goal.workload), detail, Medium));
            }
        }
        hits
    },
};

pub const REFUSED: Entry = Entry {
    rule: Rule::StepNeedsLostPlane,
    says: "a step needs a control plane that is lost",
    fix: "prepare what the step makes before the disaster, so that the recovery only uses it",
    look: |look| {
        let Some(Loss::Region(region)) = look.loss else { return Vec::new() };
        let mut hits = Vec::new();
        for step in &look.refused {
            let plane = step
                .call
                .split_once(':')
                .and_then(|(service, operation)| control_plane(region.as_str(), service, operation));
            if let Some(plane) = plane {
                let detail = format!("{}: {}", step.call, plane.what);
                hits.push(Hit::new(&format!("step {}", step.id), detail, High));
            }
        }
        hits
    },
};

pub const QUOTA: Entry = Entry {
    rule: Rule::QuotaTooLow,
    says: "the recovery region has no room for what is lost",
    fix: "raise the quota in the recovery region before the disaster (Service Quotas)",
    look: |look| {
        let (Some(_), Some((_, region))) = (look.loss, &look.recovery) else { return Vec::new() };
        let quotas = look.snapshot.file.regions.get(region).and_then(|entry| entry.quotas);
        let Some(quotas) = quotas else { return Vec::new() };
        let wanted: HashSet<usize> =
            look.goals.iter().flat_map(|goal| goal.resources.iter().copied()).collect();
        let mut hits = Vec::new();
        for (kind, what, quota) in
            [("ec2:instance", "instances", quotas.instances), ("rds:db", "DB instances", quotas.db_instances)]
        {
            let Some(quota) = quota else { continue };
            let lost = look.things().filter(|thing| thing.entry.id.kind == kind);
            let lost = lost.filter(|thing| wanted.contains(&thing.index)).count();
            if lost > quota as usize {
                let detail = format!("{lost} {what} are lost, and {quota} more may be made");
                hits.push(Hit::new(&format!("region {region}"), detail, High));
            }
        }
        hits
    },
};
