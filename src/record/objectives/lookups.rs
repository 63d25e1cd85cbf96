//! What restored machines looked up, and what that means for their workloads.

use std::collections::BTreeMap;

use super::record::Record;
use estate::meaning::Means;
use event::{Answer, Lookup, RunStarted};
use port::{Finding, Rule};

/// The names that a finding tells. The report has all.
const FEW: usize = 5;

/// Whether a run tells what restored machines looked up: the sandbox's resolver is closed, and
/// something may have been restored.
fn is_watched(record: &Record, started: &RunStarted) -> bool {
    started.watches_names && record.t0.is_some()
}

pub fn told(record: &Record, started: &RunStarted) -> Option<Vec<Lookup>> {
    let found = record.looked_up.as_ref().map(|found| found.lookups.clone()).unwrap_or_default();
    is_watched(record, started).then_some(found)
}

/// Why there may be more names than those that are told.
pub fn unknown(record: &Record, started: &RunStarted) -> Option<String> {
    if !is_watched(record, started) {
        return None;
    }
    match &record.looked_up {
        Some(found) => found.unknown.clone(),
        None => Some("the drill ended before the log of the sandbox's resolver was read".into()),
    }
}

/// A finding for each machine and each meaning that matters.
pub fn findings(record: &Record, started: &RunStarted) -> Vec<Finding> {
    let mut by_machine: BTreeMap<(Means, &str), Vec<&Lookup>> = BTreeMap::new();
    for lookup in record.looked_up.iter().flat_map(|found| &found.lookups) {
        by_machine.entry((lookup.means, &lookup.machine)).or_default().push(lookup);
    }
    by_machine
        .into_iter()
        .filter_map(|((means, machine), lookups)| {
            let (rule, what, fix) = match means {
                Means::Lost => (
                    Rule::DependsOnWhatIsLost,
                    "what is lost",
                    "configure what it needs by the place that it runs in, restore what it depends on, or give the name an \
                     answer under `sandbox.names`",
                ),
                Means::Production => (
                    Rule::CallsProduction,
                    "production",
                    "lead the name to what is restored, under `sandbox.names` in a drill, and in the runbook for the day",
                ),
                Means::World => (
                    Rule::ReachesTheWorld,
                    "the world",
                    "see whether a copy may do that: mail, payments and webhooks would be sent twice",
                ),
                Means::Aws | Means::Sandbox => return None,
            };
            // A workload is told of what its machines do. A machine of no workload stands for itself.
            let workload = started.steps.iter().find(|step| step.id == machine);
            let resource = workload.and_then(|step| step.workload.as_deref()).unwrap_or(machine);
            Some(Finding::new(rule, resource, said(machine, what, &lookups), fix))
        })
        .collect()
}

/// ``the machine `web` looked up 2 names of what is lost: …``
fn said(machine: &str, what: &str, lookups: &[&Lookup]) -> String {
    let mut names: BTreeMap<&str, &Lookup> = BTreeMap::new();
    for lookup in lookups {
        names.entry(&lookup.name).or_insert(lookup);
    }
    let counted = if names.len() == 1 { "a name".to_owned() } else { format!("{} names", names.len()) };
    let mut list: Vec<String> =
        names.values().take(FEW).map(|one| format!("`{}` ({})", one.name, one.why)).collect();
    if names.len() > FEW {
        list.push(format!("and {} more", names.len() - FEW));
    }
    let answered = lookups.iter().any(|one| one.answer == Answer::Answered);
    let end = if answered { "; not all were blocked" } else { "" };
    format!("the machine of `{machine}` looked up {counted} of {what}: {}{end}", list.join(", "))
}
