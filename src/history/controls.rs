//! Clauses over the history: which drills were held for a clause, and what they showed.

use std::collections::BTreeMap;

use chrono::Months;
use schemars::JsonSchema;
use serde::Serialize;

use base::duration::Time;
use base::severity::Severity;
use controls::Clause;
use schedule::Schedule;

use crate::entry::{Entry, Figures};
use crate::findings::Tracked;
use crate::store::History;

/// A clause, with the drills that name it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    pub clause: String,
    /// The law or standard.
    pub of: String,
    /// What it wants, in the words of this program.
    pub wants: String,
    pub standing: Standing,
    pub drills: Vec<Drill>,
}

/// How a clause stands: as its best drill does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A real drill passed in time, and its evidence is valid.
    Shown,
    /// A real drill passed in time. Its evidence is not valid, or was not verified.
    Unproved,
    /// A real drill passed in time, and a later one did not.
    FailedSince,
    /// A real drill passed, and neither the clause nor the playbook says how often it must.
    NoSchedule,
    /// The last real drill that passed is too old.
    Overdue,
    /// No real drill passed. Rehearsals do not count.
    NotShown,
}

/// A drill that names the clause.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Drill {
    pub playbook: String,
    pub standing: Standing,
    /// The last real run that passed.
    pub last_passed: Option<Held>,
    /// The last real run, if it did not pass.
    pub failed_since: Option<Held>,
    /// The last rehearsal that passed. It satisfies no clause.
    pub last_rehearsed: Option<Held>,
    /// The figures of the last real run that passed.
    pub figures: Vec<Figures>,
    pub evidence: Evidence,
    /// Until when the next real run must have passed. `null`: neither the clause nor the playbook says
    /// how often.
    pub due: Option<Time>,
    pub open_findings: usize,
    /// Of those, the ones of high severity.
    pub open_high: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Held {
    pub run_id: String,
    pub at: Time,
}

/// Whether the evidence of a run holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Evidence {
    /// Its files are as a trusted key signed them. `reviews`: how many other trusted people signed.
    Valid {
        reviews: usize,
    },
    Invalid {
        why: String,
    },
    /// No real run passed.
    None,
}

/// A playbook, whether it was drilled or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub playbook: String,
    pub controls: Vec<String>,
    /// When the playbook wants to be drilled.
    pub schedule: Option<Schedule>,
}

/// The matrix: each clause that a drill names, in the order of the catalogue. `claims` are playbooks as
/// they are now; of others, the latest run tells. `verify` says whether a run's evidence holds.
pub fn matrix(
    history: &History,
    claims: &[Claim],
    findings: &[Tracked],
    now: Time,
    verify: &mut dyn FnMut(&Entry) -> Evidence,
) -> Vec<Row> {
    let claims = all_claims(history, claims);
    let mut verified: BTreeMap<String, Evidence> = BTreeMap::new();
    let mut once =
        |entry: &Entry| verified.entry(entry.run_id.clone()).or_insert_with(|| verify(entry)).clone();
    let mut rows = Vec::new();
    for clause in controls::ALL {
        let naming = claims.iter().filter(|claim| claim.controls.iter().any(|id| id == clause.id));
        let mut drills: Vec<Drill> =
            naming.map(|claim| drill(history, claim, clause, findings, now, &mut once)).collect();
        drills.sort_by(|a, b| (a.standing, &a.playbook).cmp(&(b.standing, &b.playbook)));
        let Some(best) = drills.first() else { continue };
        rows.push(Row {
            clause: clause.id.to_owned(),
            of: clause.of.to_owned(),
            wants: clause.wants.to_owned(),
            standing: best.standing,
            drills,
        });
    }
    rows
}

fn all_claims(history: &History, given: &[Claim]) -> Vec<Claim> {
    let mut claims: BTreeMap<&str, Claim> = BTreeMap::new();
    for entry in &history.runs {
        let (controls, schedule) = (entry.controls.clone(), entry.schedule.clone());
        claims.insert(&entry.playbook, Claim { playbook: entry.playbook.clone(), controls, schedule });
    }
    for claim in given {
        claims.insert(&claim.playbook, claim.clone());
    }
    claims.into_values().collect()
}

fn drill(
    history: &History,
    claim: &Claim,
    clause: &Clause,
    findings: &[Tracked],
    now: Time,
    verify: &mut dyn FnMut(&Entry) -> Evidence,
) -> Drill {
    // A run counts for what its playbook named then, not for what it names now.
    let of_drill = || {
        // A run of the future has a wrong clock, and would hide what came before it.
        let runs = history.runs.iter().rev().filter(|entry| entry.simulated || entry.at() <= now);
        let runs = runs.filter(|entry| entry.playbook == claim.playbook);
        runs.filter(|entry| entry.controls.iter().any(|id| id == clause.id))
    };
    let held = |entry: &Entry| Held { run_id: entry.run_id.clone(), at: entry.at() };
    let passed = of_drill().find(|entry| !entry.simulated && entry.passed());
    let last = of_drill().find(|entry| !entry.simulated).filter(|entry| !entry.passed());
    let rehearsed = of_drill().find(|entry| entry.simulated && entry.passed());
    let due = passed.and_then(|entry| due(entry.at(), clause.months, claim.schedule.as_ref()));
    let evidence = passed.map_or(Evidence::None, &mut *verify);
    let standing = match (passed, &evidence) {
        (None, _) => Standing::NotShown,
        (Some(_), _) if due.is_some_and(|due| due <= now) => Standing::Overdue,
        (Some(_), _) if due.is_none() => Standing::NoSchedule,
        (Some(_), _) if last.is_some() => Standing::FailedSince,
        (Some(_), Evidence::Valid { .. }) => Standing::Shown,
        (Some(_), Evidence::Invalid { .. } | Evidence::None) => Standing::Unproved,
    };
    let open = findings.iter().filter(|f| f.open && f.playbook == claim.playbook && !f.on.is_simulated());
    let (open, high) = open.fold((0, 0), |(all, high), finding| {
        (all + 1, high + usize::from(finding.severity == Severity::High))
    });
    Drill {
        playbook: claim.playbook.clone(),
        standing,
        last_passed: passed.map(held),
        failed_since: last.map(held),
        last_rehearsed: rehearsed.map(held),
        figures: passed.map(|entry| entry.workloads.clone()).unwrap_or_default(),
        evidence,
        due,
        open_findings: open,
        open_high: high,
    }
}

/// The sooner of what the clause and the playbook want: a drill that is due must have been held before its
/// window closes.
fn due(passed: Time, months: Option<u32>, schedule: Option<&Schedule>) -> Option<Time> {
    let by_clause = months.and_then(|months| passed.checked_add_months(Months::new(months)));
    let by_playbook = schedule.and_then(|schedule| schedule.closes(schedule.after(passed).next()?));
    by_clause.into_iter().chain(by_playbook).min()
}
