//! `drillmaster forecast`: how long a recovery takes, as a distribution.

mod learned;
mod model;
mod text;

use std::path::PathBuf;

use serde_json::json;

use super::configuration::ConfigArg;
use super::rehearsal::{self, Rehearsal};
use super::{complain, load_or_complain, print_as};
use crate::ui::{OutputMode, Surroundings};
use base::exit::Exit;
use insight::forecast::{self, Options, WorkloadForecast};
use learned::History;

/// The most recoveries that can be drawn. A P99 needs some thousands.
const MOST_RUNS: u64 = 1_000_000;

/// The most times that are drawn at once: 800 MB.
const MOST_DRAWS: usize = 100_000_000;

/// Forecast how long the recovery takes: P50, P90 and P99 of each workload's RTO, and the
/// probability of meeting its objective; change nothing
///
/// The playbook is rehearsed on the twin. Then its graph is drawn again and again with other times.
/// They vary by the estate's `spread`, or by what `--learn` finds in the journals of real drills.
/// All steps of a draw share a part of their luck, because a busy region slows everything. The exit
/// code is 0 whatever the forecast says.
#[derive(clap::Args)]
pub struct Args {
    /// The playbook to forecast
    playbook: PathBuf,
    /// The recoveries to draw
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=MOST_RUNS))]
    runs: u64,
    /// The same seed gives the same forecast
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Learn from the drills in this folder: a run's folder, or one that holds such folders.
    /// Simulated drills teach nothing and are passed over
    #[arg(long, value_name = "DIR", value_parser = folder)]
    learn: Vec<PathBuf>,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    #[arg(long, value_enum, default_value_t)]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

/// Restore jobs of AWS Backup cannot be read yet. A folder of that name is `./aws`.
fn folder(text: &str) -> Result<PathBuf, String> {
    if text == "aws" {
        return Err(
            "AWS Backup's restore jobs cannot be read yet; write ./aws for a folder of that name".into()
        );
    }
    Ok(PathBuf::from(text))
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<(), Exit> {
    let config = args.config.load_or_complain()?;
    let wrong = |message: String| {
        complain(&message);
        Exit::Wrong
    };
    let loaded = load_or_complain(&args.playbook, &args.params, &config)?;
    let timings = loaded.estate.as_ref().map(|estate| estate.file.timings.clone()).unwrap_or_default();
    let contention = loaded.playbook.assume.contention.unwrap_or(1.0);
    let unread = loaded.estate.as_ref().map(|estate| estate.file.incomplete.clone()).unwrap_or_default();
    let attempts = model::attempts(&loaded.playbook.steps);
    let history = History::read(&args.learn, &timings).map_err(wrong)?;
    let Rehearsal { report, record, .. } = rehearsal::of(loaded, &config).map_err(wrong)?;
    if report.t0.is_none() {
        return Err(wrong(format!("the rehearsal did not get to T0: {}", report.reasons.join("; "))));
    }
    let built = model::build(&report, &record, &timings, &history, &attempts);
    let runs = usize::try_from(args.runs).unwrap_or(usize::MAX);
    if runs.saturating_mul(built.model.nodes.len()) > MOST_DRAWS {
        return Err(wrong(format!(
            "{runs} recoveries of {} steps and checks are too many to hold: write a smaller `--runs`",
            built.model.nodes.len()
        )));
    }
    let mut forecast = forecast::forecast(&built.model, &Options { runs, seed: args.seed, contention });
    forecast.learned_from = built.learned_from;
    forecast.incomplete = unread;
    for (name, because) in built.not_recovered {
        forecast.workloads.push(WorkloadForecast {
            name,
            rto: None,
            because: Some(because),
            critical: Vec::new(),
            gains: Vec::new(),
            cuts: Vec::new(),
        });
    }
    history.tell();
    let text = match args.output {
        OutputMode::Json => format!("{:#}\n", json!(forecast)),
        OutputMode::Text => text::of(&forecast, &report.playbook.name, Surroundings::detect().stdout_look()),
    };
    print_as(&text, args.output.form())
}
