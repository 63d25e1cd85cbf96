//! `drillmaster plan`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::{SubsecRound, Utc};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::configuration::ConfigArg;
use super::wire::{self, Drill, Options};
use super::{complain, load_or_complain};
use crate::config::UserConfig;
use crate::ui::text::{Tone, clean, pad, width};
use crate::ui::{OutputMode, Surroundings, TextStyle};
use base::clock::Pace;
use base::duration::{human_seconds, seconds_between};
use base::exit::Exit;
use base::ids::RunId;
use base::on::On;
use engine::sandbox::teardown::PATIENCE;
use playbook::Loaded;
use record::report::Report;
use record::report::headline;
use record::report::model::{StepStatus, WorkloadReport};
use record::report::told::Told;
use record::report::view::workload::worst_case_misses;

/// Show the loss, the survivors, the sources of each restore, the order and the expected RTO;
/// change nothing
///
/// The playbook is rehearsed on the twin. The figures come from the estate's timings. Exit code 1:
/// as planned, the drill cannot pass.
#[derive(clap::Args)]
pub struct Args {
    /// The playbook to rehearse
    playbook: PathBuf,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    #[arg(long, value_enum, default_value_t)]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let config = args.config.load_or_complain()?;
    let wrong = |message: String| {
        complain(&message);
        Exit::Wrong
    };
    let loaded = load_or_complain(&args.playbook, &args.params, &config)?;
    let report = rehearse(loaded, &config).map_err(wrong)?;
    let text = match args.output {
        OutputMode::Json => format!("{:#}\n", as_json(&report)),
        OutputMode::Text => as_text(&report, Surroundings::detect().stdout_look()),
    };
    super::print_as(&text, args.output.form())?;
    Ok(code(&report))
}

/// The seconds that each workload is expected to take, by its name. Empty if the playbook cannot be
/// rehearsed, as without an estate.
pub fn expected_of(loaded: Loaded, config: &UserConfig) -> BTreeMap<String, f64> {
    let Ok(report) = rehearse(loaded, config) else { return BTreeMap::new() };
    let workloads = report.workloads.into_iter();
    workloads.filter_map(|workload| Some((workload.name, workload.rto.measured_s?))).collect()
}

/// Rehearses a playbook on the twin, at full pace.
fn rehearse(loaded: Loaded, config: &UserConfig) -> Result<Report, String> {
    let plan = wire::plan_of(loaded)?;
    let options = Options {
        on: On::Twin,
        run: RunId("plan".into()),
        seed: None,
        pace: Pace::Max,
        jobs: 64,
        keep_sandbox: false,
        patience: PATIENCE,
        connect_to: Vec::new(),
        start: Utc::now().trunc_subsecs(0),
        abort: false,
        protected: config.protected(),
    };
    wire::runtime()?.block_on(async {
        let drill = Drill::new(plan, &options, &[], CancellationToken::new(), |_| Vec::new())?;
        Box::pin(drill.run(None)).await.ok_or_else(|| "the rehearsal left no record".into())
    })
}

/// Whatever keeps the rehearsal from passing would keep the drill from it.
fn code(report: &Report) -> Exit {
    match report.exit_code {
        Exit::Passed => Exit::Passed,
        Exit::Failed | Exit::Wrong | Exit::Error | Exit::LeftBehind | Exit::Interrupted => Exit::Failed,
    }
}

fn as_json(report: &Report) -> serde_json::Value {
    json!({
        "playbook": report.playbook.name,
        "verdict": if code(report) == Exit::Passed { "can_pass" } else { "cannot_pass" },
        "exit_code": code(report),
        "headline": headline::of(report),
        "reasons": report.reasons,
        "assume": report.assume,
        "lose": report.lose,
        "blast_radius": report.blast_radius,
        "recovery_points": report.recovery_points,
        "steps": report.steps,
        "checks": report.checks,
        "workloads": report.workloads,
        "coverage": report.coverage,
        "findings": report.findings,
    })
}

fn as_text(report: &Report, style: TextStyle) -> String {
    let mut text = String::new();
    let lost = report.lose.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ");
    heading(&mut text, style, &format!("{}: losing {lost}", clean(&report.playbook.name)));
    list(&mut text, "Lost", &report.blast_radius.lost);
    list(&mut text, "Surviving", &report.blast_radius.surviving);
    list(&mut text, "Lost and not restored", &report.coverage.uncovered);
    points(&mut text, style, report);
    order(&mut text, style, report);
    expected(&mut text, style, report);
    for finding in &report.findings {
        line(&mut text, &format!("finding ({}): {}", finding.rule, clean(&finding.message)));
    }
    line(&mut text, "Nothing was changed. The times are the twin's: a rehearsal, not a measurement.");
    verdict(&mut text, style, report);
    text
}

fn verdict(text: &mut String, style: TextStyle, report: &Report) {
    let (tone, word) = if code(report) == Exit::Passed {
        (Tone::Good, "As planned, this can pass.")
    } else {
        (Tone::Bad, "As planned, this cannot pass (exit code 1).")
    };
    text.push('\n');
    line(text, &style.paint(tone, word));
    line(text, &clean(&headline::of(report)));
    for reason in &report.reasons {
        line(text, &format!("  - {}", clean(reason)));
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

fn heading(text: &mut String, style: TextStyle, title: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    line(text, &style.paint(Tone::Strong, title));
}

fn list(text: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    line(text, &format!("{title}:"));
    for item in items {
        line(text, &format!("  {}", clean(item)));
    }
}

fn points(text: &mut String, style: TextStyle, report: &Report) {
    heading(text, style, "Restored from");
    let mut rows = Vec::new();
    for step in &report.steps {
        for id in &step.recovery_points {
            // If several points have this name, the one that was used comes first.
            let named = || report.recovery_points.iter().filter(|p| p.id == *id);
            let row = named().find(|p| p.used_by.as_deref() == Some(step.id.as_str()));
            let row = row.or_else(|| named().find(|p| p.used_by.is_some())).or_else(|| named().next());
            let place = row.map(|p| format!("{} {}", p.account, p.region)).unwrap_or_default();
            let age = row
                .and_then(|p| p.age_s)
                .map_or_else(|| "of unknown age".to_owned(), |s| format!("{} old", human_seconds(s)));
            rows.push([clean(&step.id).into_owned(), clean(id).into_owned(), age, place]);
        }
    }
    table(text, &rows);
}

fn order(text: &mut String, style: TextStyle, report: &Report) {
    heading(text, style, "Order (from T0)");
    let Some(t0) = report.t0 else {
        line(text, &format!("  the rehearsal did not get to T0: {}", report.reasons.join("; ")));
        return;
    };
    let mut rows = Vec::new();
    for step in &report.steps {
        let from = step.started_at.map(|at| seconds_between(t0, at));
        let to = step.finished_at.map(|at| seconds_between(t0, at));
        let note = match step.status {
            StepStatus::Succeeded => step.uses.clone(),
            StepStatus::Failed | StepStatus::Skipped | StepStatus::NotRun => {
                format!("{}: {}", step.uses, step.because.as_deref().unwrap_or(""))
            }
        };
        rows.push((from, to, step.id.clone(), note));
    }
    for check in &report.checks {
        let from = check.ready_at.map(|at| seconds_between(t0, at));
        let to = check.healthy_at.map(|at| seconds_between(t0, at));
        let note = check
            .because
            .clone()
            .map_or_else(|| format!("check {}", check.kind), |b| format!("check {}: {b}", check.kind));
        rows.push((from, to, check.id.clone(), note));
    }
    rows.sort_by(|a, b| a.0.unwrap_or(f64::INFINITY).total_cmp(&b.0.unwrap_or(f64::INFINITY)));
    let time = |s: Option<f64>| s.map_or_else(|| "-".to_owned(), human_seconds);
    let rows: Vec<[String; 4]> = rows
        .into_iter()
        .map(|(from, to, id, note)| {
            [time(from), time(to), clean(&id).into_owned(), clean(&note).into_owned()]
        })
        .collect();
    table(text, &rows);
}

fn expected(text: &mut String, style: TextStyle, report: &Report) {
    heading(text, style, "Expected");
    let objective = |s: Option<f64>| {
        s.map_or_else(|| "no objective".to_owned(), |s| format!("objective {}", human_seconds(s)))
    };
    let mut rows = Vec::new();
    for w in &report.workloads {
        rows.push([
            clean(&w.name).into_owned(),
            "RTO".into(),
            Told::rto(w).words(None),
            objective(w.rto.objective_s),
            assumed(report, w),
        ]);
        let worst = match (w.rpo.worst_case_s, w.rpo.worst_case_at_least_s) {
            (Some(worst), _) => format!("worst case {}", human_seconds(worst)),
            (None, Some(worst)) => format!("worst case at least {}", human_seconds(worst)),
            (None, None) => "worst case unknown".to_owned(),
        } + if worst_case_misses(&w.rpo) { ", misses" } else { "" };
        rows.push([
            String::new(),
            "RPO".into(),
            Told::rpo(w).words(None),
            objective(w.rpo.objective_s),
            worst,
        ]);
    }
    table(text, &rows);
}

/// The part of an expected RTO that nobody could measure: what the playbook assumes, and the steps
/// that only a person or a program of the runner's machine can do.
fn assumed(report: &Report, workload: &WorkloadReport) -> String {
    let mut parts = Vec::new();
    if let Some(assume) = &report.assume {
        for (name, seconds) in [("detection", assume.detection_s), ("decision", assume.decision_s)] {
            parts.extend(seconds.map(|s| format!("{name} {}", human_seconds(s))));
        }
    }
    for link in &workload.critical_path {
        let step = report.steps.iter().find(|step| step.id == link.id);
        if step.is_some_and(|step| ["manual.task", "command.run"].contains(&step.uses.as_str())) {
            parts.push(format!("step {} {}", clean(&link.id), human_seconds(link.seconds)));
        }
    }
    if parts.is_empty() { String::new() } else { format!("of it assumed: {}", parts.join(", ")) }
}

fn table<const N: usize>(text: &mut String, rows: &[[String; N]]) {
    let mut widths = [0; N];
    for row in rows {
        for (cell, w) in row.iter().zip(&mut widths) {
            *w = (*w).max(width(cell));
        }
    }
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, w)| pad(cell, *w)).collect();
        line(text, &format!("  {}", cells.join("  ")));
    }
}
