//! The values that templates see. Every figure is already a text, every position in a picture is
//! computed, and every list is cut to the limits.
//!
//! `reports/README.md` documents them for authors of templates.

mod badge;
pub mod chart;
pub mod figures;
pub mod forecast;
mod limits;
pub mod lookups;
mod past;
pub mod points;
pub mod rows;
pub mod timeline;
pub mod workload;

use serde::Serialize;

use super::caveats::{CaveatKind, caveats};
use super::escape::clip;
use super::headline;
use super::model::{CheckStatus, Report, StepStatus, TeardownRan, Verdict};
use base::duration::seconds_between;
use base::exit::Exit;
use base::on::On;
use figures::{instant, iso, length};

pub use badge::Badge;
pub use limits::{Limits, List};

#[derive(Debug, Serialize)]
pub struct View<'a> {
    /// The report as it stands in report.json, for templates that may name it. It is as large as the
    /// run, and the built-in ones do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<&'a Report>,
    pub css: &'a str,
    pub css_hash: String,
    pub title: String,
    pub simulated: bool,
    pub playbook: PlaybookView,
    pub verdict: VerdictView,
    /// What must be known beside the verdict, but that the run is simulated.
    pub caveats: Vec<String>,
    pub facts: Facts,
    pub workloads: List<workload::WorkloadView>,
    /// What a forecast is, and what it is made from. `null` if there is none.
    pub forecast: Option<String>,
    pub timeline: timeline::Timeline,
    pub points: points::Points,
    /// What restored machines looked up. `null` if nobody watched.
    pub lookups: Option<lookups::LookupsView>,
    pub steps: List<rows::StepRow>,
    pub checks: List<rows::CheckRow>,
    /// What checks of data saw, rung by rung.
    pub rungs: List<rows::RungRow>,
    /// The steps and checks that did not succeed.
    pub bad_steps: List<rows::StepRow>,
    pub bad_checks: List<rows::CheckRow>,
    pub phases: Vec<Pair>,
    pub denied: List<rows::DeniedRow>,
    pub lost: List<String>,
    pub surviving: List<String>,
    pub covered: List<String>,
    pub uncovered: List<String>,
    pub findings: List<rows::FindingRow>,
    pub teardown: rows::TeardownView,
    pub api_calls: List<rows::CallRow>,
    pub params: List<Pair>,
    pub assumptions: Vec<Pair>,
}

#[derive(Debug, Serialize)]
pub struct Pair {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Serialize)]
pub struct PlaybookView {
    pub name: String,
    pub description: String,
    pub path: String,
    pub sha256: String,
    pub lines: List<String>,
}

#[derive(Debug, Serialize)]
pub struct VerdictView {
    /// `Passed`, `Failed`, `Error` or `Interrupted`. `Passed, not clean` for exit code 4 after a
    /// pass.
    pub badge: Badge,
    pub sentence: String,
    pub exit_code: u8,
    pub exit_meaning: &'static str,
    pub reasons: List<String>,
}

/// The facts of a run: loss, place, versions and times.
#[derive(Debug, Serialize)]
pub struct Facts {
    pub lost: String,
    pub t0: Option<Timestamp>,
    pub restored_in: Option<String>,
    pub on: String,
    pub started: Timestamp,
    pub finished: Timestamp,
    pub took: String,
    pub run_id: String,
    pub version: String,
    /// A text, because a template treats the number 0 as false.
    pub seed: Option<String>,
    /// Whose credentials called AWS, each with what for. On the twin nobody calls, and it says so.
    pub identities: List<Pair>,
    pub sandbox: Vec<Pair>,
    pub isolation: Badge,
    pub kept_until: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
pub struct Timestamp {
    pub iso: String,
    pub text: String,
}

impl<'a> View<'a> {
    pub fn of(report: &'a Report, limits: Limits, css: &'a str, css_hash: String) -> Self {
        let names = |list: &[String]| List::cut(list.iter().map(|s| limits.name(s)), limits.rows);
        let name = limits.name(&report.playbook.name);
        let verdict = verdict(report, limits);
        let lines: Vec<&str> = report.playbook.source.lines().collect();
        Self {
            title: format!(
                "{}{name}: {}",
                if report.simulated { "Simulated: " } else { "" },
                verdict.badge.word.to_lowercase()
            ),
            simulated: report.simulated,
            playbook: PlaybookView {
                description: limits.prose(&report.playbook.description),
                path: limits.name(&report.playbook.path),
                sha256: limits.name(&report.playbook.sha256),
                lines: List::cut(lines.into_iter().map(|l| clip(l, 4000)), limits.source),
                name,
            },
            verdict,
            caveats: caveats(report)
                .iter()
                .filter(|caveat| caveat.kind != CaveatKind::Simulated)
                .map(|caveat| limits.prose(&caveat.text))
                .collect(),
            facts: facts(report, limits),
            workloads: List::cut(
                report.workloads.iter().map(|w| workload::of(w, report, limits)),
                limits.rows,
            ),
            forecast: report.forecast.as_ref().map(|told| forecast::caption(told, limits)),
            timeline: timeline::of(report, limits),
            points: points::of(report, limits),
            lookups: lookups::of(report, limits),
            steps: rows::steps(report, limits, |_| true),
            checks: rows::checks(report, limits, |_| true),
            rungs: rows::rungs(report, limits),
            bad_steps: rows::steps(report, limits, |s| s.status != StepStatus::Succeeded),
            bad_checks: rows::checks(report, limits, |c| c.status != CheckStatus::Healthy),
            phases: phases(report),
            denied: rows::denied(report, limits),
            lost: names(&report.blast_radius.lost),
            surviving: names(&report.blast_radius.surviving),
            covered: names(&report.coverage.covered),
            uncovered: names(&report.coverage.uncovered),
            findings: rows::findings(report, limits),
            teardown: rows::teardown(report, limits),
            api_calls: rows::calls(report, limits),
            params: List::cut(
                report.params.iter().map(|(n, v)| Pair { name: limits.name(n), value: limits.prose(v) }),
                limits.rows,
            ),
            assumptions: assumptions(report),
            report: None,
            css,
            css_hash,
        }
    }
}

fn verdict(report: &Report, limits: Limits) -> VerdictView {
    let badge = match (report.verdict, report.exit_code) {
        (Verdict::Passed, Exit::Passed) => Badge::ok("Passed"),
        (Verdict::Passed, Exit::LeftBehind) => Badge::bad("Passed, not clean"),
        // A pass with another exit code contradicts itself. It is not shown as a pass.
        (Verdict::Passed, Exit::Failed | Exit::Wrong | Exit::Error | Exit::Interrupted) => {
            Badge::unknown("Unclear")
        }
        (Verdict::Failed, _) => Badge::bad("Failed"),
        (Verdict::Error, _) => Badge::unknown("Error"),
        (Verdict::Interrupted, _) => Badge::unknown("Interrupted"),
    };
    VerdictView {
        badge,
        sentence: limits.prose(&headline::of(report)),
        exit_code: report.exit_code.code(),
        exit_meaning: if report.teardown.ran == TeardownRan::Whole {
            report.exit_code.meaning()
        } else {
            "the runner died, and what it created may still stand"
        },
        reasons: List::cut(report.reasons.iter().map(|r| limits.prose(r)), limits.rows),
    }
}

/// An instant of the run. The twin's clock runs ahead of the real one, so its instants say so.
fn timestamp(report: &Report, time: base::duration::Time) -> Timestamp {
    let text = instant(time);
    Timestamp {
        iso: iso(time),
        text: if report.simulated { format!("{text} (simulated time)") } else { text },
    }
}

fn facts(report: &Report, limits: Limits) -> Facts {
    let lost: Vec<String> = report
        .lose
        .iter()
        .map(|(what, which)| {
            let what = if what == "az" { "availability zone" } else { what.as_str() };
            format!("{} {}", limits.name(what), limits.name(which))
        })
        .collect();
    let sandbox = &report.sandbox;
    let place: Vec<String> = [
        (!sandbox.region.is_empty()).then(|| limits.name(&sandbox.region)),
        (!sandbox.account.is_empty()).then(|| format!("account {}", limits.name(&sandbox.account))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut pairs = vec![
        Pair { name: "Account".into(), value: limits.name(&sandbox.account) },
        Pair { name: "Region".into(), value: limits.name(&sandbox.region) },
        Pair {
            name: "Zones".into(),
            value: List::cut(sandbox.azs.iter().map(|z| limits.name(z)), 20).rows.join(", "),
        },
        Pair { name: "Network".into(), value: limits.name(&sandbox.cidr) },
    ];
    pairs.retain(|pair| !pair.value.is_empty());
    Facts {
        lost: if lost.is_empty() { "nothing named".into() } else { lost.join(", ") },
        t0: report.t0.map(|t0| timestamp(report, t0)),
        // A sandbox may exist before T0, but nothing was restored in it yet.
        restored_in: (report.t0.is_some() && !place.is_empty()).then(|| {
            let simulated = if report.simulated { " (simulated)" } else { "" };
            format!("{}{simulated}", place.join(", "))
        }),
        on: match report.on {
            On::Twin => "the twin (an in-memory model of the estate)".into(),
            On::Aws => "AWS".into(),
        },
        started: timestamp(report, report.started_at),
        finished: timestamp(report, report.finished_at),
        took: length(seconds_between(report.started_at, report.finished_at)),
        run_id: limits.name(&report.run_id),
        version: limits.name(&report.drillmaster_version),
        seed: report.seed.map(|seed| seed.to_string()),
        identities: identities(report, limits),
        sandbox: pairs,
        isolation: if sandbox.isolation_verified {
            Badge::ok(if report.simulated {
                "verified (on the twin)"
            } else {
                "verified before T0 and to the end"
            })
        } else {
            Badge::bad("not verified")
        },
        kept_until: sandbox.kept_until.map(|until| timestamp(report, until)),
    }
}

fn identities(report: &Report, limits: Limits) -> List<Pair> {
    let mut pairs: Vec<Pair> = report
        .identities
        .iter()
        .map(|who| Pair {
            name: format!("AWS identity ({})", who.purpose.word()),
            value: limits.name(&who.arn),
        })
        .collect();
    if pairs.is_empty() {
        let value = if report.simulated { "none (simulated)" } else { "unknown" };
        pairs.push(Pair { name: "AWS identity".into(), value: value.into() });
    }
    List::cut(pairs, limits.rows)
}

fn phases(report: &Report) -> Vec<Pair> {
    let p = &report.phases;
    [
        ("Preflight", p.preflight_s),
        ("Prepare the sandbox", p.prepare_s),
        ("Recover and verify", p.recover_s),
        ("Teardown", p.teardown_s),
    ]
    .into_iter()
    .map(|(name, seconds)| Pair { name: name.into(), value: length(seconds) })
    .collect()
}

fn assumptions(report: &Report) -> Vec<Pair> {
    let assume = report.assume.as_ref();
    [("Detection", assume.and_then(|a| a.detection_s)), ("Decision", assume.and_then(|a| a.decision_s))]
        .into_iter()
        .filter_map(|(name, seconds)| Some(Pair { name: name.into(), value: length(seconds?) }))
        .collect()
}
