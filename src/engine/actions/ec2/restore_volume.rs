//! Restores a volume from a snapshot.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::VolumeSource;
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError, take, value};
use base::ids::BadName;
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Output, Prepared, Shape, SourceSpec};
use playbook::expr_value::Expr;
use port::{Calibration, Create, CreateCall, CreateVolume, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreVolumeArgs {
    pub from: VolumeSource,
    /// The zone's id. Default: the sandbox's first surviving zone.
    #[serde(default)]
    pub az: Option<String>,
    /// Default: gp3.
    #[serde(default, rename = "type")]
    pub volume_type: Option<String>,
    #[serde(default)]
    pub iops: Option<Expr<i32>>,
    /// MiB/s.
    #[serde(default)]
    pub throughput: Option<Expr<i32>>,
    /// MiB/s, 100 to 300: load the blocks at this rate instead of when they are first read.
    #[serde(default)]
    pub initialization_rate: Option<Expr<i32>>,
}

pub struct RestoreVolume;

impl Action for RestoreVolume {
    type Args = RestoreVolumeArgs;

    const NAME: &'static str = "ec2.restore_volume";
    const SUMMARY: &'static str = "Makes an EBS volume from a snapshot.";
    const OUTPUTS: &'static [Output] = &[
        Output { name: "volume_id", doc: "the volume's id", shape: Shape::Text },
        Output { name: "az", doc: "the id of its zone", shape: Shape::Text },
    ];
    const CALLS: &'static [&'static str] =
        &["ec2:CreateVolume", "ec2:DescribeVolumes", "ec2:DescribeAvailabilityZones"];
    // A volume has no network and is shared with nobody.
    const MAY_OPEN: bool = false;
    const SIZED_BY: &'static [PointKind] = &[PointKind::EbsSnapshot];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::CreateVolume)],
        base: Duration::from_secs(5),
        per_gib: Duration::ZERO,
        spread: 0.2,
        source: "available in seconds; blocks load lazily afterwards",
    };

    fn problems(args: &RestoreVolumeArgs) -> Vec<ArgProblem> {
        args.from.problems()
    }

    fn source(args: &RestoreVolumeArgs) -> Option<SourceSpec> {
        Some(args::restored(args.from.what()?, Self::SIZED_BY, true))
    }

    fn demands(_args: &RestoreVolumeArgs) -> Demands {
        Demands::default()
    }

    async fn run(cx: &Context<'_>, args: RestoreVolumeArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let az = match (&args.az, cx.sandbox.subnets.first()) {
            (Some(az), _) => az.parse().map_err(|e: BadName| StepError::wrong(e.message, e.help))?,
            (None, Some(subnet)) => subnet.az.clone(),
            (None, None) => {
                return Err(StepError::wrong(
                    "the sandbox has no zone",
                    "give it one with `sandbox.network.azs`",
                ));
            }
        };
        let what = Create::Volume(CreateVolume {
            snapshot: source.id.clone(),
            az,
            volume_type: args.volume_type.unwrap_or_else(|| "gp3".to_owned()),
            iops: value(args.iops.as_ref())?,
            throughput: value(args.throughput.as_ref())?,
            initialization_rate: value(args.initialization_rate.as_ref())?,
            name: cx.name(""),
            size: cx.size(),
        });
        let (id, seen, _) = cx.create_ready("", what).await?;
        let mut outcome = Outcome::default();
        outcome.outputs.insert("volume_id".into(), json!(id));
        take(&mut outcome.outputs, &seen, &["az"]);
        Ok(outcome)
    }
}
