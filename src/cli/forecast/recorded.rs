//! A forecast as a run records it, and as its picture is made from.

use super::drawn::Drawing;
use event::Forecast;
use event::forecast::{ActionModel, Histogram, RtoForecast, TimesFrom, WorkloadForecast};
use insight::forecast as drawn;

pub fn of(forecast: &drawn::Forecast, drawing: &Drawing) -> Forecast {
    let model = |action: &drawn::ActionModel| ActionModel {
        action: action.action.clone(),
        of: action.of.clone(),
        model: match action.factor {
            Some(_) => TimesFrom::Learned,
            None if drawing.timings.contains_key(&action.action) => TimesFrom::Estate,
            None => TimesFrom::Calibration,
        },
        runs: action.runs,
    };
    let workload = |workload: &drawn::WorkloadForecast| WorkloadForecast {
        name: workload.name.clone(),
        rto: workload.rto.as_ref().map(rto),
        because: workload.because.clone(),
    };
    Forecast {
        runs: forecast.runs,
        seed: forecast.seed,
        contention: forecast.contention,
        because: None,
        workloads: forecast.workloads.iter().map(workload).collect(),
        learned_from: forecast.learned_from.iter().map(model).collect(),
    }
}

/// No forecast, with the reason.
pub fn none(seed: u64, because: String) -> Forecast {
    Forecast {
        runs: 0,
        seed,
        contention: 1.0,
        because: Some(because),
        workloads: Vec::new(),
        learned_from: Vec::new(),
    }
}

fn rto(rto: &drawn::RtoForecast) -> RtoForecast {
    // What lies among the recoveries that failed is infinite.
    let seconds = |s: f64| s.is_finite().then(|| rounded(s, 1e3));
    let share = |s: f64| rounded(s, 1e6);
    RtoForecast {
        p50_s: seconds(rto.p50_s),
        p90_s: seconds(rto.p90_s),
        p99_s: seconds(rto.p99_s),
        p_failed: share(rto.p_failed),
        objective_s: rto.objective_s,
        p_met: rto.p_met.map(share),
        p_met_low: rto.p_met_low.map(share),
        p_met_high: rto.p_met_high.map(share),
        histogram: Histogram {
            from_s: rounded(rto.histogram.from_s, 1e3),
            // So fine that the last part ends where it did.
            width_s: rounded(rto.histogram.width_s, 1e6),
            counts: rto.histogram.counts.clone(),
        },
    }
}

fn rounded(figure: f64, parts: f64) -> f64 {
    (figure * parts).round() / parts
}
