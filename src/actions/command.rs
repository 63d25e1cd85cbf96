//! A command of the user's own, run on this machine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::playbook::action::{ActionDecl, Output, Shape};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunArgs {
    /// The program and its arguments; no shell is involved. Relative paths are relative to the playbook.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Environment variables besides PATH, HOME and the locale.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

pub const RUN: ActionDecl = ActionDecl {
    name: "command.run",
    summary: "Runs a command on this machine; fails when it exits with anything but 0. The twin does not run it.",
    args: |g| g.subschema_for::<RunArgs>(),
    check: |_| Vec::new(),
    outputs: &[Output {
        name: "stdout",
        doc: "what it printed, without the last line end",
        shape: Shape::Text,
    }],
    source: |_| None,
    calls: &[],
};
