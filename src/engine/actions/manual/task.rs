//! Asks a person to do a task.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::actions::action::{Action, OF_AN_OUTCOME};
use crate::actions::context::{Context, Outcome, StepError, value};
use base::duration::Span;
use estate::PointKind;
use estate::file::FaultKind;
use event::Confirmed;
use playbook::action::{ArgProblem, Demands, Output, Prepared, SourceSpec};
use playbook::expr_value::Expr;
use port::{Calibration, Finding, Rule};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskArgs {
    /// The instructions for the person.
    pub instructions: String,
    /// How long the task takes if nobody is there to do it, as on the twin.
    #[serde(default)]
    #[schemars(with = "Option<Span>")]
    pub assume: Option<Expr<Span>>,
}

/// How long the step waits where nobody is at a terminal and it has no `timeout`. The sandbox costs
/// money meanwhile.
const LONGEST_ABSENCE: Span = Span::from_secs(60 * 60);

pub struct Task;

impl Action for Task {
    type Args = TaskArgs;

    const NAME: &'static str = "manual.task";
    const SUMMARY: &'static str = "Waits for a person to do something and confirm it.";
    const OUTPUTS: &'static [Output] = &[];
    const CALLS: &'static [&'static str] = &[];
    // A person can do anything.
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[];
    const FAULTS: &'static [FaultKind] = OF_AN_OUTCOME;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[],
        base: Duration::from_mins(5),
        per_gib: Duration::ZERO,
        spread: 0.3,
        source: "5 min where `assume` says nothing (m)",
    };

    fn problems(args: &TaskArgs) -> Vec<ArgProblem> {
        let assumed = args.assume.as_ref().and_then(|assume| assume.get().ok());
        let none = assumed.filter(|assume| assume.0.is_zero()).map(|_| ArgProblem {
            pointer: "/assume".to_owned(),
            message: "a person needs more than 0s".to_owned(),
            help: "say how long the task takes: `3m`".to_owned(),
        });
        none.into_iter().collect()
    }

    fn source(_args: &TaskArgs) -> Option<SourceSpec> {
        None
    }

    fn demands(_args: &TaskArgs) -> Demands {
        Demands::default()
    }

    async fn run(cx: &Context<'_>, args: TaskArgs) -> Result<Outcome, StepError> {
        let origin = cx.origin("");
        if !cx.person.is_wanted_in_rehearsals()
            && let Some(rehearsed) = cx.provisioner.cloud().rehearsed(&origin, Self::NAME)
        {
            let rehearsed = rehearsed?;
            // A fault that never ends is longer than any assumption.
            let assumed = value(args.assume.as_ref())?.map_or(rehearsed, |assume| assume.0);
            cx.pass(if rehearsed == Duration::MAX { rehearsed } else { assumed }).await;
            let id = cx.step;
            let assumed = Finding::new(
                Rule::Assumed,
                id,
                format!("step `{id}` was assumed: nobody did the task, and nobody confirmed it"),
                "run the drill with `--on aws`, or with `--pace realtime --ask-people`, where a person confirms it",
            );
            return Ok(Outcome { findings: vec![assumed], ..Outcome::default() });
        }
        let Some(confirmed) = cx.person.confirm(cx.step, &args.instructions) else {
            return Err(StepError::wrong(
                "nobody is there to confirm the task",
                "run the drill on a terminal, or replace the task by a command",
            ));
        };
        (cx.asked)(&args.instructions);
        // The step's own timeout is watched by the engine.
        let answer = if cx.timeout.is_some() || cx.person.is_at_hand() {
            confirmed.await
        } else {
            let until = cx.began + LONGEST_ABSENCE.delta();
            cx.clock.timeout_at(until, confirmed).await.ok_or_else(|| {
                StepError::wrong(
                    format!("nobody confirmed the task within {LONGEST_ABSENCE}"),
                    "confirm it with `drillmaster approve` while it waits, or give the step a longer `timeout`",
                )
            })?
        };
        let answer = answer.map_err(|message| {
            StepError::wrong(message, "remove the file, and confirm with `drillmaster approve`")
        })?;
        if answer.done {
            return Ok(Outcome { confirmed: Some(answer.who), ..Outcome::default() });
        }
        let Confirmed { by, note, .. } = answer.who;
        let why = note.map(|note| format!(": {note}")).unwrap_or_default();
        Err(StepError::wrong(format!("the task was refused by {by}{why}"), "do it, and confirm it"))
    }
}
