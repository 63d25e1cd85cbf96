//! The forecast that a run records before T0.

use std::collections::BTreeMap;

use super::drawn::Drawing;
use super::learned::History;
use super::recorded;
use crate::cli::rehearsal::{self, Rehearsal};
use crate::config::UserConfig;
use base::duration::Time;
use event::Forecast;
use playbook::Loaded;

/// The recoveries that are drawn for a small playbook.
const RUNS: usize = 10_000;

/// The most times that are drawn. With more steps and checks, fewer recoveries are drawn.
const MOST_DRAWS: usize = 1_000_000;

/// The fewest recoveries that give a P99. A playbook for which `MOST_DRAWS` is less has no forecast in
/// its run: rehearsing it takes as long as the run on the twin, too.
const FEWEST_RUNS: usize = 2_000;

/// The same playbook gives the same forecast.
const SEED: u64 = 1;

/// How the run begins.
pub struct Asked {
    pub start: Time,
    pub jobs: usize,
    /// Whether somebody watches the run for so long that they want to know what is expected.
    pub watched: bool,
}

#[derive(Default)]
pub struct Before {
    /// `None`: the playbook has no estate.
    pub forecast: Option<Forecast>,
    /// The seconds that each workload is expected to take, by its name, for those who watch.
    pub expected: BTreeMap<String, f64>,
}

/// Rehearses the playbook, and draws its recovery. Nothing of it stops the run.
pub fn before_run(loaded: &Loaded, config: &UserConfig, asked: &Asked) -> Before {
    if loaded.estate.is_none() {
        return Before::default();
    }
    let nodes = (loaded.playbook.steps.len() + loaded.playbook.checks.len()).max(1);
    let runs = RUNS.min(MOST_DRAWS / nodes);
    let is_small = runs >= FEWEST_RUNS;
    let rehearsed =
        (is_small || asked.watched).then(|| rehearsal::from(loaded.clone(), config, asked.start, asked.jobs));
    let expected = rehearsed.as_ref().and_then(|done| done.as_ref().ok()).map(Rehearsal::expected);
    let forecast = match rehearsed.filter(|_| is_small) {
        Some(rehearsed) => rehearsed.and_then(|rehearsal| {
            let drawing = Drawing::of(loaded);
            let drawn = drawing.draw(&rehearsal, &History::default(), runs, SEED, false)?;
            Ok(recorded::of(&drawn, &drawing))
        }),
        None => Err(format!(
            "{nodes} steps and checks are too many to forecast beside a run: `drillmaster forecast` does it"
        )),
    };
    let forecast = forecast.unwrap_or_else(|because| recorded::none(SEED, because));
    Before { forecast: Some(forecast), expected: expected.filter(|_| asked.watched).unwrap_or_default() }
}
