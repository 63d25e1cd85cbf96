//! Counts and reads the items of a table.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde_json::{Value, json};

use crate::access::DynamoDbReader;
use crate::error::OrCloud;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use port::{CloudResult, CountItems, KeyPart, TableLook, TableSeen};

pub async fn look(dynamodb: &DynamoDbReader, look: &TableLook) -> CloudResult<TableSeen> {
    let mut seen = TableSeen::default();
    if let Some(count) = look.count {
        let (items, all) = counted(dynamodb, &look.table, count).await?;
        (seen.items, seen.all) = (Some(items), all);
    }
    if let Some(key) = &look.key {
        let key: HashMap<String, AttributeValue> =
            key.iter().map(|(name, part)| (name.clone(), of_key(part))).collect();
        let request = dynamodb.get_item().table_name(&look.table).consistent_read(true);
        let found = request.set_key(Some(key)).send().await.or_cloud("dynamodb:GetItem")?;
        seen.found = Some(found.item.is_some());
        let item = found.item.unwrap_or_default();
        seen.value = look.attribute.as_ref().and_then(|name| item.get(name)).and_then(text);
    }
    Ok(seen)
}

/// Counts items by reading them. The count in the table's description is up to six hours old
/// (DynamoDB API reference, `TableDescription`, `ItemCount`).
async fn counted(dynamodb: &DynamoDbReader, table: &str, count: CountItems) -> CloudResult<(u64, bool)> {
    let (mut items, mut after) = (0_u64, None);
    loop {
        let request = dynamodb.scan().table_name(table).select(Select::Count).consistent_read(true);
        let page = request.set_exclusive_start_key(after).send().await.or_cloud("dynamodb:Scan")?;
        items += u64::try_from(page.count()).unwrap_or(0);
        // A page may be empty and not the last.
        after = page.last_evaluated_key.filter(|key| !key.is_empty());
        let enough = match count {
            CountItems::All => false,
            CountItems::UpTo(most) => items >= most,
        };
        if after.is_none() || enough {
            return Ok((items, after.is_none()));
        }
    }
}

fn of_key(part: &KeyPart) -> AttributeValue {
    match part {
        KeyPart::Text(text) => AttributeValue::S(text.clone()),
        KeyPart::Number(number) => AttributeValue::N(number.clone()),
        KeyPart::Bytes(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
    }
}

/// Returns an attribute's value as a text. `None`: a type that this version of the SDK does not know.
fn text(value: &AttributeValue) -> Option<String> {
    let value = json_of(value)?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK may learn new types")]
fn json_of(value: &AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::S(text) => json!(text),
        // As DynamoDB writes it: it may have more digits than a float.
        AttributeValue::N(number) => number.parse::<i64>().map_or_else(|_| json!(number), |n| json!(n)),
        AttributeValue::Bool(truth) => json!(truth),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::B(bytes) => json!(STANDARD.encode(bytes)),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => json!(texts),
        AttributeValue::Bs(all) => json!(all.iter().map(|b| STANDARD.encode(b)).collect::<Vec<_>>()),
        AttributeValue::L(list) => Value::Array(list.iter().map(json_of).collect::<Option<_>>()?),
        AttributeValue::M(map) => {
            let fields = map.iter().map(|(name, value)| Some((name.clone(), json_of(value)?)));
            Value::Object(fields.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts() {
        let n = |text: &str| AttributeValue::N(text.into());
        for (value, expected) in [
            (AttributeValue::S("2026-01-01T00:00:00Z".into()), "2026-01-01T00:00:00Z"),
            (n("1767225600"), "1767225600"),
            (n("3.141592653589793238462643383279502884"), "3.141592653589793238462643383279502884"),
            (AttributeValue::Bool(true), "true"),
            (AttributeValue::Null(true), "null"),
            (AttributeValue::B(Blob::new(*b"ab")), "YWI="),
            (AttributeValue::L(vec![n("1"), AttributeValue::S("x".into())]), "[1,\"x\"]"),
            (AttributeValue::M(HashMap::from([("a".to_owned(), n("1"))])), "{\"a\":1}"),
        ] {
            assert_eq!(text(&value).as_deref(), Some(expected), "{value:?}");
        }
    }
}
