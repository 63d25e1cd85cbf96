//! Where and what to ask of live accounts, if no estate describes production.

use std::collections::BTreeMap;

use super::Plan;
use base::ids::{AccountId, Region};
use estate::{Loss, Selector, bucket};
use port::{LiveKind, LiveQuery};

/// The questions about production that are asked before T0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Every account of AWS that the playbook names, also the lost one: it is not lost yet.
    pub accounts: Vec<AccountId>,
    pub regions: Vec<Region>,
    /// One query for each type.
    pub queries: Vec<LiveQuery>,
    /// Whether everything that the loss can take lies in the regions. What is found nowhere is then
    /// not lost. Of a lost account nobody says which regions it uses.
    pub covers_loss: bool,
}

impl Live {
    /// `None` if an estate describes production, or if there is nothing to ask.
    pub fn of(plan: &Plan) -> Option<Self> {
        if plan.estate.is_some() {
            return None;
        }
        let mut by_kind: BTreeMap<LiveKind, Vec<Selector>> = BTreeMap::new();
        let mut regions = plan.regions.clone();
        regions.extend(plan.loss.region().cloned());
        for (_, selector) in listed(plan) {
            let Some(kind) = kind_of(selector) else { continue };
            if let Selector::Id(id) = selector {
                regions.extend(id.place.as_ref().and_then(|place| place.region.clone()));
            }
            let selectors = by_kind.entry(kind).or_default();
            if !selectors.contains(selector) {
                selectors.push(selector.clone());
            }
        }
        regions.sort();
        regions.dedup();
        let covers_loss = match &plan.loss {
            Loss::Region(_) => true,
            Loss::Az(az) => regions.iter().any(|region| region.holds(az)),
            Loss::Account(_) => false,
        };
        let aws = plan.accounts.values().filter(|account| account.endpoint.is_none());
        let mut accounts: Vec<AccountId> = aws.map(|account| account.id.clone()).collect();
        accounts.sort();
        accounts.dedup();
        let queries: Vec<LiveQuery> =
            by_kind.into_iter().map(|(kind, selectors)| LiveQuery { kind, selectors }).collect();
        (!queries.is_empty()).then_some(Self { accounts, regions, queries, covers_loss })
    }
}

/// The selectors of all workloads, each with its JSON pointer in the playbook.
pub fn listed(plan: &Plan) -> impl Iterator<Item = (String, &Selector)> {
    plan.workloads.iter().flat_map(|workload| {
        let all = workload.resources.iter().enumerate();
        all.map(|(index, selector)| (pointer(&workload.name, index), selector))
    })
}

/// The JSON pointer of a selector.
pub fn pointer(workload: &str, index: usize) -> String {
    let name = workload.replace('~', "~0").replace('/', "~1");
    format!("/workloads/{name}/resources/{index}")
}

/// The type to ask for. `None` if this resource cannot be asked for: `ListBuckets` has no directory
/// buckets, and an ARN is no name.
pub fn kind_of(selector: &Selector) -> Option<LiveKind> {
    let kind = LiveKind::of(selector.kind())?;
    match selector {
        Selector::Id(id) if id.name.starts_with("arn:") => None,
        Selector::Id(id) if kind == LiveKind::Bucket && bucket::zone(&id.name).is_some() => None,
        Selector::Id(_) | Selector::Tag { .. } => Some(kind),
    }
}
