//! A task for a person.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Action;
use super::context::{Context, Outcome, StepError, decode};

use base::duration::Span;
use playbook::action::{ActionDecl, Demands};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskArgs {
    /// What the person has to do.
    pub instructions: String,
    /// How long it takes where nobody is there to do it: on the twin.
    #[serde(default)]
    pub assume: Option<Span>,
}

pub const TASK: Action = Action {
    decl: ActionDecl {
        name: "manual.task",
        summary: "Waits for a person to do something and confirm it.",
        args: |g| g.subschema_for::<TaskArgs>(),
        check: |_| Vec::new(),
        secrets: &[],
        outputs: &[],
        source: |_| None,
        demands: Demands::none,
        calls: &[],
        bucket_calls: &[],
        sized_by: &[],
    },
    run: |cx, args| Box::pin(run(cx, args)),
};

pub async fn run(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: TaskArgs = decode(args)?;
    let origin = cx.origin("");
    if let Some(rehearsed) = cx.provisioner.cloud().rehearsed(&origin, TASK.decl.name) {
        let rehearsed = rehearsed?;
        // A fault that never ends is longer than any assumption.
        let assumed = args.assume.map_or(rehearsed, |assume| assume.0);
        cx.pass(if rehearsed == std::time::Duration::MAX { rehearsed } else { assumed }).await;
        return Ok(Outcome::default());
    }
    let Some(confirmed) = cx.person.confirm(cx.step, &args.instructions) else {
        return Err(StepError::wrong(
            "nobody is there to confirm the task",
            "run the drill on a terminal, or replace the task by a command",
        ));
    };
    if confirmed.await {
        return Ok(Outcome::default());
    }
    Err(StepError::wrong("the task was refused", "do it, and confirm with `y`"))
}
