//! Trust policies: who may assume the roles, and the permissions that the runner of drills needs.

use serde_json::{Value, json};

use super::derive::{AccountPolicy, Policies};

/// Who may assume a role.
#[derive(Debug, Clone, PartialEq)]
pub enum Trust {
    /// A trust policy for the role.
    Policy(Value),
    /// The playbook assumes no role in this account. It enters with a profile or with the
    /// environment's credentials.
    NoRole,
    /// The playbook does not say whose credentials assume the role.
    NotTold,
}

/// The trust policy of the account's role. `principal` is the ARN of the identity that runs the
/// drills.
pub fn trust(policy: &AccountPolicy, principal: Option<&str>) -> Trust {
    if policy.role.is_none() {
        return Trust::NoRole;
    }
    let Some(principal) = principal else { return Trust::NotTold };
    let mut statement = json!({
        "Sid": "Runner", "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole",
    });
    if let (Some(id), Some(fields)) = (&policy.external_id, statement.as_object_mut()) {
        fields.insert("Condition".into(), json!({ "StringEquals": { "sts:ExternalId": id } }));
    }
    Trust::Policy(json!({ "Version": "2012-10-17", "Statement": [statement] }))
}

/// The policy that the runner of drills needs in its own account, to assume the roles. `None` if
/// there are no roles.
pub fn runner(policies: &Policies) -> Option<Value> {
    let mut roles: Vec<&str> = policies.accounts.iter().filter_map(|a| a.role.as_deref()).collect();
    roles.sort_unstable();
    roles.dedup();
    (!roles.is_empty()).then(|| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "Runner", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles }
        ] })
    })
}
