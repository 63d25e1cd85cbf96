//! What a plan needs, and what it leaves.

use std::collections::{BTreeSet, HashSet};

use super::{Entry, Hit};
use base::duration::human_seconds;
use base::ids::{AccountId, Region};
use base::severity::Severity::{High, Medium};
use estate::file::{Limits, Quotas, ResourceEntry};
use estate::plane::control_plane;
use estate::scope::Scope;
use estate::{Locus, Loss};
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
        let (Some(_), Some((account, region))) = (look.loss, &look.recovery) else { return Vec::new() };
        let file = look.snapshot.file;
        let quotas = file.regions.get(region).and_then(|entry| entry.quotas);
        let limits = file.accounts.get(account).and_then(|entry| entry.quotas.get(region));
        let wanted: HashSet<usize> =
            look.goals.iter().flat_map(|goal| goal.resources.iter().copied()).collect();
        let lost: Vec<_> = look.things().filter(|thing| wanted.contains(&thing.index)).collect();
        let lost_of = |kind: &'static str| lost.iter().filter(move |thing| thing.entry.id.kind == kind);
        // What a quota leaves, if `quotas` does not say it: the rest of what the account may have.
        let left = |kind: &str, limit: Option<u64>| {
            let is_there = |entry: &ResourceEntry| {
                entry.id.kind == kind && entry.account == *account && entry.region.as_ref() == Some(region)
            };
            let there = file.resources.iter().filter(|entry| is_there(entry)).count() as u64;
            limit.map(|limit| limit.saturating_sub(there))
        };
        let bytes: u64 = lost_of("ec2:volume").map(|thing| thing.entry.size.0).sum();
        let of = |quota: fn(Quotas) -> Option<u32>| quotas.and_then(quota).map(u64::from);
        let limit = |limit: fn(&Limits) -> Option<u64>| limits.and_then(limit);
        let count = |kind: &'static str| lost_of(kind).count() as u64;
        let rows = [
            ("instances", count("ec2:instance"), of(|quotas| quotas.instances)),
            (
                "DB instances",
                count("rds:db"),
                of(|quotas| quotas.db_instances).or(left("rds:db", limit(|limits| limits.db_instances))),
            ),
            ("DB clusters", count("rds:cluster"), left("rds:cluster", limit(|limits| limits.db_clusters))),
            (
                "addresses",
                count("ec2:address"),
                of(|quotas| quotas.addresses).or(left("ec2:address", limit(|limits| limits.addresses))),
            ),
            ("GiB of volumes", bytes.div_ceil(1 << 30), quotas.and_then(|quotas| quotas.volume_gib)),
        ];
        let mut hits = Vec::new();
        for (what, lost, left) in rows {
            if let Some(left) = left.filter(|left| lost > *left) {
                let detail = format!("{lost} {what} are lost, and {left} more may be made");
                hits.push(Hit::new(&format!("region {region}"), detail, High));
            }
        }
        hits
    },
};

pub const QUOTA_BELOW: Entry = Entry {
    rule: Rule::QuotaBelowLost,
    says: "a quota of the recovery region is lower than that of the lost one",
    fix: "ask for the same quotas in the recovery region (Service Quotas)",
    look: |look| {
        let (Some(loss), Some(recovery)) = (look.loss, &look.recovery) else { return Vec::new() };
        let limits = |(account, region): &(AccountId, Region)| {
            look.snapshot.file.accounts.get(account).and_then(|entry| entry.quotas.get(region))
        };
        let lost_from: BTreeSet<(AccountId, Region)> = look
            .goals
            .iter()
            .flat_map(|goal| look.lost_of(goal))
            .filter_map(|thing| Some((thing.entry.account.clone(), thing.entry.region.clone()?)))
            .collect();
        // A recovery in earnest may take place in production's own account, if it is there.
        let own = lost_from.iter().map(|(account, _)| (account.clone(), recovery.1.clone()));
        let mut places: BTreeSet<(AccountId, Region)> = own.filter(|place| is_there(place, loss)).collect();
        places.insert(recovery.clone());
        let mut hits = Vec::new();
        for to in &places {
            for from in lost_from.iter().filter(|from| *from != to) {
                let (Some(was), Some(is)) = (limits(from), limits(to)) else { continue };
                let both = was.all().into_iter().zip(is.all());
                let lower = both.filter_map(|((_, what, was), (.., is))| {
                    let (was, is) = was.zip(is).filter(|(was, is)| is < was)?;
                    Some(format!("{is} {what} instead of {was}"))
                });
                let lower: Vec<String> = lower.collect();
                if !lower.is_empty() {
                    let detail = format!("{}, as in {} of account {}", lower.join(", "), from.1, from.0);
                    hits.push(Hit::new(&format!("region {} of account {}", to.1, to.0), detail, Medium));
                }
            }
        }
        hits
    },
};

fn is_there((account, region): &(AccountId, Region), loss: &Loss) -> bool {
    let locus = Locus { account: Some(account.clone()), region: Some(region.clone()), az: None };
    !loss.takes(&locus, Scope::Regional)
}
