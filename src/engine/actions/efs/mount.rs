//! Gives a restored file system addresses in the sandbox.

use std::time::Duration;

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::context::{Context, Outcome, StepError};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Output, Prepared, Shape, SourceSpec};
use playbook::expr::is_template;
use port::{Calibration, Create, CreateCall, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MountArgs {
    /// The id of a file system that this run restored: `{{ steps.ID.file_system_id }}`.
    pub file_system: String,
}

pub struct Mount;

impl Action for Mount {
    type Args = MountArgs;

    const NAME: &'static str = "efs.mount";
    const SUMMARY: &'static str =
        "Gives a restored file system a mount target in each subnet of the sandbox.";
    const OUTPUTS: &'static [Output] = &[
        Output { name: "address", doc: "the address of the first mount target", shape: Shape::Text },
        Output { name: "addresses", doc: "the addresses, one in each zone", shape: Shape::Texts },
        Output { name: "mount_target_ids", doc: "the ids of the mount targets", shape: Shape::Texts },
    ];
    const CALLS: &'static [&'static str] = &[
        "elasticfilesystem:CreateMountTarget",
        "elasticfilesystem:DescribeFileSystems",
        "elasticfilesystem:DescribeMountTargets",
    ];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::CreateMountTarget)],
        base: Duration::from_secs(90),
        per_gib: Duration::ZERO,
        spread: 0.3,
        source: "one to two minutes (m)",
    };

    fn problems(args: &MountArgs) -> Vec<ArgProblem> {
        let id = &args.file_system;
        if is_template(id) || id.starts_with("fs-") {
            return Vec::new();
        }
        vec![ArgProblem {
            pointer: "/file_system".into(),
            message: format!("`{id}` is no file system's id"),
            help: "name the output of the step that restores it: `{{ steps.ID.file_system_id }}`".into(),
        }]
    }

    fn source(_args: &MountArgs) -> Option<SourceSpec> {
        None
    }

    fn demands(_args: &MountArgs) -> Demands {
        Demands::default()
    }

    async fn run(cx: &Context<'_>, args: MountArgs) -> Result<Outcome, StepError> {
        let file_system = args.file_system.as_str();
        let made = try_join_all(cx.sandbox.subnets.iter().enumerate().map(|(index, subnet)| async move {
            let slot = index.to_string();
            let what = Create::MountTarget {
                file_system: file_system.to_owned(),
                subnet: subnet.clone(),
                group: cx.sandbox.security_group.clone(),
                name: cx.name(&slot),
            };
            let (id, seen, _) = cx.create_ready(&slot, what).await?;
            let address = seen.attributes.get("address").and_then(Value::as_str).unwrap_or_default();
            Ok::<_, StepError>((id, address.to_owned()))
        }))
        .await?;
        let Some((_, first)) = made.first() else {
            return Err(StepError::wrong(
                "the sandbox has no subnet",
                "give it one with `sandbox.network.azs`",
            ));
        };
        let mut outcome = Outcome::default();
        outcome.outputs.insert("address".into(), json!(first));
        let (ids, addresses): (Vec<&String>, Vec<&String>) = made.iter().map(|(id, at)| (id, at)).unzip();
        outcome.outputs.insert("addresses".into(), json!(addresses));
        outcome.outputs.insert("mount_target_ids".into(), json!(ids));
        Ok(outcome)
    }
}
