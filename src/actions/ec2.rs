//! EC2: snapshots, images, volumes, instances, key pairs, addresses.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::args::{self, ImageSource, VolumeSource};
use crate::estate::PointKind;
use crate::playbook::action::{ActionDecl, Output, Shape, SourceSpec};
use crate::playbook::expr_value::Expr;

const SNAPSHOT_ID: Output = Output { name: "snapshot_id", doc: "the copy's id", shape: Shape::Text };

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopySnapshotArgs {
    pub from: VolumeSource,
    /// The KMS key of the copy, in the sandbox's region; default: the account's default key.
    #[serde(default)]
    pub kms_key: Option<String>,
}

pub const COPY_SNAPSHOT: ActionDecl = ActionDecl {
    name: "ec2.copy_snapshot",
    summary: "Copies an EBS snapshot into the sandbox's account and region.",
    args: |g| g.subschema_for::<CopySnapshotArgs>(),
    check: |args| args::exactly_one(args, "/from", &["volume", "snapshot"]),
    outputs: &[SNAPSHOT_ID],
    source: |args| volume_source(&args::lenient::<CopySnapshotArgs>(args)?.from, true, false),
    calls: &["ec2:CopySnapshot", "ec2:DescribeSnapshots"],
};

fn volume_source(from: &VolumeSource, across_regions: bool, data: bool) -> Option<SourceSpec> {
    let what = args::named_or_snapshot(
        "ec2:volume",
        from.volume.as_deref(),
        from.point.as_deref(),
        from.snapshot.as_deref(),
    )?;
    Some(args::source(what, &[PointKind::EbsSnapshot], across_regions, data))
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyImageArgs {
    pub image: ImageSource,
    /// The KMS key of the copy, in the sandbox's region.
    #[serde(default)]
    pub kms_key: Option<String>,
}

pub const COPY_IMAGE: ActionDecl = ActionDecl {
    name: "ec2.copy_image",
    summary: "Copies a machine image into the sandbox's account and region.",
    args: |g| g.subschema_for::<CopyImageArgs>(),
    check: |_| Vec::new(),
    outputs: &[Output { name: "image_id", doc: "the copy's id", shape: Shape::Text }],
    source: |args| Some(image_source(&args::lenient::<CopyImageArgs>(args)?.image, true, false)),
    calls: &["ec2:CopyImage", "ec2:DescribeImages"],
};

fn image_source(image: &ImageSource, across_regions: bool, data: bool) -> SourceSpec {
    let what = match image {
        ImageSource::Id(id) => crate::playbook::action::SourceWhat::Id(id.clone()),
        ImageSource::Of(of) => args::of("ec2:instance", &of.of, of.point.as_deref()),
    };
    args::source(what, &[PointKind::Ami], across_regions, data)
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

pub const RESTORE_VOLUME: ActionDecl = ActionDecl {
    name: "ec2.restore_volume",
    summary: "Makes an EBS volume from a snapshot.",
    args: |g| g.subschema_for::<RestoreVolumeArgs>(),
    check: |args| args::exactly_one(args, "/from", &["volume", "snapshot"]),
    outputs: &[
        Output { name: "volume_id", doc: "the volume's id", shape: Shape::Text },
        Output { name: "az", doc: "the id of its zone", shape: Shape::Text },
    ],
    source: |args| volume_source(&args::lenient::<RestoreVolumeArgs>(args)?.from, false, true),
    calls: &["ec2:CreateVolume", "ec2:DescribeVolumes"],
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
    /// Ids of volumes to attach to the first instance, as /dev/sdf, /dev/sdg and so on.
    #[serde(default)]
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

pub const LAUNCH: ActionDecl = ActionDecl {
    name: "ec2.launch",
    summary: "Launches instances from a machine image, without a role, with IMDSv2 required.",
    args: |g| g.subschema_for::<LaunchArgs>(),
    check: |_| Vec::new(),
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
        Some(image_source(&args.image, false, args.data))
    },
    calls: &["ec2:RunInstances", "ec2:DescribeInstances", "ec2:AttachVolume"],
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportKeyPairArgs {
    /// The public key's text (OpenSSH format).
    pub public_key: String,
}

pub const IMPORT_KEY_PAIR: ActionDecl = ActionDecl {
    name: "ec2.import_key_pair",
    summary: "Imports a public key for the machines of the sandbox.",
    args: |g| g.subschema_for::<ImportKeyPairArgs>(),
    check: |_| Vec::new(),
    outputs: &[Output { name: "key_name", doc: "the key pair's name", shape: Shape::Text }],
    source: |_| None,
    calls: &["ec2:ImportKeyPair"],
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocateAddressArgs {}

pub const ALLOCATE_ADDRESS: ActionDecl = ActionDecl {
    name: "ec2.allocate_address",
    summary: "Allocates an Elastic IP address, to prove that the quota allows it; it is attached to nothing.",
    args: |g| g.subschema_for::<AllocateAddressArgs>(),
    check: |_: &Value| Vec::new(),
    outputs: &[
        Output { name: "allocation_id", doc: "the address's id", shape: Shape::Text },
        Output { name: "public_ip", doc: "the address", shape: Shape::Text },
    ],
    source: |_| None,
    calls: &["ec2:AllocateAddress"],
};
