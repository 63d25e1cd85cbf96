//! Policy documents in the form that IAM accepts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::derive::AccountPolicy;
use super::grants::{CREATE_ACTION, Statement};
use port::Test;

/// The longest managed policy, in characters without white space (IAM quotas). The inline policies
/// of a role may have 10,240 together.
pub const LONGEST: usize = 6_144;

/// One managed policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub json: Value,
    /// Length in characters, as IAM counts them.
    pub length: usize,
}

/// The account's policy, split into as many documents as its length requires.
pub fn documents(policy: &AccountPolicy) -> Vec<Document> {
    split(&policy.statements)
}

/// These statements, in as many documents as their length requires.
pub fn split(all: &[Statement]) -> Vec<Document> {
    let given = statements(all);
    let mut all: Vec<Vec<Value>> = vec![Vec::new()];
    for statement in given {
        let Some(last) = all.last_mut() else { continue };
        last.push(statement);
        if length(last) > LONGEST && last.len() > 1 {
            let moved = last.pop();
            all.push(moved.into_iter().collect());
        }
    }
    all.into_iter()
        .filter(|statements| !statements.is_empty())
        .map(|statements| Document { length: length(&statements), json: document(&statements) })
        .collect()
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn length(statements: &[Value]) -> usize {
    document(statements).to_string().chars().filter(|c| !c.is_whitespace()).count()
}

/// Purposes whose statements may be merged. Each of their actions applies to one type of resource,
/// or the condition on the run's tag applies to all of them. Merged, they allow no more than
/// before.
const MERGED: [&str; 3] = ["Make", "Change", "Tag"];

/// Statements that become one in the document.
#[derive(Default)]
struct MergedStatement {
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    created_by: BTreeSet<String>,
}

type Tests = BTreeMap<(Test, String), BTreeSet<String>>;

fn statements(all: &[Statement]) -> Vec<Value> {
    let mut groups: BTreeMap<(&str, String, Tests, BTreeSet<String>), MergedStatement> = BTreeMap::new();
    for Statement { purpose, grant } in all {
        let mut conditions = grant.conditions.clone();
        let created_by =
            conditions.remove(&(Test::StringEquals, CREATE_ACTION.to_owned())).unwrap_or_default();
        // Statements of different services stay apart, because a reader looks for one service.
        let service = |action: &String| action.split(':').next().unwrap_or_default().to_owned();
        let services: BTreeSet<String> = grant.actions.iter().map(service).collect();
        let one = services.iter().next().filter(|_| services.len() == 1).cloned().unwrap_or_default();
        let apart = if MERGED.contains(purpose) { BTreeSet::new() } else { grant.resources.clone() };
        let group = groups.entry((purpose, one, conditions, apart)).or_default();
        group.actions.extend(grant.actions.iter().cloned());
        group.resources.extend(grant.resources.iter().cloned());
        group.created_by.extend(created_by);
    }
    let mut named: BTreeMap<String, u32> = BTreeMap::new();
    groups
        .into_iter()
        .map(|((purpose, service, mut conditions, _), group)| {
            if !group.created_by.is_empty() {
                conditions.insert((Test::StringEquals, CREATE_ACTION.to_owned()), group.created_by);
            }
            // A Sid may hold letters and digits only.
            let name: String = format!("{purpose}{}", title(&service));
            let count = named.entry(name.clone()).or_default();
            *count += 1;
            let sid = if *count == 1 { name } else { format!("{name}No{count}") };
            statement(&sid, &group.actions, &group.resources, &conditions)
        })
        .collect()
}

fn title(service: &str) -> String {
    match service {
        "cloudformation" => "CloudFormation".to_owned(),
        "secretsmanager" => "SecretsManager".to_owned(),
        "servicequotas" => "ServiceQuotas".to_owned(),
        // A Sid holds no hyphen (`cognito-idp`).
        other => other.to_uppercase().replace('-', ""),
    }
}

fn statement(
    sid: &str,
    actions: &BTreeSet<String>,
    resources: &BTreeSet<String>,
    conditions: &Tests,
) -> Value {
    let mut tests: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for ((test, key), values) in conditions {
        tests.entry(test.name()).or_default().insert(key.clone(), one_or_all(values));
    }
    let mut statement = json!({
        "Sid": sid, "Effect": "Allow", "Action": one_or_all(actions), "Resource": one_or_all(resources),
    });
    if let (false, Some(fields)) = (tests.is_empty(), statement.as_object_mut()) {
        fields.insert("Condition".into(), json!(tests));
    }
    statement
}

fn one_or_all(values: &BTreeSet<String>) -> Value {
    match values.first() {
        Some(one) if values.len() == 1 => json!(one),
        _ => json!(values),
    }
}
