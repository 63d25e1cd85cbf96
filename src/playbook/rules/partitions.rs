//! Roles and ARNs of another partition than the sandbox's: no credentials and no data pass from one
//! to the other.

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use base::partition::Partition;
use yaml::{Diagnostics, Node, Span, Value};

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let Some(region) = Facts::sandbox_region(draft) else { return };
    let here = Partition::of(&region).id;
    let mut found: Vec<(Span, String)> = Vec::new();
    for entry in &draft.accounts.entries {
        // Another provider's account has no role.
        if let Some(role) = entry.value.get("role") {
            other(role, here, &format!("the role of account `{}`", entry.key), &mut found);
        }
    }
    for item in &draft.items {
        if let Some(with) = item.with {
            arns(with, here, &format!("the {}", item.name()), &mut found);
        }
    }
    for (span, what) in found {
        let message = format!("{what}, and the sandbox's region `{region}` is in `{here}`");
        let help = format!(
            "ARNs of this partition begin with `arn:{here}:`; nothing passes from one partition to another"
        );
        out.push(draft.source.error(span, message).help(help));
    }
}

fn arns(node: &Node, here: &str, of: &str, found: &mut Vec<(Span, String)>) {
    match &node.value {
        Value::Map(map) => map.entries.iter().for_each(|entry| arns(&entry.value, here, of, found)),
        Value::Seq(items) => items.iter().for_each(|item| arns(item, here, of, found)),
        Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => {
            other(node, here, of, found);
        }
    }
}

fn other(node: &Node, here: &str, of: &str, found: &mut Vec<(Span, String)>) {
    let partition = node.as_str().and_then(Partition::of_arn);
    if let Some(partition) = partition.filter(|named| named.starts_with("aws") && *named != here) {
        found.push((node.span, format!("{of} names an ARN of the partition `{partition}`")));
    }
}
