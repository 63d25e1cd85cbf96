//! The JSON Schema of a line of events.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Body;
use base::duration::Time;

/// The JSON Schema (draft 2020-12) of one line of `--output json`, and of one line of a journal. A
/// journal's line also begins with `prev`, the SHA-256 of the line before.
pub fn event_schema() -> Value {
    let generator = &mut SchemaSettings::draft2020_12().for_serialize().into_generator();
    let at = generator.subschema_for::<Time>();
    let mut schema = generator.root_schema_for::<Body>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "Drillmaster event".into());
        object.insert("type".into(), "object".into());
        object.insert(
            "properties".into(),
            json!({
                "seq": { "type": "integer", "minimum": 0, "description": "Counts from 0 without gaps." },
                "at": at,
                "prev": {
                    "type": "string",
                    "description": "In a journal: the SHA-256 of the line before, in hexadecimal.",
                },
            }),
        );
        object.insert("required".into(), json!(["seq", "at"]));
    }
    schema
}
