//! Data that lie far from the application that uses them.

use std::collections::{BTreeSet, HashMap};

use super::{Entry, Hit};
use crate::matrix::APP;
use base::ids::Region;
use base::severity::Severity::Medium;
use estate::scope::holds_data;
use port::finding::Rule;

/// What runs programs.
const MACHINES: [&str; 7] = [
    "ec2:instance",
    "autoscaling:group",
    "lambda:function",
    "ecs:service",
    "ecs:cluster",
    "eks:cluster",
    "eks:nodegroup",
];

pub const FAR: Entry = Entry {
    rule: Rule::DataFarFromApplication,
    says: "the data lie in another region than the application",
    fix: "move them to the application's region, or correct the tag `app`",
    look: |look| {
        let mut homes: HashMap<&str, BTreeSet<&Region>> = HashMap::new();
        for thing in look.all().filter(|thing| MACHINES.contains(&thing.entry.id.kind.as_str())) {
            if let (Some(app), Some(region)) = (thing.entry.tags.get(APP), &thing.entry.region) {
                homes.entry(app).or_default().insert(region);
            }
        }
        let mut hits = Vec::new();
        for thing in look.stores().filter(|thing| {
            let kind = thing.entry.id.kind.as_str();
            holds_data(kind) && !MACHINES.contains(&kind)
        }) {
            let (Some(app), Some(region)) = (thing.entry.tags.get(APP), &thing.entry.region) else {
                continue;
            };
            let Some(home) = homes.get(app.as_str()).filter(|home| !home.contains(region)) else { continue };
            let home: Vec<&str> = home.iter().map(|region| region.as_str()).collect();
            let detail = format!("in {region}, and {app} runs in {}", home.join(", "));
            hits.push(Hit::new(&thing.entry.id, detail, Medium));
        }
        hits
    },
};
