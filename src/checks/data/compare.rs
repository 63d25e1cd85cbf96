//! Compares what a database holds with its reference.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Saw, counted};
use playbook::reference::Reference;

/// What of a reference is not there, or is otherwise. What is there besides does not count: it may
/// have been added since.
fn differences(
    what: &str,
    now: &BTreeMap<String, String>,
    reference: &BTreeMap<String, String>,
) -> Vec<String> {
    let named = |name: &str| if what.is_empty() { name.to_owned() } else { format!("{what} {name}") };
    let different = reference.iter().filter_map(|(name, wanted)| match now.get(name) {
        None => Some(format!("{} is missing", named(name))),
        Some(found) if found != wanted => {
            Some(format!("{} is `{found}`, and `{wanted}` in the reference", named(name)))
        }
        Some(_) => None,
    });
    different.collect()
}

/// Compares what has a name and a text: extensions, roles, collations.
pub(super) fn named(
    what: &str,
    now: &BTreeMap<String, String>,
    reference: Option<&BTreeMap<String, String>>,
    advice: &str,
) -> Saw {
    let Some(reference) = reference else {
        return Saw::unknown(
            "not compared",
            format!("the reference does not have the {what}s: whoever made it could not read them"),
        );
    };
    Saw::unless(&differences(what, now, reference), counted(reference.len(), what), advice)
}

/// Compares tables and other objects.
pub(super) fn structure(now: &Reference, reference: &Reference) -> Saw {
    let mut found = Vec::new();
    for (name, wanted) in &reference.tables {
        let Some(table) = now.tables.get(name) else {
            found.push(format!("table {name} is missing"));
            continue;
        };
        found.extend(differences(&format!("column {name}"), &table.columns, &wanted.columns));
        found.extend(differences(&format!("constraint {name}"), &table.constraints, &wanted.constraints));
        found.extend(differences(&format!("index {name}"), &table.indexes, &wanted.indexes));
    }
    let objects: BTreeSet<_> = reference.objects.difference(&now.objects).collect();
    found.extend(objects.into_iter().map(|object| format!("{object} is missing")));
    let total = format!(
        "{} and {} as in the reference",
        counted(reference.tables.len(), "table"),
        counted(reference.objects.len(), "other object")
    );
    Saw::unless(
        &found,
        total,
        "was this point taken before a migration, or did the restore leave something out? The user must see it too",
    )
}

/// Compares collations. A column that is not there is missing in the structure.
pub(super) fn collations(now: &BTreeMap<String, String>, reference: &Reference) -> Saw {
    const ADVICE: &str =
        "texts sort otherwise than in the reference: indexes of texts may have to be built anew";
    let of_both = reference.collations.as_ref().map(|all| {
        let there = all.iter().filter(|(name, _)| now.contains_key(*name));
        there.map(|(name, wanted)| (name.clone(), wanted.clone())).collect::<BTreeMap<_, _>>()
    });
    named("collation", now, of_both.as_ref(), ADVICE)
}
