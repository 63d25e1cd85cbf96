//! `sql`: reads the first value of the first row, in a read-only transaction. Nothing
//! is set for the session: a pooler would keep it, and hand it to the application.

mod mysql;
mod postgres;
mod session;
mod target;

pub(crate) use self::session::{Refused, Row, Session, Why, text};
pub(crate) use self::target::{Access, Target};

use super::dial::{Stage, bounded, peer};
use super::failure::Failure;
use super::observation::Secrets;
use super::{First, Net, Observation, judge_sql};
use playbook::asked::SqlEngine;
use playbook::check::SqlCheck;
use playbook::query;

/// Makes one attempt of an SQL check.
pub async fn sql(spec: &SqlCheck, net: &Net) -> Observation {
    let mut secrets = Secrets::default();
    let target = match target_of(spec, net, &mut secrets) {
        Ok(target) => target,
        Err(failure) => return failure.without(&secrets),
    };
    let stage = Stage::new();
    let limit = spec.timeout();
    let attempt = async {
        let first = match target.engine {
            SqlEngine::Postgres => postgres::first_value(&target, &spec.query, net, &stage, limit).await?,
            SqlEngine::MySql => mysql::first_value(&target, &spec.query, net, &stage, limit).await?,
        };
        Ok(judge_sql(spec, Some(first))?)
    };
    // The value is the database's own and is shown unchanged. Only a failure can quote a secret
    // that was sent to the server.
    bounded(limit, &stage, &peer(net, &target.host, target.port), &secrets, attempt).await
}

fn target_of(spec: &SqlCheck, net: &Net, secrets: &mut Secrets) -> Result<Target, Failure> {
    let target = Target::of(&Access::from(spec), net, secrets)?;
    query::read(&spec.query, target.engine)?;
    Ok(target)
}
