//! The blast radius: the lost and the surviving resources.

use std::collections::HashSet;

use indexmap::IndexMap;

use estate::file::EstateFile;
use estate::scope;
use estate::{Loss, Resource, ResourceIndex, Selector};
use playbook::model::Workload;

#[derive(Debug, Clone, Default)]
pub struct Radius {
    pub resources: ResourceIndex,
    /// The ids of lost resources. Without an estate: the resources of all workloads, since none is
    /// known to survive.
    pub lost: Vec<String>,
    pub surviving: Vec<String>,
    has_estate: bool,
    lost_ids: HashSet<String>,
}

impl Radius {
    pub fn new(loss: &Loss, estate: Option<&EstateFile>, workloads: &IndexMap<String, Workload>) -> Self {
        let Some(estate) = estate else {
            let mut lost: Vec<String> =
                workloads.values().flat_map(|w| &w.resources).map(ToString::to_string).collect();
            lost.sort();
            lost.dedup();
            let lost_ids = lost.iter().cloned().collect();
            return Self { lost, lost_ids, ..Self::default() };
        };
        let resources = estate.resources();
        let (lost, surviving): (Vec<&Resource>, Vec<&Resource>) =
            resources.iter().partition(|r| loss.takes_resource(r));
        let names = |list: Vec<&Resource>| list.into_iter().map(|r| r.id.to_string()).collect();
        let (lost, surviving): (Vec<String>, Vec<String>) = (names(lost), names(surviving));
        let lost_ids = lost.iter().cloned().collect();
        Self { lost_ids, lost, surviving, has_estate: true, resources: ResourceIndex::new(resources) }
    }

    /// The ids of all resources that a selector selects. Without an estate, the selector itself.
    pub fn selected(&self, selector: &Selector) -> Vec<String> {
        if !self.has_estate {
            return vec![selector.to_string()];
        }
        let mut selected = self.resources.selected(selector).map(|resource| resource.id.to_string());
        match selector {
            // Several resources may have the id.
            Selector::Id(_) => selected.next().into_iter().collect(),
            Selector::Tag { .. } => selected.collect(),
        }
    }

    /// The ids that selectors select. An id that is not in the estate counts too.
    pub fn named(&self, selectors: &[Selector]) -> Vec<String> {
        let mut named: Vec<String> = selectors
            .iter()
            .flat_map(|selector| match (selector, self.selected(selector)) {
                (Selector::Id(id), selected) if selected.is_empty() => vec![id.to_string()],
                (_, selected) => selected,
            })
            .collect();
        named.sort();
        named.dedup();
        named
    }

    /// The ids of the lost resources that a selector selects. Empty without an estate, which is
    /// needed to resolve a tag.
    pub fn lost_by_name(&self, selector: &Selector) -> Vec<String> {
        let selected = if self.has_estate { self.selected(selector) } else { Vec::new() };
        selected.into_iter().filter(|id| self.lost_ids.contains(id)).collect()
    }

    /// Whether the selected resources hold no data, or are known to survive.
    pub fn loses_no_data(&self, selector: &Selector) -> bool {
        let holds_data = scope::holds_data(selector.kind());
        if !holds_data {
            return true;
        }
        let selected = if self.has_estate { self.selected(selector) } else { Vec::new() };
        !selected.is_empty() && !selected.iter().any(|id| self.lost_ids.contains(id))
    }

    /// The lost resources among the selected ones. A resource that is not in the estate counts as
    /// lost, since it is not known to survive.
    pub fn lost_of(&self, selectors: &[Selector]) -> Vec<String> {
        let mut lost = Vec::new();
        for selector in selectors {
            let selected = self.selected(selector);
            if let (true, Selector::Id(id)) = (selected.is_empty(), selector) {
                lost.push(id.to_string());
            }
            lost.extend(selected.into_iter().filter(|id| self.lost_ids.contains(id)));
        }
        lost.sort();
        lost.dedup();
        lost
    }
}
