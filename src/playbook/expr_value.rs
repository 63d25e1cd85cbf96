//! A value in a playbook that may be an expression: `count: 2` or `count: "{{ params.count }}"`.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use yaml::is_template;

/// A typed value, or the text of an expression that yields one during the run.
///
/// Text without `{{` is parsed at once, so a rendered expression goes through the same type as a
/// literal: `"2"` is as good as `2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr<T> {
    Value(T),
    Template(String),
}

/// The value of an expression was requested before it was rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the expression `{text}` has no value yet")]
pub struct TemplateLeft {
    pub text: String,
}

thread_local! {
    /// Whether what is read on this thread has been rendered.
    static RENDERED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read`, which reads data: in it, no text is an expression.
pub(crate) fn reading_data<R>(read: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            RENDERED.set(self.0);
        }
    }
    let _back = Back(RENDERED.replace(true));
    read()
}

impl<T> Expr<T> {
    pub fn get(&self) -> Result<&T, TemplateLeft> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Template(text) => Err(TemplateLeft { text: text.clone() }),
        }
    }

    /// The text, if this is an expression.
    pub fn template(&self) -> Option<&str> {
        match self {
            Self::Value(_) => None,
            Self::Template(text) => Some(text),
        }
    }
}

impl<T> From<T> for Expr<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Expr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExprVisitor(PhantomData))
    }
}

struct ExprVisitor<T>(PhantomData<T>);

macro_rules! forward {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<Self::Value, E> {
            T::deserialize(value.into_deserializer()).map(Expr::Value)
        })*
    };
}

impl<'de, T: DeserializeOwned> Visitor<'de> for ExprVisitor<T> {
    type Value = Expr<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value or an expression `{{ … }}`")
    }

    forward!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64);

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        T::deserialize(().into_deserializer()).map(Expr::Value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if !RENDERED.get() && is_template(text) {
            return Ok(Expr::Template(text.to_owned()));
        }
        match T::deserialize(text.into_deserializer()) {
            Ok(value) => Ok(Expr::Value(value)),
            // Rendered expressions arrive as text: `"3"`, `"true"`, `"[200, 204]"`.
            Err(as_text) => serde_json::from_str(text.trim()).map(Expr::Value).map_err(|_| as_text),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(seq)).map(Expr::Value)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Expr::Value)
    }
}

impl<T: Serialize> Serialize for Expr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Template(text) => serializer.serialize_str(text),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Expr<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Expr_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [value, { "type": "string", "pattern": "\\{\\{" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::duration::Span;

    #[test]
    fn values_text_and_templates_are_told_apart() {
        let read = |json: &str| serde_json::from_str::<Expr<u16>>(json);
        assert_eq!(read("7").unwrap(), Expr::Value(7));
        assert_eq!(read("\"7\"").unwrap(), Expr::Value(7));
        let template = read("\"{{ params.n }}\"").unwrap();
        assert_eq!(template.get().unwrap_err().text, "{{ params.n }}");
        assert!(read("\"seven\"").unwrap_err().to_string().contains("seven"));
        assert!(read("70000").is_err() && read("-1").is_err() && read("null").is_err());
        let span: Expr<Span> = serde_json::from_str("\"1m30s\"").unwrap();
        assert_eq!(*span.get().unwrap(), Span::from_secs(90));
        assert_eq!(serde_json::to_string(&span).unwrap(), "\"1m30s\"");
    }

    #[test]
    fn yaml_gives_the_same() {
        let list: Vec<Expr<u16>> = serde_saphyr::from_str("[7, \"8\", \"{{ a }}\"]").unwrap();
        assert_eq!(list, [Expr::Value(7), Expr::Value(8), Expr::Template("{{ a }}".into())]);
    }

    #[test]
    fn the_schema_admits_both() {
        let schema = serde_json::to_value(schemars::schema_for!(Expr<u16>)).unwrap();
        assert_eq!(schema["anyOf"][0]["type"], "integer");
        assert_eq!(schema["anyOf"][1]["pattern"], "\\{\\{");
    }
}
