//! Configuration that names what is lost.

use super::look::Thing;
use super::{Entry, Hit};
use base::severity::Severity::{Low, Medium};
use estate::Loss;
use port::finding::Rule;

pub const LOST_PLACE: Entry = Entry {
    rule: Rule::NamesLostPlace,
    says: "the configuration names the place that can be lost",
    fix: "take regions, accounts and zones from the environment or from parameters, not from constants",
    look: |look| {
        let mut hits = Vec::new();
        for thing in look.all() {
            let own = [
                thing.entry.region.clone().map(Loss::Region),
                Some(Loss::Account(thing.entry.account.clone())),
            ];
            let (losses, severity) = match look.loss {
                Some(loss) => (vec![loss.clone()], Medium),
                None => (own.into_iter().flatten().collect(), Low),
            };
            if let Some(detail) = losses.iter().find_map(|loss| naming(thing, loss)) {
                hits.push(Hit::new(&thing.entry.id, detail, severity));
            }
        }
        // A step runs in the recovery region, so what it brings along must not name the lost place.
        let lost = look.loss.map(|loss| loss.key_and_name().1);
        for brought in &look.brought {
            if let Some(lost) = lost.filter(|lost| brought.mentions.contains(*lost)) {
                let detail = format!("{} mentions {lost}", brought.what);
                hits.push(Hit::new(&format!("step {}", brought.step), detail, Medium));
            }
        }
        hits
    },
};

/// How a resource names what is lost.
fn naming(thing: Thing<'_>, loss: &Loss) -> Option<String> {
    let (_, lost) = loss.key_and_name();
    if thing.entry.mentions.iter().any(|mention| mention == lost) {
        return Some(format!("it mentions {lost}"));
    }
    // Names spell a region with other separators: `QUEUE_US_EAST_1`. Digits of an account are kept.
    let plain = |text: &str| text.to_lowercase().replace(['_', '.', '/'], "-");
    let names = |text: &str| {
        let text = format!("-{}-", plain(text).trim_matches('-'));
        text.contains(&format!("-{lost}-"))
    };
    if let Some(name) = thing.entry.env_names.iter().find(|name| names(name)) {
        return Some(format!("its variable {name} names {lost}"));
    }
    let is_parameter = thing.entry.id.kind == "ssm:parameter";
    (is_parameter && names(&thing.entry.id.name)).then(|| format!("its name holds {lost}"))
}
