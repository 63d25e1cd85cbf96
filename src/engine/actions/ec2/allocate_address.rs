//! Allocates an Elastic IP address, which proves the quota.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::context::{Context, Outcome, StepError, take};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{Demands, Output, Prepared, Shape, SourceSpec};
use port::{Calibration, Create, CreateCall, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocateAddressArgs {}

pub struct AllocateAddress;

impl Action for AllocateAddress {
    type Args = AllocateAddressArgs;

    const NAME: &'static str = "ec2.allocate_address";
    const SUMMARY: &'static str =
        "Allocates an Elastic IP address, to prove that the quota allows it; it is attached to nothing.";
    const OUTPUTS: &'static [Output] = &[
        Output { name: "allocation_id", doc: "the address's id", shape: Shape::Text },
        Output { name: "public_ip", doc: "the address", shape: Shape::Text },
    ];
    const CALLS: &'static [&'static str] = &["ec2:AllocateAddress", "ec2:DescribeAddresses"];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::AllocateAddress)],
        base: Duration::from_secs(1),
        per_gib: Duration::ZERO,
        spread: 0.0,
        source: "one call (m)",
    };

    fn source(_args: &AllocateAddressArgs) -> Option<SourceSpec> {
        None
    }

    fn demands(_args: &AllocateAddressArgs) -> Demands {
        Demands::default()
    }

    async fn run(
        cx: &Context<'_>,
        AllocateAddressArgs {}: AllocateAddressArgs,
    ) -> Result<Outcome, StepError> {
        let (id, seen, _) = cx.create_ready("", Create::Address { name: cx.name("") }).await?;
        let mut outcome = Outcome::default();
        outcome.outputs.insert("allocation_id".into(), json!(id));
        take(&mut outcome.outputs, &seen, &["public_ip"]);
        Ok(outcome)
    }
}
