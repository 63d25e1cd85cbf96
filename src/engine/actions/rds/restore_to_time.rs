//! Restores a database to an instant.

use std::time::Duration;

use super::{ADDRESS, DB_ID, ENDPOINT, PORT, RestoreArgs, database, databases, restored_db};
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, Output, Prepared, SourceSpec};
use port::{Calibration, Create, CreateCall, RestoreDbToTime, Timed};

pub struct RestoreToTime;

impl Action for RestoreToTime {
    type Args = RestoreArgs;

    const NAME: &'static str = "rds.restore_to_time";
    const SUMMARY: &'static str = "Restores a database instance to an instant (PITR), in its own account.";
    const OUTPUTS: &'static [Output] = &[ENDPOINT, ADDRESS, PORT, DB_ID];
    const CALLS: &'static [&'static str] = &["rds:RestoreDBInstanceToPointInTime", "rds:DescribeDBInstances"];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::RdsPitr];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::RestoreDbToTime)],
        base: Duration::from_mins(15),
        per_gib: Duration::from_millis(1_500),
        spread: 0.25,
        source: "as a restore, plus replay of the log (m)",
    };
    const PREPARED: &'static [Prepared] = &[Prepared::DbSubnetGroup];

    fn problems(args: &RestoreArgs) -> Vec<ArgProblem> {
        let mut problems = args::one_source(&[("db", args.from.db.is_some())], None);
        if args.from.snapshot.is_some() {
            problems.push(ArgProblem {
                pointer: "/from/snapshot".into(),
                message: "PITR restores to an instant, not from a snapshot".into(),
                help: "use `rds.restore`, or name the database with `db`".into(),
            });
        }
        problems
    }

    fn source(args: &RestoreArgs) -> Option<SourceSpec> {
        args.from.source(PointKind::RdsPitr)
    }

    fn demands(args: &RestoreArgs) -> Demands {
        Demands { class: args.class.as_deref().and_then(args::known), ..databases(1) }
    }

    async fn run(cx: &Context<'_>, args: RestoreArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let mut db = restored_db(cx, args, source)?;
        // PITR needs the database whose automated backups the point stands for. Backups that were
        // replicated into this region have their own ARN, and no database here.
        if !db.source.contains(":auto-backup:") {
            db.source.clone_from(&source.point.of.name);
        }
        let (id, seen, created) =
            cx.create_ready("", Create::DbToTime(RestoreDbToTime { db, to: source.at })).await?;
        Ok(Outcome { consistent_at: created.restored_to.or(source.at), ..database(&id, &seen) })
    }
}
