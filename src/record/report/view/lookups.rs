//! What restored machines tried to reach: the names that they looked up, by machine.

use estate::meaning::Means;
use serde::Serialize;

use super::{Badge, Limits, List};
use crate::report::model::{Answer, Lookup, Report};

#[derive(Debug, Serialize)]
pub struct LookupsView {
    /// What all of it says, in one sentence.
    pub sentence: String,
    /// Why there may be more names. `null` if these are all.
    pub unknown: Option<String>,
    /// Each meaning that occurs, with what it says of a recovery.
    pub legend: Vec<LegendRow>,
    pub machines: List<MachineView>,
}

#[derive(Debug, Serialize)]
pub struct LegendRow {
    pub means: Badge,
    pub says: &'static str,
}

#[derive(Debug, Serialize)]
pub struct MachineView {
    pub machine: String,
    /// Its id, if the log has one.
    pub instance: Option<String>,
    pub workload: Option<String>,
    pub names: List<NameRow>,
}

#[derive(Debug, Serialize)]
pub struct NameRow {
    pub name: String,
    pub why: String,
    pub means: Badge,
    pub count: u64,
    pub answer: Badge,
}

/// The word for a meaning.
pub fn means(means: Means) -> Badge {
    match means {
        Means::Lost => Badge::bad("lost"),
        Means::Production => Badge::unknown("production's"),
        Means::Aws => Badge::plain("AWS's own"),
        Means::Sandbox => Badge::ok("the sandbox's"),
        Means::World => Badge::unknown("the world's"),
    }
}

fn says(means: Means) -> &'static str {
    match means {
        Means::Lost => "a dependency that nobody restored: on the day nobody answers there",
        Means::Production => "it would have called home, and worked on the original",
        Means::Aws => "an endpoint of AWS that survives the loss",
        Means::Sandbox => "something that the drill made, or a name that it answers",
        Means::World => "somebody else: mail, payments and webhooks would go out twice",
    }
}

/// A name that got an answer although it leads out is worse than one that was blocked.
fn answer(lookup: &Lookup) -> Badge {
    match (lookup.answer, lookup.means) {
        (Answer::Blocked, _) => Badge::plain("blocked"),
        (Answer::Answered, Means::Sandbox) => Badge::ok("answered"),
        (Answer::Answered, Means::Aws) => Badge::plain("answered"),
        (Answer::Answered, Means::Lost | Means::Production | Means::World) => Badge::bad("answered"),
    }
}

/// `1 of what is lost, 2 of production, …`: the names of each meaning that occurs.
fn counted(lookups: &[Lookup]) -> String {
    let of = |means: Means| match means {
        Means::Lost => "of what is lost",
        Means::Production => "of production",
        Means::Aws => "of AWS",
        Means::Sandbox => "of the sandbox",
        Means::World => "of the world",
    };
    let counts = Means::ALL.into_iter().map(|means| {
        let count = lookups.iter().filter(|lookup| lookup.means == means).count();
        (count, means)
    });
    let told = counts.filter(|(count, _)| *count > 0).map(|(count, means)| format!("{count} {}", of(means)));
    told.collect::<Vec<_>>().join(", ")
}

/// What the lookups say in one sentence. The terminal and the reports tell the same.
pub fn sentence(lookups: &[Lookup], unknown: bool) -> String {
    match (lookups.is_empty(), unknown) {
        (true, true) => "Unknown. No name was seen, and nobody knows whether there was one.".to_owned(),
        (true, false) => "Nothing. No restored machine looked up a name.".to_owned(),
        (false, _) => {
            let names =
                if lookups.len() == 1 { "1 name".to_owned() } else { format!("{} names", lookups.len()) };
            let more = if unknown { " There may be more." } else { "" };
            format!("Restored machines looked up {names}: {}.{more}", counted(lookups))
        }
    }
}

pub fn of(report: &Report, limits: Limits) -> Option<LookupsView> {
    let lookups = report.lookups.as_ref()?;
    let mut machines: Vec<(&str, Option<&str>, Vec<&Lookup>)> = Vec::new();
    for lookup in lookups {
        let (machine, instance) = (lookup.machine.as_str(), lookup.instance.as_deref());
        match machines.last_mut().filter(|(last, id, _)| (*last, *id) == (machine, instance)) {
            Some((_, _, names)) => names.push(lookup),
            None => machines.push((machine, instance, vec![lookup])),
        }
    }
    let workload = |machine: &str| {
        report.steps.iter().find(|step| step.id == machine).and_then(|step| step.workload.as_deref())
    };
    let occurring = Means::ALL.into_iter().filter(|means| lookups.iter().any(|one| one.means == *means));
    Some(LookupsView {
        sentence: sentence(lookups, report.lookups_unknown.is_some()),
        unknown: report.lookups_unknown.as_deref().map(|why| limits.prose(why)),
        legend: occurring.map(|one| LegendRow { means: means(one), says: says(one) }).collect(),
        machines: List::cut(machines, limits.rows).map(|(machine, instance, names)| MachineView {
            machine: limits.name(machine),
            instance: instance.filter(|id| *id != machine).map(|id| limits.name(id)),
            workload: workload(machine).map(|workload| limits.name(workload)),
            names: List::cut(names, limits.rows).map(|lookup| NameRow {
                name: limits.name(&lookup.name),
                why: limits.prose(&lookup.why),
                means: means(lookup.means),
                count: lookup.count,
                answer: answer(lookup),
            }),
        }),
    })
}
