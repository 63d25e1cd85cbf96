//! A task for a person.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::duration::Span;
use crate::playbook::action::{ActionDecl, Output};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskArgs {
    /// What the person has to do.
    pub instructions: String,
    /// How long it takes where nobody is there to do it: on the twin.
    #[serde(default)]
    pub assume: Option<Span>,
}

pub const TASK: ActionDecl = ActionDecl {
    name: "manual.task",
    summary: "Waits for a person to do something and confirm it.",
    args: |g| g.subschema_for::<TaskArgs>(),
    check: |_| Vec::new(),
    outputs: NONE,
    source: |_| None,
    calls: &[],
};

const NONE: &[Output] = &[];
