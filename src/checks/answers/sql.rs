//! `sql`: the first value of the first row.

use crate::Observation;
use playbook::check::SqlCheck;
use playbook::expr_value::TemplateLeft;

/// The first value of the first row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    Value(String),
    Null,
    NoRow,
}

/// Judges the result of a query that succeeded.
pub fn judge(spec: &SqlCheck, first: Option<First>) -> Result<Observation, TemplateLeft> {
    let expect = spec.expect.as_ref().map(|expect| expect.get()).transpose()?;
    let value = match (first, expect) {
        (Some(First::Value(value)), _) => value,
        (None, None) => return Ok(Observation::healthy("healthy")),
        (None, Some(expect)) => {
            let what = format!("the first value (expected `{expect}`)");
            return Ok(Observation::healthy("").assuming(vec![what]));
        }
        (Some(First::Null), Some(expect)) if expect.is_null() => return Ok(Observation::healthy("NULL")),
        (Some(First::Null), Some(expect)) => {
            let why = format!(
                "the query returned NULL, expected `{expect}`; an empty table gives NULL for max() and the like"
            );
            return Ok(Observation::unhealthy("NULL", why));
        }
        (Some(First::NoRow), Some(expect)) => {
            return Ok(Observation::unhealthy(
                "no rows",
                format!("the query returned no row, expected `{expect}`"),
            ));
        }
        // NULL and no row prove nothing, unless the check expects them.
        (Some(First::Null), None) => {
            let why = "the query returned NULL: an empty table gives NULL for max() and the like; if that is right, say `expect: == null`";
            return Ok(Observation::unhealthy("NULL", why));
        }
        (Some(First::NoRow), None) => {
            let why = "the query returned no row; let it return a value, such as `select count(*) …`";
            return Ok(Observation::unhealthy("no rows", why));
        }
    };
    let seen = match expect {
        Some(expect) => Observation::compared(&value, "the first value", &value, expect),
        None => Observation::healthy(&value),
    };
    Ok(seen.with_value(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(expect: Option<&str>, first: Option<First>) -> Observation {
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
            let seen = judged(None, Some(first));
            assert!(!seen.is_healthy() && seen.value.is_none() && seen.why.is_some(), "{seen:?}");
        }
        assert!(judged(None, Some(First::Value(String::new()))).is_healthy());
        assert!(judged(Some("== null"), Some(First::Null)).is_healthy());
        assert!(!judged(Some("== null"), Some(First::NoRow)).is_healthy());
        assert!(!judged(Some("!= null"), Some(First::Null)).is_healthy());
        assert!(!judged(Some("== null"), Some(First::Value("7".into()))).is_healthy());
        assert_eq!(judged(Some(">= 7"), None).assumed, ["the first value (expected `>= 7`)"]);
    }
}
