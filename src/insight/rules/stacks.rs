//! Resources that no template makes again.

use std::collections::HashSet;

use super::look::is_backup;
use super::{Entry, Hit};
use base::severity::Severity::Low;
use port::finding::Rule;

pub const IN_NO_STACK: Entry = Entry {
    rule: Rule::InNoStack,
    says: "it belongs to no stack, so no template makes it again",
    fix: "describe it in a template, and import it into a stack (CloudFormation's IaC generator drafts both)",
    look: |look| {
        // The estate answers only for places of which it knows a stack.
        let place = |entry: &estate::file::ResourceEntry| (entry.account.clone(), entry.region.clone());
        let with_stack =
            look.all().filter(|t| t.entry.stack.is_some() || t.entry.id.kind == "cloudformation:stack");
        let known: HashSet<_> = with_stack.map(|thing| place(thing.entry)).collect();
        let things = look.things().filter(|thing| {
            let kind = thing.entry.id.kind.as_str();
            thing.entry.stack.is_none()
                && kind != "cloudformation:stack"
                && !is_backup(kind)
                && known.contains(&place(thing.entry))
        });
        things.map(|thing| Hit::new(&thing.entry.id, "", Low)).collect()
    },
};
