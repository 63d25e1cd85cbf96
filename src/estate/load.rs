//! Loads an estate file: reads, checks and decodes it.

use std::path::Path;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::draft::{EstateDraft, LoadedEstate};
use super::file::EstateFile;
use super::formats::EstateFormats;
use super::rules;
use yaml::file::{self, Document};
use yaml::{Checker, Diagnostic, Diagnostics, Schema};

/// The JSON Schema of estates (draft 2020-12).
pub fn estate_schema() -> Json {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<EstateFile>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "Drillmaster estate".into());
    }
    schema
}

/// The same schema for editors, with patterns for the formats of ours.
pub fn editor_schema() -> Json {
    let mut schema = estate_schema();
    yaml::patterns::add(&mut schema, &EstateFormats, false);
    schema
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::compile(&estate_schema()));

/// A file that was read, or the reason why it could not be.
pub type FileRead = Result<file::Read, Box<Diagnostic>>;

/// How an estate is told from other files.
pub const ESTATE: Document = Document {
    what: "an estate",
    first: "accounts",
    telling: &["recovery_points"],
    usual: &["accounts", "regions", "resources", "timings", "probes", "faults", "lookups"],
    common: &[],
};

/// Checks an estate and reports all mistakes. Returns `None` if its YAML could not be read.
pub fn draft(path: &Path, read: FileRead, out: &mut Diagnostics) -> Option<EstateDraft> {
    let mut read = match read {
        Ok(read) => read,
        Err(diagnostic) => {
            out.push(*diagnostic);
            return None;
        }
    };
    let mut found = Diagnostics::default();
    let root = file::root(&mut read, &ESTATE, &mut found);
    let draft = root.map(|root| {
        let checker = Checker { source: &read.source, formats: &EstateFormats, templates: false };
        checker.check(&root, &SCHEMA, &mut found);
        let mut draft =
            EstateDraft { path: path.to_owned(), source: read.source, sha256: read.sha256, root, file: None };
        if !found.has_errors() {
            match yaml::decode::<EstateFile>(&draft.root) {
                Ok(file) => {
                    rules::check(&draft, &file, &mut found);
                    draft.file = (!found.has_errors()).then_some(file);
                }
                Err(error) => found.push(
                    draft
                        .source
                        .error(draft.root.span, format!("the estate cannot be read: {error}"))
                        .help("compare it with `drillmaster schema`"),
                ),
            }
        }
        draft
    });
    out.extend(found);
    draft
}

/// Loads an estate by itself, for commands that have no playbook.
pub fn load(path: &Path) -> Result<(LoadedEstate, Diagnostics), Diagnostics> {
    load_read(path, file::read(path, 1))
}

/// The same as [`load`], for a file that was read already.
pub fn load_read(path: &Path, read: FileRead) -> Result<(LoadedEstate, Diagnostics), Diagnostics> {
    let mut found = Diagnostics::default();
    let loaded = draft(path, read, &mut found).and_then(EstateDraft::loaded);
    found.sort();
    match loaded {
        Some(loaded) if !found.has_errors() => Ok((loaded, found)),
        _ => Err(found),
    }
}
