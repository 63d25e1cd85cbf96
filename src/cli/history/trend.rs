//! `drillmaster trend`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Chosen, Place, date, figure, notes, verdict};
use crate::cli::gate::parse_share;
use crate::cli::sheet::{Cell, Output, Sheet};
use crate::ui::text::{Tone, count};
use base::exit::Exit;
use history::entry::Entry;
use history::trend::{Change, Compared, Trend, trends};

/// Show the RTO and RPO of each workload over time, with objectives and regressions
///
/// Each figure is compared with that of the last run before it that passed. Rehearsals and real drills
/// are told apart. Exit codes: 0; 1 with --fail-on-regression if the newest run of a workload is a
/// regression.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster trend --workload orders --since 365d
  drillmaster trend --on aws --tolerance 20% --fail-on-regression")]
pub struct Args {
    #[command(flatten)]
    chosen: Chosen,
    /// How much a figure may differ, and still be called the same: 10% or 0.1
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = parse_share)]
    tolerance: f64,
    /// Exit code 1 if the newest run of a workload is a regression
    #[arg(long)]
    fail_on_regression: bool,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    from: Place,
}

/// As `--tolerance` has it where nobody says otherwise.
const TOLERANCE: f64 = 0.1;

/// What `--output json` prints.
#[derive(Serialize, JsonSchema)]
pub struct Printed<'a> {
    schema: &'static str,
    store: String,
    tolerance: f64,
    trends: &'a [Trend],
}

pub fn run(args: &Args) -> Exit {
    show(args).unwrap_or_else(|code| code)
}

fn show(args: &Args) -> Result<Exit, Exit> {
    let (store, history) = args.from.history()?;
    let select = args.chosen.select();
    let runs: Vec<&Entry> = history.runs.iter().filter(|entry| select.takes(entry)).collect();
    let mut trends = trends(runs.into_iter(), args.tolerance);
    if let Some(name) = &args.chosen.workload {
        trends.retain(|trend| trend.workload == *name);
    }
    let regressed = regressed(&trends);
    let value = Printed {
        schema: "drillmaster/trend/v1",
        store: store.place(),
        tolerance: args.tolerance,
        trends: &trends,
    };
    let mut sheet = sheet(&trends, &regressed);
    sheet.notes = notes(&history);
    sheet.print(args.output, &value)?;
    Ok(if args.fail_on_regression && !regressed.is_empty() { Exit::Failed } else { Exit::Passed })
}

/// All trends of a history.
pub fn sheet_of(history: &history::History) -> Sheet {
    let trends = trends(history.runs.iter(), TOLERANCE);
    sheet(&trends, &regressed(&trends))
}

/// The workloads whose newest figure is a regression, in words.
fn regressed(trends: &[Trend]) -> Vec<String> {
    let mut found = Vec::new();
    for trend in trends {
        let Some(last) = trend.points.last() else { continue };
        for (name, compared) in [("RTO", &last.rto), ("RPO", &last.rpo)] {
            if compared.change.is_regression() {
                found.push(format!("{name} of {}", trend.workload));
            }
        }
    }
    found
}

fn change(compared: &Compared) -> (String, Tone) {
    let by = || {
        let (now, before) = compared.figure.measured_s.zip(compared.before_s)?;
        (before > 0.0).then(|| format!(" {:+.0} %", (now / before - 1.0) * 100.0))
    };
    match compared.change {
        Change::First => ("first".into(), Tone::Quiet),
        Change::Same => ("same".into(), Tone::Quiet),
        Change::Better => (format!("better{}", by().unwrap_or_default()), Tone::Good),
        Change::Worse => (format!("WORSE{}", by().unwrap_or_default()), Tone::Bad),
        Change::NotMeasured => ("NOT MEASURED".into(), Tone::Bad),
        Change::Unknown => ("unknown".into(), Tone::Quiet),
    }
}

fn sheet(trends: &[Trend], regressed: &[String]) -> Sheet {
    let mut rows = Vec::new();
    for trend in trends {
        for (index, point) in trend.points.iter().enumerate() {
            let (word, tone) = verdict(point.verdict);
            let name = if index == 0 { trend.workload.as_str() } else { "" };
            let playbook =
                if index == 0 { format!("{} on {}", trend.playbook, trend.on) } else { String::new() };
            let mut row =
                vec![Cell::new(name), Cell::new(playbook), Cell::new(date(point.at)), Cell::of(tone, word)];
            for compared in [&point.rto, &point.rpo] {
                let (text, tone) = figure(&compared.figure);
                row.push(Cell::of(tone, text));
                let (text, tone) = change(compared);
                row.push(Cell::of(tone, text));
            }
            rows.push(row);
        }
    }
    let sentence = match regressed {
        [] if trends.is_empty() => String::new(),
        [] => "The newest run of no workload is a regression".to_owned(),
        found => format!("{}: {}", count(found.len(), "regression"), found.join(", ")),
    };
    Sheet {
        title: "RTO and RPO over time".into(),
        sentence,
        good: (!trends.is_empty()).then_some(regressed.is_empty()),
        columns: vec!["workload", "playbook", "T0", "verdict", "RTO", "change", "RPO", "change"],
        rows,
        none: "No run is here. `drillmaster run` puts its runs into the folder `runs`.",
        ..Sheet::default()
    }
}
