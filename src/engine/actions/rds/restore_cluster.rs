//! Restores an Aurora cluster from a snapshot.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::{self, ServerlessArgs};
use super::{databases, subnet_group};
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError, value};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Output, PointArg, Prepared, SourceSpec};
use playbook::expr_value::Expr;
use port::{Calibration, Create, CreateCall, RestoreCluster as Request, Timed};

/// The source of an Aurora cluster: `{ cluster, point }` or `{ snapshot }`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSource {
    /// The production cluster's identifier.
    #[serde(default)]
    pub cluster: Option<String>,
    /// `latest` (default), `latest-clean`, `random`, `{ before: TIME }`, a recovery point's id, a timestamp,
    /// or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<PointArg>,
    /// A cluster snapshot's id or ARN.
    #[serde(default)]
    pub snapshot: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreClusterArgs {
    pub from: ClusterSource,
    /// The engine: `aurora-postgresql` or `aurora-mysql`.
    pub engine: String,
    #[serde(default)]
    pub engine_version: Option<String>,
    /// The class of its instances. `db.serverless` needs `serverless`.
    pub class: String,
    /// The capacity range of Aurora Serverless v2: `{ min: 0.5, max: 4 }`, in Aurora capacity
    /// units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serverless: Option<ServerlessArgs>,
    /// The number of instances. The restored cluster has none of its own. Default: 1.
    #[serde(default)]
    pub instances: Option<Expr<u32>>,
    /// The cluster parameter group.
    #[serde(default)]
    pub parameter_group: Option<String>,
    #[serde(default)]
    pub port: Option<Expr<i32>>,
}

pub struct RestoreCluster;

impl Action for RestoreCluster {
    type Args = RestoreClusterArgs;

    const NAME: &'static str = "rds.restore_cluster";
    const SUMMARY: &'static str = "Restores an Aurora cluster from a snapshot, and its instances with it.";
    const OUTPUTS: &'static [Output] = cluster::OUTPUTS;
    const CALLS: &'static [&'static str] = &[
        "rds:RestoreDBClusterFromSnapshot",
        "rds:CreateDBInstance",
        "rds:DescribeDBClusters",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBInstances",
    ];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::RdsClusterSnapshot];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::RestoreDbCluster)],
        base: Duration::from_secs(450),
        per_gib: Duration::ZERO,
        spread: 0.25,
        source: "5 to 10 min (m)",
    };
    const PARTS: &'static [Calibration] = &[Calibration {
        name: "rds.cluster_instance",
        of: &[Timed::Request(CreateCall::CreateDbInstance)],
        base: Duration::from_secs(450),
        per_gib: Duration::ZERO,
        spread: 0.25,
        source: "5 to 10 min per instance (m)",
    }];
    const PREPARED: &'static [Prepared] = &[Prepared::DbSubnetGroup];

    fn problems(args: &RestoreClusterArgs) -> Vec<ArgProblem> {
        let ClusterSource { cluster, point, snapshot } = &args.from;
        let keys = [("cluster", cluster.is_some()), ("snapshot", snapshot.is_some())];
        let mut problems = args::one_source(&keys, point.as_deref());
        problems.extend(cluster::capacity_problems(&args.class, args.serverless));
        problems
    }

    fn source(args: &RestoreClusterArgs) -> Option<SourceSpec> {
        let ClusterSource { cluster, point, snapshot } = &args.from;
        let (cluster, point) = (cluster.as_deref(), point.as_deref());
        let what = args::named_or_snapshot("rds:cluster", cluster, point, snapshot.as_deref())?;
        Some(args::restored(what, Self::SIZED_BY, true))
    }

    fn demands(args: &RestoreClusterArgs) -> Demands {
        Demands {
            db_class: args::known(&args.engine).zip(args::known(&args.class)),
            ..databases(args::count(args.instances.as_ref()).unwrap_or(1))
        }
    }

    async fn run(cx: &Context<'_>, args: RestoreClusterArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let count = cluster::instance_count(value(args.instances.as_ref())?.unwrap_or(1))?;
        let what = Create::DbCluster(Request {
            snapshot: source.id.clone(),
            name: cx.name(""),
            engine: args.engine.clone(),
            engine_version: args.engine_version,
            subnet_group: subnet_group(cx)?,
            security_groups: vec![cx.sandbox.security_group.clone()],
            parameter_group: args.parameter_group,
            port: value(args.port.as_ref())?,
            serverless: args.serverless.map(Into::into),
            size: cx.size(),
        });
        let (id, ..) = cx.create_ready("", what).await?;
        let instances = cluster::add_instances(cx, &id, (&args.class, &args.engine), count).await?;
        cluster::finished(cx, &id, instances).await
    }
}
