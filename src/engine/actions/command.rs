//! A command of the user's own, run on this machine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Action;
use super::context::{Context, Outcome, StepError, decode};

use base::process;
use base::redact;
use playbook::action::{ActionDecl, Demands, Output, Shape};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunArgs {
    /// The program and its arguments; no shell is involved. Relative paths are relative to the playbook.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Environment variables besides PATH, HOME and the locale: here secrets belong, since everyone on the machine can read
    /// the arguments of a running program.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

pub const RUN: Action = Action {
    decl: ActionDecl {
        name: "command.run",
        summary: "Runs a command on this machine; fails when it exits with anything but 0. The twin does not run it.",
        args: |g| g.subschema_for::<RunArgs>(),
        check: |_| Vec::new(),
        secrets: &["run", "env"],
        outputs: &[Output {
            name: "stdout",
            doc: "what it printed, without the last line end",
            shape: Shape::Text,
        }],
        source: |_| None,
        demands: Demands::none,
        calls: &[],
        bucket_calls: &[],
        sized_by: &[],
    },
    run: |cx, args| Box::pin(run(cx, args)),
};

/// The most of a command's output that is kept, in bytes.
const MOST: usize = 64 * 1024;

pub async fn run(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: RunArgs = decode(args)?;
    let origin = cx.origin("");
    let mut outcome = Outcome::default();
    if let Some(rehearsed) = cx.provisioner.cloud().rehearsed(&origin, RUN.decl.name) {
        cx.pass(rehearsed?).await;
        outcome.outputs.insert("stdout".into(), json!(""));
        return Ok(outcome);
    }
    if cx.resumed {
        return Err(StepError::failed(
            "the runner died while the command ran: nobody can tell whether it did its work",
        ));
    }
    let Some((program, rest)) = args.run.split_first() else {
        return Err(StepError::wrong("`run` is empty", "name a program and its arguments"));
    };
    let inherited = process::INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let given = args.env.iter().map(|(name, value)| (name.as_str(), value.into()));
    let ended = process::run(program, rest, cx.files.folder(), inherited.chain(given), MOST).await.map_err(
        |error| {
            StepError::wrong(error.to_string(), "give its path, relative to the playbook, or put it on PATH")
        },
    )?;
    if !ended.status.success() {
        let said = ended.stderr.text();
        // Before the cut: half a secret would not be known for one.
        let said = redact::text(said.trim_end());
        let tail = said
            .char_indices()
            .rev()
            .take(300)
            .last()
            .map_or("", |(at, _)| said.get(at..).unwrap_or_default());
        return Err(StepError::failed(format!("`{program}` ended with {}: {tail}", ended.status)));
    }
    let stdout = ended.stdout.text();
    outcome.outputs.insert("stdout".into(), json!(stdout.trim_end_matches(['\r', '\n'])));
    Ok(outcome)
}
