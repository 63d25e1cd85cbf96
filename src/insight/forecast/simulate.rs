//! Draws many recoveries, and tells how they are distributed.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet, VecDeque};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use super::learn::{Belief, Factor};
use super::model::{Chance, Model, WorkloadModel};
use super::result::{Critical, Cut, Forecast, Gain, Histogram, RtoForecast, WorkloadForecast};

/// The share of a time's variance that all steps of a run have in common: a busy region slows
/// everything. No source gives a figure; without one the P90 of a wide graph is too low.
const COMMON: f64 = 0.3;

/// The part by which a step is made faster, to see what it gains.
const FASTER: f64 = 0.25;

/// How many steps and edges are tried, the most often critical first.
const TRIED: usize = 12;

/// The parts of the picture.
const PARTS: usize = 40;

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub runs: usize,
    pub seed: u64,
    /// A factor on the time of everything that AWS does.
    pub contention: f64,
    /// Whether to look for what faster steps and fewer dependencies would gain. It takes most of the
    /// time.
    pub gains: bool,
}

/// Draws `options.runs` recoveries of the model. With the same seed the result is the same.
pub fn forecast(model: &Model, options: &Options) -> Forecast {
    let drawn = Drawn::of(model, options);
    let mut runner = Runner::new(model);
    let base = runner.all(&drawn);
    let workloads = model.workloads.iter().enumerate();
    Forecast {
        schema: "drillmaster/forecast/v1",
        runs: options.runs,
        seed: options.seed,
        contention: options.contention,
        workloads: workloads
            .map(|(index, _)| of_workload(&mut runner, &drawn, &base, index, options.gains))
            .collect(),
        learned_from: Vec::new(),
        incomplete: Vec::new(),
    }
}

/// The drawn times of all nodes, run by run.
#[cfg(test)]
pub(super) fn times(model: &Model, options: &Options) -> Vec<f64> {
    Drawn::of(model, options).seconds
}

/// The times of all nodes in all runs.
struct Drawn {
    nodes: usize,
    /// Run by run. Infinite: all attempts of the step failed.
    seconds: Vec<f64>,
}

impl Drawn {
    fn of(model: &Model, options: &Options) -> Self {
        let mut rng = StdRng::seed_from_u64(options.seed);
        let mut seconds = Vec::with_capacity(options.runs * model.nodes.len());
        let mut factors: Vec<Factor> = Vec::with_capacity(model.actions.len());
        for _ in 0..options.runs {
            let common: f64 = StandardNormal.sample(&mut rng);
            factors.clear();
            factors.extend(model.actions.iter().map(|belief| belief.draw(&mut rng)));
            for node in &model.nodes {
                seconds.push(match node.chance {
                    Chance::Fixed => node.seconds,
                    Chance::Of(action) => {
                        let belief = model.actions.get(action).zip(factors.get(action));
                        let mean = node.seconds * options.contention;
                        node.attempts.take(|| mean * factor(belief, common, &mut rng))
                    }
                });
            }
        }
        Self { nodes: model.nodes.len(), seconds }
    }

    fn runs(&self) -> impl Iterator<Item = &[f64]> {
        self.seconds.chunks(self.nodes.max(1))
    }
}

fn factor(belief: Option<(&Belief, &Factor)>, common: f64, rng: &mut impl Rng) -> f64 {
    let Some((belief, factor)) = belief else { return 1.0 };
    if belief.is_certain() {
        return 1.0;
    }
    let own: f64 = StandardNormal.sample(rng);
    let z = COMMON.sqrt() * common + (1.0 - COMMON).sqrt() * own;
    factor.at(z)
}

/// A change of the model, to see what it gains.
#[derive(Clone, Copy)]
enum Change {
    None,
    Faster(usize),
    /// The first does not wait for the second.
    Cut(usize, usize),
}

impl Change {
    /// The node whose time or needs it changes.
    fn node(self) -> usize {
        match self {
            Self::None => 0,
            Self::Faster(node) | Self::Cut(node, _) => node,
        }
    }
}

/// All runs of the model as it is.
struct Outcome {
    /// The RTO by workload and run, without assumptions.
    rto: Vec<Vec<f64>>,
    /// How often each node is critical, by workload.
    critical: Vec<Vec<u32>>,
    /// How often each edge is critical, by workload and node, in the order of the node's needs.
    edges: Vec<Vec<Vec<u32>>>,
}

/// An upper bound of how many nodes of a limit can run at once: the number of chains that hold them
/// all. Nodes of one chain need each other, so they never overlap. The chains are found greedily.
fn chains(model: &Model, limit: usize) -> usize {
    let is_of = |index: usize| model.nodes[index].limits.contains(&limit);
    let mut is_continued = vec![false; model.nodes.len()];
    let mut before = vec![None; model.nodes.len()];
    let (own, others): (Vec<usize>, Vec<usize>) = (0..model.nodes.len()).partition(|index| is_of(*index));
    for index in own.iter().chain(&others) {
        before[*index] = model.nodes[*index].needs.iter().copied().find(|need| !is_continued[*need]);
        if let Some(need) = before[*index] {
            is_continued[need] = true;
        }
    }
    // Each node stands after its needs, so the chain of the need is known.
    let mut chain: Vec<usize> = (0..model.nodes.len()).collect();
    for index in 0..chain.len() {
        if let Some(need) = before[index] {
            chain[index] = chain[need];
        }
    }
    own.iter().map(|index| chain[*index]).collect::<HashSet<_>>().len()
}

/// Runs a model again and again in the same memory.
struct Runner<'a> {
    model: &'a Model,
    dependents: Vec<Vec<usize>>,
    /// Whether the limits can ever bind, and whether they can after a cut. If not, a pass in order is
    /// enough.
    is_limited: bool,
    is_limited_after_cut: bool,
    /// When each node is done or healthy.
    done: Vec<f64>,
    /// When the nodes that need it may start.
    free: Vec<f64>,
    /// What each node waited for last: the need or the node whose end made room for it.
    waited: Vec<Option<usize>>,
}

impl<'a> Runner<'a> {
    fn new(model: &'a Model) -> Self {
        let mut dependents = vec![Vec::new(); model.nodes.len()];
        for (index, node) in model.nodes.iter().enumerate() {
            for need in &node.needs {
                if let Some(list) = dependents.get_mut(*need) {
                    list.push(index);
                }
            }
        }
        let binds = |more: usize| {
            let mut limits = model.limits.iter().enumerate();
            limits.any(|(index, limit)| chains(model, index) + more > limit.most)
        };
        let nodes = model.nodes.len();
        Self {
            model,
            dependents,
            is_limited: binds(0),
            // A cut splits one chain at most.
            is_limited_after_cut: binds(1),
            done: vec![0.0; nodes],
            free: vec![0.0; nodes],
            waited: vec![None; nodes],
        }
    }

    fn all(&mut self, drawn: &Drawn) -> Outcome {
        let model = self.model;
        let workloads = model.workloads.len();
        let edges: Vec<Vec<u32>> = model.nodes.iter().map(|node| vec![0; node.needs.len()]).collect();
        let mut outcome = Outcome {
            rto: vec![Vec::new(); workloads],
            critical: vec![vec![0; model.nodes.len()]; workloads],
            edges: vec![edges; workloads],
        };
        for seconds in drawn.runs() {
            self.run(seconds, Change::None);
            for (index, workload) in model.workloads.iter().enumerate() {
                let Some(last) = self.last_of(workload) else { continue };
                outcome.rto[index].push(self.done[last]);
                let mut at = Some(last);
                while let Some(node) = at {
                    outcome.critical[index][node] += 1;
                    at = self.waited[node];
                    let needs = &model.nodes[node].needs;
                    if let Some(edge) = at.and_then(|need| needs.iter().position(|known| *known == need)) {
                        outcome.edges[index][node][edge] += 1;
                    }
                }
            }
        }
        outcome
    }

    /// The RTO of one workload in each run, for each change.
    fn changed(&mut self, drawn: &Drawn, workload: &WorkloadModel, changes: &[Change]) -> Vec<Vec<f64>> {
        let mut rto: Vec<Vec<f64>> = changes.iter().map(|_| Vec::new()).collect();
        // `in_order` rewrites only the nodes from the changed one on. So changes go from the last
        // node to the first, and nothing has to be reset between them.
        let mut order: Vec<usize> = (0..changes.len()).collect();
        order.sort_by_key(|at| Reverse(changes[*at].node()));
        let mut path: Vec<bool> = vec![false; self.model.nodes.len()];
        let mut waited = self.waited.clone();
        for seconds in drawn.runs() {
            if self.is_limited_after_cut {
                for (change, rto) in changes.iter().zip(&mut rto) {
                    self.run(seconds, *change);
                    rto.extend(self.last_of(workload).map(|last| self.done[last]));
                }
                continue;
            }
            self.in_order(seconds, Change::None, 0);
            let Some(last) = self.last_of(workload) else { continue };
            let base = self.done[last];
            path.fill(false);
            waited.copy_from_slice(&self.waited);
            let mut at = Some(last);
            while let Some(node) = at {
                path[node] = true;
                at = waited[node];
            }
            for at in &order {
                let change = changes[*at];
                // A node or an edge beside the critical path can only end others earlier, and this
                // path takes as long as before.
                let is_critical = match change {
                    Change::None => false,
                    Change::Faster(node) => path[node],
                    Change::Cut(node, need) => path[node] && waited[node] == Some(need),
                };
                if is_critical {
                    self.in_order(seconds, change, change.node());
                    rto[*at].extend(self.last_of(workload).map(|last| self.done[last]));
                } else {
                    rto[*at].push(base);
                }
            }
        }
        rto
    }

    fn run(&mut self, seconds: &[f64], change: Change) {
        let is_limited = match change {
            Change::None | Change::Faster(_) => self.is_limited,
            Change::Cut(..) => self.is_limited_after_cut,
        };
        if is_limited {
            self.with_limits(seconds, change);
        } else {
            self.in_order(seconds, change, 0);
        }
    }

    /// The node of a workload that was done last.
    fn last_of(&self, workload: &WorkloadModel) -> Option<usize> {
        workload.nodes.iter().copied().max_by(|a, b| self.done[*a].total_cmp(&self.done[*b]))
    }

    /// The time of a node under a change.
    fn takes(seconds: &[f64], node: usize, change: Change) -> f64 {
        match change {
            Change::Faster(faster) if faster == node => seconds[node] * (1.0 - FASTER),
            Change::None | Change::Faster(_) | Change::Cut(..) => seconds[node],
        }
    }

    fn waits(node: usize, need: usize, change: Change) -> bool {
        match change {
            Change::Cut(cut, of) => (cut, of) != (node, need),
            Change::None | Change::Faster(_) => true,
        }
    }

    /// Computes the nodes from `first` on. Those before it stand as they are.
    fn in_order(&mut self, seconds: &[f64], change: Change, first: usize) {
        for (index, node) in self.model.nodes.iter().enumerate().skip(first) {
            let (mut ready, mut last) = (0.0_f64, None);
            for need in node.needs.iter().filter(|need| Self::waits(index, **need, change)) {
                // Of those that end at once, the last counts, as `with_limits` has it.
                let is_later = match self.free[*need].total_cmp(&ready) {
                    Ordering::Greater => true,
                    Ordering::Equal => Some(*need) > last,
                    Ordering::Less => false,
                };
                if is_later {
                    (ready, last) = (self.free[*need], Some(*need));
                }
            }
            self.waited[index] = last;
            self.done[index] = ready + Self::takes(seconds, index, change);
            self.free[index] = self.done[index] + node.hold;
        }
    }

    /// As `in_order`, with nodes that wait for a limit.
    fn with_limits(&mut self, seconds: &[f64], change: Change) {
        let model = self.model;
        let mut missing: Vec<usize> = Vec::with_capacity(model.nodes.len());
        for (index, node) in model.nodes.iter().enumerate() {
            missing.push(node.needs.iter().filter(|need| Self::waits(index, **need, change)).count());
            self.waited[index] = None;
        }
        let mut room: Vec<usize> = model.limits.iter().map(|limit| limit.most).collect();
        let mut queue: VecDeque<usize> = (0..model.nodes.len()).filter(|node| missing[*node] == 0).collect();
        // Ends by time, then by index. Times are positive, so their bits have their order.
        let mut ends: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let mut now = 0.0_f64;
        loop {
            let mut kept = VecDeque::new();
            while let Some(node) = queue.pop_front() {
                let limits = &model.nodes[node].limits;
                if limits.iter().any(|limit| room[*limit] == 0) {
                    kept.push_back(node);
                    continue;
                }
                for limit in limits {
                    room[*limit] -= 1;
                }
                self.done[node] = now + Self::takes(seconds, node, change);
                self.free[node] = self.done[node] + model.nodes[node].hold;
                ends.push(Reverse((self.free[node].to_bits(), node)));
            }
            queue = kept;
            let Some(Reverse((at, ended))) = ends.pop() else { break };
            now = f64::from_bits(at);
            for limit in &model.nodes[ended].limits {
                room[*limit] += 1;
            }
            // Whoever waits for room now, starts because of this end.
            for waiting in &queue {
                self.waited[*waiting] = Some(ended);
            }
            for next in &self.dependents[ended] {
                if !Self::waits(*next, ended, change) {
                    continue;
                }
                missing[*next] -= 1;
                if missing[*next] == 0 {
                    self.waited[*next] = Some(ended);
                    queue.push_back(*next);
                }
            }
        }
    }
}

fn of_workload(
    runner: &mut Runner<'_>,
    drawn: &Drawn,
    base: &Outcome,
    index: usize,
    with_gains: bool,
) -> WorkloadForecast {
    let model = runner.model;
    let workload = &model.workloads[index];
    let mut rto: Vec<f64> = base.rto[index].iter().map(|seconds| seconds + workload.assumed).collect();
    rto.sort_by(f64::total_cmp);
    let runs = rto.len().max(1) as f64;
    let p90 = quantile(&rto, 0.9);
    let mut critical: Vec<(usize, u32)> =
        base.critical[index].iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
    critical.sort_by_key(|(node, count)| (Reverse(*count), *node));
    let needs = model.nodes.iter().zip(&base.edges[index]).enumerate();
    let mut edges: Vec<((usize, usize), u32)> = needs
        .flat_map(|(at, (node, counts))| {
            node.needs.iter().zip(counts).map(move |(need, n)| ((at, *need), *n))
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    edges.sort_by_key(|(edge, count)| (Reverse(*count), *edge));
    let tried = if with_gains { TRIED } else { 0 };
    let mut changes: Vec<Change> =
        critical.iter().take(tried).map(|(node, _)| Change::Faster(*node)).collect();
    changes.extend(edges.iter().take(tried).map(|((node, need), _)| Change::Cut(*node, *need)));
    let name = |node: usize| model.nodes[node].id.clone();
    let (mut gains, mut cuts): (Vec<Gain>, Vec<Cut>) = (Vec::new(), Vec::new());
    for (change, mut changed) in changes.iter().zip(runner.changed(drawn, workload, &changes)) {
        if p90.is_infinite() {
            // What would help is that the recovery does not fail. No seconds say that.
            break;
        }
        changed.sort_by(f64::total_cmp);
        let p90_gain_s = p90 - (quantile(&changed, 0.9) + workload.assumed);
        match *change {
            Change::None => {}
            Change::Faster(node) => gains.push(Gain { id: name(node), faster: FASTER, p90_gain_s }),
            Change::Cut(node, need) => cuts.push(Cut { id: name(node), waits_for: name(need), p90_gain_s }),
        }
    }
    gains.sort_by(|a, b| b.p90_gain_s.total_cmp(&a.p90_gain_s));
    cuts.sort_by(|a, b| b.p90_gain_s.total_cmp(&a.p90_gain_s));
    WorkloadForecast {
        name: workload.name.clone(),
        rto: (!rto.is_empty()).then(|| of_rto(&rto, workload.objective)),
        because: rto.is_empty().then(|| "it has no step and no check".to_owned()),
        critical: critical
            .iter()
            .map(|(node, count)| Critical { id: name(*node), share: f64::from(*count) / runs })
            .collect(),
        gains,
        cuts,
    }
}

fn of_rto(sorted: &[f64], objective: Option<f64>) -> RtoForecast {
    let met = objective.map(|objective| sorted.partition_point(|seconds| *seconds <= objective));
    let interval = met.map(|met| wilson(met as f64, sorted.len() as f64));
    RtoForecast {
        p50_s: quantile(sorted, 0.5),
        p90_s: quantile(sorted, 0.9),
        p99_s: quantile(sorted, 0.99),
        p_failed: sorted.iter().filter(|seconds| seconds.is_infinite()).count() as f64 / sorted.len() as f64,
        objective_s: objective,
        p_met: met.map(|met| met as f64 / sorted.len() as f64),
        p_met_low: interval.map(|(low, _)| low),
        p_met_high: interval.map(|(_, high)| high),
        histogram: histogram(sorted),
    }
}

/// The smallest drawn value that at least this share of the draws does not exceed.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length")]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The 95 % interval of a share, after Wilson (1927).
fn wilson(met: f64, all: f64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let share = met / all;
    let centre = share + Z * Z / (2.0 * all);
    let half = Z * (share * (1.0 - share) / all + Z * Z / (4.0 * all * all)).sqrt();
    let scale = 1.0 + Z * Z / all;
    (((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0))
}

/// The picture of the recoveries that succeeded. Its last part holds what lies beyond the P99.5.
fn histogram(sorted: &[f64]) -> Histogram {
    let sorted = &sorted[..sorted.partition_point(|seconds| seconds.is_finite())];
    if sorted.is_empty() {
        return Histogram { from_s: 0.0, width_s: 0.0, counts: Vec::new() };
    }
    let (from, to) = (quantile(sorted, 0.0), quantile(sorted, 0.995));
    let width = (to - from) / PARTS as f64;
    if width <= 0.0 {
        return Histogram { from_s: from, width_s: 0.0, counts: vec![sorted.len()] };
    }
    let mut counts = vec![0; PARTS];
    for seconds in sorted {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let part = ((seconds - from) / width) as usize;
        counts[part.min(PARTS - 1)] += 1;
    }
    Histogram { from_s: from, width_s: width, counts }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Attempts, Limit, Node};
    use super::*;

    /// A graph in which each node needs some of those before it, with times of which many are equal.
    fn random(rng: &mut StdRng) -> Model {
        let mut below = |n: u64| rng.next_u64() % n;
        let nodes = (0..12).map(|index| {
            let needs = (0..index).filter(|_| below(4) == 0).collect();
            let (seconds, hold) = (below(4) as f64, below(2) as f64);
            Node {
                id: format!("n{index}"),
                needs,
                seconds,
                hold,
                chance: Chance::Fixed,
                attempts: Attempts::ONE,
                limits: Vec::new(),
            }
        });
        let nodes: Vec<Node> = nodes.collect();
        let of = vec![3, 7, 9, 11];
        let workload = WorkloadModel { name: "w".into(), nodes: of, objective: None, assumed: 0.0 };
        Model { nodes, workloads: vec![workload], ..Model::default() }
    }

    #[test]
    fn limits_that_cannot_bind_change_nothing() {
        let mut rng = StdRng::seed_from_u64(2);
        let mut wide = 0;
        for _ in 0..300 {
            let mut model = random(&mut rng);
            model.limits = vec![Limit { name: "steps".into(), most: 4 }];
            model.nodes.iter_mut().step_by(2).for_each(|node| node.limits = vec![0]);
            let seconds: Vec<f64> = model.nodes.iter().map(|node| node.seconds).collect();
            let mut runner = Runner::new(&model);
            if runner.is_limited_after_cut {
                wide += 1;
                continue;
            }
            let edges = model.nodes.iter().enumerate();
            let edges =
                edges.flat_map(|(at, node)| node.needs.iter().map(move |need| Change::Cut(at, *need)));
            for change in edges.chain([Change::None]) {
                runner.in_order(&seconds, change, 0);
                let alone = (runner.done.clone(), runner.waited.clone());
                runner.with_limits(&seconds, change);
                assert_eq!((&runner.done, &runner.waited), (&alone.0, &alone.1));
            }
        }
        assert!((1..300).contains(&wide), "{wide}");
    }

    #[test]
    fn a_change_gives_what_the_whole_run_with_it_gives() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..300 {
            let model = random(&mut rng);
            let edges = model.nodes.iter().enumerate();
            let edges =
                edges.flat_map(|(at, node)| node.needs.iter().map(move |need| Change::Cut(at, *need)));
            let changes: Vec<Change> = (0..model.nodes.len()).map(Change::Faster).chain(edges).collect();
            let seconds: Vec<f64> = model.nodes.iter().map(|node| node.seconds).collect();
            let drawn = Drawn { nodes: model.nodes.len(), seconds: seconds.clone() };
            let mut runner = Runner::new(&model);
            let given = runner.changed(&drawn, &model.workloads[0], &changes);
            for (change, given) in changes.iter().zip(given) {
                runner.run(&seconds, *change);
                let last = runner.last_of(&model.workloads[0]).unwrap();
                assert_eq!(given, [runner.done[last]]);
            }
        }
    }
}
