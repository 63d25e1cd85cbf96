//! Inspects a template for parts that would open the sandbox, reach beyond it, or stay behind.

use super::found::{Allow, Findings, TemplateFinding};
use super::properties;
use super::read::Template;
use super::resolve::{Resolver, Surroundings};
use super::rule::Rule;
use super::types::{INSIDE, is_a_type, leaves_a_snapshot, outward};
use super::value::{Form, Knowledge, Truth, knowledge};
use base::severity::Severity;
use yaml::{Entry, Node, Value};

/// Returns the findings in the order of the file.
///
/// A value that will be known only during the run gives no finding. The inspection is repeated with
/// all parameters before the deployment.
pub fn inspect(template: &Template, surroundings: &Surroundings, allow: &Allow) -> Vec<TemplateFinding> {
    let resolver = Resolver::new(template, surroundings);
    let mut found = Findings::new(allow);
    whole(template, &resolver, &mut found);
    for entry in template.section("Resources") {
        if !entry.key.starts_with("Fn::") {
            resource(entry, &resolver, &mut found);
        }
    }
    let mut list = found.list;
    list.sort_by_key(|f| (f.span.start, f.span.end, f.severity, f.rule));
    // A principal of another account also counts as a reference to that account. Report it once.
    let same = |a: &TemplateFinding, b: &TemplateFinding| {
        a.message == b.message || (b.rule == Rule::Access && a.rule == Rule::Elsewhere)
    };
    list.dedup_by(|a, b| a.span == b.span && a.severity == b.severity && same(a, b));
    list
}

const CANNOT_TELL: &str =
    "give it a value that is known before the deployment: a literal, or a parameter that the step sets";

/// Finds macros, and functions that insert parts from elsewhere.
fn whole(template: &Template, resolver: &Resolver<'_>, found: &mut Findings<'_>) {
    const PROCESSED: &str = "deploy what the macro makes of it: `aws cloudformation get-template --template-stage Processed` prints that";
    if let Some(node) = template.root().get("Transform") {
        let seen = resolver.resolve(node);
        for item in seen.items() {
            // This transform adds functions, which are checked below, and no resources.
            if item.known() != Some("AWS::LanguageExtensions") {
                let what = "a macro rewrites this template: what is deployed is not what stands here";
                found.push(Rule::Uninspected, item.span, what, PROCESSED);
            }
        }
    }
    functions(template.root(), &mut |entry| {
        let what = if entry.key == "Fn::Transform" {
            "a macro rewrites this part: what is deployed is not what stands here"
        } else {
            "`Fn::ForEach` makes what does not stand here: it cannot be inspected"
        };
        found.push(Rule::Uninspected, entry.key_span, what, PROCESSED);
    });
}

fn functions(node: &Node, report: &mut impl FnMut(&Entry)) {
    match &node.value {
        Value::Map(map) => {
            for entry in &map.entries {
                if entry.key == "Fn::Transform" || entry.key.starts_with("Fn::ForEach") {
                    report(entry);
                } else {
                    functions(&entry.value, report);
                }
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| functions(item, report)),
        Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => {}
    }
}

fn resource(entry: &Entry, resolver: &Resolver<'_>, found: &mut Findings<'_>) {
    let node = &entry.value;
    // `No` means that it is not created. `Later` is decided when the step is about to deploy.
    if matches!(resolver.is_made(node), Truth::No | Truth::Later) {
        return;
    }
    found.resource.clone_from(&entry.key);
    found.kind = String::new();
    let (Some(kind_node), Some(_)) = (node.get("Type"), node.as_map()) else {
        let what = "has no `Type`: what it would make cannot be told";
        return found.push(Rule::Uninspected, entry.key_span, what, "write `Type: AWS::…`");
    };
    let Some(kind) = kind_node.as_str() else {
        let what = "has a `Type` that is no text: what it would make cannot be told";
        return found.push(Rule::Uninspected, kind_node.span, what, "write `Type: AWS::…`");
    };
    kind.clone_into(&mut found.kind);
    if let Some(row) = outward(kind) {
        found.push(row.rule, kind_node.span, row.what, row.fix);
        // Its properties do not matter if it cannot be allowed.
        if row.rule != Rule::Iam {
            return;
        }
    } else if kind.ends_with("::MODULE") {
        let what = "is a module: what it makes does not stand here";
        found.push(Rule::Uninspected, kind_node.span, what, "put what it brings into this template");
    } else if !is_a_type(kind) {
        let what = "is none of AWS's own types: it runs code that decides what is made";
        found.push(Rule::Uninspected, kind_node.span, what, "leave it out with a `Condition`");
    } else if !INSIDE.contains(&kind) {
        let fix = format!(
            "leave it out with a `Condition`; if it stays inside, write `allow: [\"{kind}\"]` on the step"
        );
        found.push(
            Rule::Unlisted,
            kind_node.span,
            "is of a type that is not known to stay inside the sandbox",
            &fix,
        );
    }
    deletion(entry, resolver, found);
    properties::check(entry, resolver, found);
}

const LEAVES: &str =
    "write `DeletionPolicy: Delete`; or `allow: [retain]` on the step, and remove what is left yourself";

fn deletion(entry: &Entry, resolver: &Resolver<'_>, found: &mut Findings<'_>) {
    let node = &entry.value;
    if let Some(policy) = node.get("DeletionPolicy") {
        let seen = resolver.resolve(policy);
        for (leaf, text) in seen.leaves() {
            match (knowledge(text), text) {
                (Knowledge::Known, "Delete") | (Knowledge::Later, _) => {}
                (Knowledge::Known, "Snapshot") => {
                    found.push(
                        Rule::Retain,
                        leaf.span,
                        "leaves a snapshot when the stack is deleted",
                        LEAVES,
                    );
                }
                (Knowledge::Known, _) => {
                    found.push(Rule::Retain, leaf.span, "stays when the stack is deleted", LEAVES);
                }
                _ => {
                    let what = "may stay when the stack is deleted: its `DeletionPolicy` cannot be told";
                    found.push(Rule::Retain, leaf.span, what, CANNOT_TELL);
                }
            }
        }
        let decided = !matches!(seen.form, Form::Nothing);
        if decided && seen.leaves().is_empty() {
            let what = "may stay when the stack is deleted: its `DeletionPolicy` cannot be told";
            found.push(Rule::Retain, policy.span, what, CANNOT_TELL);
        }
    }
    let cluster = node.get("Properties").and_then(|p| p.get("DBClusterIdentifier"));
    let in_a_cluster = cluster.is_some_and(|cluster| resolver.resolve(cluster).is_given());
    let silent = node.get("DeletionPolicy").is_none_or(|p| matches!(resolver.resolve(p).form, Form::Nothing));
    if silent && leaves_a_snapshot(&found.kind, in_a_cluster) {
        let what = "leaves a snapshot when the stack is deleted: `DeletionPolicy` is `Snapshot` where it is not given";
        found.push(Rule::Retain, entry.key_span, what, LEAVES);
    }
    if let Some(policy) = node.get("UpdateReplacePolicy") {
        let keeps = resolver.resolve(policy).leaves().iter().any(|(_, text)| *text != "Delete");
        if keeps {
            found.list.push(TemplateFinding {
                rule: Rule::Retain,
                severity: Severity::Low,
                span: policy.span,
                resource: entry.key.clone(),
                message: format!(
                    "`{}` ({}) would stay when an update replaces it; a drill deploys once and updates nothing",
                    entry.key, found.kind
                ),
                fix: "nothing has to be done; `UpdateReplacePolicy: Delete` says nothing else for a drill".to_owned(),
            });
        }
    }
}
