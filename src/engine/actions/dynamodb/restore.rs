//! Restores a DynamoDB table from a backup, or to an instant.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError, take, value};
use estate::PointKind;
use estate::file::FaultKind;
use event::RestoreSource;
use playbook::action::{ArgProblem, Demands, Output, PointArg, Prepared, Shape, SourceSpec};
use playbook::expr_value::Expr;
use port::wait::Until;
use port::{
    Billing, Calibration, Capacity, Create, CreateCall, Finding, Kind, RestoreTable as Request,
    RestoreTableToTime, Rule, TableSettings, Timed,
};

/// The source of a table: `{ table, point }`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSource {
    /// The production table's name.
    pub table: String,
    /// `latest` (default), a backup's ARN, a timestamp, or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<PointArg>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BillingArg {
    OnDemand,
    Provisioned,
}

/// The provisioned capacity, in units.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityArgs {
    #[schemars(range(min = 1))]
    pub read: i64,
    #[schemars(range(min = 1))]
    pub write: i64,
}

/// The secondary indexes of the restored table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Indexes {
    #[default]
    All,
    None,
}

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stream {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
    /// Production has no stream.
    #[serde(rename = "none")]
    None,
}

impl Stream {
    fn view(self) -> Option<&'static str> {
        match self {
            Self::KeysOnly => Some("KEYS_ONLY"),
            Self::NewImage => Some("NEW_IMAGE"),
            Self::OldImage => Some("OLD_IMAGE"),
            Self::NewAndOldImages => Some("NEW_AND_OLD_IMAGES"),
            Self::None => None,
        }
    }
}

/// Auto scaling is set by no action.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Production has none, or the drill does not need it.
    None,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreArgs {
    pub from: TableSource,
    /// `on_demand` or `provisioned`. Default: as the source.
    #[serde(default)]
    pub billing: Option<BillingArg>,
    /// The provisioned capacity: `{ read: 5, write: 5 }`. Default: as the source.
    #[serde(default)]
    pub capacity: Option<CapacityArgs>,
    /// `all` (default), or `none`: without secondary indexes the restore takes less time.
    #[serde(default)]
    pub indexes: Indexes,
    /// The KMS key that encrypts the restored table. Default: as the source.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// The attribute that holds the time to live, or `none`. AWS does not restore this setting.
    #[serde(default)]
    pub ttl: Option<String>,
    /// What the table's stream holds, or `none`. AWS does not restore this setting.
    #[serde(default)]
    pub stream: Option<Stream>,
    /// Whether the restored table has point-in-time recovery. AWS does not restore this setting.
    #[serde(default)]
    pub pitr: Option<Expr<bool>>,
    /// `none`: production has no auto scaling, or the drill does not need it. AWS does not restore
    /// it, and no action sets it.
    #[serde(default)]
    pub scaling: Option<Scaling>,
    /// Tags. AWS does not restore production's.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

pub struct Restore;

/// The value of `ttl` for a table without one.
const NO_TTL: &str = "none";

/// The longest name of an attribute of the time to live.
const LONGEST_ATTRIBUTE: usize = 255;

/// The settings of which the playbook does not say whether production has them.
fn unsaid(args: &RestoreArgs) -> Vec<&'static str> {
    let settings = [
        ("ttl", args.ttl.is_some()),
        ("stream", args.stream.is_some()),
        ("pitr", args.pitr.is_some()),
        ("scaling", args.scaling.is_some()),
    ];
    settings.into_iter().filter(|(_, said)| !said).map(|(key, _)| key).collect()
}

impl Action for Restore {
    type Args = RestoreArgs;

    const NAME: &'static str = "dynamodb.restore";
    const SUMMARY: &'static str = "Restores a DynamoDB table from a backup, or to an instant (PITR).";
    const OUTPUTS: &'static [Output] = &[
        Output { name: "name", doc: "the table's name in the sandbox", shape: Shape::Text },
        Output { name: "arn", doc: "the table's ARN", shape: Shape::Text },
        Output { name: "region", doc: "the table's region", shape: Shape::Text },
    ];
    const CALLS: &'static [&'static str] = &[
        "dynamodb:RestoreTableFromBackup",
        "dynamodb:RestoreTableToPointInTime",
        "dynamodb:DescribeTable",
        "dynamodb:ListTagsOfResource",
        "dynamodb:TagResource",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateContinuousBackups",
    ];
    // A table has no network. Only its resource policy could open it, and a restore brings none.
    const MAY_OPEN: bool = false;
    const SIZED_BY: &'static [PointKind] = &[PointKind::DynamodbPitr, PointKind::DynamodbBackup];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[
            Timed::Request(CreateCall::RestoreTableFromBackup),
            Timed::Request(CreateCall::RestoreTableToTime),
        ],
        base: Duration::from_mins(20),
        per_gib: Duration::ZERO,
        spread: 0.5,
        source: "mostly under an hour, and not in proportion to the size (DynamoDB guide, \"Restore\"); 20 min (m)",
    };
    const PARTS: &'static [Calibration] = &[Calibration {
        name: "dynamodb.settings",
        of: &[Timed::Request(CreateCall::SetTable)],
        base: Duration::from_secs(20),
        per_gib: Duration::ZERO,
        spread: 0.25,
        source: "a few calls, and UPDATING for some seconds (m)",
    }];
    const PREPARED: &'static [Prepared] = &[];

    fn problems(args: &RestoreArgs) -> Vec<ArgProblem> {
        let mut problems = Vec::new();
        let mut problem = |pointer: &str, message: String, help: &str| {
            problems.push(ArgProblem { pointer: pointer.into(), message, help: help.into() });
        };
        match (args.billing, args.capacity) {
            (Some(BillingArg::OnDemand), Some(_)) => problem(
                "/capacity",
                "a table with `billing: on_demand` has no provisioned capacity".into(),
                "remove `capacity`, or write `billing: provisioned`",
            ),
            (None, Some(_)) => problem(
                "/capacity",
                "`capacity` needs `billing: provisioned`".into(),
                "add `billing: provisioned`",
            ),
            (_, Some(CapacityArgs { read, write })) if read < 1 || write < 1 => problem(
                "/capacity",
                format!("a capacity of {read} and {write} units is none"),
                "write at least 1 for `read` and for `write`",
            ),
            (Some(_) | None, Some(_) | None) => {}
        }
        if args.ttl.as_deref().is_some_and(|ttl| ttl.is_empty() || ttl.len() > LONGEST_ATTRIBUTE) {
            problem(
                "/ttl",
                "`ttl` is no attribute's name".into(),
                "name the attribute, such as `expires_at`, or write `none`",
            );
        }
        if let Some(tag) =
            args.tags.keys().find(|key| key.starts_with("drillmaster:") || key.starts_with("aws:"))
        {
            problem(
                "/tags",
                format!("the tag `{tag}` cannot be set"),
                "remove it: Drillmaster and AWS set such tags themselves",
            );
        }
        problems
    }

    fn source(args: &RestoreArgs) -> Option<SourceSpec> {
        let TableSource { table, point } = &args.from;
        let what = args::of("dynamodb:table", table, point.as_deref());
        Some(args::restored_from_afar(what, Self::SIZED_BY))
    }

    fn demands(args: &RestoreArgs) -> Demands {
        Demands { kms_key: args.kms_key.clone(), ..Demands::default() }
    }

    async fn run(cx: &Context<'_>, args: RestoreArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let pitr = value(args.pitr.as_ref())?.unwrap_or(false);
        let (id, _, created) = cx.create_ready("", request(cx, &args, source)?).await?;
        // A restored table has none of production's settings, and no tag before it is ready.
        let settings = Create::SetTable(TableSettings {
            table: id.clone(),
            ttl: args.ttl.clone().filter(|ttl| ttl != NO_TTL),
            stream: args.stream.and_then(Stream::view).map(str::to_owned),
            pitr,
            tags: args.tags.clone(),
        });
        cx.create("settings", settings).await?;
        let seen = cx.ready(Kind::Table, &id, Until::Ready).await?;
        let mut outcome = Outcome { consistent_at: created.restored_to.or(source.at), ..Outcome::default() };
        outcome.outputs.insert("name".into(), json!(id));
        take(&mut outcome.outputs, &seen, &["arn", "region"]);
        let missing = unsaid(&args);
        if !missing.is_empty() {
            let keys: Vec<String> = missing.iter().map(|key| format!("`{key}`")).collect();
            outcome.findings.push(Finding::new(
                Rule::RestoredWithout,
                cx.step,
                format!(
                    "step `{}` restored {} without {}: AWS does not restore them, and the playbook does not say whether production has them",
                    cx.step,
                    source.point.of,
                    missing.iter().map(|key| words(key)).collect::<Vec<_>>().join(", ")
                ),
                format!("set {} in the step, or write `none` (`pitr: false`) where production has none", keys.join(", ")),
            ));
        }
        Ok(outcome)
    }
}

fn words(key: &str) -> &'static str {
    match key {
        "ttl" => "its time to live",
        "stream" => "its stream",
        "pitr" => "point-in-time recovery",
        _ => "auto scaling",
    }
}

fn request(cx: &Context<'_>, args: &RestoreArgs, source: &RestoreSource) -> Result<Create, StepError> {
    let point = &source.point;
    let pitr = point.kind == PointKind::DynamodbPitr;
    let (account, region, name) = (&point.account, &point.region, &point.of.name);
    let table = Request {
        source: if pitr {
            format!("arn:{}:dynamodb:{region}:{account}:table/{name}", region.partition())
        } else {
            source.id.clone()
        },
        source_region: region.clone(),
        name: cx.name(""),
        billing: args.billing.map(|billing| match billing {
            BillingArg::OnDemand => Billing::OnDemand,
            BillingArg::Provisioned => Billing::Provisioned,
        }),
        capacity: args.capacity.map(|units| Capacity { read: units.read, write: units.write }),
        without_indexes: args.indexes == Indexes::None,
        kms_key: args.kms_key.clone(),
        size: cx.size(),
    };
    if !pitr {
        return Ok(Create::Table(table));
    }
    // The API takes the time of the call if no instant is named, and the age of the data would be
    // unknown.
    match source.at.or(point.taken) {
        Some(to) => Ok(Create::TableToTime(RestoreTableToTime { table, to })),
        None => Err(StepError::wrong(
            format!("to which instant {} can be restored is not known", point.of),
            "name an instant with `point`",
        )),
    }
}
