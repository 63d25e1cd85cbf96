//! Programs that steps left running, such as tunnels.

use super::Recovery;
use crate::actions::context::StepError;
use crate::plan::Work;
use checks::Observation;
use port::{Finding, Rule};

impl Recovery<'_> {
    /// Starts the programs again that steps had left running when the runner died. They died with
    /// it.
    pub(super) async fn start_background_again(&self, ended: &[usize]) {
        // The twin runs no programs.
        if self.engine.config.on.is_simulated() {
            return;
        }
        for index in ended.iter().copied() {
            let node = &self.engine.plan.nodes[index];
            let Work::Step(work) = &node.work else { continue };
            // A step that failed or was not run left nothing running.
            let lives_on = (work.action.read)(&work.with()).is_ok_and(|with| with.lives_on());
            if !self.outputs.borrow().contains_key(&node.id) || !lives_on {
                continue;
            }
            if let Err(error) = self.start_again(index, work).await {
                self.report_background(&node.id, &format!("could not be started again: {error}"));
            }
        }
    }

    async fn start_again(&self, index: usize, work: &crate::plan::StepWork) -> Result<(), StepError> {
        let attempt = super::step::Attempt::again(self.engine.clock.now());
        let again = Box::pin(self.attempt(index, work, &attempt));
        match work.step.timeout {
            None => again.await.map(|_| ()),
            Some(timeout) => {
                let deadline = self.engine.clock.now() + timeout.delta();
                let late = || StepError::failed(format!("it took longer than its timeout of {timeout}"));
                let ended = self.engine.clock.timeout_at(deadline, again).await;
                ended.unwrap_or_else(|| Err(late())).map(|_| ())
            }
        }
    }

    /// Adds to an unhealthy result that a program which the check needs has ended.
    pub(super) fn with_ended_background(&self, index: usize, mut seen: Observation) -> Observation {
        if seen.is_healthy() || self.background.borrow().is_empty() {
            return seen;
        }
        let plan = &self.engine.plan;
        let mut waiting = plan.graph.needs[index].clone();
        let mut known = vec![false; plan.nodes.len()];
        while let Some(need) = waiting.pop() {
            if std::mem::replace(&mut known[need], true) {
                continue;
            }
            waiting.extend(&plan.graph.needs[need]);
            let step = &plan.nodes[need].id;
            let running = self.background.borrow();
            if let Some(how) = running.get(step).and_then(base::process::Background::ended) {
                let why = seen.why.unwrap_or_default();
                seen.why = Some(format!("the program of `{step}` is not running any more: {how}; {why}"));
            }
        }
        seen
    }

    /// Reports the programs that ended by themselves.
    pub(super) fn tell_background(&self) {
        let ended: Vec<(String, String)> = self
            .background
            .borrow()
            .iter()
            .filter_map(|(step, program)| Some((step.clone(), program.ended()?)))
            .collect();
        for (step, how) in ended {
            self.report_background(&step, &format!("ended before the recovery did: {how}"));
        }
    }

    fn report_background(&self, step: &str, how: &str) {
        self.engine.report(Finding::new(
            Rule::BackgroundEnded,
            step,
            format!("the background program of `{step}` {how}"),
            "see what it said; let it reconnect by itself, or keep its connection alive",
        ));
    }
}
