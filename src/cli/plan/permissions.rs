//! The permissions that the drill of a playbook needs, account by account.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::live::called;
use crate::cli::output::complain;
use crate::ui::text::{clean, count};
use base::exit::Exit;
use base::ids::AccountId;
use engine::plan::Plan;
use engine::policy::{self, AccountPolicy};

/// What the drill needs in one account. `drillmaster iam-policy` prints the policy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Needed {
    pub account: AccountId,
    /// The playbook's names for it.
    pub names: Vec<String>,
    /// The ARN of the role that is assumed there. `null`: the playbook names none.
    pub role: Option<String>,
    /// Whether it is the sandbox's account. In the others the drill reads, and may start copies.
    pub changes: bool,
    /// Whether a copy of AWS Backup begins there.
    pub copies: bool,
    /// `ec2:RunInstances`
    pub actions: Vec<String>,
}

/// What each account needs, the sandbox's first.
pub fn of(plan: &Plan) -> Result<Vec<Needed>, Exit> {
    let policies = policy::of(plan).map_err(|error| {
        complain(&error.to_string());
        Exit::Error
    })?;
    Ok(policies.accounts.into_iter().map(needed).collect())
}

fn needed(policy: AccountPolicy) -> Needed {
    let actions: BTreeSet<String> =
        policy.statements.iter().flat_map(|statement| statement.grant.actions.iter().cloned()).collect();
    Needed {
        copies: policy.begins_copies(),
        account: policy.account,
        names: policy.names,
        role: policy.role,
        changes: policy.is_sandbox,
        actions: actions.into_iter().collect(),
    }
}

/// Account, how many actions, what for, and whose.
pub fn rows(all: &[Needed]) -> Vec<[String; 4]> {
    let row = |one: &Needed| {
        let purpose = match (one.changes, one.copies) {
            (true, _) => "to restore and to tear down",
            (false, true) => "to read and to copy from",
            (false, false) => "to read",
        };
        let role = one.role.as_deref().map(clean).unwrap_or_default().into_owned();
        [called(&one.account, &one.names), count(one.actions.len(), "action"), purpose.to_owned(), role]
    };
    all.iter().map(row).collect()
}

/// Where to get the policies.
pub fn hint(playbook: &str) -> String {
    format!("the policies: drillmaster iam-policy {playbook}")
}
