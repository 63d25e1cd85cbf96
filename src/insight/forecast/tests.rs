use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use super::learn::{Belief, Observation, Prior, learn};
use super::model::{Attempts, Chance, Limit, Model, Node, WorkloadModel};
use super::simulate::{Options, forecast};

const SURE: Belief = Belief::Calibrated { sigma: 0.0 };

fn node(id: &str, needs: &[usize], seconds: f64, chance: Chance) -> Node {
    Node {
        id: id.into(),
        needs: needs.to_vec(),
        seconds,
        hold: 0.0,
        chance,
        attempts: Attempts::ONE,
        limits: Vec::new(),
    }
}

fn workload(nodes: usize, objective: Option<f64>) -> WorkloadModel {
    WorkloadModel { name: "orders".into(), nodes: (0..nodes).collect(), objective, assumed: 0.0 }
}

fn options(runs: usize) -> Options {
    Options { runs, seed: 1, contention: 1.0, gains: true }
}

#[test]
fn without_spread_each_run_is_the_rehearsal() {
    let mut check = node("rows", &[0], 40.0, Chance::Fixed);
    check.hold = 30.0;
    let nodes = vec![
        node("db", &[], 840.0, Chance::Of(0)),
        check,
        // It waits until the check has held.
        node("web", &[1], 45.0, Chance::Of(0)),
        node("receipts", &[], 100.0, Chance::Of(0)),
    ];
    let model =
        Model { nodes, workloads: vec![workload(4, Some(900.0))], actions: vec![SURE], limits: Vec::new() };
    let result = forecast(&model, &options(100));
    let rto = result.workloads[0].rto.as_ref().unwrap();
    assert_eq!((rto.p50_s, rto.p90_s, rto.p99_s), (955.0, 955.0, 955.0));
    assert_eq!(rto.p_met, Some(0.0));
    let critical: Vec<(&str, f64)> =
        result.workloads[0].critical.iter().map(|c| (c.id.as_str(), c.share)).collect();
    assert_eq!(critical, [("db", 1.0), ("rows", 1.0), ("web", 1.0)]);
    let gains: Vec<(&str, f64)> =
        result.workloads[0].gains.iter().map(|g| (g.id.as_str(), g.p90_gain_s)).collect();
    assert_eq!(gains, [("db", 210.0), ("web", 11.25), ("rows", 10.0)]);
    let cuts: Vec<(&str, &str, f64)> = result.workloads[0]
        .cuts
        .iter()
        .map(|c| (c.id.as_str(), c.waits_for.as_str(), c.p90_gain_s))
        .collect();
    assert_eq!(
        cuts,
        [("web", "rows", 75.0), ("rows", "db", 115.0)].map(|c| c).into_iter().rev().collect::<Vec<_>>()
    );
}

#[test]
fn nodes_of_a_limit_wait_for_each_other() {
    let mut nodes: Vec<Node> = (0..5).map(|n| node(&format!("copy-{n}"), &[], 60.0, Chance::Of(0))).collect();
    for node in &mut nodes {
        node.limits = vec![0];
    }
    nodes.push(node("other", &[], 10.0, Chance::Of(0)));
    let limits = vec![Limit { name: "copies".into(), most: 2 }];
    let model = Model { nodes, workloads: vec![workload(6, None)], actions: vec![SURE], limits };
    let rto = forecast(&model, &options(10)).workloads.remove(0).rto.unwrap();
    assert!((rto.p50_s - 180.0).abs() < 1e-9, "{rto:?}");
}

#[test]
fn the_same_seed_gives_the_same_forecast_and_wide_graphs_are_slower_than_their_mean() {
    let spread = learn(Prior { spread: 0.25 }, &[]);
    let nodes: Vec<Node> = (0..50).map(|n| node(&format!("db-{n}"), &[], 600.0, Chance::Of(0))).collect();
    let model =
        Model { nodes, workloads: vec![workload(50, Some(900.0))], actions: vec![spread], limits: vec![] };
    let first = forecast(&model, &options(2_000));
    assert_eq!(first, forecast(&model, &options(2_000)));
    let rto = first.workloads[0].rto.as_ref().unwrap();
    // The last of fifty is later than one, and a bad day is later for all.
    assert!(rto.p50_s > 800.0 && rto.p90_s > rto.p50_s * 1.1, "{rto:?}");
    assert!(rto.p_met_low.unwrap() < rto.p_met.unwrap() && rto.p_met.unwrap() < rto.p_met_high.unwrap());
    assert_eq!(rto.histogram.counts.iter().sum::<usize>(), 2_000);
    let slower = Options { contention: 1.5, ..options(2_000) };
    let slower = forecast(&model, &slower).workloads.remove(0).rto.unwrap();
    assert!((slower.p50_s / rto.p50_s - 1.5).abs() < 1e-9);
}

#[test]
fn a_draw_beyond_the_timeout_is_a_failed_attempt() {
    let with = |most: u32| {
        let mut db = node("db", &[], 840.0, Chance::Of(0));
        db.attempts = Attempts { limit: Some(900.0), most, backoff: 10.0 };
        let actions = vec![learn(Prior { spread: 0.25 }, &[])];
        let model =
            Model { nodes: vec![db], workloads: vec![workload(1, Some(7200.0))], actions, limits: vec![] };
        forecast(&model, &options(4_000)).workloads.remove(0).rto.unwrap()
    };
    let once = with(1);
    assert!(once.p_failed > 0.3 && once.p99_s.is_infinite(), "{once:?}");
    assert!((once.p_met.unwrap() + once.p_failed - 1.0).abs() < 1e-9, "{once:?}");
    let thrice = with(3);
    assert!(thrice.p_failed > 0.0 && thrice.p_failed < once.p_failed / 3.0, "{thrice:?}");
    // A second attempt costs the timeout and the wait.
    assert!(thrice.p90_s > 910.0, "{thrice:?}");
}

/// One step with this belief: its times are the prediction of one more drill.
fn prediction(belief: Belief, seed: u64) -> Vec<f64> {
    let model = Model {
        nodes: vec![node("db", &[], 1.0, Chance::Of(0))],
        workloads: vec![workload(1, None)],
        actions: vec![belief],
        limits: Vec::new(),
    };
    super::simulate::times(&model, &Options { runs: 399, seed, contention: 1.0, gains: true })
}

fn normal(rng: &mut StdRng) -> f64 {
    StandardNormal.sample(rng)
}

fn continuous_rank_score(sorted: &[f64], truth: f64) -> f64 {
    let n = sorted.len() as f64;
    let off: f64 = sorted.iter().map(|x| (x - truth).abs()).sum::<f64>() / n;
    let apart: f64 = sorted.iter().enumerate().map(|(i, x)| (2.0 * i as f64 + 1.0 - n) * x).sum::<f64>();
    off - apart / (n * n)
}

/// The truth of each history: an action that is slower or faster than its calibration, by a factor
/// and with a spread that nobody knows.
#[test]
#[expect(clippy::print_stderr, reason = "the figures of the forecast, for who asks for them")]
fn predictions_cover_what_they_say_and_beat_the_last_run_and_the_calibration() {
    let mut rng = StdRng::seed_from_u64(17);
    for drills in [3, 10, 50] {
        let mut inside = [0_u32; 3];
        let (mut ours, mut last_run, mut calibrated) = (0.0, 0.0, 0.0);
        for history in 0..1_000_u64 {
            let mean = 0.2 + 0.5 * normal(&mut rng);
            let sigma = rng.random_range(0.1..0.5);
            let mut drill = || (mean + sigma * normal(&mut rng)).exp();
            let seen: Vec<Observation> =
                (0..drills).map(|_| Observation { measured: drill(), calibrated: 1.0 }).collect();
            let truth = drill();
            let mut predicted = prediction(learn(Prior { spread: 0.25 }, &seen), history);
            predicted.sort_by(f64::total_cmp);
            for (count, (low, high)) in inside.iter_mut().zip([(99, 299), (39, 359), (19, 379)]) {
                *count += u32::from(predicted[low] <= truth && truth < predicted[high]);
            }
            let mut prior = prediction(learn(Prior { spread: 0.25 }, &[]), history);
            prior.sort_by(f64::total_cmp);
            ours += continuous_rank_score(&predicted, truth);
            last_run += (seen[drills - 1].measured - truth).abs();
            calibrated += continuous_rank_score(&prior, truth);
        }
        eprintln!("{drills} drills: CRPS {ours:.1}, last run {last_run:.1}, calibration {calibrated:.1}");
        for (count, expected) in inside.into_iter().zip([50.0, 80.0, 90.0]) {
            let share = f64::from(count) / 10.0;
            eprintln!("{drills} drills: {share} % in the interval of {expected} %");
            assert!((share - expected).abs() <= 3.0, "{drills} drills: {share} % instead of {expected} %");
        }
        assert!(ours < last_run && ours < calibrated, "{drills}: {ours} {last_run} {calibrated}");
    }
}
