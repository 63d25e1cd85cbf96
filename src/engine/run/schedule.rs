//! Runs the graph, as parallel as its edges allow.

use std::collections::{BTreeSet, HashMap};

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;

use super::end::End;
use super::{Recovery, Stop};
use crate::plan::{Node, Work};
use event::{Body, Phase};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended,
    /// Skipped before the run was resumed. Its dependents may not have been reported as skipped.
    Skipped,
}

struct GraphState {
    state: Vec<State>,
    missing: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    ready: Ready,
}

/// The nodes that can run, each kind in the order of the playbook.
#[derive(Default)]
struct Ready {
    steps: BTreeSet<usize>,
    checks: BTreeSet<usize>,
}

impl Ready {
    fn insert(&mut self, index: usize, node: &Node) {
        match node.work {
            Work::Step(_) => self.steps.insert(index),
            Work::Check(_) => self.checks.insert(index),
        };
    }

    /// Takes the first node. Steps wait if there is no room for one.
    fn pop(&mut self, room_for_step: bool) -> Option<usize> {
        let step = self.steps.first().filter(|_| room_for_step);
        match (step, self.checks.first()) {
            (Some(step), Some(check)) if check < step => self.checks.pop_first(),
            (Some(_), _) => self.steps.pop_first(),
            (None, _) => self.checks.pop_first(),
        }
    }
}

impl GraphState {
    /// The nodes that have ended.
    fn ended(&self) -> Vec<usize> {
        let ended = |(index, state): (usize, &State)| (*state == State::Ended).then_some(index);
        self.state.iter().enumerate().filter_map(ended).collect()
    }
}

impl Recovery<'_> {
    /// Runs every node that has not ended yet. Returns an error if the run was cut short.
    pub async fn run(&self) -> Result<(), Stop> {
        let (plan, memory) = (&self.engine.plan, &self.engine.memory);
        let mut graph = GraphState {
            state: vec![State::Waiting; plan.nodes.len()],
            missing: plan.graph.needs.iter().map(Vec::len).collect(),
            dependents: plan.graph.dependents(),
            ready: Ready::default(),
        };
        for (index, node) in plan.nodes.iter().enumerate().filter(|(index, _)| graph.missing[*index] == 0) {
            graph.ready.insert(index, node);
        }
        let again = self.restore(&mut graph);
        let time_is_up = Stop::Aborted {
            error: format!("the sandbox's ttl of {} has passed", plan.sandbox.ttl),
            help: Some("give the drill more time with `sandbox.ttl`".into()),
        };
        let (cut, told) = match &memory.cut {
            Some(cut) => (Some(cut.clone()), true),
            None if memory.has_ended(Phase::Recover) => (Some(time_is_up), true),
            None => (self.run_nodes(&mut graph, again, time_is_up).await, false),
        };
        // A drill that runs out of time was still carried out. It failed.
        let stop = match &cut {
            Some(Stop::Aborted { .. }) if self.engine.bus.broken().is_none() && memory.cut.is_none() => None,
            stop => stop.clone(),
        };
        self.tell_denials();
        self.tell_background();
        // The reason comes before the end of the phase. If the runner dies in between, a resumed
        // run does not continue the recovery.
        if let (Some(stop), false) = (&stop, told) {
            self.engine.report_stop(stop.clone());
        }
        self.engine.end(Phase::Recover);
        if let Some(cut) = cut {
            self.cut_short(&graph, &cut);
        }
        stop.map_or(Ok(()), Err)
    }

    /// Runs nodes until all have ended. Returns the reason if the run is cut short. `again` holds
    /// the nodes that had begun before the run was resumed.
    async fn run_nodes(&self, graph: &mut GraphState, again: Vec<usize>, time_is_up: Stop) -> Option<Stop> {
        let plan = &self.engine.plan;
        let mut running: FuturesUnordered<LocalBoxFuture<'_, (usize, End)>> = FuturesUnordered::new();
        let mut steps_running = 0;
        let ended = graph.ended();
        // Boxed: the future of an attempt is large.
        let again_in_background = Box::pin(self.start_background_again(&ended));
        tokio::select! {
            biased;
            () = self.engine.interrupt.cancelled() => return Some(Stop::Interrupted),
            () = again_in_background => {}
        }
        if !self.engine.interrupt.is_cancelled() {
            steps_running = again.into_iter().filter(|index| self.start_one(*index, &running)).count();
        }
        let deadline = self.engine.clock.sleep_until(self.engine.deadline(self.provisioner));
        tokio::pin!(deadline);
        loop {
            if self.engine.interrupt.is_cancelled() {
                return Some(Stop::Interrupted);
            }
            steps_running += self.start(graph, &running, steps_running);
            if running.is_empty() {
                return None;
            }
            tokio::select! {
                biased;
                () = self.engine.interrupt.cancelled() => return Some(Stop::Interrupted),
                Some((index, end)) = running.next() => {
                    if let Work::Step(work) = &plan.nodes[index].work {
                        steps_running -= 1;
                        // The step may have opened the sandbox even if it failed.
                        if work.action.decl.may_open {
                            self.monitor.request_scan();
                        }
                    }
                    self.ended(graph, index, end);
                    if let Some(broken) = self.engine.bus.broken() {
                        return Some(Stop::Aborted { error: broken.to_string(), help: None });
                    }
                }
                () = &mut deadline => return Some(time_is_up),
            }
        }
    }

    /// Restores the state from the journal of a resumed run. Returns the nodes that had begun and
    /// not ended, in the order of their beginning.
    fn restore(&self, graph: &mut GraphState) -> Vec<usize> {
        let memory = &self.engine.memory;
        let index: HashMap<&str, usize> =
            self.engine.plan.nodes.iter().enumerate().map(|(i, node)| (node.id.as_str(), i)).collect();
        let at = |id: &str| index.get(id).copied();
        for i in memory.begun.iter().filter_map(|id| at(id)) {
            graph.state[i] = State::Running;
        }
        for (i, end) in memory.ended.iter().filter_map(|(id, end)| Some((at(id)?, *end))) {
            graph.state[i] = if end == End::Skipped { State::Skipped } else { State::Ended };
        }
        let is_waiting = |index: &usize| graph.state[*index] == State::Waiting;
        graph.ready.steps.retain(is_waiting);
        graph.ready.checks.retain(is_waiting);
        // A run that was cut short starts no further nodes.
        if memory.cut.is_none() && !memory.has_ended(Phase::Recover) {
            for (i, end) in memory.ended.iter().filter_map(|(id, end)| Some((at(id)?, *end))) {
                self.ended(graph, i, end);
            }
        }
        let begun = memory.begun.iter().filter_map(|id| at(id));
        begun.filter(|i| graph.state[*i] == State::Running).collect()
    }

    /// Starts all nodes that can start, and returns the number of steps among them. Checks do not
    /// count towards the limit, because a check that waits for its turn would measure the limit.
    fn start<'s>(
        &'s self,
        graph: &mut GraphState,
        running: &FuturesUnordered<LocalBoxFuture<'s, (usize, End)>>,
        steps_running: usize,
    ) -> usize {
        let mut started = 0;
        while let Some(index) = graph.ready.pop(steps_running + started < self.engine.config.jobs) {
            started += usize::from(self.start_one(index, running));
            graph.state[index] = State::Running;
        }
        started
    }

    /// Starts one node. Returns whether it is a step.
    fn start_one<'s>(
        &'s self,
        index: usize,
        running: &FuturesUnordered<LocalBoxFuture<'s, (usize, End)>>,
    ) -> bool {
        let node = &self.engine.plan.nodes[index];
        match &node.work {
            Work::Step(work) => {
                running.push(Box::pin(async move { (index, self.step(index, node, work).await) }));
                true
            }
            Work::Check(work) => {
                running.push(Box::pin(async move { (index, self.check(index, node, work).await) }));
                false
            }
        }
    }

    fn ended(&self, graph: &mut GraphState, index: usize, end: End) {
        let node = &self.engine.plan.nodes[index];
        match end {
            End::Done | End::Tolerated => {
                for &next in &graph.dependents[index] {
                    graph.missing[next] -= 1;
                    if graph.missing[next] == 0 && graph.state[next] == State::Waiting {
                        graph.ready.insert(next, &self.engine.plan.nodes[next]);
                    }
                }
            }
            End::Failed => {
                let what = if matches!(node.work, Work::Check(_)) { "is unhealthy" } else { "failed" };
                self.skip_dependents(graph, index, &format!("`{}` {what}", node.id));
            }
            End::NotRun => self.skip_dependents(graph, index, &format!("`{}` was not run", node.id)),
            // Its dependents were skipped along with it.
            End::Skipped => return,
        }
        graph.state[index] = State::Ended;
    }

    /// Skips all nodes that depend on this one, with the chain to the cause.
    fn skip_dependents(&self, graph: &mut GraphState, index: usize, cause: &str) {
        let direct = graph.dependents[index].iter().rev();
        let mut rest: Vec<(usize, String, bool)> = direct.map(|d| (*d, cause.to_owned(), true)).collect();
        while let Some((next, because, is_direct)) = rest.pop() {
            // The node was reported as skipped before the run was resumed. Its dependents may not
            // have been.
            let before = match graph.state[next] {
                State::Waiting => false,
                State::Skipped => true,
                State::Running | State::Ended => continue,
            };
            graph.state[next] = State::Ended;
            let node = &self.engine.plan.nodes[next];
            // In a long chain only the beginning is named: the failed node, and the first one
            // skipped.
            let onward = if is_direct {
                format!("`{}` was skipped because {because}", node.id)
            } else {
                because.clone()
            };
            if !before {
                self.skipped(node, because);
            }
            rest.extend(graph.dependents[next].iter().rev().map(|d| (*d, onward.clone(), false)));
        }
    }

    fn skipped(&self, node: &Node, because: String) {
        self.engine.bus.tell(match node.work {
            Work::Step(_) => Body::StepSkipped { step: node.id.clone(), because },
            Work::Check(_) => Body::CheckSkipped { check: node.id.clone(), because },
        });
    }

    /// Emits the outcome of every node after the run was cut short.
    fn cut_short(&self, graph: &GraphState, cut: &Stop) {
        let why = match cut {
            Stop::Interrupted => "the drill was interrupted".to_owned(),
            Stop::Aborted { error, .. } | Stop::Mistaken { error, .. } => error.clone(),
        };
        for (node, state) in self.engine.plan.nodes.iter().zip(&graph.state) {
            let (id, because) = (node.id.clone(), why.clone());
            self.engine.bus.tell(match (&node.work, state) {
                (_, State::Ended | State::Skipped) => continue,
                // It has succeeded, and its names were waited for.
                (Work::Step(_), State::Running) if self.outputs.borrow().contains_key(&node.id) => continue,
                (Work::Step(_), State::Running) => Body::StepFailed { step: id, because, tolerated: false },
                (Work::Step(_), State::Waiting) => Body::StepNotRun { step: id, because, unwanted: false },
                (Work::Check(_), State::Running) => {
                    Body::CheckUnknown { check: id, because, observed: String::new(), tries: 0 }
                }
                (Work::Check(_), State::Waiting) => Body::CheckSkipped { check: id, because },
            });
        }
    }
}
