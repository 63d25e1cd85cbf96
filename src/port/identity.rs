//! Whose credentials are in use.

use base::ids::AccountId;

/// Whose credentials are, as STS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    pub account: AccountId,
    /// The ARN of the user, or of the session of a role. `None` on the twin, where nobody calls.
    pub arn: Option<String>,
}

impl CallerIdentity {
    /// Somebody of an account of whom no more is known.
    pub fn of(account: AccountId) -> Self {
        Self { account, arn: None }
    }
}
