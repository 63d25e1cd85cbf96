//! Resources that no template makes again, and stacks that are not what their template says.

use std::collections::HashSet;

use super::look::is_backup;
use super::{Entry, Hit};
use base::duration::seconds_between;
use base::severity::Severity::{Low, Medium};
use estate::file::Drift;
use port::finding::Rule;

const STACK: &str = "cloudformation:stack";

/// After a quarter nobody knows whether a stack still is as it was seen. Not a figure of AWS.
const SEEN_LATELY_DAYS: f64 = 90.0;

pub const IN_NO_STACK: Entry = Entry {
    rule: Rule::InNoStack,
    says: "it belongs to no stack, so no template makes it again",
    fix: "describe it in a template, and import it into a stack (CloudFormation's IaC generator drafts both)",
    look: |look| {
        // The estate answers only for places of which it knows a stack.
        let place = |entry: &estate::file::ResourceEntry| (entry.account.clone(), entry.region.clone());
        let with_stack = look.all().filter(|t| t.entry.stack.is_some() || t.entry.id.kind == STACK);
        let known: HashSet<_> = with_stack.map(|thing| place(thing.entry)).collect();
        let things = look.things().filter(|thing| {
            let kind = thing.entry.id.kind.as_str();
            thing.entry.stack.is_none()
                && kind != STACK
                && !is_backup(kind)
                && known.contains(&place(thing.entry))
        });
        things.map(|thing| Hit::new(&thing.entry.id, "", Low)).collect()
    },
};

pub const DRIFTED: Entry = Entry {
    rule: Rule::StackDrifted,
    says: "a stack is not shown to be what its template says",
    fix: "detect drift (`aws cloudformation detect-stack-drift`), and bring the template and the stack together",
    look: |look| {
        let t0 = look.snapshot.t0;
        let mut hits = Vec::new();
        for thing in look.things().filter(|thing| thing.entry.id.kind == STACK) {
            let Some(drift) = thing.entry.drift else { continue };
            let checked = thing.entry.drift_checked.map(|when| when.resolve(t0));
            let days = checked.map(|checked| (seconds_between(checked, t0) / 86_400.0).floor());
            let (detail, severity) = match (drift, days) {
                (Drift::Drifted, Some(days)) => (format!("it had drifted {days} days ago"), Medium),
                (Drift::Drifted, None) => ("it has drifted".to_owned(), Medium),
                (Drift::NotChecked, _) => ("drift was not checked, so it is unknown".to_owned(), Low),
                (Drift::InSync, None) => ("when drift was checked is unknown".to_owned(), Low),
                (Drift::InSync, Some(days)) if days > SEEN_LATELY_DAYS => {
                    (format!("drift was last checked {days} days ago, so it is unknown"), Low)
                }
                (Drift::InSync, Some(_)) => continue,
            };
            hits.push(Hit::new(&thing.entry.id, detail, severity));
        }
        hits
    },
};
