//! What changes in an existing file, and its text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::edit::{Collection, Edits, Place};
use super::item::Item;
use super::model::Model;
use super::{Asked, Changes, Form, line};
use crate::discovered::{Discovered, Read};
use crate::draft::EstateDraft;
use yaml::{Diagnostic, Node, emit};

/// An entry as it will be, and its index in the existing file.
struct Merged {
    item: Item,
    old: Option<usize>,
}

/// The merged entries of each section.
pub struct Plan<'a> {
    old: &'a Model,
    sections: [Vec<Merged>; 5],
}

pub fn plan<'a>(old: &'a Model, found: &Discovered, asked: &Asked) -> Plan<'a> {
    let model = Model::found(found);
    let is_read = |read: &Read| found.is_read(read);
    let gone = |item: &Item| item.read.as_ref().is_some_and(is_read);
    let never = |_: &Item| false;
    let merge =
        |old: &[Item], found: &[Item], gone: &dyn Fn(&Item) -> bool| merge(old, found, gone, &is_read);
    let asked_again = |item: &Item| is_asked(asked, item);
    Plan {
        old,
        sections: [
            merge(&old.accounts, &model.accounts, &never),
            merge(&old.regions, &model.regions, &never),
            merge(&old.resources, &model.resources, &gone),
            merge(&old.recovery_points, &model.recovery_points, &gone),
            merge(&old.incomplete, &model.incomplete, &asked_again),
        ],
    }
}

/// Whether what was incomplete has been asked for again. If it failed again, it is found again.
fn is_asked(asked: &Asked, item: &Item) -> bool {
    let [account, region, service] = ["account", "region", "service"].map(|key| item.keys.get(key));
    let text = |value: Option<&Json>| value.and_then(Json::as_str).unwrap_or_default().to_owned();
    let all_regions = asked.regions.is_empty();
    let place = match (region, service) {
        (Some(_), _) => all_regions || asked.regions.iter().any(|known| known.as_str() == text(region)),
        // A global service is asked whatever the regions are. A whole account is not.
        (None, Some(_)) => true,
        (None, None) => all_regions,
    };
    let services =
        asked.services.is_empty() || service.is_some_and(|_| asked.services.contains(&text(service)));
    asked.accounts.iter().any(|known| known.as_str() == text(account)) && place && services
}

fn merge(
    old: &[Item],
    found: &[Item],
    gone: &dyn Fn(&Item) -> bool,
    is_read: &dyn Fn(&Read) -> bool,
) -> Vec<Merged> {
    let by_identity: BTreeMap<&[String], &Item> =
        found.iter().map(|item| (item.identity.as_slice(), item)).collect();
    let known: BTreeSet<&[String]> = old.iter().map(|item| item.identity.as_slice()).collect();
    let mut merged = Vec::new();
    for (index, item) in old.iter().enumerate() {
        match by_identity.get(item.identity.as_slice()) {
            Some(found) => merged.push(Merged { item: item.with(found, is_read), old: Some(index) }),
            None if gone(item) => {}
            None => merged.push(Merged { item: item.unfound(is_read), old: Some(index) }),
        }
    }
    let new = found.iter().filter(|item| !known.contains(item.identity.as_slice()));
    merged.extend(new.map(|item| Merged { item: item.clone(), old: None }));
    merged
}

impl Plan<'_> {
    pub fn model(&self) -> Model {
        let items = |section: &Vec<Merged>| section.iter().map(|merged| merged.item.clone()).collect();
        self.old.of_sections(self.sections.each_ref().map(items))
    }

    /// The resources and recovery points that are new, different and gone.
    pub fn changes(&self, old: &Model) -> Changes {
        let mut changes = Changes::default();
        for ((key, _, items), section) in old.sections().into_iter().zip(&self.sections) {
            if !matches!(key, "resources" | "recovery_points") {
                continue;
            }
            for merged in section {
                match merged.old.and_then(|index| items.get(index)) {
                    None => changes.added.push(merged.item.told.clone()),
                    Some(before) if before.keys != merged.item.keys => {
                        changes.changed.push(merged.item.told.clone());
                    }
                    Some(_) => {}
                }
            }
            changes.gone.extend(removed(items, section).map(|index| items[index].told.clone()));
        }
        changes
    }

    pub fn text(&self, draft: &EstateDraft) -> Result<String, Box<Diagnostic>> {
        let mut edits = Edits::new(&draft.source);
        let root = Collection::of(&draft.source, &draft.root);
        let mut before = None;
        for ((key, form, items), section) in self.old.sections().into_iter().zip(&self.sections) {
            let at =
                draft.root.as_map().and_then(|map| map.entries.iter().position(|entry| entry.key == key));
            let node = draft.root.get(key);
            match (at, node) {
                (Some(at), Some(node)) => {
                    before = Some(at);
                    if key == "incomplete" && section.is_empty() {
                        root.remove(&mut edits, &BTreeSet::from([at]));
                    } else {
                        edit_section(&mut edits, draft, (key, form), node, items, section)?;
                    }
                }
                (Some(_) | None, _) if section.is_empty() => {}
                (Some(_) | None, _) => {
                    let lines: Vec<String> = section.iter().map(|merged| line(form, &merged.item)).collect();
                    root.insert_section(&mut edits, before, key, form == Form::List, &lines);
                }
            }
        }
        edits.apply().ok_or_else(|| {
            Box::new(super::whole(draft, "the places where entries would go cannot be told apart"))
        })
    }
}

/// Edits one section of the text.
fn edit_section(
    edits: &mut Edits<'_>,
    draft: &EstateDraft,
    (key, form): (&str, Form),
    node: &Node,
    items: &[Item],
    section: &[Merged],
) -> Result<(), Box<Diagnostic>> {
    // Accounts and regions are sorted in the model, but not in the file.
    let place_of = |item: &Item, index: usize| match form {
        Form::List => Some(index),
        Form::Map => node
            .as_map()
            .and_then(|map| map.entries.iter().position(|entry| Some(&entry.key) == item.identity.first())),
    };
    let value = |place: usize| match form {
        Form::List => node.as_seq().and_then(|nodes| nodes.get(place)),
        Form::Map => node.as_map().and_then(|map| map.entries.get(place)).map(|entry| &entry.value),
    };
    let collection = Collection::of(&draft.source, node);
    let refuse = |node: &Node, what: &str| {
        let message = format!("{what}, so `discover` cannot edit it");
        Box::new(draft.source.error(node.span, message).help("write the entry without an alias (`*name`)"))
    };
    let gone: BTreeSet<usize> =
        removed(items, section).filter_map(|index| place_of(&items[index], index)).collect();
    let mut orders: Vec<(&[String], usize)> = Vec::new();
    for merged in section {
        let Some(index) = merged.old else { continue };
        let Some(place) = place_of(&merged.item, index) else { continue };
        orders.push((&merged.item.order, place));
        let (Some(before), Some(node)) = (items.get(index), value(place)) else { continue };
        if before.keys != merged.item.keys {
            let entry = Collection::of(&draft.source, node);
            if entry.is_alias() {
                return Err(refuse(node, "the entry is an alias"));
            }
            edit_entry(edits, &entry, node, before, &merged.item);
        }
    }
    let mut new: Vec<&Item> = section.iter().filter(|m| m.old.is_none()).map(|m| &m.item).collect();
    if new.is_empty() && gone.is_empty() {
        return Ok(());
    }
    if collection.is_alias() {
        return Err(refuse(node, "the section is an alias"));
    }
    new.sort_by_key(|item| &item.order);
    orders.sort();
    let (mut passed, mut last) = (orders.into_iter().peekable(), None::<usize>);
    let mut lines: Vec<(Place, String)> = Vec::new();
    for item in new {
        // After the last entry of the file that comes before it.
        while let Some((_, place)) = passed.next_if(|(order, _)| **order < *item.order) {
            last = last.max(Some(place));
        }
        lines.push((last.map_or(Place::First, Place::After), line(form, item)));
    }
    collection.change(edits, &gone, lines, draft.root.as_map().and_then(|map| map.entry(key)));
    Ok(())
}

fn removed<'a>(items: &'a [Item], section: &[Merged]) -> impl Iterator<Item = usize> + 'a {
    let kept: BTreeSet<usize> = section.iter().filter_map(|merged| merged.old).collect();
    (0..items.len()).filter(move |index| !kept.contains(index))
}

/// Edits the keys of an entry. The others keep their bytes.
fn edit_entry(edits: &mut Edits<'_>, entry: &Collection<'_>, node: &Node, before: &Item, after: &Item) {
    let Some(map) = node.as_map() else { return };
    let own = |key: &str| {
        let at = map.entries.iter().position(|entry| entry.key == *key)?;
        // What a merge key (`<<`) brings in stands elsewhere, and others share it.
        let span = map.entries.get(at)?.key_span;
        (span.start >= node.span.start && span.end <= node.span.end).then_some(at)
    };
    let mut added = Vec::new();
    for (key, value) in &after.keys {
        if before.keys.get(key) == Some(value) {
            continue;
        }
        match own(key).and_then(|at| map.entries.get(at)) {
            Some(entry) => edits.set(entry, &emit::flow(value)),
            None => added.push(emit::pair(key, value)),
        }
    }
    let gone = before.keys.keys().filter(|key| !after.keys.contains_key(*key));
    entry.remove(edits, &gone.filter_map(|key| own(key)).collect());
    entry.append(edits, &added);
}
