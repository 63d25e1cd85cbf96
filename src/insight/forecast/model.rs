//! What a forecast is made of: the steps and checks of a rehearsal, with their times and edges.

use super::learn::Belief;

/// A graph of steps and checks.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Each node after all nodes that it needs.
    pub nodes: Vec<Node>,
    pub workloads: Vec<WorkloadModel>,
    /// How the times of an action vary. `Chance::Of` names an index in this list.
    pub actions: Vec<Belief>,
    /// The limits on how many nodes run at once.
    pub limits: Vec<Limit>,
}

/// A step or a check.
#[derive(Debug, Clone)]
pub struct Node {
    pub id: String,
    /// The indices of the nodes that it waits for.
    pub needs: Vec<usize>,
    /// From all needs being done until it is done or healthy, in seconds.
    pub seconds: f64,
    /// From then until the nodes that need it may start: the rest of a check's `stable_for`.
    pub hold: f64,
    pub chance: Chance,
    /// The time limit of one attempt, in seconds, and the attempts. A draw beyond the limit is a
    /// failed attempt.
    pub attempts: Attempts,
    /// The indices of the limits that it counts towards.
    pub limits: Vec<usize>,
}

/// The attempts of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attempts {
    /// `None`: no limit.
    pub limit: Option<f64>,
    pub most: u32,
    /// The wait before the second attempt, in seconds. It doubles with each further one.
    pub backoff: f64,
}

impl Attempts {
    /// One attempt without a limit.
    pub const ONE: Self = Self { limit: None, most: 1, backoff: 0.0 };

    /// The seconds that a step takes whose attempts would take what `draw` gives. Infinite if all of
    /// them fail.
    pub(super) fn take(&self, mut draw: impl FnMut() -> f64) -> f64 {
        let Some(limit) = self.limit else { return draw() };
        let (mut before, mut backoff) = (0.0, self.backoff);
        for attempt in 1..=self.most.max(1) {
            let seconds = draw();
            if seconds <= limit {
                return before + seconds;
            }
            before += limit;
            if attempt < self.most {
                before += backoff;
                backoff *= 2.0;
            }
        }
        f64::INFINITY
    }
}

/// How the time of a node varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chance {
    /// It does not.
    Fixed,
    /// As the times of an action do: an index in `Model::actions`.
    Of(usize),
}

/// At most `most` nodes run at once. Others wait, in the order in which they became ready.
#[derive(Debug, Clone)]
pub struct Limit {
    pub name: String,
    pub most: usize,
}

/// A workload, which has recovered when the last of its nodes is done.
#[derive(Debug, Clone)]
pub struct WorkloadModel {
    pub name: String,
    /// The indices of its steps and checks.
    pub nodes: Vec<usize>,
    /// The objective of its RTO, in seconds.
    pub objective: Option<f64>,
    /// Assumed times of detection and decision, in seconds. They count before T0.
    pub assumed: f64,
}
