//! Restores a database from a snapshot.

use std::time::Duration;

use super::{ADDRESS, DB_ID, DbSource, ENDPOINT, PORT, RestoreArgs, database, databases, restored_db};
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Output, Prepared, SourceSpec};
use port::{Calibration, Create, CreateCall, Timed};

pub struct Restore;

impl Action for Restore {
    type Args = RestoreArgs;

    const NAME: &'static str = "rds.restore";
    const SUMMARY: &'static str = "Restores a database instance from a snapshot.";
    const OUTPUTS: &'static [Output] = &[ENDPOINT, ADDRESS, PORT, DB_ID];
    const CALLS: &'static [&'static str] =
        &["rds:RestoreDBInstanceFromDBSnapshot", "rds:DescribeDBInstances"];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::RdsSnapshot];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::RestoreDb)],
        base: Duration::from_secs(690),
        per_gib: Duration::from_secs(1),
        spread: 0.25,
        source: "8 to 15 min plus a size term (m)",
    };
    const PREPARED: &'static [Prepared] = &[Prepared::DbSubnetGroup];

    fn problems(args: &RestoreArgs) -> Vec<ArgProblem> {
        let DbSource { db, point, snapshot } = &args.from;
        args::one_source(&[("db", db.is_some()), ("snapshot", snapshot.is_some())], point.as_deref())
    }

    fn source(args: &RestoreArgs) -> Option<SourceSpec> {
        args.from.source(PointKind::RdsSnapshot)
    }

    fn demands(args: &RestoreArgs) -> Demands {
        Demands { class: args.class.as_deref().and_then(args::known), ..databases(1) }
    }

    async fn run(cx: &Context<'_>, args: RestoreArgs) -> Result<Outcome, StepError> {
        let db = restored_db(cx, args, cx.source()?)?;
        let (id, seen, _) = cx.create_ready("", Create::Db(db)).await?;
        Ok(database(&id, &seen))
    }
}
