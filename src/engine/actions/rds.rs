//! RDS and Aurora: snapshot copies, restores, replicas.

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Action;
use super::args::{self, ClusterSource, DbCopySource, DbSource};
use super::context::{Context, Outcome, StepError, decode, take, value};
use base::ids::BadName;
use estate::PointKind;
use event::RestoreSource;
use playbook::action::{ActionDecl, ArgProblem, Demands, Output, ReplicaDemand, Shape, SourceSpec};
use playbook::expr_value::Expr;
use port::wait::Until;
use port::{Create, Kind, Observed, RestoreCluster, RestoreDb, RestoreDbToTime, Serverless};

const ENDPOINT: Output = Output { name: "endpoint", doc: "`host:port`", shape: Shape::Text };
const ADDRESS: Output = Output { name: "address", doc: "the host", shape: Shape::Text };
const PORT: Output = Output { name: "port", doc: "the port", shape: Shape::Number };
const DB_ID: Output = Output { name: "db_id", doc: "the instance's identifier", shape: Shape::Text };

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopySnapshotArgs {
    pub from: DbCopySource,
    /// The KMS key of the copy, in the sandbox's region.
    #[serde(default)]
    pub kms_key: Option<String>,
}

pub const COPY_SNAPSHOT: Action = Action {
    decl: ActionDecl {
        name: "rds.copy_snapshot",
        summary: "Copies a snapshot of a database or an Aurora cluster into the sandbox's account and region.",
        args: |g| g.subschema_for::<CopySnapshotArgs>(),
        check: |args| args::exactly_one(args, "/from", &["db", "cluster", "snapshot"]),
        secrets: &[],
        outputs: &[Output { name: "snapshot_id", doc: "the copy's id", shape: Shape::Text }],
        source: |args| {
            let CopySnapshotArgs { from, .. } = args::lenient(args)?;
            let point = from.point.as_deref();
            if let Some(cluster) = &from.cluster {
                let what = args::of("rds:cluster", cluster, point);
                return Some(args::copied(what, &[PointKind::RdsClusterSnapshot]));
            }
            let kinds = [PointKind::RdsSnapshot, PointKind::RdsClusterSnapshot];
            let kinds = if from.db.is_some() { &kinds[..1] } else { &kinds[..] };
            let what =
                args::named_or_snapshot("rds:db", from.db.as_deref(), point, from.snapshot.as_deref())?;
            Some(args::copied(what, kinds))
        },
        demands: Demands::none,
        calls: &[
            "rds:CopyDBSnapshot",
            "rds:DescribeDBSnapshots",
            "rds:CopyDBClusterSnapshot",
            "rds:DescribeDBClusterSnapshots",
        ],
        bucket_calls: &[],
        sized_by: &[PointKind::RdsSnapshot, PointKind::RdsClusterSnapshot],
    },
    run: |cx, args| Box::pin(copy_snapshot(cx, args)),
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreArgs {
    pub from: DbSource,
    /// The instance class: `db.t4g.medium`; default: as the source.
    #[serde(default)]
    pub class: Option<String>,
    /// Default: false. Restores come up in one zone unless told otherwise.
    #[serde(default)]
    pub multi_az: Option<Expr<bool>>,
    /// Default: the engine's own, which is a classic defect of drills: name production's.
    #[serde(default)]
    pub parameter_group: Option<String>,
    #[serde(default)]
    pub option_group: Option<String>,
    #[serde(default)]
    pub port: Option<Expr<i32>>,
    /// The id of a zone to pin it to.
    #[serde(default)]
    pub az: Option<String>,
}

fn databases(db_instances: u32) -> Demands {
    Demands { db_subnet_group: true, db_instances, ..Demands::default() }
}

fn one_database(_args: &Value) -> Demands {
    databases(1)
}

fn db_source(from: &DbSource, kind: PointKind) -> Option<SourceSpec> {
    let what = args::named_or_snapshot(
        "rds:db",
        from.db.as_deref(),
        from.point.as_deref(),
        from.snapshot.as_deref(),
    )?;
    Some(args::restored(what, &[kind], true))
}

pub const RESTORE: Action = Action {
    decl: ActionDecl {
        name: "rds.restore",
        summary: "Restores a database instance from a snapshot.",
        args: |g| g.subschema_for::<RestoreArgs>(),
        check: |args| args::exactly_one(args, "/from", &["db", "snapshot"]),
        secrets: &[],
        outputs: &[ENDPOINT, ADDRESS, PORT, DB_ID],
        source: |args| db_source(&args::lenient::<RestoreArgs>(args)?.from, PointKind::RdsSnapshot),
        demands: one_database,
        calls: &["rds:RestoreDBInstanceFromDBSnapshot", "rds:DescribeDBInstances"],
        bucket_calls: &[],
        sized_by: &[PointKind::RdsSnapshot],
    },
    run: |cx, args| Box::pin(restore(cx, args)),
};

pub const RESTORE_TO_TIME: Action = Action {
    decl: ActionDecl {
        name: "rds.restore_to_time",
        summary: "Restores a database instance to an instant (PITR), in its own account.",
        args: |g| g.subschema_for::<RestoreArgs>(),
        check: |args| {
            let mut problems = args::exactly_one(args, "/from", &["db"]);
            if args.pointer("/from/snapshot").is_some() {
                problems.push(ArgProblem {
                    pointer: "/from/snapshot".into(),
                    message: "PITR restores to an instant, not from a snapshot".into(),
                    help: "use `rds.restore`, or name the database with `db`".into(),
                });
            }
            problems
        },
        secrets: &[],
        outputs: &[ENDPOINT, ADDRESS, PORT, DB_ID],
        source: |args| db_source(&args::lenient::<RestoreArgs>(args)?.from, PointKind::RdsPitr),
        demands: one_database,
        calls: &["rds:RestoreDBInstanceToPointInTime", "rds:DescribeDBInstances"],
        bucket_calls: &[],
        sized_by: &[PointKind::RdsPitr],
    },
    run: |cx, args| Box::pin(restore_to_time(cx, args)),
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreClusterArgs {
    pub from: ClusterSource,
    /// The engine: `aurora-postgresql` or `aurora-mysql`.
    pub engine: String,
    #[serde(default)]
    pub engine_version: Option<String>,
    /// The class of its instances; `db.serverless` needs `serverless`.
    pub class: String,
    /// How far Aurora Serverless v2 scales: `{ min: 0.5, max: 4 }`, in Aurora capacity units.
    #[serde(default)]
    pub serverless: Option<ServerlessArgs>,
    /// How many instances; the restored cluster has none of its own. Default: 1.
    #[serde(default)]
    pub instances: Option<Expr<u32>>,
    /// The cluster parameter group.
    #[serde(default)]
    pub parameter_group: Option<String>,
    #[serde(default)]
    pub port: Option<Expr<i32>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerlessArgs {
    #[schemars(range(min = 0.0, max = 256.0))]
    pub min: f64,
    #[schemars(range(min = 1.0, max = 256.0))]
    pub max: f64,
}

fn check_cluster(args: &Value) -> Vec<ArgProblem> {
    let mut problems = args::exactly_one(args, "/from", &["cluster", "snapshot"]);
    let capacity = |name: &str| args.pointer(&format!("/serverless/{name}")).and_then(Value::as_f64);
    let serverless = args.get("serverless").filter(|v| !v.is_null());
    if args.get("class").and_then(Value::as_str) == Some("db.serverless") && serverless.is_none() {
        problems.push(ArgProblem {
            pointer: "/class".into(),
            message: "`db.serverless` needs to know how far it scales".into(),
            help: "add `serverless: { min: 0.5, max: 4 }`, in Aurora capacity units, as production has it"
                .into(),
        });
    }
    if let (Some(min), Some(max)) = (capacity("min"), capacity("max"))
        && (min > max || [min, max].iter().any(|c| (c * 2.0).fract() != 0.0))
    {
        problems.push(ArgProblem {
            pointer: "/serverless".into(),
            message: format!("a cluster cannot scale between {min} and {max} capacity units"),
            help: "write halves or whole numbers, the smaller one as `min`: `{ min: 0.5, max: 4 }`".into(),
        });
    }
    problems
}

pub const RESTORE_CLUSTER: Action = Action {
    decl: ActionDecl {
        name: "rds.restore_cluster",
        summary: "Restores an Aurora cluster from a snapshot, and its instances with it.",
        args: |g| g.subschema_for::<RestoreClusterArgs>(),
        check: check_cluster,
        secrets: &[],
        outputs: &[
            ENDPOINT,
            ADDRESS,
            PORT,
            Output { name: "reader_endpoint", doc: "the reader's `host:port`", shape: Shape::Text },
            Output { name: "cluster_id", doc: "the cluster's identifier", shape: Shape::Text },
            Output { name: "instance_ids", doc: "the identifiers of its instances", shape: Shape::Texts },
        ],
        source: |args| {
            let RestoreClusterArgs { from, .. } = args::lenient(args)?;
            let what = args::named_or_snapshot(
                "rds:cluster",
                from.cluster.as_deref(),
                from.point.as_deref(),
                from.snapshot.as_deref(),
            )?;
            Some(args::restored(what, &[PointKind::RdsClusterSnapshot], true))
        },
        demands: |args| Demands {
            db_class: args::text(args, "/engine").zip(args::text(args, "/class")),
            ..databases(args::count(args, "/instances"))
        },
        calls: &[
            "rds:RestoreDBClusterFromSnapshot",
            "rds:CreateDBInstance",
            "rds:DescribeDBClusters",
            "rds:DescribeDBClusterSnapshots",
            "rds:DescribeDBInstances",
        ],
        bucket_calls: &[],
        sized_by: &[PointKind::RdsClusterSnapshot],
    },
    run: |cx, args| Box::pin(restore_cluster(cx, args)),
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteReplicaArgs {
    /// The production database. Its replica is made in the sandbox before T0; production's own replicas are never touched.
    pub from: ReplicaSource,
    /// The instance class; default: as the source.
    #[serde(default)]
    pub class: Option<String>,
    #[serde(default)]
    pub parameter_group: Option<String>,
    /// The KMS key of the replica, in the sandbox's region: needed where the database is encrypted.
    #[serde(default)]
    pub kms_key: Option<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicaSource {
    /// The production database's identifier.
    pub db: String,
    /// The region that it is in, another one than the sandbox's; default: what the estate says.
    #[serde(default)]
    pub source_region: Option<String>,
}

pub const PROMOTE_REPLICA: Action = Action {
    decl: ActionDecl {
        name: "rds.promote_replica",
        summary: "Promotes a read replica that the harness made in the sandbox before T0.",
        args: |g| g.subschema_for::<PromoteReplicaArgs>(),
        check: |_| Vec::new(),
        secrets: &[],
        outputs: &[ENDPOINT, ADDRESS, PORT, DB_ID],
        source: |args| {
            let PromoteReplicaArgs { from, .. } = args::lenient(args)?;
            let what = args::of("rds:db", &from.db, None);
            Some(args::restored_from_afar(what, &[PointKind::RdsReplica]))
        },
        demands: |args| {
            let replica = args::text(args, "/from/db").map(|source| ReplicaDemand {
                source,
                source_region: args::text(args, "/from/source_region"),
                class: args::text(args, "/class"),
                parameter_group: args::text(args, "/parameter_group"),
                kms_key: args::text(args, "/kms_key"),
            });
            Demands { replica, ..databases(1) }
        },
        calls: &["rds:PromoteReadReplica", "rds:CreateDBInstanceReadReplica", "rds:DescribeDBInstances"],
        bucket_calls: &[],
        sized_by: &[PointKind::RdsReplica],
    },
    run: |cx, args| Box::pin(promote_replica(cx, args)),
};

pub async fn copy_snapshot(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: CopySnapshotArgs = decode(args)?;
    let source = cx.source()?;
    let elsewhere = source.point.region != cx.place().region || source.point.account != cx.place().account;
    if source.point.encrypted && elsewhere && args.kms_key.is_none() {
        // RDS API reference, `CopyDBSnapshot` and `CopyDBClusterSnapshot`, `KmsKeyId`.
        return Err(StepError::wrong(
            format!(
                "{} is encrypted: RDS copies it from another region or account only with a key of the copy's own",
                source.id
            ),
            "name a key of the sandbox's region with `kms_key`",
        ));
    }
    let (id, region, name, size) = (source.id.clone(), source.point.region.clone(), cx.name(""), cx.size());
    let what = if source.point.kind == PointKind::RdsClusterSnapshot {
        Create::CopyDbClusterSnapshot { source: id, source_region: region, kms_key: args.kms_key, name, size }
    } else {
        Create::CopyDbSnapshot { source: id, source_region: region, kms_key: args.kms_key, name, size }
    };
    let key = what.facts().kms_key.map(str::to_owned);
    let (id, seen, _) = cx.create_ready("", what).await?;
    Ok(super::ec2::copied(cx, source, &id, &seen, "snapshot_id", key))
}

fn restored_db(cx: &Context<'_>, args: RestoreArgs, source: &RestoreSource) -> Result<RestoreDb, StepError> {
    Ok(RestoreDb {
        source: source.id.clone(),
        name: cx.name(""),
        class: args.class,
        subnet_group: subnet_group(cx)?,
        security_groups: vec![cx.sandbox.security_group.clone()],
        parameter_group: args.parameter_group,
        option_group: args.option_group,
        multi_az: value(args.multi_az.as_ref())?.unwrap_or(false),
        az: args
            .az
            .map(|az| az.parse())
            .transpose()
            .map_err(|e: BadName| StepError::wrong(e.message, e.help))?,
        port: value(args.port.as_ref())?,
        size: cx.size(),
        engine: source.point.engine.clone(),
    })
}

fn subnet_group(cx: &Context<'_>) -> Result<String, StepError> {
    cx.sandbox.db_subnet_group.clone().ok_or_else(|| {
        StepError::wrong(
            "the sandbox has no DB subnet group",
            "this is a defect of Drillmaster: please report it",
        )
    })
}

fn database(id: &str, seen: &Observed) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.outputs.insert("db_id".into(), json!(id));
    take(&mut outcome.outputs, seen, &["endpoint", "address", "port"]);
    outcome
}

pub async fn restore(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let db = restored_db(cx, decode(args)?, cx.source()?)?;
    let (id, seen, _) = cx.create_ready("", Create::Db(db)).await?;
    Ok(database(&id, &seen))
}

pub async fn restore_to_time(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let source = cx.source()?;
    let mut db = restored_db(cx, decode(args)?, source)?;
    // PITR names the database whose automated backups the point stands for; backups that were replicated into this
    // region have an ARN of their own, and no database here.
    if !db.source.contains(":auto-backup:") {
        db.source.clone_from(&source.point.of.name);
    }
    let (id, seen, created) =
        cx.create_ready("", Create::DbToTime(RestoreDbToTime { db, to: source.at })).await?;
    Ok(Outcome { consistent_at: created.restored_to.or(source.at), ..database(&id, &seen) })
}

pub async fn restore_cluster(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: RestoreClusterArgs = decode(args)?;
    let source = cx.source()?;
    let count = value(args.instances.as_ref())?.unwrap_or(1);
    if count == 0 || count > 16 {
        return Err(StepError::wrong(
            format!("`instances` is {count}"),
            "a cluster has between 1 and 16 instances",
        ));
    }
    let what = Create::DbCluster(RestoreCluster {
        snapshot: source.id.clone(),
        name: cx.name(""),
        engine: args.engine.clone(),
        engine_version: args.engine_version,
        subnet_group: subnet_group(cx)?,
        security_groups: vec![cx.sandbox.security_group.clone()],
        parameter_group: args.parameter_group,
        port: value(args.port.as_ref())?,
        serverless: args.serverless.map(|s| Serverless { min: s.min, max: s.max }),
        size: cx.size(),
    });
    let (cluster, ..) = cx.create_ready("", what).await?;
    // The restore creates no instances, and a cluster without instances answers nobody.
    let instances = try_join_all((1..=count).map(|index| {
        let (slot, cluster) = (format!("{index}"), cluster.clone());
        let (class, engine) = (args.class.clone(), args.engine.clone());
        async move {
            let what = Create::DbClusterInstance { cluster, name: cx.name(&slot), class, engine, index };
            Ok::<_, StepError>(cx.create_ready(&slot, what).await?.0)
        }
    }))
    .await?;
    let seen = cx.ready(Kind::DbCluster, &cluster, Until::Ready).await?;
    let mut outcome = Outcome::default();
    outcome.outputs.insert("cluster_id".into(), json!(cluster));
    outcome.outputs.insert("instance_ids".into(), json!(instances));
    take(&mut outcome.outputs, &seen, &["endpoint", "address", "port", "reader_endpoint"]);
    Ok(outcome)
}

pub async fn promote_replica(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let PromoteReplicaArgs { .. } = decode(args)?;
    let Some(replica) = cx.sandbox.replicas.get(cx.step) else {
        return Err(StepError::wrong(
            "its replica was not made before T0",
            "this is a defect of Drillmaster: please report it",
        ));
    };
    cx.create("", Create::PromoteReplica { db: replica.clone(), size: cx.size() }).await?;
    let seen = cx.ready(Kind::DbInstance, replica, Until::Promoted).await?;
    Ok(database(replica, &seen))
}
