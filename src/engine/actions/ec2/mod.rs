//! EC2: snapshots, images, volumes, instances, key pairs, addresses.

pub mod allocate_address;
pub mod copy_image;
pub mod copy_snapshot;
pub mod import_key_pair;
pub mod launch;
pub mod restore_volume;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::args;
use super::context::{Context, Outcome, take};
use estate::RecoveryPoint;
use event::RestoreSource;
use playbook::action::{ArgProblem, PointArg, SourceWhat};
use port::Observed;
use serde_json::json;

/// The source of a volume: `{ volume, point }` or `{ snapshot }`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeSource {
    /// The production volume's id, or `tag:KEY=VALUE`.
    #[serde(default)]
    pub volume: Option<String>,
    /// `latest` (default), `latest-clean`, `random`, `{ before: TIME }`, a recovery point's id, a timestamp,
    /// or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<PointArg>,
    /// A snapshot's id, such as a copy step's `snapshot_id`.
    #[serde(default)]
    pub snapshot: Option<String>,
}

impl VolumeSource {
    fn problems(&self) -> Vec<ArgProblem> {
        let keys = [("volume", self.volume.is_some()), ("snapshot", self.snapshot.is_some())];
        args::one_source(&keys, self.point.as_deref())
    }

    fn what(&self) -> Option<SourceWhat> {
        let (point, snapshot) = (self.point.as_deref(), self.snapshot.as_deref());
        args::named_or_snapshot("ec2:volume", self.volume.as_deref(), point, snapshot)
    }
}

/// A machine image: its id, or `{ of, point }`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ImageSource {
    /// An image's id, such as a copy step's `image_id`.
    Id(String),
    Of(ImageOf),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageOf {
    /// The production instance's id, or `tag:KEY=VALUE`.
    pub of: String,
    /// `latest` (default), `latest-clean`, `random`, `{ before: TIME }`, a recovery point's id, a timestamp,
    /// or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<PointArg>,
}

impl ImageSource {
    fn what(&self) -> SourceWhat {
        match self {
            Self::Id(id) => SourceWhat::Id(id.clone()),
            Self::Of(of) => args::of("ec2:instance", &of.of, of.point.as_deref()),
        }
    }
}

/// The copy as a recovery point. It is as old as its original.
pub(super) fn copied(
    cx: &Context<'_>,
    source: &RestoreSource,
    id: &str,
    seen: &Observed,
    output: &str,
    kms_key: Option<String>,
) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.outputs.insert(output.to_owned(), json!(id));
    take(&mut outcome.outputs, seen, &[output]);
    outcome.made.push(RecoveryPoint {
        id: id.to_owned(),
        account: cx.place().account.clone(),
        region: cx.place().region.clone(),
        usable: Some(cx.clock.now()),
        seen_usable: None,
        shared_with: Vec::new(),
        encrypted: source.point.encrypted || kms_key.is_some(),
        kms_key,
        shared_widely: false,
        ..source.point.clone()
    });
    outcome
}
