//! Restores a cluster to an instant: Aurora's clusters and Multi-AZ DB clusters.

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
use port::{Calibration, Create, CreateCall, MultiAz, RestoreClusterToTime as Request, Timed};

/// The source of a cluster's point-in-time recovery: `{ cluster, point }`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSource {
    /// The production cluster's identifier.
    pub cluster: String,
    /// `latest` (default), `latest-clean`, `random`, `{ before: TIME }`, a recovery point's id, a timestamp,
    /// or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<PointArg>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreClusterToTimeArgs {
    pub from: ClusterSource,
    /// The class of its instances. `db.serverless` needs `serverless`.
    pub class: String,
    /// The engine: `aurora-postgresql` or `aurora-mysql`, or `postgres` or `mysql` for a Multi-AZ DB
    /// cluster. Default: the source's engine.
    #[serde(default)]
    pub engine: Option<String>,
    /// The capacity range of Aurora Serverless v2: `{ min: 0.5, max: 4 }`, in Aurora capacity
    /// units.
    #[serde(default)]
    pub serverless: Option<ServerlessArgs>,
    /// The number of instances of an Aurora cluster. Default: 1. A Multi-AZ DB cluster always has
    /// three, which RDS makes itself.
    #[serde(default)]
    pub instances: Option<Expr<u32>>,
    /// The cluster parameter group. Name production's: the default is the engine's own group, which
    /// often spoils drills.
    #[serde(default)]
    pub parameter_group: Option<String>,
    #[serde(default)]
    pub port: Option<Expr<i32>>,
    /// The KMS key that encrypts the restored cluster. Default: the source's key.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// The storage type: `aurora` or `aurora-iopt1`; for a Multi-AZ DB cluster such as `io1`, which
    /// needs `iops`.
    #[serde(default)]
    pub storage_type: Option<String>,
    /// The provisioned IOPS of each instance of a Multi-AZ DB cluster.
    #[serde(default)]
    pub iops: Option<Expr<i32>>,
}

pub struct RestoreClusterToTime;

/// The instances of a Multi-AZ DB cluster: a writer and two readers.
const OF_MULTI_AZ: u32 = 3;

/// Whether RDS calls a cluster of this engine a Multi-AZ DB cluster. Aurora's engines begin with its
/// name.
fn is_multi_az(engine: &str) -> bool {
    !engine.starts_with("aurora")
}

/// Arguments that fit only the other kind of cluster.
fn misfits(args: &RestoreClusterToTimeArgs, engine: &str) -> Vec<ArgProblem> {
    let problem = |key: &str, message: String, help: &str| ArgProblem {
        pointer: format!("/{key}"),
        message,
        help: help.to_owned(),
    };
    let mut problems = Vec::new();
    if is_multi_az(engine) {
        for (key, given) in
            [("instances", args.instances.is_some()), ("serverless", args.serverless.is_some())]
        {
            if given {
                let said = format!("a Multi-AZ DB cluster of {engine} takes no `{key}`");
                problems.push(problem(key, said, "remove it: RDS makes the three instances itself"));
            }
        }
        if args.storage_type.is_some() && args.iops.is_none() {
            let said = "`storage_type` of a Multi-AZ DB cluster needs `iops`".to_owned();
            problems.push(problem("storage_type", said, "add `iops: 3000`, as production has it"));
        }
    } else if args.iops.is_some() {
        let said = format!("a cluster of {engine} takes no `iops`");
        problems.push(problem("iops", said, "remove it: Aurora's storage has no provisioned IOPS"));
    }
    problems
}

impl Action for RestoreClusterToTime {
    type Args = RestoreClusterToTimeArgs;

    const NAME: &'static str = "rds.restore_cluster_to_time";
    const SUMMARY: &'static str =
        "Restores a cluster to an instant (PITR), and its instances with it, in its own account.";
    const OUTPUTS: &'static [Output] = cluster::OUTPUTS;
    const CALLS: &'static [&'static str] = &[
        "rds:RestoreDBClusterToPointInTime",
        "rds:CreateDBInstance",
        "rds:DescribeDBClusters",
        "rds:DescribeDBClusterAutomatedBackups",
        "rds:DescribeDBInstances",
    ];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::RdsPitr];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::RestoreDbClusterToTime)],
        base: Duration::from_mins(10),
        per_gib: Duration::ZERO,
        spread: 0.25,
        source: "337 s and 439 s for tiny ones (terraform-provider-aws #40471, #34102); more to replay (m)",
    };
    const PREPARED: &'static [Prepared] = &[Prepared::DbSubnetGroup];

    fn problems(args: &RestoreClusterToTimeArgs) -> Vec<ArgProblem> {
        let mut problems = cluster::capacity_problems(&args.class, args.serverless);
        if let Some(engine) = args.engine.as_deref().and_then(args::known) {
            problems.extend(misfits(args, &engine));
        }
        problems
    }

    fn source(args: &RestoreClusterToTimeArgs) -> Option<SourceSpec> {
        let ClusterSource { cluster, point } = &args.from;
        let what = args::of("rds:cluster", cluster, point.as_deref());
        Some(args::restored(what, Self::SIZED_BY, true))
    }

    fn demands(args: &RestoreClusterToTimeArgs) -> Demands {
        let engine = args.engine.as_deref().and_then(args::known);
        let count = match &engine {
            Some(engine) if is_multi_az(engine) => OF_MULTI_AZ,
            Some(_) | None => args::count(args.instances.as_ref()).unwrap_or(1),
        };
        let class = args::known(&args.class);
        Demands {
            class: class.clone().filter(|_| engine.is_none()),
            db_class: engine.zip(class),
            kms_key: args.kms_key.clone(),
            ..databases(count)
        }
    }

    async fn run(cx: &Context<'_>, args: RestoreClusterToTimeArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let Some(engine) = args.engine.clone().or_else(|| source.point.engine.clone()) else {
            return Err(StepError::wrong(
                format!("the engine of {} is not known", source.point.of),
                "name it with `engine`, such as `aurora-postgresql`",
            ));
        };
        if let Some(ArgProblem { message, help, .. }) = misfits(&args, &engine).into_iter().next() {
            return Err(StepError::wrong(message, help));
        }
        // The API takes the time of the call if no instant is named, and the age of the data would
        // be unknown.
        let Some(to) = source.at.or(source.point.taken) else {
            return Err(StepError::wrong(
                format!("to which instant {} can be restored is not known", source.point.of),
                "name an instant with `point`",
            ));
        };
        let count = cluster::instance_count(value(args.instances.as_ref())?.unwrap_or(1))?;
        let iops = value(args.iops.as_ref())?;
        let multi_az = is_multi_az(&engine).then(|| MultiAz { class: args.class.clone(), iops });
        let is_aurora = multi_az.is_none();
        let what = Create::DbClusterToTime(Request {
            // PITR needs the cluster whose automated backups the point stands for. Backups that
            // outlived their cluster have only their own ARN.
            source: if source.id.contains(":cluster-auto-backup:") {
                source.id.clone()
            } else {
                source.point.of.name.clone()
            },
            to,
            name: cx.name(""),
            engine: engine.clone(),
            subnet_group: subnet_group(cx)?,
            security_groups: vec![cx.sandbox.security_group.clone()],
            parameter_group: args.parameter_group,
            port: value(args.port.as_ref())?,
            serverless: args.serverless.map(Into::into),
            kms_key: args.kms_key,
            storage_type: args.storage_type,
            multi_az,
            size: cx.size(),
        });
        let (id, seen, created) = cx.create_ready("", what).await?;
        let instances = if is_aurora {
            cluster::add_instances(cx, &id, (&args.class, &engine), count).await?
        } else {
            cluster::member_ids(&seen)
        };
        let finished = cluster::finished(cx, &id, instances).await?;
        Ok(Outcome { consistent_at: created.restored_to.or(Some(to)), ..finished })
    }
}
