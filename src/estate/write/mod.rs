//! Writes what was discovered as an estate's YAML: a new file, or into one that exists.
//!
//! Of an existing file, everything that is not from `discover` stays as it is: comments, order,
//! sections, keys of entries. An entry whose values did not change keeps its bytes.

mod edit;
mod item;
mod merge;
mod model;
mod normal;

use std::collections::BTreeSet;
use std::path::Path;

use super::discovered::Discovered;
use super::draft::EstateDraft;
use super::load;
use base::ids::{AccountId, Region};
use item::Item;
pub use item::always_tells;
use model::Model;
use yaml::file::from_bytes;
use yaml::{Diagnostic, Diagnostics, emit};

/// What was asked to be read. What an existing file says of the rest stays.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub accounts: BTreeSet<AccountId>,
    /// Empty: all.
    pub regions: BTreeSet<Region>,
    /// Empty: all.
    pub services: BTreeSet<String>,
}

/// What is new in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Resources and recovery points, as people call them: `rds:db/orders in us-east-1`.
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub gone: Vec<String>,
    /// Accounts that recovery points are shared with, and that the estate does not list. They are
    /// not written: a sandbox must not be put into an account that nobody named.
    pub strangers: BTreeSet<AccountId>,
    /// Ids that stand for several resources, because their places were read one after the other.
    /// Nobody can tell whose their recovery points are.
    pub namesakes: BTreeSet<String>,
}

/// The text of a file, and what is new in it.
#[derive(Debug, Clone)]
pub struct Written {
    pub text: String,
    pub changes: Changes,
}

/// Why an estate cannot be written.
#[derive(Debug)]
pub enum NotWritten {
    /// The file that exists is not an estate, or has a form that cannot be edited.
    File(Diagnostics),
    /// What was found is no estate.
    Found(String),
}

const HEADER: &str = "\
# Written by `drillmaster discover`. It may be edited: `discover` keeps comments, sections and keys
# that it does not write.
";

/// How the entries of a section are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Map,
    List,
}

/// An entry as one line of its section, without indentation and line break.
fn line(form: Form, item: &Item) -> String {
    let value = serde_json::Value::Object(item.keys.clone());
    match (form, item.identity.first()) {
        (Form::Map, Some(key)) => emit::pair(key, &value),
        (Form::Map | Form::List, _) => emit::flow(&value),
    }
}

/// The text of a new file.
pub fn fresh(path: &Path, found: &Discovered) -> Result<Written, NotWritten> {
    let (found, strangers) = normal::complete(found, &BTreeSet::new());
    let model = Model::found(&found);
    let mut text = HEADER.to_owned();
    for (key, form, items) in model.sections() {
        if items.is_empty() && key == "incomplete" {
            continue;
        }
        if items.is_empty() {
            text.push_str(&format!("{key}: {}\n", if form == Form::Map { "{}" } else { "[]" }));
            continue;
        }
        text.push_str(&format!("{key}:\n"));
        let dash = if form == Form::List { "- " } else { "" };
        for item in items {
            text.push_str(&format!("  {dash}{}\n", line(form, item)));
        }
    }
    let added = model.resources.iter().chain(&model.recovery_points).map(|item| item.told.clone()).collect();
    check(path, &text, &model).map_err(NotWritten::Found)?;
    Ok(Written {
        text,
        changes: Changes { added, strangers, namesakes: model.namesakes(), ..Changes::default() },
    })
}

/// The text of an existing file with what was found.
pub fn merged(
    path: &Path,
    read: load::FileRead,
    found: &Discovered,
    asked: &Asked,
) -> Result<Written, NotWritten> {
    let mut wrong = Diagnostics::default();
    let draft = load::draft(path, read, &mut wrong);
    let (draft, file) = match draft.map(|mut draft| (draft.file.take(), draft)) {
        Some((Some(file), draft)) if !wrong.has_errors() => (draft, file),
        _ => {
            wrong.sort();
            return Err(NotWritten::File(wrong));
        }
    };
    let known: BTreeSet<AccountId> = file.accounts.keys().cloned().collect();
    let (found, strangers) = normal::complete(found, &known);
    let old = Model::of(&file);
    let plan = merge::plan(&old, &found, asked);
    let text = plan.text(&draft).map_err(|wrong| refused(*wrong))?;
    let model = plan.model();
    check(path, &text, &model).map_err(|why| refused(whole(&draft, &why)))?;
    Ok(Written { text, changes: Changes { strangers, namesakes: model.namesakes(), ..plan.changes(&old) } })
}

fn refused(diagnostic: Diagnostic) -> NotWritten {
    let mut wrong = Diagnostics::default();
    wrong.push(diagnostic);
    NotWritten::File(wrong)
}

fn whole(draft: &EstateDraft, why: &str) -> Diagnostic {
    let message = format!("what was found cannot be written into this file: {why}");
    let span = yaml::Span::new(draft.root.span.start, draft.root.span.start + 1);
    draft.source.error(span, message).help(
        "write each entry of `resources` and `recovery_points` on a line of its own (`- { id: … }`), without anchors; or name a new file",
    )
}

/// Reads the text again. It must say exactly what it should.
fn check(path: &Path, text: &str, model: &Model) -> Result<(), String> {
    let mut found = Diagnostics::default();
    let draft = load::draft(path, from_bytes(&path.display().to_string(), text.as_bytes(), 0), &mut found);
    if let Some(first) = found.iter().find(|diagnostic| diagnostic.severity == yaml::Severity::Error) {
        return Err(match &first.help {
            Some(help) => format!("{}; {help}", first.message),
            None => first.message.clone(),
        });
    }
    match draft.and_then(|draft| draft.file) {
        Some(file) if Model::of(&file).says_the_same(model) => Ok(()),
        Some(_) | None => Err("the text would not say what was found".to_owned()),
    }
}
