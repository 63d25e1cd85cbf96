//! The request of an intent.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use port::{CopyObjects, CopyPoint, Create};

/// A request of an intent: create something, or copy objects into a bucket of the run.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    Create(Box<Create>),
    CopyObjects(Box<CopyObjects>),
}

impl Request {
    /// Whether the request adds a resource. Objects go into a bucket that is already in the
    /// journal.
    pub fn adds(&self) -> bool {
        match self {
            Self::Create(what) => what.facts().call.adds(),
            Self::CopyObjects(_) => false,
        }
    }

    /// The copy by AWS Backup that it asks for. It is requested outside of the sandbox.
    pub fn copy_out(&self) -> Option<&CopyPoint> {
        match self {
            Self::Create(what) => {
                if let Create::CopyPoint(copy) = &**what {
                    return Some(copy);
                }
                None
            }
            Self::CopyObjects(_) => None,
        }
    }
}

/// The key of [`Request::CopyObjects`]. All other keys are those of [`Create`].
const COPY_OBJECTS: &str = "copy_objects";

impl Serialize for Request {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Create(what) => what.serialize(serializer),
            Self::CopyObjects(copy) => {
                serializer.serialize_newtype_variant("Request", 0, COPY_OBJECTS, &**copy)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut request = Map::<String, Value>::deserialize(deserializer)?;
        let read = match request.shift_remove(COPY_OBJECTS) {
            Some(copy) => CopyObjects::deserialize(copy).map(|copy| Self::CopyObjects(Box::new(copy))),
            None => Create::deserialize(Value::Object(request)).map(|what| Self::Create(Box::new(what))),
        };
        read.map_err(D::Error::custom)
    }
}

impl JsonSchema for Request {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Request".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (create, copy) = (generator.subschema_for::<Create>(), generator.subschema_for::<CopyObjects>());
        let copy = json_schema!({
            "type": "object",
            "properties": { COPY_OBJECTS: copy },
            "required": [COPY_OBJECTS],
            "additionalProperties": false,
        });
        json_schema!({ "oneOf": [create, copy] })
    }
}
