//! Copies a machine image.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImageSource, copied};
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{Demands, Output, Prepared, Shape, SourceSpec};
use port::{Calibration, Create, CreateCall, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyImageArgs {
    pub image: ImageSource,
    /// The KMS key of the copy, in the sandbox's region.
    #[serde(default)]
    pub kms_key: Option<String>,
}

pub struct CopyImage;

impl Action for CopyImage {
    type Args = CopyImageArgs;

    const NAME: &'static str = "ec2.copy_image";
    const SUMMARY: &'static str = "Copies a machine image into the sandbox's account and region.";
    const OUTPUTS: &'static [Output] =
        &[Output { name: "image_id", doc: "the copy's id", shape: Shape::Text }];
    const CALLS: &'static [&'static str] = &["ec2:CopyImage", "ec2:DescribeImages"];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::Ami];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::CopyImage)],
        base: Duration::from_mins(1),
        per_gib: Duration::from_millis(2_048),
        spread: 0.3,
        source: "as a copy of its snapshots",
    };

    fn source(args: &CopyImageArgs) -> Option<SourceSpec> {
        Some(args::copied(args.image.what(), Self::SIZED_BY))
    }

    fn demands(args: &CopyImageArgs) -> Demands {
        Demands { kms_key: args.kms_key.clone(), ..Demands::default() }
    }

    async fn run(cx: &Context<'_>, args: CopyImageArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let what = Create::CopyImage {
            source: source.id.clone(),
            source_region: source.point.region.clone(),
            kms_key: args.kms_key,
            name: cx.name(""),
            size: cx.size(),
        };
        let key = what.facts().kms_key.map(str::to_owned);
        let (id, seen, _) = cx.create_ready("", what).await?;
        Ok(copied(cx, source, &id, &seen, "image_id", key))
    }
}
