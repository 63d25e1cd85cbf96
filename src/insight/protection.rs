//! What is left of a lost resource: recovery points, replicas, or its stack's template.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use base::duration::{Size, Span, Time, seconds_between};
use estate::file::{EstateFile, ReplicaEntry, ResourceEntry};
use estate::point::{LOOK_BACK, WorstCase, worst_case_of_one};
use estate::scope::{self, Scope};
use estate::{Locus, Loss, RecoveryPoint, Resource, ResourceId};

/// How old the data are, at worst, that a replica or the newest recovery point holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DataLoss {
    /// `T0 − consistency time` of the newest usable source, in seconds. `None`: unknown.
    pub seconds: Option<f64>,
    /// What a less lucky T0 would have lost.
    pub worst: WorstCase,
}

/// What survives of a lost resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Survivor {
    /// No usable recovery point and no replica.
    Nothing,
    /// The resource holds no data, and belongs to a stack whose template makes it again.
    Template,
    /// Recovery points that were usable at T0, or replicas.
    Data(DataLoss),
}

/// An estate at one instant, indexed for many losses.
pub struct Snapshot<'a> {
    pub file: &'a EstateFile,
    /// The resources, in the order of `file.resources`.
    pub resources: Vec<Resource>,
    pub t0: Time,
    points: HashMap<ResourceId, Vec<RecoveryPoint>>,
    /// The buckets of which the estate says what they hold, by name.
    filled: HashSet<&'a str>,
}

impl<'a> Snapshot<'a> {
    pub fn new(file: &'a EstateFile, t0: Time) -> Self {
        let mut points: HashMap<ResourceId, Vec<RecoveryPoint>> = HashMap::new();
        for point in file.recovery_points(t0) {
            points.entry(point.of.clone()).or_default().push(point);
        }
        let is_filled = |entry: &&ResourceEntry| {
            entry.id.kind == "s3:bucket" && (entry.objects > 0 || entry.size > Size(0))
        };
        let filled = file.resources.iter().filter(is_filled).map(|entry| entry.id.name.as_str()).collect();
        Self { file, resources: file.resources(), t0, points, filled }
    }

    /// The resources with their entries in the file.
    pub fn entries(&self) -> impl Iterator<Item = (&Resource, &'a ResourceEntry)> {
        self.resources.iter().zip(&self.file.resources)
    }

    /// All recovery points of a resource, lost ones too.
    pub fn points(&self, id: &ResourceId) -> &[RecoveryPoint] {
        self.points.get(id).map_or(&[], Vec::as_slice)
    }

    /// Whether the estate says that the bucket of this name holds something.
    pub fn is_filled(&self, bucket: &str) -> bool {
        self.filled.contains(bucket)
    }

    /// What survives of a lost resource.
    pub fn survivor(&self, entry: &ResourceEntry, loss: &Loss) -> Survivor {
        match self.data_loss(entry, Some(loss)) {
            Some(data) => Survivor::Data(data),
            None if entry.stack.is_some() && !scope::holds_data(&entry.id.kind) => Survivor::Template,
            None => Survivor::Nothing,
        }
    }

    /// How old the data are that the usable sources of a resource hold: those that survive a loss,
    /// or all of them. `None`: there is no source.
    pub fn data_loss(&self, entry: &ResourceEntry, loss: Option<&Loss>) -> Option<DataLoss> {
        let usable: Vec<&RecoveryPoint> =
            self.points(&entry.id).iter().filter(|point| self.is_usable(point, loss)).collect();
        let replicas = || entry.replicas.iter().filter(|r| loss.is_none_or(|loss| survives(entry, r, loss)));
        if usable.is_empty() && replicas().next().is_none() {
            return None;
        }
        let newest = usable.iter().filter_map(|point| point.taken).max();
        let of_points = newest.map(|taken| seconds_between(taken, self.t0));
        let of_replicas = replicas().filter_map(|r| r.lag).map(Span::as_secs_f64);
        let of_replicas = of_replicas.reduce(f64::min);
        // An estate says the lag of a log by its `taken`, as on the twin.
        let mut worst = worst_case_of_one(&usable, self.t0, LOOK_BACK, Duration::ZERO);
        if let Some(lag) = of_replicas {
            // A replica is at most its lag behind, at any instant. A lower bound of the points says
            // nothing beside it.
            let seconds = Some(worst.seconds.map_or(lag, |known| known.min(lag)));
            worst = WorstCase { seconds, at_least: None, ..worst };
        }
        let seconds = [of_points, of_replicas].into_iter().flatten().reduce(f64::min);
        Some(DataLoss { seconds, worst })
    }

    /// Whether a point was usable at T0 and survives the loss, if there is one. An infected point is
    /// none to recover from.
    pub fn is_usable(&self, point: &RecoveryPoint, loss: Option<&Loss>) -> bool {
        if point.infected {
            return false;
        }
        match loss {
            Some(loss) => point.judge_survival(loss, self.t0).is_ok(),
            None => point.usable.or(point.seen_usable).is_some_and(|usable| usable <= self.t0),
        }
    }

    /// Whether a usable point or a replica of the resource survives the loss.
    pub fn outlives(&self, entry: &ResourceEntry, loss: &Loss) -> bool {
        self.points(&entry.id).iter().any(|point| self.is_usable(point, Some(loss)))
            || entry.replicas.iter().any(|replica| survives(entry, replica, loss))
    }
}

/// Whether a replica is there after the loss.
pub fn survives(entry: &ResourceEntry, replica: &ReplicaEntry, loss: &Loss) -> bool {
    let account = replica.account.as_ref().unwrap_or(&entry.account);
    let is_zonal = scope::row_of(&entry.id.kind).is_none_or(|row| row.scope == Scope::Zonal);
    if let Some(lost) = loss.az().filter(|az| is_zonal && replica.region.holds(az)) {
        return replica.az.as_ref().is_some_and(|az| az != lost);
    }
    let locus = Locus { account: Some(account.clone()), region: Some(replica.region.clone()), az: None };
    !loss.takes(&locus, Scope::Regional)
}
