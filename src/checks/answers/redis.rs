//! `redis`: the number of keys, and the value of one.

use crate::Observation;
use crate::observation::Secrets;
use playbook::expr_value::TemplateLeft;
use playbook::redis::RedisCheck;

/// What a server that answers has told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisSeen {
    /// The keys of the database. `None`: nobody said.
    pub keys: Option<u64>,
    /// The key of the check. `None`: nobody said.
    pub found: Option<Found>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// A string.
    Text(String),
    /// A key of another type, such as `hash`.
    Other(String),
}

pub fn judge(spec: &RedisCheck, seen: &RedisSeen) -> Result<Observation, TemplateLeft> {
    let mut assumed = Vec::new();
    let keys = match seen.keys {
        Some(1) => "1 key".to_owned(),
        Some(keys) => format!("{keys} keys"),
        None => "it answers".to_owned(),
    };
    if let Some(min) = &spec.min_keys {
        let min = *min.get()?;
        match seen.keys {
            None => assumed.push(format!("the number of keys (at least {min})")),
            Some(found) if found < min => {
                let why = format!("the database has {keys}, expected at least {min}");
                return Ok(Observation::unhealthy(&keys, why));
            }
            Some(_) => {}
        }
    }
    let Some(key) = &spec.key else { return Ok(Observation::healthy(&keys).assuming(assumed)) };
    let expect = spec.expect.as_ref().map(|expect| expect.get()).transpose()?;
    Ok(match (&seen.found, expect) {
        (None, Some(expect)) => {
            assumed.push(format!("the key `{key}` (expected `{expect}`)"));
            Observation::healthy(&keys)
        }
        (None, None) => {
            assumed.push(format!("whether the key `{key}` exists"));
            Observation::healthy(&keys)
        }
        (Some(Found::Nothing), _) => {
            Observation::unhealthy(format!("{keys}, no `{key}`"), format!("there is no key `{key}`"))
        }
        (Some(Found::Other(kind)), Some(expect)) => Observation::unhealthy(
            format!("{keys}, `{key}` is a {kind}"),
            format!("`{key}` is a {kind}, and only a string can be `{expect}`; leave `expect` out, or name another key"),
        ),
        (Some(Found::Other(kind)), None) => Observation::healthy(format!("{keys}, `{key}` is a {kind}")),
        (Some(Found::Text(value)), None) => Observation::healthy(format!("{keys}, `{key}` exists")).with_value(value),
        (Some(Found::Text(value)), Some(expect)) => {
            let observed = format!("{keys}, `{key}` is `{value}`");
            Observation::compared_without(&Secrets::default(), &observed, &format!("`{key}`"), value, expect)
                .with_value(value)
        }
    }
    .assuming(assumed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(spec: &str, seen: &RedisSeen) -> Observation {
        let spec = format!("{{ address: 'h:1'{spec} }}");
        judge(&serde_saphyr::from_str(&spec).unwrap(), seen).unwrap_or_else(|_| panic!("{spec}"))
    }

    #[test]
    fn keys_are_counted_and_one_is_looked_at() {
        let seen = |keys, found| RedisSeen { keys: Some(keys), found };
        let text = |value: &str| Some(Found::Text(value.to_owned()));
        for (spec, seen, healthy) in [
            ("", seen(0, None), true),
            (", min_keys: 3", seen(3, None), true),
            (", min_keys: 3", seen(2, None), false),
            (", key: a", seen(1, Some(Found::Nothing)), false),
            (", key: a", seen(1, Some(Found::Other("hash".into()))), true),
            (", key: a, expect: paid", seen(1, Some(Found::Other("hash".into()))), false),
            (", key: a, expect: paid", seen(1, text("paid")), true),
            (", key: a, expect: paid", seen(1, text("open")), false),
            (", key: a, expect: '>= 3', min_keys: 9", seen(1, text("7")), false),
        ] {
            assert_eq!(judged(spec, &seen).is_healthy(), healthy, "{spec} {seen:?}");
        }
        let nothing = judged(", key: a, min_keys: 3", &RedisSeen::default());
        assert_eq!(nothing.assumed, ["the number of keys (at least 3)", "whether the key `a` exists"]);
        assert_eq!(judged(", key: a", &seen(1, text("x"))).value.as_deref(), Some("x"));
    }
}
