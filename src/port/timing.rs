//! How long work takes on the twin.

use std::time::Duration;

use super::CreateCall;

/// What has times of its own, in words: an action, and the type of what it restores if that decides.
pub fn timed_name(action: &str, of: Option<&str>) -> String {
    match of {
        Some(of) => format!("{action} of {of}"),
        None => action.to_owned(),
    }
}

/// Work of a cloud that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    Request(CreateCall),
    CopyObjects,
    VerifyObjects,
}

/// A figure of the twin's calibration: `base + per_gib × size`.
#[derive(Debug, Clone, Copy)]
pub struct Calibration {
    /// The name of an action, of a part of one, or of the harness's own work.
    pub name: &'static str,
    /// The work that takes this time. Empty if the work makes no request to a cloud.
    pub of: &'static [Timed],
    pub base: Duration,
    /// The additional time for each GiB that is restored or copied.
    pub per_gib: Duration,
    /// The standard deviation as a share of the mean.
    pub spread: f64,
    /// The source of the figure. "(m)" marks figures from memory, without a document.
    pub source: &'static str,
}

/// How long an action takes. If an estate times the action, its figure replaces all of these.
#[derive(Debug, Clone, Copy)]
pub struct ActionTiming {
    pub whole: Calibration,
    /// The action's other requests, besides the main one.
    pub parts: &'static [Calibration],
}
