//! The graph, run as parallel as its edges allow.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;

use super::step::End;
use super::{Recovery, Stop};
use crate::event::Body;
use crate::plan::{Node, Work};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended,
}

struct Board {
    state: Vec<State>,
    missing: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    /// Ready to run, in the order in which the playbook lists them.
    ready: BTreeSet<usize>,
}

impl Recovery<'_> {
    /// Runs every node. `Err` where the run was cut short.
    pub async fn run(&self) -> Result<(), Stop> {
        let plan = &self.engine.plan;
        let mut board = Board {
            state: vec![State::Waiting; plan.nodes.len()],
            missing: plan.graph.needs.iter().map(Vec::len).collect(),
            dependents: plan.graph.dependents(),
            ready: BTreeSet::new(),
        };
        board.ready.extend(board.missing.iter().enumerate().filter(|(_, m)| **m == 0).map(|(i, _)| i));
        let mut running: FuturesUnordered<LocalBoxFuture<'_, (usize, End)>> = FuturesUnordered::new();
        let mut steps_running = 0;
        let deadline = self.engine.clock.sleep_until(self.t0 + plan.sandbox.ttl.delta());
        tokio::pin!(deadline);
        let cut = loop {
            steps_running += self.start(&mut board, &mut running, steps_running);
            if running.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.engine.interrupt.cancelled() => break Stop::Interrupted,
                Some((index, end)) = running.next() => {
                    if matches!(plan.nodes[index].work, Work::Step(_)) {
                        steps_running -= 1;
                    }
                    self.ended(&mut board, index, &end);
                    if let Some(broken) = self.engine.bus.broken() {
                        break Stop::Aborted { error: broken.to_string(), help: None };
                    }
                }
                () = &mut deadline => break Stop::Aborted {
                    error: format!("the sandbox's ttl of {} has passed", plan.sandbox.ttl),
                    help: Some("give the drill more time with `sandbox.ttl`".into()),
                },
            }
        };
        drop(running);
        self.cut_short(&board, &cut);
        // A drill whose time is up has been carried out: it failed.
        match cut {
            Stop::Aborted { .. } if self.engine.bus.broken().is_none() => Ok(()),
            cut => Err(cut),
        }
    }

    /// Starts all that may start, and says how many steps that were. Checks are not counted against the limit:
    /// one that waits for its turn would measure the limit.
    fn start<'s>(
        &'s self,
        board: &mut Board,
        running: &mut FuturesUnordered<LocalBoxFuture<'s, (usize, End)>>,
        steps_running: usize,
    ) -> usize {
        let mut started = 0;
        let mut later = BTreeSet::new();
        while let Some(index) = board.ready.pop_first() {
            let node = &self.engine.plan.nodes[index];
            match &node.work {
                Work::Step(_) if steps_running + started >= self.engine.config.jobs => {
                    later.insert(index);
                    continue;
                }
                Work::Step(work) => {
                    started += 1;
                    running.push(Box::pin(async move { (index, self.step(index, node, work).await) }));
                }
                Work::Check(work) => {
                    running.push(Box::pin(async move { (index, self.check(index, node, work).await) }));
                }
            }
            board.state[index] = State::Running;
        }
        board.ready = later;
        started
    }

    fn ended(&self, board: &mut Board, index: usize, end: &End) {
        board.state[index] = State::Ended;
        let node = &self.engine.plan.nodes[index];
        match end {
            End::Done | End::Tolerated => {
                for &next in &board.dependents[index] {
                    board.missing[next] -= 1;
                    if board.missing[next] == 0 && board.state[next] == State::Waiting {
                        board.ready.insert(next);
                    }
                }
            }
            End::Failed => {
                let what = if matches!(node.work, Work::Check(_)) { "is unhealthy" } else { "failed" };
                self.skip_dependents(board, index, &format!("`{}` {what}", node.id));
            }
            End::NotRun => self.skip_dependents(board, index, &format!("`{}` was not run", node.id)),
        }
    }

    /// Skips all that depends on a node, each naming the way to the cause.
    fn skip_dependents(&self, board: &mut Board, index: usize, cause: &str) {
        let mut rest: Vec<(usize, String)> =
            board.dependents[index].iter().rev().map(|d| (*d, cause.to_owned())).collect();
        while let Some((next, because)) = rest.pop() {
            if board.state[next] != State::Waiting {
                continue;
            }
            board.state[next] = State::Ended;
            let node = &self.engine.plan.nodes[next];
            let onward = if because.contains(" because ") {
                because.clone()
            } else {
                format!("`{}` was skipped because {because}", node.id)
            };
            self.skipped(node, because);
            rest.extend(board.dependents[next].iter().rev().map(|d| (*d, onward.clone())));
        }
    }

    fn skipped(&self, node: &Node, because: String) {
        self.engine.bus.tell(match node.work {
            Work::Step(_) => Body::StepSkipped { step: node.id.clone(), because },
            Work::Check(_) => Body::CheckSkipped { check: node.id.clone(), because },
        });
    }

    /// Tells of every node what became of it when the run was cut short.
    fn cut_short(&self, board: &Board, cut: &Stop) {
        let why = match cut {
            Stop::Interrupted => "the drill was interrupted".to_owned(),
            Stop::Aborted { error, .. } => error.clone(),
        };
        for (node, state) in self.engine.plan.nodes.iter().zip(&board.state) {
            let (id, because) = (node.id.clone(), why.clone());
            self.engine.bus.tell(match (&node.work, state) {
                (_, State::Ended) => continue,
                (Work::Step(_), State::Running) => Body::StepFailed { step: id, because, tolerated: false },
                (Work::Step(_), State::Waiting) => Body::StepNotRun { step: id, because },
                (Work::Check(_), State::Running) => {
                    Body::CheckUnhealthy { check: id, because, observed: String::new(), tries: 0 }
                }
                (Work::Check(_), State::Waiting) => Body::CheckSkipped { check: id, because },
            });
        }
    }
}
