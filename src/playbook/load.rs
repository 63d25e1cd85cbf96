//! Loads a playbook file: reads, checks and decodes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use super::action::Catalogue;
use super::draft::{Draft, Names};
use super::early;
use super::extends;
use super::formats::PlaybookFormats;
use super::model::Playbook;
use super::rules::{self, Context};
use super::schema::Compiled;
use super::sensitive;
use estate::draft::{EstateDraft, LoadedEstate};
use yaml::diagnostic::suggest;
use yaml::file::{self, Document, Read};
use yaml::files::Files;
use yaml::{Checker, Diagnostic, Diagnostics, Node, Source, Span};

/// A playbook without errors, and its estate if it names one.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub path: PathBuf,
    pub source: String,
    /// The SHA-256 of the file's bytes, in hexadecimal. With `extends`, that of the digests of all
    /// files.
    pub sha256: String,
    pub playbook: Playbook,
    pub estate: Option<LoadedEstate>,
    /// The files that it names.
    pub files: Files,
    /// `--param NAME=VALUE`, as given.
    pub params: Vec<(String, String)>,
    /// Warnings.
    pub diagnostics: Diagnostics,
    /// The text with all that it extends, and the values with their places in it. Shared: it is
    /// several times as large as the text.
    tree: Arc<(Source, Node)>,
}

impl Loaded {
    /// `FILE:LINE:COLUMN` of the value at a JSON pointer.
    pub fn place_of(&self, pointer: &str) -> String {
        let Diagnostic { file, line, column, .. } = self.error_at(pointer, String::new());
        format!("{file}:{line}:{column}")
    }

    /// A mistake in a value at a JSON pointer, with its place in the playbook or in the file that it
    /// extends.
    pub fn error_at(&self, pointer: &str, message: String) -> Diagnostic {
        let (source, root) = &*self.tree;
        source.error(root.at_pointer(pointer).span, message)
    }

    /// The text with all that it extends, and the values with their places in it.
    pub fn text_and_values(&self) -> (&Source, &Node) {
        (&self.tree.0, &self.tree.1)
    }
}

/// Loads a playbook and its estate. All mistakes of both are returned at once, ordered by file and
/// position.
///
/// `params` are the values of `--param NAME=VALUE`. A value is read as YAML, or as text if the
/// parameter in the playbook is a text.
pub fn load(path: &Path, catalogue: Catalogue, params: &[(String, String)]) -> Result<Loaded, Diagnostics> {
    match file::read(path, 0) {
        Ok(read) => load_read(path, read, catalogue, params),
        Err(diagnostic) => {
            let mut found = Diagnostics::default();
            found.push(*diagnostic);
            Err(found)
        }
    }
}

/// Where the mistakes of `--param` are. It is no file.
pub const COMMAND_LINE: &str = "command line";

/// The same as [`load`], for a file that was read already.
pub fn load_read(
    path: &Path,
    read: Read,
    catalogue: Catalogue,
    params: &[(String, String)],
) -> Result<Loaded, Diagnostics> {
    load_with(path, read, Files::of(folder_of(path)), catalogue, params)
}

/// The same as [`load`], for bytes that were read already. `path` is where the file would be.
pub fn load_bytes(
    path: &Path,
    bytes: &[u8],
    catalogue: Catalogue,
    params: &[(String, String)],
) -> Result<Loaded, Diagnostics> {
    match file::from_bytes(&path.display().to_string(), bytes, 0) {
        Ok(read) => load_read(path, read, catalogue, params),
        Err(diagnostic) => {
            let mut found = Diagnostics::default();
            found.push(*diagnostic);
            Err(found)
        }
    }
}

/// The same as [`load`], for the files that a run has kept. None of them is read again.
pub fn load_kept(
    path: &Path,
    text: &str,
    files: Files,
    catalogue: Catalogue,
    params: &[(String, String)],
) -> Result<Loaded, Diagnostics> {
    match file::from_bytes(&path.display().to_string(), text.as_bytes(), 0) {
        Ok(read) => load_with(path, read, files, catalogue, params),
        Err(diagnostic) => {
            let mut found = Diagnostics::default();
            found.push(*diagnostic);
            Err(found)
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn load_with(
    path: &Path,
    read: Read,
    mut files: Files,
    catalogue: Catalogue,
    params: &[(String, String)],
) -> Result<Loaded, Diagnostics> {
    let mut found = Diagnostics::default();
    let text = read.source.text.to_string();
    let loaded = read_playbook(read, &mut files, catalogue, params, &mut found);
    found.sort();
    match loaded {
        Some(Decoded { playbook, estate, sha256, tree }) if !found.has_errors() => Ok(Loaded {
            path: path.to_owned(),
            source: text,
            sha256,
            playbook,
            estate,
            files,
            params: params.to_vec(),
            diagnostics: found,
            tree: Arc::new(tree),
        }),
        _ => Err(found),
    }
}

pub(crate) const PLAYBOOK: Document = Document {
    what: "a playbook",
    first: "name",
    telling: &["lose", "sandbox", "workloads", "assume"],
    usual: &[
        "extends",
        "steps",
        "checks",
        "objectives",
        "accounts",
        "estate",
        "params",
        "connect_to",
        "controls",
        "schedule",
        "notify",
    ],
    common: &["name", "description"],
};

/// A playbook that was read without mistakes.
struct Decoded {
    playbook: Playbook,
    estate: Option<LoadedEstate>,
    sha256: String,
    tree: (Source, Node),
}

fn read_playbook(
    mut read: Read,
    files: &mut Files,
    catalogue: Catalogue,
    params: &[(String, String)],
    found: &mut Diagnostics,
) -> Option<Decoded> {
    let mut root = file::root(&mut read, &PLAYBOOK, found)?;
    let Read { mut source, sha256, .. } = read;
    let sha256 = extends::merge(&mut source, &mut root, &sha256, files, found);
    let source = &source;
    if !params.is_empty() {
        sensitive::register(&root.to_json(), params);
    }
    let overrides = read_params(&Names::of(root.get("params")), params, found);
    let mut known = match root.get("params").map(Node::to_json) {
        Some(Json::Object(known)) => known,
        _ => serde_json::Map::new(),
    };
    known.extend(overrides.clone());
    let rendered_params = early::render(source, &mut root, &known, found);
    let schemas = Compiled::new(catalogue);
    Checker { source, formats: &PlaybookFormats, templates: false }.check(&root, &schemas.playbook, found);
    let mut draft = Draft::read(source, &root, catalogue, found);
    draft.rendered_params = rendered_params;
    let estate = read_estate(&draft, files, found);
    let context =
        Context { catalogue, schemas: &schemas, estate: estate.as_ref(), files, params: &overrides };
    rules::check(&draft, &context, found);
    if found.has_errors() {
        return None;
    }
    match yaml::decode::<Playbook>(&root) {
        Ok(mut playbook) => {
            playbook.params.extend(overrides);
            let estate = estate.and_then(EstateDraft::loaded);
            Some(Decoded { playbook, estate, sha256, tree: (source.clone(), root) })
        }
        Err(error) => {
            found.push(
                source
                    .error(
                        place_of(&root, &error.to_string()),
                        format!("the playbook cannot be read: {error}"),
                    )
                    .help("compare it with `drillmaster schema`"),
            );
            None
        }
    }
}

/// Finds a place for an error of the decoder. The schema and the types agree, so such errors are
/// rare. Points at a value that the message names.
fn place_of(root: &Node, message: &str) -> Span {
    fn search(node: &Node, text: &str) -> Option<Span> {
        match &node.value {
            yaml::Value::Str(value) if value == text => Some(node.span),
            yaml::Value::Seq(items) => items.iter().find_map(|item| search(item, text)),
            yaml::Value::Map(map) => map
                .entries
                .iter()
                .find_map(|e| if e.key == text { Some(e.key_span) } else { search(&e.value, text) }),
            yaml::Value::Null
            | yaml::Value::Broken
            | yaml::Value::Bool(_)
            | yaml::Value::Number(..)
            | yaml::Value::Str(_) => None,
        }
    }
    let quoted = message.split(['`', '"']).nth(1);
    quoted.and_then(|text| search(root, text)).unwrap_or(Span::new(root.span.start, root.span.start + 1))
}

fn read_estate(draft: &Draft<'_>, files: &mut Files, found: &mut Diagnostics) -> Option<EstateDraft> {
    let name = draft.text_at(&["estate"])?;
    let path = files.path(name.text);
    // A missing file is a mistake of the playbook, and is shown there.
    if let Some(why) = files.unreadable(name.text) {
        found.push(
            draft
                .source
                .error(name.span, format!("the estate `{}` cannot be read: {why}", name.text))
                .help(format!("the path is relative to the playbook: `{}` was looked for", path.display())),
        );
        return None;
    }
    let read = match files.kept().get(name.text) {
        Some(text) => file::from_bytes(&path.display().to_string(), text.as_bytes(), 1),
        None => file::read(&path, 1),
    };
    let estate = estate::load::draft(&path, read, found)?;
    files.keep(name.text, estate.source.text.to_string());
    Some(estate)
}

/// The values of `--param`, each read with the type of the parameter in the playbook.
fn read_params(
    known: &Names<'_>,
    params: &[(String, String)],
    found: &mut Diagnostics,
) -> serde_json::Map<String, Json> {
    let mut values = serde_json::Map::new();
    for (name, text) in params {
        let line = format!("--param {name}={text}");
        let source = Source::new(COMMAND_LINE, &line, u16::MAX);
        let name_span = Span::new("--param ".len(), "--param ".len() + name.len());
        if known.broken {
            continue;
        }
        let Some(entry) = known.get(name) else {
            let help = suggest(name, known.names(), "parameter")
                .unwrap_or_else(|| "the playbook has no `params`".into());
            found.push(source.error(name_span, format!("the playbook has no parameter `{name}`")).help(help));
            continue;
        };
        let default = entry.value.to_json();
        let value = read_param(text);
        let fits = match &default {
            Json::String(_) => {
                values.insert(name.clone(), Json::String(text.clone()));
                continue;
            }
            Json::Null => true,
            Json::Number(_) => value.is_number(),
            Json::Bool(_) => value.is_boolean(),
            Json::Array(_) => value.is_array(),
            Json::Object(_) => value.is_object(),
        };
        if fits {
            values.insert(name.clone(), value);
            continue;
        }
        let span = Span::new(name_span.end + 1, line.len());
        let default = entry.value.describe();
        found.push(
            source
                .error(span, format!("`{text}` has another type than the parameter in the playbook"))
                .help(format!("the playbook has {default} there: give a value of the same type")),
        );
    }
    values
}

fn read_param(text: &str) -> Json {
    let source = Source::new("--param", text, 0);
    match yaml::parse(&source) {
        (Some(node), found) if !found.has_errors() => node.to_json(),
        _ => Json::String(text.to_owned()),
    }
}
