//! `sql`: reads the first value of the first row, in a read-only session.

mod first;
mod mysql;
mod postgres;
mod target;

use self::first::First;
use self::target::{Engine, Target};
use super::dial::{Failure, Stage, bounded, peer};
use super::observation::Secrets;
use super::{Net, Observation};
use playbook::check::SqlCheck;

/// Makes one attempt of an SQL check.
pub async fn sql(spec: &SqlCheck, net: &Net) -> Observation {
    let mut secrets = Secrets::default();
    let target = match Target::of(spec, net, &mut secrets) {
        Ok(target) => target,
        Err(failure) => return failure.without(&secrets),
    };
    let stage = Stage::new();
    let limit = spec.timeout();
    let attempt = async {
        let first = match target.engine {
            Engine::Postgres => postgres::first_value(&target, &spec.query, net, &stage, limit).await?,
            Engine::MySql => mysql::first_value(&target, &spec.query, net, &stage, limit).await?,
        };
        judge(spec, first)
    };
    // The value is the database's own and is shown unchanged. Only a failure can quote a secret
    // that was sent to the server.
    bounded(limit, &stage, &peer(net, &target.host, target.port), &secrets, attempt).await
}

fn judge(spec: &SqlCheck, first: First) -> Result<Observation, Failure> {
    let value = match (first, &spec.expect) {
        (First::Value(value), _) => value,
        (First::Null, Some(expect)) if expect.get()?.is_null() => return Ok(Observation::healthy("NULL")),
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
        // NULL and no row prove nothing, unless the check expects them.
        (First::Null, None) => {
            let why = "the query returned NULL: an empty table gives NULL for max() and the like; if that is right, say `expect: == null`";
            return Ok(Observation::unhealthy("NULL", why));
        }
        (First::NoRow, None) => {
            let why = "the query returned no row; let it return a value, such as `select count(*) …`";
            return Ok(Observation::unhealthy("no rows", why));
        }
    };
    let seen = match &spec.expect {
        Some(expect) => Observation::compared(&value, "the first value", &value, expect.get()?),
        None => Observation::healthy(&value),
    };
    Ok(seen.with_value(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(expect: Option<&str>, first: First) -> Observation {
        let mut spec =
            serde_json::json!({ "url": "postgres://db/orders", "query": "select max(id) from orders" });
        if let Some(expect) = expect {
            spec["expect"] = expect.into();
        }
        judge(&serde_json::from_value(spec).unwrap(), first).unwrap_or_else(|_| panic!("not judged"))
    }

    #[test]
    fn nothing_found_shows_nothing() {
        for first in [First::Null, First::NoRow] {
            let seen = judged(None, first);
            assert!(!seen.healthy && seen.value.is_none() && seen.why.is_some(), "{seen:?}");
        }
        assert!(judged(None, First::Value(String::new())).healthy);
        assert!(judged(Some("== null"), First::Null).healthy);
        assert!(!judged(Some("== null"), First::NoRow).healthy);
        assert!(!judged(Some("!= null"), First::Null).healthy);
        assert!(!judged(Some("== null"), First::Value("7".into())).healthy);
    }
}
