//! `plan PLAYBOOK`: a rehearsal on the twin.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use chrono::Utc;
use serde_json::json;

use super::lines::{heading, line, list, table};
use super::live::model::{Live, Trouble};
use super::model::{self, CanPass, Plan, PlanFinding, Rehearsed, Step, Workload};
use super::needs::{self, Needs};
use super::permissions::{self, Needed};
use super::points::Points;
use super::{Args, Output, brought, findings, live, page, restored, unread, worst_case};
use crate::cli::history::{self, Runs};
use crate::cli::ignores::Ignores;
use crate::cli::load_or_complain;
use crate::cli::output::{complained, print_as};
use crate::cli::rehearsal::{self, Rehearsal};
use crate::cli::store::StoreArg;
use crate::cli::wire;
use crate::config::UserConfig;
use crate::ui::text::{Tone, clean};
use crate::ui::{Surroundings, TextStyle, out};
use base::duration::{Time, human_seconds, seconds_between};
use base::exit::Exit;
use base::on::On;
use base::visible::Form;
use checks::ConnectTo;
use engine::actions::WITHOUT_CLOUD;
use engine::plan::Plan as PlanOfRun;
use estate::file::Incomplete;
use insight::matrix::{Row, Workloads};
use insight::needs::cost::Cost;
use insight::needs::prices::Prices;
use insight::protection::Snapshot;
use insight::rules::{self, Findings, Look, Practice, RefusedStep, RestoredStep};
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

/// What a rehearsal of a playbook shows, and the live accounts if they were asked.
pub struct Planned {
    pub name: String,
    /// The playbook's file, as it was given.
    pub path: String,
    pub lose: BTreeMap<String, String>,
    /// What the workloads list, if no estate says what of it is lost.
    pub listed: Vec<String>,
    pub workloads: Vec<String>,
    pub permissions: Vec<Needed>,
    /// `None`: the playbook names no estate.
    pub rehearsed: Option<(Report, Known)>,
    /// `None`: only the twin was asked.
    pub live: Option<Live>,
}

/// `plan PLAYBOOK`.
pub fn run(args: &Args, path: &Path, config: &UserConfig) -> Result<Exit, Exit> {
    let loaded = load_or_complain(path, &args.params, config)?;
    let prices = needs::prices(args.prices.as_deref())?;
    let planned = Planned::of(&loaded, config, &prices, args.on, &[])?;
    let (text, form) = match args.output {
        Output::Json => (format!("{:#}\n", json!(plan_of(&planned))), Form::Json),
        Output::Text => (planned.as_text(Surroundings::detect().stdout_look()), out::text()),
        Output::Markdown => (planned.as_markdown(), Form::Markup),
        Output::Html => (page::of(&planned)?, Form::Markup),
    };
    print_as(&text, form)?;
    Ok(planned.code())
}

impl Planned {
    /// Rehearses a playbook, and looks at the live accounts if it is to run on AWS. Writes what goes
    /// wrong to stderr.
    pub fn of(
        loaded: &Loaded,
        config: &UserConfig,
        prices: &Prices,
        on: On,
        connect_to: &[ConnectTo],
    ) -> Result<Self, Exit> {
        let wrong = complained(Exit::Wrong);
        let plan = wire::plan_of(loaded.clone()).map_err(wrong)?;
        let permissions = permissions::of(&plan)?;
        let live = match on {
            On::Twin => None,
            On::Aws => Some(live::look(loaded.clone(), config, connect_to).map_err(wrong)?),
        };
        let mut planned = Self {
            name: plan.name.clone(),
            path: loaded.path.display().to_string(),
            lose: model::lose(&plan.loss),
            listed: plan.radius.lost.clone(),
            workloads: plan.workloads.iter().map(|workload| workload.name.clone()).collect(),
            permissions,
            rehearsed: None,
            live,
        };
        if loaded.estate.is_some() || planned.live.is_none() {
            planned.rehearsed = Some(rehearsed(loaded, plan, config, prices).map_err(wrong)?);
        }
        Ok(planned)
    }

    /// What keeps the rehearsal from passing would keep the drill from it. So would what is wrong in
    /// the live accounts.
    pub fn code(&self) -> Exit {
        let looked = self.live.as_ref().map_or(Exit::Passed, |live| live.exit_code);
        match &self.rehearsed {
            _ if looked == Exit::Wrong => looked,
            Some((report, _)) if code(report) != Exit::Passed => code(report),
            Some(_) | None => looked,
        }
    }

    /// What is lost, in words.
    pub fn lost_words(&self) -> String {
        self.lose.iter().map(|(kind, name)| format!("{kind} {name}")).collect::<Vec<_>>().join(", ")
    }

    /// Where the expected times come from.
    pub fn source_of_times(&self) -> &'static str {
        match (&self.rehearsed, &self.live) {
            (None, _) => "The expected times are unknown: the playbook names no estate to rehearse on.",
            (Some(_), None) => "The times are the twin's: a rehearsal, not a measurement.",
            (Some(_), Some(_)) => {
                "The times are the twin's, from the estate and not from the live accounts: a rehearsal, not a measurement."
            }
        }
    }

    /// The verdict in one sentence.
    pub fn verdict(&self) -> (Tone, &'static str) {
        match (self.code(), &self.rehearsed) {
            (Exit::Passed, Some(_)) => (Tone::Good, "As planned, this can pass."),
            (Exit::Passed, None) => (Tone::Warning, "Nothing that was looked at stands in the way."),
            (Exit::Wrong, _) => (Tone::Bad, "The playbook does not fit the live accounts (exit code 2)."),
            (Exit::Error, _) => (
                Tone::Warning,
                "Whether this can pass is not known: not all could be looked at (exit code 3).",
            ),
            (Exit::Failed | Exit::LeftBehind | Exit::Interrupted, _) => {
                (Tone::Bad, "As planned, this cannot pass (exit code 1).")
            }
        }
    }

    /// The findings of the look that the rehearsal has not.
    pub fn live_findings(&self) -> impl Iterator<Item = &Finding> {
        let known: Vec<&Finding> =
            self.rehearsed.iter().flat_map(|(report, _)| of_rehearsal(report)).collect();
        let all = self.live.iter().flat_map(|live| &live.findings);
        all.filter(move |finding| !known.contains(finding))
    }

    /// The plan as text. It ends with the verdict.
    pub fn as_text(&self, style: TextStyle) -> String {
        let mut text = String::new();
        if let Some((report, known)) = &self.rehearsed {
            text = unread::as_text(&known.incomplete, style);
            heading(&mut text, style, &format!("{}: losing {}", clean(&self.name), self.lost_words()));
            list(&mut text, "Lost", &report.blast_radius.lost);
            list(&mut text, "Lost, and nothing usable survives", &known.unprotected);
            list(&mut text, "Surviving", &report.blast_radius.surviving);
            list(&mut text, "Lost and not restored", &report.coverage.uncovered);
            points(&mut text, style, report);
            order(&mut text, style, report);
            expected(&mut text, style, report);
            quotas(&mut text, style, &known.needs);
            cost(&mut text, style, &known.needs);
        } else {
            heading(&mut text, style, &format!("{}: losing {}", clean(&self.name), self.lost_words()));
            list(&mut text, "The workloads list", &self.listed);
        }
        heading(&mut text, style, "Permissions");
        table(&mut text, &permissions::rows(&self.permissions));
        line(&mut text, &format!("  {}", permissions::hint(&clean(&self.path))));
        if let Some((report, known)) = &self.rehearsed {
            told(&mut text, of_rehearsal(report));
            text.push_str(&findings::as_text(&known.findings, style));
        }
        if let Some(live) = &self.live {
            self.live_text(&mut text, style, live);
        }
        text.push('\n');
        line(&mut text, &format!("Nothing was changed. {}", self.source_of_times()));
        self.verdict_text(&mut text, style);
        text
    }

    fn live_text(&self, text: &mut String, style: TextStyle, live: &Live) {
        heading(
            text,
            style,
            &format!("The live accounts at {}", live.looked_at.format("%Y-%m-%d %H:%M:%SZ")),
        );
        for section in live::sections(live) {
            heading(text, style, &section.title);
            let head = section.columns.iter().map(|column| (*column).to_owned()).collect();
            table(text, &[vec![head], section.rows].concat());
        }
        told(text, self.live_findings());
    }

    fn verdict_text(&self, text: &mut String, style: TextStyle) {
        let (tone, word) = self.verdict();
        text.push('\n');
        line(text, &style.paint(tone, word));
        if let Some((report, _)) = &self.rehearsed {
            line(text, &clean(&headline::of(report)));
            for reason in &report.reasons {
                line(text, &format!("  - {}", clean(reason)));
            }
        }
        let Some(live) = &self.live else { return };
        for (title, told) in
            [("In the live accounts:", &live.reasons), ("Could not be looked at:", &live.unknown)]
        {
            if told.is_empty() {
                continue;
            }
            line(text, title);
            for Trouble { what, fix } in told {
                line(text, &format!("  - {}", clean(what)));
                if let Some(fix) = fix {
                    line(text, &format!("    fix: {}", clean(fix)));
                }
            }
        }
    }

    /// The text as a block of code, below a heading: a plan is a page of aligned columns.
    fn as_markdown(&self) -> String {
        let text = self.as_text(TextStyle { color: false, unicode: true });
        let fence = "`".repeat(text.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2) + 1);
        format!("# Plan\n\n{fence}text\n{text}{fence}\n")
    }
}

fn told<'a>(text: &mut String, findings: impl Iterator<Item = &'a Finding>) {
    let mut findings = findings.peekable();
    if findings.peek().is_some() {
        text.push('\n');
    }
    for finding in findings {
        line(text, &format!("finding ({}): {}", finding.rule, clean(&finding.message)));
    }
}

fn rehearsed(
    loaded: &Loaded,
    plan: PlanOfRun,
    config: &UserConfig,
    prices: &Prices,
) -> Result<(Report, Known), String> {
    let rehearsal = rehearsal::of_plan(plan, config)?;
    let stopped = rehearsal.report.t0.is_none();
    let needs = match stopped.then(|| needs::without_quotas(loaded)).flatten() {
        Some(other) => Needs::of(loaded, &rehearsal::of(other, config)?, prices),
        None => Needs::of(loaded, &rehearsal, prices),
    };
    let restored = restored::restored(loaded, &rehearsal);
    let Rehearsal { report, .. } = rehearsal;
    let practice =
        StoreArg::offline(config).and_then(|store| history::practice(loaded, &mut Runs::of(store)));
    let known = Known::of(loaded, &report, needs, restored, practice);
    Ok((report, known))
}

impl Known {
    fn of(
        loaded: &Loaded,
        report: &Report,
        needs: Needs,
        restored: Vec<RestoredStep>,
        practice: Option<Practice>,
    ) -> Self {
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
        look.practice = practice;
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

fn plan_of(planned: &Planned) -> Plan<'_> {
    let Planned { rehearsed, live, .. } = planned;
    let mut plan = Plan {
        schema: model::SCHEMA,
        rehearsed: None,
        lose: planned.lose.clone(),
        lost: planned.listed.clone(),
        surviving: Vec::new(),
        unprotected: Vec::new(),
        incomplete: Vec::new(),
        workloads: planned.workloads.iter().map(|name| Workload::unrehearsed(name)).collect(),
        steps: Vec::new(),
        findings: Vec::new(),
        ignored: Vec::new(),
        calls: Vec::new(),
        permissions: &planned.permissions,
        quotas: Vec::new(),
        cost: Cost::unknown(),
        live: live.as_ref(),
    };
    let Some((report, known)) = rehearsed else { return plan };
    let points = Points::of(report);
    let verdict = if code(report) == Exit::Passed { CanPass::CanPass } else { CanPass::CannotPass };
    plan.rehearsed = Some(Rehearsed {
        playbook: report.playbook.name.clone(),
        verdict,
        exit_code: planned.code(),
        headline: headline::of(report),
        reasons: report.reasons.clone(),
        assume: report.assume.clone(),
        blast_radius: report.blast_radius.clone(),
        recovery_points: report.recovery_points.clone(),
        checks: report.checks.clone(),
        coverage: report.coverage.clone(),
    });
    plan.findings = of_rehearsal(report).cloned().map(PlanFinding::from).collect();
    plan.findings.extend(known.findings.found.iter().map(PlanFinding::from));
    plan.lost.clone_from(&report.blast_radius.lost);
    plan.surviving.clone_from(&report.blast_radius.surviving);
    plan.unprotected.clone_from(&known.unprotected);
    plan.incomplete.clone_from(&known.incomplete);
    plan.workloads = report.workloads.iter().map(Workload::rehearsed).collect();
    plan.steps = report.steps.iter().map(|step| step_of(&points, step)).collect();
    plan.ignored.clone_from(&known.findings.ignored);
    // The calls that the rehearsal made.
    plan.calls = report.api_calls.keys().cloned().collect();
    plan.quotas.clone_from(&known.needs.quotas);
    plan.cost.clone_from(&known.needs.cost);
    plan
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
