//! Counts what the drills of a test run contain. A kind of drill that never occurs is not judged.

use std::collections::BTreeMap;

use super::drill::{Drill, Loss, PRODUCTION, Pick, Source, What};
use super::generate::wishes;
use super::reckon::{End, Reckoned};

#[derive(Default)]
pub struct Tally(BTreeMap<String, u64>);

/// What must occur, and how often in 300 seeds.
const MINIMA: [(&str, u64); 48] = [
    ("loss of a zone", 30),
    ("loss of a region", 60),
    ("loss of an account", 20),
    ("sandbox in production", 40),
    ("exit code 0", 40),
    ("exit code 1", 80),
    ("exit code 3", 1),
    ("exit code 4", 10),
    ("verdict passed", 40),
    ("verdict failed", 80),
    ("rto met", 80),
    ("rto missed", 5),
    ("rto unknown", 80),
    ("rto none", 40),
    ("rpo met", 80),
    ("rpo missed", 40),
    ("rpo unknown", 60),
    ("rpo none", 40),
    ("consistency met", 60),
    ("consistency missed", 10),
    ("consistency unknown", 30),
    ("consistency none", 100),
    ("workload incomplete without objectives", 4),
    ("RTO with assumptions", 50),
    ("RPO measured by a check", 30),
    ("worst case unknown", 4),
    ("point latest", 200),
    ("point by time", 10),
    ("point by id", 30),
    ("point by tag", 10),
    ("no point", 40),
    ("point with a lost key", 30),
    ("restored from a copy", 50),
    ("PITR", 6),
    ("replica promoted", 6),
    ("versions as of an instant", 8),
    ("volumes attached", 5),
    ("succeeded after a retry", 50),
    ("timeout", 15),
    ("failure tolerated", 6),
    ("step skipped", 100),
    ("step left out", 6),
    ("check skipped", 100),
    ("check unhealthy", 10),
    ("check held", 100),
    ("check flapped before it held", 10),
    ("ttl exceeded", 3),
    ("machines by tag", 50),
];

impl Tally {
    fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    fn count_if(&mut self, is: bool, what: &str) {
        if is {
            self.count(what);
        }
    }

    /// A drill that ended before its disaster.
    pub fn add_error(&mut self) {
        self.count("exit code 3");
    }

    pub fn add(&mut self, drill: &Drill, reckoned: &Reckoned) {
        self.count(match drill.loss {
            Loss::Az(_) => "loss of a zone",
            Loss::Region(_) => "loss of a region",
            Loss::Account(_) => "loss of an account",
        });
        self.count_if(drill.sandbox_account == PRODUCTION, "sandbox in production");
        self.count(format!("exit code {}", reckoned.code));
        self.count(format!("verdict {}", if reckoned.passed { "passed" } else { "failed" }));
        self.count_if(reckoned.out_of_time, "ttl exceeded");
        let lost_key = |p: &super::drill::Point| {
            p.kms.is_some()
                && !drill.survives(p)
                && drill.survives(&super::drill::Point { kms: None, ..p.clone() })
        };
        self.count_if(drill.points.iter().any(lost_key), "point with a lost key");
        for (workload, of) in drill.workloads.iter().zip(&reckoned.workloads) {
            self.count(format!("rto {}", of.rto_status));
            self.count(format!("rpo {}", of.rpo_status));
            self.count(format!("consistency {}", of.consistency_status));
            let free = [of.rto_status, of.rpo_status, of.consistency_status] == ["none"; 3];
            self.count_if(free && !of.recovered, "workload incomplete without objectives");
            self.count_if(of.with_assumptions.is_some(), "RTO with assumptions");
            self.count_if(of.stores.iter().any(|s| s.data_age.is_some()), "RPO measured by a check");
            self.count_if(of.stores.iter().any(|s| s.worst.is_none()), "worst case unknown");
            self.count_if(workload.by_tag, "machines by tag");
        }
        for node in 0..drill.nodes.len() {
            self.node(drill, reckoned, node);
        }
    }

    fn node(&mut self, drill: &Drill, reckoned: &Reckoned, node: usize) {
        let ended = &reckoned.ended[node];
        let step = match &drill.nodes[node].what {
            What::Check(check) => {
                self.count_if(ended.end == End::Skipped, "check skipped");
                self.count_if(ended.end == End::Failed, "check unhealthy");
                let held = ended.end == End::Well && check.stable_for > 0;
                self.count_if(held, "check held");
                let flaps = check.probe.as_ref().and_then(|probe| probe.flaps);
                let flapped = held && flaps.is_some_and(|(after, _)| after < check.stable_for);
                self.count_if(flapped, "check flapped before it held");
                return;
            }
            What::Step(step) => step,
        };
        for (_, fault) in &ended.attempts {
            if let Some(fault) = fault {
                self.count(format!("{fault} of {}", step.uses));
            }
        }
        for fault in drill.faults.iter().filter(|f| f.node == node && ended.called) {
            if matches!(fault.error, "will_not_delete" | "sandbox_open") {
                self.count(format!("{} of {}", fault.error, step.uses));
            }
        }
        self.count_if(ended.end == End::Skipped, "step skipped");
        self.count_if(ended.end == End::LeftOut, "step left out");
        self.count_if(ended.end == End::Failed && step.tolerated, "failure tolerated");
        let gave_up = |(at, _): &(i64, _)| step.timeout.is_some_and(|limit| at + limit == ended.at);
        self.count_if(ended.end == End::Failed && ended.attempts.last().is_some_and(gave_up), "timeout");
        self.count_if(ended.end == End::Failed && !ended.called, "no point");
        if ended.end != End::Well {
            return;
        }
        self.count(format!("{} succeeded", step.uses));
        self.count_if(ended.attempts.len() > 1, "succeeded after a retry");
        self.count_if(step.uses == "rds.restore_to_time", "PITR");
        self.count_if(step.uses == "rds.promote_replica", "replica promoted");
        self.count_if(step.as_of.is_some(), "versions as of an instant");
        self.count_if(!step.volumes.is_empty(), "volumes attached");
        self.count_if(matches!(step.source, Source::Copy(_)), "restored from a copy");
        self.count_if(matches!(step.source, Source::Tagged(_)), "point by tag");
        if let Source::Of(_, pick) | Source::Tagged(pick) = &step.source {
            self.count(match pick {
                Pick::Latest => "point latest",
                Pick::NotNewer(_) => "point by time",
                Pick::Id(_) => "point by id",
            });
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// What occurs too rarely in this many seeds.
    pub fn missing(&self, seeds: u64) -> Vec<String> {
        let wishes = wishes();
        let mut wanted: Vec<(String, u64)> =
            MINIMA.iter().map(|(what, least)| ((*what).to_owned(), least * seeds / 300)).collect();
        for (uses, fault) in wishes {
            wanted.push((format!("{fault} of {uses}"), (seeds / 300).max(1)));
            wanted.push((format!("{uses} succeeded"), (seeds / 150).max(1)));
        }
        wanted.sort();
        wanted.dedup();
        let found = |what: &str| self.0.get(what).copied().unwrap_or(0);
        let too_few = wanted.iter().filter(|(what, least)| found(what) < *least);
        too_few.map(|(what, least)| format!("{what}: {} of at least {least}", found(what))).collect()
    }
}
