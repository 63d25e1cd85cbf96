//! `drillmaster forecast`: how long a recovery takes, as a distribution.

mod before_run;
mod drawn;
#[cfg(feature = "aws")]
mod jobs;
mod learned;
mod model;
mod page;
mod recorded;
mod text;

use std::path::PathBuf;

use serde_json::json;

use super::configuration::ConfigArg;
use super::plan::Output;
use super::rehearsal;
use super::{complain, complained, load_or_complain, print_as};
use crate::ui::{Surroundings, out};
use base::exit::Exit;
use base::visible::Form;
use drawn::Drawing;
use learned::{History, Timings};
use page::Shown;
use playbook::Loaded;

pub use before_run::{Asked, Before, before_run};

/// The most recoveries that can be drawn. A P99 needs some thousands.
const MOST_RUNS: u64 = 1_000_000;

/// Forecast how long the recovery takes: P50, P90 and P99 of each workload's RTO, and the
/// probability of meeting its objective; change nothing
///
/// The playbook is rehearsed on the twin. Then its graph is drawn again and again with other times.
/// They vary by the estate's `spread`, or by what `--learn` finds in the journals of real drills.
/// All steps of a draw share a part of their luck, because a busy region slows everything. The exit
/// code is 0 whatever the forecast says.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster forecast drills/region-loss.yaml
  drillmaster forecast playbook.yaml --runs 1000 --seed 1 --learn runs --output json")]
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
    ///
    /// `aws`: from the restore jobs of AWS Backup in the playbook's accounts, of the last 90 days. They
    /// are read, and nothing else. They teach how long `backup.restore` takes, and no other action.
    #[arg(long, value_name = "DIR|aws")]
    learn: Vec<Teacher>,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    config: ConfigArg,
}

/// What a forecast learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Teacher {
    Folder(PathBuf),
    /// The restore jobs of AWS Backup.
    Aws,
}

impl Teacher {
    fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.clone()),
            Self::Aws => None,
        }
    }
}

/// A folder of the name `aws` is `./aws`.
impl From<String> for Teacher {
    fn from(text: String) -> Self {
        if text == "aws" { Self::Aws } else { Self::Folder(PathBuf::from(text)) }
    }
}

/// Adds what the restore jobs of AWS Backup tell.
#[cfg(feature = "aws")]
fn learn_from_aws(loaded: &Loaded, timings: &Timings, history: &mut History) -> Result<(), String> {
    history.add_jobs(&jobs::read(loaded)?, timings);
    Ok(())
}

#[cfg(not(feature = "aws"))]
fn learn_from_aws(_: &Loaded, _: &Timings, _: &mut History) -> Result<(), String> {
    Err(super::wire::WITHOUT_AWS.into())
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<(), Exit> {
    let config = args.config.load_or_complain()?;
    let wrong = complained(Exit::Wrong);
    let loaded = load_or_complain(&args.playbook, &args.params, &config)?;
    let drawing = Drawing::of(&loaded);
    let folders: Vec<PathBuf> = args.learn.iter().filter_map(Teacher::folder).collect();
    let mut history = History::read(&folders, &drawing.timings).map_err(wrong)?;
    if args.learn.contains(&Teacher::Aws) {
        learn_from_aws(&loaded, &drawing.timings, &mut history).map_err(|message| {
            complain(&message);
            Exit::Error
        })?;
    }
    let rehearsal = rehearsal::of(loaded, &config).map_err(wrong)?;
    let runs = usize::try_from(args.runs).unwrap_or(usize::MAX);
    let forecast = drawing.draw(&rehearsal, &history, runs, args.seed, true).map_err(wrong)?;
    history.tell();
    let report = &rehearsal.report;
    let recorded = recorded::of(&forecast, &drawing);
    let shown = Shown { forecast: &recorded, drawn: &forecast, report };
    let (text, form) = match args.output {
        Output::Json => (format!("{:#}\n", json!(forecast)), Form::Json),
        Output::Text => {
            (text::of(&forecast, &report.playbook.name, Surroundings::detect().stdout_look()), out::text())
        }
        Output::Markdown => (page::as_markdown(&shown), Form::Markup),
        Output::Html => (page::as_html(&shown)?, Form::Markup),
    };
    print_as(&text, form)
}
