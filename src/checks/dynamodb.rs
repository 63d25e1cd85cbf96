//! `dynamodb`: judges the items that the cloud port has counted and read.

use super::Observation;
use playbook::check::DynamodbCheck;
use playbook::expr_value::TemplateLeft;

/// The AWS calls that count and read items.
pub const CALLS: &[&str] = &["dynamodb:GetItem", "dynamodb:Scan"];

/// What was seen of a table. `None`: nobody said, as in some estates, or it was not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DynamodbObserved {
    /// The number of items.
    pub items: Option<u64>,
    /// Whether the counting went on to the end. Otherwise there are at least `items`.
    pub all: bool,
    /// Whether the item with the key exists.
    pub found: Option<bool>,
    /// The value of the attribute.
    pub value: Option<String>,
}

/// Judges what was seen. If the check expects nothing in particular, at least one item must exist.
pub fn judge(spec: &DynamodbCheck, seen: &DynamodbObserved) -> Observation {
    try_judge(spec, seen).unwrap_or_else(Observation::from)
}

fn try_judge(spec: &DynamodbCheck, seen: &DynamodbObserved) -> Result<Observation, TemplateLeft> {
    let table = &spec.table;
    let items = if seen.items == Some(1) { "item" } else { "items" };
    let least = if seen.all { "" } else { "at least " };
    let counted = seen.items.map(|count| format!("{least}{count} {items}"));
    let parts = [counted, seen.value.clone()];
    let observed = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let no = |why: String| Ok(Observation::unhealthy(&observed, why));
    let mut assumed = Vec::new();

    let min = match &spec.min_items {
        Some(min) => Some(*min.get()?),
        None => (spec.count.is_none() && spec.key.is_none()).then_some(1),
    };
    if let Some(min) = min {
        match seen.items {
            None => assumed.push(format!("the number of items (at least {min})")),
            Some(count) if count < min => {
                return no(format!("{count} {items} in {table}, expected at least {min}"));
            }
            Some(_) => {}
        }
    }
    if let Some(expect) = &spec.count {
        let expect = expect.get()?;
        match seen.items.filter(|_| seen.all) {
            None => assumed.push(format!("the number of items (expected `{expect}`)")),
            Some(count) => {
                let judged =
                    Observation::compared(&observed, "the number of items", &count.to_string(), expect);
                if !judged.is_healthy() {
                    return Ok(judged);
                }
            }
        }
    }
    if let Some(key) = &spec.key {
        let key = key.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
        match seen.found {
            None => assumed.push(format!("whether the item {key} exists")),
            Some(false) => return no(format!("{table} has no item {key}; has it been restored there?")),
            Some(true) => {}
        }
        if let Some(attribute) = &spec.attribute {
            let what = format!("attribute `{attribute}` of the item {key}");
            match (&seen.value, &spec.expect) {
                (Some(value), Some(expect)) => {
                    let judged = Observation::compared(&observed, &what, value, expect.get()?);
                    if !judged.is_healthy() {
                        return Ok(judged);
                    }
                }
                (None, _) if seen.found == Some(true) => return no(format!("there is no {what}")),
                (None, _) => assumed.push(format!("the {what}")),
                (Some(_), None) => {}
            }
        }
    }
    let healthy = Observation::healthy(&observed).assuming(assumed);
    Ok(match (&seen.value, seen.items) {
        (Some(value), _) => healthy.with_value(value.clone()),
        (None, Some(count)) => healthy.with_value(count.to_string()),
        (None, None) => healthy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(items: u64, value: Option<&str>) -> DynamodbObserved {
        let found = Some(value.is_some());
        DynamodbObserved { items: Some(items), all: true, found, value: value.map(str::to_owned) }
    }

    fn healthy(yaml: &str, seen: &DynamodbObserved) -> bool {
        let spec: DynamodbCheck = serde_saphyr::from_str(yaml).unwrap();
        let judged = judge(&spec, seen);
        assert_eq!(judged.is_healthy(), judged.why.is_none(), "{judged:?}");
        judged.is_healthy() && judged.assumed.is_empty()
    }

    #[test]
    fn everything_asked_for_must_hold() {
        let plain = "{ table: t }";
        assert!(healthy(plain, &seen(1, None)) && !healthy(plain, &seen(0, None)));
        let least = "{ table: t, min_items: 3 }";
        assert!(healthy(least, &seen(3, None)) && !healthy(least, &seen(2, None)));
        let counted = "{ table: t, count: '== 2' }";
        assert!(healthy(counted, &seen(2, None)) && !healthy(counted, &seen(3, None)));
        let partly = DynamodbObserved { all: false, ..seen(2, None) };
        assert!(!healthy(counted, &partly), "a count that stopped early is no count");
        let item = "{ table: t, key: { pk: { S: '1' } }, attribute: state, expect: '== paid' }";
        assert!(healthy(item, &seen(0, Some("paid"))));
        assert!(!healthy(item, &seen(9, Some("open"))) && !healthy(item, &seen(9, None)));
        let there = "{ table: t, key: { pk: { S: '1' }, sk: { N: '7' } } }";
        let found = DynamodbObserved { found: Some(true), ..DynamodbObserved::default() };
        assert!(healthy(there, &found) && !healthy(there, &seen(9, None)));
        let without = "{ table: t, key: { pk: { S: '1' } }, attribute: state }";
        assert!(!healthy(without, &found), "the item lacks the attribute");
        assert!(!healthy("{ table: t, min_items: '{{ params.n }}' }", &seen(9, None)));
    }

    #[test]
    fn what_nobody_says_is_assumed() {
        let spec: DynamodbCheck =
            serde_saphyr::from_str("{ table: t, min_items: 3, key: { pk: { S: '1' } }, attribute: a }")
                .unwrap();
        let judged = judge(&spec, &DynamodbObserved::default());
        assert!(judged.is_healthy() && judged.value.is_none());
        assert_eq!(judged.assumed.len(), 3, "{:?}", judged.assumed);
    }
}
