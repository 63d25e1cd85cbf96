//! What earlier drills say of an action's time.
//!
//! An observation is compared with the calibration on the log scale: `y = ln(measured /
//! calibrated)`. So size is accounted for by the calibration, and `y` says by which factor the
//! action is slower. The belief about mean and variance of `y` is a normal-inverse-gamma
//! distribution. It starts from the calibration, as a fraction of one drill. The prediction is then
//! Student's t, whose wide tails are honest about three drills.

use rand::Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

/// What the calibration counts for, in drills: little, since no source gives it for this estate.
const PRIOR_DRILLS: f64 = 0.05;

/// The degrees of freedom of the calibrated spread.
const PRIOR_FREEDOM: f64 = 1.0;

/// The spread that is taken if the calibration gives none, as a share of the mean.
const PRIOR_SPREAD: f64 = 0.25;

/// The calibration of an action.
#[derive(Debug, Clone, Copy)]
pub struct Prior {
    /// The standard deviation as a share of the mean.
    pub spread: f64,
}

/// One time that was measured, and what the calibration gives for the same size.
#[derive(Debug, Clone, Copy)]
pub struct Observation {
    /// In seconds.
    pub measured: f64,
    /// In seconds.
    pub calibrated: f64,
}

/// How the times of an action are distributed around the calibrated time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Belief {
    /// Log-normal around the calibrated time as the mean, with this standard deviation on the log
    /// scale. 0: exactly the calibrated time.
    Calibrated {
        sigma: f64,
    },
    Learned(Learned),
}

/// A normal-inverse-gamma belief about `ln(measured / calibrated)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// The number of observations.
    pub runs: usize,
    pub mean: f64,
    /// What the mean counts for, in drills.
    pub weight: f64,
    /// The degrees of freedom of the variance.
    pub freedom: f64,
    /// The scale of the variance.
    pub variance: f64,
}

/// How far a drawn time may lie from the median, in standard deviations of the belief. The mean of
/// Student's t is infinite on the scale of seconds; no recovery is.
const FARTHEST: f64 = 4.0;

/// The action's factor in one run: `exp(shift + sigma · z)` with a standard normal `z`.
#[derive(Debug, Clone, Copy)]
pub struct Factor {
    shift: f64,
    sigma: f64,
    /// The bounds of the exponent.
    bounds: (f64, f64),
}

impl Factor {
    pub fn at(&self, z: f64) -> f64 {
        let (low, high) = self.bounds;
        (self.shift + self.sigma * z).clamp(low, high).exp()
    }
}

/// The standard deviation on the log scale of a log-normal with this share of the mean.
fn log_sigma(spread: f64) -> f64 {
    (1.0 + spread * spread).ln().sqrt()
}

/// The belief after these observations. Observations that are no positive times say nothing.
pub fn learn(prior: Prior, observations: &[Observation]) -> Belief {
    let logs: Vec<f64> = observations
        .iter()
        .filter(|o| o.measured > 0.0 && o.calibrated > 0.0)
        .map(|o| (o.measured / o.calibrated).ln())
        .filter(|y| y.is_finite())
        .collect();
    if logs.is_empty() {
        return Belief::Calibrated { sigma: log_sigma(prior.spread) };
    }
    let count = logs.len() as f64;
    let average = logs.iter().sum::<f64>() / count;
    let squares: f64 = logs.iter().map(|y| (y - average).powi(2)).sum();
    let spread = if prior.spread > 0.0 { prior.spread } else { PRIOR_SPREAD };
    let weight = PRIOR_DRILLS + count;
    let freedom = PRIOR_FREEDOM + count;
    // The prior's mean is 0: the calibration as it is.
    let apart = PRIOR_DRILLS * count / weight * average.powi(2);
    let sum = PRIOR_FREEDOM * log_sigma(spread).powi(2) + squares + apart;
    Belief::Learned(Learned {
        runs: logs.len(),
        mean: count * average / weight,
        weight,
        freedom,
        variance: sum / freedom,
    })
}

impl Belief {
    /// Draws the action's factor of one run. All steps of the run share it: what is not known of an
    /// action is not known of all of them.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Factor {
        match self {
            // The mean of the log-normal is the calibrated time.
            Self::Calibrated { sigma } => Factor {
                shift: -sigma * sigma / 2.0,
                sigma: *sigma,
                bounds: (f64::NEG_INFINITY, f64::INFINITY),
            },
            Self::Learned(learned) => learned.draw(rng),
        }
    }

    /// Whether every draw is the calibrated time.
    pub(super) fn is_certain(&self) -> bool {
        match self {
            Self::Calibrated { sigma } => *sigma == 0.0,
            Self::Learned(_) => false,
        }
    }

    /// The number of observations behind it.
    pub fn runs(&self) -> usize {
        match self {
            Self::Calibrated { .. } => 0,
            Self::Learned(learned) => learned.runs,
        }
    }
}

impl Learned {
    fn draw(&self, rng: &mut impl Rng) -> Factor {
        let chi = ChiSquared::new(self.freedom).map_or(self.freedom, |chi| chi.sample(rng));
        let variance = self.freedom * self.variance / chi.max(f64::MIN_POSITIVE);
        let z: f64 = StandardNormal.sample(rng);
        let far = FARTHEST * (self.variance * (1.0 + 1.0 / self.weight)).sqrt();
        Factor {
            shift: self.mean + z * (variance / self.weight).sqrt(),
            sigma: variance.sqrt(),
            bounds: (self.mean - far, self.mean + far),
        }
    }
}
