//! `sql`: the first value of the first row, in a read-only session.

mod mysql;
mod postgres;
mod target;

use self::target::{Engine, Target};
use super::dial::{Failure, Stage, bounded, peer};
use super::observation::Secrets;
use super::{Net, Observation};
use crate::playbook::check::{CheckKind, SqlCheck};

/// The first value of the first row.
#[derive(Debug, PartialEq, Eq)]
enum First {
    Value(String),
    Null,
    NoRow,
}

/// One attempt of an SQL check.
pub async fn sql(spec: &SqlCheck, net: &Net) -> Observation {
    let mut secrets = Secrets::default();
    let target = match Target::of(spec, net, &mut secrets) {
        Ok(target) => target,
        Err(failure) => return failure.without(&secrets),
    };
    let stage = Stage::new();
    let limit = CheckKind::Sql(spec.clone()).timeout();
    let attempt = async {
        let first = match target.engine {
            Engine::Postgres => postgres::first_value(&target, &spec.query, net, &stage, limit).await?,
            Engine::MySql => mysql::first_value(&target, &spec.query, net, &stage, limit).await?,
        };
        judge(spec, first)
    };
    // A value that was read is the database's, and shown as it is; only failures can quote what a server was told.
    bounded(limit, &stage, &peer(net, &target.host, target.port), &secrets, attempt).await
}

fn judge(spec: &SqlCheck, first: First) -> Result<Observation, Failure> {
    let value = match (first, &spec.expect) {
        (First::Value(value), _) => value,
        (First::Null, Some(expect)) => {
            let why = format!(
                "the query returned NULL, expected `{}`; an empty table gives NULL for max() and the like",
                expect.get()?
            );
            return Ok(Observation::unhealthy("NULL", why));
        }
        (First::NoRow, Some(expect)) => {
            return Ok(Observation::unhealthy(
                "no rows",
                format!("the query returned no row, expected `{}`", expect.get()?),
            ));
        }
        (First::Null, None) => return Ok(Observation::healthy("NULL")),
        (First::NoRow, None) => return Ok(Observation::healthy("no rows")),
    };
    let seen = match &spec.expect {
        Some(expect) => Observation::compared(&value, "the first value", &value, expect.get()?),
        None => Observation::healthy(&value),
    };
    Ok(seen.with_value(value))
}
