//! What a recovery needs, and what exists only where the loss is.

use std::collections::HashMap;

use super::{Entry, Hit};
use base::severity::Severity::{self, Low, Medium};
use estate::Resource;
use port::finding::Rule;

pub const ONLY_HERE: Entry = Entry {
    rule: Rule::ExistsOnlyHere,
    says: "it exists only in the place that can be lost",
    fix: "make it in the recovery region before the disaster: import, copy, replicate, issue or deploy it there",
    look: |look| {
        let mut twins: HashMap<(&str, &str), Vec<&Resource>> = HashMap::new();
        for thing in look.all().filter(|thing| kind(&thing.entry.id.kind).is_some()) {
            let key = (thing.entry.id.kind.as_str(), thing.entry.id.name.as_str());
            twins.entry(key).or_default().push(thing.resource);
        }
        let mut hits = Vec::new();
        for thing in look.things().filter(|thing| !look.is_copy(*thing)) {
            let id = &thing.entry.id;
            let (Some(kind), Some(loss)) = (kind(&id.kind), look.loss_of_region(thing)) else { continue };
            let made_again = kind.a_template_makes_it && thing.entry.stack.is_some();
            let twin = twins.get(&(id.kind.as_str(), id.name.as_str()));
            let has_twin = twin.into_iter().flatten().any(|twin| !loss.takes_resource(twin));
            if !made_again && !has_twin && !look.snapshot.outlives(thing.entry, &loss) {
                hits.push(Hit::new(id, thing.resource.locus.place(), kind.severity));
            }
        }
        hits
    },
};

struct Kind {
    /// Whether a stack's template makes an equal one again. It holds no secret and no image.
    a_template_makes_it: bool,
    severity: Severity,
}

fn kind(of: &str) -> Option<Kind> {
    let (a_template_makes_it, severity) = match of {
        "ec2:key-pair" | "ec2:security-group" | "acm:certificate" | "ssm:parameter" | "lambda:function" => {
            (true, Medium)
        }
        "ec2:image" | "secretsmanager:secret" | "ecr:repository" => (false, Medium),
        // An address cannot be elsewhere too. What names it must change.
        "ec2:address" => (true, Low),
        _ => return None,
    };
    Some(Kind { a_template_makes_it, severity })
}
