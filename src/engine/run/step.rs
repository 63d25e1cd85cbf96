//! Runs one step: renders its arguments, chooses its source, and retries failed attempts.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Recovery;
use super::end::End;
use super::memory::StepMemory;
use crate::actions::context::{Context, Outcome, StepError};
use crate::plan::{Node, StepWork, Work};
use crate::secrets::{Asked, Keys};
use base::duration::{Span, Time};
use event::{Body, Chosen};
use playbook::action::SourceSpec;
use playbook::expr::{self, Rendered};

/// One attempt of a step.
pub(super) struct Attempt<'a> {
    number: u32,
    began: Time,
    /// The journal's data on this attempt, if it began before the run was resumed.
    known: Option<&'a StepMemory>,
}

impl Attempt<'_> {
    /// An attempt beside those that the journal has.
    pub(super) fn again(began: Time) -> Self {
        Self { number: 1, began, known: None }
    }
}

/// The longest pause before a retry.
const LONGEST_BACKOFF: Duration = Duration::from_mins(15);

impl Recovery<'_> {
    pub async fn step(&self, index: usize, node: &Node, work: &StepWork) -> End {
        let bus = &self.engine.bus;
        let step = &work.step;
        let mut known = self.engine.memory.steps.get(&node.id);
        if known.is_none() {
            match self.is_wanted(index, work).await {
                Ok(true) => {}
                Ok(false) => {
                    let because = "its `when` is false".into();
                    bus.tell(Body::StepNotRun { step: node.id.clone(), because, unwanted: true });
                    return End::NotRun;
                }
                Err(error) => return self.failed(work, &error),
            }
        }
        let mut number = known.map_or(1, |known| known.attempt);
        loop {
            let again = known.take();
            let next_at = if let Some(next_at) = again.and_then(|known| known.next_at) {
                next_at
            } else {
                if again.is_none()
                    && let Err(error) = bus.emit(Body::StepStarted { step: step.id.clone(), attempt: number })
                {
                    return self.failed(work, &StepError::Provision(error.into()));
                }
                let began = again.map_or_else(|| self.engine.clock.now(), |known| known.began);
                let attempt = Attempt { number, began, known: again };
                let error = match self.attempt_in_time(index, work, &attempt).await {
                    Ok((outcome, chosen)) => {
                        let answered = self.answer_names(work, number, &outcome.outputs).await;
                        self.succeeded(index, work, outcome, chosen.as_ref());
                        // What depends on the step begins once this returns.
                        self.wait_for_names(&step.id, &answered).await;
                        return End::Done;
                    }
                    Err(error) => error,
                };
                if number >= step.retry.attempts || !error.may_pass() {
                    return self.failed(work, &error);
                }
                let pause = self.backoff(step.retry.backoff, number);
                let next_at = self.engine.clock.now() + Span(pause).delta();
                self.tell_denials();
                bus.tell(Body::StepRetry {
                    step: step.id.clone(),
                    attempt: number,
                    error: error.to_string(),
                    next_at,
                });
                next_at
            };
            self.engine.clock.sleep_until(next_at).await;
            number += 1;
        }
    }

    async fn attempt_in_time(
        &self,
        index: usize,
        work: &StepWork,
        attempt: &Attempt<'_>,
    ) -> Result<(Outcome, Option<Chosen>), StepError> {
        if let Some(message) = attempt.known.and_then(|known| known.given_up.clone()) {
            return Err(StepError::GivenUp { message, help: None });
        }
        let tried = self.attempt(index, work, attempt);
        let Some(timeout) = work.step.timeout else { return tried.await };
        let (clock, deadline) = (&self.engine.clock, attempt.began + timeout.delta());
        // If the deadline passed while no runner was there, the attempt does not start. Its
        // resources would be discarded at once.
        let ended = if clock.now() > deadline { None } else { clock.timeout_at(deadline, tried).await };
        ended.unwrap_or_else(|| {
            let message = format!("it took longer than its timeout of {timeout}");
            self.provisioner.discard(&work.step.id, &message);
            Err(StepError::GivenUp { message, help: None })
        })
    }

    pub(super) async fn attempt(
        &self,
        index: usize,
        work: &StepWork,
        attempt: &Attempt<'_>,
    ) -> Result<(Outcome, Option<Chosen>), StepError> {
        let step = &work.step;
        let written = work.with();
        let rendered = self.render(index, &written).await?;
        self.report_given(&step.id, &written);
        self.must_exist(&step.id, rendered.as_value())?;
        let with = (work.action.read_rendered)(rendered).map_err(|e| {
            StepError::wrong(format!("its arguments do not fit: {e}"), "see `drillmaster schema`")
        })?;
        // What an expression gave may be wrong in ways that the types do not find.
        if let Some(problem) = with.problems().into_iter().next() {
            return Err(StepError::wrong(problem.message, problem.help));
        }
        let chosen = self.chooser().choose(&step.id, with.source()).await?;
        // A lost point is not reported as the source. The call that uses it is denied.
        if let Some(chosen) = chosen.as_ref().filter(|c| c.source.point.survives(&self.engine.plan.loss)) {
            let point = chosen.origin.clone();
            if attempt.known.and_then(|known| known.source.as_ref()) != Some(&point) {
                let worst_case = chosen.worst_case;
                self.engine.bus.tell(Body::StepSource {
                    step: step.id.clone(),
                    point: Box::new(point),
                    worst_case,
                    newest: chosen.newest.clone(),
                });
            }
        }
        let progress = |text: String, done: Option<f64>| {
            self.engine.bus.tell(Body::Progress { id: step.id.clone(), text, done });
        };
        let asked = |instructions: &str| {
            self.engine
                .bus
                .tell(Body::TaskAsked { step: step.id.clone(), instructions: instructions.to_owned() });
        };
        let cx = Context {
            provisioner: self.provisioner,
            waiter: self.waiter,
            clock: &self.engine.clock,
            sandbox: self.ready,
            person: &*self.engine.person,
            gate: &self.engine.gate,
            estate: self.engine.plan.estate.as_deref(),
            step: &step.id,
            attempt: attempt.number,
            began: attempt.began,
            timeout: step.timeout,
            resumed: attempt.known.is_some(),
            t0: self.t0,
            source: chosen.as_ref().map(|c| c.source.clone()),
            written: &written,
            makers: &self.makers,
            files: &self.engine.plan.files,
            accounts: &self.engine.plan.accounts,
            progress: &progress,
            asked: &asked,
            bucket_owner: &|name, reader| self.chooser().bucket_owner(name, reader),
            background: &self.background,
        };
        let outcome = with.run(&cx).await?;
        Ok((outcome, chosen))
    }

    fn succeeded(&self, index: usize, work: &StepWork, outcome: Outcome, chosen: Option<&Chosen>) {
        let is_copy = work.source.as_ref().is_some_and(SourceSpec::is_copy);
        let mut restored: Vec<String> = outcome.restored.iter().map(ToString::to_string).collect();
        if let (Some(chosen), false) = (chosen, is_copy || outcome.in_part) {
            restored.extend(chosen.covers.iter().cloned());
            restored.extend(self.machines(chosen, &outcome));
        }
        restored.sort();
        restored.dedup();
        for finding in outcome.findings {
            self.engine.report(finding);
        }
        let made = self.chooser().remember(outcome.made, chosen);
        let outputs = Value::Object(outcome.outputs);
        self.outputs.borrow_mut().insert(work.step.id.clone(), outputs.clone());
        if self.makers.contains(work.step.id.as_str()) {
            self.made.borrow_mut().push(index);
        }
        let data = work.restores_data();
        self.tell_denials();
        self.engine.bus.tell(Body::StepSucceeded {
            step: work.step.id.clone(),
            outputs,
            restored,
            data,
            consistent_at: outcome.consistent_at,
            made: made.map(Box::new),
            confirmed: outcome.confirmed.map(Box::new),
            redacted: false,
        });
    }

    /// The lost machines that a tag selects. They count as restored only if at least as many
    /// instances were launched from their image. With fewer, it is unknown which of them are back.
    fn machines(&self, chosen: &Chosen, outcome: &Outcome) -> Vec<String> {
        let radius = &self.engine.plan.radius;
        let launched = outcome.outputs.get("instance_ids").and_then(Value::as_array).map_or(0, Vec::len);
        let lost = chosen.machines.iter().flat_map(|tag| radius.lost_by_name(tag)).collect::<Vec<_>>();
        if launched >= lost.len() { lost } else { Vec::new() }
    }

    fn failed(&self, work: &StepWork, error: &StepError) -> End {
        let because = match error.help() {
            Some(help) => format!("{error} ({help})"),
            None => error.to_string(),
        };
        self.tell_denials();
        self.engine.bus.tell(Body::StepFailed {
            step: work.step.id.clone(),
            because,
            tolerated: work.step.continue_on_error,
        });
        if work.step.continue_on_error { End::Tolerated } else { End::Failed }
    }

    /// The pause doubles with each attempt. On a real cloud it is a random share between a half and
    /// the whole.
    fn backoff(&self, base: Span, attempt: u32) -> Duration {
        let whole = base.0.saturating_mul(2_u32.saturating_pow(attempt - 1)).min(LONGEST_BACKOFF);
        if self.engine.config.jitter { whole.mul_f64(rand::random_range(0.5..=1.0)) } else { whole }
    }

    async fn is_wanted(&self, index: usize, work: &StepWork) -> Result<bool, StepError> {
        match &work.step.when {
            None | Some(Value::Null) => Ok(true),
            Some(Value::Bool(plain)) => Ok(*plain),
            Some(other) => {
                if let Some(command) = self.not_run(other).first() {
                    return Err(StepError::wrong(
                        format!(
                            "`when` depends on the output of `{command}`, a command that the twin does not run"
                        ),
                        format!(
                            "say what it prints, under `probes:` of the estate: `{command}: {{ value: … }}`"
                        ),
                    ));
                }
                let rendered = self.render(index, other).await?;
                let rendered = rendered.as_value();
                let text = rendered.as_str().map_or_else(|| rendered.to_string(), str::to_owned);
                match text.trim().to_ascii_lowercase().as_str() {
                    "true" | "yes" => Ok(true),
                    "false" | "no" | "" => Ok(false),
                    number => number.parse::<f64>().map(|n| n != 0.0).map_err(|_| {
                        StepError::wrong(
                            format!("`when` renders to `{text}`, which is neither true nor false"),
                            "let it render to `true` or `false`",
                        )
                    }),
                }
            }
        }
    }

    /// Renders the expressions of a node. They may name the outputs of its dependencies.
    pub async fn render(&self, index: usize, value: &Value) -> Result<Rendered, StepError> {
        if let Some(step) = self.names_redacted(value) {
            return Err(StepError::wrong(
                format!(
                    "the outputs of `{step}` held a secret, and are on no record: they ended with the runner that died"
                ),
                "tear the run down with `drillmaster abort`, and start it anew",
            ));
        }
        let secret = match &self.engine.plan.nodes[index].work {
            Work::Step(work) => Keys::These(work.action.decl.secrets),
            Work::Check(_) => Keys::All,
        };
        let read = self.engine.secrets.named_in(Asked { value, secret }).await.map_err(|error| {
            StepError::Failed { message: error.message, help: Some(error.help), again: true }
        })?;
        let mut names = self.names.borrow_mut();
        if let Value::Object(names) = &mut *names {
            names.insert("steps".into(), self.outputs_for(index));
            names.extend(read);
        }
        expr::render_value(value, &names).map_err(|error| {
            StepError::wrong(
                error.to_string(),
                "an expression may name only what the steps before have given",
            )
        })
    }

    /// A step whose outputs the value names, but which the journal does not hold because of
    /// secrets.
    fn names_redacted(&self, value: &Value) -> Option<String> {
        let redacted = &self.engine.memory.redacted;
        if redacted.is_empty() {
            return None;
        }
        expr::named(value, "steps").ok()?.into_iter().find(|step| redacted.contains(step))
    }

    /// The outputs of the steps that a node depends on.
    fn outputs_for(&self, index: usize) -> Value {
        let plan = &self.engine.plan;
        let outputs = self.outputs.borrow();
        let mut steps = Map::new();
        for need in &plan.graph.needs[index] {
            let id = &plan.nodes[*need].id;
            if let Some(given) = outputs.get(id) {
                steps.insert(id.clone(), given.clone());
            }
        }
        Value::Object(steps)
    }
}
