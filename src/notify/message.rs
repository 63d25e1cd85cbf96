//! What is told of a run, without the form of any recipient.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use base::duration::Time;
use base::exit::Exit;
use base::on::On;
use base::redact;
use base::severity::Severity;
use record::report::caveats::{CaveatKind, caveats};
use record::report::escape::visible;
use record::report::headline;
use record::report::model::{Report, Status, Verdict, WorkloadReport};
use record::report::told::Told;

/// How much of a list is told. The report has the rest.
const FEW: usize = 10;

pub const SCHEMA: &str = "drillmaster/notice/v1";

/// What a webhook receives. Other programs rely on the names: add names, never rename one.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Notice<'a> {
    schema: &'static str,
    run_id: &'a str,
    playbook: &'a str,
    on: On,
    /// True on the twin: nothing was really restored.
    simulated: bool,
    drillmaster_version: &'a str,
    /// `{ "region": "us-east-1" }`
    lose: &'a BTreeMap<String, String>,
    verdict: Verdict,
    #[schemars(with = "u8")]
    exit_code: Exit,
    /// The outcome in one sentence.
    headline: String,
    /// The reasons for the verdict, the most important first. Empty if the drill passed.
    reasons: &'a [String],
    started_at: Time,
    /// `null`: the drill ended before the disaster was declared.
    t0: Option<Time>,
    finished_at: Time,
    /// The workloads with their figures, as in report.json.
    workloads: &'a [WorkloadReport],
    /// How many findings of each severity there are.
    findings: BTreeMap<Severity, usize>,
    /// The clauses for which the drill was held.
    controls: &'a [String],
    /// What teardown left behind.
    left_behind: &'a [String],
}

impl<'a> Notice<'a> {
    pub fn of(report: &'a Report) -> Self {
        Self {
            schema: SCHEMA,
            run_id: &report.run_id,
            playbook: &report.playbook.name,
            on: report.on,
            simulated: report.simulated,
            drillmaster_version: &report.drillmaster_version,
            lose: &report.lose,
            verdict: report.verdict,
            exit_code: report.exit_code,
            headline: headline::of(report),
            reasons: &report.reasons,
            started_at: report.started_at,
            t0: report.t0,
            finished_at: report.finished_at,
            workloads: &report.workloads,
            findings: findings(report),
            controls: &report.playbook.controls,
            left_behind: &report.teardown.left_behind,
        }
    }

    /// The notice as JSON, without secrets.
    pub(crate) fn to_json(&self) -> Result<Json, String> {
        let mut json = serde_json::to_value(self).map_err(|error| format!("no JSON can be made: {error}"))?;
        redact::value(&mut json);
        Ok(json)
    }
}

/// The number of findings of each severity, also where it is 0.
pub(crate) fn findings(report: &Report) -> BTreeMap<Severity, usize> {
    let mut counts: BTreeMap<Severity, usize> =
        [Severity::High, Severity::Medium, Severity::Low].map(|severity| (severity, 0)).into();
    for finding in &report.findings {
        *counts.entry(finding.severity).or_default() += 1;
    }
    counts
}

/// A message for people: a sentence, then what a reader asks next. Without secrets, and without
/// characters that hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line. That of a simulated run begins with `Simulated`.
    pub headline: String,
    /// A line for each workload.
    pub workloads: Vec<String>,
    /// Why the drill did not pass, and what else must be known beside the verdict.
    pub notes: Vec<String>,
    /// Which run it was.
    pub about: Vec<String>,
}

impl Message {
    pub fn of(report: &Report) -> Self {
        let mut notes = few(report.reasons.iter().map(|reason| format!("Reason: {reason}")).collect());
        // The headline says first that a run was simulated.
        let caveats = caveats(report).into_iter().filter(|caveat| caveat.kind != CaveatKind::Simulated);
        notes.extend(caveats.map(|caveat| caveat.text));
        let found = findings(report);
        let found: Vec<String> = found
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(severity, count)| format!("{count} {severity}"))
            .collect();
        if !found.is_empty() {
            notes.push(format!("Findings: {}", found.join(", ")));
        }
        let left = few(report.teardown.left_behind.clone());
        notes.extend(left.into_iter().map(|resource| format!("Left behind: {resource}")));
        let lost: Vec<String> = report.lose.iter().map(|(what, name)| format!("{what} {name}")).collect();
        let place = if report.simulated { "the twin (simulated)".to_owned() } else { report.on.to_string() };
        let about = vec![
            format!("Playbook: {}", report.playbook.name),
            format!("Run: {}", report.run_id),
            format!("On: {place}"),
            format!("Lost: {}", lost.join(", ")),
            format!("Ended: {}", report.finished_at.format("%Y-%m-%d %H:%M:%S UTC")),
            format!("Exit code: {}", report.exit_code),
        ];
        let clean = |lines: Vec<String>| lines.into_iter().map(|line| clean(&line)).collect();
        Self {
            headline: self::clean(&headline::of(report)),
            workloads: clean(few(report.workloads.iter().map(of_workload).collect())),
            notes: clean(notes),
            about: clean(about),
        }
    }

    /// All of it as plain text.
    pub fn text(&self) -> String {
        let parts = [&self.workloads, &self.notes, &self.about];
        let parts = parts.into_iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
        let mut text = self.headline.clone();
        for part in parts {
            text += "\n\n";
            text += &part;
        }
        text + "\n"
    }
}

/// `orders: RTO 33m05s (allowed 45m, met), RPO 2h03m (allowed 5m, missed)`
fn of_workload(workload: &WorkloadReport) -> String {
    let figure = |name: &str, told: Told, objective: Option<f64>, status: Status| {
        let status = match status {
            Status::Met => "met",
            Status::Missed => "missed",
            Status::Unknown => "unknown",
            Status::None => return format!("{name} {} (no objective)", told.words(None)),
        };
        let allowed = objective.map(|s| format!("allowed {}, ", base::duration::human_seconds(s)));
        format!("{name} {} ({}{status})", told.words(objective), allowed.unwrap_or_default())
    };
    let (rto, rpo) = (&workload.rto, &workload.rpo);
    format!(
        "{}: {}, {}",
        workload.name,
        figure("RTO", Told::rto(workload), rto.objective_s, rto.status),
        figure("RPO", Told::rpo(workload), rpo.objective_s, rpo.status)
    )
}

fn few(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(FEW);
    lines.truncate(FEW);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// One line without secrets, and without characters that hide.
pub(crate) fn clean(text: &str) -> String {
    visible(&redact::text(text)).replace(['\n', '\t'], " ")
}

/// At most `most` characters of a text.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.char_indices().nth(most).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    redact::without_begun(&kept).to_owned() + "…"
}
