//! `drillmaster trend`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Chosen, LeftOut, Place, date, figure, judged, notes, verdict};
use crate::cli::gate::parse_share;
use crate::cli::output::complain;
use crate::cli::sheet::{Cell, Charts, Output, Sheet};
use crate::ui::text::{Tone, count};
use base::exit::Exit;
use history::trend::{Change, Compared, Point, Trend, trends};
use record::report::escape::visible;
use record::report::view::chart::{Chart, Run};

/// Show the RTO and RPO of each workload over time, with objectives and regressions
///
/// Each figure is compared with that of the last run before it that passed. Rehearsals and real drills
/// are told apart. With --fail-on-regression the exit code is 1 if the newest run of a workload is a
/// regression or there is no run, and 3 if a run cannot be read.
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
    #[serde(flatten)]
    left_out: LeftOut,
}

pub fn run(args: &Args) -> Exit {
    show(args).unwrap_or_else(|code| code)
}

fn show(args: &Args) -> Result<Exit, Exit> {
    let (store, history) = args.from.history(&args.from.config()?)?;
    let mut select = args.chosen.select();
    // Compared first: what a figure is compared with may be older than what is shown.
    let since = select.since.take();
    let mut trends = trends(history.runs.iter().filter(|entry| select.takes(entry)), args.tolerance);
    for trend in &mut trends {
        trend.points.retain(|point| since.is_none_or(|since| point.at >= since));
    }
    trends.retain(|trend| !trend.points.is_empty());
    if let Some(name) = &args.chosen.workload {
        trends.retain(|trend| trend.workload == *name);
    }
    let regressed = regressed(&trends);
    let value = Printed {
        schema: "drillmaster/trend/v1",
        store: store.place(),
        tolerance: args.tolerance,
        trends: &trends,
        left_out: LeftOut::of(&history),
    };
    let mut sheet = sheet(&trends, &regressed, history.unread.is_empty());
    sheet.notes = notes(&history);
    sheet.print(args.output, &value)?;
    if !args.fail_on_regression {
        return Ok(Exit::Passed);
    }
    if trends.is_empty() {
        complain("there is no such run, so nothing shows that it is no regression");
    }
    Ok(judged(regressed.is_empty() && !trends.is_empty(), &history))
}

/// All trends of a history.
pub fn sheet_of(history: &history::History) -> Sheet {
    let trends = trends(history.runs.iter(), TOLERANCE);
    sheet(&trends, &regressed(&trends), history.unread.is_empty())
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

fn sheet(trends: &[Trend], regressed: &[String], all_read: bool) -> Sheet {
    let mut rows = Vec::new();
    for trend in trends {
        for (index, point) in trend.points.iter().enumerate() {
            let (word, tone) = verdict(point.verdict, point.passed);
            let drill = format!("{} on {}", trend.playbook, trend.on);
            let mut row = vec![
                Cell::new(&trend.workload).repeated(index > 0),
                Cell::new(drill).repeated(index > 0),
                Cell::new(date(point.at)).of_run(&point.run_id),
                Cell::of(tone, word),
            ];
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
        good: (!trends.is_empty() && all_read).then_some(regressed.is_empty()),
        columns: vec!["workload", "playbook", "T0", "verdict", "RTO", "RTO change", "RPO", "RPO change"],
        rows,
        none: "No such run is here.",
        charts: trends.iter().filter_map(charts).collect(),
        ..Sheet::default()
    }
}

/// Runs that a picture shows, at most.
const DRAWN: usize = 24;

/// The pictures of a workload. `None`: nothing of it was ever measured, and it has no objective.
fn charts(trend: &Trend) -> Option<Charts> {
    let left_out = trend.points.len().saturating_sub(DRAWN);
    let drawn = trend.points.get(left_out..).unwrap_or_default();
    let name = visible(&trend.workload);
    let chart = |measure, of: fn(&Point) -> &Compared| {
        let runs = drawn.iter().map(|point| {
            let figure = &of(point).figure;
            let (seconds, objective) = (figure.measured_s, figure.objective_s);
            Run { at: Some(point.at), seconds, objective, passed: point.passed }
        });
        Chart::of(measure, &name, &runs.collect::<Vec<_>>())
    };
    let pictures = [chart("RTO", |point| &point.rto), chart("RPO", |point| &point.rpo)];
    let pictures: Vec<Chart> = pictures.into_iter().flatten().collect();
    let simulated = if trend.on.is_simulated() { " (simulated)" } else { "" };
    (!pictures.is_empty()).then(|| Charts {
        title: format!("{}: {} on {}{simulated}", trend.workload, trend.playbook, trend.on),
        note: match left_out {
            0 => String::new(),
            _ => format!("Drawn are the newest {DRAWN} of {} runs.", trend.points.len()),
        },
        pictures,
    })
}
