//! What the sections of an estate say, apart from how they are written.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::Form;
use super::item::Item;
use crate::discovered::Discovered;
use crate::file::EstateFile;

/// The sections that `discover` writes, and the rest.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub accounts: Vec<Item>,
    pub regions: Vec<Item>,
    pub resources: Vec<Item>,
    pub recovery_points: Vec<Item>,
    pub incomplete: Vec<Item>,
    rest: Json,
}

impl Model {
    /// The entries in the order of the file.
    pub fn of(file: &EstateFile) -> Self {
        Self {
            accounts: file.accounts.iter().map(|(id, entry)| Item::account(id, entry)).collect(),
            regions: file.regions.iter().map(|(region, entry)| Item::region(region, entry)).collect(),
            resources: file.resources.iter().map(Item::resource).collect(),
            recovery_points: file.recovery_points.iter().map(Item::point).collect(),
            incomplete: file.incomplete.iter().map(Item::incomplete).collect(),
            rest: json!([file.timings, file.probes, file.faults, file.lookups]),
        }
    }

    /// What was found, sorted, each thing once.
    pub fn found(found: &Discovered) -> Self {
        let mut model = Self {
            accounts: found.accounts.iter().map(|(id, entry)| Item::account(id, entry)).collect(),
            regions: found.regions.iter().map(|(region, entry)| Item::region(region, entry)).collect(),
            resources: found.resources.iter().map(Item::resource).collect(),
            recovery_points: found.recovery_points.iter().map(Item::point).collect(),
            incomplete: found.incomplete.iter().map(Item::incomplete).collect(),
            rest: json!([{}, {}, [], null]),
        };
        for items in [&mut model.resources, &mut model.recovery_points, &mut model.incomplete] {
            items.sort_by_cached_key(|item| (item.order.clone(), json!(item.keys).to_string()));
            items.dedup_by(|a, b| a.identity == b.identity);
        }
        model
    }

    /// The sections in the order of a new file.
    pub fn sections(&self) -> [(&'static str, Form, &[Item]); 5] {
        [
            ("accounts", Form::Map, &self.accounts),
            ("regions", Form::Map, &self.regions),
            ("resources", Form::List, &self.resources),
            ("recovery_points", Form::List, &self.recovery_points),
            ("incomplete", Form::List, &self.incomplete),
        ]
    }

    /// Ids that several resources have.
    pub fn namesakes(&self) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let ids = self.resources.iter().filter_map(|item| item.keys.get("id").and_then(Json::as_str));
        ids.filter(|id| !seen.insert(*id)).map(str::to_owned).collect()
    }

    /// The same model with other entries.
    pub fn of_sections(&self, sections: [Vec<Item>; 5]) -> Self {
        let [accounts, regions, resources, recovery_points, incomplete] = sections;
        Self { accounts, regions, resources, recovery_points, incomplete, rest: self.rest.clone() }
    }

    /// Whether both say the same, in whatever order.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let same =
            self.sections().iter().zip(other.sections()).all(|((.., a), (.., b))| texts(a) == texts(b));
        same && self.rest == other.rest
    }
}

fn texts(items: &[Item]) -> Vec<String> {
    let text = |item: &Item| {
        // The order of keys means nothing.
        let keys: std::collections::BTreeMap<&String, &Json> = item.keys.iter().collect();
        json!([item.identity, keys]).to_string()
    };
    let mut texts: Vec<String> = items.iter().map(text).collect();
    texts.sort();
    texts
}
