//! What the index tells of a run. It is made from the run alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use ::schedule::Schedule;
use base::digest::sha256;
use base::duration::{Time, human_seconds};
use base::exit::Exit;
use base::on::On;
use base::severity::Severity;
use port::Finding;
use port::finding::Rule;
use record::report::model::{Report, Status, Verdict, WorkloadReport, has_passed};

/// The version of the index's format. An entry of another version is made anew.
pub const SCHEMA: &str = "drillmaster/index/v1";

/// A run that came to its end. Times are RFC 3339 in UTC; fields ending in `_s` hold seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    pub schema: String,
    pub run_id: String,
    pub on: On,
    /// True on the twin: nothing was really restored.
    pub simulated: bool,
    pub drillmaster_version: String,
    pub playbook: String,
    pub playbook_sha256: String,
    /// The clauses that the playbook names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// When the playbook wanted to be drilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    pub lose: BTreeMap<String, String>,
    pub started_at: Time,
    /// `null`: the drill ended before the disaster was declared.
    pub t0: Option<Time>,
    pub finished_at: Time,
    pub verdict: Verdict,
    #[schemars(with = "u8")]
    pub exit_code: Exit,
    pub headline: String,
    pub workloads: Vec<Figures>,
    pub findings: Vec<Found>,
    /// Whether all is known that restored machines looked up.
    pub names_known: bool,
    /// The files that the run left at its end.
    pub files: BTreeMap<String, FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileEntry {
    /// In bytes.
    pub size: u64,
    pub sha256: String,
}

/// The figures of a workload, as its report has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    pub name: String,
    pub tier: Option<u32>,
    pub recovered: bool,
    pub rto: Figure,
    pub rpo: Figure,
    /// How far apart its stores lie.
    pub consistency: Figure,
    /// The RPO at the worst possible T0.
    pub worst_case_s: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    pub objective_s: Option<f64>,
    /// `null`: it was not measured, or what was measured is only a part of it.
    pub measured_s: Option<f64>,
    pub status: Status,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The same in all runs of a playbook on the same cloud.
    pub id: String,
    pub rule: Rule,
    pub severity: Severity,
    pub resource: String,
    pub message: String,
}

/// The id of a finding. A rehearsal and a drill have findings of their own: what the twin no longer
/// finds is not shown to be mended on AWS.
pub fn finding_id(playbook: &str, on: On, rule: Rule, resource: &str) -> String {
    /// 48 bits: among 10,000 findings, two have the same id with a chance of 1 in 5 million.
    const DIGITS: usize = 12;
    let text = [playbook, on.word(), rule.into(), resource].join("\0");
    let mut digest = sha256(text);
    digest.truncate(DIGITS);
    digest
}

impl Entry {
    pub fn of(report: &Report, files: BTreeMap<String, FileEntry>) -> Self {
        let (playbook, on) = (&report.playbook.name, report.on);
        let mut findings: Vec<Found> = Vec::new();
        let of_workloads = report.workloads.iter().flat_map(shortfalls);
        for finding in of_workloads.chain(report.findings.iter().cloned()) {
            let id = finding_id(playbook, on, finding.rule, &finding.resource);
            let Finding { rule, severity, resource, message, fix: _ } = finding;
            // A rule may find several things about one resource. They are one finding over time, and the
            // gravest stands for them.
            let found = Found { id, rule, severity, resource, message };
            match findings.iter_mut().find(|known| known.id == found.id) {
                Some(known) if found.severity < known.severity => *known = found,
                Some(_) => {}
                None => findings.push(found),
            }
        }
        Self {
            schema: SCHEMA.to_owned(),
            run_id: report.run_id.clone(),
            on,
            simulated: report.simulated,
            drillmaster_version: report.drillmaster_version.clone(),
            playbook: playbook.clone(),
            playbook_sha256: report.playbook.sha256.clone(),
            controls: report.playbook.controls.clone(),
            schedule: report.playbook.schedule.clone(),
            lose: report.lose.clone(),
            started_at: report.started_at,
            t0: report.t0,
            finished_at: report.finished_at,
            verdict: report.verdict,
            exit_code: report.exit_code,
            headline: report.headline.clone(),
            workloads: report.workloads.iter().map(Figures::of).collect(),
            findings,
            names_known: report.lookups.is_some() && report.lookups_unknown.is_none(),
            files,
        }
    }

    /// Whether two entries of a run agree in all that decides. Their words may be of other versions.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let deciding = |entry: &Self| {
            let findings: Vec<String> = entry.findings.iter().map(|found| found.id.clone()).collect();
            (entry.on, entry.simulated, entry.t0, entry.verdict, entry.exit_code, findings)
        };
        let named = |entry: &Self| (entry.playbook.clone(), entry.controls.clone(), entry.workloads.clone());
        deciding(self) == deciding(other) && named(self) == named(other)
    }

    /// The instant by which runs are put in order.
    pub fn at(&self) -> Time {
        self.t0.unwrap_or(self.started_at)
    }

    pub fn passed(&self) -> bool {
        has_passed(self.verdict, self.exit_code, self.t0)
    }

    /// Why it would not have told of all that is still wrong.
    pub fn did_not_look(&self) -> Option<&'static str> {
        match self.verdict {
            _ if self.t0.is_none() => Some("the last run ended before T0"),
            Verdict::Error => Some("the last run could not be carried out"),
            Verdict::Interrupted => Some("the last run was interrupted"),
            Verdict::Passed | Verdict::Failed => {
                // Much is only measured, and only checked, of what came back.
                let all_back = self.workloads.iter().all(|workload| workload.recovered);
                (!all_back).then_some("in the last run a workload did not recover")
            }
        }
    }

    /// Whether it measured an objective and met it. `named`: a workload and a measure, as the finding
    /// `objective-missed` names them.
    pub fn meets(&self, named: &str) -> bool {
        self.workloads.iter().any(|workload| {
            workload.measures().iter().any(|(measure, figure)| {
                figure.status == Status::Met && format!("{} {measure}", workload.name) == named
            })
        })
    }

    pub fn workload(&self, name: &str) -> Option<&Figures> {
        self.workloads.iter().find(|figures| figures.name == name)
    }
}

/// What the drill shows to be wrong with a workload.
fn shortfalls(workload: &WorkloadReport) -> Vec<Finding> {
    let name = &workload.name;
    if !workload.recovered {
        let why = if workload.incomplete.is_empty() {
            workload.missing_resources.join(", ")
        } else {
            workload.incomplete.join("; ")
        };
        return vec![Finding::new(Rule::NotRecovered, name, why, "")];
    }
    let figures = Figures::of(workload);
    let short = figures.measures().into_iter().filter(|(_, figure)| match figure.status {
        Status::Missed | Status::Unknown => true,
        Status::Met | Status::None => false,
    });
    let told = |seconds: Option<f64>| seconds.map_or_else(|| "unknown".to_owned(), human_seconds);
    short
        .map(|(measure, figure)| {
            let (measured, objective) = (told(figure.measured_s), told(figure.objective_s));
            let message = format!("the {measure} is {measured}, its objective {objective}");
            Finding::new(Rule::ObjectiveMissed, format!("{name} {measure}"), message, "")
        })
        .collect()
}

impl Figures {
    fn measures(&self) -> [(&'static str, &Figure); 3] {
        [("RTO", &self.rto), ("RPO", &self.rpo), ("consistency", &self.consistency)]
    }

    fn of(workload: &WorkloadReport) -> Self {
        let (rto, rpo, apart) = (&workload.rto, &workload.rpo, &workload.consistency);
        let (rto_s, rpo_s) = (workload.rto_s(), workload.rpo_s());
        Self {
            name: workload.name.clone(),
            tier: workload.tier,
            recovered: workload.recovered,
            rto: Figure { objective_s: rto.objective_s, measured_s: rto_s, status: rto.status },
            rpo: Figure { objective_s: rpo.objective_s, measured_s: rpo_s, status: rpo.status },
            consistency: Figure {
                objective_s: apart.objective_s,
                measured_s: apart.measured_s.filter(|_| workload.recovered && !apart.partial),
                status: apart.status,
            },
            worst_case_s: rpo.worst_case_s,
        }
    }
}
