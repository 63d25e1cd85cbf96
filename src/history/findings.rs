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

/// The version of the format of decisions.
pub const DECISION: &str = "drillmaster/decision/v1";

/// What a person decided about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub schema: String,
    /// The last run that the person knew. Later runs come after the decision, whatever the clocks say: those
    /// of a rehearsal are simulated.
    pub after: String,
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
    /// From its opening, or its last reopening, until it was closed. `null`: it is open, or the clocks
    /// disagree.
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

/// The decisions about findings, by the finding's id, in their order.
pub type Decisions = BTreeMap<String, Vec<Decision>>;

/// Follows every finding through the runs and the decisions. The open ones come first, then the gravest.
pub fn track(history: &History, decisions: &Decisions, today: NaiveDate) -> Vec<Tracked> {
    let mut tracked: BTreeMap<String, Tracked> = BTreeMap::new();
    let known: BTreeSet<&str> = history.runs.iter().map(|entry| entry.run_id.as_str()).collect();
    let decide_after = |tracked: &mut BTreeMap<String, Tracked>, run: Option<&str>| {
        for (id, of_finding) in decisions {
            let Some(finding) = tracked.get_mut(id) else { continue };
            let now = of_finding.iter().filter(|decision| match run {
                Some(run) => decision.after == run,
                // Of a run that is gone: nobody knows what came after it.
                None => !known.contains(decision.after.as_str()),
            });
            now.for_each(|decision| decide(finding, decision));
        }
    };
    for entry in &history.runs {
        after_run(&mut tracked, entry);
        decide_after(&mut tracked, Some(&entry.run_id));
    }
    decide_after(&mut tracked, None);
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
    let same_drill = |finding: &&mut Tracked| finding.playbook == entry.playbook && finding.on == entry.on;
    for finding in tracked.values_mut().filter(same_drill) {
        if !finding.open || entry.findings.iter().any(|found| found.id == finding.id) {
            continue;
        }
        finding.not_looked_at = why_not_looked_at(finding, entry, &scope);
        if finding.not_looked_at.is_none() {
            close(finding, entry.finished_at, &entry.run_id, None);
        }
    }
}

/// What looked-up names show.
const OF_NAMES: [Rule; 3] = [Rule::DependsOnWhatIsLost, Rule::CallsProduction, Rule::ReachesTheWorld];

fn why_not_looked_at(finding: &Tracked, entry: &Entry, scope: &Scope) -> Option<String> {
    let by_scope = || finding.scope.left_out_by(scope);
    // An objective that was taken away is not met.
    let objective = || {
        let is_gone = finding.rule == Rule::ObjectiveMissed && !entry.meets(&finding.resource);
        is_gone.then(|| "the playbook no longer has this objective".to_owned())
    };
    let names = || {
        let is_unknown = OF_NAMES.contains(&finding.rule) && !entry.names_known;
        is_unknown.then(|| "the last run does not know all that restored machines looked up".to_owned())
    };
    entry.did_not_look().map(str::to_owned).or_else(by_scope).or_else(objective).or_else(names)
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
    finding.time_to_close_s =
        Some(seconds_between(finding.reopened_at, at)).filter(|seconds| *seconds >= 0.0);
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
    /// The decisions about findings. One that cannot be read, such as that of a newer version, is told in
    /// the second value.
    pub fn decisions(&self) -> Result<(Decisions, Vec<String>), StoreError> {
        let listing = self.objects().list(FOLDER)?;
        let unlisted = listing.unread.iter().map(|(key, why)| format!("{key} cannot be read: {why}"));
        let mut notes: Vec<String> = unlisted.collect();
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
        let mut decisions = Decisions::new();
        for ((id, _, key), read) in numbered.into_iter().zip(self.objects().read_all(&keys)) {
            let Some(bytes) = read? else { continue };
            match serde_json::from_slice::<Decision>(&bytes) {
                Ok(decision) if decision.schema == DECISION => {
                    decisions.entry(id).or_default().push(decision);
                }
                Ok(decision) => notes.push(format!(
                    "{key} has the schema {}, which this version does not know",
                    decision.schema
                )),
                Err(error) => notes.push(format!("{key} cannot be read, and decides nothing: {error}")),
            }
        }
        Ok((decisions, notes))
    }

    /// Adds a decision after those that are there. Another writer may be faster: then it comes after
    /// theirs.
    pub fn decide(&self, finding: &str, decision: &Decision) -> Result<(), StoreError> {
        let text =
            serde_json::to_vec_pretty(decision).map_err(|error| StoreError::new(self.place(), error))?;
        let there = self.objects().list(&format!("{FOLDER}/{finding}"))?.objects.len();
        let mut number = there + 1;
        while self.create(&format!("{FOLDER}/{finding}/{number}.json"), &text)? == Put::Exists {
            number += 1;
        }
        Ok(())
    }
}
