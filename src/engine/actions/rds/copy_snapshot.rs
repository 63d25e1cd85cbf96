//! Copies a snapshot of a database or a cluster.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError};
use crate::actions::ec2::copied;
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Output, PointArg, Prepared, Shape, SourceSpec};
use port::{Calibration, Create, CreateCall, Timed};

/// The source of the copy: `{ db, point }`, `{ cluster, point }` or `{ snapshot }`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DbCopySource {
    /// The production database's identifier.
    #[serde(default)]
    pub db: Option<String>,
    /// The production Aurora cluster's identifier.
    #[serde(default)]
    pub cluster: Option<String>,
    /// `latest` (default), `latest-clean`, `random`, `{ before: TIME }`, a recovery point's id, a timestamp,
    /// or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<PointArg>,
    /// A snapshot's id or ARN.
    #[serde(default)]
    pub snapshot: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopySnapshotArgs {
    pub from: DbCopySource,
    /// The KMS key of the copy, in the sandbox's region.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// The option group of the copy, in the sandbox's region. RDS demands it between regions and
    /// accounts if the snapshot has persistent options, such as Oracle's TDE or time zone. Only for a
    /// database.
    #[serde(default)]
    pub option_group: Option<String>,
}

pub struct CopySnapshot;

impl Action for CopySnapshot {
    type Args = CopySnapshotArgs;

    const NAME: &'static str = "rds.copy_snapshot";
    const SUMMARY: &'static str =
        "Copies a snapshot of a database or an Aurora cluster into the sandbox's account and region.";
    const OUTPUTS: &'static [Output] =
        &[Output { name: "snapshot_id", doc: "the copy's id", shape: Shape::Text }];
    const CALLS: &'static [&'static str] = &[
        "rds:CopyDBSnapshot",
        "rds:DescribeDBSnapshots",
        "rds:CopyDBClusterSnapshot",
        "rds:DescribeDBClusterSnapshots",
    ];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::RdsSnapshot, PointKind::RdsClusterSnapshot];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::CopyDbSnapshot), Timed::Request(CreateCall::CopyDbClusterSnapshot)],
        base: Duration::from_mins(2),
        per_gib: Duration::from_secs(3),
        spread: 0.3,
        source: "hours for large ones (m)",
    };

    fn problems(args: &CopySnapshotArgs) -> Vec<ArgProblem> {
        let DbCopySource { db, cluster, point, snapshot } = &args.from;
        let keys = [("db", db.is_some()), ("cluster", cluster.is_some()), ("snapshot", snapshot.is_some())];
        let mut problems = args::one_source(&keys, point.as_deref());
        if cluster.is_some() && args.option_group.is_some() {
            problems.push(ArgProblem {
                pointer: "/option_group".into(),
                message: "a cluster's snapshot has no option group".into(),
                help: "leave `option_group` out".into(),
            });
        }
        problems
    }

    fn source(args: &CopySnapshotArgs) -> Option<SourceSpec> {
        let DbCopySource { db, cluster, point, snapshot } = &args.from;
        let point = point.as_deref();
        if let Some(cluster) = cluster {
            let what = args::of("rds:cluster", cluster, point);
            return Some(args::copied(what, &[PointKind::RdsClusterSnapshot]));
        }
        let kinds = if db.is_some() { &[PointKind::RdsSnapshot] } else { Self::SIZED_BY };
        let what = args::named_or_snapshot("rds:db", db.as_deref(), point, snapshot.as_deref())?;
        Some(args::copied(what, kinds))
    }

    fn demands(args: &CopySnapshotArgs) -> Demands {
        Demands {
            kms_key: args.kms_key.clone(),
            option_group: args.option_group.is_some(),
            ..Demands::default()
        }
    }

    async fn run(cx: &Context<'_>, args: CopySnapshotArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let elsewhere =
            source.point.region != cx.place().region || source.point.account != cx.place().account;
        if source.point.encrypted && elsewhere && args.kms_key.is_none() {
            // Source: RDS API reference, `CopyDBSnapshot` and `CopyDBClusterSnapshot`, `KmsKeyId`.
            return Err(StepError::wrong(
                format!(
                    "{} is encrypted: RDS copies it from another region or account only with a key of the copy's own",
                    source.id
                ),
                "name a key of the sandbox's region with `kms_key`",
            ));
        }
        let (id, region, name, size) =
            (source.id.clone(), source.point.region.clone(), cx.name(""), cx.size());
        let what = if source.point.kind == PointKind::RdsClusterSnapshot {
            Create::CopyDbClusterSnapshot {
                source: id,
                source_region: region,
                kms_key: args.kms_key,
                name,
                size,
            }
        } else {
            Create::CopyDbSnapshot {
                source: id,
                source_region: region,
                kms_key: args.kms_key,
                option_group: args.option_group,
                name,
                size,
            }
        };
        let key = what.facts().kms_key.map(str::to_owned);
        let (id, seen, _) = cx.create_ready("", what).await?;
        Ok(copied(cx, source, &id, &seen, "snapshot_id", key))
    }
}
