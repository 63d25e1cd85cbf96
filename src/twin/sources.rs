//! Checks the sources of restores and copies. As in the real cloud, a source must exist, be
//! complete and be open to the account.

use super::world::World;
use base::duration::{Size, Time};
use base::ids::{Region, name_of};
use estate::{PointIndex, PointKind, RecoveryPoint, ResourceIndex};
use port::{
    CloudError, CloudResult, Create, ErrorKind, Kind, Place, RestoreDbToTime, RestoreTable,
    RestoreTableToTime, State,
};
use template::LONGEST_TEMPLATE;

/// The kinds of sources, in the estate and among the run's resources.
const SNAPSHOT: (PointKind, Kind) = (PointKind::EbsSnapshot, Kind::Snapshot);
const IMAGE: (PointKind, Kind) = (PointKind::Ami, Kind::Image);
const DB_SNAPSHOT: (PointKind, Kind) = (PointKind::RdsSnapshot, Kind::DbSnapshot);
const CLUSTER_SNAPSHOT: (PointKind, Kind) = (PointKind::RdsClusterSnapshot, Kind::DbClusterSnapshot);
/// What a copy job of the run has made is looked up by its own ARN ([`World::copied`]).
const BACKUP: (PointKind, Kind) = (PointKind::Backup, Kind::CopyJob);

pub struct Sources<'a> {
    pub points: &'a PointIndex,
    pub resources: &'a ResourceIndex,
    pub world: &'a World,
    pub now: Time,
}

impl Sources<'_> {
    /// Checks the source of a request. Returns the source's size, if known.
    ///
    /// # Errors
    ///
    /// The error of the real cloud, if the source cannot be used.
    pub fn check(&self, place: &Place, what: &Create) -> CloudResult<Option<Size>> {
        let (source, region, kinds) = match what {
            Create::CopySnapshot { source, source_region, .. } => (source, source_region, SNAPSHOT),
            Create::CopyImage { source, source_region, .. } => (source, source_region, IMAGE),
            Create::CopyDbSnapshot { source, source_region, .. } => (source, source_region, DB_SNAPSHOT),
            Create::CopyDbClusterSnapshot { source, source_region, .. } => {
                (source, source_region, CLUSTER_SNAPSHOT)
            }
            Create::Volume(volume) => (&volume.snapshot, &place.region, SNAPSHOT),
            Create::Instances(run) => (&run.image, &place.region, IMAGE),
            Create::Db(db) => (&db.source, &place.region, DB_SNAPSHOT),
            Create::DbCluster(cluster) => (&cluster.snapshot, &place.region, CLUSTER_SNAPSHOT),
            Create::StartRestore(start) => {
                if let Some(copied) = self.world.copied(&start.recovery_point, self.now) {
                    let not_there = || {
                        let said = format!(
                            "account {} has no {} {}",
                            place.account, place.region, start.recovery_point
                        );
                        CloudError::new(ErrorKind::NotFound, what.call(), said)
                    };
                    return if copied.to == *place { Ok(copied.size) } else { Err(not_there()) };
                }
                (&start.recovery_point, &place.region, BACKUP)
            }
            // It is requested where the point lies.
            Create::CopyPoint(copy) => (&copy.recovery_point, &copy.from.region, BACKUP),
            Create::DbReplica { source, source_region, .. } if *source_region == place.region => {
                let said = format!("a replica of {source} in its own region would stand in production's VPC");
                return Err(CloudError::new(ErrorKind::Invalid, what.call(), said)
                    .help("put the sandbox into another region, or restore with `rds.restore_to_time`"));
            }
            Create::DbReplica { source, source_region, .. } => {
                return self.database(place, what, source, source_region).map(|()| None);
            }
            Create::Stack(stack) if stack.template.len() > LONGEST_TEMPLATE => {
                let said = format!(
                    "ValidationError: the template has {} bytes, and a request takes {LONGEST_TEMPLATE} at most",
                    stack.template.len()
                );
                return Err(CloudError::new(ErrorKind::Invalid, what.call(), said));
            }
            Create::Table(table) => return self.backup(place, what, table).map(Some),
            // `instant` checks the automated backups.
            Create::DbToTime(_)
            | Create::DbClusterToTime(_)
            | Create::TableToTime(_)
            | Create::SetTable(_)
            | Create::Stack(_)
            | Create::Vpc { .. }
            | Create::Subnet { .. }
            | Create::SecurityGroup { .. }
            | Create::DbSubnetGroup { .. }
            | Create::Bucket { .. }
            | Create::AttachVolume { .. }
            | Create::KeyPair { .. }
            | Create::Address { .. }
            | Create::DbClusterInstance { .. }
            | Create::Vault { .. }
            | Create::AdoptRestored(_)
            | Create::MountTarget { .. }
            | Create::Function(_)
            | Create::DomainList { .. }
            | Create::RuleGroup { .. }
            | Create::OverrideRule { .. }
            | Create::QueryLog { .. }
            | Create::Zone { .. }
            | Create::Record { .. }
            | Create::PromoteReplica { .. } => return Ok(None),
        };
        let (source, id, (point_kind, kind)) = (source.as_str(), name_of(source), kinds);
        let there = Place { account: place.account.clone(), region: region.clone() };
        match self.world.observe(&there, kind, id, self.now).state {
            State::Ready => return Ok(self.world.size(&there, kind, id)),
            State::Pending(_) => return Err(not_complete(what, source)),
            State::Failed(why) => {
                return Err(CloudError::new(ErrorKind::Invalid, what.call(), format!("{source} is {why}")));
            }
            State::Gone => {}
        }
        let owner = source.starts_with("arn:").then(|| source.split(':').nth(4)).flatten();
        let named = || {
            self.points.by_id(id).filter(|p| {
                p.kind == point_kind
                    && p.region == *region
                    && name_of(&p.id) == id
                    && owner.is_none_or(|owner| owner == p.account.as_str())
            })
        };
        // Other accounts may have snapshots of the same name.
        let own = named().find(|point| point.account == place.account);
        let point = own.or_else(|| named().next());
        let open = point.filter(|p| {
            p.account == place.account || (p.shared_with.contains(&place.account) && !p.managed_key)
        });
        match open {
            // A snapshot that is not shared does not exist for another account. The APIs answer the
            // same way.
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
            Some(point) if point.encrypted => encrypted(place, what, point).map(|()| Some(point.size)),
            Some(point) => Ok(Some(point.size)),
        }
    }

    /// Returns the time to which a point-in-time restore leads. Without `to`, it is the latest.
    pub fn instant(&self, place: &Place, what: &Create) -> CloudResult<Option<Time>> {
        let here = &place.region;
        let (kind, of, region, source, to) = match what {
            Create::DbToTime(RestoreDbToTime { db, to }) => {
                (PointKind::RdsPitr, "rds:db", here, name_of(&db.source), *to)
            }
            Create::DbClusterToTime(cluster) => {
                (PointKind::RdsPitr, "rds:cluster", here, name_of(&cluster.source), Some(cluster.to))
            }
            Create::TableToTime(RestoreTableToTime { table, to }) => {
                let name = name_of(&table.source);
                let name = name.strip_prefix("table/").unwrap_or(name);
                (PointKind::DynamodbPitr, "dynamodb:table", &table.source_region, name, Some(*to))
            }
            Create::Table(_)
            | Create::SetTable(_)
            | Create::Vpc { .. }
            | Create::Subnet { .. }
            | Create::SecurityGroup { .. }
            | Create::DbSubnetGroup { .. }
            | Create::Bucket { .. }
            | Create::CopySnapshot { .. }
            | Create::CopyImage { .. }
            | Create::Volume(_)
            | Create::Instances(_)
            | Create::AttachVolume { .. }
            | Create::KeyPair { .. }
            | Create::Address { .. }
            | Create::CopyDbSnapshot { .. }
            | Create::CopyDbClusterSnapshot { .. }
            | Create::Db(_)
            | Create::DbCluster(_)
            | Create::DbClusterInstance { .. }
            | Create::DbReplica { .. }
            | Create::PromoteReplica { .. }
            | Create::MountTarget { .. }
            | Create::Function(_)
            | Create::DomainList { .. }
            | Create::RuleGroup { .. }
            | Create::OverrideRule { .. }
            | Create::QueryLog { .. }
            | Create::Zone { .. }
            | Create::Record { .. }
            | Create::Vault { .. }
            | Create::CopyPoint(_)
            | Create::StartRestore(_)
            | Create::AdoptRestored(_)
            | Create::Stack(_) => return Ok(None),
        };
        let point = self.points.named(source).find(|p| {
            p.kind == kind
                && p.of.kind == of
                && p.account == place.account
                && p.region == *region
                && (p.of.name == source || name_of(&p.id) == source)
        });
        let Some(point) = point else {
            return Err(CloudError::new(
                ErrorKind::NotFound,
                what.call(),
                format!("account {} has no automated backups of {source} in {region}", place.account),
            )
            .help("automated backups stay in their own account and region: check both"));
        };
        match (to, point.taken) {
            (Some(to), Some(latest)) if to > latest => Err(CloudError::new(
                ErrorKind::Invalid,
                what.call(),
                format!("{source} can be restored up to {latest}, and not to {to}"),
            )
            .help("ask for an earlier instant, or for `latest`")),
            (Some(to), _) => Ok(Some(to)),
            (None, latest) => Ok(latest),
        }
    }

    /// Checks the backup of a table, and returns its size. A backup can be restored in its own account
    /// only, and in any region.
    fn backup(&self, place: &Place, what: &Create, table: &RestoreTable) -> CloudResult<Size> {
        let known = self.points.by_id(&table.source).find(|p| {
            p.kind == PointKind::DynamodbBackup
                && p.account == place.account
                && p.region == table.source_region
                && (p.id == table.source || name_of(&p.id) == name_of(&table.source))
        });
        match known {
            None => Err(CloudError::new(
                ErrorKind::NotFound,
                what.call(),
                format!(
                    "account {} has no backup {} in {}",
                    place.account, table.source, table.source_region
                ),
            )
            .help("a table's backups stay in their own account: check the account, the region and the ARN")),
            Some(point) if point.usable.is_none_or(|usable| usable > self.now) => {
                Err(not_complete(what, &table.source))
            }
            Some(point) => Ok(point.size),
        }
    }

    /// Checks that a replica's source database exists in the same account.
    fn database(&self, place: &Place, what: &Create, source: &str, region: &Region) -> CloudResult<()> {
        let name = name_of(source);
        let there = self.resources.named(name).any(|r| {
            r.id.kind == "rds:db"
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

/// Refuses what RDS refuses for an encrypted snapshot of another account or region.
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
        // RDS restores from a shared and encrypted cluster snapshot. EC2 uses shared and encrypted
        // snapshots and images.
        Create::Db(_)
        | Create::CopyDbSnapshot { .. }
        | Create::CopyDbClusterSnapshot { .. }
        | Create::CopySnapshot { .. }
        | Create::CopyImage { .. }
        | Create::Volume(_)
        | Create::Instances(_)
        | Create::DbToTime(_)
        | Create::DbClusterToTime(_)
        | Create::Table(_)
        | Create::TableToTime(_)
        | Create::SetTable(_)
        | Create::DbCluster(_)
        | Create::DbClusterInstance { .. }
        | Create::DbReplica { .. }
        | Create::PromoteReplica { .. }
        | Create::Vpc { .. }
        | Create::Subnet { .. }
        | Create::SecurityGroup { .. }
        | Create::DbSubnetGroup { .. }
        | Create::Bucket { .. }
        | Create::AttachVolume { .. }
        | Create::KeyPair { .. }
        | Create::Address { .. }
        | Create::Vault { .. }
        | Create::CopyPoint(_)
        | Create::StartRestore(_)
        | Create::AdoptRestored(_)
        | Create::MountTarget { .. }
        | Create::Function(_)
        | Create::DomainList { .. }
        | Create::RuleGroup { .. }
        | Create::OverrideRule { .. }
        | Create::QueryLog { .. }
        | Create::Zone { .. }
        | Create::Record { .. }
        | Create::Stack(_) => return Ok(()),
    };
    Err(CloudError::new(ErrorKind::Invalid, what.call(), said).help(help))
}

fn not_complete(what: &Create, source: &str) -> CloudError {
    CloudError::new(ErrorKind::InUse, what.call(), format!("{source} is not complete yet"))
        .help("wait until it is, or use an older one")
}
