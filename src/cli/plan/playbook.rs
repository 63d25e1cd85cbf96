//! `plan PLAYBOOK`: a rehearsal on the twin.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use chrono::Utc;
use serde_json::json;

use super::model::{self, CanPass, Plan, PlanFinding, Rehearsed, Step, Workload};
use super::needs::{self, Needs};
use super::points::Points;
use super::{Args, Output, brought, findings, page, restored, unread, worst_case};
use crate::cli::history;
use crate::cli::ignores::Ignores;
use crate::cli::load_or_complain;
use crate::cli::output::{complain, print_as};
use crate::cli::rehearsal::{self, Rehearsal};
use crate::config::UserConfig;
use crate::ui::text::{Tone, clean, pad, width};
use crate::ui::{Surroundings, TextStyle, out};
use base::duration::{Time, human_seconds, seconds_between};
use base::exit::Exit;
use base::visible::Form;
use engine::actions::WITHOUT_CLOUD;
use estate::file::Incomplete;
use insight::matrix::{Row, Workloads};
use insight::protection::Snapshot;
use insight::rules::{self, Findings, Look, RefusedStep, RestoredStep};
use playbook::Loaded;
use port::Finding;
use record::report::Report;
use record::report::headline;
use record::report::model::{StepReport, StepStatus, WorkloadReport};
use record::report::told::Told;
use record::report::view::workload::worst_case_misses;

/// What is known besides the report of a rehearsal.
pub struct Known {
    /// The lost resources of which nothing usable survives.
    pub unprotected: Vec<String>,
    pub findings: Findings,
    pub incomplete: Vec<Incomplete>,
    pub needs: Needs,
}

/// `plan PLAYBOOK`: what a rehearsal of it shows.
pub fn run(args: &Args, path: &Path, config: &UserConfig) -> Result<Exit, Exit> {
    let loaded = load_or_complain(path, &args.params, config)?;
    let prices = needs::prices(args.prices.as_deref())?;
    let rehearsal = rehearsal::of(loaded.clone(), config).map_err(|message| {
        complain(&message);
        Exit::Wrong
    })?;
    let stopped = rehearsal.report.t0.is_none();
    let needs = match needs::without_quotas(&loaded).filter(|_| stopped) {
        Some(other) => rehearsal::of(other, config).map(|again| Needs::of(&loaded, &again, &prices)),
        None => Ok(Needs::of(&loaded, &rehearsal, &prices)),
    };
    let needs = needs.map_err(|message| {
        complain(&message);
        Exit::Wrong
    })?;
    let restored = restored::restored(&loaded, &rehearsal);
    let Rehearsal { report, .. } = rehearsal;
    let known = Known::of(&loaded, &report, needs, restored);
    let (text, form) = match args.output {
        Output::Json => (format!("{:#}\n", json!(plan_of(&report, &known))), Form::Json),
        Output::Text => (as_text(&report, &known, Surroundings::detect().stdout_look()), out::text()),
        Output::Markdown => (as_markdown(&report, &known), Form::Markup),
        Output::Html => (page::of(&report, &known)?, Form::Markup),
    };
    print_as(&text, form)?;
    Ok(code(&report))
}

impl Known {
    fn of(loaded: &Loaded, report: &Report, needs: Needs, restored: Vec<RestoredStep>) -> Self {
        let Some((estate, loss)) = loaded.estate.as_ref().zip(loaded.playbook.lose.loss()) else {
            let (unprotected, findings, incomplete) = (Vec::new(), Findings::default(), Vec::new());
            return Self { unprotected, findings, incomplete, needs };
        };
        let snapshot = Snapshot::new(&estate.file, report.t0.unwrap_or_else(Utc::now));
        let mut look = Look::new(&snapshot, Some(&loss));
        look.goals = super::goals(loaded, &super::workloads_of(loaded, &snapshot));
        for goal in &mut look.goals {
            let workload = report.workloads.iter().find(|workload| workload.name == goal.workload);
            goal.expected_rto_s = workload.and_then(|w| w.rto.with_assumptions_s.or(w.rto.measured_s));
        }
        look.refused = refused(report);
        look.restored = restored;
        look.brought = brought::brought(loaded);
        look.practice = history::practice(loaded, Path::new(history::RUNS));
        let sandbox = &loaded.playbook.sandbox;
        let account = loaded.playbook.accounts.get(&sandbox.account);
        look.recovery = account.map(|account| (account.id.clone(), sandbox.region.clone()));
        Self {
            unprotected: Row::of(&snapshot, &loss, &Workloads::new()).unprotected,
            findings: rules::findings(&look, &Ignores::of_playbook(loaded).ignores),
            incomplete: estate.file.incomplete.clone(),
            needs,
        }
    }
}

/// The calls of steps that were refused.
fn refused(report: &Report) -> Vec<RefusedStep> {
    let calls = report
        .denied_calls
        .iter()
        .map(|denied| RefusedStep { id: denied.step.clone(), call: denied.call.clone() });
    let mut calls: Vec<RefusedStep> = calls.collect();
    calls.dedup();
    calls
}

/// Whatever keeps the rehearsal from passing would keep the drill from it.
pub fn code(report: &Report) -> Exit {
    match report.exit_code {
        Exit::Passed => Exit::Passed,
        Exit::Failed | Exit::Wrong | Exit::Error | Exit::LeftBehind | Exit::Interrupted => Exit::Failed,
    }
}

fn plan_of(report: &Report, known: &Known) -> Plan {
    let points = Points::of(report);
    let mut findings: Vec<PlanFinding> = of_rehearsal(report).cloned().map(PlanFinding::from).collect();
    findings.extend(known.findings.found.iter().map(PlanFinding::from));
    let verdict = if code(report) == Exit::Passed { CanPass::CanPass } else { CanPass::CannotPass };
    Plan {
        schema: model::SCHEMA,
        rehearsed: Some(Rehearsed {
            playbook: report.playbook.name.clone(),
            verdict,
            exit_code: code(report),
            headline: headline::of(report),
            reasons: report.reasons.clone(),
            assume: report.assume.clone(),
            blast_radius: report.blast_radius.clone(),
            recovery_points: report.recovery_points.clone(),
            checks: report.checks.clone(),
            coverage: report.coverage.clone(),
        }),
        lose: report.lose.clone(),
        lost: report.blast_radius.lost.clone(),
        surviving: report.blast_radius.surviving.clone(),
        unprotected: known.unprotected.clone(),
        incomplete: known.incomplete.clone(),
        workloads: report.workloads.iter().map(Workload::rehearsed).collect(),
        steps: report.steps.iter().map(|step| step_of(&points, step)).collect(),
        findings,
        ignored: known.findings.ignored.clone(),
        // The calls that the rehearsal made.
        calls: report.api_calls.keys().cloned().collect(),
        quotas: known.needs.quotas.clone(),
        cost: known.needs.cost.clone(),
    }
}

fn step_of(points: &Points<'_>, step: &StepReport) -> Step {
    Step {
        point: step.recovery_points.first().cloned(),
        not_newer_because: not_newer(points, step),
        expected_s: step.seconds,
        report: step.clone(),
    }
}

/// The findings of the rehearsal that no rule of estates finds, too.
pub fn of_rehearsal(report: &Report) -> impl Iterator<Item = &Finding> {
    report.findings.iter().filter(|finding| !rules::may_be_ignored(finding.rule))
}

/// Why the step uses no newer recovery point: the reasons of the points that are newer than its own.
fn not_newer(points: &Points<'_>, step: &StepReport) -> Vec<String> {
    let Some(used) = points.used_by(&step.id) else { return Vec::new() };
    let newer = points.of_resource(&used.of).iter().filter(|p| p.taken > used.taken);
    newer.filter_map(|p| Some(format!("{}: {}", p.id, p.why_not.as_deref()?))).collect()
}

fn as_text(report: &Report, known: &Known, style: TextStyle) -> String {
    let mut text = unread::as_text(&known.incomplete, style);
    let lost = report.lose.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ");
    heading(&mut text, style, &format!("{}: losing {lost}", clean(&report.playbook.name)));
    list(&mut text, "Lost", &report.blast_radius.lost);
    list(&mut text, "Lost, and nothing usable survives", &known.unprotected);
    list(&mut text, "Surviving", &report.blast_radius.surviving);
    list(&mut text, "Lost and not restored", &report.coverage.uncovered);
    points(&mut text, style, report);
    order(&mut text, style, report);
    expected(&mut text, style, report);
    quotas(&mut text, style, &known.needs);
    cost(&mut text, style, &known.needs);
    for finding in of_rehearsal(report) {
        line(&mut text, &format!("finding ({}): {}", finding.rule, clean(&finding.message)));
    }
    text.push_str(&findings::as_text(&known.findings, style));
    line(&mut text, "Nothing was changed. The times are the twin's: a rehearsal, not a measurement.");
    verdict(&mut text, style, report);
    text
}

/// The text as a block of code, below a heading: a plan is a page of aligned columns.
fn as_markdown(report: &Report, known: &Known) -> String {
    let text = as_text(report, known, TextStyle { color: false, unicode: true });
    let fence = "`".repeat(text.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2) + 1);
    format!("# Plan\n\n{fence}text\n{text}{fence}\n")
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
    table(text, &point_rows(report));
}

/// Step, point, age and place.
pub fn point_rows(report: &Report) -> Vec<[String; 4]> {
    let points = Points::of(report);
    let mut rows = Vec::new();
    for step in &report.steps {
        for id in &step.recovery_points {
            let row = points.meant(&step.id, id);
            let place = row.map(|p| format!("{} {}", p.account, p.region)).unwrap_or_default();
            let age = row
                .and_then(|p| p.age_s)
                .map_or_else(|| "of unknown age".to_owned(), |s| format!("{} old", human_seconds(s)));
            rows.push([clean(&step.id).into_owned(), clean(id).into_owned(), age, place]);
        }
    }
    rows
}

fn order(text: &mut String, style: TextStyle, report: &Report) {
    heading(text, style, "Order (from T0)");
    let Some(t0) = report.t0 else {
        line(text, &format!("  the rehearsal did not get to T0: {}", report.reasons.join("; ")));
        return;
    };
    table(text, &order_rows(report, t0));
}

/// From, to, id and what it is.
pub fn order_rows(report: &Report, t0: Time) -> Vec<[String; 4]> {
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
    rows.into_iter()
        .map(|(from, to, id, note)| {
            [time(from), time(to), clean(&id).into_owned(), clean(&note).into_owned()]
        })
        .collect()
}

fn expected(text: &mut String, style: TextStyle, report: &Report) {
    heading(text, style, "Expected");
    table(text, &expected_rows(report));
}

/// Workload, what, expected, objective and notes.
pub fn expected_rows(report: &Report) -> Vec<[String; 5]> {
    let objective = |s: Option<f64>| {
        s.map_or_else(|| "no objective".to_owned(), |s| format!("objective {}", human_seconds(s)))
    };
    let steps = report.steps.iter().map(|step| (step.id.as_str(), step)).collect();
    let mut rows = Vec::new();
    for w in &report.workloads {
        rows.push([
            clean(&w.name).into_owned(),
            "RTO".into(),
            Told::rto(w).words(None),
            objective(w.rto.objective_s),
            assumed(report, &steps, w),
        ]);
        let misses = if worst_case_misses(&w.rpo) { ", misses" } else { "" };
        let worst = worst_case(w.rpo.worst_case_s, w.rpo.worst_case_at_least_s) + misses;
        rows.push([
            String::new(),
            "RPO".into(),
            Told::rpo(w).words(None),
            objective(w.rpo.objective_s),
            worst,
        ]);
    }
    rows
}

fn quotas(text: &mut String, style: TextStyle, needs: &Needs) {
    let Some(first) = needs.quotas.first() else { return };
    heading(text, style, &format!("Quotas of {}", first.region));
    let head = ["", "needed", "left", ""].map(str::to_owned);
    table(text, &[&[head][..], &needs.quota_rows()].concat());
}

fn cost(text: &mut String, style: TextStyle, needs: &Needs) {
    heading(text, style, &format!("Cost: {}", needs.cost_words()));
    table(text, &needs.cost_rows());
    for line_of in needs.cost_notes() {
        line(text, &format!("  {}", clean(&line_of)));
    }
}

/// The part of an expected RTO that nobody could measure: what the playbook assumes, and the steps
/// that only a person or a program of the runner's machine can do.
fn assumed(report: &Report, steps: &HashMap<&str, &StepReport>, workload: &WorkloadReport) -> String {
    let mut parts = Vec::new();
    if let Some(assume) = &report.assume {
        for (name, seconds) in [("detection", assume.detection_s), ("decision", assume.decision_s)] {
            parts.extend(seconds.map(|s| format!("{name} {}", human_seconds(s))));
        }
    }
    for link in &workload.critical_path {
        let step = steps.get(link.id.as_str());
        if step.is_some_and(|step| WITHOUT_CLOUD.contains(&step.uses.as_str())) {
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
