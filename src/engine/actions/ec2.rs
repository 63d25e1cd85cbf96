//! EC2: snapshots, images, volumes, instances, key pairs, addresses.

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Action;
use super::args::{self, ImageSource, VolumeSource};
use super::context::{Context, Outcome, StepError, decode, take, value};
use base::ids::BadName;
use estate::{PointKind, RecoveryPoint};
use event::RestoreSource;
use playbook::action::{ActionDecl, ArgProblem, Demands, Output, Shape, SourceWhat};
use playbook::expr_value::Expr;
use port::wait::{DEVICES, Until};
use port::{Create, CreateVolume, Kind, Observed, ResourceRef, RunInstances};

const SNAPSHOT_ID: Output = Output { name: "snapshot_id", doc: "the copy's id", shape: Shape::Text };

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopySnapshotArgs {
    pub from: VolumeSource,
    /// The KMS key of the copy, in the sandbox's region; default: the account's default key.
    #[serde(default)]
    pub kms_key: Option<String>,
}

pub const COPY_SNAPSHOT: Action = Action {
    decl: ActionDecl {
        name: "ec2.copy_snapshot",
        summary: "Copies an EBS snapshot into the sandbox's account and region.",
        args: |g| g.subschema_for::<CopySnapshotArgs>(),
        check: |args| args::exactly_one(args, "/from", &["volume", "snapshot"]),
        secrets: &[],
        outputs: &[SNAPSHOT_ID],
        source: |args| {
            let what = volume(&args::lenient::<CopySnapshotArgs>(args)?.from)?;
            Some(args::copied(what, &[PointKind::EbsSnapshot]))
        },
        demands: Demands::none,
        calls: &["ec2:CopySnapshot", "ec2:DescribeSnapshots"],
        bucket_calls: &[],
        sized_by: &[PointKind::EbsSnapshot],
    },
    run: |cx, args| Box::pin(copy_snapshot(cx, args)),
};

fn volume(from: &VolumeSource) -> Option<SourceWhat> {
    let (point, snapshot) = (from.point.as_deref(), from.snapshot.as_deref());
    args::named_or_snapshot("ec2:volume", from.volume.as_deref(), point, snapshot)
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyImageArgs {
    pub image: ImageSource,
    /// The KMS key of the copy, in the sandbox's region.
    #[serde(default)]
    pub kms_key: Option<String>,
}

pub const COPY_IMAGE: Action = Action {
    decl: ActionDecl {
        name: "ec2.copy_image",
        summary: "Copies a machine image into the sandbox's account and region.",
        args: |g| g.subschema_for::<CopyImageArgs>(),
        check: |_| Vec::new(),
        secrets: &[],
        outputs: &[Output { name: "image_id", doc: "the copy's id", shape: Shape::Text }],
        source: |args| {
            let what = image(args::lenient::<CopyImageArgs>(args)?.image);
            Some(args::copied(what, &[PointKind::Ami]))
        },
        demands: Demands::none,
        calls: &["ec2:CopyImage", "ec2:DescribeImages"],
        bucket_calls: &[],
        sized_by: &[PointKind::Ami],
    },
    run: |cx, args| Box::pin(copy_image(cx, args)),
};

fn image(image: ImageSource) -> SourceWhat {
    match image {
        ImageSource::Id(id) => SourceWhat::Id(id),
        ImageSource::Of(of) => args::of("ec2:instance", &of.of, of.point.as_deref()),
    }
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreVolumeArgs {
    pub from: VolumeSource,
    /// The zone's id; default: the sandbox's first surviving zone.
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

pub const RESTORE_VOLUME: Action = Action {
    decl: ActionDecl {
        name: "ec2.restore_volume",
        summary: "Makes an EBS volume from a snapshot.",
        args: |g| g.subschema_for::<RestoreVolumeArgs>(),
        check: |args| args::exactly_one(args, "/from", &["volume", "snapshot"]),
        secrets: &[],
        outputs: &[
            Output { name: "volume_id", doc: "the volume's id", shape: Shape::Text },
            Output { name: "az", doc: "the id of its zone", shape: Shape::Text },
        ],
        source: |args| {
            let what = volume(&args::lenient::<RestoreVolumeArgs>(args)?.from)?;
            Some(args::restored(what, &[PointKind::EbsSnapshot], true))
        },
        demands: Demands::none,
        calls: &["ec2:CreateVolume", "ec2:DescribeVolumes", "ec2:DescribeAvailabilityZones"],
        bucket_calls: &[],
        sized_by: &[PointKind::EbsSnapshot],
    },
    run: |cx, args| Box::pin(restore_volume(cx, args)),
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LaunchArgs {
    pub image: ImageSource,
    /// How many; default: 1.
    #[serde(default)]
    pub count: Option<Expr<u32>>,
    /// The instance type: `t4g.small`.
    #[serde(rename = "type")]
    pub instance_type: String,
    /// Ids of volumes to attach to the first instance, as /dev/sdf, /dev/sdg and so on: 11 at most.
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

pub const LAUNCH: Action = Action {
    decl: ActionDecl {
        name: "ec2.launch",
        summary: "Launches instances from a machine image, without a role, with IMDSv2 required.",
        args: |g| g.subschema_for::<LaunchArgs>(),
        check: |args| {
            let volumes = args.pointer("/volumes").and_then(Value::as_array).map_or(0, Vec::len);
            too_many_volumes(volumes).into_iter().collect()
        },
        secrets: &["user_data"],
        outputs: &[
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
        ],
        source: |args| {
            let args: LaunchArgs = args::lenient(args)?;
            Some(args::restored(image(args.image), &[PointKind::Ami], args.data))
        },
        demands: |args| Demands {
            instances: args::count(args, "/count"),
            instance_type: args::text(args, "/type"),
            ..Demands::default()
        },
        calls: &[
            "ec2:RunInstances",
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceStatus",
            "ec2:AttachVolume",
            "ec2:DescribeVolumes",
        ],
        bucket_calls: &[],
        sized_by: &[PointKind::Ami],
    },
    run: |cx, args| Box::pin(launch(cx, args)),
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportKeyPairArgs {
    /// The public key's text (OpenSSH format).
    pub public_key: String,
}

pub const IMPORT_KEY_PAIR: Action = Action {
    decl: ActionDecl {
        name: "ec2.import_key_pair",
        summary: "Imports a public key for the machines of the sandbox.",
        args: |g| g.subschema_for::<ImportKeyPairArgs>(),
        check: |_| Vec::new(),
        secrets: &[],
        outputs: &[Output { name: "key_name", doc: "the key pair's name", shape: Shape::Text }],
        source: |_| None,
        demands: Demands::none,
        calls: &["ec2:ImportKeyPair", "ec2:DescribeKeyPairs"],
        bucket_calls: &[],
        sized_by: &[],
    },
    run: |cx, args| Box::pin(import_key_pair(cx, args)),
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocateAddressArgs {}

pub const ALLOCATE_ADDRESS: Action = Action {
    decl: ActionDecl {
        name: "ec2.allocate_address",
        summary: "Allocates an Elastic IP address, to prove that the quota allows it; it is attached to nothing.",
        args: |g| g.subschema_for::<AllocateAddressArgs>(),
        check: |_: &Value| Vec::new(),
        secrets: &[],
        outputs: &[
            Output { name: "allocation_id", doc: "the address's id", shape: Shape::Text },
            Output { name: "public_ip", doc: "the address", shape: Shape::Text },
        ],
        source: |_| None,
        demands: Demands::none,
        calls: &["ec2:AllocateAddress", "ec2:DescribeAddresses"],
        bucket_calls: &[],
        sized_by: &[],
    },
    run: |cx, args| Box::pin(allocate_address(cx, args)),
};

pub async fn copy_snapshot(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: CopySnapshotArgs = decode(args)?;
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

pub async fn copy_image(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: CopyImageArgs = decode(args)?;
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

/// A copy is as old as what it was copied from: provenance passes through.
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

pub async fn restore_volume(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: RestoreVolumeArgs = decode(args)?;
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

pub async fn launch(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: LaunchArgs = decode(args)?;
    let source = cx.source()?;
    let count = value(args.count.as_ref())?.unwrap_or(1);
    if let Some(problem) = too_many_volumes(args.volumes.len()) {
        return Err(StepError::wrong(problem.message, problem.help));
    }
    if count == 0 || count > 1000 {
        return Err(StepError::wrong(format!("`count` is {count}"), "launch between 1 and 1000 instances"));
    }
    // A volume can be attached only in its own zone: the first instance goes there.
    let mut subnets = cx.sandbox.subnets.clone();
    let mut volume_zone = None;
    for volume in &args.volumes {
        let ours = |r: &ResourceRef| r.kind == Kind::Volume && r.id == *volume;
        if !cx.provisioner.created().iter().any(ours) {
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
    let seen = try_join_all(instances.iter().map(|id| cx.ready(Kind::Instance, id, Until::Ready))).await?;
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

/// Attaches the volumes, and waits until all are: a machine whose data are not there yet is not restored.
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

/// The letters of /dev/sdf to /dev/sdp, which EC2 recommends for data volumes (EC2 user guide, "Device names").
const LETTERS: std::ops::RangeInclusive<char> = 'f'..='p';

/// Those that no disk of the image has: `/dev/xvdf` is taken for `/dev/sdf`, too. What the step itself has attached, before
/// it was resumed, keeps its own.
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
        message: format!("{count} volumes are to be attached, and there are device names for {most}"),
        help: format!("attach {most} at most (/dev/sdf to /dev/sdp), or put several disks into the image"),
    })
}

pub async fn import_key_pair(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: ImportKeyPairArgs = decode(args)?;
    let name = cx.name("");
    cx.create_ready("", Create::KeyPair { name: name.clone(), public_key: args.public_key }).await?;
    let mut outcome = Outcome::default();
    outcome.outputs.insert("key_name".into(), json!(name));
    Ok(outcome)
}

pub async fn allocate_address(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let AllocateAddressArgs {} = decode(args)?;
    let (id, seen, _) = cx.create_ready("", Create::Address { name: cx.name("") }).await?;
    let mut outcome = Outcome::default();
    outcome.outputs.insert("allocation_id".into(), json!(id));
    take(&mut outcome.outputs, &seen, &["public_ip"]);
    Ok(outcome)
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
        // `g` is the step's own, attached before it was resumed.
        assert_eq!(letters[..3], ['g', 'i', 'j']);
        assert_eq!(free_letters(None, &[]).len(), 11);
    }
}
