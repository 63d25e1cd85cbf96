//! How long things take where nothing is done for real. Only the twin asks.

use std::time::Duration;

use super::CreateCall;

/// What a cloud does that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    Request(CreateCall),
    CopyObjects,
    VerifyObjects,
}

/// A figure of the twin's calibration: `base + per_gib × size`.
#[derive(Debug, Clone, Copy)]
pub struct Calibration {
    /// The name of an action, of a part of one, or of something that the harness does.
    pub name: &'static str,
    /// What takes this time. Empty: nothing that is asked of a cloud.
    pub of: &'static [Timed],
    pub base: Duration,
    /// For each GiB of what is restored or copied.
    pub per_gib: Duration,
    /// The standard deviation as a share of the mean.
    pub spread: f64,
    /// Where the figure comes from; "(m)" marks what is remembered, not documented.
    pub source: &'static str,
}

/// How long an action takes. Where an estate times the action, its figure stands for all of this.
#[derive(Debug, Clone, Copy)]
pub struct ActionTiming {
    pub whole: Calibration,
    /// What the action does besides its main request.
    pub parts: &'static [Calibration],
}
