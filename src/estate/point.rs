//! Recovery points: which one a step may use, which one it uses, and what a less lucky T0 would have lost.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loss::{Locus, Loss};
use super::resource::ResourceId;
use super::scope::Scope;
use crate::duration::{Size, Time, seconds_between};
use crate::ids::{AccountId, Region, name_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    EbsSnapshot,
    Ami,
    RdsSnapshot,
    RdsClusterSnapshot,
    /// A database's automated backups: any instant up to a few minutes ago.
    RdsPitr,
    /// A read replica that can be promoted.
    RdsReplica,
    /// A bucket that another replicates to.
    S3Replica,
    /// A versioned bucket: any instant since versioning began.
    S3Versions,
}

impl PointKind {
    /// A series without gaps: at any instant of its window, what was there `lag` before can be had.
    pub fn is_continuous(self) -> bool {
        matches!(self, Self::RdsPitr | Self::RdsReplica | Self::S3Replica | Self::S3Versions)
    }

    /// The type that a point of this kind is a resource of.
    pub fn resource_kind(self) -> &'static str {
        match self {
            Self::EbsSnapshot => "ec2:snapshot",
            Self::Ami => "ec2:image",
            Self::RdsSnapshot => "rds:snapshot",
            Self::RdsClusterSnapshot => "rds:cluster-snapshot",
            Self::RdsPitr | Self::RdsReplica => "rds:db",
            Self::S3Replica | Self::S3Versions => "s3:bucket",
        }
    }

    /// Whether it can be used only by the account that owns it.
    pub fn is_bound_to_its_account(self) -> bool {
        matches!(self, Self::RdsPitr | Self::RdsReplica)
    }
}

/// Something to restore from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// The resource that it restores.
    pub of: ResourceId,
    pub kind: PointKind,
    /// The cloud's id: a snapshot's id or ARN, an image's id, a bucket's name.
    pub id: String,
    pub account: AccountId,
    pub region: Region,
    /// The consistency time: the data are as they were then. `None`: the cloud does not tell, so the age is unknown.
    pub taken: Option<Time>,
    /// When it became usable (its copy complete). `None`: not complete yet.
    pub usable: Option<Time>,
    pub size: Size,
    /// Objects in a bucket.
    #[serde(default)]
    pub objects: u64,
    /// The accounts besides its own that may use it.
    #[serde(default)]
    pub shared_with: Vec<AccountId>,
    /// Encrypted with a key that other accounts cannot be given (an AWS managed key).
    #[serde(default)]
    pub managed_key: bool,
}

/// Which point a step wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Latest,
    Id(String),
    /// The newest whose data are not newer than this.
    AsOf(Time),
}

/// Where the point is going to be used, and how.
#[derive(Debug, Clone)]
pub struct Use<'a> {
    pub loss: &'a Loss,
    pub t0: Time,
    pub account: &'a AccountId,
    pub region: &'a Region,
    pub kinds: &'a [PointKind],
    /// A copy step: the point may lie in any surviving region.
    pub across_regions: bool,
}

/// Why a point was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    Lost,
    NotUsableAtT0,
    OtherRegion,
    NotShared,
    ManagedKey,
    OtherKind,
    TooNew,
    /// Usable, and another was named.
    NotNamed,
    /// Usable, and an older point than the one that was used.
    Older,
}

impl Rejection {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Lost => "it is lost",
            Self::NotUsableAtT0 => "it was not usable at T0 (its copy was not complete)",
            Self::OtherRegion => "it lies in another region and would have to be copied",
            Self::NotShared => "it is not shared with the sandbox's account",
            Self::ManagedKey => {
                "it is encrypted with an AWS managed key, which the sandbox's account cannot be given"
            }
            Self::OtherKind => "it is of a kind that this step cannot use",
            Self::TooNew => "it is newer than the instant that was asked for",
            Self::NotNamed => "another one was named",
            Self::Older => "a newer one was used",
        }
    }
}

impl RecoveryPoint {
    pub fn locus(&self) -> Locus {
        Locus { account: Some(self.account.clone()), region: Some(self.region.clone()), az: None }
    }

    pub fn survives(&self, loss: &Loss) -> bool {
        // Every kind of recovery point is regional (scope table): a lost zone takes none.
        !loss.takes(&self.locus(), Scope::Regional)
    }

    /// Whether it could be used at T0, apart from being the newest.
    pub fn judge(&self, on: &Use<'_>) -> Result<(), Rejection> {
        if !on.kinds.contains(&self.kind) {
            return Err(Rejection::OtherKind);
        }
        if !self.survives(on.loss) {
            return Err(Rejection::Lost);
        }
        if self.usable.is_none_or(|usable| usable > on.t0) {
            return Err(Rejection::NotUsableAtT0);
        }
        let own = self.account == *on.account;
        if !own && (self.kind.is_bound_to_its_account() || !self.shared_with.contains(on.account)) {
            return Err(Rejection::NotShared);
        }
        if !own && self.managed_key {
            return Err(Rejection::ManagedKey);
        }
        if self.region != *on.region && !on.across_regions {
            return Err(Rejection::OtherRegion);
        }
        Ok(())
    }
}

/// What was chosen, and why every other was not.
#[derive(Debug, Clone, Default)]
pub struct Selection<'a> {
    pub chosen: Option<&'a RecoveryPoint>,
    pub rejected: Vec<(&'a RecoveryPoint, Rejection)>,
}

impl<'a> Selection<'a> {
    /// Survivors that are newer than the chosen one and could have been used only through a copy.
    pub fn newer_by_copy(&self) -> impl Iterator<Item = &'a RecoveryPoint> + '_ {
        self.rejected.iter().filter_map(|(point, why)| {
            let by_copy =
                matches!(why, Rejection::OtherRegion | Rejection::NotShared | Rejection::ManagedKey)
                    && !point.kind.is_bound_to_its_account();
            (by_copy && point.taken > self.chosen.and_then(|c| c.taken)).then_some(*point)
        })
    }
}

/// Chooses among `points` (all of one resource or selector).
pub fn select<'a>(points: &'a [RecoveryPoint], wanted: &Wanted, on: &Use<'_>) -> Selection<'a> {
    let mut selection = Selection::default();
    let mut usable = Vec::new();
    for point in points {
        let verdict = point.judge(on).and_then(|()| match wanted {
            Wanted::Latest => Ok(()),
            Wanted::Id(id) => {
                (point.id == *id || name_of(&point.id) == id).then_some(()).ok_or(Rejection::NotNamed)
            }
            // A continuous series reaches back: it can give the data of any earlier instant.
            Wanted::AsOf(at) if point.kind.is_continuous() || point.taken.is_some_and(|t| t <= *at) => Ok(()),
            Wanted::AsOf(_) => Err(Rejection::TooNew),
        });
        match verdict {
            Ok(()) => usable.push(point),
            Err(why) => selection.rejected.push((point, why)),
        }
    }
    // A point of unknown age sorts before every known one: it is used only where there is nothing better.
    usable.sort_by(|a, b| (a.taken, &b.id).cmp(&(b.taken, &a.id)));
    selection.chosen = usable.pop();
    selection.rejected.extend(usable.into_iter().map(|p| (p, Rejection::Older)));
    selection
}

/// How far back a worst case looks by default: 30 days.
pub const LOOK_BACK: Duration = Duration::from_hours(720);

/// What a less lucky T0 would have lost, in seconds: the supremum, over the instants t of the look-back window
/// (not before the first point was usable), of `t − consistency time of the newest point usable at t`. `None`
/// when no point qualifies, or one that does has no known age.
pub fn worst_case_rpo(points: &[RecoveryPoint], on: &Use<'_>, look_back: Duration) -> Option<f64> {
    let mut dated = Vec::new();
    for point in points.iter().filter(|p| p.judge(on).is_ok()) {
        dated.push((point.usable?, point.taken?, point.kind.is_continuous()));
    }
    // A continuous series loses its lag at every instant of the window; a snapshot may only ever do better.
    let continuous = dated
        .iter()
        .filter(|(.., c)| *c)
        .map(|(_, taken, _)| seconds_between(*taken, on.t0))
        .reduce(f64::min);
    dated.retain(|(.., continuous)| !continuous);
    dated.sort();
    let window = on.t0 - chrono::TimeDelta::from_std(look_back).ok()?;
    let mut worst: Option<f64> = None;
    let mut newest: Option<Time> = None;
    for (i, (usable, taken, _)) in dated.iter().enumerate() {
        newest = newest.max(Some(*taken));
        // Just before the next point becomes usable (or at T0) this one is oldest.
        let until = dated.get(i + 1).map_or(on.t0, |(next, ..)| *next);
        if until > window
            && until >= *usable
            && let Some(newest) = newest
        {
            let loss = seconds_between(newest, until);
            worst = Some(worst.map_or(loss, |w| w.max(loss)));
        }
    }
    match (worst, continuous) {
        (Some(snapshots), Some(series)) => Some(snapshots.min(series)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t0() -> Time {
        chrono::DateTime::from_timestamp(1_000_000_000, 0).unwrap()
    }

    fn point(id: &str, region: &str, account: &str, taken_h: f64, usable_h: f64) -> RecoveryPoint {
        #[expect(clippy::cast_possible_truncation, reason = "hours of a test")]
        let at = |hours: f64| t0() + chrono::TimeDelta::seconds((hours * 3600.0) as i64);
        RecoveryPoint {
            of: "rds:db/orders".parse().unwrap(),
            kind: PointKind::RdsSnapshot,
            id: id.into(),
            account: account.parse().unwrap(),
            region: region.parse().unwrap(),
            taken: Some(at(taken_h)),
            usable: Some(at(usable_h)),
            size: Size::gib(200),
            objects: 0,
            shared_with: vec!["999988887777".parse().unwrap()],
            managed_key: false,
        }
    }

    fn shop() -> Vec<RecoveryPoint> {
        vec![
            point("west-26h", "us-west-2", "111122223333", -26.0, -25.5),
            point("west-14h", "us-west-2", "111122223333", -14.0, -13.5),
            point("west-2h", "us-west-2", "111122223333", -2.0, -1.5),
            point("west-late", "us-west-2", "111122223333", -0.33, 0.17),
            point("east-1h", "us-east-1", "111122223333", -1.0, -1.0),
            point("vault-25h", "us-west-2", "444455556666", -25.0, -24.0),
        ]
    }

    fn with_use<T>(loss: &Loss, across: bool, f: impl FnOnce(&Use<'_>) -> T) -> T {
        let (account, region) = ("999988887777".parse().unwrap(), "us-west-2".parse().unwrap());
        let kinds = [PointKind::RdsSnapshot];
        f(&Use { loss, t0: t0(), account: &account, region: &region, kinds: &kinds, across_regions: across })
    }

    #[test]
    fn the_newest_survivor_usable_at_t0_is_chosen() {
        let points = shop();
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| {
            let selection = select(&points, &Wanted::Latest, on);
            assert_eq!(selection.chosen.unwrap().id, "west-2h");
            let why: Vec<_> = selection.rejected.iter().map(|(p, w)| (p.id.as_str(), *w)).collect();
            assert!(why.contains(&("west-late", Rejection::NotUsableAtT0)), "{why:?}");
            assert!(why.contains(&("east-1h", Rejection::Lost)), "{why:?}");
            assert_eq!(worst_case_rpo(&points, on, LOOK_BACK), Some(45_000.0));
        });
        let account = Loss::Account("111122223333".parse().unwrap());
        with_use(&account, true, |on| {
            assert_eq!(select(&points, &Wanted::Latest, on).chosen.unwrap().id, "vault-25h");
            assert_eq!(worst_case_rpo(&points, on, LOOK_BACK), Some(90_000.0));
        });
    }

    #[test]
    fn a_newer_survivor_that_needs_a_copy_is_told() {
        let points = shop();
        let az = Loss::Az("use1-az1".parse().unwrap());
        with_use(&az, false, |on| {
            let selection = select(&points, &Wanted::Latest, on);
            assert_eq!(selection.chosen.unwrap().id, "west-2h");
            assert_eq!(selection.newer_by_copy().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["east-1h"]);
        });
    }

    #[test]
    fn a_continuous_series_has_no_gaps() {
        let mut points = shop();
        let mut pitr = point("pitr", "us-west-2", "999988887777", -0.1, -0.1);
        pitr.kind = PointKind::RdsPitr;
        points.push(pitr);
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| {
            let on = Use { kinds: &[PointKind::RdsSnapshot, PointKind::RdsPitr], ..on.clone() };
            assert_eq!(worst_case_rpo(&points, &on, LOOK_BACK), Some(360.0));
        });
    }

    #[test]
    fn an_unknown_age_makes_the_worst_case_unknown() {
        let mut points = shop();
        points[0].taken = None;
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| assert_eq!(worst_case_rpo(&points, on, LOOK_BACK), None));
    }
}
