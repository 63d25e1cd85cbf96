//! What must hold for every drill. It is judged by what really happened, not by the report.

use std::collections::{BTreeMap, BTreeSet};

use base::duration::{Time, seconds_between};
use event::{Body, Event, Stage};
use port::{Kind, ResourceRef};
use record::report::Report;
use record::report::model::{CheckStatus, Status, StepStatus};

use super::faulty::{Ledger, Weather};
use super::run::Left;

/// What a day without faults creates and measures.
pub struct Fair {
    made: BTreeMap<(String, Kind), usize>,
    /// RTO and RPO by workload.
    measured: BTreeMap<String, (Option<f64>, Option<f64>)>,
}

impl Fair {
    pub fn of(left: &Left) -> Self {
        let measured = left.report.workloads.iter();
        let measured = measured.map(|w| (w.name.clone(), (w.rto.measured_s, w.rpo.measured_s))).collect();
        assert!(left.report.teardown.left_behind.is_empty(), "{:?}", left.report.teardown);
        Self { made: made(&left.ledger), measured }
    }
}

fn made(ledger: &Ledger) -> BTreeMap<(String, Kind), usize> {
    let mut all = BTreeMap::new();
    for made in ledger.made.borrow().iter() {
        for resource in &made.resources {
            *all.entry((made.by.clone(), resource.kind)).or_default() += 1;
        }
    }
    all
}

pub fn violations(left: &Left, fair: &Fair, weather: &Weather) -> Vec<String> {
    let mut wrong = left.wrong.clone();
    wrong.extend(accounts(left, weather));
    wrong.extend(touched(left));
    wrong.extend(twice(left, fair));
    wrong.extend(exit_code(left));
    wrong.extend(figures(left, fair));
    wrong.extend(records(left));
    wrong
}

/// Created = deleted ∪ left behind, and the report names what is left.
fn accounts(left: &Left, weather: &Weather) -> Vec<String> {
    let mut wrong = Vec::new();
    let told = &left.report.teardown;
    let (unknown, named): (Vec<&String>, Vec<&String>) =
        told.left_behind.iter().partition(|what| what.starts_with("unknown ("));
    let named: BTreeSet<String> = named.into_iter().cloned().collect();
    let standing: BTreeSet<String> = left.standing.iter().map(ToString::to_string).collect();
    if unknown.is_empty() {
        wrong.extend(standing.difference(&named).map(|r| format!("{r} is left, and not named")));
        let made: BTreeSet<ResourceRef> =
            left.ledger.made.borrow().iter().flat_map(|made| made.resources.clone()).collect();
        if told.created != made.len() {
            wrong.push(format!("{} were made, and {} are told", made.len(), told.created));
        }
        let gone = made.len() - standing.len();
        if told.deleted != gone {
            wrong.push(format!("{gone} are gone, and {} are told", told.deleted));
        }
    } else if !weather.blind && weather.budget < 1000 {
        // The state may be unknown after a series of faults.
        wrong.push(format!("{unknown:?} although it could be looked at"));
    }
    wrong.extend(named.difference(&standing).map(|r| format!("{r} is named, and not there")));
    wrong
}

/// The drill touches nothing outside the sandbox and nothing that others made.
fn touched(left: &Left) -> Vec<String> {
    let mut wrong = Vec::new();
    if !left.others_stand {
        wrong.push("another run's VPC is gone".into());
    }
    let places = left.ledger.places.borrow();
    wrong.extend(places.iter().filter(|p| **p != left.sandbox).map(|p| format!("changes in {p}")));
    let made = left.ledger.made.borrow();
    let deletions = left.ledger.deletions.borrow();
    let strange = deletions.iter().filter(|r| !made.iter().any(|m| m.resources.contains(r)));
    wrong.extend(strange.map(|r| format!("{r} was to be deleted, and not made by this run")));
    wrong
}

/// A step makes no more than on a day without faults, except for resources it gave up.
fn twice(left: &Left, fair: &Fair) -> Vec<String> {
    let mut given_up: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut tokens, mut wrong) = (BTreeSet::new(), Vec::new());
    for event in &left.events {
        match &event.body {
            Body::Discarded { by, .. } => *given_up.entry(by).or_default() += 1,
            Body::Created { token, resources, .. }
                if !token.is_empty() && !resources.is_empty() && !tokens.insert(token) =>
            {
                wrong.push(format!("{token} is on record as created twice"));
            }
            _ => {}
        }
    }
    for ((by, kind), count) in made(&left.ledger) {
        let once = fair.made.get(&(by.clone(), kind)).copied().unwrap_or(0);
        let most = once * (1 + given_up.get(by.as_str()).copied().unwrap_or(0));
        if count > most {
            wrong.push(format!("`{by}` made {count} of {kind:?}, and {most} were to be made"));
        }
    }
    wrong
}

/// The exit code is 4 if and only if something is left or could not be looked at. Otherwise it
/// follows the outcome of the drill.
fn exit_code(left: &Left) -> Vec<String> {
    let report = &left.report;
    let unknown = report.teardown.left_behind.iter().any(|what| what.starts_with("unknown ("));
    let has = |is: fn(&Body) -> bool| left.events.iter().any(|e| is(&e.body));
    let truth = if !left.standing.is_empty() || unknown {
        4
    } else if has(|b| matches!(b, Body::Interrupted { .. })) {
        130
    } else if has(|b| matches!(b, Body::Aborted { .. }))
        || !has(|b| matches!(b, Body::DisasterDeclared { .. }))
    {
        3
    } else {
        u8::from(!is_recovered(report) || !was_seen_closed(left))
    };
    if report.exit_code.code() == truth {
        return Vec::new();
    }
    vec![format!("exit code {}, and the truth is {truth}: {:?}", report.exit_code.code(), report.reasons)]
}

/// Whether the last look at the sandbox succeeded.
fn was_seen_closed(left: &Left) -> bool {
    let last = left.events.iter().rev().find_map(|e| match &e.body {
        Body::Isolation { stage: Stage::Last, unknown, .. } => Some(unknown.is_empty()),
        _ => None,
    });
    last == Some(true)
}

fn is_recovered(report: &Report) -> bool {
    report.steps.iter().all(|step| step.status == StepStatus::Succeeded)
        && report.checks.iter().all(|check| check.status == CheckStatus::Healthy)
        && report.workloads.iter().all(|w| {
            let met = |objective: Option<f64>, status| objective.is_none() || status == Status::Met;
            w.missing_resources.is_empty()
                && met(w.rto.objective_s, w.rto.status)
                && met(w.rpo.objective_s, w.rpo.status)
        })
}

/// The figures agree with the records, and faults improve none of them.
fn figures(left: &Left, fair: &Fair) -> Vec<String> {
    let mut wrong = Vec::new();
    for workload in &left.report.workloads {
        let fair = &fair.measured[&workload.name];
        if let (Some(t0), Some(rto)) = (left.report.t0, workload.rto.measured_s) {
            let recovered = recovered(&left.events, &left.report, &workload.name, t0);
            if (recovered - rto).abs() > 0.002 {
                wrong.push(format!("{}: RTO {rto}, by the records {recovered}", workload.name));
            }
            // Where times vary, a restore may also be faster.
            if left.report.seed.is_none() && fair.0.is_some_and(|fair| rto < fair - 0.002) {
                wrong.push(format!("{}: RTO {rto}, and {:?} without faults", workload.name, fair.0));
            }
        }
        if !workload.recovered && workload.rto.status == Status::Met {
            wrong.push(format!("{}: it is not recovered, and its RTO is met", workload.name));
        }
        // A store that was not restored has no age.
        if let (true, Some(rpo), Some(fair)) = (workload.recovered, workload.rpo.measured_s, fair.1)
            && rpo < fair - 0.002
        {
            wrong.push(format!("{}: RPO {rpo}, and {fair} without faults", workload.name));
        }
    }
    wrong
}

/// Seconds from T0 until the workload's last step had succeeded and its last check was healthy.
fn recovered(events: &[Event], report: &Report, workload: &str, t0: Time) -> f64 {
    let steps = report.steps.iter().filter(|s| s.workload.as_deref() == Some(workload)).map(|s| &s.id);
    let checks = report.checks.iter().filter(|c| c.workload.as_deref() == Some(workload)).map(|c| &c.id);
    let ours: BTreeSet<&String> = steps.chain(checks).collect();
    let ends = events.iter().filter_map(|event| match &event.body {
        Body::StepSucceeded { step, .. } if ours.contains(step) => Some(event.at),
        Body::CheckHealthy { check, healthy_at, .. } if ours.contains(check) => Some(*healthy_at),
        _ => None,
    });
    ends.map(|at| seconds_between(t0, at)).fold(0.0, f64::max)
}

/// The records are numbered without gaps, come to an end, and say the same when they are read back.
fn records(left: &Left) -> Vec<String> {
    let mut wrong = Vec::new();
    if left.events.iter().enumerate().any(|(number, event)| event.seq != number as u64) {
        wrong.push("the records do not count on".into());
    }
    if !matches!(left.events.last().map(|e| &e.body), Some(Body::RunFinished { .. })) {
        wrong.push("the records do not end with the run's end".into());
    }
    if left.read_back != left.report {
        wrong.push("the journal tells another report".into());
    }
    wrong
}
