//! The estate as it stands in a YAML file.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::locus::Locus;
use super::point::{PointKind, RecoveryPoint};
use super::resource::{Resource, ResourceId};
use base::duration::{Size, Span, Time, When};
use base::ids::{AccountId, AzId, Region};

/// An estate: what production consists of, its recovery points, and how the twin behaves.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EstateFile {
    /// Account ids (strings of 12 digits) and their names.
    #[schemars(extend("propertyNames" = { "type": "string", "format": "account-id" }))]
    pub accounts: BTreeMap<AccountId, AccountEntry>,
    /// The regions, and the ids of their availability zones.
    #[schemars(extend("propertyNames" = { "type": "string", "format": "region" }))]
    pub regions: BTreeMap<Region, RegionEntry>,
    #[serde(default)]
    pub resources: Vec<ResourceEntry>,
    #[serde(default)]
    pub recovery_points: Vec<PointEntry>,
    /// How long the twin takes, by action; overrides the built-in calibration.
    #[serde(default)]
    pub timings: IndexMap<String, Timing>,
    /// How restored things answer the checks, by the check's id.
    #[serde(default)]
    pub probes: IndexMap<String, Probe>,
    /// A bad day to rehearse.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountEntry {
    pub name: String,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionEntry {
    /// The ids (not the names) of the region's zones: `use1-az1`.
    pub azs: Vec<AzId>,
}

/// A resource of production.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceEntry {
    pub id: ResourceId,
    pub account: AccountId,
    /// Absent for what is global (IAM).
    #[serde(default)]
    pub region: Option<Region>,
    /// The id of its zone, for what is zonal.
    #[serde(default)]
    pub az: Option<AzId>,
    /// An RDS instance with a standby in another zone.
    #[serde(default)]
    pub multi_az: bool,
    #[serde(default)]
    pub size: Size,
    /// The number of objects in a bucket.
    #[serde(default)]
    pub objects: u64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A recovery point. It is usable from its own account and from those in `shared_with`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointEntry {
    /// The resource that it restores.
    pub of: ResourceId,
    pub kind: PointKind,
    pub id: String,
    pub account: AccountId,
    pub region: Region,
    /// The consistency time. Absent: unknown, and so is any RPO measured with it.
    #[serde(default)]
    pub taken: Option<When>,
    /// When it became usable (its copy complete); default: when it was taken.
    #[serde(default)]
    pub usable: Option<When>,
    #[serde(default)]
    pub size: Size,
    /// The number of objects in a bucket.
    #[serde(default)]
    pub objects: u64,
    /// Objects that are written to the bucket after T0, besides `objects`: no restore may count them.
    #[serde(default)]
    pub late_objects: u64,
    #[serde(default)]
    pub shared_with: Vec<AccountId>,
    /// Encrypted with an AWS managed key, which no other account can be given.
    #[serde(default)]
    pub managed_key: bool,
    /// RDS restores no snapshot that is both shared and encrypted: copy it first.
    #[serde(default)]
    pub encrypted: bool,
    /// The ARN of the KMS key that it is encrypted with. With the key's account or region lost, the point is lost too.
    #[serde(default)]
    pub kms_key: Option<String>,
}

/// `base + per_gib × size`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    #[serde(default)]
    pub base: Span,
    /// For each GiB of what is restored or copied.
    #[serde(default)]
    pub per_gib: Span,
    /// The standard deviation as a share of the mean (log-normal); used only with `--seed`.
    #[serde(default)]
    pub spread: f64,
}

/// How a restored thing answers a check.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// From when what the check needs is ready until it answers well; default: at once.
    #[serde(default)]
    pub healthy_after: Span,
    /// What it answers: a number, a text, or a time relative to T0 (`-2h3m`).
    #[serde(default)]
    pub value: Option<serde_json::Value>,
    /// After being healthy this long it fails again, once, for `down_for`.
    #[serde(default)]
    pub flaps_after: Option<Span>,
    /// How long it stays down when it flaps; default: 5 s.
    #[serde(default)]
    pub down_for: Option<Span>,
    /// It never answers well.
    #[serde(default)]
    pub never: bool,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The step whose calls meet it. `will_not_delete`: that made what stays. `sandbox_open`: that opens the sandbox;
    /// absent: it is open from the beginning.
    #[serde(default)]
    pub step: Option<String>,
    /// The attempt, counted from 1; absent: every attempt.
    #[serde(default)]
    pub attempt: Option<u32>,
    pub error: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The call is refused at once: too many requests.
    Throttled,
    /// The call is answered with a server error, and nothing was done.
    ServerError,
    /// The call takes effect, and its answer never arrives.
    LostAnswer,
    /// The operation starts, and never completes.
    NeverCompletes,
    /// The resource comes up, and reports itself failed.
    ComesUpUnhealthy,
    /// What the step created cannot be deleted in teardown.
    WillNotDelete,
    /// The sandbox's network has a way out.
    SandboxOpen,
}

impl FaultKind {
    /// Whether a call that meets it is refused at once, with nothing done.
    pub fn is_a_refusal(self) -> bool {
        match self {
            Self::Throttled | Self::ServerError => true,
            Self::LostAnswer
            | Self::NeverCompletes
            | Self::ComesUpUnhealthy
            | Self::WillNotDelete
            | Self::SandboxOpen => false,
        }
    }

    /// Whether calls that create, copy or compare something meet it.
    pub fn meets_calls(self) -> bool {
        match self {
            Self::Throttled
            | Self::ServerError
            | Self::LostAnswer
            | Self::NeverCompletes
            | Self::ComesUpUnhealthy => true,
            Self::WillNotDelete | Self::SandboxOpen => false,
        }
    }
}

impl EstateFile {
    pub fn resources(&self) -> Vec<Resource> {
        self.resources
            .iter()
            .map(|entry| Resource {
                id: entry.id.clone(),
                locus: Locus {
                    account: Some(entry.account.clone()),
                    region: entry.region.clone(),
                    az: entry.az.clone(),
                },
                multi_az: entry.multi_az,
                size: entry.size,
                objects: entry.objects,
                tags: entry.tags.clone(),
            })
            .collect()
    }

    /// The size of a bucket, as its recovery point says it or the resource.
    pub fn size_of_bucket(&self, name: &str) -> Size {
        let points = self.recovery_points.iter().filter(|p| p.kind.resource_kind() == "s3:bucket");
        let points = points.filter(|p| p.id == name).map(|p| p.size);
        let resources = self.resources.iter().filter(|r| r.id.kind == "s3:bucket" && r.id.name == name);
        points.chain(resources.map(|r| r.size)).find(|size| *size != Size(0)).unwrap_or_default()
    }

    /// The recovery points, with times relative to T0 made absolute.
    pub fn recovery_points(&self, t0: Time) -> Vec<RecoveryPoint> {
        self.recovery_points
            .iter()
            .map(|entry| RecoveryPoint {
                taken: entry.taken.map(|when| when.resolve(t0)),
                usable: entry.usable.or(entry.taken).map(|when| when.resolve(t0)),
                size: entry.size,
                objects: entry.objects,
                shared_with: entry.shared_with.clone(),
                managed_key: entry.managed_key,
                encrypted: entry.encrypted || entry.kms_key.is_some(),
                kms_key: entry.kms_key.clone(),
                ..RecoveryPoint::new(
                    entry.of.clone(),
                    entry.kind,
                    &entry.id,
                    entry.account.clone(),
                    entry.region.clone(),
                )
            })
            .collect()
    }
}
