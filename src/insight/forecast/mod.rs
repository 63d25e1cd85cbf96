//! The forecast: how long a recovery takes, as a distribution.
//!
//! A rehearsal on the twin gives each step's time, and the graph its order. The forecast repeats it
//! many times with other times. Each drawn time has three sources of chance: what is not known of
//! the action, a common factor of the run (a busy region slows everything), and its own luck.

mod learn;
mod model;
mod result;
mod simulate;

pub use learn::{Belief, Learned, Observation, Prior, learn};
pub use model::{Attempts, Chance, Limit, Model, Node, WorkloadModel};
pub use result::{ActionModel, Critical, Cut, Forecast, Gain, Histogram, RtoForecast, WorkloadForecast};
pub use simulate::{Options, forecast};

#[cfg(test)]
mod tests;
