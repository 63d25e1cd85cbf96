//! What an action is.

use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::context::{Context, Outcome, StepError};
use playbook::action::ActionDecl;

/// An action: what it declares of itself, and what does it.
pub struct Action {
    pub decl: ActionDecl,
    /// Does it, once. Arguments are rendered already.
    pub run: Run,
}

/// Boxed, since one action's future is many times as large as another's.
pub type Run = for<'a> fn(&'a Context<'a>, &'a Value) -> LocalBoxFuture<'a, Result<Outcome, StepError>>;
