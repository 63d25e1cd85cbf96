//! Promotes a replica that the harness created before T0.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ADDRESS, DB_ID, ENDPOINT, PORT, database, databases};
use crate::actions::action::{Action, OF_AN_OUTCOME};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{Demands, Output, Prepared, ReplicaDemand, SourceSpec};
use port::wait::Until;
use port::{Calibration, Create, CreateCall, Kind, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteReplicaArgs {
    /// The production database. Its replica is created in the sandbox before T0. Production's own
    /// replicas are never touched.
    pub from: ReplicaSource,
    /// The instance class. Default: the source's class.
    #[serde(default)]
    pub class: Option<String>,
    #[serde(default)]
    pub parameter_group: Option<String>,
    /// The KMS key of the replica, in the sandbox's region. Needed if the database is encrypted.
    #[serde(default)]
    pub kms_key: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicaSource {
    /// The production database's identifier.
    pub db: String,
    /// The database's region, which must not be the sandbox's. Default: the estate's value.
    #[serde(default)]
    pub source_region: Option<String>,
}

pub struct PromoteReplica;

impl Action for PromoteReplica {
    type Args = PromoteReplicaArgs;

    const NAME: &'static str = "rds.promote_replica";
    const SUMMARY: &'static str = "Promotes a read replica that the harness made in the sandbox before T0.";
    const OUTPUTS: &'static [Output] = &[ENDPOINT, ADDRESS, PORT, DB_ID];
    const CALLS: &'static [&'static str] =
        &["rds:PromoteReadReplica", "rds:CreateDBInstanceReadReplica", "rds:DescribeDBInstances"];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::RdsReplica];
    const FAULTS: &'static [FaultKind] = OF_AN_OUTCOME;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::PromoteReplica)],
        base: Duration::from_mins(5),
        per_gib: Duration::ZERO,
        spread: 0.25,
        source: "minutes, with a reboot (m)",
    };
    const PREPARED: &'static [Prepared] = &[Prepared::DbSubnetGroup, Prepared::Replica];

    fn source(args: &PromoteReplicaArgs) -> Option<SourceSpec> {
        let what = args::of("rds:db", &args.from.db, None);
        Some(args::restored_from_afar(what, Self::SIZED_BY))
    }

    fn demands(args: &PromoteReplicaArgs) -> Demands {
        let known = |text: &Option<String>| text.as_deref().and_then(args::known);
        let replica = args::known(&args.from.db).map(|source| ReplicaDemand {
            source,
            source_region: known(&args.from.source_region),
            class: known(&args.class),
            parameter_group: known(&args.parameter_group),
            kms_key: known(&args.kms_key),
        });
        Demands { replica, class: known(&args.class), kms_key: args.kms_key.clone(), ..databases(1) }
    }

    async fn run(cx: &Context<'_>, _args: PromoteReplicaArgs) -> Result<Outcome, StepError> {
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
}
