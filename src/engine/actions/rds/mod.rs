//! RDS and Aurora: snapshot copies, restores, replicas.

pub(super) mod cluster;
pub mod copy_snapshot;
pub mod promote_replica;
pub mod restore;
pub mod restore_cluster;
pub mod restore_cluster_to_time;
pub mod restore_to_time;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::args;
use super::context::{Context, Outcome, StepError, take, value};
use base::ids::BadName;
use estate::PointKind;
use event::RestoreSource;
use playbook::action::{Demands, Output, PointArg, Shape, SourceSpec};
use playbook::expr_value::Expr;
use port::{Observed, RestoreDb};

const ENDPOINT: Output =
    Output { name: "endpoint", doc: "`host:port`: write no port after it", shape: Shape::Text };
const ADDRESS: Output = Output { name: "address", doc: "the host, without a port", shape: Shape::Text };
const PORT: Output = Output { name: "port", doc: "the port", shape: Shape::Number };
const DB_ID: Output = Output { name: "db_id", doc: "the instance's identifier", shape: Shape::Text };

/// The source of a database: `{ db, point }` or `{ snapshot }`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DbSource {
    /// The production database's identifier.
    #[serde(default)]
    pub db: Option<String>,
    /// `latest` (default), `latest-clean`, `random`, `{ before: TIME }`, a recovery point's id, a timestamp,
    /// or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<PointArg>,
    /// A snapshot's id or ARN, such as a copy step's `snapshot_id`.
    #[serde(default)]
    pub snapshot: Option<String>,
}

impl DbSource {
    fn source(&self, kind: PointKind) -> Option<SourceSpec> {
        let (point, snapshot) = (self.point.as_deref(), self.snapshot.as_deref());
        let what = args::named_or_snapshot("rds:db", self.db.as_deref(), point, snapshot)?;
        Some(args::restored(what, &[kind], true))
    }
}

// The arguments of both restores of an instance. A doc comment would appear in the JSON Schema.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreArgs {
    pub from: DbSource,
    /// The instance class, such as `db.t4g.medium`. Default: the source's class.
    #[serde(default)]
    pub class: Option<String>,
    /// Default: false. A restore is in one zone unless this is true.
    #[serde(default)]
    pub multi_az: Option<Expr<bool>>,
    /// The parameter group. Name production's: the default is the engine's own group, which often
    /// spoils drills.
    #[serde(default)]
    pub parameter_group: Option<String>,
    #[serde(default)]
    pub option_group: Option<String>,
    #[serde(default)]
    pub port: Option<Expr<i32>>,
    /// The id of the zone to pin the instance to.
    #[serde(default)]
    pub az: Option<String>,
}

fn databases(db_instances: u32) -> Demands {
    Demands { db_instances, ..Demands::default() }
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
