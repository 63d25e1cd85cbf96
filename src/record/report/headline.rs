//! The outcome of a drill in one sentence. Every form of the report begins with it.

use super::model::{Report, Status, Verdict, WorkloadReport};
use super::told::Told;
use super::view::figures::length_beside;
use base::duration::human_seconds;
use base::exit::Exit;

/// How a workload came off. The worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    NotRecovered,
    Missed,
    Unknown,
    NoObjective,
    Met,
}

impl Standing {
    fn of(workload: &WorkloadReport) -> Self {
        let all = [workload.rto.status, workload.rpo.status, workload.consistency.status];
        if !workload.recovered {
            Self::NotRecovered
        } else if all.contains(&Status::Missed) {
            Self::Missed
        } else if all.contains(&Status::Unknown) {
            Self::Unknown
        } else if all.contains(&Status::Met) {
            Self::Met
        } else {
            Self::NoObjective
        }
    }

    /// What `count` other workloads did.
    fn told(self, count: usize) -> String {
        let what = match (self, count) {
            (Self::NotRecovered, _) => "did not come back",
            (Self::Missed, 1) => "missed an objective",
            (Self::Missed, _) => "missed objectives",
            (Self::Unknown, 1) => "has a figure that is unknown",
            (Self::Unknown, _) => "have figures that are unknown",
            (Self::NoObjective, _) => "came back without an objective",
            (Self::Met, 1) => "met its objectives",
            (Self::Met, _) => "met their objectives",
        };
        format!("{count} {what}")
    }
}

/// The outcome in one sentence. Where teardown left something behind, a second one says so.
pub fn of(report: &Report) -> String {
    let mut text = if report.simulated { "Simulated: ".to_owned() } else { String::new() };
    text += &match report.verdict {
        Verdict::Passed | Verdict::Failed => carried_out(report),
        Verdict::Error => cut(report, "the drill could not be carried out"),
        Verdict::Interrupted => cut(report, "the drill was interrupted"),
    };
    text.push('.');
    let left = report.teardown.left_behind.len();
    if left > 0 || report.exit_code == Exit::LeftBehind {
        let what = match left {
            0 => "something".to_owned(),
            1 => "1 resource".to_owned(),
            left => format!("{left} resources"),
        };
        text += &format!(" Teardown left {what} behind.");
    }
    text
}

/// A drill that ended before its end. `what` also is the reason of an interruption.
fn cut(report: &Report, what: &str) -> String {
    let when = if report.t0.is_some() { "after T0" } else { "before the disaster was declared" };
    let why = report.reasons.first().filter(|why| *why != what);
    let why = why.map(|why| format!(": {}", sentence(why))).unwrap_or_default();
    format!("{what} ({when}), so nothing is known about recovery{why}")
}

fn carried_out(report: &Report) -> String {
    let mut workloads: Vec<(Standing, &WorkloadReport)> =
        report.workloads.iter().map(|workload| (Standing::of(workload), workload)).collect();
    workloads.sort_by_key(|(standing, workload)| (*standing, workload.tier.unwrap_or(u32::MAX)));
    let Some(((standing, worst), others)) = workloads.split_first() else {
        return "no workload was judged".into();
    };
    let mut text = of_workload(worst);
    if !others.is_empty() {
        let mut counts: Vec<(Standing, usize)> = Vec::new();
        for (standing, _) in others {
            match counts.last_mut() {
                Some((last, count)) if last == standing => *count += 1,
                _ => counts.push((*standing, 1)),
            }
        }
        let told: Vec<String> = counts.into_iter().map(|(standing, count)| standing.told(count)).collect();
        let of = match others.len() {
            1 => "of the other workload".to_owned(),
            count => format!("of {count} other workloads"),
        };
        text += &format!("; {of} {}", told.join(", "));
    }
    if *standing == Standing::NoObjective {
        text += "; no objective was set";
    }
    // What is wrong is not always a workload's.
    let whole = matches!(standing, Standing::NoObjective | Standing::Met);
    if !report.sandbox.isolation_verified {
        text += "; the sandbox was not shown to stay closed";
    } else if report.verdict == Verdict::Failed && whole {
        let why = report.reasons.first().map_or("the report does not say why", |why| sentence(why));
        text += &format!("; but the drill failed: {why}");
    }
    text
}

fn of_workload(workload: &WorkloadReport) -> String {
    let name = &workload.name;
    if !workload.recovered {
        let (first, more) = match workload.incomplete.as_slice() {
            [] => ("the report does not say why", 0),
            [first, more @ ..] => (sentence(first), more.len()),
        };
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return format!("{name} did not come back: {first}{more}");
    }
    let mut text = match Told::rto(workload) {
        Told::Figure(seconds) => {
            let objective = workload.rto.objective_s;
            let assumed = workload.rto.with_assumptions_s.zip(workload.rto.measured_s);
            let assumed = assumed.map(|(all, measured)| all - measured).filter(|assumed| *assumed > 0.0);
            let assumed = assumed.map(|assumed| format!("{} of it assumed", human_seconds(assumed)));
            let allowed = objective.map(|s| format!("allowed {}", length_beside(s, Some(seconds))));
            let notes: Vec<String> = assumed.into_iter().chain(allowed).collect();
            let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
            format!("{name} came back in {}{notes}", length_beside(seconds, objective))
        }
        Told::AtLeast(_) | Told::NotRecovered | Told::NothingLost | Told::Unknown => {
            let objective = workload.rto.objective_s;
            format!("{name} came back, after how long is unknown{}", allowed(objective, None))
        }
    };
    let rpo = &workload.rpo;
    let data = match Told::rpo(workload) {
        Told::Figure(seconds) => {
            let lost = length_beside(seconds, rpo.objective_s);
            Some(format!("lost {lost} of data{}", allowed(rpo.objective_s, Some(seconds))))
        }
        Told::AtLeast(seconds) => Some(format!(
            "lost at least {} of data, how much is unknown{}",
            length_beside(seconds, rpo.objective_s),
            allowed(rpo.objective_s, None)
        )),
        Told::NothingLost => Some("lost no data, because no store of it was lost".into()),
        Told::Unknown | Told::NotRecovered if rpo.objective_s.is_some() => {
            Some(format!("how much data it lost is unknown{}", allowed(rpo.objective_s, None)))
        }
        // It restored no store, and nobody asked for one.
        Told::Unknown | Told::NotRecovered => None,
    };
    if let Some(data) = data {
        text += &format!(", and {data}");
    }
    let consistency = &workload.consistency;
    if matches!(consistency.status, Status::Missed | Status::Unknown) {
        let far = match Told::consistency(workload) {
            Told::Figure(seconds) => length_beside(seconds, consistency.objective_s),
            Told::AtLeast(_) | Told::NotRecovered | Told::NothingLost | Told::Unknown => {
                "an unknown time".to_owned()
            }
        };
        let allowed = allowed(consistency.objective_s, consistency.measured_s);
        text += &format!(", with its stores {far} apart{allowed}");
    }
    text
}

/// ` (allowed 45m)`
fn allowed(objective: Option<f64>, figure: Option<f64>) -> String {
    objective.map(|s| format!(" (allowed {})", length_beside(s, figure))).unwrap_or_default()
}

/// A reason as a part of a sentence, which has its own full stop.
fn sentence(reason: &str) -> &str {
    reason.trim_end().trim_end_matches('.')
}
