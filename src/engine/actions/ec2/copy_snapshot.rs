//! Copies an EBS snapshot.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{VolumeSource, copied};
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Output, Prepared, Shape, SourceSpec};
use port::{Calibration, Create, CreateCall, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopySnapshotArgs {
    pub from: VolumeSource,
    /// The KMS key of the copy, in the sandbox's region. Default: the account's default key.
    #[serde(default)]
    pub kms_key: Option<String>,
}

pub struct CopySnapshot;

impl Action for CopySnapshot {
    type Args = CopySnapshotArgs;

    const NAME: &'static str = "ec2.copy_snapshot";
    const SUMMARY: &'static str = "Copies an EBS snapshot into the sandbox's account and region.";
    const OUTPUTS: &'static [Output] =
        &[Output { name: "snapshot_id", doc: "the copy's id", shape: Shape::Text }];
    const CALLS: &'static [&'static str] = &["ec2:CopySnapshot", "ec2:DescribeSnapshots"];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::EbsSnapshot];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::CopySnapshot)],
        base: Duration::from_mins(1),
        per_gib: Duration::from_millis(2_048),
        spread: 0.3,
        source: "time-based snapshot copies run at up to 500 MiB/s each",
    };

    fn problems(args: &CopySnapshotArgs) -> Vec<ArgProblem> {
        args.from.problems()
    }

    fn source(args: &CopySnapshotArgs) -> Option<SourceSpec> {
        Some(args::copied(args.from.what()?, Self::SIZED_BY))
    }

    fn demands(args: &CopySnapshotArgs) -> Demands {
        Demands { kms_key: args.kms_key.clone(), ..Demands::default() }
    }

    async fn run(cx: &Context<'_>, args: CopySnapshotArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let what = Create::CopySnapshot {
            source: source.id.clone(),
            source_region: source.point.region.clone(),
            kms_key: args.kms_key,
            name: cx.name(""),
            size: cx.size(),
        };
        let key = what.facts().kms_key.map(str::to_owned);
        let (id, seen, _) = cx.create_ready("", what).await?;
        Ok(copied(cx, source, &id, &seen, "snapshot_id", key))
    }
}
