//! Draws the recovery of a rehearsed playbook: for `forecast`, and for the report of a run.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::learned::History;
use super::model;
use crate::cli::rehearsal::Rehearsal;
use estate::file::{Incomplete, Timing};
use insight::forecast::{self, Attempts, Forecast, Options, WorkloadForecast};
use playbook::Loaded;

/// The most times that are drawn at once: 800 MB.
const MOST_DRAWS: usize = 100_000_000;

/// What a drawing needs to know of a playbook and its estate.
pub struct Drawing {
    pub timings: IndexMap<String, Timing>,
    contention: f64,
    incomplete: Vec<Incomplete>,
    attempts: HashMap<String, Attempts>,
    /// The workloads, in the order of the playbook.
    workloads: Vec<String>,
}

impl Drawing {
    pub fn of(loaded: &Loaded) -> Self {
        let estate = loaded.estate.as_ref().map(|estate| &*estate.file);
        Self {
            timings: estate.map(|file| file.timings.clone()).unwrap_or_default(),
            contention: loaded.playbook.assume.contention.unwrap_or(1.0),
            incomplete: estate.map(|file| file.incomplete.clone()).unwrap_or_default(),
            attempts: model::attempts(&loaded.playbook.steps),
            workloads: loaded.playbook.workloads.keys().cloned().collect(),
        }
    }

    /// Draws the recovery. `gains`: also what faster steps and fewer dependencies would gain.
    pub fn draw(
        &self,
        rehearsal: &Rehearsal,
        history: &History,
        runs: usize,
        seed: u64,
        gains: bool,
    ) -> Result<Forecast, String> {
        let Rehearsal { report, record, .. } = rehearsal;
        if report.t0.is_none() {
            return Err(format!("the rehearsal did not get to T0: {}", report.reasons.join("; ")));
        }
        let built = model::build(report, record, &self.timings, history, &self.attempts);
        let nodes = built.model.nodes.len();
        if runs.saturating_mul(nodes) > MOST_DRAWS {
            return Err(format!(
                "{runs} recoveries of {nodes} steps and checks are too many to hold: write a smaller `--runs`"
            ));
        }
        let options = Options { runs, seed, contention: self.contention, gains };
        let mut drawn = forecast::forecast(&built.model, &options);
        drawn.learned_from = built.learned_from;
        drawn.incomplete.clone_from(&self.incomplete);
        drawn.workloads.extend(built.not_recovered.into_iter().map(|(name, because)| WorkloadForecast {
            name,
            rto: None,
            because: Some(because),
            critical: Vec::new(),
            gains: Vec::new(),
            cuts: Vec::new(),
        }));
        let place = |workload: &WorkloadForecast| self.workloads.iter().position(|n| *n == workload.name);
        drawn.workloads.sort_by_key(place);
        Ok(drawn)
    }
}
