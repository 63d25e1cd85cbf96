//! What a request restores or copies must be there, complete, and open to the account that asks, as on the real cloud.

use super::world::World;
use base::duration::Time;
use base::ids::{Region, name_of};
use estate::{PointIndex, PointKind, RecoveryPoint, Resource};
use port::{CloudError, CloudResult, Create, ErrorKind, Kind, Place, RestoreDbToTime, State};
use template::LONGEST_TEMPLATE;

pub struct Sources<'a> {
    pub points: &'a PointIndex,
    pub resources: &'a [Resource],
    pub world: &'a World,
    pub now: Time,
}

impl Sources<'_> {
    /// An error as the real cloud has it where `what` names a source that it could not use.
    pub fn check(&self, place: &Place, what: &Create) -> CloudResult<()> {
        let (source, region) = match what {
            Create::CopySnapshot { source, source_region, .. }
            | Create::CopyImage { source, source_region, .. }
            | Create::CopyDbSnapshot { source, source_region, .. }
            | Create::CopyDbClusterSnapshot { source, source_region, .. } => (source.as_str(), source_region),
            Create::Volume(volume) => (volume.snapshot.as_str(), &place.region),
            Create::Instances(run) => (run.image.as_str(), &place.region),
            Create::Db(db) => (db.source.as_str(), &place.region),
            Create::DbCluster(cluster) => (cluster.snapshot.as_str(), &place.region),
            Create::DbReplica { source, source_region, .. } if *source_region == place.region => {
                let said = format!("a replica of {source} in its own region would stand in production's VPC");
                return Err(CloudError::new(ErrorKind::Invalid, what.call(), said)
                    .help("put the sandbox into another region, or restore with `rds.restore_to_time`"));
            }
            Create::DbReplica { source, source_region, .. } => {
                return self.database(place, what, source, source_region);
            }
            Create::Stack(stack) if stack.template.len() > LONGEST_TEMPLATE => {
                let said = format!(
                    "ValidationError: the template has {} bytes, and a request takes {LONGEST_TEMPLATE} at most",
                    stack.template.len()
                );
                return Err(CloudError::new(ErrorKind::Invalid, what.call(), said));
            }
            _ => return Ok(()),
        };
        let (point_kind, kind) = match what {
            Create::CopySnapshot { .. } | Create::Volume(_) => (PointKind::EbsSnapshot, Kind::Snapshot),
            Create::CopyImage { .. } | Create::Instances(_) => (PointKind::Ami, Kind::Image),
            Create::CopyDbClusterSnapshot { .. } | Create::DbCluster(_) => {
                (PointKind::RdsClusterSnapshot, Kind::DbClusterSnapshot)
            }
            _ => (PointKind::RdsSnapshot, Kind::DbSnapshot),
        };
        let id = name_of(source);
        let made = self.world.observe(
            &Place { account: place.account.clone(), region: region.clone() },
            kind,
            id,
            self.now,
        );
        match made.state {
            State::Ready => return Ok(()),
            State::Pending(_) => return Err(not_complete(what, source)),
            State::Failed(why) => {
                return Err(CloudError::new(ErrorKind::Invalid, what.call(), format!("{source} is {why}")));
            }
            State::Gone => {}
        }
        let owner = source.starts_with("arn:").then(|| source.split(':').nth(4)).flatten();
        let point = self.points.by_id(id).find(|p| {
            p.kind == point_kind
                && p.region == *region
                && name_of(&p.id) == id
                && owner.is_none_or(|owner| owner == p.account.as_str())
        });
        let open = point.filter(|p| {
            p.account == place.account || (p.shared_with.contains(&place.account) && !p.managed_key)
        });
        match open {
            // What another account has not shared is as good as not there: that is how the APIs answer.
            None => Err(CloudError::new(
                ErrorKind::NotFound,
                what.call(),
                format!("account {} sees no {} {source} in {region}", place.account, kind.name()),
            )
            .help(
                "check the id, the account and the region that it is looked for in, and whether it is shared",
            )),
            Some(point) if point.usable.is_none_or(|usable| usable > self.now) => {
                Err(not_complete(what, source))
            }
            Some(point) if point.encrypted => encrypted(place, what, point),
            Some(_) => Ok(()),
        }
    }

    /// The instant that a restore to `to` (absent: the latest) gives.
    pub fn instant(&self, place: &Place, what: &Create) -> CloudResult<Option<Time>> {
        let Create::DbToTime(RestoreDbToTime { db, to }) = what else { return Ok(None) };
        let point = self.points.all.iter().find(|p| {
            p.kind == PointKind::RdsPitr
                && p.account == place.account
                && p.region == place.region
                && (p.of.name == name_of(&db.source) || p.id == db.source)
        });
        let Some(point) = point else {
            return Err(CloudError::new(
                ErrorKind::NotFound,
                what.call(),
                format!(
                    "account {} has no automated backups of {} in {}",
                    place.account, db.source, place.region
                ),
            )
            .help("automated backups stay in their own account and region: check both"));
        };
        match (to, point.taken) {
            (Some(to), Some(latest)) if *to > latest => Err(CloudError::new(
                ErrorKind::Invalid,
                what.call(),
                format!("{} can be restored up to {latest}, and not to {to}", db.source),
            )
            .help("ask for an earlier instant, or for `latest`")),
            (Some(to), _) => Ok(Some(*to)),
            (None, latest) => Ok(latest),
        }
    }

    /// A replica needs the database itself, in the same account.
    fn database(&self, place: &Place, what: &Create, source: &str, region: &Region) -> CloudResult<()> {
        let name = name_of(source);
        let there = self.resources.iter().any(|r| {
            r.id.kind == "rds:db"
                && r.id.name == name
                && r.locus.account.as_ref() == Some(&place.account)
                && r.locus.region.as_ref() == Some(region)
        });
        if there {
            return Ok(());
        }
        Err(CloudError::new(
            ErrorKind::NotFound,
            what.call(),
            format!("account {} has no database {name} in {region}", place.account),
        )
        .help("a read replica is made in the account of its source"))
    }
}

/// What RDS refuses to do with an encrypted snapshot of another account or region.
fn encrypted(place: &Place, what: &Create, point: &RecoveryPoint) -> CloudResult<()> {
    let shared = point.account != place.account;
    let (said, help) = match what {
        Create::Db(_) if shared => (
            format!("{} is shared and encrypted: it can be copied, and not restored from", point.id),
            "copy it first with `rds.copy_snapshot`, under a key of the sandbox's account",
        ),
        Create::CopyDbSnapshot { kms_key: None, .. }
        | Create::CopyDbClusterSnapshot { kms_key: None, .. }
            if shared || point.region != place.region =>
        {
            (
                format!("{} is encrypted, and its key is of another account or region", point.id),
                "name a key of the sandbox's account and region with `kms_key`",
            )
        }
        _ => return Ok(()),
    };
    Err(CloudError::new(ErrorKind::Invalid, what.call(), said).help(help))
}

fn not_complete(what: &Create, source: &str) -> CloudError {
    CloudError::new(ErrorKind::InUse, what.call(), format!("{source} is not complete yet"))
        .help("wait until it is, or use an older one")
}
