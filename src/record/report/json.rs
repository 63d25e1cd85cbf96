//! `report.json`: every other format can be made from it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value;

use super::model::SCHEMA;
use super::{Format, Report, ReportError};

pub fn render(report: &Report) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(report)
        .map_err(|e| ReportError::Render { format: "JSON", what: e.to_string() })?;
    text.push('\n');
    Ok(text)
}

/// Returns the JSON Schema of `report.json` (draft 2020-12).
pub fn report_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Report>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "Drillmaster report".into());
    }
    schema
}

/// Reads a report from a run's folder, or from the file itself.
pub fn read(path: &Path) -> Result<Report, ReportError> {
    #[derive(Deserialize)]
    struct Versioned {
        schema: Option<String>,
    }
    let file = if path.is_dir() { path.join(Format::Json.file_name()) } else { path.to_owned() };
    let bytes = fs::read(&file).map_err(|source| {
        if source.kind() != ErrorKind::NotFound {
            ReportError::Read { path: file.clone(), source }
        } else if path.is_dir() {
            ReportError::NoReport(path.to_owned())
        } else {
            ReportError::NoRun(path.to_owned())
        }
    })?;
    let damaged = |error: &serde_json::Error| ReportError::Damaged {
        path: file.clone(),
        line: error.line(),
        column: error.column(),
        what: error.to_string(),
    };
    // The schema is read first. A report of another version may have another shape.
    let Versioned { schema } = serde_json::from_slice(&bytes).map_err(|e| damaged(&e))?;
    match schema {
        Some(schema) if schema == SCHEMA => serde_json::from_slice(&bytes).map_err(|e| damaged(&e)),
        Some(found) => Err(ReportError::UnknownSchema { path: file, found }),
        None => Err(ReportError::Foreign(file)),
    }
}
