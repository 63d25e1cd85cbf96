//! Ids that stand for several resources, of which one is lost.

use std::collections::{BTreeSet, HashSet};

use super::{Plan, Work};
use base::severity::Severity;
use estate::{Locus, Resource, Selector};
use playbook::action::SourceWhat;
use port::{Finding, Rule};

/// One finding for each such id that the playbook names.
pub fn findings(plan: &Plan) -> Vec<Finding> {
    let mut named: BTreeSet<String> = plan.radius.named(&selectors(plan)).into_iter().collect();
    // Sets, because an estate may have tens of thousands of resources.
    let lost: HashSet<&String> = plan.radius.lost.iter().collect();
    let surviving: HashSet<&String> = plan.radius.surviving.iter().collect();
    named.retain(|id| lost.contains(id) && surviving.contains(id));
    named.iter().filter_map(|id| finding(plan, id)).collect()
}

/// What the workloads list and what the steps restore.
fn selectors(plan: &Plan) -> Vec<Selector> {
    let listed = plan.workloads.iter().flat_map(|workload| &workload.resources).cloned();
    let sources = plan.nodes.iter().filter_map(|node| match &node.work {
        Work::Step(work) => match &work.source.as_ref()?.what {
            SourceWhat::Of { kind, name, .. } => Selector::of_kind(kind, name).ok(),
            SourceWhat::Id(_) => None,
        },
        Work::Check(_) => None,
    });
    listed.chain(sources).collect()
}

fn finding(plan: &Plan, id: &str) -> Option<Finding> {
    let all = plan.resources().all.iter().filter(|resource| resource.id.to_string() == id);
    let (lost, others): (Vec<&Resource>, Vec<&Resource>) =
        all.partition(|resource| plan.loss.takes_resource(resource));
    let (lost, other) = (lost.first()?, others.first()?);
    let points = plan.estate.iter().flat_map(|estate| &estate.recovery_points);
    let unclear: Vec<&str> = points
        .filter(|point| point.of.to_string() == id)
        .filter(|point| {
            let place = |locus: &Locus| {
                locus.account.as_ref() == Some(&point.account)
                    && locus.region.as_ref().is_none_or(|region| *region == point.region)
            };
            others.iter().any(|other| place(&other.locus))
        })
        .map(|point| point.id.as_str())
        .collect();
    let mut message = format!(
        "`{id}` stands for {} resources: the drill restores the lost one, in {}; another one stands in {}",
        others.len() + 1,
        lost.locus.place(),
        other.locus.place()
    );
    let severity = if unclear.is_empty() {
        Severity::Low
    } else {
        message += &format!(", where {} may be of either", unclear.join(", "));
        Severity::Medium
    };
    let region = other.locus.region.as_ref().map(|region| format!("region={region}"));
    let account = other.locus.account.as_ref().map(|account| format!("account={account}"));
    let place = if other.locus.region == lost.locus.region { account.or(region) } else { region.or(account) };
    let fix = format!(
        "give the other one and its recovery points the id `{id}[{}]` in the estate",
        place.unwrap_or_default()
    );
    Some(Finding::new(Rule::Namesake, id, message, fix).graded(severity))
}
