//! What a reader must know beside the verdict. Every form of the report shows it there.

use std::collections::HashSet;

use serde::Serialize;

use super::model::Report;
use port::Rule;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CaveatKind {
    Simulated,
    /// Lost resources that no workload lists. No verdict speaks of them.
    InNoWorkload,
    /// Checks whose answer was assumed.
    Assumed,
    /// What restored machines looked up is not known, or not all of it.
    LookupsUnknown,
}

impl CaveatKind {
    /// Returns the name, as it stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::InNoWorkload => "in_no_workload",
            Self::Assumed => "assumed",
            Self::LookupsUnknown => "lookups_unknown",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caveat {
    pub kind: CaveatKind,
    pub text: String,
}

/// Returns the caveats of a report. The order is that of the variants.
pub fn caveats(report: &Report) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let mut add = |kind, text| caveats.push(Caveat { kind, text });
    if report.simulated {
        add(CaveatKind::Simulated, "Simulated on the twin: nothing was really restored.".to_owned());
    }
    let loose = in_no_workload(report);
    if !loose.is_empty() {
        let resources = if loose.len() == 1 { "resource is" } else { "resources are" };
        let text = format!("{} lost {resources} in no workload: {}.", loose.len(), first_few(&loose));
        add(CaveatKind::InNoWorkload, text);
    }
    let assumed = assumed(report);
    if !assumed.is_empty() {
        let were = if assumed.len() == 1 { "was" } else { "were" };
        let all = report.checks.len();
        let checks = if all == 1 { "check" } else { "checks" };
        let text = format!("{} of {all} {checks} {were} assumed: {}.", assumed.len(), first_few(&assumed));
        add(CaveatKind::Assumed, text);
    }
    if let Some(why) = &report.lookups_unknown {
        let all =
            if report.lookups.as_ref().is_some_and(|seen| !seen.is_empty()) { "Not all" } else { "Nothing" };
        let text = format!("{all} is known of what restored machines tried to reach: {why}.");
        add(CaveatKind::LookupsUnknown, text);
    }
    caveats
}

/// Returns the lost resources that no workload lists.
pub fn in_no_workload(report: &Report) -> Vec<&str> {
    let lost: HashSet<&String> = report.blast_radius.lost.iter().collect();
    let missing: HashSet<&String> = report.workloads.iter().flat_map(|w| &w.missing_resources).collect();
    let uncovered = report.coverage.uncovered.iter();
    uncovered.filter(|id| lost.contains(id) && !missing.contains(id)).map(String::as_str).collect()
}

/// Returns the checks whose answer nobody judged.
pub fn assumed(report: &Report) -> Vec<&str> {
    let assumed =
        report.findings.iter().filter(|f| matches!(f.rule, Rule::Assumed | Rule::ProbeWithoutValue));
    let assumed: HashSet<&str> = assumed.map(|f| f.resource.as_str()).collect();
    report.checks.iter().map(|check| check.id.as_str()).filter(|id| assumed.contains(id)).collect()
}

/// A short list. The report has the full one.
fn first_few(names: &[&str]) -> String {
    const FEW: usize = 5;
    let mut text = names.iter().take(FEW).copied().collect::<Vec<_>>().join(", ");
    if names.len() > FEW {
        text += &format!(" and {} more", names.len() - FEW);
    }
    text
}
