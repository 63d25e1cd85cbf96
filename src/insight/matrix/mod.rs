//! The matrix: for each loss what it takes, what of it nothing protects, and which workloads come
//! back.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::protection::{DataLoss, Snapshot, Survivor};
use estate::file::{EstateFile, Incomplete};
use estate::{Loss, scope};

/// The tag whose values are the workloads of an estate without a playbook.
pub const APP: &str = "app";

/// The workload of the resources without the tag.
pub const UNTAGGED: &str = "(untagged)";

/// A matrix, as `plan --lose-each` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Matrix {
    /// `drillmaster/matrix/v1`.
    pub schema: &'static str,
    /// What `discover` could not read. Nothing is known of what lies there: what is unprotected or
    /// untouched may be neither.
    pub incomplete: Vec<Incomplete>,
    pub rows: Vec<Row>,
}

/// What one loss does.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    pub lose: Loss,
    /// The lost resources.
    pub lost: Vec<String>,
    /// The lost resources of which no usable recovery point and no replica survives, and which no
    /// stack's template makes again.
    pub unprotected: Vec<String>,
    pub workloads: IndexMap<String, WorkloadRow>,
}

/// What one loss does to a workload.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WorkloadRow {
    pub status: Status,
    /// How many of its resources are lost.
    pub lost: usize,
    /// The lost ones that nothing protects.
    pub unprotected: usize,
    /// The age of the oldest data that would be restored, in seconds. `null`: unknown, or data are
    /// gone for good. 0: no data are lost.
    pub rpo_s: Option<f64>,
    /// What a less lucky moment would have lost, in seconds.
    pub worst_case_s: Option<f64>,
    /// A lower bound, if `worst_case_s` is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_case_at_least_s: Option<f64>,
}

/// Whether a workload comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// Something survives of each lost resource.
    Recoverable,
    /// Something survives of some lost resources.
    Partly,
    /// Nothing survives of any lost resource.
    Unprotected,
    /// The loss takes none of its resources.
    Untouched,
}

/// Which losses a matrix goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    Az,
    Region,
    Account,
}

/// The losses of an estate: each zone, region or account that it lists.
pub fn losses(file: &EstateFile, each: Each) -> Vec<Loss> {
    match each {
        Each::Az => file.regions.values().flat_map(|entry| &entry.azs).cloned().map(Loss::Az).collect(),
        Each::Region => file.regions.keys().cloned().map(Loss::Region).collect(),
        Each::Account => file.accounts.keys().cloned().map(Loss::Account).collect(),
    }
}

/// Workloads by name, each with the indices of its resources.
pub type Workloads = IndexMap<String, Vec<usize>>;

/// The workloads of an estate without a playbook: each value of the tag `app`, then the rest.
pub fn workloads(file: &EstateFile) -> Workloads {
    let mut by_app: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut untagged = Vec::new();
    for (index, resource) in file.resources.iter().enumerate() {
        match resource.tags.get(APP) {
            Some(app) => by_app.entry(app).or_default().push(index),
            None => untagged.push(index),
        }
    }
    let mut workloads: Workloads =
        by_app.into_iter().map(|(app, indices)| (app.to_owned(), indices)).collect();
    if !untagged.is_empty() {
        workloads.insert(UNTAGGED.into(), untagged);
    }
    workloads
}

impl Matrix {
    pub fn of(snapshot: &Snapshot<'_>, losses: &[Loss], workloads: &Workloads) -> Self {
        let rows = losses.iter().map(|loss| Row::of(snapshot, loss, workloads)).collect();
        Self { schema: "drillmaster/matrix/v1", incomplete: snapshot.file.incomplete.clone(), rows }
    }
}

impl Row {
    pub fn of(snapshot: &Snapshot<'_>, loss: &Loss, workloads: &Workloads) -> Self {
        let survivors: Vec<Option<Survivor>> = snapshot
            .entries()
            .map(|(resource, entry)| loss.takes_resource(resource).then(|| snapshot.survivor(entry, loss)))
            .collect();
        let ids = |keep: &dyn Fn(&Survivor) -> bool| {
            let resources = snapshot.resources.iter().zip(&survivors);
            let kept = resources.filter(|(_, survivor)| survivor.as_ref().is_some_and(keep));
            kept.map(|(resource, _)| resource.id.to_string()).collect()
        };
        Self {
            lose: loss.clone(),
            lost: ids(&|_| true),
            unprotected: ids(&|survivor| *survivor == Survivor::Nothing),
            workloads: workloads
                .iter()
                .map(|(name, indices)| (name.clone(), WorkloadRow::of(snapshot, &survivors, indices)))
                .collect(),
        }
    }
}

impl WorkloadRow {
    fn of(snapshot: &Snapshot<'_>, survivors: &[Option<Survivor>], indices: &[usize]) -> Self {
        let mut row = Self {
            status: Status::Untouched,
            lost: 0,
            unprotected: 0,
            rpo_s: Some(0.0),
            worst_case_s: Some(0.0),
            worst_case_at_least_s: None,
        };
        let mut bound = 0.0_f64;
        for index in indices {
            let (Some(Some(survivor)), Some(resource)) =
                (survivors.get(*index), snapshot.resources.get(*index))
            else {
                continue;
            };
            row.lost += 1;
            row.unprotected += usize::from(*survivor == Survivor::Nothing);
            if !scope::holds_data(&resource.id.kind) {
                continue;
            }
            let loss = match survivor {
                Survivor::Data(loss) => *loss,
                Survivor::Nothing | Survivor::Template => {
                    DataLoss { seconds: None, worst: estate::point::WorstCase::default() }
                }
            };
            row.rpo_s = greater(row.rpo_s, loss.seconds);
            row.worst_case_s = greater(row.worst_case_s, loss.worst.seconds);
            bound = bound.max(loss.worst.seconds.or(loss.worst.at_least).unwrap_or(0.0));
        }
        row.status = match (row.lost, row.unprotected) {
            (0, _) => Status::Untouched,
            (_, 0) => Status::Recoverable,
            (lost, unprotected) if lost == unprotected => Status::Unprotected,
            (_, _) => Status::Partly,
        };
        row.worst_case_at_least_s = (row.worst_case_s.is_none() && bound > 0.0).then_some(bound);
        row
    }
}

/// The greater of two figures. Unknown if either is.
fn greater(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.max(b))
}
