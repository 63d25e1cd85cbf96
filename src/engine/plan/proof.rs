//! Checks that would be healthy whatever was restored, and restored data that no check reads.

use std::collections::BTreeMap;

use serde_json::json;

use super::{CheckWork, Plan, Work};
use playbook::action::SourceSpec;
use playbook::address::{Addresses, targets};
use playbook::check::CheckKind;
use playbook::expr;
use playbook::model::Measures;
use port::{Finding, Rule};
use yaml::diagnostic::list;

/// One finding for each check that proves little, then one for each workload with data that no
/// check reads.
pub fn findings(plan: &Plan, addresses: &Addresses) -> Vec<Finding> {
    let reached = plan.reached();
    let mut found = Vec::new();
    let mut unread: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (index, node) in plan.nodes.iter().enumerate() {
        match (&node.work, &node.workload) {
            (Work::Check(work), _) if !proves(plan, addresses, work, &reached[index]) => {
                found.push(Finding::new(
                    Rule::CheckProvesLittle,
                    &node.id,
                    format!(
                        "check `{}` uses no output of a step: it can be healthy whatever was restored",
                        node.id
                    ),
                    "let it ask what was restored, such as `{{ steps.db.endpoint }}`",
                ));
            }
            (Work::Step(work), Some(workload))
                if work.source.as_ref().is_some_and(SourceSpec::restores_data) =>
            {
                let mut others = plan.nodes.iter().zip(&reached);
                if !others.any(|(other, needs)| {
                    needs.contains(&index) && reads(plan, addresses, &other.work, needs)
                }) {
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
            "add a check that reads them: `sql`, `s3`, a `command`, or `http` with `expect_body`",
        )
    }));
    found
}

/// Whether a check uses what a step made, or goes through a tunnel that such a step opened.
fn proves(plan: &Plan, addresses: &Addresses, work: &CheckWork, needs: &[usize]) -> bool {
    if uses_steps(&work.spec) {
        return true;
    }
    let spec = serde_json::from_value::<CheckKind>(json!({ work.kind.key(): work.spec }));
    let local = spec.is_ok_and(|kind| targets(&kind).iter().any(|target| addresses.is_local(target)));
    let through = |need: &usize| match plan.nodes.get(*need).map(|node| &node.work) {
        Some(Work::Step(work)) => work.step.uses == "command.run" && uses_steps(&work.with()),
        Some(Work::Check(_)) | None => false,
    };
    local && needs.iter().any(through)
}

/// Whether a check, or a step that compares, reads the data of the steps that it needs.
fn reads(plan: &Plan, addresses: &Addresses, work: &Work, needs: &[usize]) -> bool {
    match work {
        Work::Step(work) => {
            matches!(work.step.uses.as_str(), "s3.verify" | "command.run") && uses_steps(&work.with())
        }
        Work::Check(work) => {
            let by_kind = match serde_json::from_value::<CheckKind>(json!({ work.kind.key(): work.spec })) {
                Ok(CheckKind::Sql(_) | CheckKind::S3(_) | CheckKind::Command(_)) => true,
                Ok(CheckKind::Http(spec)) => spec.expect_body.is_some(),
                Ok(CheckKind::Tcp(spec)) => spec.expect.is_some(),
                Ok(CheckKind::Dns(_) | CheckKind::State(_)) | Err(_) => false,
            };
            (by_kind || work.check.measures == Some(Measures::Rpo)) && proves(plan, addresses, work, needs)
        }
    }
}

fn uses_steps(value: &serde_json::Value) -> bool {
    expr::named(value, "steps").is_ok_and(|steps| !steps.is_empty())
}
