//! A command of the user's own, run on this machine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Action;
use super::context::{Context, Outcome, StepError, decode};

use crate::playbook::action::{ActionDecl, Demands, Output, Shape};

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

pub const RUN: Action = Action {
    decl: ActionDecl {
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
        demands: Demands::none,
        calls: &[],
    },
    run: |cx, args| Box::pin(run(cx, args)),
};

/// The most of a command's output that is kept, in bytes.
const MOST: usize = 64 * 1024;

pub async fn run(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: RunArgs = decode(args)?;
    let origin = cx.hands.origin(cx.step, cx.attempt, "");
    let mut outcome = Outcome::default();
    if let Some(rehearsed) = cx.hands.cloud().rehearsed(&origin, RUN.decl.name) {
        cx.clock.sleep(rehearsed?).await;
        outcome.outputs.insert("stdout".into(), json!(""));
        return Ok(outcome);
    }
    let Some((program, rest)) = args.run.split_first() else {
        return Err(StepError::wrong("`run` is empty", "name a program and its arguments"));
    };
    let mut command = tokio::process::Command::new(program);
    command.args(rest).current_dir(&cx.folder).env_clear().envs(&args.env).kill_on_drop(true);
    command.stdin(std::process::Stdio::null());
    // Cloud credentials are not handed on: what the command needs, the playbook says.
    for name in ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"] {
        if let (Some(value), false) = (std::env::var_os(name), args.env.contains_key(name)) {
            command.env(name, value);
        }
    }
    let output = command.output().await.map_err(|e| {
        StepError::wrong(
            format!("`{program}` cannot be run: {e}"),
            "give its path, relative to the playbook, or put it on PATH",
        )
    })?;
    if !output.status.success() {
        let tail = String::from_utf8_lossy(&output.stderr);
        let tail: String =
            tail.trim_end().chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
        return Err(StepError::failed(format!("`{program}` ended with {}: {tail}", output.status)));
    }
    let kept = &output.stdout[..output.stdout.len().min(MOST)];
    outcome
        .outputs
        .insert("stdout".into(), json!(String::from_utf8_lossy(kept).trim_end_matches(['\r', '\n'])));
    Ok(outcome)
}
