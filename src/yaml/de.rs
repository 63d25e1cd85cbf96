//! Decodes types from nodes, as `serde_json` decodes them from the same values.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde_json::Error;

use super::node::{Map, Node, Value};

/// Decodes a value. This is `serde_json::from_value(node.to_json())` without the values in between,
/// which take much memory for a large file.
///
/// # Errors
///
/// The value does not fit the type.
pub fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Error> {
    T::deserialize(node)
}

impl<'de> IntoDeserializer<'de, Error> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The entries, and whether all of them were taken.
fn with_entries<'de, T>(
    map: &'de Map,
    visit: impl FnOnce(
        &mut MapDeserializer<'de, Box<dyn Iterator<Item = (&'de str, &'de Node)> + 'de>, Error>,
    ) -> Result<T, Error>,
) -> Result<T, Error> {
    let entries = map.entries.iter().map(|entry| (entry.key.as_str(), &entry.value));
    let entries: Box<dyn Iterator<Item = _> + 'de> = Box::new(entries);
    let mut entries = MapDeserializer::new(entries);
    let value = visit(&mut entries)?;
    entries.end()?;
    Ok(value)
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Null | Value::Broken => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number, _) => number.deserialize_any(visitor),
            Value::Str(text) => visitor.visit_borrowed_str(text),
            Value::Seq(items) => {
                let mut items = SeqDeserializer::new(items.iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            Value::Map(map) => with_entries(map, |entries| visitor.visit_map(entries)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Null | Value::Broken => visitor.visit_none(),
            Value::Bool(_) | Value::Number(..) | Value::Str(_) | Value::Seq(_) | Value::Map(_) => {
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            Value::Str(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Map(map) => {
                with_entries(map, |entries| visitor.visit_enum(MapAccessDeserializer::new(entries)))
            }
            Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Seq(_) => {
                Err(Error::custom(format!("invalid type: {}, expected string or map", self.describe())))
            }
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::Source;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        name: String,
        #[serde(default)]
        size: Option<f64>,
        kind: Kind,
        #[serde(default)]
        more: BTreeMap<String, Vec<serde_json::Value>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
        Sized(u8),
    }

    #[test]
    fn nodes_are_decoded_like_their_json() {
        for text in [
            "{ name: a, kind: plain }",
            "{ name: a, size: 3, kind: { sized: 7 }, more: { x: [1, -1, 1.5, ~, true, [{ y: z }]] } }",
            "{ name: a, size: ~, kind: { sized: 700 } }",
            "{ name: a, kind: other }",
            "{ name: a, kind: plain, other: 1 }",
            "{ name: 1, kind: plain }",
            "{ kind: plain }",
            "{ name: ~, kind: plain }",
            "[a]",
            "{ name: a, kind: plain, more: { x: 1 } }",
        ] {
            let (root, _) = crate::parse(&Source::new("f", text, 0));
            let root = root.unwrap();
            let as_json = serde_json::from_value::<Thing>(root.to_json()).map_err(|e| e.to_string());
            assert_eq!(decode::<Thing>(&root).map_err(|e| e.to_string()), as_json, "{text}");
        }
    }
}
