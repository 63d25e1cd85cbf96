//! What a drill makes in AWS: what it needs of the quotas, and what it costs.

pub mod cost;
pub mod prices;
pub mod quotas;

use port::Create;

use base::duration::{Size, Time};
use base::ids::Region;

/// Whether a rehearsal asked for everything that the drill would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    Whole,
    /// It did not do all steps.
    InPart,
}

/// Something that a drill asks AWS for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The step, or `sandbox`.
    pub by: String,
    pub at: Time,
    /// Where it is made.
    pub region: Region,
    pub thing: Thing,
}

/// What it is, as far as quotas and prices go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    Database {
        engine: Option<String>,
        class: Option<String>,
        multi_az: bool,
        /// Storage of its own. A member of a cluster has none.
        storage: Option<Size>,
    },
    ClusterStorage {
        size: Size,
    },
    /// A cluster whose capacity follows the load.
    Serverless,
    Machines {
        kind: String,
        count: u32,
    },
    Volume {
        kind: String,
        size: Size,
    },
    Copy {
        from: Region,
        size: Size,
        of: Copied,
    },
    Objects {
        from: Region,
        objects: u64,
        size: Size,
    },
    Address,
    /// What a stack makes is not known here.
    Stack {
        name: String,
    },
    /// What AWS Backup restores has no class here.
    Restored {
        name: String,
    },
    Table {
        name: String,
    },
}

/// What a copy is of. AWS limits each on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copied {
    Snapshot,
    Image,
    DbSnapshot,
    DbClusterSnapshot,
    /// A recovery point of AWS Backup.
    Point,
}

impl Thing {
    /// What a request makes. Empty: nothing that costs or that a quota of the table limits.
    pub fn of(create: &Create) -> Vec<Self> {
        let copy = |from: &Region, size: Size, of| vec![Self::Copy { from: from.clone(), size, of }];
        let database = |db: &port::RestoreDb| Self::Database {
            engine: db.engine.clone(),
            class: db.class.clone(),
            multi_az: db.multi_az,
            storage: Some(db.size),
        };
        match create {
            Create::CopySnapshot { source_region, size, .. } => copy(source_region, *size, Copied::Snapshot),
            Create::CopyImage { source_region, size, .. } => copy(source_region, *size, Copied::Image),
            Create::CopyDbSnapshot { source_region, size, .. } => {
                copy(source_region, *size, Copied::DbSnapshot)
            }
            Create::CopyPoint(port::CopyPoint { from, size, .. }) => copy(&from.region, *size, Copied::Point),
            Create::CopyDbClusterSnapshot { source_region, size, .. } => {
                copy(source_region, *size, Copied::DbClusterSnapshot)
            }
            Create::Volume(volume) => {
                vec![Self::Volume { kind: volume.volume_type.clone(), size: volume.size }]
            }
            Create::Instances(run) => {
                vec![Self::Machines { kind: run.instance_type.clone(), count: run.count }]
            }
            Create::Address { .. } => vec![Self::Address],
            Create::Db(db) => vec![database(db)],
            Create::DbToTime(restore) => vec![database(&restore.db)],
            // Its data come from another region.
            Create::DbReplica { source_region, db, .. } => {
                let mut all = copy(source_region, db.size, Copied::DbSnapshot);
                all.push(database(db));
                all
            }
            Create::DbCluster(cluster) => {
                let storage = Self::ClusterStorage { size: cluster.size };
                match cluster.serverless {
                    Some(_) => vec![storage, Self::Serverless],
                    None => vec![storage],
                }
            }
            Create::DbClusterToTime(cluster) => match (&cluster.multi_az, cluster.serverless) {
                // RDS makes three instances, each with its own storage (RDS user guide, "Multi-AZ DB
                // cluster deployments").
                (Some(multi_az), _) => vec![
                    Self::Database {
                        engine: Some(cluster.engine.clone()),
                        class: Some(multi_az.class.clone()),
                        multi_az: false,
                        storage: Some(cluster.size),
                    };
                    3
                ],
                (None, serverless) => {
                    let storage = Self::ClusterStorage { size: cluster.size };
                    std::iter::once(storage).chain(serverless.map(|_| Self::Serverless)).collect()
                }
            },
            Create::Table(table) | Create::TableToTime(port::RestoreTableToTime { table, to: _ }) => {
                vec![Self::Table { name: table.name.clone() }]
            }
            Create::StartRestore(start) => vec![Self::Restored { name: start.name.clone() }],
            Create::DbClusterInstance { class, engine, .. } => {
                // The capacity of a serverless cluster is counted once, with the cluster.
                vec![Self::Database {
                    engine: Some(engine.clone()),
                    class: Some(class.clone()),
                    multi_az: false,
                    storage: None,
                }]
            }
            Create::Stack(stack) => vec![Self::Stack { name: stack.name.clone() }],
            Create::Vpc { .. }
            | Create::Subnet { .. }
            | Create::SecurityGroup { .. }
            | Create::DbSubnetGroup { .. }
            | Create::Bucket { .. }
            | Create::Vault { .. }
            | Create::AttachVolume { .. }
            | Create::KeyPair { .. }
            | Create::SetTable(_)
            | Create::AdoptRestored(_)
            | Create::MountTarget { .. }
            // A function costs while it answers: cents for thousands of checks.
            | Create::Function(_)
            // The firewall and its log cost cents for a drill, and a zone that is gone within 12 hours nothing.
            | Create::DomainList { .. }
            | Create::RuleGroup { .. }
            | Create::OverrideRule { .. }
            | Create::QueryLog { .. }
            | Create::Zone { .. }
            | Create::Record { .. }
            | Create::PromoteReplica { .. } => Vec::new(),
        }
    }
}

/// A size that is known. Estates leave out what nobody knows.
fn known(size: Size) -> Option<f64> {
    (size != Size(0)).then(|| size.as_gib())
}
