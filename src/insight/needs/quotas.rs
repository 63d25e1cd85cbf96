//! What a drill needs of the quotas of the sandbox's region.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Asked, Completeness, Thing};
use base::duration::Size;
use base::ids::Region;
use estate::file::Quotas;

/// One need.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Quota {
    /// The key of the estate's `quotas`.
    pub what: &'static str,
    pub region: Region,
    /// How much the drill makes at most at once. `null`: unknown.
    pub needed: Option<u64>,
    /// How much may still be made, as the estate says. `null`: unknown.
    pub available: Option<u64>,
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    Enough,
    TooLow,
    /// Unknown is not enough.
    Unknown,
}

/// A sum, and whether it is all.
#[derive(Clone, Copy)]
struct Sum {
    known: u64,
    is_all: bool,
}

/// All needs. What a drill does not need is left out. Everything stays until teardown, so what is
/// made adds up. Where something may come on top that nobody knows, `needed` is unknown.
pub fn quotas(
    asked: &[Asked],
    region: &Region,
    quotas: Option<&Quotas>,
    completeness: Completeness,
) -> Vec<Quota> {
    let whole = completeness == Completeness::Whole;
    let (mut databases, mut machines, mut addresses, mut copies, mut bytes) = (0, 0, 0, 0, 0_u64);
    // A stack may make anything, and an image brings volumes of its own.
    let (mut is_all, mut volumes_are_all) = (whole, true);
    for one in asked.iter().filter(|one| one.region == *region) {
        match &one.thing {
            Thing::Database { .. } => databases += 1,
            Thing::Machines { count, .. } => {
                machines += u64::from(*count);
                volumes_are_all = false;
            }
            Thing::Address => addresses += 1,
            Thing::Copy { .. } => copies += 1,
            Thing::Volume { size, .. } => {
                bytes = bytes.saturating_add(size.0);
                volumes_are_all &= *size != Size(0);
            }
            Thing::Stack { .. } | Thing::Restored { .. } => is_all = false,
            Thing::ClusterStorage { .. }
            | Thing::Serverless
            | Thing::Objects { .. }
            | Thing::Table { .. } => {}
        }
    }
    let sum = |known| Sum { known, is_all };
    let volumes = Sum { known: bytes.div_ceil(1 << 30), is_all: is_all && volumes_are_all };
    let left = |of: fn(&Quotas) -> Option<u64>| quotas.and_then(of);
    let rows = [
        ("db_instances", sum(databases), left(|quotas| quotas.db_instances.map(u64::from))),
        ("instances", sum(machines), left(|quotas| quotas.instances.map(u64::from))),
        ("addresses", sum(addresses), left(|quotas| quotas.addresses.map(u64::from))),
        ("volume_gib", volumes, left(|quotas| quotas.volume_gib)),
        // No stack copies a snapshot.
        (
            "snapshot_copies",
            Sum { known: copies, is_all: whole },
            left(|quotas| quotas.snapshot_copies.map(u64::from)),
        ),
    ];
    let rows = rows.into_iter().filter(|(_, needed, _)| needed.known > 0 || !needed.is_all);
    rows.map(|(what, needed, available)| {
        let status = match available {
            Some(available) if needed.known > available => Status::TooLow,
            Some(_) if needed.is_all => Status::Enough,
            Some(_) | None => Status::Unknown,
        };
        let needed = needed.is_all.then_some(needed.known);
        Quota { what, region: region.clone(), needed, available, status }
    })
    .collect()
}
