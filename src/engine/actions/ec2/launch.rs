//! Launches instances from a machine image.

use std::time::Duration;

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ImageSource;
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError, take, value};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Machines, Output, Prepared, Shape, SourceSpec};
use playbook::expr_value::Expr;
use port::wait::{DEVICES, Until};
use port::{Calibration, Create, CreateCall, Kind, Observed, ResourceRef, RunInstances, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LaunchArgs {
    pub image: ImageSource,
    /// The number of instances. Default: 1.
    #[serde(default)]
    pub count: Option<Expr<u32>>,
    /// The instance type: `t4g.small`.
    #[serde(rename = "type")]
    pub instance_type: String,
    /// Ids of volumes to attach to the first instance, as /dev/sdf, /dev/sdg and so on. At most 11.
    #[serde(default)]
    #[schemars(length(max = 11))]
    pub volumes: Vec<String>,
    /// The name of a key pair, such as an import step's `key_name`.
    #[serde(default)]
    pub key_name: Option<String>,
    #[serde(default)]
    pub user_data: Option<String>,
    /// Security groups besides the sandbox's own, such as a stack's.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// The image holds data whose age counts towards RPO.
    #[serde(default)]
    pub data: bool,
}

pub struct Launch;

impl Action for Launch {
    type Args = LaunchArgs;

    const NAME: &'static str = "ec2.launch";
    const SUMMARY: &'static str =
        "Launches instances from a machine image, without a role, with IMDSv2 required.";
    const OUTPUTS: &'static [Output] = &[
        Output {
            name: "instances",
            doc: "the instances",
            shape: Shape::Records(&[
                Output { name: "instance_id", doc: "the instance's id", shape: Shape::Text },
                Output { name: "private_ip", doc: "its private address", shape: Shape::Text },
                Output { name: "az", doc: "the id of its zone", shape: Shape::Text },
            ]),
        },
        Output { name: "instance_ids", doc: "the ids of the instances", shape: Shape::Texts },
    ];
    const CALLS: &'static [&'static str] = &[
        "ec2:RunInstances",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceStatus",
        "ec2:AttachVolume",
        "ec2:DescribeVolumes",
    ];
    const MAY_OPEN: bool = true;
    const MAY_CLAIM: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::Ami];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::RunInstances)],
        base: Duration::from_secs(30),
        per_gib: Duration::ZERO,
        spread: 0.2,
        source: "API 1.5 s, pending 5 s, 17 s to a closed port, 6 s to an open one (Linux)",
    };
    const PARTS: &'static [Calibration] = &[Calibration {
        name: "ec2.attach_volume",
        of: &[Timed::Request(CreateCall::AttachVolume)],
        base: Duration::ZERO,
        per_gib: Duration::ZERO,
        spread: 0.0,
        source: "within the launch (m)",
    }];
    const SECRETS: &'static [&'static str] = &["user_data"];

    fn problems(args: &LaunchArgs) -> Vec<ArgProblem> {
        too_many_volumes(args.volumes.len()).into_iter().collect()
    }

    fn source(args: &LaunchArgs) -> Option<SourceSpec> {
        Some(args::restored(args.image.what(), Self::SIZED_BY, args.data))
    }

    fn demands(args: &LaunchArgs) -> Demands {
        let count = args::count(args.count.as_ref());
        let machines = Machines { count, instance_type: args::known(&args.instance_type) };
        Demands { machines: Some(machines), ..Demands::default() }
    }

    async fn run(cx: &Context<'_>, args: LaunchArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let count = value(args.count.as_ref())?.unwrap_or(1);
        if let Some(problem) = too_many_volumes(args.volumes.len()) {
            return Err(StepError::wrong(problem.message, problem.help));
        }
        if count == 0 || count > 1000 {
            return Err(StepError::wrong(
                format!("`count` is {count}"),
                "launch between 1 and 1000 instances",
            ));
        }
        // A volume can be attached only in its own zone, so the first instance goes there.
        let mut subnets = cx.sandbox.subnets.clone();
        let mut volume_zone = None;
        for volume in &args.volumes {
            let ours = |r: &ResourceRef| r.kind == Kind::Volume && r.id == *volume;
            if cx.provisioner.find(ours).is_none() {
                return Err(StepError::wrong(
                    format!(
                        "the volume {volume} was not made by this run: attaching it would change what is not the drill's"
                    ),
                    "name what a step restored: `{{ steps.<id>.volume_id }}`",
                ));
            }
            let seen = cx.ready(Kind::Volume, volume, Until::Ready).await?;
            let zone = seen.attributes.get("az").and_then(Value::as_str).map(str::to_owned);
            if volume_zone.is_some() && zone != volume_zone {
                return Err(StepError::wrong(
                    "its volumes lie in different zones",
                    "restore them into one zone with `az`",
                ));
            }
            volume_zone = zone;
        }
        if let Some(zone) = &volume_zone {
            subnets.sort_by_key(|s| s.az.as_str() != zone);
        }
        let mut security_groups = vec![cx.sandbox.security_group.clone()];
        security_groups.extend(args.security_groups);
        let what = Create::Instances(RunInstances {
            image: source.id.clone(),
            instance_type: args.instance_type,
            count,
            subnets,
            security_groups,
            key_name: args.key_name,
            user_data: args.user_data,
            name: cx.name(""),
        });
        let created = cx.create("", what).await?;
        let instances: Vec<&str> =
            created.resources.iter().filter(|r| r.kind == Kind::Instance).map(|r| r.id.as_str()).collect();
        if instances.is_empty() {
            return Err(StepError::failed("ec2:RunInstances: the answer names no instance"));
        }
        let seen =
            try_join_all(instances.iter().map(|id| cx.ready(Kind::Instance, id, Until::Ready))).await?;
        if let Some(first) = seen.first() {
            attach(cx, &args.volumes, first).await?;
        }
        let mut outcome = Outcome::default();
        let records = seen.iter().map(|s| {
            let mut record = Map::new();
            record.insert("instance_id".into(), json!(s.id));
            take(&mut record, s, &["private_ip", "az"]);
            Value::Object(record)
        });
        outcome.outputs.insert("instances".into(), records.collect());
        outcome.outputs.insert("instance_ids".into(), json!(instances));
        Ok(outcome)
    }
}

/// Attaches the volumes, and waits until all are attached. Without its data a machine is not
/// restored.
async fn attach(cx: &Context<'_>, volumes: &[String], instance: &Observed) -> Result<(), StepError> {
    let letters = free_letters(instance.attributes.get(DEVICES), volumes);
    if letters.len() < volumes.len() {
        let said = "the image's own disks leave no device name for them";
        return Err(StepError::wrong(said, "attach fewer volumes, or use an image without data disks"));
    }
    for (i, (volume, letter)) in volumes.iter().zip(letters).enumerate() {
        let (volume, instance) = (volume.clone(), instance.id.clone());
        let what = Create::AttachVolume { volume, instance, device: format!("/dev/sd{letter}") };
        cx.create(&format!("attach-{i}"), what).await?;
    }
    try_join_all(volumes.iter().map(|volume| cx.ready(Kind::Volume, volume, Until::Attached))).await?;
    Ok(())
}

/// The letters of /dev/sdf to /dev/sdp, which EC2 recommends for data volumes (EC2 user guide,
/// "Device names").
const LETTERS: std::ops::RangeInclusive<char> = 'f'..='p';

/// The letters that no disk of the image has. `/dev/xvdf` counts as `/dev/sdf` too. Volumes that
/// the step itself attached before it was resumed keep their letters.
fn free_letters(devices: Option<&Value>, ours: &[String]) -> Vec<char> {
    let devices = devices.and_then(Value::as_object).into_iter().flatten();
    let others = devices.filter(|(_, volume)| !volume.as_str().is_some_and(|v| ours.iter().any(|o| o == v)));
    let taken: Vec<char> = others
        .filter_map(|(name, _)| {
            let disk = name.trim_start_matches("/dev/");
            disk.strip_prefix("sd").or_else(|| disk.strip_prefix("xvd"))?.chars().next()
        })
        .collect();
    LETTERS.filter(|letter| !taken.contains(letter)).collect()
}

fn too_many_volumes(count: usize) -> Option<ArgProblem> {
    let most = LETTERS.count();
    (count > most).then(|| ArgProblem {
        pointer: "/volumes".into(),
        message: format!("there are device names for only {most} of the {count} volumes"),
        help: format!("attach {most} at most (/dev/sdf to /dev/sdp), or put several disks into the image"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::free_letters;

    #[test]
    fn disks_of_the_image_keep_their_names() {
        let devices =
            json!({ "/dev/xvda": "vol-1", "/dev/sdf": "vol-2", "/dev/xvdh": null, "/dev/sdg": "vol-9" });
        let letters = free_letters(Some(&devices), &["vol-9".to_owned()]);
        // The step itself attached `g` before it was resumed.
        assert_eq!(letters[..3], ['g', 'i', 'j']);
        assert_eq!(free_letters(None, &[]).len(), 11);
    }
}
