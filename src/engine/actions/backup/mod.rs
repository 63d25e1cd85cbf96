//! AWS Backup: copies and restores of recovery points in vaults.

pub mod copy;
pub mod restore;

use playbook::action::ArgProblem;
use playbook::expr::is_template;

use super::context::{Context, StepError};

/// The account in the ARN of an IAM role. `None` if the text is none.
fn account_of_role(role: &str) -> Option<&str> {
    let mut parts = role.strip_prefix("arn:")?.splitn(5, ':').skip(1);
    let (service, region, account) = (parts.next()?, parts.next()?, parts.next()?);
    let is_role = service == "iam" && region.is_empty() && parts.next()?.starts_with("role/");
    (is_role && account.len() == 12).then_some(account)
}

/// Reports a role that is no ARN of a role.
fn role_problem(role: &str, help: &str) -> Option<ArgProblem> {
    (!is_template(role) && account_of_role(role).is_none()).then(|| ArgProblem {
        pointer: "/role".into(),
        message: format!("`{role}` is no ARN of a role"),
        help: help.into(),
    })
}

/// Refuses a role of another account than the sandbox's: what restores must not be able to act in
/// production.
fn own_role(cx: &Context<'_>, role: &str) -> Result<(), StepError> {
    let own = &cx.place().account;
    match account_of_role(role) {
        Some(account) if account == own.as_str() => Ok(()),
        Some(account) => Err(StepError::wrong(
            format!("the role {role} belongs to account {account}, and not to the sandbox's, {own}"),
            "name a role of the sandbox's account: AWS Backup restores with it",
        )),
        None => Err(StepError::wrong(
            format!("`{role}` is no ARN of a role"),
            "name the role that AWS Backup restores with: `arn:aws:iam::ACCOUNT:role/NAME`",
        )),
    }
}
