//! What the journal of a run tells those who verify it: what was lost, whether the objectives were met,
//! and what is open.

use std::collections::BTreeMap;

use serde::Serialize;

use base::digest::sha256;
use base::duration::Time;
use base::exit::Exit;
use event::Inputs;
use port::Finding;
use record::report::Report;
use record::report::model::{Identified, Status, Verdict, WorkloadReport};
use record::report::told::Told;

#[derive(Serialize)]
pub struct Facts<'a> {
    pub playbook: File<'a>,
    /// The files that the playbook names, such as the estate: what the journal holds of them.
    pub files: Vec<File<'a>>,
    pub lose: &'a BTreeMap<String, String>,
    /// `null`: the drill ended before T0.
    pub restored_in: Option<Place<'a>>,
    pub started_at: Time,
    pub t0: Option<Time>,
    pub finished_at: Time,
    pub verdict: Verdict,
    pub exit_code: Exit,
    pub reasons: &'a [String],
    pub figures: Vec<Figure<'a>>,
    pub identities: &'a [Identified],
    /// How often another process went on with the run.
    pub resumed: usize,
    pub findings: &'a [Finding],
    pub uncovered: &'a [String],
    pub created: usize,
    pub deleted: usize,
    pub left_behind: &'a [String],
}

/// A file, and the SHA-256 of its text.
#[derive(Serialize)]
pub struct File<'a> {
    pub name: &'a str,
    pub sha256: String,
}

#[derive(Serialize)]
pub struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
}

/// A figure of a workload beside its objective.
#[derive(Serialize)]
pub struct Figure<'a> {
    pub workload: &'a str,
    pub measure: Measure,
    pub objective_s: Option<f64>,
    /// What the objective is compared with. `null`: not measured, or not in full.
    pub measured_s: Option<f64>,
    pub status: Status,
    #[serde(skip)]
    pub told: Told,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Rto,
    Rpo,
    Consistency,
}

impl Measure {
    pub fn word(self) -> &'static str {
        match self {
            Self::Rto => "RTO",
            Self::Rpo => "RPO",
            Self::Consistency => "consistency",
        }
    }
}

impl<'a> Facts<'a> {
    pub fn of(report: &'a Report, inputs: &'a Inputs) -> Self {
        let files = inputs.files.iter().map(|(name, text)| File { name, sha256: sha256(text) });
        Self {
            playbook: File { name: &report.playbook.path, sha256: report.playbook.sha256.clone() },
            files: files.collect(),
            lose: &report.lose,
            restored_in: report
                .t0
                .map(|_| Place { account: &report.sandbox.account, region: &report.sandbox.region }),
            started_at: report.started_at,
            t0: report.t0,
            finished_at: report.finished_at,
            verdict: report.verdict,
            exit_code: report.exit_code,
            reasons: &report.reasons,
            figures: report.workloads.iter().flat_map(figures).collect(),
            identities: &report.identities,
            resumed: report.resumed.len(),
            findings: &report.findings,
            uncovered: &report.coverage.uncovered,
            created: report.teardown.created,
            deleted: report.teardown.deleted,
            left_behind: &report.teardown.left_behind,
        }
    }
}

/// RTO and RPO always, so that what was not measured is seen; consistency where there is an objective.
fn figures(workload: &WorkloadReport) -> Vec<Figure<'_>> {
    let of = |measure, objective_s, status, told| {
        let measured_s = match told {
            Told::Figure(seconds) => Some(seconds),
            Told::NothingLost => Some(0.0),
            Told::AtLeast(_) | Told::NotRecovered | Told::Unknown => None,
        };
        Figure { workload: &workload.name, measure, objective_s, measured_s, status, told }
    };
    let (rto, rpo, consistency) = (&workload.rto, &workload.rpo, &workload.consistency);
    let mut all = vec![
        of(Measure::Rto, rto.objective_s, rto.status, Told::rto(workload)),
        of(Measure::Rpo, rpo.objective_s, rpo.status, Told::rpo(workload)),
    ];
    if consistency.status != Status::None {
        let told = Told::consistency(workload);
        all.push(of(Measure::Consistency, consistency.objective_s, consistency.status, told));
    }
    all
}
