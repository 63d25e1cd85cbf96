//! `report.json`: every other format can be made from it.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value;

use super::compare::{Difference, differences};
use super::model::SCHEMA;
use super::{Format, Report, ReportError};
use crate::plain_file::{self, Refused};

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

/// A report as it stands in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub report: Report,
    /// All of it, also what this version does not know.
    value: Value,
}

impl Written {
    /// Whether the disk was full before the journal was whole. Such a report cannot be compared.
    pub fn is_cut_short(&self) -> bool {
        self.report.journal.as_ref().is_some_and(|journal| journal.cut_short)
    }

    /// Returns where the file differs from the report that its journal gives.
    pub fn differences(&self, from_journal: &Report) -> Result<Vec<Difference>, ReportError> {
        // Both texts go through the same parser. So each figure has one form.
        let failed = |e: serde_json::Error| ReportError::Render { format: "JSON", what: e.to_string() };
        let value: Value = serde_json::from_str(&render(from_journal)?).map_err(failed)?;
        let older = self.report.drillmaster_version != env!("CARGO_PKG_VERSION");
        Ok(differences(&self.value, &value, older))
    }
}

/// Reads a report from a run's folder, or from the file itself.
pub fn read(path: &Path) -> Result<Written, ReportError> {
    #[derive(Deserialize)]
    struct Versioned {
        schema: Option<String>,
    }
    let file = if path.is_dir() { path.join(Format::Json.file_name()) } else { path.to_owned() };
    let unreadable = |source: std::io::Error| {
        if source.kind() != ErrorKind::NotFound {
            ReportError::Read { path: file.clone(), source }
        } else if path.is_dir() {
            ReportError::NoReport(path.to_owned())
        } else {
            ReportError::NoRun(path.to_owned())
        }
    };
    let mut opened =
        plain_file::open(&file, OpenOptions::new().read(true)).map_err(|refused| match refused {
            Refused::Io(source) => unreadable(source),
            Refused::NotAFile(what) => ReportError::NotAFile { path: file.clone(), what },
        })?;
    let mut bytes = Vec::new();
    opened.read_to_end(&mut bytes).map_err(unreadable)?;
    let damaged = |error: &serde_json::Error| ReportError::Damaged {
        path: file.clone(),
        line: error.line(),
        column: error.column(),
        what: error.to_string(),
    };
    // The schema is read first. A report of another version may have another shape.
    let Versioned { schema } = serde_json::from_slice(&bytes).map_err(|e| damaged(&e))?;
    match schema {
        Some(schema) if schema == SCHEMA => {
            let report = serde_json::from_slice(&bytes).map_err(|e| damaged(&e))?;
            let value = serde_json::from_slice(&bytes).map_err(|e| damaged(&e))?;
            Ok(Written { report, value })
        }
        Some(found) => Err(ReportError::UnknownSchema { path: file, found }),
        None => Err(ReportError::Foreign(file)),
    }
}
