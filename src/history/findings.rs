//! Findings over time: the next drill closes or reopens them, and people own them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::duration::{Time, seconds_between};
use base::on::On;
use base::severity::Severity;
use port::finding::Rule;

use crate::entry::{Entry, Found};
use crate::objects::{Put, StoreError};
use crate::store::{History, Store};

/// Where the decisions of people lie.
pub const FOLDER: &str = "findings";

/// What a person decided about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub at: Time,
    /// Who decided.
    pub by: String,
    #[serde(flatten)]
    pub what: Decided,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decided", rename_all = "snake_case")]
pub enum Decided {
    Assigned {
        owner: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<NaiveDate>,
    },
    /// It is accepted, or mended in a way that the drill cannot see. The next drill that finds it reopens
    /// it.
    Closed { because: String },
}

/// A finding, over all runs of its playbook on one cloud.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Tracked {
    pub id: String,
    pub playbook: String,
    pub on: On,
    pub rule: Rule,
    pub severity: Severity,
    pub resource: String,
    /// As the last run that found it says.
    pub message: String,
    pub open: bool,
    pub opened_at: Time,
    /// The run that found it first.
    pub opened_by: String,
    /// The last run that found it.
    pub last_found_by: String,
    /// How often it came back after it had been closed.
    pub reopened: usize,
    pub closed_at: Option<Time>,
    /// The run that no longer found it, or the person.
    pub closed_by: Option<String>,
    /// Why a person closed it.
    pub because: Option<String>,
    /// From its opening, or its last reopening, until it was closed.
    pub time_to_close_s: Option<f64>,
    pub owner: Option<String>,
    pub due: Option<NaiveDate>,
    /// It is open, and its due date is past.
    pub overdue: bool,
    /// Why the last run does not close it, though it did not find it.
    pub not_looked_at: Option<String>,
    #[serde(skip)]
    reopened_at: Time,
    #[serde(skip)]
    scope: Scope,
}

/// What a run looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    lose: BTreeMap<String, String>,
    workloads: BTreeSet<String>,
}

impl Scope {
    fn of(entry: &Entry) -> Self {
        let workloads = entry.workloads.iter().map(|figures| figures.name.clone()).collect();
        Self { lose: entry.lose.clone(), workloads }
    }

    /// Why a run of another scope says nothing about what was found in this one.
    fn left_out_by(&self, later: &Self) -> Option<String> {
        if self.lose != later.lose {
            return Some("the playbook now loses something else".to_owned());
        }
        let gone = self.workloads.difference(&later.workloads).next()?;
        Some(format!("the playbook no longer has the workload {gone}"))
    }
}

/// A run that ended, or a person's decision, in the order of time.
enum Happened<'a> {
    Run(&'a Entry),
    Decision(&'a str, &'a Decision),
}

impl Happened<'_> {
    fn at(&self) -> Time {
        match self {
            Self::Run(entry) => entry.finished_at,
            Self::Decision(_, decision) => decision.at,
        }
    }
}

/// Follows every finding through the runs and the decisions. The open ones come first, then the gravest.
pub fn track(
    history: &History,
    decisions: &BTreeMap<String, Vec<Decision>>,
    today: NaiveDate,
) -> Vec<Tracked> {
    let mut all: Vec<Happened<'_>> = history.runs.iter().map(Happened::Run).collect();
    for (id, of_finding) in decisions {
        all.extend(of_finding.iter().map(|decision| Happened::Decision(id, decision)));
    }
    all.sort_by_key(Happened::at);
    let mut tracked: BTreeMap<String, Tracked> = BTreeMap::new();
    for happened in all {
        match happened {
            Happened::Run(entry) => after_run(&mut tracked, entry),
            Happened::Decision(id, decision) => {
                if let Some(finding) = tracked.get_mut(id) {
                    decide(finding, decision);
                }
            }
        }
    }
    let mut tracked: Vec<Tracked> = tracked.into_values().collect();
    for finding in &mut tracked {
        finding.overdue = finding.open && finding.due.is_some_and(|due| due < today);
    }
    tracked.sort_by(|a, b| {
        let key = |f: &Tracked| (!f.open, f.severity, f.opened_at, f.id.clone());
        key(a).cmp(&key(b))
    });
    tracked
}

fn after_run(tracked: &mut BTreeMap<String, Tracked>, entry: &Entry) {
    let scope = Scope::of(entry);
    for found in &entry.findings {
        match tracked.get_mut(&found.id) {
            Some(known) => found_again(known, found, entry, &scope),
            None => {
                tracked.insert(found.id.clone(), first_found(found, entry, &scope));
            }
        }
    }
    if !entry.looked_everywhere() {
        return;
    }
    let same_drill = |finding: &&mut Tracked| finding.playbook == entry.playbook && finding.on == entry.on;
    for finding in tracked.values_mut().filter(same_drill) {
        if !finding.open || entry.findings.iter().any(|found| found.id == finding.id) {
            continue;
        }
        finding.not_looked_at = finding.scope.left_out_by(&scope);
        if finding.not_looked_at.is_none() {
            close(finding, entry.finished_at, &entry.run_id, None);
        }
    }
}

fn first_found(found: &Found, entry: &Entry, scope: &Scope) -> Tracked {
    Tracked {
        id: found.id.clone(),
        playbook: entry.playbook.clone(),
        on: entry.on,
        rule: found.rule,
        severity: found.severity,
        resource: found.resource.clone(),
        message: found.message.clone(),
        open: true,
        opened_at: entry.finished_at,
        opened_by: entry.run_id.clone(),
        last_found_by: entry.run_id.clone(),
        reopened: 0,
        closed_at: None,
        closed_by: None,
        because: None,
        time_to_close_s: None,
        owner: None,
        due: None,
        overdue: false,
        not_looked_at: None,
        reopened_at: entry.finished_at,
        scope: scope.clone(),
    }
}

fn found_again(known: &mut Tracked, found: &Found, entry: &Entry, scope: &Scope) {
    known.severity = found.severity;
    known.message.clone_from(&found.message);
    known.last_found_by.clone_from(&entry.run_id);
    known.scope = scope.clone();
    known.not_looked_at = None;
    if !known.open {
        known.open = true;
        known.reopened += 1;
        known.reopened_at = entry.finished_at;
        (known.closed_at, known.closed_by, known.because, known.time_to_close_s) = (None, None, None, None);
    }
}

fn close(finding: &mut Tracked, at: Time, by: &str, because: Option<&str>) {
    finding.open = false;
    finding.closed_at = Some(at);
    finding.closed_by = Some(by.to_owned());
    finding.because = because.map(str::to_owned);
    finding.time_to_close_s = Some(seconds_between(finding.reopened_at, at));
}

fn decide(finding: &mut Tracked, decision: &Decision) {
    match &decision.what {
        Decided::Assigned { owner, due } => {
            finding.owner = Some(owner.clone());
            finding.due = *due;
        }
        Decided::Closed { because } if finding.open => {
            close(finding, decision.at, &decision.by, Some(because));
        }
        Decided::Closed { .. } => {}
    }
}

impl Store {
    /// The decisions about findings, by the finding's id, in their order.
    pub fn decisions(&self) -> Result<BTreeMap<String, Vec<Decision>>, StoreError> {
        let listing = self.objects().list()?;
        let mut numbered: Vec<(String, u32, String)> = listing
            .objects
            .iter()
            .filter_map(|object| {
                let (id, number) = object.key.strip_prefix(FOLDER)?.strip_prefix('/')?.split_once('/')?;
                Some((id.to_owned(), number.strip_suffix(".json")?.parse().ok()?, object.key.clone()))
            })
            .collect();
        numbered.sort();
        let keys: Vec<String> = numbered.iter().map(|(_, _, key)| key.clone()).collect();
        let mut decisions: BTreeMap<String, Vec<Decision>> = BTreeMap::new();
        for ((id, _, key), read) in numbered.into_iter().zip(self.objects().read_all(&keys)) {
            let Some(bytes) = read? else { continue };
            let decision = serde_json::from_slice(&bytes).map_err(|error| {
                StoreError::new(
                    self.place(),
                    format!("{key} is damaged: {error}; restore it from a copy, or remove it"),
                )
            })?;
            decisions.entry(id).or_default().push(decision);
        }
        Ok(decisions)
    }

    /// Adds a decision after those that are known. Another writer may be faster: then it comes after
    /// theirs.
    pub fn decide(&self, finding: &str, decision: &Decision) -> Result<(), StoreError> {
        let text =
            serde_json::to_vec_pretty(decision).map_err(|error| StoreError::new(self.place(), error))?;
        let mut number = self.decisions()?.get(finding).map_or(0, Vec::len) + 1;
        loop {
            let key = format!("{FOLDER}/{finding}/{number}.json");
            match self.objects().create(&key, &text)? {
                Put::Made => return Ok(()),
                Put::Exists => number += 1,
            }
        }
    }
}
