//! Runs a command of the user on this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::action::Action;
use crate::actions::context::{Context, Outcome, StepError};
use base::process;
use base::redact;
use estate::PointKind;
use playbook::action::{Demands, FileArg, FileKind, Output, Prepared, Shape, SourceSpec};
use port::{Calibration, Finding, Rule};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunArgs {
    /// The program and its arguments. No shell is involved. Relative paths are relative to the
    /// playbook.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Environment variables besides PATH, HOME and the locale. Secrets belong here, since everyone
    /// on the machine can read the arguments of a running program.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

pub struct Run;

/// The output of a command that the twin does not run, if the estate does not say what it prints.
pub const NOT_RUN: &str = "not-run-on-the-twin";

/// How much of a command's output is kept, in bytes.
const MOST: usize = 64 * 1024;

impl Action for Run {
    type Args = RunArgs;

    const NAME: &'static str = "command.run";
    const SUMMARY: &'static str =
        "Runs a command on this machine; fails when it exits with anything but 0. The twin does not run it.";
    const OUTPUTS: &'static [Output] =
        &[Output { name: "stdout", doc: "what it printed, without the last line end", shape: Shape::Text }];
    const CALLS: &'static [&'static str] = &[];
    // A command can do anything.
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[];
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[],
        base: Duration::from_secs(10),
        per_gib: Duration::ZERO,
        spread: 0.2,
        source: "10 s (m)",
    };
    const SECRETS: &'static [&'static str] = &["run", "env"];
    const FILES: &'static [FileArg] = &[FileArg { name: "run", kind: FileKind::Program }];

    fn source(_args: &RunArgs) -> Option<SourceSpec> {
        None
    }

    fn demands(_args: &RunArgs) -> Demands {
        Demands::default()
    }

    async fn run(cx: &Context<'_>, args: RunArgs) -> Result<Outcome, StepError> {
        let origin = cx.origin("");
        let mut outcome = Outcome::default();
        if let Some(rehearsed) = cx.provisioner.cloud().rehearsed(&origin, Self::NAME) {
            cx.pass(rehearsed?).await;
            // The estate may say what the command prints. Nobody else knows.
            let said = cx.provisioner.cloud().probe(cx.step, cx.began).and_then(|answer| answer.said?.value);
            let stdout = said.map_or_else(
                || NOT_RUN.to_owned(),
                |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            );
            outcome.outputs.insert("stdout".into(), json!(stdout));
            let id = cx.step;
            outcome.findings.push(Finding::new(
                Rule::Assumed,
                id,
                format!("step `{id}` was assumed: the twin does not run its command"),
                "run the drill with `--on aws`, where the command is run",
            ));
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
        let ended = process::run(program, rest, cx.files.folder(), inherited.chain(given), MOST)
            .await
            .map_err(|error| {
                StepError::wrong(
                    error.to_string(),
                    "give its path, relative to the playbook, or put it on PATH",
                )
            })?;
        if !ended.status.success() {
            let said = ended.stderr.text();
            // Redact before the cut. A secret that is cut in half would not be recognized.
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
}
