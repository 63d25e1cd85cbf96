//! `drillmaster history`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Chosen, LeftOut, Place, date, figure, notes, verdict};
use crate::cli::sheet::{Cell, Output, Sheet};
use crate::ui::text::{Tone, count};
use base::exit::Exit;
use history::entry::Entry;

/// List the runs of a store, the newest first
///
/// Figures come from the reports. Whether the evidence of a run is valid, `drillmaster verify` and
/// `drillmaster controls` say.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster history
  drillmaster history --playbook orders-region-loss --on aws --last 8
  drillmaster history --store s3://acme-recovery/runs --not-passed --output markdown")]
pub struct Args {
    #[command(flatten)]
    chosen: Chosen,
    /// Only runs that passed
    #[arg(long, conflicts_with = "not_passed")]
    passed: bool,
    /// Only runs that did not pass
    #[arg(long)]
    not_passed: bool,
    /// Only the newest N runs
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    from: Place,
}

/// What `--output json` prints.
#[derive(Serialize, JsonSchema)]
pub struct Printed<'a> {
    schema: &'static str,
    store: String,
    runs: Vec<&'a Entry>,
    #[serde(flatten)]
    left_out: LeftOut,
}

pub fn run(args: &Args) -> Exit {
    list(args).unwrap_or_else(|code| code)
}

fn list(args: &Args) -> Result<Exit, Exit> {
    let (store, history) = args.from.history(&args.from.config()?)?;
    let mut select = args.chosen.select();
    select.passed = match (args.passed, args.not_passed) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        (false, false) => None,
    };
    let runs = history.runs.iter().rev().filter(|entry| select.takes(entry));
    let runs: Vec<&Entry> = runs.take(args.last.unwrap_or(usize::MAX)).collect();
    let value = Printed {
        schema: "drillmaster/history/v1",
        store: store.place(),
        runs: runs.clone(),
        left_out: LeftOut::of(&history),
    };
    let mut sheet = sheet(&runs, &store.place());
    sheet.notes = notes(&history);
    sheet.print(args.output, &value)?;
    Ok(Exit::Passed)
}

pub fn sheet(runs: &[&Entry], place: &str) -> Sheet {
    let mut rows = Vec::new();
    for run in runs {
        let (word, tone) = verdict(run.verdict, run.passed());
        let mut first = vec![
            Cell::new(date(run.at())),
            Cell::new(&run.playbook),
            Cell::new(if run.simulated { "twin (simulated)" } else { run.on.word() }),
            Cell::of(tone, word),
        ];
        if run.workloads.is_empty() {
            first.extend(["-", "-", "-"].map(Cell::new));
            first.push(Cell::new(&run.run_id).of_run(&run.run_id));
            rows.push(first);
            continue;
        }
        for (index, workload) in run.workloads.iter().enumerate() {
            let is_again = index > 0;
            let mut row: Vec<Cell> = first.iter().map(|cell| cell.clone().repeated(is_again)).collect();
            row.push(Cell::new(&workload.name));
            if workload.recovered {
                let ((rto, rto_tone), (rpo, rpo_tone)) = (figure(&workload.rto), figure(&workload.rpo));
                row.extend([Cell::of(rto_tone, rto), Cell::of(rpo_tone, rpo)]);
            } else {
                row.extend([Cell::of(Tone::Bad, "not recovered"), Cell::new("-")]);
            }
            row.push(Cell::of(Tone::Quiet, &run.run_id).of_run(&run.run_id).repeated(is_again));
            rows.push(row);
        }
    }
    Sheet {
        title: format!("Runs in {place}"),
        sentence: if runs.is_empty() { String::new() } else { count(runs.len(), "run") },
        columns: vec!["T0", "playbook", "on", "verdict", "workload", "RTO", "RPO", "run"],
        rows,
        none: "No run is here. `drillmaster run` puts its runs into the folder `runs`.",
        ..Sheet::default()
    }
}
