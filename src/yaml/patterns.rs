//! Patterns in JSON Schemas for editors, which do not know formats of ours.

use serde_json::Value as Json;

use super::check::Formats;

/// Adds a `pattern` wherever a text has a `format` that the table knows. With `templates`, an
/// expression fits too.
pub fn add(schema: &mut Json, formats: &dyn Formats, templates: bool) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(|item| add(item, formats, templates)),
        Json::Object(object) => {
            object.values_mut().for_each(|value| add(value, formats, templates));
            let pattern = object.get("format").and_then(Json::as_str).and_then(|f| formats.pattern(f));
            if let Some(pattern) = pattern.filter(|_| !object.contains_key("pattern")) {
                let pattern = if templates { format!("\\{{\\{{|{pattern}") } else { pattern.to_owned() };
                object.insert("pattern".to_owned(), pattern.into());
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
