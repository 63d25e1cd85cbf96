//! Checks that would be healthy whatever was restored, and restored data that no check reads.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CheckWork, Plan, Work};
use playbook::action::SourceSpec;
use playbook::address::{Addresses, authority, targets};
use playbook::asked::SqlEngine;
use playbook::check::{CheckKind, CheckType};
use playbook::comparison::Comparison;
use playbook::data::DataRung;
use playbook::expr::{self, is_template};
use playbook::expr_value::Expr;
use playbook::model::Measures;
use playbook::query;
use port::{Finding, Rule};
use yaml::diagnostic::list;

/// One finding for each check that proves little, then one for each workload with data that no
/// check reads.
pub fn findings(plan: &Plan, addresses: &Addresses) -> Vec<Finding> {
    let nodes = plan.nodes.iter().enumerate();
    let proofs = Proofs { addresses, behind_tunnels: plan.needing(is_tunnel) };
    let readers = nodes.filter(|(index, node)| proofs.reads(&node.work, *index));
    let is_read = plan.needed_by(readers.map(|(index, _)| index).collect());
    let mut found = Vec::new();
    let mut unread: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (index, node) in plan.nodes.iter().enumerate() {
        match (&node.work, &node.workload) {
            (Work::Check(work), _) if !proofs.proves(work, index) => {
                found.push(Finding::new(
                    Rule::CheckProvesLittle,
                    &node.id,
                    format!(
                        "check `{}` asks no output of a step: it can be healthy whatever was restored",
                        node.id
                    ),
                    "let it ask what was restored, such as `{{ steps.db.endpoint }}`",
                ));
            }
            (Work::Check(work), _) if accepts_anything(work) => {
                found.push(Finding::new(
                    Rule::CheckProvesLittle,
                    &node.id,
                    format!("check `{}` is healthy with any answer, that of an empty store too", node.id),
                    "expect what an empty store would not answer, such as `>= 1000`",
                ));
            }
            (Work::Check(work), _) if names_no_table(work) => {
                found.push(Finding::new(
                    Rule::CheckProvesLittle,
                    &node.id,
                    format!(
                        "the query of check `{}` names no table: an empty database answers it too",
                        node.id
                    ),
                    "ask for data that were restored, such as `select count(*) from orders`",
                ));
            }
            (Work::Step(work), Some(workload))
                if work.source.as_ref().is_some_and(SourceSpec::restores_data) =>
            {
                if !is_read[index] {
                    unread.entry(workload).or_default().push(&node.id);
                }
            }
            (Work::Check(_) | Work::Step(_), _) => {}
        }
    }
    found.extend(unread.into_iter().map(|(workload, steps)| {
        let steps = list(&steps);
        Finding::new(
            Rule::CheckProvesLittle,
            workload,
            format!("no check of workload `{workload}` reads the data that {steps} restored"),
            "add a check that reads them: `sql`, `data`, `s3`, `dynamodb`, a `command`, or `http` with `expect_body`",
        )
    }));
    found
}

/// What decides whether a check proves something, besides the check itself.
struct Proofs<'a> {
    addresses: &'a Addresses,
    /// Which nodes depend on a step that opens a tunnel, by their places in the plan.
    behind_tunnels: Vec<bool>,
}

/// Whether a step may open a tunnel to what a step made.
fn is_tunnel(work: &Work) -> bool {
    match work {
        Work::Step(work) => work.step.uses == "command.run" && uses_steps(&work.with()),
        Work::Check(_) => false,
    }
}

impl Proofs<'_> {
    /// Whether a check asks what a step made or expects it, or goes through a tunnel that such a step
    /// opened. `index` is its place in the plan.
    fn proves(&self, work: &CheckWork, index: usize) -> bool {
        if uses_steps(&asked_and_expected(work)) {
            return true;
        }
        let spec = serde_json::from_value::<CheckKind>(json!({ work.kind.key(): work.spec }));
        let local =
            spec.is_ok_and(|kind| targets(&kind).iter().any(|target| self.addresses.is_local(target)));
        local && self.behind_tunnels.get(index).copied().unwrap_or(false)
    }

    /// Whether a check, or a step that compares, reads the data of the steps that it needs.
    fn reads(&self, work: &Work, index: usize) -> bool {
        match work {
            Work::Step(work) => {
                matches!(work.step.uses.as_str(), "s3.verify" | "command.run") && uses_steps(&work.with())
            }
            Work::Check(work) => {
                let by_kind = match serde_json::from_value::<CheckKind>(json!({ work.kind.key(): work.spec }))
                {
                    Ok(
                        CheckKind::Sql(_) | CheckKind::S3(_) | CheckKind::Dynamodb(_) | CheckKind::Command(_),
                    ) => true,
                    Ok(CheckKind::Data(spec)) => spec.asked().iter().any(|rung| reads_rows(*rung)),
                    Ok(CheckKind::Http(spec)) => {
                        spec.expect_body.is_some() || spec.steps.iter().any(|step| step.expect_body.is_some())
                    }
                    Ok(CheckKind::Tcp(spec)) => spec.expect.is_some(),
                    Ok(CheckKind::Redis(spec)) => spec.key.is_some() || spec.min_keys.is_some(),
                    Ok(CheckKind::Dns(_) | CheckKind::State(_)) | Err(_) => false,
                };
                let by_kind = by_kind && !accepts_anything(work) && !names_no_table(work);
                (by_kind || work.check.measures == Some(Measures::Rpo)) && self.proves(work, index)
            }
        }
    }
}

/// Whether a check of data accepts what an empty store answers: its expectation holds of anything,
/// or it counts and expects nothing.
fn accepts_anything(work: &CheckWork) -> bool {
    if work.check.measures == Some(Measures::Rpo) {
        return false;
    }
    let known = |expect: &Option<Expr<Comparison>>| {
        expect.as_ref().map(|expect| expect.get().is_ok_and(Comparison::admits_anything))
    };
    match serde_json::from_value::<CheckKind>(json!({ work.kind.key(): work.spec })) {
        Ok(CheckKind::Sql(spec)) => {
            known(&spec.expect).unwrap_or_else(|| spec.query.to_ascii_lowercase().contains("count("))
        }
        Ok(CheckKind::Http(spec)) => known(&spec.expect_body).unwrap_or(false),
        Ok(CheckKind::Tcp(spec)) => known(&spec.expect).unwrap_or(false),
        // A key proves that it was restored.
        Ok(CheckKind::Redis(spec)) => {
            let asks_for_some =
                spec.min_keys.as_ref().is_some_and(|min| min.get().map_or(true, |min| *min > 0));
            spec.key.is_none() && spec.min_keys.is_some() && !asks_for_some
        }
        Ok(CheckKind::S3(spec)) => known(&spec.count).unwrap_or(false) && spec.min_count.is_none(),
        // A key proves that its item was restored.
        Ok(CheckKind::Dynamodb(spec)) => {
            let asks_for_some =
                spec.min_items.as_ref().is_some_and(|min| min.get().map_or(true, |min| *min > 0));
            let counts_nothing = spec.min_items.is_some() && !asks_for_some && spec.count.is_none();
            spec.key.is_none() && !asks_for_some && (counts_nothing || known(&spec.count).unwrap_or(false))
        }
        Ok(CheckKind::Data(_) | CheckKind::Command(_) | CheckKind::Dns(_) | CheckKind::State(_)) | Err(_) => {
            false
        }
    }
}

/// Whether a rung tells an empty store from a full one.
fn reads_rows(rung: DataRung) -> bool {
    match rung {
        DataRung::Volume | DataRung::Canary | DataRung::Boundary => true,
        DataRung::Structure
        | DataRung::Sequences
        | DataRung::Collations
        | DataRung::Extensions
        | DataRung::Roles
        | DataRung::Indexes
        | DataRung::ForeignKeys
        | DataRung::Outward
        | DataRung::Write => false,
    }
}

/// Whether the query of an `sql` check reads no table.
fn names_no_table(work: &CheckWork) -> bool {
    match serde_json::from_value::<CheckKind>(json!({ work.kind.key(): work.spec })) {
        Ok(CheckKind::Sql(spec)) => {
            // Both engines read a query without an expression in the same way, as far as this goes.
            let engine = spec.engine().unwrap_or(SqlEngine::Postgres);
            !is_template(&spec.query) && !query::names_a_table(&spec.query, engine)
        }
        Ok(
            CheckKind::Http(_)
            | CheckKind::Tcp(_)
            | CheckKind::Dns(_)
            | CheckKind::Data(_)
            | CheckKind::Redis(_)
            | CheckKind::S3(_)
            | CheckKind::Dynamodb(_)
            | CheckKind::Command(_)
            | CheckKind::State(_),
        )
        | Err(_) => false,
    }
}

/// The parts of a check that decide whom it asks and what it expects. Of a URL that is the host
/// alone: a user, a path or the text of a query may name a step and ask anybody.
fn asked_and_expected(work: &CheckWork) -> Value {
    let mut spec = work.spec.clone();
    let Some(parts) = spec.as_object_mut() else { return spec };
    match work.kind {
        CheckType::Http | CheckType::Sql | CheckType::Data => {
            if let Some(Value::String(url)) = parts.get_mut("url") {
                *url = authority(url).to_owned();
            }
            parts.remove("query");
            parts.remove("body");
            parts.remove("steps");
            parts.remove("canary");
            parts.remove("boundary");
        }
        CheckType::Tcp
        | CheckType::Redis
        | CheckType::Dns
        | CheckType::S3
        | CheckType::Dynamodb
        | CheckType::Command
        | CheckType::State => {}
    }
    spec
}

fn uses_steps(value: &serde_json::Value) -> bool {
    expr::named(value, "steps").is_ok_and(|steps| !steps.is_empty())
}
